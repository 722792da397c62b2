//! Addresses of the network: IPv4, IPv6, and those of hardware.
//!
//! Never: takes a version, a time of day or an object identifier for one.

use super::byte;
use super::byte_before;
use super::part;

/// Where the IPv4 address ends that begins here, at the start of digits.
pub(super) fn ipv4(text: &[u8], from: usize) -> Option<usize> {
    if matches!(byte_before(text, from), b'.' | b'-' | b'_') {
        return None;
    }
    let mut at = from;
    for number in 0..4 {
        if number > 0 {
            if byte(text, at) != b'.' {
                return None;
            }
            at += 1;
        }
        at = octet(text, at)?;
    }
    let next = byte(text, at);
    let goes_on = next.is_ascii_alphanumeric()
        || next == b'_'
        || matches!(next, b'.' | b'-') && byte(text, at + 1).is_ascii_alphanumeric();
    let is_zero = part(text, from, at) == b"0.0.0.0";
    (!goes_on && !is_zero).then_some(at)
}

fn octet(text: &[u8], from: usize) -> Option<usize> {
    let digits = part(text, from, text.len().min(from + 4));
    let length = digits.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let digits = part(digits, 0, length);
    let value = digits.iter().fold(0_u32, |value, digit| value * 10 + u32::from(digit - b'0'));
    let is_octet = matches!(length, 1..=3) && value < 256 && (length == 1 || digits.first() != Some(&b'0'));
    is_octet.then_some(from + length)
}

/// Longest text of an IPv6 address: eight groups, the last two as IPv4.
const IPV6_BYTES_MAX: usize = 45;

/// Where the IPv6 address ends that begins here, at the start of hexadecimal digits or of `::`.
pub(super) fn ipv6(text: &[u8], from: usize) -> Option<usize> {
    if matches!(byte_before(text, from), b':' | b'.') || byte_before(text, from).is_ascii_alphanumeric() {
        return None;
    }
    let window = part(text, from, text.len().min(from + IPV6_BYTES_MAX + 1));
    let is_part = |byte: &&u8| byte.is_ascii_hexdigit() || matches!(byte, b':' | b'.');
    let mut length = window.iter().take_while(is_part).count();
    while length > 0 && byte(window, length - 1) == b'.'
        || length > 1 && byte(window, length - 1) == b':' && byte(window, length - 2) != b':'
    {
        length -= 1;
    }
    let address = part(window, 0, length);
    let colons = address.iter().filter(|byte| **byte == b':').count();
    // `::` alone and the times of day have none of what tells an address: eight groups, the last two perhaps as IPv4, or `::`.
    let is_short = || address.windows(2).any(|two| two == b"::");
    if colons < 6 && !is_short() {
        return None;
    }
    if colons < 2 || length < 4 && address != b"::1" || byte(window, length).is_ascii_alphanumeric() {
        return None;
    }
    let address = str::from_utf8(address).ok()?;
    let parsed: std::net::Ipv6Addr = address.parse().ok()?;
    (!parsed.is_unspecified()).then_some(from + length)
}

/// Where the hardware address ends that begins here, at the start of hexadecimal digits.
pub(super) fn mac(text: &[u8], from: usize) -> Option<usize> {
    if matches!(byte_before(text, from), b':' | b'-' | b'.') {
        return None;
    }
    let separator = byte(text, from + 2);
    let (groups, width, separator) = match separator {
        b':' | b'-' => (6, 2, separator),
        _ if byte(text, from + 4) == b'.' => (3, 4, b'.'),
        _ => return None,
    };
    let length = groups * (width + 1) - 1;
    let address = text.get(from..from + length)?;
    let is_right = address.iter().enumerate().all(|(at, byte)| {
        if at % (width + 1) == width { *byte == separator } else { byte.is_ascii_hexdigit() }
    });
    let digits = address.iter().filter(|byte| byte.is_ascii_digit()).count();
    let next = byte(text, from + length);
    let goes_on = next.is_ascii_alphanumeric()
        || matches!(next, b':' | b'-' | b'.') && byte(text, from + length + 1).is_ascii_alphanumeric();
    // Without digits it may be words; with nothing but digits in fours it is a number.
    let is_number = separator == b'.' && (digits < 4 || digits == 12);
    // `00:00:00:00:00:00` is no device.
    let is_blank = address.iter().all(|byte| matches!(byte, b'0' | b':' | b'-' | b'.'));
    (is_right && !goes_on && !is_number && !is_blank).then_some(from + length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_found_whole_or_not_at_all() {
        for text in ["10.0.0.1", "192.0.2.255", "8.8.8.8"] {
            assert_eq!(ipv4(text.as_bytes(), 0), Some(text.len()), "{text}");
        }
        for text in [
            "10.0.0",
            "256.1.1.1",
            "1.2.3.4.5",
            "01.2.3.4",
            "1.2.3.4-rc1",
            "0.0.0.0",
            "1.2.3.4a",
            "1.2.3.1234",
        ] {
            assert_eq!(ipv4(text.as_bytes(), 0), None, "{text}");
        }
        for text in ["2001:db8::1", "fe80::1", "::1", "::ffff:192.0.2.1", "2001:db8:0:1:1:1:1:1", "fd00::"] {
            assert_eq!(ipv6(text.as_bytes(), 0), Some(text.len()), "{text}");
        }
        for text in ["12:34:56", "::", "a::g", "std::vec", "1:2:3:4:5:6:7:8:9", "a:b:c", "::x"] {
            assert_eq!(ipv6(text.as_bytes(), 0), None, "{text}");
        }
        for text in ["00:1b:44:11:3A:B7", "de-ad-be-ef-ca-fe", "001b.4411.3ab7"] {
            assert_eq!(mac(text.as_bytes(), 0), Some(text.len()), "{text}");
        }
        for text in [
            "00:1b:44:11:3A",
            "00:1b:44:11:3A:B7:00",
            "00:1b-44:11:3A:B7",
            "0000.1111.2222",
            "00:00:00:00:00:00",
        ] {
            assert_eq!(mac(text.as_bytes(), 0), None, "{text}");
        }
    }
}
