//! How long a request may still take, as its caller and the configuration say; and as the app is told it.
//!
//! Never: gives the app longer than the caller waits.

use std::time::Duration;

use http::HeaderMap;
use http::HeaderName;
use http::HeaderValue;

const GRPC: HeaderName = HeaderName::from_static("grpc-timeout");

/// Takes what is left of the time of a call of gRPC that says how long it may take, by its own word and by the bound on all requests;
/// `spent` is over already. The app is told the same. What cannot be read is taken off, and counts as not said.
pub(super) fn of_call(headers: &mut HeaderMap, spent: Duration, total: Option<Duration>) -> Option<Duration> {
    let mut lines = headers.get_all(&GRPC).iter();
    let said = lines.next().filter(|_| lines.next().is_none()).and_then(|line| read(line.as_bytes()));
    let Some(said) = said else {
        headers.remove(&GRPC);
        return None;
    };
    let whole = total.map_or(said, |total| total.min(said));
    let left = whole.saturating_sub(spent);
    headers.insert(GRPC, written(left));
    Some(left)
}

/// Tells the app in this header how many milliseconds are left.
pub(super) fn tell(headers: &mut HeaderMap, name: &HeaderName, left: Option<Duration>) {
    match left.map(|left| HeaderValue::from(u64::try_from(left.as_millis()).unwrap_or(u64::MAX))) {
        Some(line) => headers.insert(name, line),
        None => headers.remove(name),
    };
}

/// At most eight digits and a unit, as the protocol has it.
fn read(line: &[u8]) -> Option<Duration> {
    let (unit, digits) = line.split_last()?;
    let is_number = (1..=8).contains(&digits.len()) && digits.iter().all(u8::is_ascii_digit);
    let number: u64 = std::str::from_utf8(digits).ok().filter(|_| is_number)?.parse().ok()?;
    match unit {
        b'H' => Some(Duration::from_secs(number.saturating_mul(3_600))),
        b'M' => Some(Duration::from_secs(number.saturating_mul(60))),
        b'S' => Some(Duration::from_secs(number)),
        b'm' => Some(Duration::from_millis(number)),
        b'u' => Some(Duration::from_micros(number)),
        b'n' => Some(Duration::from_nanos(number)),
        _ => None,
    }
}

/// The same in the smallest of milliseconds, seconds and hours whose number fits, rounded down.
fn written(left: Duration) -> HeaderValue {
    let seconds = left.as_secs();
    let text = match u32::try_from(left.as_millis()) {
        Ok(ms) if ms < 100_000_000 => format!("{ms}m"),
        Ok(_) | Err(_) if seconds < 100_000_000 => format!("{seconds}S"),
        Ok(_) | Err(_) => format!("{}H", (seconds / 3_600).min(99_999_999)),
    };
    // Digits and a letter: it cannot fail, and without it the app has no deadline but ours.
    HeaderValue::from_str(&text).unwrap_or(HeaderValue::from_static("0m"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(lines: &[&'static str], spent: u64, total: Option<u64>) -> (Option<u64>, Option<String>) {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(GRPC, HeaderValue::from_static(line));
        }
        let left = of_call(&mut headers, Duration::from_millis(spent), total.map(Duration::from_millis));
        let told = headers.get(&GRPC).map(|line| line.to_str().unwrap().to_owned());
        (left.map(|left| u64::try_from(left.as_millis()).unwrap()), told)
    }

    #[test]
    fn what_is_left_is_what_the_caller_said_less_what_is_over() {
        assert_eq!(call(&["5S"], 1_500, None), (Some(3_500), Some("3500m".into())));
        assert_eq!(call(&["250m"], 0, Some(300_000)), (Some(250), Some("250m".into())));
        assert_eq!(call(&["1H"], 1_000, Some(300_000)), (Some(299_000), Some("299000m".into())));
        assert_eq!(call(&["99999999n"], 0, None), (Some(99), Some("99m".into())));
        assert_eq!(call(&["1S"], 2_000, None), (Some(0), Some("0m".into())));
        assert_eq!(call(&["99999999H"], 0, None).1, Some("99999999H".into()));
        assert_eq!(call(&["99999999S"], 0, None).1, Some("99999999S".into()));
    }

    #[test]
    fn what_cannot_be_read_is_not_passed_on() {
        let wrong: [&[&'static str]; 8] =
            [&[], &["5"], &["S"], &["123456789m"], &["-1S"], &["1 S"], &["1.5S"], &["1S", "2S"]];
        for lines in wrong {
            assert_eq!(call(lines, 0, Some(1_000)), (None, None), "{lines:?}");
        }
    }
}
