//! The texts and numbers of JSON: where a plain run ends, escapes, UTF-8, one number.
//!
//! Never: accepts what RFC 8259 or RFC 3629 do not.

const ONES: u64 = 0x0101_0101_0101_0101;
const TOPS: u64 = 0x8080_8080_8080_8080;

/// For each byte, its top bit, if it is a quote, a backslash, a control or not ASCII. Exact for the lowest such byte;
/// those above it may be flagged wrongly (the borrow), so only the lowest may be used.
const fn special(word: u64) -> u64 {
    let quote = word ^ (ONES * 0x22);
    let backslash = word ^ (ONES * 0x5c);
    let control = word.wrapping_sub(ONES * 0x20) & !word;
    let quote = quote.wrapping_sub(ONES) & !quote;
    let backslash = backslash.wrapping_sub(ONES) & !backslash;
    (word | control | quote | backslash) & TOPS
}

const fn is_special(byte: u8) -> bool {
    matches!(byte, b'"' | b'\\' | 0..0x20 | 0x80..)
}

/// The position, from `at` on, of the first byte that is not plain text within a string.
#[inline]
pub(super) fn plain_run(bytes: &[u8], at: usize) -> usize {
    let mut rest = bytes.get(at..).unwrap_or_default();
    let mut at = at;
    while let Some((block, tail)) = rest.split_first_chunk::<8>() {
        let found = special(u64::from_le_bytes(*block));
        if found != 0 {
            return at + (found.trailing_zeros() / 8) as usize;
        }
        at += 8;
        rest = tail;
        // A text that is long already is looked at in blocks that the compiler turns into vector instructions.
        if at & 63 == 0 {
            while let Some((block, tail)) = rest.split_first_chunk::<32>() {
                if block.iter().fold(false, |any, byte| any | is_special(*byte)) {
                    break;
                }
                at += 32;
                rest = tail;
            }
        }
    }
    at + rest.iter().position(|byte| is_special(*byte)).unwrap_or(rest.len())
}

/// The position, from `at` on, of the first byte that is not white space.
#[inline]
pub(super) fn skip_space(bytes: &[u8], mut at: usize) -> usize {
    loop {
        match bytes.get(at) {
            Some(b' ' | b'\n' | b'\r' | b'\t') => at += 1,
            Some(_) | None => return at,
        }
        while bytes.get(at..).and_then(|rest| rest.first_chunk::<8>()) == Some(b"        ") {
            at += 8;
        }
    }
}

/// What a string still owes after the bytes seen so far: the rest of an escape or of a UTF-8 sequence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Owed {
    Nothing,
    Escape,
    Hex(u8),
    /// So many bytes; the next of them within these bounds, those after it within 80 and BF.
    Tail {
        count: u8,
        low: u8,
        high: u8,
    },
}

impl Owed {
    /// What the string owes after this byte, which is not its closing quote; `None` if the byte may not stand there.
    #[inline]
    pub(super) const fn after(self, byte: u8) -> Option<Self> {
        match self {
            Self::Nothing => match byte {
                b'\\' => Some(Self::Escape),
                0x20..0x80 => Some(Self::Nothing),
                _ => Self::lead(byte),
            },
            Self::Escape => match byte {
                b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Some(Self::Nothing),
                b'u' => Some(Self::Hex(4)),
                _ => None,
            },
            Self::Hex(count) => match (byte.is_ascii_hexdigit(), count) {
                (false, _) => None,
                (true, ..=1) => Some(Self::Nothing),
                (true, _) => Some(Self::Hex(count - 1)),
            },
            Self::Tail { count, low, high } => {
                if byte < low || byte > high {
                    None
                } else if count <= 1 {
                    Some(Self::Nothing)
                } else {
                    Some(Self::Tail { count: count - 1, low: 0x80, high: 0xbf })
                }
            }
        }
    }

    /// What the first byte of a UTF-8 sequence makes owed (RFC 3629, section 4).
    const fn lead(byte: u8) -> Option<Self> {
        let (count, low, high) = match byte {
            0xc2..=0xdf => (1, 0x80, 0xbf),
            0xe0 => (2, 0xa0, 0xbf),
            0xe1..=0xec | 0xee | 0xef => (2, 0x80, 0xbf),
            0xed => (2, 0x80, 0x9f),
            0xf0 => (3, 0x90, 0xbf),
            0xf1..=0xf3 => (3, 0x80, 0xbf),
            0xf4 => (3, 0x80, 0x8f),
            _ => return None,
        };
        Some(Self::Tail { count, low, high })
    }
}

/// How far a number has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Number {
    Start,
    Minus,
    Zero,
    Whole,
    Point,
    Fraction,
    E,
    Sign,
    Exponent,
}

impl Number {
    /// The number with one more byte; `None` if the byte does not go on with it.
    #[inline]
    pub(super) const fn after(self, byte: u8) -> Option<Self> {
        match (self, byte) {
            (Self::Start, b'-') => Some(Self::Minus),
            (Self::Start | Self::Minus, b'0') => Some(Self::Zero),
            (Self::Start | Self::Minus, b'1'..=b'9') | (Self::Whole, b'0'..=b'9') => Some(Self::Whole),
            (Self::Zero | Self::Whole, b'.') => Some(Self::Point),
            (Self::Point | Self::Fraction, b'0'..=b'9') => Some(Self::Fraction),
            (Self::Zero | Self::Whole | Self::Fraction, b'e' | b'E') => Some(Self::E),
            (Self::E, b'+' | b'-') => Some(Self::Sign),
            (Self::E | Self::Sign | Self::Exponent, b'0'..=b'9') => Some(Self::Exponent),
            _ => None,
        }
    }

    /// May the number end here?
    pub(super) const fn is_whole(self) -> bool {
        matches!(self, Self::Zero | Self::Whole | Self::Fraction | Self::Exponent)
    }
}

/// The text that the inside of a JSON string stands for. `None` if it is not valid, or no Unicode text: half of a
/// surrogate pair, which every parser maps to something else.
pub(super) fn unescape(raw: &[u8]) -> Option<String> {
    let mut text = String::with_capacity(raw.len());
    let mut rest = simdutf8::basic::from_utf8(raw).ok()?;
    loop {
        // What stands between escapes is copied as it is.
        let end = memchr::memchr(b'\\', rest.as_bytes());
        let (plain, escape) = rest.split_at_checked(end.unwrap_or(rest.len()))?;
        if plain.bytes().fold(false, |is_bad, byte| is_bad | (byte == b'"') | (byte < 0x20)) {
            return None;
        }
        text.push_str(plain);
        if end.is_none() {
            return Some(text);
        }
        let mut next = escape.chars();
        next.next();
        text.push(match next.next()? {
            c @ ('"' | '\\' | '/') => c,
            'b' => '\x08',
            'f' => '\x0c',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'u' => escaped_unit(&mut next)?,
            _ => return None,
        });
        rest = next.as_str();
    }
}

/// The same of a string that is valid, with U+FFFD for each half of a surrogate pair.
pub(super) fn unescape_lossy(raw: &str) -> String {
    let mut text = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(at) = rest.find('\\') {
        let (before, escape) = rest.split_at_checked(at).unwrap_or_default();
        text.push_str(before);
        // A pair, one unit, or one letter.
        let length = [12, 6, 2].into_iter().find_map(|length| {
            let part = escape.get(..length)?;
            let one = unescape(part.as_bytes())?;
            let is_one = one.chars().count() == 1;
            is_one.then(|| text.push_str(&one)).map(|()| length)
        });
        let length = length.unwrap_or_else(|| {
            text.push(char::REPLACEMENT_CHARACTER);
            6
        });
        rest = escape.get(length..).unwrap_or_default();
    }
    text.push_str(rest);
    text
}

/// The character of a `\u` escape, and of the second one that completes it.
fn escaped_unit(rest: &mut std::str::Chars<'_>) -> Option<char> {
    let unit = hex4(rest)?;
    if !(0xd800..0xdc00).contains(&unit) {
        return char::from_u32(unit);
    }
    if rest.next()? != '\\' || rest.next()? != 'u' {
        return None;
    }
    let low = hex4(rest)?;
    if !(0xdc00..0xe000).contains(&low) {
        return None;
    }
    char::from_u32(0x1_0000 + ((unit - 0xd800) << 10) + (low - 0xdc00))
}

fn hex4(rest: &mut std::str::Chars<'_>) -> Option<u32> {
    (0..4).try_fold(0, |unit, _| Some(unit << 4 | rest.next()?.to_digit(16)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_plain_run_ends_where_a_byte_by_byte_search_says(
            mut bytes in proptest::collection::vec(0x23_u8..0x5c, 0..200),
            wild in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
            from in 0_usize..64,
        ) {
            for (at, byte) in wild {
                if !bytes.is_empty() {
                    let at = at.index(bytes.len());
                    bytes[at] = byte;
                }
            }
            let from = from.min(bytes.len());
            let naive = bytes[from..].iter().position(|b| is_special(*b)).map_or(bytes.len(), |at| from + at);
            prop_assert_eq!(plain_run(&bytes, from), naive);
        }

        #[test]
        fn owed_accepts_exactly_the_utf8_that_the_standard_library_accepts(
            bytes in proptest::collection::vec(prop_oneof![0x80_u8..=0xff, 0x30_u8..0x40], 0..6),
        ) {
            let end = bytes.iter().try_fold(Owed::Nothing, |owed, byte| owed.after(*byte));
            prop_assert_eq!(end == Some(Owed::Nothing), std::str::from_utf8(&bytes).is_ok());
        }
    }

    #[test]
    fn half_of_a_surrogate_pair_is_no_text() {
        assert_eq!(unescape(br"\ud83d\ude00\u0073"), Some("😀s".to_owned()));
        for raw in
            [&br"\ud83d"[..], br"\ude00", br"\ud83dx", br"\ud83d\u0041", br"\u12", br"\x", b"\xff", b"\n"]
        {
            assert_eq!(unescape(raw), None);
        }
    }
}
