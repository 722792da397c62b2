//! Numbers and times as a record writes them, without the machinery of `fmt`.
//!
//! Never: fails; a time past the year 9999 is written as the last millisecond of it.

/// 9999-12-31T23:59:59.999Z, the last time that RFC 3339 can write.
const LAST_MS: u64 = 253_402_300_799_999;

/// The last decimal digit of a number, as ASCII.
const fn digit(number: u64) -> u8 {
    b'0' + (number % 10) as u8
}

pub(super) fn decimal(out: &mut Vec<u8>, number: u64) {
    let mut number = number;
    // Most numbers of a record are small.
    if number < 10 {
        return out.push(digit(number));
    }
    let mut digits = [0; 20];
    let mut from = digits.len();
    while number > 0 {
        from = from.saturating_sub(1);
        if let Some(place) = digits.get_mut(from) {
            *place = digit(number);
        }
        number /= 10;
    }
    out.extend_from_slice(digits.get(from..).unwrap_or_default());
}

pub(super) fn time(out: &mut Vec<u8>, time_ms: u64) {
    let time_ms = time_ms.min(LAST_MS);
    let (seconds, ms) = (time_ms / 1_000, time_ms % 1_000);
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    let (year, month, day) = civil(days);
    let two = |number: u64| [digit(number / 10), digit(number)];
    let [y1, y2] = two(year / 100);
    let [y3, y4] = two(year);
    let [mo1, mo2] = two(month);
    let [d1, d2] = two(day);
    let [h1, h2] = two(second / 3_600);
    let [mi1, mi2] = two(second / 60 % 60);
    let [s1, s2] = two(second % 60);
    let [ms2, ms3] = two(ms);
    #[rustfmt::skip]
    out.extend_from_slice(&[
        b'"', y1, y2, y3, y4, b'-', mo1, mo2, b'-', d1, d2, b'T', h1, h2, b':', mi1, mi2, b':', s1, s2,
        b'.', digit(ms / 100), ms2, ms3, b'Z', b'"',
    ]);
}

/// Year, month and day of a count of days since 1970-01-01, by `civil_from_days` of Howard Hinnant's
/// "chrono-Compatible Low-Level Date Algorithms" (2013), for days that are not negative.
const fn civil(days: u64) -> (u64, u64, u64) {
    let shifted = days + 719_468;
    let era = shifted / 146_097;
    let day_of_era = shifted % 146_097;
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + if month <= 2 { 1 } else { 0 };
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_time_is_written_as_jiff_writes_it(ms in 0..=LAST_MS) {
            let mut out = Vec::new();
            time(&mut out, ms);
            let theirs = jiff::Timestamp::from_millisecond(i64::try_from(ms).unwrap()).unwrap();
            prop_assert_eq!(String::from_utf8(out).unwrap(), format!("\"{theirs:.3}\""));
        }

        #[test]
        fn a_number_is_written_as_the_standard_library_writes_it(number: u64) {
            let mut out = Vec::new();
            decimal(&mut out, number);
            prop_assert_eq!(String::from_utf8(out).unwrap(), number.to_string());
        }
    }
}
