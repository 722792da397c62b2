//! Durations and sizes as people write them: `300ms`, `5s`, `64KiB`.
//!
//! Never: guesses a unit; a bare number is refused, except zero.

use std::time::Duration;

/// What is asked for when a duration cannot be read.
pub(super) const DURATION_HINT: &str = "write a whole number and a unit: `300ms`, `5s`, `1m`, `1h` or `7d`";
/// What is asked for when a size cannot be read.
pub(super) const SIZE_HINT: &str = "write a whole number and a unit: `512B`, `64KiB`, `1MiB` or `1GiB`";

fn split(text: &str) -> Option<(u64, &str)> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at_checked(digits)?;
    Some((number.parse().ok()?, unit))
}

/// Reads a duration.
pub(super) fn duration(text: &str) -> Option<Duration> {
    let (number, unit) = split(text)?;
    let ms = match unit {
        "" if number == 0 => 1,
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    number.checked_mul(ms).map(Duration::from_millis)
}

/// A duration in milliseconds.
pub(super) fn ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Reads a size in bytes.
pub(super) fn size(text: &str) -> Option<u64> {
    let (number, unit) = split(text)?;
    let bytes = match unit {
        "" if number == 0 => 1,
        "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return None,
    };
    number.checked_mul(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_and_sizes_need_a_unit() {
        assert_eq!(duration("300ms"), Some(Duration::from_millis(300)));
        assert_eq!(duration("5s"), Some(Duration::from_secs(5)));
        assert_eq!(duration("1h"), Some(Duration::from_secs(3600)));
        assert_eq!(size("64KiB"), Some(65_536));
        assert_eq!(size("1MiB"), Some(1 << 20));
        for text in [
            "",
            "5",
            "5 s",
            "s",
            "-5s",
            "1.5s",
            "5S",
            "99999999999999999999s",
            "18446744073709551615h",
            "5kb",
        ] {
            assert_eq!(duration(text), None, "{text}");
            assert_eq!(size(text), None, "{text}");
        }
    }
}
