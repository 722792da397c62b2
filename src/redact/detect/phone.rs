//! Telephone numbers: international by country code and length (ITU-T E.164), and as they are written in a country.
//!
//! Within a country only forms are taken that little else has: the brackets and groups of North America, the zero that
//! most countries dial first. Where the words around speak of a telephone, any number of the right length is one.
//! Never: takes a date, a decimal or an article's number for one.

use super::byte_before;
use super::hint::Hint;
use super::number::Number;
use super::number::Said;
use super::part;

/// The telephone number that these groups are, with its `+` and brackets.
pub(super) fn phone(number: &Number<'_>, said: &Said<'_>) -> Option<(usize, usize)> {
    let (text, from) = (number.text, number.from);
    let bracket = byte_before(text, from) == b'(';
    let before = from - usize::from(bracket);
    let plus = byte_before(text, before) == b'+';
    let start = before - usize::from(plus);
    if !are_groups(number) || number.digits.len() > 15 {
        return None;
    }
    if plus {
        let is_right =
            !byte_before(text, start).is_ascii_alphanumeric() && international(number.digits, number);
        return is_right.then(|| (start, end(text, number.to)));
    }
    if number.is_joined() || is_date(number) {
        return None;
    }
    let abroad = number.digits.strip_prefix(&[0, 0]).or(match number.digits {
        [0, 1, 1, rest @ ..] if number.lengths().next() == Some(3) => Some(rest),
        _ => None,
    });
    let is_right = abroad.is_some_and(|digits| international(digits, number))
        || is_north_american(number, bracket, said)
        || is_with_trunk(number, bracket, said)
        || is_of_form(number, bracket, said)
        || matches!(number.digits.len(), 7..=15) && said.has(Hint::PHONE) && !said.has(Hint::VERSION);
    is_right.then(|| (if bracket { before } else { from }, end(text, number.to)))
}

impl Number<'_> {
    /// Is the first group in brackets?
    fn is_bracketed(&self, bracket: bool) -> bool {
        bracket && self.between().next().is_none_or(|between| between.first() == Some(&b')'))
    }
}

/// Does nothing stand between the groups but what separates those of one number?
fn are_groups(number: &Number<'_>) -> bool {
    number.lengths().len() <= 8
        && number.between().all(|between| {
            matches!(
                between,
                b" " | b"-"
                    | b"."
                    | b"/"
                    | b")"
                    | b"("
                    | b") "
                    | b" ("
                    | b")-"
                    | b"-("
                    | b" - "
                    | b" / "
                    | b")/"
                    | b") ("
                    | b")."
                    | b".("
            )
        })
}

/// Where the extension ends that may follow.
fn end(text: &[u8], to: usize) -> usize {
    let rest = part(text, to, text.len().min(to + 12));
    let space = usize::from(rest.first() == Some(&b' '));
    let named = part(rest, space, rest.len());
    let word = named.iter().take_while(|byte| byte.is_ascii_alphabetic()).count();
    if !matches!(part(named, 0, word), b"x" | b"X" | b"ext" | b"Ext") {
        return to;
    }
    let after = part(named, word, named.len());
    let gap = after.iter().take_while(|byte| matches!(byte, b'.' | b' ')).count();
    let digits = part(after, gap, after.len()).iter().take_while(|byte| byte.is_ascii_digit()).count();
    if digits == 0 { to } else { to + space + word + gap + digits }
}

/// The digits after the sign of an international call.
fn international(digits: &[u8], number: &Number<'_>) -> bool {
    let Some((code, least, most)) = country(digits) else { return false };
    // `+44 (0)20`: that zero is not dialled.
    let zero = number
        .between()
        .zip(number.lengths().skip(1))
        .any(|(between, length)| between.last() == Some(&b'(') && length == 1);
    let rest = part(digits, code, digits.len());
    let length = rest.len() - usize::from(zero);
    (least..=most).contains(&length) && (code > 1 || is_area(rest) || rest.first().is_some_and(|d| *d > 1))
}

/// A number of North America: area and exchange begin with 2 to 9.
fn is_area(digits: &[u8]) -> bool {
    matches!(digits, [2..=9, 0..=8, _, 2..=9, b, c, ..] if !(*b == 1 && *c == 1))
}

fn is_north_american(number: &Number<'_>, bracket: bool, said: &Said<'_>) -> bool {
    let national = match number.digits {
        [1, national @ ..] if national.len() == 10 => national,
        national if national.len() == 10 => national,
        _ => return false,
    };
    if !is_area(national) {
        return false;
    }
    let in_groups = number.is_shaped(&[3, 3, 4]) || number.is_shaped(&[1, 3, 3, 4]);
    if !in_groups {
        // As an article's number may look.
        return number.is_bare() && said.has(Hint::PHONE);
    }
    !said.has(Hint::THING) || bracket
}

/// A number whose first zero is dialled within the country.
fn is_with_trunk(number: &Number<'_>, bracket: bool, said: &Said<'_>) -> bool {
    let [0, 1..=9, ..] = number.digits else { return false };
    // Short numbers of a town: `08-12 34 56`.
    let is_short = number.digits.len() == 8
        && matches!(number.between().next(), Some(b"-" | b"/"))
        && number.between().skip(1).all(|between| between == b" ");
    if !is_short && !matches!(number.digits.len(), 9..=12) {
        return false;
    }
    if number.is_bare() {
        return said.has(Hint::PHONE);
    }
    let mut lengths = number.lengths();
    let area = lengths.next().unwrap_or_default();
    let others = lengths.all(|length| length >= 2);
    // Addresses and dates are written with points in groups of as many.
    let even = [&[3, 3, 3, 3][..], &[2, 2, 4], &[2, 2, 4, 2], &[3, 4, 3]]
        .into_iter()
        .any(|shape| number.is_shaped(shape));
    let spaced = number.is_bracketed(bracket) || matches!(area, 2..=6);
    others && spaced && !even && !said.has(Hint::THING)
}

/// Forms of some countries that dial no zero.
fn is_of_form(number: &Number<'_>, bracket: bool, said: &Said<'_>) -> bool {
    let Some(first) = number.digits.first() else { return false };
    let spaces = number.separator() == Some(b' ');
    let is_whole = number.from == usize::from(bracket) && number.to == number.text.len();
    if number.is_bracketed(bracket) && (number.is_shaped(&[2, 4, 4]) || number.is_shaped(&[2, 5, 4])) {
        // Brazil.
        return *first > 0;
    }
    // Russia, with its trunk digit.
    if *first == 8 && number.is_shaped(&[1, 3, 3, 2, 2]) {
        return true;
    }
    match *first {
        _ if spaces && number.is_shaped(&[2, 3, 2, 2]) => true,
        5..=9 if spaces => {
            // Spain; India; Spain, Portugal and Poland, where a sum of money may look like it.
            number.is_shaped(&[3, 2, 2, 2])
                || number.is_shaped(&[5, 5])
                || is_whole && number.is_shaped(&[3, 3, 3]) && !said.has(Hint::THING)
        }
        1 => {
            // China; the free numbers of Australia.
            number.is_shaped(&[3, 4, 4]) && number.separator().is_some()
                || number.is_shaped(&[4, 3, 3]) && number.digits.starts_with(&[1, 3, 0, 0])
                || number.is_shaped(&[4, 3, 3]) && number.digits.starts_with(&[1, 8, 0, 0])
        }
        _ => false,
    }
}

/// Does it begin with a date in groups?
fn is_date(number: &Number<'_>) -> bool {
    let mut lengths = number.lengths();
    let lengths = [lengths.next(), lengths.next(), lengths.next()];
    let two = |digits: &[u8]| digits.iter().fold(0, |value, digit| value * 10 + digit);
    match lengths {
        [Some(2), Some(2), Some(4)] | [Some(2), Some(2), Some(2)] => {
            let (one, other) = (two(part(number.digits, 0, 2)), two(part(number.digits, 2, 4)));
            let is_year = lengths != [Some(2); 3] || number.digits.len() == 6;
            is_year && matches!((one, other), (1..=31, 1..=12) | (1..=12, 1..=31))
        }
        [Some(4), Some(2), Some(2)] => {
            matches!(number.digits, [1, 8 | 9, ..] | [2, 0 | 1, ..]) && two(part(number.digits, 4, 6)) <= 12
        }
        _ => false,
    }
}

/// The country code that these digits begin with: its length, and the least and most digits that follow.
fn country(digits: &[u8]) -> Option<(usize, usize, usize)> {
    let [a, b, c, ..] = *digits else { return None };
    let two = a * 10 + b;
    let (least, most) = match two {
        10..=19 => return Some((1, 10, 10)),
        70..=79 => return Some((1, 10, 10)),
        27 | 33 | 34 | 40 | 41 | 48 | 56 | 93 | 94 | 31 => (9, 9),
        20 => (8, 10),
        30 | 52 | 58 | 90 | 91 | 98 => (10, 10),
        32 | 36 | 51 | 66 => (8, 9),
        39 => (6, 12),
        43 | 49 => (6, 13),
        44 | 61 => (9, 10),
        45 | 47 | 65 => (8, 8),
        46 => (7, 10),
        53 => (6, 8),
        54 | 55 => (10, 11),
        57 | 60 | 63 | 64 | 82 => (8, 10),
        62 => (7, 12),
        81 | 84 => (9, 10),
        86 => (9, 12),
        92 => (9, 10),
        95 => (7, 10),
        _ => return long_code(two, c).map(|(least, most)| (3, least, most)),
    };
    Some((2, least, most))
}

/// Codes of three digits: the two that they begin with, and the third.
fn long_code(two: u8, third: u8) -> Option<(usize, usize)> {
    Some(match (two, third) {
        (21, 1..=3 | 6 | 8) => (8, 9),
        (22 | 23 | 24 | 26, _) | (25, 0..=8) => (7, 10),
        (29, 0 | 1 | 7..=9) => (5, 7),
        (35, 1) => (9, 9),
        (35, 2 | 8) => (6, 12),
        (35, 3) => (7, 10),
        (35, 4) => (7, 9),
        (35 | 37, _) | (42, 3) => (6, 9),
        (38, 0..=3 | 5..=7 | 9) => (8, 9),
        (42, 0 | 1) => (9, 9),
        (50 | 59, _) => (6, 9),
        (67, 0 | 2..=9) | (68, 0..=3 | 5..=9) | (69, 0..=2) => (5, 8),
        (80, 0 | 8) | (85, 0 | 2 | 3 | 5 | 6) => (8, 10),
        (87, 0 | 8) | (88, 0..=3 | 6 | 8) => (8, 12),
        (96, 0..=8) | (97, 0..=7 | 9) | (99, 2..=6 | 8) => (7, 10),
        _ => return None,
    })
}
