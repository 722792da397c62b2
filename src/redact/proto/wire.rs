//! The wire format of Protocol Buffers: numbered fields, each of a type that tells its length.
//!
//! Never: takes a group, a field of number 0, or a number that is longer than any may be.

/// A field's value as it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Value<'a> {
    Varint(u64),
    Fixed64([u8; 8]),
    Bytes(&'a [u8]),
    Fixed32([u8; 4]),
}

impl Value<'_> {
    /// Is it 0, or nothing?
    pub(super) const fn is_zero(self) -> bool {
        match self {
            Self::Varint(number) => number == 0,
            Self::Fixed64(bytes) => u64::from_le_bytes(bytes) == 0,
            Self::Fixed32(bytes) => u32::from_le_bytes(bytes) == 0,
            Self::Bytes(bytes) => bytes.is_empty(),
        }
    }

    const fn wire_type(self) -> u64 {
        match self {
            Self::Varint(_) => 0,
            Self::Fixed64(_) => 1,
            Self::Bytes(_) => 2,
            Self::Fixed32(_) => 5,
        }
    }
}

/// The number at the beginning; `None` if it is not whole or too long.
pub(super) fn varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut number = 0_u64;
    let mut rest = bytes;
    for shift in (0..64).step_by(7) {
        let (byte, after) = rest.split_first()?;
        rest = after;
        // Of the tenth byte one bit is left.
        if shift == 63 && *byte > 1 {
            return None;
        }
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some((number, rest));
        }
    }
    None
}

pub(super) fn put_varint(mut number: u64, out: &mut Vec<u8>) {
    loop {
        let [low, ..] = number.to_le_bytes();
        number >>= 7;
        if number == 0 {
            out.push(low & 0x7f);
            return;
        }
        out.push(low | 0x80);
    }
}

/// Writes one field.
pub(super) fn put(number: u32, value: Value<'_>, out: &mut Vec<u8>) {
    put_varint(u64::from(number) << 3 | value.wire_type(), out);
    if let Value::Bytes(bytes) = value {
        put_varint(bytes.len() as u64, out);
    }
    put_value(value, out);
}

/// Writes a value without what tells its length.
pub(super) fn put_value(value: Value<'_>, out: &mut Vec<u8>) {
    match value {
        Value::Varint(number) => put_varint(number, out),
        Value::Fixed64(bytes) => out.extend_from_slice(&bytes),
        Value::Fixed32(bytes) => out.extend_from_slice(&bytes),
        Value::Bytes(bytes) => out.extend_from_slice(bytes),
    }
}

/// A field of bytes that has begun, whose length is not known yet.
#[must_use]
pub(super) struct Begun {
    /// Where its tag stands, and its length.
    tag: usize,
    length: usize,
    /// Where it begins itself.
    from: usize,
}

/// Begins a field of bytes of about this length.
pub(super) fn open(number: u32, about: usize, out: &mut Vec<u8>) -> Begun {
    let tag = out.len();
    put_varint(u64::from(number) << 3 | 2, out);
    let length = out.len();
    put_varint(about as u64, out);
    Begun { tag, length, from: out.len() }
}

/// Ends it: its length is told.
pub(super) fn close(begun: Begun, out: &mut Vec<u8>) {
    let Begun { length, from, .. } = begun;
    let mut told = Vec::new();
    put_varint((out.len() - from) as u64, &mut told);
    if told.len() == from - length {
        out.iter_mut().skip(length).zip(told).for_each(|(place, byte)| *place = byte);
    } else {
        out.splice(length..from, told);
    }
}

/// Takes it back.
pub(super) fn undo(begun: Begun, out: &mut Vec<u8>) {
    out.truncate(begun.tag);
}

/// The fields of a message, each with its number; nothing, once, where the bytes are none.
pub(super) fn fields(message: &[u8]) -> impl Iterator<Item = Option<(u32, Value<'_>)>> {
    let mut rest = message;
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        match field(rest) {
            Some((number, value, after)) => {
                rest = after;
                Some(Some((number, value)))
            }
            None => {
                rest = &[];
                Some(None)
            }
        }
    })
}

fn field(bytes: &[u8]) -> Option<(u32, Value<'_>, &[u8])> {
    let (tag, rest) = varint(bytes)?;
    let number = u32::try_from(tag >> 3).ok().filter(|number| (1..1 << 29).contains(number))?;
    let (value, rest) = match tag & 7 {
        0 => varint(rest).map(|(number, rest)| (Value::Varint(number), rest))?,
        1 => rest.split_first_chunk().map(|(bytes, rest)| (Value::Fixed64(*bytes), rest))?,
        2 => {
            let (length, rest) = varint(rest)?;
            let (bytes, rest) = rest.split_at_checked(usize::try_from(length).ok()?)?;
            (Value::Bytes(bytes), rest)
        }
        5 => rest.split_first_chunk().map(|(bytes, rest)| (Value::Fixed32(*bytes), rest))?,
        _ => return None,
    };
    Some((number, value, rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_number_is_read_back_from_what_is_written(number in any::<u64>()) {
            let mut out = Vec::new();
            put_varint(number, &mut out);
            prop_assert_eq!(varint(&out), Some((number, &[][..])));
        }
    }

    #[test]
    fn what_is_no_field_is_told_once() {
        for bytes in [
            &b"\x00\x00"[..],
            b"\x08",
            b"\x0b",
            b"\x0c",
            b"\x0e\x00",
            b"\x12\x05a",
            b"\x09\0\0",
            b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f",
        ] {
            assert_eq!(fields(bytes).collect::<Vec<_>>(), [None], "{bytes:?}");
        }
        assert_eq!(fields(b"\x08\x01\x00").collect::<Vec<_>>(), [Some((1, Value::Varint(1))), None]);
        assert_eq!(varint(b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), Some((u64::MAX, &[][..])));
        assert_eq!(varint(b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x02"), None);
    }
}
