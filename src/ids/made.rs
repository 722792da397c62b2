//! Names that nobody chose: ids of decisions, and digests.
//!
//! Never: draws a random byte or reads a clock; both are given.

use std::fmt;

/// The name of one decision: a UUID of version 7 (RFC 9562), so that records sort by time.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct DecisionId([u8; 16]);

impl DecisionId {
    /// Makes an id from a time in milliseconds since 1970 and ten bytes that no other id of that millisecond has.
    #[must_use]
    pub fn new(now_ms: u64, unique: [u8; 10]) -> Self {
        Self(uuid::Builder::from_unix_timestamp_millis(now_ms, &unique).into_uuid().into_bytes())
    }

    /// The id of these 16 bytes, as a record holds them.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// Reads the 36 characters of an id, in lower case as they are written.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let id = Self(uuid::Uuid::try_parse(text).ok()?.into_bytes());
        (id.text() == *text.as_bytes()).then_some(id)
    }

    /// When it was made, in milliseconds since 1970.
    #[must_use]
    pub const fn time_ms(self) -> u64 {
        let [a, b, c, d, e, f, ..] = self.0;
        u64::from_be_bytes([0, 0, a, b, c, d, e, f])
    }

    /// The 16 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// The 36 characters of the id.
    #[must_use]
    pub const fn text(self) -> [u8; 36] {
        let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p] = self.0;
        let [s0, s1, s2, s3, s4, s5, s6, s7] = hex8([a, b, c, d]);
        let [t0, t1, t2, t3, t4, t5, t6, t7] = hex8([e, f, g, h]);
        let [u0, u1, u2, u3, u4, u5, u6, u7] = hex8([i, j, k, l]);
        let [v0, v1, v2, v3, v4, v5, v6, v7] = hex8([m, n, o, p]);
        #[rustfmt::skip]
        let text = [
            s0, s1, s2, s3, s4, s5, s6, s7, b'-', t0, t1, t2, t3, b'-', t4, t5, t6, t7, b'-',
            u0, u1, u2, u3, b'-', u4, u5, u6, u7, v0, v1, v2, v3, v4, v5, v6, v7,
        ];
        text
    }
}

impl fmt::Display for DecisionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(std::str::from_utf8(&self.text()).unwrap_or_default())
    }
}

impl fmt::Debug for DecisionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Four bytes as eight lower-case hexadecimal digits, all eight at once: a nibble to each byte of a word, then the digits
/// and the letters told apart by a carry.
#[must_use]
pub(crate) const fn hex8(bytes: [u8; 4]) -> [u8; 8] {
    let mut word = u32::from_be_bytes(bytes) as u64;
    word = (word | word << 16) & 0x0000_ffff_0000_ffff;
    word = (word | word << 8) & 0x00ff_00ff_00ff_00ff;
    word = (word | word << 4) & 0x0f0f_0f0f_0f0f_0f0f;
    let letters = ((word + 0x0606_0606_0606_0606) >> 4) & 0x0101_0101_0101_0101;
    (word + 0x3030_3030_3030_3030 + letters * 0x27).to_be_bytes()
}

/// A SHA-256 digest (FIPS 180-4), printed as lower-case hexadecimal.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Digest([u8; 32]);

impl Digest {
    /// The digest of some bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        let mut context = aws_lc_rs::digest::Context::new(&aws_lc_rs::digest::SHA256);
        context.update(bytes);
        Self::finish(context)
    }

    /// The digest of parts, each preceded by its length, so that no two lists of parts share one.
    pub fn of_parts<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let mut context = aws_lc_rs::digest::Context::new(&aws_lc_rs::digest::SHA256);
        for part in parts {
            context.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            context.update(part);
        }
        Self::finish(context)
    }

    fn finish(context: aws_lc_rs::digest::Context) -> Self {
        let mut bytes = [0; 32];
        for (to, from) in bytes.iter_mut().zip(context.finish().as_ref()) {
            *to = *from;
        }
        Self(bytes)
    }

    /// The digest that was made elsewhere and is these bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Reads 64 lower-case hexadecimal digits, as it is printed.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (digits, rest) = text.as_bytes().as_chunks::<2>();
        let nibble = |digit: u8| match digit {
            b'0'..=b'9' => Some(digit - b'0'),
            b'a'..=b'f' => Some(digit - b'a' + 10),
            _ => None,
        };
        let bytes: Option<Vec<u8>> =
            digits.iter().map(|[high, low]| Some(nibble(*high)? << 4 | nibble(*low)?)).collect();
        let bytes = bytes?.try_into().ok().filter(|_| rest.is_empty())?;
        Some(Self(bytes))
    }

    /// The 32 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
