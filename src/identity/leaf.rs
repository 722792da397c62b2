//! What a client's certificate says beside its signature, which TLS has verified by the time that it is read here.
//!
//! Only the walk to three extensions and the validity: the library that verifies tells neither key usage nor time. DER has one
//! spelling for everything (X.690 section 10), and what is spelled otherwise is refused.
//! Never: verifies a certificate, or reads one that nobody has verified as if it had been.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;

/// A certificate, as far as it is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leaf {
    /// Valid from this second since 1970 on.
    pub not_before: u64,
    /// No longer valid from this second since 1970 on.
    pub not_after: u64,
    /// Every URI among its alternative names, as bytes.
    pub uris: Vec<Box<[u8]>>,
    /// May it sign certificates?
    pub is_ca: bool,
    /// What its key may be used for, if it says so.
    pub usage: Option<Usage>,
}

/// What a certificate's key may be used for (RFC 5280 section 4.2.1.3), as far as it matters here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usage {
    /// To sign what is not a certificate or a list of revoked ones.
    pub digital_signature: bool,
    /// To sign certificates.
    pub key_cert_sign: bool,
    /// To sign lists of revoked ones.
    pub crl_sign: bool,
}

const INTEGER: u8 = 0x02;
const BOOLEAN: u8 = 0x01;
const BIT_STRING: u8 = 0x03;
const OCTET_STRING: u8 = 0x04;
const OID: u8 = 0x06;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const SEQUENCE: u8 = 0x30;
/// `[0] EXPLICIT` of the version, and `[3] EXPLICIT` of the extensions.
const VERSION: u8 = 0xa0;
const EXTENSIONS: u8 = 0xa3;
/// `uniformResourceIdentifier [6] IA5String` among the alternative names.
const URI: u8 = 0x86;

/// 2.5.29.15, .17 and .19.
const KEY_USAGE: &[u8] = &[0x55, 0x1d, 0x0f];
const ALTERNATIVE_NAMES: &[u8] = &[0x55, 0x1d, 0x11];
const BASIC_CONSTRAINTS: &[u8] = &[0x55, 0x1d, 0x13];

/// What is left to read.
struct Der<'a>(&'a [u8]);

impl<'a> Der<'a> {
    /// The next value, whatever it is: its tag and content.
    fn any(&mut self) -> Option<(u8, &'a [u8])> {
        let (&[tag, first], rest) = self.0.split_first_chunk()?;
        // Tags of more than one byte occur in no certificate.
        if tag & 0x1f == 0x1f {
            return None;
        }
        let (length, rest) = match first {
            0..=0x7f => (usize::from(first), rest),
            0x81 => {
                let (&[length], rest) = rest.split_first_chunk()?;
                (usize::from(Some(length).filter(|length| *length > 0x7f)?), rest)
            }
            0x82 => {
                let (length, rest) = rest.split_first_chunk::<2>()?;
                (usize::from(Some(u16::from_be_bytes(*length)).filter(|length| *length > 0xff)?), rest)
            }
            _ => return None,
        };
        let (content, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        Some((tag, content))
    }

    fn one(&mut self, tag: u8) -> Option<&'a [u8]> {
        self.any().filter(|(found, _)| *found == tag).map(|(_, content)| content)
    }

    fn next_is(&self, tag: u8) -> bool {
        self.0.first() == Some(&tag)
    }

    fn end(&self) -> Option<()> {
        self.0.is_empty().then_some(())
    }
}

impl Leaf {
    /// Reads a certificate of X.509, version 3; `None` where it is none, or says something twice.
    #[must_use]
    pub fn read(der: &[u8]) -> Option<Self> {
        let mut outer = Der(der);
        let mut certificate = Der(outer.one(SEQUENCE)?);
        outer.end()?;
        let mut signed = Der(certificate.one(SEQUENCE)?);
        (signed.one(VERSION)? == [INTEGER, 1, 2]).then_some(())?;
        signed.one(INTEGER)?;
        signed.one(SEQUENCE)?;
        signed.one(SEQUENCE)?;
        let mut validity = Der(signed.one(SEQUENCE)?);
        let (not_before, not_after) = (time(&mut validity)?, time(&mut validity)?);
        validity.end()?;
        signed.one(SEQUENCE)?;
        signed.one(SEQUENCE)?;
        let mut leaf = Self { not_before, not_after, uris: Vec::new(), is_ca: false, usage: None };
        while !signed.0.is_empty() {
            // Two unique identifiers may stand before the extensions, which are last.
            let (tag, content) = signed.any()?;
            if tag == EXTENSIONS {
                signed.end()?;
                leaf.extensions(content)?;
            }
        }
        Some(leaf)
    }

    fn extensions(&mut self, content: &[u8]) -> Option<()> {
        let mut outer = Der(content);
        let mut all = Der(outer.one(SEQUENCE)?);
        outer.end()?;
        let mut seen: Vec<&[u8]> = Vec::new();
        while !all.0.is_empty() {
            let mut extension = Der(all.one(SEQUENCE)?);
            let name = extension.one(OID)?;
            if extension.next_is(BOOLEAN) {
                (extension.one(BOOLEAN)? == [0xff]).then_some(())?;
            }
            let value = extension.one(OCTET_STRING)?;
            extension.end()?;
            if seen.contains(&name) {
                return None;
            }
            seen.push(name);
            match name {
                KEY_USAGE => self.usage = Some(usage(value)?),
                ALTERNATIVE_NAMES => self.uris = uris(value)?,
                BASIC_CONSTRAINTS => self.is_ca = is_ca(value)?,
                _ => {}
            }
        }
        Some(())
    }
}

fn usage(value: &[u8]) -> Option<Usage> {
    let mut outer = Der(value);
    let bits = outer.one(BIT_STRING)?;
    outer.end()?;
    // The first byte says how many bits of the last one do not count.
    let (unused, bits) = bits.split_first()?;
    let first = *bits.first()?;
    (*unused < 8).then_some(())?;
    let has = |bit: u8| first & (0x80 >> bit) != 0;
    Some(Usage { digital_signature: has(0), key_cert_sign: has(5), crl_sign: has(6) })
}

fn uris(value: &[u8]) -> Option<Vec<Box<[u8]>>> {
    let mut outer = Der(value);
    let mut names = Der(outer.one(SEQUENCE)?);
    outer.end()?;
    let mut uris = Vec::new();
    while !names.0.is_empty() {
        let (tag, content) = names.any()?;
        if tag == URI {
            uris.push(content.into());
        }
    }
    Some(uris)
}

fn is_ca(value: &[u8]) -> Option<bool> {
    let mut outer = Der(value);
    let mut constraints = Der(outer.one(SEQUENCE)?);
    outer.end()?;
    // `FALSE` is the default, and DER leaves defaults out; but authorities have been seen to write it.
    match constraints.next_is(BOOLEAN).then(|| constraints.one(BOOLEAN)) {
        None => Some(false),
        Some(Some([0xff])) => Some(true),
        Some(Some([0x00])) => Some(false),
        Some(_) => None,
    }
}

/// `YYMMDDHHMMSSZ`, or with four digits of the year (RFC 5280 section 4.1.2.5).
fn time(der: &mut Der<'_>) -> Option<u64> {
    let (tag, content) = der.any()?;
    let (digits, last) = content.split_at_checked(content.len().checked_sub(1)?)?;
    if last != b"Z" || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let number = |digits: &[u8]| digits.iter().fold(0_i16, |sum, digit| sum * 10 + i16::from(digit - b'0'));
    let (year, rest) = match (tag, digits.len()) {
        (UTC_TIME, 12) => {
            let (year, rest) = digits.split_at_checked(2)?;
            let year = number(year);
            (if year < 50 { 2_000 + year } else { 1_900 + year }, rest)
        }
        (GENERALIZED_TIME, 14) => {
            let (year, rest) = digits.split_at_checked(4)?;
            (number(year), rest)
        }
        _ => return None,
    };
    let part = |at: usize| i8::try_from(number(rest.get(at..at + 2)?)).ok();
    let time = DateTime::new(year, part(0)?, part(2)?, part(4)?, part(6)?, part(8)?, 0).ok()?;
    // What ended before 1970 has ended.
    Some(u64::try_from(time.to_zoned(TimeZone::UTC).ok()?.timestamp().as_second()).unwrap_or(0))
}
