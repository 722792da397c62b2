//! Writes again what [`super::Tokens`] read: the same bytes, for each value has one spelling.
//!
//! Never: bounds or cuts anything; [`super::Pen`] did that when the record was made.
//! INVARIANT: a record's tokens, written again, are its bytes (`tokens_written_again_are_the_bytes_they_were_read_from`).

use std::net::IpAddr;

use crate::audit::entry::Entry;
use crate::audit::entry::Kind;
use crate::audit::entry::VERSION;
use crate::audit::entry::Value;
use crate::audit::entry::tag;

/// Appends the head of a record.
pub fn append_head(out: &mut Vec<u8>, entry: &Entry<'_>) {
    out.extend_from_slice(&[VERSION, entry.kind.code(), u8::from(entry.mirror)]);
    out.extend_from_slice(&entry.seq.to_le_bytes());
    out.extend_from_slice(&entry.time_ms.to_le_bytes());
    counted(out, entry.book.as_bytes());
}

/// Appends one token: the key's code, or 0 within a list and at an end, and its value.
pub fn append(out: &mut Vec<u8>, key: u8, value: &Value<'_>) {
    if key != 0 {
        out.push(key);
    }
    append_value(out, value);
}

/// Appends a value, or the end of one that holds others.
pub fn append_value(out: &mut Vec<u8>, value: &Value<'_>) {
    match value {
        Value::Text(text, cut) => {
            out.push(if *cut { tag::CUT_TEXT } else { tag::TEXT });
            counted(out, text.as_bytes());
        }
        Value::Bytes(bytes, cut) => {
            out.push(if *cut { tag::CUT_BYTES } else { tag::BYTES });
            counted(out, bytes);
        }
        Value::Number(number) => {
            out.push(tag::NUMBER);
            varint(out, *number);
        }
        Value::Id(id) => {
            out.push(tag::ID);
            out.extend_from_slice(id.as_bytes());
        }
        Value::Hex(bytes) => {
            // Its length was read from one byte.
            let [length, ..] = bytes.len().to_le_bytes();
            out.extend_from_slice(&[tag::HEX, length]);
            out.extend_from_slice(bytes);
        }
        Value::Time(time_ms) => {
            out.push(tag::TIME);
            out.extend_from_slice(&time_ms.to_le_bytes());
        }
        Value::Ip(IpAddr::V4(ip)) => {
            out.extend_from_slice(&[tag::IP, 4]);
            out.extend_from_slice(&ip.octets());
        }
        Value::Ip(IpAddr::V6(ip)) => {
            out.extend_from_slice(&[tag::IP, 16]);
            out.extend_from_slice(&ip.octets());
        }
        Value::Object => out.push(tag::OBJECT),
        Value::List => out.push(tag::LIST),
        Value::ObjectEnd => out.push(0),
        Value::ListEnd(cut) => out.push(if *cut { tag::CUT_LIST } else { tag::WHOLE }),
    }
}

fn counted(out: &mut Vec<u8>, bytes: &[u8]) {
    varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

/// Appends a number in groups of seven bits, the lowest first.
pub fn varint(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        let [low, ..] = number.to_le_bytes();
        out.push(low | 0x80);
        number >>= 7;
    }
    let [low, ..] = number.to_le_bytes();
    out.push(low);
}

impl Kind {
    /// The kind that a word of a JSON line stands for.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }
}

impl<'a> Entry<'a> {
    /// The head of a record whose fields are elsewhere.
    #[must_use]
    pub const fn head(kind: Kind, mirror: bool, (seq, time_ms): (u64, u64), book: &'a str) -> Self {
        Self { kind, mirror, seq, time_ms, book, fields: &[], at: 0 }
    }
}
