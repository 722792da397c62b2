//! The masks that are made from the value, and how what replaces a value is written.
//!
//! INVARIANT: what is made is not the value itself, but where a value is its own generalisation
//! (`masks::no_mask_gives_back_what_it_was_given`).
//! Never: writes anything else than one JSON value.

use super::REDACTED;
use super::Scalar;
use super::general;
use crate::redact::key::PseudonymKey;

/// A mask that looks at the value.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::redact) enum Made {
    KeepFirst(u8),
    KeepLast(u8),
    /// With the name of the class that the pseudonym is of.
    Pseudonym(Box<str>),
    /// With the name of the class that the encryption is bound to.
    Format(Box<str>),
    /// The same.
    Seal(Box<str>),
    Year,
    Bucket(u32),
    Prefix(u8),
    Network,
}

impl Made {
    /// Does it look at a value that begins with this byte? If not, the fixed text replaces it.
    pub(in crate::redact) const fn looks_at(&self, first: u8) -> bool {
        let is_number = matches!(first, b'-' | b'0'..=b'9');
        match self {
            Self::KeepFirst(_)
            | Self::KeepLast(_)
            | Self::Format(_)
            | Self::Year
            | Self::Prefix(_)
            | Self::Network => first == b'"',
            Self::Pseudonym(_) | Self::Seal(_) => first == b'"' || is_number,
            Self::Bucket(_) => is_number,
        }
    }

    /// Writes what replaces the value. The fixed text where nothing can be made of it.
    pub(in crate::redact) fn write(
        &self,
        key: Option<&PseudonymKey>,
        given: Scalar<&str>,
        out: &mut Vec<u8>,
    ) {
        let (Scalar::Text(value) | Scalar::Number(value)) = given;
        let written = match self {
            Self::KeepFirst(count) => keep_first(value, *count, out),
            Self::KeepLast(count) => keep_last(value, *count, out),
            Self::Pseudonym(class) => key.map(|key| {
                out.push(b'"');
                key.write_pseudonym(class, value, out);
                out.push(b'"');
            }),
            Self::Seal(class) => {
                key.and_then(|key| key.sealed(class, given)).map(|made| quote(made.chars(), out))
            }
            Self::Format(class) => {
                key.and_then(|key| key.formatted(class, value)).map(|made| quote(made.chars(), out))
            }
            Self::Year => general::year(value).map(|year| quote(year.chars(), out)),
            Self::Bucket(width) => general::bucket(value, *width).map(|bound| out.extend(bound.bytes())),
            Self::Prefix(count) => general::prefix(value, *count).map(|prefix| quote(prefix.chars(), out)),
            Self::Network => general::network(value).map(|network| quote(network.chars(), out)),
        };
        if written.is_none() {
            quote(REDACTED.chars(), out);
        }
    }
}

/// The text as a JSON string, quotes included.
pub(in crate::redact) fn quoted(text: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len() + 2);
    quote(text.chars(), &mut out);
    out
}

/// What is nothing in the type of a value that begins with this byte.
pub(in crate::redact) const fn typed(first: u8) -> &'static [u8] {
    match first {
        b'-' | b'0'..=b'9' => b"0",
        b't' | b'f' => b"false",
        b'n' => b"null",
        b'[' => b"[]",
        b'{' => b"{}",
        // [`REDACTED`].
        _ => b"\"[redacted]\"",
    }
}

/// Writes characters as a JSON string, quotes included.
fn quote(text: impl Iterator<Item = char>, out: &mut Vec<u8>) {
    out.push(b'"');
    for c in text {
        match c {
            '"' | '\\' => out.extend([b'\\', if c == '"' { b'"' } else { b'\\' }]),
            '\0'..='\x1f' | '\x7f' => out.extend(format!("\\u{:04x}", u32::from(c)).bytes()),
            '\u{80}'.. => out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
            _ => out.push(c as u8),
        }
    }
    out.push(b'"');
}

/// How many characters of a value are hidden, where so many may be kept: they are at most a third of it.
fn hidden(value: &str, kept: u8) -> Option<usize> {
    let (kept, characters) = (usize::from(kept), value.chars().count());
    (kept <= characters / 3).then(|| characters - kept)
}

/// Does a text look as if all but so many of its characters, which come last here, had become stars?
pub(super) fn is_starred(characters: impl Iterator<Item = char> + Clone, kept: u8) -> bool {
    let count = characters.clone().count();
    let hidden = count.saturating_sub(usize::from(kept));
    usize::from(kept) <= count / 3 && characters.take(hidden).all(|c| c == '*')
}

/// Writes the first `count` characters, and a star for each other. Nothing where the others were stars already.
fn keep_first(value: &str, count: u8, out: &mut Vec<u8>) -> Option<()> {
    let hidden = hidden(value, count)?;
    let is_starred = value.chars().skip(usize::from(count)).all(|c| c == '*');
    let kept = value.chars().take(usize::from(count));
    (!is_starred).then(|| quote(kept.chain(std::iter::repeat_n('*', hidden)), out))
}

/// Writes the last `count` characters, and a star for each other. Nothing where the others were stars already.
fn keep_last(value: &str, count: u8, out: &mut Vec<u8>) -> Option<()> {
    let hidden = hidden(value, count)?;
    let is_starred = value.chars().take(hidden).all(|c| c == '*');
    let kept = value.chars().skip(hidden);
    (!is_starred).then(|| quote(std::iter::repeat_n('*', hidden).chain(kept), out))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(made: &Made, value: &str) -> String {
        let mut out = Vec::new();
        made.write(None, Scalar::Text(value), &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn keep_last_shows_at_most_a_third_and_counts_characters() {
        let kept = |text: &str, count| made(&Made::KeepLast(count), text);
        assert_eq!(kept("123456789012", 4), "\"********9012\"");
        assert_eq!(kept("12345678901", 4), "\"[redacted]\"");
        assert_eq!(kept("äöüäöü", 2), "\"****öü\"");
        assert_eq!(kept("aaaa\"\n", 2), "\"****\\\"\\u000a\"");
        assert_eq!(kept("", 1), "\"[redacted]\"");
        assert_eq!(kept("********9012", 4), "\"[redacted]\"");
    }

    #[test]
    fn keep_first_shows_at_most_a_third_and_counts_characters() {
        let kept = |text: &str, count| made(&Made::KeepFirst(count), text);
        assert_eq!(kept("123456789012", 4), "\"1234********\"");
        assert_eq!(kept("12345678901", 4), "\"[redacted]\"");
        assert_eq!(kept("äöüäöü", 2), "\"äö****\"");
        assert_eq!(kept("\"\naaaa", 2), "\"\\\"\\u000a****\"");
        assert_eq!(kept("", 1), "\"[redacted]\"");
        assert_eq!(kept("1234********", 4), "\"[redacted]\"");
    }

    #[test]
    fn without_its_key_a_mask_hides_whole() {
        assert_eq!(made(&Made::Pseudonym("pii".into()), "Ada"), "\"[redacted]\"");
        assert_eq!(made(&Made::Format("pii".into()), "123456"), "\"[redacted]\"");
        assert_eq!(made(&Made::Seal("pii".into()), "Ada"), "\"[redacted]\"");
    }
}
