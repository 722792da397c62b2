//! Reads one record back.
//!
//! Never: reads past what is there, allocates, or takes a spelling that [`super::Pen`] would not have written where two
//! spellings would mean the same.

use std::fmt;
use std::net::IpAddr;

use crate::audit::entry::HEAD_BYTES;
use crate::audit::entry::Kind;
use crate::audit::entry::VERSION;
use crate::audit::entry::keys;
use crate::audit::entry::tag;
use crate::ids::DecisionId;

/// The bytes are no record: where in them, in bytes from the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Malformed {
    /// The place.
    pub at: usize,
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no record of a version that is known here (byte {})", self.at)
    }
}

impl std::error::Error for Malformed {}

/// A record: its head, and its fields yet to be read.
#[derive(Debug, Clone, Copy)]
pub struct Entry<'a> {
    /// What it is.
    pub kind: Kind,
    /// Another book holds it in full.
    pub mirror: bool,
    /// Its number in the log, from 0 on without holes.
    pub seq: u64,
    /// When it was made, in milliseconds since 1970.
    pub time_ms: u64,
    /// The tenant whose book it stands in; empty for the program's own.
    pub book: &'a str,
    pub(super) fields: &'a [u8],
    pub(super) at: usize,
}

/// A value of a record, or the end of one that holds others.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Value<'a> {
    /// Text, and whether it was cut at its bound.
    Text(&'a str, bool),
    /// Text that is not UTF-8, and whether it was cut.
    Bytes(&'a [u8], bool),
    /// A number.
    Number(u64),
    /// The id of a decision.
    Id(DecisionId),
    /// Bytes that are written as hexadecimal digits.
    Hex(&'a [u8]),
    /// A time in milliseconds since 1970.
    Time(u64),
    /// An address.
    Ip(IpAddr),
    /// What follows is within an object.
    Object,
    /// The object ends.
    ObjectEnd,
    /// What follows are the items of a list.
    List,
    /// The list ends, and whether it was cut at its bound.
    ListEnd(bool),
}

impl<'a> Entry<'a> {
    /// Reads the head of a record.
    ///
    /// # Errors
    /// Where it is none, or of another version.
    pub fn read(record: &'a [u8]) -> Result<Self, Malformed> {
        Self::versioned(record, VERSION)
    }

    /// The same of what begins with this version.
    pub(super) fn versioned(record: &'a [u8], expected: u8) -> Result<Self, Malformed> {
        let malformed = |at| Malformed { at };
        let (head, rest) = record.split_first_chunk::<HEAD_BYTES>().ok_or(malformed(record.len()))?;
        let ([version, kind, flags], numbers) = head.split_first_chunk().ok_or(malformed(0))?;
        if *version != expected {
            return Err(malformed(0));
        }
        let kind = Kind::from_code(*kind).ok_or(malformed(1))?;
        if *flags > 1 {
            return Err(malformed(2));
        }
        let ([seq, time], _) = numbers.as_chunks::<8>() else { return Err(malformed(3)) };
        let mut reader = Reader { bytes: rest, at: HEAD_BYTES };
        let book = reader.text()?;
        Ok(Self {
            kind,
            mirror: *flags == 1,
            seq: u64::from_le_bytes(*seq),
            time_ms: u64::from_le_bytes(*time),
            book,
            fields: reader.bytes,
            at: reader.at,
        })
    }

    /// The fields, one after the other.
    #[must_use]
    pub const fn tokens(&self) -> Tokens<'a> {
        Tokens { reader: Reader { bytes: self.fields, at: self.at }, lists: 1, broken: false }
    }

    /// The value of a field that stands in the record itself, where it has one.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<Value<'a>> {
        let mut depth = 0_u32;
        for token in self.tokens() {
            let (key, value) = token.ok()?;
            match value {
                Value::ObjectEnd | Value::ListEnd(_) => depth = depth.saturating_sub(1),
                _ if depth == 0 && keys::name(key) == Some(name) => return Some(value),
                Value::Object | Value::List => depth += 1,
                Value::Text(..)
                | Value::Bytes(..)
                | Value::Number(_)
                | Value::Id(_)
                | Value::Hex(_)
                | Value::Time(_)
                | Value::Ip(_) => {}
            }
        }
        None
    }
}

/// The fields of a record, each a key's code (0 within a list and at an end) and a value.
///
/// Ends after the first error.
#[derive(Debug, Clone)]
pub struct Tokens<'a> {
    reader: Reader<'a>,
    /// What is open, the innermost last: 0 an object, 1 a list; above them all a 1 that marks the outermost.
    lists: u64,
    broken: bool,
}

impl<'a> Iterator for Tokens<'a> {
    type Item = Result<(u8, Value<'a>), Malformed>;

    fn next(&mut self) -> Option<Self::Item> {
        let outermost = self.lists == 1;
        if self.broken || (outermost && self.reader.bytes.is_empty()) {
            return None;
        }
        let token = self.token(outermost);
        self.broken = token.is_err();
        Some(token)
    }
}

impl<'a> Tokens<'a> {
    fn token(&mut self, outermost: bool) -> Result<(u8, Value<'a>), Malformed> {
        let at = self.reader.at;
        let in_list = !outermost && self.lists & 1 == 1;
        if in_list {
            let tag = self.reader.byte()?;
            if matches!(tag, tag::WHOLE | tag::CUT_LIST) {
                self.lists >>= 1;
                return Ok((0, Value::ListEnd(tag == tag::CUT_LIST)));
            }
            return Ok((0, self.value(tag)?));
        }
        let key = self.reader.byte()?;
        if key == 0 {
            if outermost {
                return Err(Malformed { at });
            }
            self.lists >>= 1;
            return Ok((0, Value::ObjectEnd));
        }
        keys::name(key).ok_or(Malformed { at })?;
        let tag = self.reader.byte()?;
        Ok((key, self.value(tag)?))
    }

    fn open(&mut self, list: bool) -> Result<(), Malformed> {
        // Nothing is written that is nested by more than the chain of actors is long: 63 is plenty.
        if self.lists.leading_zeros() == 0 {
            return Err(Malformed { at: self.reader.at });
        }
        self.lists = self.lists << 1 | u64::from(list);
        Ok(())
    }

    fn value(&mut self, tag: u8) -> Result<Value<'a>, Malformed> {
        let at = self.reader.at.saturating_sub(1);
        let reader = &mut self.reader;
        Ok(match tag {
            tag::TEXT | tag::CUT_TEXT => Value::Text(reader.text()?, tag == tag::CUT_TEXT),
            tag::BYTES | tag::CUT_BYTES => {
                let bytes = reader.counted()?;
                if simdutf8::basic::from_utf8(bytes).is_ok() && tag == tag::BYTES {
                    return Err(Malformed { at });
                }
                Value::Bytes(bytes, tag == tag::CUT_BYTES)
            }
            tag::NUMBER => Value::Number(reader.varint()?),
            tag::ID => Value::Id(DecisionId::from_bytes(reader.chunk()?)),
            tag::HEX => {
                let length = usize::from(reader.byte()?);
                Value::Hex(reader.take(length)?)
            }
            tag::TIME => Value::Time(u64::from_le_bytes(reader.chunk()?)),
            tag::IP => match reader.byte()? {
                4 => Value::Ip(IpAddr::from(reader.chunk::<4>()?)),
                16 => Value::Ip(IpAddr::from(reader.chunk::<16>()?)),
                _ => return Err(Malformed { at }),
            },
            tag::OBJECT => {
                self.open(false)?;
                Value::Object
            }
            tag::LIST => {
                self.open(true)?;
                Value::List
            }
            _ => return Err(Malformed { at }),
        })
    }
}

#[derive(Debug, Clone, Copy)]
struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Result<&'a [u8], Malformed> {
        let (taken, rest) = self.bytes.split_at_checked(length).ok_or(Malformed { at: self.at })?;
        (self.bytes, self.at) = (rest, self.at + length);
        Ok(taken)
    }

    fn chunk<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        self.take(N)?.try_into().map_err(|_| Malformed { at: self.at })
    }

    fn byte(&mut self) -> Result<u8, Malformed> {
        self.chunk::<1>().map(|[byte]| byte)
    }

    fn varint(&mut self) -> Result<u64, Malformed> {
        let at = self.at;
        let mut number = 0_u64;
        for shift in (0..u64::BITS).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            if bits << shift >> shift != bits {
                return Err(Malformed { at });
            }
            number |= bits << shift;
            if byte < 0x80 {
                // A last byte of zero would be a second spelling of the same number.
                return if byte == 0 && shift > 0 { Err(Malformed { at }) } else { Ok(number) };
            }
        }
        Err(Malformed { at })
    }

    fn counted(&mut self) -> Result<&'a [u8], Malformed> {
        let length = usize::try_from(self.varint()?).map_err(|_| Malformed { at: self.at })?;
        self.take(length)
    }

    fn text(&mut self) -> Result<&'a str, Malformed> {
        let at = self.at;
        simdutf8::basic::from_utf8(self.counted()?).map_err(|_| Malformed { at })
    }
}
