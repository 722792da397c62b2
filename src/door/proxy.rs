//! The header of the PROXY protocol, version 2, with which a proxy of the transport layer says for whom it connects.
//!
//! Pure: bytes in, a verdict out. Version 1, which is text, is not spoken: it has no length, and a request may look like it.
//! Never: reads beyond the header, or takes one that says two things.

use std::net::IpAddr;
use std::net::Ipv4Addr;
use std::net::Ipv6Addr;

use crate::limits;

/// The first bytes of each header (section 2.2 of the protocol).
const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";
/// The type of the field that holds a checksum (CRC32C).
const CHECKSUM: u8 = 0x03;

/// For whom a proxy connects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// For itself, as where it looks whether we are alive, or for somebody it does not name.
    Itself,
    /// For a client with this address.
    Ip(IpAddr),
    /// For a client on a Unix socket.
    Unix,
}

/// A header, or as much of it as there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProxyHeader {
    /// So many bytes in all are needed to say more.
    Needs(usize),
    /// It is whole, and is so long.
    Whole {
        /// Its length in bytes.
        bytes: usize,
        /// For whom the proxy connects.
        source: Source,
    },
    /// It is none, or is broken.
    Bad,
}

/// Where the fields begin: signature, version and command, family, length.
const START: usize = 16;

impl ProxyHeader {
    /// Reads the start of a connection.
    #[must_use]
    pub fn read(bytes: &[u8]) -> Self {
        let known = bytes.len().min(SIGNATURE.len());
        if bytes.get(..known) != SIGNATURE.get(..known) {
            return Self::Bad;
        }
        let Some(&[version, family, high, low]) =
            bytes.get(SIGNATURE.len()..).and_then(|rest| rest.first_chunk())
        else {
            return Self::Needs(START);
        };
        let whole = START + usize::from(u16::from_be_bytes([high, low]));
        if whole > limits::PROXY_HEADER_BYTES_MAX {
            return Self::Bad;
        }
        let Some(rest) = bytes.get(START..whole) else {
            return if matches!(version, 0x20 | 0x21) { Self::Needs(whole) } else { Self::Bad };
        };
        let header = bytes.get(..whole).unwrap_or_default();
        match source(version, family, rest, header) {
            Some(source) => Self::Whole { bytes: whole, source },
            None => Self::Bad,
        }
    }
}

fn source(version: u8, family: u8, rest: &[u8], header: &[u8]) -> Option<Source> {
    let (source, addresses) = match (version, family) {
        // What a proxy says of itself is not looked at (section 2.2), nor is a family that it does not name.
        (0x20, _) => return Some(Source::Itself),
        (0x21, 0x00) => return Some(Source::Itself),
        (0x21, 0x11) => (Source::Ip(Ipv4Addr::from(*rest.first_chunk::<4>()?).into()), 12),
        (0x21, 0x21) => {
            let ip = Ipv6Addr::from(*rest.first_chunk::<16>()?);
            (Source::Ip(IpAddr::from(ip).to_canonical()), 36)
        }
        (0x21, 0x31) => (Source::Unix, 216),
        _ => return None,
    };
    fields(rest.get(addresses..)?, header)?;
    Some(source)
}

/// Every field ends where the next begins, and where one holds a checksum it is right.
fn fields(mut rest: &[u8], header: &[u8]) -> Option<()> {
    let mut has_checksum = false;
    while !rest.is_empty() {
        let at = header.len().checked_sub(rest.len())?;
        let [kind, high, low] = *rest.first_chunk()?;
        let length = usize::from(u16::from_be_bytes([high, low]));
        let value = rest.get(3..3 + length)?;
        if kind == CHECKSUM {
            let said = u32::from_be_bytes(*value.first_chunk().filter(|_| length == 4 && !has_checksum)?);
            has_checksum = true;
            let before = header.get(..at + 3)?;
            let after = header.get(at + 7..)?;
            let found = crc32c::crc32c_append(crc32c::crc32c_append(crc32c::crc32c(before), &[0; 4]), after);
            if said != found {
                return None;
            }
        }
        rest = rest.get(3 + length..)?;
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn header(version: u8, family: u8, rest: &[u8]) -> Vec<u8> {
        let length = u16::try_from(rest.len()).unwrap().to_be_bytes();
        [&SIGNATURE[..], &[version, family], &length, rest].concat()
    }

    const V4: [u8; 12] = [203, 0, 113, 9, 10, 0, 0, 1, 0x30, 0x39, 0, 80];

    fn told(bytes: &[u8]) -> Option<Source> {
        match ProxyHeader::read(bytes) {
            ProxyHeader::Whole { bytes: length, source } => {
                assert!(length <= bytes.len());
                Some(source)
            }
            ProxyHeader::Needs(needed) => {
                assert!(needed > bytes.len());
                None
            }
            ProxyHeader::Bad => None,
        }
    }

    #[test]
    fn sound_headers_say_for_whom() {
        let client = Source::Ip("203.0.113.9".parse().unwrap());
        let mut v6 = [0; 36];
        v6[..16].copy_from_slice(&"2001:db8::7".parse::<Ipv6Addr>().unwrap().octets());
        let mut mapped = [0; 36];
        mapped[..16].copy_from_slice(&"::ffff:203.0.113.9".parse::<Ipv6Addr>().unwrap().octets());
        for (bytes, expected) in [
            (header(0x21, 0x11, &V4), client),
            (header(0x21, 0x11, &[&V4[..], &[0x04, 0, 2, 9, 9]].concat()), client),
            (header(0x21, 0x21, &v6), Source::Ip("2001:db8::7".parse().unwrap())),
            (header(0x21, 0x21, &mapped), client),
            (header(0x21, 0x31, &[b'x'; 216]), Source::Unix),
            (header(0x21, 0x00, b""), Source::Itself),
            (header(0x20, 0x00, b""), Source::Itself),
            (header(0x20, 0x11, b"anything"), Source::Itself),
        ] {
            assert_eq!(told(&bytes), Some(expected), "{bytes:?}");
            let followed = [&bytes[..], b"GET / HTTP/1.1"].concat();
            assert_eq!(
                ProxyHeader::read(&followed),
                ProxyHeader::Whole { bytes: bytes.len(), source: expected }
            );
        }
    }

    #[test]
    fn what_is_odd_is_no_header() {
        let field = |rest: &[u8]| header(0x21, 0x11, &[&V4[..], rest].concat());
        for (what, bytes) in [
            ("version 1", b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n".to_vec()),
            ("a request", b"GET / HTTP/1.1\r\n\r\n".to_vec()),
            ("a version to come", header(0x31, 0x11, &V4)),
            ("version 0", header(0x01, 0x11, &V4)),
            ("a command that is none", header(0x22, 0x11, &V4)),
            ("datagrams", header(0x21, 0x12, &V4)),
            ("a family that is none", header(0x21, 0x41, &V4)),
            ("a protocol without a family", header(0x21, 0x01, &V4)),
            ("addresses that are cut", header(0x21, 0x11, &V4[..11])),
            ("IPv6 with the addresses of IPv4", header(0x21, 0x21, &V4)),
            ("a Unix path that is cut", header(0x21, 0x31, &[0; 215])),
            ("no addresses", header(0x21, 0x11, b"")),
            ("a field without a length", field(&[4, 0])),
            ("a field that is cut", field(&[4, 0, 2, 9])),
            ("a checksum of three bytes", field(&[CHECKSUM, 0, 3, 1, 2, 3])),
            ("a wrong checksum", field(&[CHECKSUM, 0, 4, 1, 2, 3, 4])),
            ("too long", header(0x21, 0x11, &[0; 4096])),
        ] {
            assert_eq!(ProxyHeader::read(&bytes), ProxyHeader::Bad, "{what}");
        }
    }

    #[test]
    fn a_checksum_is_over_all_of_the_header() {
        let mut bytes = header(0x21, 0x11, &[&V4[..], &[CHECKSUM, 0, 4, 0, 0, 0, 0], &[4, 0, 1, 7]].concat());
        let sum = crc32c::crc32c(&bytes).to_be_bytes();
        bytes[31..35].copy_from_slice(&sum);
        assert!(told(&bytes).is_some());
        for at in [16, 27, 38] {
            let mut other = bytes.clone();
            other[at] ^= 1;
            assert_eq!(ProxyHeader::read(&other), ProxyHeader::Bad, "{at}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_have_a_verdict(bytes in proptest::collection::vec(any::<u8>(), 0..300), v in 0x1f..0x23_u8, f in 0..0x40_u8) {
            told(&bytes);
            told(&header(v, f, &bytes));
        }

        /// However it is cut, the whole says what its pieces waited for.
        #[test]
        fn a_header_that_is_cut_only_waits(rest in proptest::collection::vec(any::<u8>(), 0..40), cut in 0..100_usize) {
            let bytes = header(0x21, 0x11, &[&V4[..], &rest].concat());
            let cut = cut.min(bytes.len() - 1);
            prop_assert!(matches!(ProxyHeader::read(&bytes[..cut]), ProxyHeader::Needs(_)));
        }
    }
}
