//! Numbers that states give to persons, of digits alone: by check digits, dates and the way they are written.
//!
//! Those whose form is no proof (nine bare digits with one check digit) are taken only where words around say so.
//! Never: takes one with a wrong check digit.

use super::date;
use super::hint::Hint;
use super::number;
use super::number::Number;
use super::number::Said;
use super::part;

/// Is it the number of a person, in some country?
pub(super) fn is_one(number: &Number<'_>, said: &Said<'_>) -> bool {
    let dialled = super::byte_before(number.text, number.from) == b'+';
    if dialled || number.is_joined() || !matches!(number.digits.len(), 8..=18) {
        return false;
    }
    let separator = number.separator();
    let plain = number.is_bare() || matches!(separator, Some(b' ' | b'-' | b'.'));
    let digits = number.digits;
    match digits.len() {
        8 | 9 => nine(number, said),
        10 => ten(number, said),
        11 => eleven(number),
        12 => twelve(number, said),
        13 => thirteen(number, said),
        15 => (plain || number.is_shaped(&[1, 2, 2, 2, 3, 3, 2])) && is_french(digits),
        18 => number.is_bare() && is_chinese(digits, digits.last().copied().unwrap_or(0)),
        _ => false,
    }
}

/// Is it written as many telephone numbers are? One in eleven of those of North America has the check digit of a British
/// health number.
pub(super) fn is_written_as_phone(number: &Number<'_>) -> bool {
    number.is_shaped(&[3, 3, 4]) && number.separator() == Some(b'-')
}

fn nine(number: &Number<'_>, said: &Said<'_>) -> bool {
    let digits = number.digits;
    let separator = number.separator();
    if number.is_shaped(&[2, 3, 3, 1]) && number.between().last() == Some(b"-") {
        return is_chilean(digits);
    }
    if digits.len() == 8 {
        return false;
    }
    let is_american = is_ssn(digits) || is_itin(digits);
    if number.is_shaped(&[3, 2, 4]) {
        return matches!(separator, Some(b'-' | b' ' | b'.')) && is_american;
    }
    let is_other = is_canadian(digits) || is_australian(digits);
    if number.is_shaped(&[3, 3, 3]) && matches!(separator, Some(b'-' | b' ')) && is_other {
        return !said.has(Hint::THING) && !said.has(Hint::PHONE);
    }
    if number.is_shaped(&[8, 1]) {
        return separator == Some(b'-') && is_chilean(digits) && said.has(Hint::ID);
    }
    if said.rules_out(Hint::ID) {
        return false;
    }
    let is_any = is_american || is_other || is_dutch(digits) || is_israeli(digits) || is_portuguese(digits);
    is_any && said.has(Hint::ID)
}

/// Social security: area, group and serial are never zeros.
fn is_ssn(digits: &[u8]) -> bool {
    let [area @ .., g, h, s, e, r, i] = digits else { return false };
    let is_area = !matches!(area, [0, 0, 0] | [6, 6, 6] | [9, ..]);
    // Numbers that were printed on cards in wallets, and were everybody's.
    let is_printed = matches!(digits, [2, 1, 9, 0, 9, 9, 9, 9, 9]);
    is_area && [*g, *h] != [0, 0] && [*s, *e, *r, *i] != [0; 4] && !is_printed
}

/// Taxpayers without social security.
fn is_itin(digits: &[u8]) -> bool {
    matches!(digits, [9, _, _, g, h, ..] if matches!(g * 10 + h, 50..=65 | 70..=88 | 90..=92 | 94..=99))
}

fn is_canadian(digits: &[u8]) -> bool {
    digits.len() == 9 && digits.first() != Some(&8) && number::is_luhn(digits)
}

fn is_israeli(digits: &[u8]) -> bool {
    digits.len() == 9 && number::is_luhn(digits)
}

fn is_australian(digits: &[u8]) -> bool {
    digits.len() == 9 && weighed(digits, &[1, 4, 3, 7, 5, 8, 6, 9, 10]).is_multiple_of(11)
}

fn is_dutch(digits: &[u8]) -> bool {
    // The last digit counts against the others: ten mod eleven is minus one.
    digits.len() == 9 && weighed(digits, &[9, 8, 7, 6, 5, 4, 3, 2, 10]).is_multiple_of(11)
}

fn is_portuguese(digits: &[u8]) -> bool {
    let check = match weighed(digits, &[9, 8, 7, 6, 5, 4, 3, 2]) % 11 {
        0 | 1 => 0,
        rest => 11 - rest,
    };
    matches!(digits.first(), Some(1..=3)) && digits.get(8).map(|digit| u32::from(*digit)) == Some(check)
}

fn is_chilean(digits: &[u8]) -> bool {
    let Some((check, body)) = digits.split_last() else { return false };
    let sum: u32 =
        body.iter().rev().zip((2..=7).cycle()).map(|(digit, weight)| u32::from(*digit) * weight).sum();
    (11 - sum % 11) % 11 == u32::from(*check)
}

fn ten(number: &Number<'_>, said: &Said<'_>) -> bool {
    let (digits, separator) = (number.digits, number.separator());
    if number.is_shaped(&[3, 3, 4]) && is_british(digits) {
        return matches!(separator, Some(b' ' | b'-')) && !said.has(Hint::PHONE) || said.has(Hint::ID);
    }
    if number.is_shaped(&[6, 4]) {
        let (born, day_first) = (part(digits, 0, 6), date::is_day_first(part(digits, 0, 6)));
        let swedish = date::is_short(born) && number::is_luhn(digits);
        let czech = separator == Some(b'/') && is_czech(digits);
        return czech || separator == Some(b'-') && (swedish || day_first);
    }
    if number.is_shaped(&[4, 6]) {
        return separator == Some(b' ') && is_austrian(digits);
    }
    if number.is_shaped(&[4, 5, 1]) {
        return matches!(separator, Some(b' ' | b'-')) && is_medicare(digits);
    }
    if !number.is_bare() || said.rules_out(Hint::ID) {
        return false;
    }
    let is_weak = is_british(digits)
        || is_medicare(digits)
        || is_austrian(digits)
        || date::is_short(part(digits, 0, 6)) && number::is_luhn(digits);
    is_bulgarian(digits) && said.has(Hint::ID) || is_weak && said.has(Hint::ID)
}

/// The number of the National Health Service.
fn is_british(digits: &[u8]) -> bool {
    let check = (11 - weighed(digits, &[10, 9, 8, 7, 6, 5, 4, 3, 2]) % 11) % 11;
    let same = digits.iter().all(|digit| digits.first() == Some(digit));
    !same && digits.get(9).map(|digit| u32::from(*digit)) == Some(check)
}

fn is_czech(digits: &[u8]) -> bool {
    let value = value(digits);
    let month = digits.get(2..4).map_or(0, |month| value_of(month) % 50);
    matches!(month, 1..=12 | 21..=32)
        && (value.is_multiple_of(11) || value / 10 % 11 == 10 && value.is_multiple_of(10))
}

fn is_austrian(digits: &[u8]) -> bool {
    let check = weighed(digits, &[3, 7, 9, 0, 5, 8, 4, 2, 1, 6]) % 11;
    digits.first() != Some(&0)
        && date::is_day_first(part(digits, 4, 10))
        && digits.get(3).map(|digit| u32::from(*digit)) == Some(check)
}

fn is_medicare(digits: &[u8]) -> bool {
    let check = weighed(digits, &[1, 3, 7, 9, 1, 3, 7, 9]) % 10;
    matches!(digits.first(), Some(2..=6)) && digits.get(8).map(|digit| u32::from(*digit)) == Some(check)
}

fn is_bulgarian(digits: &[u8]) -> bool {
    let check = weighed(digits, &[2, 4, 8, 5, 10, 9, 7, 3, 6]) % 11 % 10;
    let month = digits.get(2..4).map_or(0, value_of);
    matches!(month, 1..=12 | 21..=32 | 41..=52) && digits.get(9).map(|digit| u32::from(*digit)) == Some(check)
}

fn eleven(number: &Number<'_>) -> bool {
    let (digits, bare) = (number.digits, number.is_bare());
    let separator = number.separator();
    let medicare = number.is_shaped(&[4, 5, 1, 1]) && is_medicare(digits);
    (bare || number.is_shaped(&[2, 3, 3, 3]) && separator == Some(b' ')) && is_german(digits)
        || (bare || number.is_shaped(&[2, 2, 2, 3, 2])) && is_belgian(digits)
        || bare && (is_polish(digits) || is_estonian(digits) || is_turkish(digits))
        || (bare || number.is_shaped(&[6, 5])) && is_norwegian(digits)
        || (bare || number.is_shaped(&[3, 3, 3, 2]) && number.between().last() == Some(b"-"))
            && is_brazilian(digits)
        || number.is_shaped(&[2, 8, 1]) && separator == Some(b'-') && is_argentine(digits)
        || medicare
}

/// The tax number: of the first ten digits one comes twice or thrice, and the others once at most.
fn is_german(digits: &[u8]) -> bool {
    let Some((first, [check])) = digits.split_at_checked(10) else { return false };
    let mut counts = [0_u8; 10];
    for digit in first {
        if let Some(count) = counts.get_mut(usize::from(*digit)) {
            *count += 1;
        }
    }
    let repeated = counts.iter().filter(|count| **count > 1).count();
    if digits.first() == Some(&0) || repeated != 1 || counts.iter().any(|count| *count > 3) {
        return false;
    }
    let product = first.iter().fold(10_u32, |product, digit| match (u32::from(*digit) + product) % 10 {
        0 => 10 * 2 % 11,
        sum => sum * 2 % 11,
    });
    (11 - product) % 10 == u32::from(*check)
}

fn is_belgian(digits: &[u8]) -> bool {
    let Some((first, check)) = digits.split_at_checked(9) else { return false };
    let (first, check) = (value(first), u64::from(value_of(check)));
    let of = |value: u64| 97 - value % 97;
    date::is_short(part(digits, 0, 6)) && (of(first) == check || of(first + 2_000_000_000) == check)
}

fn is_polish(digits: &[u8]) -> bool {
    let check = (10 - weighed(digits, &[1, 3, 7, 9, 1, 3, 7, 9, 1, 3]) % 10) % 10;
    let month = digits.get(2..4).map_or(0, value_of);
    let day = digits.get(4..6).map_or(0, value_of);
    matches!(month, 1..=12 | 21..=32 | 81..=92)
        && matches!(day, 1..=31)
        && digits.get(10).map(|digit| u32::from(*digit)) == Some(check)
}

/// Estonia and Lithuania.
fn is_estonian(digits: &[u8]) -> bool {
    let check = match weighed(digits, &[1, 2, 3, 4, 5, 6, 7, 8, 9, 1]) % 11 {
        10 => weighed(digits, &[3, 4, 5, 6, 7, 8, 9, 1, 2, 3]) % 11 % 10,
        check => check,
    };
    matches!(digits.first(), Some(3..=6))
        && date::is_short(part(digits, 1, 7))
        && digits.get(10).map(|digit| u32::from(*digit)) == Some(check)
}

fn is_turkish(digits: &[u8]) -> bool {
    let [a, b, c, d, e, f, g, h, i, tenth, last] = *digits else { return false };
    let odd = i32::from(a + c + e + g + i);
    let even = i32::from(b + d + f + h);
    a != 0
        && (odd * 7 - even).rem_euclid(10) == i32::from(tenth)
        && (odd + even + i32::from(tenth)) % 10 == i32::from(last)
}

fn is_norwegian(digits: &[u8]) -> bool {
    let month = digits.get(2..4).map_or(0, value_of);
    let day = digits.get(0..2).map_or(0, value_of);
    matches!(month, 1..=12)
        && matches!(day, 1..=31 | 41..=71)
        && weighed(digits, &[3, 7, 6, 1, 8, 9, 4, 5, 2, 1]).is_multiple_of(11)
        && weighed(digits, &[5, 4, 3, 2, 7, 6, 5, 4, 3, 2, 1]).is_multiple_of(11)
}

fn is_brazilian(digits: &[u8]) -> bool {
    let check = |weights: &[u32]| match weighed(digits, weights) * 10 % 11 {
        10 => 0,
        check => check,
    };
    let [.., tenth, last] = digits else { return false };
    let same = digits.iter().all(|digit| digits.first() == Some(digit));
    !same
        && check(&[10, 9, 8, 7, 6, 5, 4, 3, 2]) == u32::from(*tenth)
        && check(&[11, 10, 9, 8, 7, 6, 5, 4, 3, 2]) == u32::from(*last)
}

fn is_argentine(digits: &[u8]) -> bool {
    let check = (11 - weighed(digits, &[5, 4, 3, 2, 7, 6, 5, 4, 3, 2]) % 11) % 11;
    matches!(digits.get(..2).map_or(0, value_of), 20 | 23 | 24 | 27)
        && digits.get(10).map(|digit| u32::from(*digit)) == Some(check)
}

fn twelve(number: &Number<'_>, said: &Said<'_>) -> bool {
    let (digits, separator) = (number.digits, number.separator());
    if number.is_shaped(&[4, 4, 4]) {
        return matches!(separator, Some(b' ' | b'-')) && is_indian(digits);
    }
    let swedish = date::is_short(part(digits, 2, 8)) && number::is_luhn(part(digits, 2, 12));
    let is_century = matches!(digits, [1, 9, ..] | [2, 0, ..]);
    if number.is_shaped(&[8, 4]) {
        return separator == Some(b'-') && is_century && swedish;
    }
    number.is_bare()
        && (is_indian(digits) || is_century && swedish || is_japanese(digits))
        && said.has(Hint::ID)
}

/// Aadhaar: the check digit of Verhoeff, in the group of symmetries of a pentagon.
fn is_indian(digits: &[u8]) -> bool {
    /// A turn of the pentagon, or with 5 a turned reflection; one after the other.
    const fn then(one: u8, other: u8) -> u8 {
        let turn = if one < 5 { one + other % 5 } else { 5 + one - other % 5 } % 5;
        if (one < 5) == (other < 5) { turn } else { turn + 5 }
    }
    const ORDER: [u8; 10] = [1, 5, 7, 6, 2, 8, 3, 0, 9, 4];
    let permuted = |digit: u8, times: usize| {
        (0..times % 8).fold(digit, |digit, _| ORDER.get(usize::from(digit)).copied().unwrap_or(0))
    };
    let sum = digits.iter().rev().enumerate().fold(0, |sum, (at, digit)| then(sum, permuted(*digit, at)));
    matches!(digits.first(), Some(2..=9)) && sum == 0
}

fn is_japanese(digits: &[u8]) -> bool {
    let check = match weighed(digits, &[6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2]) % 11 {
        0 | 1 => 0,
        rest => 11 - rest,
    };
    digits.get(11).map(|digit| u32::from(*digit)) == Some(check)
}

fn thirteen(number: &Number<'_>, said: &Said<'_>) -> bool {
    let (digits, separator) = (number.digits, number.separator());
    if number.is_shaped(&[6, 7]) {
        // Korea: the first digit after the date tells the century. Since 2020 no check digit follows.
        return separator == Some(b'-')
            && date::is_short(part(digits, 0, 6))
            && matches!(digits.get(6), Some(1..=8));
    }
    if number.is_shaped(&[3, 4, 4, 2]) || number.is_bare() && digits.starts_with(&[7, 5, 6]) {
        return matches!(digits, [7, 5, 6, ..]) && number::is_ean(digits);
    }
    // One in ten is the number of an article as well.
    let is_one = number.is_bare() && (is_south_african(digits) || is_romanian(digits));
    is_one && (!number::is_ean(digits) || said.has(Hint::ID))
}

fn is_south_african(digits: &[u8]) -> bool {
    date::is_short(part(digits, 0, 6))
        && matches!(digits.get(10), Some(0 | 1))
        && matches!(digits.get(11), Some(8 | 9))
        && number::is_luhn(digits)
}

fn is_romanian(digits: &[u8]) -> bool {
    let check = match weighed(digits, &[2, 7, 9, 1, 4, 6, 3, 5, 8, 2, 7, 9]) % 11 {
        10 => 1,
        check => check,
    };
    let county = digits.get(7..9).map_or(0, value_of);
    matches!(digits.first(), Some(1..=8))
        && date::is_short(part(digits, 1, 7))
        && matches!(county, 1..=52)
        && digits.get(12).map(|digit| u32::from(*digit)) == Some(check)
}

/// France: sex, year, month, department, town, serial, and what completes it to 97.
fn is_french(digits: &[u8]) -> bool {
    let Some((first, key)) = digits.split_at_checked(13) else { return false };
    let month = digits.get(3..5).map_or(0, value_of);
    matches!(digits.first(), Some(1..=4 | 7 | 8))
        && matches!(month, 1..=12 | 20..=42 | 50..=99)
        && 97 - value(first) % 97 == u64::from(value_of(key))
}

/// China: place, date of birth, serial, check digit mod 11, for which 10 is an X.
pub(super) fn is_chinese(digits: &[u8], check: u8) -> bool {
    let sum = weighed(digits, &[7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2]);
    matches!(digits.get(6..8), Some([1, 9] | [2, 0]))
        && date::is_short(part(digits, 8, 14))
        && (12 - sum % 11) % 11 == u32::from(check)
}

/// The sum of the digits, each so many times. Digits beyond the weights do not count.
pub(super) fn weighed(digits: &[u8], weights: &[u32]) -> u32 {
    digits.iter().zip(weights).map(|(digit, weight)| u32::from(*digit) * weight).sum()
}

fn value(digits: &[u8]) -> u64 {
    digits.iter().fold(0, |value, digit| value * 10 + u64::from(*digit))
}

/// The value of two digits.
fn value_of(digits: &[u8]) -> u8 {
    digits.iter().take(2).fold(0, |value, digit| value * 10 + digit)
}

#[cfg(test)]
mod tests;
