//! Times as people write them: a moment, a day, or so long ago.
//!
//! Never: reads a clock; the caller says what time it is.

use jiff::Span;
use jiff::SpanRelativeTo;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

/// What is asked for when a time cannot be read.
const HINT: &str = "write `24h`, `7d`, `2026-11-22` (UTC) or `2026-11-22T08:00:00Z`";

/// A time: so long before now, the beginning of a day in UTC, or a moment (RFC 3339). In milliseconds since 1970.
///
/// # Errors
/// Says what may be written.
pub(crate) fn moment(text: &str, now_ms: u64) -> Result<u64, String> {
    let bad = || format!("`{text}` is no time: {HINT}");
    if let Ok(ago) = duration_ms(text) {
        return Ok(now_ms.saturating_sub(ago));
    }
    let day = || {
        let day: Date = text.parse().ok()?;
        Some(day.to_zoned(TimeZone::UTC).ok()?.timestamp())
    };
    let moment = match text.parse::<Timestamp>() {
        Ok(moment) => moment,
        Err(_) => day().ok_or_else(bad)?,
    };
    u64::try_from(moment.as_millisecond()).map_err(|_| bad())
}

/// A length of time, such as `90s`, `24h` or `7d`, in milliseconds; a day has 24 hours.
///
/// # Errors
/// Says what may be written.
pub(crate) fn duration_ms(text: &str) -> Result<u64, String> {
    let bad = || format!("`{text}` is no length of time: write `90s`, `5m`, `24h` or `7d`");
    let span: Span = text.parse().map_err(|_| bad())?;
    let length = span.to_duration(SpanRelativeTo::days_are_24_hours()).map_err(|_| bad())?;
    u64::try_from(length.as_millis()).map_err(|_| bad())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_so_long_ago_or_days_or_moments_and_nothing_else() {
        let now = 1_795_000_000_000;
        assert_eq!(moment("24h", now), Ok(now - 86_400_000));
        assert_eq!(moment("7d", now), Ok(now - 604_800_000));
        assert_eq!(moment("1970-01-02", now), Ok(86_400_000));
        assert_eq!(moment("1970-01-01T00:00:01.5Z", now), Ok(1_500));
        assert_eq!(moment("1970-01-01T01:00:00+01:00", now), Ok(0));
        assert_eq!(duration_ms("90s"), Ok(90_000));
        for text in ["", "yesterday", "-5m", "12", "1mo", "2026-13-01", "1969-12-31"] {
            assert!(moment(text, now).is_err(), "{text}");
        }
    }
}
