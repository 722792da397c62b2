//! Dates and UUIDs, which are most of the digits in bodies and are none of what is looked for.
//!
//! Never: calls anything so that is not wholly of the form.

use super::byte;
use super::part;
use crate::redact::sixteen;

/// Where the date ends that begins here as RFC 3339 writes them: `2026-11-21`, with its time of day if it has one.
#[inline]
pub(super) fn date(text: &[u8], from: usize) -> Option<usize> {
    if byte(text, from + 4) != b'-' || byte(text, from + 7) != b'-' {
        return None;
    }
    let date = text.get(from..from + 10)?;
    let [a, b, c, d, b'-', month @ .., b'-', e, f] = date else { return None };
    let digits = [a, b, c, d, e, f].into_iter().chain(month).all(u8::is_ascii_digit);
    let month = part(month, 0, 2);
    let is_date = digits
        && matches!((a, b), (b'1', b'8' | b'9') | (b'2', b'0' | b'1'))
        && month <= b"12".as_slice()
        && *e <= b'3';
    if !is_date || byte(text, from + 10).is_ascii_digit() {
        return None;
    }
    Some(
        time(text, from + 11)
            .filter(|_| matches!(byte(text, from + 10), b'T' | b't' | b' '))
            .unwrap_or(from + 10),
    )
}

/// Where the time of day ends that begins here: `12:34:56.789`. The zone is left.
fn time(text: &[u8], from: usize) -> Option<usize> {
    let [a, b, b':', c, d, b':', e, f] = text.get(from..from + 8)? else { return None };
    if ![a, b, c, d, e, f].into_iter().all(u8::is_ascii_digit) {
        return None;
    }
    let mut at = from + 8;
    if byte(text, at) == b'.' {
        let rest = part(text, at + 1, text.len().min(at + 10));
        at += 1 + rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    }
    (!byte(text, at).is_ascii_digit()).then_some(at)
}

/// Where the UUID ends that begins here.
#[inline]
pub(super) fn uuid(text: &[u8], from: usize) -> Option<usize> {
    if byte(text, from + 8) != b'-' {
        return None;
    }
    let uuid: &[u8; 36] = text.get(from..)?.first_chunk()?;
    // All but the four hyphens; of the last sixteen bytes the first twelve are looked at twice.
    let of = |at: usize| uuid.get(at..).and_then(|rest| rest.first_chunk()).map_or(0, sixteen::hex_digits);
    let is_uuid = of(0) == !(1 << 8 | 1 << 13) && of(16) == !(1 << 2 | 1 << 7) && of(20) == !(1 << 3);
    let hyphens = [13, 18, 23].into_iter().all(|at| uuid.get(at) == Some(&b'-'));
    (is_uuid && hyphens && !byte(text, from + 36).is_ascii_alphanumeric()).then_some(from + 36)
}

/// Is the whole text a date with its time of day, or a UUID, in which nothing is found?
#[inline]
pub(super) fn is_all(text: &[u8]) -> bool {
    match text {
        [_, _, _, _, b'-', ..] => {
            matches!(text.len(), 19..=35)
                && date(text, 0).is_some_and(|end| is_zone(part(text, end, text.len())))
        }
        [b'u', b'r', b'n', b':', b'u', b'u', b'i', b'd', b':', ..] => {
            text.len() == 45 && uuid(text, 9) == Some(45)
        }
        [_, _, _, b' ', _, _, _, b' ', ..] => is_long(text),
        _ => text.len() == 36 && uuid(text, 0) == Some(36),
    }
}

/// `Z` or `+01:00`, or none.
fn is_zone(text: &[u8]) -> bool {
    match text {
        [] | [b'Z'] => true,
        [b'+' | b'-', hours @ .., b':', m, n] => [hours, &[*m, *n]].into_iter().all(is_two_digits),
        _ => false,
    }
}

fn is_two_digits(text: &[u8]) -> bool {
    matches!(text, [b'0'..=b'9', b'0'..=b'9'])
}

/// `Sat Nov 21 12:34:56 +0000 2026`: days and months are letters, and after other zones a telephone number may stand.
fn is_long(text: &[u8]) -> bool {
    let Some((day, time)) = text.split_at_checked(11) else { return false };
    let Some((time, rest)) = time.split_at_checked(8) else { return false };
    let [a, b, c, b' ', d, e, f, b' ', day @ .., b' '] = day else { return false };
    let Some((b" +0000 ", year)) = rest.split_at_checked(7) else { return false };
    [a, b, c, d, e, f].into_iter().all(u8::is_ascii_alphabetic)
        && is_two_digits(day)
        && time.len() == 8
        && self::time(time, 0) == Some(8)
        && matches!(year, [b'1'..=b'2', _, _, _])
        && year.iter().all(u8::is_ascii_digit)
}

/// Are these six digits the year (without its century), month and day of a date?
pub(super) fn is_short(digits: &[u8]) -> bool {
    matches!(digits, [_, _, m, mm, d, dd] if is_month(m * 10 + mm) && is_day(d * 10 + dd))
}

/// Are these six digits the day, month and year of a date?
pub(super) fn is_day_first(digits: &[u8]) -> bool {
    matches!(digits, [d, dd, m, mm, _, _] if is_month(m * 10 + mm) && is_day(d * 10 + dd))
}

pub(super) const fn is_month(month: u8) -> bool {
    matches!(month, 1..=12)
}

pub(super) const fn is_day(day: u8) -> bool {
    matches!(day, 1..=31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_uuid_is_what_its_form_says(text in "[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", at in 0_usize..36, with in any::<u8>()) {
            prop_assert_eq!(uuid(text.as_bytes(), 0), Some(36));
            let mut other = text.into_bytes();
            other[at] = with;
            let is_one = if matches!(at, 8 | 13 | 18 | 23) { with == b'-' } else { with.is_ascii_hexdigit() };
            prop_assert_eq!(uuid(&other, 0).is_some(), is_one);
        }
    }

    #[test]
    fn a_date_ends_with_its_time_of_day() {
        for (text, end) in [
            ("2026-11-21", 10),
            ("2026-11-21T12:34:56Z", 19),
            ("2026-11-21T12:34:56.789123+01:00", 26),
            ("2026-11-21 12:34", 10),
            ("1984-06-05, then", 10),
        ] {
            assert_eq!(date(text.as_bytes(), 0), Some(end), "{text}");
        }
        for text in ["2026-13-21", "2026-11-211", "4026-11-21", "2026-11", "26-11-2021"] {
            assert_eq!(date(text.as_bytes(), 0), None, "{text}");
        }
        assert_eq!(uuid(b"550e8400-e29b-41d4-a716-446655440000", 0), Some(36));
        assert_eq!(uuid(b"550e8400-e29b-41d4-a716-4466554400001", 0), None);
    }
}
