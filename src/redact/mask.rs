//! What replaces a hidden value, and how it is written in files.
//!
//! Never: returns the value that it was given to hide.

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use crate::limits;
use crate::redact::plan::PseudonymKey;

/// The text of a fixed mask that names none, and of every mask that cannot be applied to a value.
pub(super) const REDACTED: &str = "[redacted]";

/// What replaces a hidden value. Ordered by how much it hides; when two apply the greater wins.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Mask {
    /// The last so many characters of a string stay, if they are at most a third of it; else the fixed text.
    KeepLast(u8),
    /// The same value of the same class and tenant always becomes the same pseudonym.
    Pseudonym,
    /// This text, whatever the value was.
    Fixed(Arc<str>),
    /// `null`.
    Null,
    /// The member goes with its key; an item of an array becomes `null`, so that no other item moves.
    Drop,
}

impl Mask {
    /// Parses `drop`, `null`, `fixed`, `fixed("[hidden]")`, `keep-last(4)` or `pseudonym`.
    ///
    /// # Errors
    /// A message for the author of the file when the text is none of these.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (name, argument) = match text.split_once('(') {
            None => (text, None),
            Some((name, rest)) => match rest.strip_suffix(')') {
                Some(argument) => (name, Some(argument.trim())),
                None => return Err(format!("`{text}` has no closing parenthesis")),
            },
        };
        match (name, argument) {
            ("drop", None) => Ok(Self::Drop),
            ("null", None) => Ok(Self::Null),
            ("pseudonym", None) => Ok(Self::Pseudonym),
            ("fixed", None) => Ok(Self::default()),
            ("fixed", Some(quoted)) => match serde_json::from_str::<String>(quoted) {
                Ok(fixed) if fixed.len() > limits::FIXED_TEXT_BYTES_MAX => {
                    Err(format!("a fixed text has at most {} bytes", limits::FIXED_TEXT_BYTES_MAX))
                }
                Ok(fixed) => Ok(Self::Fixed(fixed.into())),
                Err(_) => Err(format!("`{quoted}` is no quoted text, as in `fixed(\"[hidden]\")`")),
            },
            ("keep-last", Some(count)) => match count.parse::<u8>() {
                Ok(count) if count > 0 => Ok(Self::KeepLast(count)),
                Ok(_) | Err(_) => Err(format!("`{count}` is no count from 1 to 255, as in `keep-last(4)`")),
            },
            ("keep-last", None) => Err("`keep-last` needs a count, as in `keep-last(4)`".to_owned()),
            ("drop" | "null" | "pseudonym", Some(_)) => Err(format!("`{name}` takes nothing in parentheses")),
            _ => Err(format!(
                "`{text}` is no mask: use `drop`, `null`, `fixed`, `fixed(\"[hidden]\")`, `keep-last(4)` or `pseudonym`"
            )),
        }
    }

    /// The name of the kind of mask, without what stands in parentheses: for records and metrics.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::KeepLast(_) => "keep-last",
            Self::Pseudonym => "pseudonym",
            Self::Fixed(_) => "fixed",
            Self::Null => "null",
            Self::Drop => "drop",
        }
    }

    const fn rank(&self) -> u8 {
        match self {
            Self::KeepLast(_) => 0,
            Self::Pseudonym => 1,
            Self::Fixed(_) => 2,
            Self::Null => 3,
            Self::Drop => 4,
        }
    }
}

impl Default for Mask {
    fn default() -> Self {
        Self::Fixed(REDACTED.into())
    }
}

impl PartialOrd for Mask {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Mask {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self, other) {
            // Fewer characters kept is more hidden.
            (Self::KeepLast(mine), Self::KeepLast(theirs)) => theirs.cmp(mine),
            // Two texts hide alike; the order only has to be the same on every day.
            (Self::Fixed(mine), Self::Fixed(theirs)) => mine.cmp(theirs),
            _ => self.rank().cmp(&other.rank()),
        }
    }
}

impl fmt::Display for Mask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::KeepLast(count) => write!(f, "keep-last({count})"),
            Self::Fixed(text) if &**text != REDACTED => {
                write!(f, "fixed({})", String::from_utf8_lossy(&quoted(text)))
            }
            Self::Pseudonym | Self::Fixed(_) | Self::Null | Self::Drop => f.write_str(self.kind()),
        }
    }
}

/// The text as a JSON string, quotes included.
pub(super) fn quoted(text: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len() + 2);
    quote(text.chars(), &mut out);
    out
}

/// Writes characters as a JSON string, quotes included.
fn quote(text: impl Iterator<Item = char>, out: &mut Vec<u8>) {
    out.push(b'"');
    for c in text {
        match c {
            '"' | '\\' => out.extend([b'\\', if c == '"' { b'"' } else { b'\\' }]),
            '\0'..='\x1f' | '\x7f' => out.extend(format!("\\u{:04x}", u32::from(c)).bytes()),
            _ => out.extend(c.encode_utf8(&mut [0; 4]).bytes()),
        }
    }
    out.push(b'"');
}

/// Writes stars and the last `count` characters; the fixed text where they would be more than a third of the value.
pub(super) fn keep_last(text: &str, count: u8, out: &mut Vec<u8>) {
    let count = usize::from(count);
    let characters = text.chars().count();
    if count > characters / 3 {
        quote(REDACTED.chars(), out);
    } else {
        let hidden = characters - count;
        quote(std::iter::repeat_n('*', hidden).chain(text.chars().skip(hidden)), out);
    }
}

/// Writes `ps_` and 128 bits of the keyed hash of the class and the value's text.
pub(super) fn pseudonym(key: &PseudonymKey, class: &str, text: &[u8], out: &mut Vec<u8>) {
    const HEX: [u8; 16] = *b"0123456789abcdef";
    out.extend(b"\"ps_");
    for byte in key.sign(class, text) {
        let digits = [byte >> 4, byte & 15].map(|digit| HEX.get(usize::from(digit)).copied().unwrap_or(b'0'));
        out.extend(digits);
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mask_is_read_back_from_what_it_prints() {
        for text in
            ["drop", "null", "fixed", "fixed(\"[hidden]\")", "fixed(\"a\\\"b\")", "keep-last(4)", "pseudonym"]
        {
            assert_eq!(Mask::parse(text).map(|mask| mask.to_string()), Ok(text.to_owned()));
        }
        for text in
            ["", "Drop", "keep-last", "keep-last(0)", "keep-last(256)", "fixed(x)", "drop()", "null(", "hide"]
        {
            assert!(Mask::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_mask_that_hides_more_is_the_greater() {
        let ordered = ["keep-last(8)", "keep-last(4)", "pseudonym", "fixed", "null", "drop"];
        let masks: Vec<_> = ordered.iter().map(|text| Mask::parse(text).unwrap()).collect();
        assert!(masks.is_sorted_by(|a, b| a < b));
    }

    #[test]
    fn keep_last_shows_at_most_a_third_and_counts_characters() {
        let kept = |text: &str, count| {
            let mut out = Vec::new();
            keep_last(text, count, &mut out);
            String::from_utf8(out).unwrap()
        };
        assert_eq!(kept("123456789012", 4), "\"********9012\"");
        assert_eq!(kept("12345678901", 4), "\"[redacted]\"");
        assert_eq!(kept("äöüäöü", 2), "\"****öü\"");
        assert_eq!(kept("aaaa\"\n", 2), "\"****\\\"\\u000a\"");
        assert_eq!(kept("", 1), "\"[redacted]\"");
    }
}
