//! A text as its reader sees it: other forms of digits, spaces and hyphens become plain, what is not drawn goes.
//!
//! `４１１１` and `4111` are one number to whoever reads it, and so is one with a soft hyphen or a zero-width space in it.
//! Never: changes a text without any of these; of most texts a look at their bytes says so.

use super::glance::signs;
use super::glance::signs::Each;
use super::glance::signs::Signs;

/// A text made plain, with where each byte was.
pub(super) struct Plain {
    pub(super) bytes: Vec<u8>,
    from: Vec<usize>,
    len: usize,
}

impl Plain {
    /// Where bytes of the plain text stand in the text itself.
    pub(super) fn places(&self, from: usize, to: usize) -> (usize, usize) {
        let place = |at: usize| self.from.get(at).copied().unwrap_or(self.len);
        (place(from), place(to))
    }
}

/// Do characters begin with this byte that are read as others, or are not drawn? See [`read_as`].
#[inline]
pub(super) const fn is_odd(byte: u8) -> bool {
    matches!(byte, 0xc2 | 0xcd | 0xd9 | 0xdb | 0xe0 | 0xe1 | 0xe2 | 0xef | 0xf0 | 0xf3)
}

/// The text as it is read; nothing if it is plain already.
pub(super) fn plain(text: &[u8]) -> Option<Plain> {
    if !may_be_other(text) {
        return None;
    }
    let text = simdutf8::basic::from_utf8(text).ok()?;
    let mut plain = Plain { bytes: Vec::new(), from: Vec::new(), len: text.len() };
    for (at, c) in text.char_indices() {
        match if c.is_ascii() { Read::Itself } else { read_as(c) } {
            Read::Nothing => {}
            Read::As(byte) => {
                plain.bytes.push(byte);
                plain.from.push(at);
            }
            Read::Itself => {
                plain.bytes.extend(c.encode_utf8(&mut [0; 4]).bytes());
                plain.from.extend(std::iter::repeat_n(at, c.len_utf8()));
            }
        }
    }
    Some(plain)
}

/// Is a character read as another, or not drawn?
fn may_be_other(text: &[u8]) -> bool {
    struct Others<'t> {
        text: &'t [u8],
        at: usize,
        found: bool,
    }
    impl Each for Others<'_> {
        #[inline(always)]
        fn block(&mut self, signs: Signs) {
            let mut odd = signs.odd;
            while odd != 0 && !self.found {
                self.found = read(self.text, self.at + odd.trailing_zeros() as usize) != Read::Itself;
                odd &= odd.wrapping_sub(1);
            }
            self.at += 64;
        }
    }
    signs::each(text, Others { text, at: 0, found: false }).found
}

/// What the character is read as that begins here. Of bytes that are no text it may say anything.
#[inline]
pub(super) fn read(text: &[u8], at: usize) -> Read {
    let rest = text.get(at..).unwrap_or_default();
    let part = |byte: &u8, bits: u32| u32::from(*byte & 0x3f) << bits;
    let c = match rest {
        [first @ 0xc2..=0xdf, a, ..] => u32::from(first & 0x1f) << 6 | part(a, 0),
        [first @ 0xe0..=0xef, a, b, ..] => u32::from(first & 0x0f) << 12 | part(a, 6) | part(b, 0),
        [first @ 0xf0..=0xf4, a, b, c, ..] => {
            u32::from(first & 0x07) << 18 | part(a, 12) | part(b, 6) | part(c, 0)
        }
        _ => return Read::Itself,
    };
    char::from_u32(c).map_or(Read::Itself, read_as)
}

impl Read {
    /// Does it make nothing of a text in which nothing can be found: neither a digit, a letter nor a mark, and joins it nothing?
    pub(super) const fn adds_nothing(self) -> bool {
        match self {
            Self::Itself => true,
            Self::As(byte) => {
                !byte.is_ascii_alphanumeric() && !matches!(byte, b'@' | b'-' | b':' | b'*' | b'=' | b'_')
            }
            Self::Nothing => false,
        }
    }
}

/// What a character is read as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Read {
    Itself,
    As(u8),
    Nothing,
}

/// The first of ten digits in a row, of the scripts that keyboards write phone numbers in.
const ZEROS: [u32; 7] = [0x660, 0x6f0, 0x966, 0x9e6, 0xe50, 0x17e0, 0xff10];

fn read_as(c: char) -> Read {
    match c {
        // Most of what is written: nothing of what follows is among it.
        '\u{3000}'..='\u{fdff}' => Read::Itself,
        '\u{a0}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{205f}' => Read::As(b' '),
        '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{fe58}' | '\u{fe63}' => Read::As(b'-'),
        '\u{ad}'
        | '\u{34f}'
        | '\u{200b}'..='\u{200f}'
        | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{fe00}'..='\u{fe0f}'
        | '\u{feff}'
        | '\u{e0000}'..='\u{e0fff}' => Read::Nothing,
        // The forms of full width are the printable ones of ASCII, in their order.
        '\u{ff01}'..='\u{ff5e}' => Read::As(u8::try_from(u32::from(c) - 0xfee0).unwrap_or(b'?')),
        '\u{fe6b}' => Read::As(b'@'),
        _ => {
            let digit = |zero: u32| u32::from(c).checked_sub(zero).filter(|digit| *digit < 10);
            // Mathematical digits: five alphabets of ten.
            let math = u32::from(c).checked_sub(0x1d7ce).filter(|at| *at < 50).map(|at| at % 10);
            let found = ZEROS.into_iter().find_map(digit).or(math).and_then(|digit| u8::try_from(digit).ok());
            found.map_or(Read::Itself, |digit| Read::As(b'0' + digit))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_character_that_is_read_as_another_begins_with_a_byte_that_says_so() {
        for c in (0x80..=0x10_ffff).filter_map(char::from_u32) {
            let mut bytes = [0; 4];
            c.encode_utf8(&mut bytes);
            assert!(read_as(c) == Read::Itself || is_odd(bytes[0]), "{c:?}");
        }
    }

    #[test]
    fn every_character_is_told_by_its_bytes() {
        for c in (0x80..=0x10_ffff).filter_map(char::from_u32) {
            let mut bytes = [0; 4];
            let text = c.encode_utf8(&mut bytes);
            assert_eq!(read(text.as_bytes(), 0), read_as(c), "{c:?}");
        }
    }

    #[test]
    fn a_plain_text_knows_where_each_byte_was() {
        let text = "a４\u{200b}1é\u{a0}٣";
        let plain = plain(text.as_bytes()).unwrap();
        assert_eq!(str::from_utf8(&plain.bytes).unwrap(), "a41é 3");
        assert_eq!(plain.places(1, 3), (1, 8));
        assert_eq!(plain.places(6, 7), (12, 14));
        assert!(super::plain("née 1".as_bytes()).is_none());
    }
}
