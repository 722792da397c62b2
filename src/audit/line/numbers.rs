//! Numbers and times as a record writes them, without the machinery of `fmt`.
//!
//! Never: fails; a time past the year 9999 is written as the last millisecond of it.

/// 9999-12-31T23:59:59.999Z, the last time that RFC 3339 can write.
const LAST_MS: u64 = 253_402_300_799_999;

/// The last two decimal digits of every number below 100, as ASCII.
#[expect(
    clippy::indexing_slicing,
    reason = "a constant table is filled at compile time, where a wrong index fails the build"
)]
const PAIRS: [[u8; 2]; 100] = {
    let mut pairs = [[b'0'; 2]; 100];
    let mut number = 0;
    while number < 100 {
        pairs[number] = [b'0' + (number / 10) as u8, b'0' + (number % 10) as u8];
        number += 1;
    }
    pairs
};

/// Two decimal digits; what is no part of a time or date is `00`.
fn two(number: u32) -> [u8; 2] {
    PAIRS.get(number as usize).copied().unwrap_or(*b"00")
}

pub(super) fn decimal(out: &mut Vec<u8>, number: u64) {
    out.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

/// A second, and where in the line it is written, up to the point after it: most times of one record share it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Second {
    seconds: u64,
    at: usize,
}

/// Bytes of `"2026-01-31T12:00:00.`.
const SECOND_BYTES: usize = 21;

/// Writes a time; `last` is the second of the time that was written before, and becomes this one's.
pub(super) fn time(out: &mut Vec<u8>, last: &mut Option<Second>, time_ms: u64) {
    let time_ms = time_ms.min(LAST_MS);
    let (seconds, ms) = (time_ms / 1_000, (time_ms % 1_000) as u32);
    match last.filter(|last| last.seconds == seconds) {
        // A line only grows while it is written, so what was written before is there.
        Some(last) => out.extend_from_within(last.at..last.at + SECOND_BYTES),
        None => {
            *last = Some(Second { seconds, at: out.len() });
            second(out, seconds);
        }
    }
    let [_, hundreds] = two(ms / 100);
    out.push(hundreds);
    out.extend_from_slice(&two(ms % 100));
    out.extend_from_slice(b"Z\"");
}

fn second(out: &mut Vec<u8>, seconds: u64) {
    let (days, second) = ((seconds / 86_400) as u32, (seconds % 86_400) as u32);
    let (year, month, day) = civil(days);
    out.push(b'"');
    out.extend_from_slice(&two(year / 100));
    out.extend_from_slice(&two(year % 100));
    let time =
        [(b'-', month), (b'-', day), (b'T', second / 3_600), (b':', second / 60 % 60), (b':', second % 60)];
    for (mark, part) in time {
        out.push(mark);
        out.extend_from_slice(&two(part));
    }
    out.push(b'.');
}

/// Year, month and day of a count of days since 1970-01-01, by `civil_from_days` of Howard Hinnant's
/// "chrono-Compatible Low-Level Date Algorithms" (2013), for days that are not negative.
const fn civil(days: u32) -> (u32, u32, u32) {
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
            // One of another second before it, and one of the same second after it.
            let (mut out, mut last) = (Vec::new(), None);
            let all = [ms / 2, ms, ms / 1_000 * 1_000 + (ms + 7) % 1_000];
            for ms in all {
                time(&mut out, &mut last, ms);
            }
            let theirs = all.map(|ms| {
                let time = jiff::Timestamp::from_millisecond(i64::try_from(ms).unwrap()).unwrap();
                format!("\"{time:.3}\"")
            });
            prop_assert_eq!(String::from_utf8(out).unwrap(), theirs.concat());
        }

    }
}
