//! Numbers that states give to persons, of digits and letters.
//!
//! Never: takes one with a wrong check character.

use super::byte;
use super::date;
use super::national;
use super::part;

/// Where the number ends that begins with the word between these places, which has digits and letters or is followed
/// by a part with letters.
pub(super) fn id(text: &[u8], from: usize, to: usize) -> Option<usize> {
    if matches!(to - from, 8..=12 | 16 | 18) && is_one(part(text, from, to)) && !is_joined(text, from, to) {
        return Some(to);
    }
    if matches!(byte(text, to), b'-' | b'+' | b' ') && to - from <= 8 {
        in_parts(text, from, to)
    } else {
        None
    }
}

fn is_one(word: &[u8]) -> bool {
    let mut upper = [0; 18];
    let Some(upper) = upper.get_mut(..word.len()) else { return false };
    upper.copy_from_slice(word);
    upper.make_ascii_uppercase();
    match upper.len() {
        9 => is_spanish(upper) || is_singaporean(upper) || is_british(upper) || is_irish(upper),
        8 => is_irish(upper),
        10 => is_indian(upper) || is_taiwanese(upper),
        11 => is_finnish(upper),
        12 => is_german(upper),
        16 => is_italian(upper),
        18 => is_mexican(upper) || is_chinese(upper),
        _ => false,
    }
}

fn is_joined(text: &[u8], from: usize, to: usize) -> bool {
    let joins = |byte: u8| matches!(byte, b'-' | b'_' | b'.' | b'/' | b'+' | b'=');
    joins(super::byte_before(text, from)) && from > 1 && byte(text, from - 2).is_ascii_alphanumeric()
        || joins(byte(text, to)) && byte(text, to + 1).is_ascii_alphanumeric()
}

/// Those that are written with a hyphen or with spaces: `12345678-Z`, `X-1234567-L`, `QQ 12 34 56 C`, `131052-308T`.
fn in_parts(text: &[u8], from: usize, to: usize) -> Option<usize> {
    let mut joined = [0_u8; 11];
    let (mut count, mut at, mut parts) = (0, from, 1);
    let mut end = to;
    while count < joined.len() {
        let c = byte(text, at);
        if c.is_ascii_alphanumeric() {
            *joined.get_mut(count)? = c.to_ascii_uppercase();
            count += 1;
            at += 1;
            end = at;
        } else if matches!(c, b'-' | b' ' | b'+') && byte(text, at + 1).is_ascii_alphanumeric() {
            parts += 1;
            at += 1;
        } else {
            break;
        }
        if parts > 1 && !byte(text, at).is_ascii_alphanumeric() {
            let whole = joined.get(..count)?;
            let hyphen = byte(text, to) != b' ';
            let is_one = hyphen && whole.len() == 9 && is_spanish(whole)
                || !hyphen && parts >= 2 && whole.len() == 9 && is_british(whole)
                || hyphen && whole.len() == 10 && to - from == 6 && is_finnish_parts(whole);
            if is_one && !is_joined(text, from, end) {
                return Some(end);
            }
        }
    }
    None
}

/// The values of digits; nothing if there is another character among them.
fn digits<const N: usize>(bytes: &[u8]) -> Option<[u8; N]> {
    let bytes: [u8; N] = bytes.try_into().ok()?;
    bytes.iter().all(u8::is_ascii_digit).then(|| bytes.map(|byte| byte - b'0'))
}

fn value(bytes: &[u8]) -> Option<u64> {
    bytes.iter().try_fold(0, |value, byte| byte.is_ascii_digit().then(|| value * 10 + u64::from(byte - b'0')))
}

/// Spain: DNI, and with a letter first NIE.
fn is_spanish(word: &[u8]) -> bool {
    const LETTERS: &[u8; 23] = b"TRWAGMYFPDXBNJZSQVHLCKE";
    let [first, middle @ .., letter] = word else { return false };
    let lead = match first {
        b'X' | b'0' => 0,
        b'Y' => 1,
        b'Z' => 2,
        b'1'..=b'9' => u64::from(first - b'0'),
        _ => return false,
    };
    let Some(rest) = value(middle).filter(|_| middle.len() == 7) else { return false };
    let at = usize::try_from((lead * 10_000_000 + rest) % 23).unwrap_or(0);
    LETTERS.get(at) == Some(letter)
}

fn is_singaporean(word: &[u8]) -> bool {
    let [first, middle @ .., letter] = word else { return false };
    let Some(digits) = digits::<7>(middle) else { return false };
    let sum = national::weighed(&digits, &[2, 7, 6, 5, 4, 3, 2]);
    let (letters, more): (&[u8; 11], u32) = match first {
        b'S' => (b"JZIHGFEDCBA", 0),
        b'T' => (b"JZIHGFEDCBA", 4),
        b'F' => (b"XWUTRQPNMLK", 0),
        b'G' => (b"XWUTRQPNMLK", 4),
        b'M' => (b"XWUTRQPNJLK", 3),
        _ => return false,
    };
    let at = usize::try_from((sum + more) % 11).unwrap_or(0);
    letters.get(at) == Some(letter)
}

/// The national insurance number: no check, but a form of its own.
fn is_british(word: &[u8]) -> bool {
    let [first, second, middle @ .., last] = word else { return false };
    let lead = [*first, *second];
    let is_lead = first.is_ascii_uppercase()
        && second.is_ascii_uppercase()
        && !matches!(first, b'D' | b'F' | b'I' | b'Q' | b'U' | b'V')
        && !matches!(second, b'D' | b'F' | b'I' | b'O' | b'Q' | b'U' | b'V')
        && ![b"BG", b"GB", b"KN", b"NK", b"NT", b"TN", b"ZZ"].contains(&&lead);
    is_lead && matches!(last, b'A'..=b'D') && digits::<6>(middle).is_some()
}

/// The personal public service number of Ireland.
fn is_irish(word: &[u8]) -> bool {
    let Some((number, letters)) = word.split_at_checked(7) else { return false };
    let Some(number) = digits::<7>(number) else { return false };
    let (check, second) = match letters {
        [check] => (*check, 0),
        [check, second @ b'A'..=b'I'] => (*check, u32::from(second - b'A' + 1)),
        _ => return false,
    };
    let sum = national::weighed(&number, &[8, 7, 6, 5, 4, 3, 2]) + second * 9;
    let expected = match sum % 23 {
        0 => b'W',
        rest => b'A' + u8::try_from(rest - 1).unwrap_or(0),
    };
    check == expected
}

/// The permanent account number of India: no check, but a form of its own.
fn is_indian(word: &[u8]) -> bool {
    let [a, b, c, kind, name, middle @ .., last] = word else { return false };
    [a, b, c, name, last].into_iter().all(u8::is_ascii_uppercase)
        && matches!(kind, b'A' | b'B' | b'C' | b'F' | b'G' | b'H' | b'J' | b'L' | b'P' | b'T')
        && digits::<4>(middle).is_some_and(|digits| digits != [0; 4])
}

fn is_taiwanese(word: &[u8]) -> bool {
    const PLACES: &[u8; 26] = b"ABCDEFGHJKLMNPQRSTUVXYWZIO";
    let [letter, rest @ ..] = word else { return false };
    let (Some(place), Some(digits)) = (PLACES.iter().position(|place| place == letter), digits::<9>(rest))
    else {
        return false;
    };
    let place = u32::try_from(place).unwrap_or(0) + 10;
    let sum = place / 10 + place % 10 * 9 + national::weighed(&digits, &[8, 7, 6, 5, 4, 3, 2, 1, 1]);
    matches!(digits, [1 | 2 | 8 | 9, ..]) && sum.is_multiple_of(10)
}

const FINNISH: &[u8; 31] = b"0123456789ABCDEFHJKLMNPRSTUVWXY";

/// Finland, in one word: the letter stands for the century.
fn is_finnish(word: &[u8]) -> bool {
    let Some((born, [century, rest @ ..])) = word.split_at_checked(6) else { return false };
    matches!(century, b'A'..=b'F' | b'U'..=b'Y') && is_finnish_parts(&[born, rest].concat())
}

fn is_finnish_parts(parts: &[u8]) -> bool {
    let Some((number, [check])) = parts.split_at_checked(9) else { return false };
    let (Some(digits), Some(value)) = (digits::<9>(number), value(number)) else { return false };
    let at = usize::try_from(value % 31).unwrap_or(0);
    date::is_day_first(part(&digits, 0, 6)) && FINNISH.get(at) == Some(check)
}

/// The insurance number of Germany: area, date of birth, letter, serial, check digit.
fn is_german(word: &[u8]) -> bool {
    let [first @ .., letter, s, e, check] = word else { return false };
    let (Some(first), Some(tail)) = (digits::<8>(first), digits::<3>(&[*s, *e, *check])) else {
        return false;
    };
    if !letter.is_ascii_uppercase() || !date::is_day_first(part(&first, 2, 8)) {
        return false;
    }
    let place = letter - b'A' + 1;
    let all = [&first[..], &[place / 10, place % 10], &tail].concat();
    let weights = [2, 1, 2, 5, 7, 1, 2, 1, 2, 1, 2, 1];
    let sum: u32 = all
        .iter()
        .zip(weights)
        .map(|(digit, weight)| u32::from(*digit) * weight)
        .map(|product| product / 10 + product % 10)
        .sum();
    sum % 10 == u32::from(*check - b'0')
}

/// The fiscal code of Italy. Letters may stand for its digits, where two persons would have the same.
fn is_italian(word: &[u8]) -> bool {
    const ODD: [u32; 26] =
        [1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23];
    let is_letter = |at: usize| matches!(at, 0..=5 | 8 | 11 | 15);
    let is_form = word.iter().enumerate().all(|(at, byte)| {
        if is_letter(at) {
            byte.is_ascii_uppercase()
        } else {
            byte.is_ascii_digit() || matches!(byte, b'L'..=b'N' | b'P'..=b'V')
        }
    });
    let digits = word.iter().filter(|byte| byte.is_ascii_digit()).count();
    let month = word.get(8).is_some_and(|month| b"ABCDEHLMPRST".contains(month));
    let Some((check, body)) = word.split_last() else { return false };
    let of = |byte: u8| if byte.is_ascii_digit() { byte - b'0' } else { byte.wrapping_sub(b'A') };
    let sum: u32 = body
        .iter()
        .enumerate()
        .map(|(at, byte)| match at % 2 {
            0 => ODD.get(usize::from(of(*byte))).copied().unwrap_or(0),
            _ => u32::from(of(*byte)),
        })
        .sum();
    // So few digits have only words.
    is_form && month && digits >= 4 && u32::from(of(*check)) == sum % 26
}

/// The register of Mexico: eighteen characters, the last checks the others.
fn is_mexican(word: &[u8]) -> bool {
    // The sixth letter of the alphabet after N is Ñ.
    let of = |byte: u8| match byte {
        b'0'..=b'9' => u32::from(byte - b'0'),
        b'A'..=b'N' => u32::from(byte - b'A') + 10,
        _ => u32::from(byte.saturating_sub(b'A')) + 11,
    };
    let (Some(born), Some((check, body))) = (word.get(4..10), word.split_last()) else { return false };
    let sum: u32 = body.iter().zip((2..=18).rev()).map(|(byte, weight)| of(*byte) * weight).sum();
    word.iter().take(4).all(u8::is_ascii_uppercase)
        && matches!(word.get(10), Some(b'H' | b'M' | b'X'))
        && digits::<6>(born).is_some_and(|born| date::is_short(&born))
        && check.is_ascii_digit()
        && (10 - sum % 10) % 10 == of(*check)
}

fn is_chinese(word: &[u8]) -> bool {
    let Some((b'X', number)) = word.split_last() else { return false };
    digits::<17>(number).is_some_and(|digits| national::is_chinese(&digits, 10))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NUMBERS: [&str; 17] = [
        "12345678Z",
        "X1234567L",
        "12345678-Z",
        "S1234567D",
        "AB123456C",
        "AB 12 34 56 C",
        "1234567T",
        "1234567FA",
        "AAAPL1234C",
        "A123456789",
        "131052-308T",
        "131052A308T",
        "15070649C103",
        "RSSMRA85T10A562S",
        "HEGG560427MVZRRL04",
        "11010519491231002X",
        "rssmra85t10a562s",
    ];

    #[test]
    fn numbers_with_letters_are_found_by_their_check_characters() {
        for text in NUMBERS {
            let to = text.bytes().take_while(u8::is_ascii_alphanumeric).count();
            assert_eq!(id(text.as_bytes(), 0, to), Some(text.len()), "{text}");
        }
    }

    #[test]
    fn a_changed_digit_is_seen() {
        for text in NUMBERS.into_iter().filter(|text| !text.starts_with("AB") && !text.starts_with("AAA")) {
            let mut wrong = text.as_bytes().to_vec();
            let at = wrong.iter().rposition(u8::is_ascii_digit).unwrap();
            wrong[at] = b'0' + (wrong[at] - b'0' + 1) % 10;
            let to = wrong.iter().take_while(|byte| byte.is_ascii_alphanumeric()).count();
            assert_eq!(id(&wrong, 0, to), None, "{text}");
        }
    }
}
