//! Generalising: a date to its year, a number to its bucket, a postcode to its prefix, an address to its network.
//!
//! Each says of a value only which class of values it belongs to, as the least of them. So the least is its own
//! generalisation and comes out as it went in, which says no more of it than of the others; to mask just that one would
//! tell it from them.
//! INVARIANT: what is general already stays as it is (`masks::what_is_general_stays_so_and_its_whole_class_becomes_it`).
//! Never: guesses. What is not wholly of the expected form is no such value, and is masked whole.

use std::net::IpAddr;
use std::net::Ipv4Addr;
use std::net::Ipv6Addr;

use crate::limits;

/// A date, or a date-time with or without its offset (RFC 3339), to the first moment of its year as it is written there.
/// A fraction of a second goes; an offset becomes `Z`.
pub(super) fn year(text: &str) -> Option<String> {
    let (date, time) = text.as_bytes().split_first_chunk::<10>()?;
    let [y0, y1, y2, y3, b'-', m0, m1, b'-', d0, d1] = *date else { return None };
    let (century, of_century) = (pair(y0, y1)?, pair(y2, y3)?);
    let (month, day) = (pair(m0, m1)?, pair(d0, d1)?);
    let is_leap = of_century % 4 == 0 && (of_century != 0 || century % 4 == 0);
    let days = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if is_leap => 29,
        2 => 28,
        _ => return None,
    };
    if day == 0 || day > days {
        return None;
    }
    let of_day = if time.is_empty() { "" } else { midnight(time)? };
    Some(format!("{century:02}{of_century:02}-01-01{of_day}"))
}

/// Midnight, written as this time of a day is.
fn midnight(time: &[u8]) -> Option<&'static str> {
    let (clock, rest) = time.split_first_chunk::<9>()?;
    let [b'T' | b't', h0, h1, b':', m0, m1, b':', s0, s1] = *clock else { return None };
    // A minute may have a second more, where one is inserted.
    if pair(h0, h1)? > 23 || pair(m0, m1)? > 59 || pair(s0, s1)? > 60 {
        return None;
    }
    let offset = match rest.split_first() {
        Some((b'.', fraction)) => {
            let digits = fraction.iter().take_while(|byte| byte.is_ascii_digit()).count();
            fraction.get(digits..).filter(|_| digits > 0)?
        }
        Some(_) | None => rest,
    };
    match *offset {
        [] => Some("T00:00:00"),
        [b'Z' | b'z'] => Some("T00:00:00Z"),
        [b'+' | b'-', h0, h1, b':', m0, m1] if pair(h0, h1)? < 24 && pair(m0, m1)? < 60 => Some("T00:00:00Z"),
        _ => None,
    }
}

/// The number that two digits are.
fn pair(tens: u8, ones: u8) -> Option<u8> {
    (tens.is_ascii_digit() && ones.is_ascii_digit()).then(|| (tens & 15) * 10 + (ones & 15))
}

/// A number of at most 18 digits before its point and without an exponent, to the lower bound of its bucket.
pub(super) fn bucket(text: &str, width: u32) -> Option<String> {
    let (is_negative, digits) = text.strip_prefix('-').map_or((false, text), |digits| (true, digits));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    let are_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !are_digits(whole) || !are_digits(fraction) || whole.len() > 18 {
        return None;
    }
    let whole: i64 = whole.parse().ok()?;
    let is_between = fraction.bytes().any(|digit| digit != b'0');
    let floor = if is_negative { -whole - i64::from(is_between) } else { whole };
    let width = i64::from(width);
    Some((floor.div_euclid(width) * width).to_string())
}

/// A postcode to its first so many letters and digits. Of the others each digit becomes `0` and each letter `A`; spaces
/// and hyphens stay. At least two letters or digits must be hidden, and a text without any digit is no postcode.
pub(super) fn prefix(text: &str, count: u8) -> Option<String> {
    let counted = text.bytes().filter(u8::is_ascii_alphanumeric).count();
    let is_postcode = text.len() <= limits::POSTCODE_BYTES_MAX
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b" -".contains(&b));
    let has_digit = text.bytes().any(|b| b.is_ascii_digit());
    if !is_postcode || !has_digit || counted < usize::from(count) + 2 {
        return None;
    }
    let mut left = count;
    let general = text.chars().map(|c| match c {
        ' ' | '-' => c,
        _ if left > 0 => {
            left -= 1;
            c
        }
        '0'..='9' => '0',
        'a'..='z' => 'a',
        _ => 'A',
    });
    Some(general.collect())
}

/// An IP address to that of its network: the first 24 bits of IPv4, the first 48 of IPv6.
pub(super) fn network(text: &str) -> Option<String> {
    let network: IpAddr = match text.parse().ok()? {
        IpAddr::V4(address) => {
            let [a, b, c, _] = address.octets();
            Ipv4Addr::new(a, b, c, 0).into()
        }
        IpAddr::V6(address) => {
            let [a, b, c, ..] = address.segments();
            Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0).into()
        }
    };
    Some(network.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_keeps_its_year_and_its_form() {
        for (date, first) in [
            ("1984-06-05", "1984-01-01"),
            ("2000-02-29", "2000-01-01"),
            ("1984-01-01", "1984-01-01"),
            ("0001-12-31", "0001-01-01"),
            ("1984-12-31T23:59:60Z", "1984-01-01T00:00:00Z"),
            ("1984-06-05t12:34:56.789z", "1984-01-01T00:00:00Z"),
            ("1984-12-31T23:30:00-05:00", "1984-01-01T00:00:00Z"),
            ("1984-06-05T12:34:56", "1984-01-01T00:00:00"),
            ("1984-06-05T12:34:56.7", "1984-01-01T00:00:00"),
        ] {
            assert_eq!(year(date).as_deref(), Some(first), "{date}");
        }
        for other in [
            "",
            "1984",
            "1984-06",
            "1984-6-5",
            "84-06-05",
            "05/06/1984",
            "1984-06-31",
            "1984-02-30",
            "1900-02-29",
            "1984-13-01",
            "1984-00-01",
            "1984-06-00",
            "1984-06-05 ",
            " 1984-06-05",
            "1984-06-05 12:34:56",
            "1984-06-05T",
            "1984-06-05T12:34",
            "1984-06-05T24:00:00",
            "1984-06-05T12:60:00",
            "1984-06-05T12:34:61",
            "1984-06-05T12:34:56.",
            "1984-06-05T12:34:56.x",
            "1984-06-05T12:34:56+1",
            "1984-06-05T12:34:56+24:00",
            "1984-06-05T12:34:56Zz",
            "１９８４-06-05",
            "1984-06-0\u{e9}",
        ] {
            assert_eq!(year(other), None, "{other}");
        }
    }

    #[test]
    fn a_number_becomes_the_lower_bound_of_its_bucket() {
        for (number, width, bound) in [
            ("47", 10, "40"),
            ("40", 10, "40"),
            ("0", 10, "0"),
            ("-0", 10, "0"),
            ("47.9", 10, "40"),
            ("-1", 10, "-10"),
            ("-10", 10, "-10"),
            ("-10.0", 10, "-10"),
            ("-10.5", 10, "-20"),
            ("-0.001", 10, "-10"),
            ("49.999", 25, "25"),
            ("999999999999999999", 1_000_000_000, "999999999000000000"),
            ("-999999999999999999", 1_000_000_000, "-1000000000000000000"),
        ] {
            assert_eq!(bucket(number, width).as_deref(), Some(bound), "{number}");
        }
        for other in ["", "-", "1e3", "1E400", "1000000000000000000", "1.", ".5", "+1", "true", "x"] {
            assert_eq!(bucket(other, 10), None, "{other}");
        }
    }

    #[test]
    fn a_postcode_keeps_its_beginning_and_its_form() {
        for (code, count, general) in [
            ("94103", 3, "94100"),
            ("94103-1234", 3, "94100-0000"),
            ("K1A 0B1", 3, "K1A 0A0"),
            ("EC1A 1BB", 2, "EC0A 0AA"),
            ("ec1a 1bb", 2, "ec0a 0aa"),
            ("100-0001", 4, "100-0000"),
            ("94103", 1, "90000"),
        ] {
            assert_eq!(prefix(code, count).as_deref(), Some(general), "{code}");
        }
        for other in [
            "",
            "9410",
            "941",
            "9-4-1-0",
            "Ada Lovelace",
            "Ada Lovelace 1",
            "94103\n",
            "９４１０３",
            "94.103",
        ] {
            assert_eq!(prefix(other, 3), None, "{other}");
        }
    }

    #[test]
    fn an_address_becomes_that_of_its_network() {
        for (address, of) in [
            ("192.0.2.77", "192.0.2.0"),
            ("192.0.2.0", "192.0.2.0"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1::"),
            ("::1", "::"),
            ("::ffff:192.0.2.77", "::"),
        ] {
            assert_eq!(network(address).as_deref(), Some(of), "{address}");
        }
        for other in [
            "",
            "192.0.2",
            "192.0.2.256",
            "192.0.2.077",
            "192.0.2.7/32",
            "192.0.2.7:80",
            "fe80::1%eth0",
            "host",
        ] {
            assert_eq!(network(other), None, "{other}");
        }
    }
}
