//! What replaces a hidden value, and how it is written in files.
//!
//! Never: returns the value that it was given to hide, but where a value is its own generalisation.

mod format;
mod general;
mod keyed;
mod made;
mod seal;

use std::cmp::Ordering;
use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;
use std::sync::Arc;

use crate::limits;

pub(super) use format::FormatKey;
pub(super) use format::Way;
pub use keyed::Keyed;
pub use keyed::Maker;
pub(super) use made::Made;
pub(super) use made::quoted;
pub(super) use made::typed;
pub use seal::Scalar;
pub(super) use seal::SealKey;

/// The text of a fixed mask that names none, and of every mask that cannot be applied to a value.
pub(super) const REDACTED: &str = "[redacted]";

/// What replaces a hidden value. Ordered by how much it hides; when two apply the greater wins.
///
/// A value that a mask does not fit (another type, no such form, too long) is masked whole: by the fixed text.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Mask {
    /// A date or date-time becomes the first moment of its year: `1984-01-01`, `1984-01-01T00:00:00Z`.
    Year,
    /// A number becomes the lower bound of its bucket, of so many bounds apart: 47 becomes 40 in `bucket(10)`.
    Bucket(u32),
    /// Of a postcode so many letters and digits stay; digits after them become `0`, letters `A`.
    Prefix(u8),
    /// An IP address becomes that of its network: IPv4 of 24 bits, IPv6 of 48.
    Network,
    /// The first so many characters of a string stay, if they are at most a third of it; else the fixed text.
    KeepFirst(u8),
    /// The last so many characters of a string stay, if they are at most a third of it; else the fixed text.
    KeepLast(u8),
    /// A string of digits becomes another of the same form, one to one within a class and tenant; whoever has the key can
    /// turn it back.
    Format,
    /// Any string or number, encrypted: the same value of the same class and tenant always becomes the same text, and
    /// whoever has the key can turn it back.
    Seal,
    /// The same value of the same class and tenant always becomes the same pseudonym, which nobody can turn back.
    Pseudonym,
    /// What is nothing in the value's own type: the fixed text, 0, `false`, `[]`, `{}`; `null` stays.
    Typed,
    /// This text, whatever the value was.
    Fixed(Arc<str>),
    /// `null`.
    Null,
    /// The member goes with its key; an item of an array becomes `null`, so that no other item moves.
    Drop,
}

impl Mask {
    /// One of each kind as it is written, from the one that hides most to the one that hides least.
    pub const WRITTEN: [&str; 14] = [
        "drop",
        "null",
        "fixed",
        "fixed(\"[hidden]\")",
        "typed",
        "pseudonym",
        "seal",
        "format",
        "keep-last(4)",
        "keep-first(4)",
        "network",
        "prefix(3)",
        "bucket(10)",
        "year",
    ];

    /// Parses what is written as in [`Mask::WRITTEN`].
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
        let plain = |mask: Self| match argument {
            None => Ok(mask),
            Some(_) => Err(format!("`{name}` takes nothing in parentheses")),
        };
        match name {
            "drop" => plain(Self::Drop),
            "null" => plain(Self::Null),
            "typed" => plain(Self::Typed),
            "pseudonym" => plain(Self::Pseudonym),
            "seal" => plain(Self::Seal),
            "format" => plain(Self::Format),
            "network" => plain(Self::Network),
            "year" => plain(Self::Year),
            "fixed" => argument.map_or_else(|| Ok(Self::default()), fixed),
            "keep-first" => Ok(Self::KeepFirst(number(name, argument, 1..=u8::MAX, 4)?)),
            "keep-last" => Ok(Self::KeepLast(number(name, argument, 1..=u8::MAX, 4)?)),
            "prefix" => Ok(Self::Prefix(number(name, argument, 1..=limits::POSTCODE_PREFIX_MAX, 3)?)),
            "bucket" => Ok(Self::Bucket(number(name, argument, 2..=limits::BUCKET_MAX, 10)?)),
            "hash" => Err("`hash` is no mask: the keyed hash of a value is `pseudonym`".to_owned()),
            _ => {
                let known = Self::WRITTEN.map(|mask| format!("`{mask}`"));
                Err(format!("`{text}` is no mask: use {}", known.join(", ")))
            }
        }
    }

    /// The name of the kind of mask, without what stands in parentheses: for records and metrics.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Year => "year",
            Self::Bucket(_) => "bucket",
            Self::Prefix(_) => "prefix",
            Self::Network => "network",
            Self::KeepFirst(_) => "keep-first",
            Self::KeepLast(_) => "keep-last",
            Self::Format => "format",
            Self::Seal => "seal",
            Self::Pseudonym => "pseudonym",
            Self::Typed => "typed",
            Self::Fixed(_) => "fixed",
            Self::Null => "null",
            Self::Drop => "drop",
        }
    }

    /// Can what it makes be told from a value? Not what is encrypted in its form: any digits may be that.
    #[must_use]
    pub fn is_known_by_sight(&self) -> bool {
        *self != Self::Format
    }

    /// Is this JSON value what the mask makes of another one, or of itself? What masks a value whole makes counts with each.
    #[must_use]
    pub fn may_have_made(&self, raw: &[u8]) -> bool {
        let Some(first) = raw.first().copied() else { return false };
        let text = raw.strip_prefix(b"\"").and_then(|raw| raw.strip_suffix(b"\""));
        let text = text.map_or_else(|| String::from_utf8(raw.to_vec()).ok(), super::text::unescape);
        // What cannot be read must not overwrite anything.
        let Some(text) = text else { return true };
        if first == b'"' && (text == REDACTED || Keyed::read(&text).is_some()) {
            return true;
        }
        let made = match self {
            Self::Drop | Self::Pseudonym | Self::Seal => return false,
            Self::Format => return true,
            Self::Null => return raw == b"null",
            Self::Fixed(fixed) => return first == b'"' && text == **fixed,
            Self::Typed => return squeezed(raw) == typed(first),
            Self::KeepFirst(count) => return first == b'"' && made::is_starred(text.chars().rev(), *count),
            Self::KeepLast(count) => return first == b'"' && made::is_starred(text.chars(), *count),
            Self::Year => Made::Year,
            Self::Bucket(width) => Made::Bucket(*width),
            Self::Prefix(count) => Made::Prefix(*count),
            Self::Network => Made::Network,
        };
        let mut again = Vec::new();
        made.write(None, Scalar::Text(&text), &mut again);
        made.looks_at(first) && again == if first == b'"' { quoted(&text) } else { raw.to_vec() }
    }

    /// Is it made with the tenant's key? Without one it becomes the fixed text.
    #[must_use]
    pub const fn needs_key(&self) -> bool {
        match self {
            Self::Pseudonym | Self::Seal | Self::Format => true,
            Self::Year
            | Self::Bucket(_)
            | Self::Prefix(_)
            | Self::Network
            | Self::KeepFirst(_)
            | Self::KeepLast(_)
            | Self::Typed
            | Self::Fixed(_)
            | Self::Null
            | Self::Drop => false,
        }
    }

    /// By what two masks are compared: the kind, how much one of that kind hides, and then what only has to be the same
    /// on every day.
    fn order(&self) -> (u8, u32, &str) {
        // Fewer characters kept is more hidden; of as many at either end one has to win.
        let kept = |count: u8| u32::from(u8::MAX - count) * 2;
        match self {
            Self::Year => (0, 0, ""),
            Self::Bucket(width) => (1, *width, ""),
            Self::Prefix(count) => (2, kept(*count), ""),
            Self::Network => (3, 0, ""),
            Self::KeepFirst(count) => (4, kept(*count), ""),
            Self::KeepLast(count) => (4, kept(*count) + 1, ""),
            Self::Format => (5, 0, ""),
            Self::Seal => (6, 0, ""),
            Self::Pseudonym => (7, 0, ""),
            Self::Typed => (8, 0, ""),
            Self::Fixed(text) => (9, 0, text),
            Self::Null => (10, 0, ""),
            Self::Drop => (11, 0, ""),
        }
    }
}

/// Without its white space, of what is a single value or an empty container.
fn squeezed(raw: &[u8]) -> Vec<u8> {
    match raw {
        [open @ (b'[' | b'{'), inside @ .., close] if inside.iter().all(u8::is_ascii_whitespace) => {
            vec![*open, *close]
        }
        _ => raw.to_vec(),
    }
}

fn fixed(quoted: &str) -> Result<Mask, String> {
    match serde_json::from_str::<String>(quoted) {
        Ok(fixed) if fixed.len() > limits::FIXED_TEXT_BYTES_MAX => {
            Err(format!("a fixed text has at most {} bytes", limits::FIXED_TEXT_BYTES_MAX))
        }
        Ok(fixed) => Ok(Mask::Fixed(fixed.into())),
        Err(_) => Err(format!("`{quoted}` is no quoted text, as in `fixed(\"[hidden]\")`")),
    }
}

/// The number that a mask has in parentheses.
fn number<N>(name: &str, argument: Option<&str>, within: RangeInclusive<N>, example: u8) -> Result<N, String>
where
    N: FromStr + PartialOrd + fmt::Display,
{
    let text = argument.ok_or_else(|| format!("`{name}` needs a count, as in `{name}({example})`"))?;
    let number = text.parse::<N>().ok().filter(|number| within.contains(number));
    number.ok_or_else(|| {
        let (least, most) = (within.start(), within.end());
        format!("`{text}` is no count from {least} to {most}, as in `{name}({example})`")
    })
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
        self.order().cmp(&other.order())
    }
}

impl fmt::Display for Mask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = self.kind();
        match self {
            Self::KeepFirst(count) | Self::KeepLast(count) | Self::Prefix(count) => {
                write!(f, "{kind}({count})")
            }
            Self::Bucket(width) => write!(f, "{kind}({width})"),
            Self::Fixed(text) if &**text != REDACTED => {
                write!(f, "{kind}({})", String::from_utf8_lossy(&quoted(text)))
            }
            Self::Year
            | Self::Network
            | Self::Format
            | Self::Seal
            | Self::Pseudonym
            | Self::Typed
            | Self::Fixed(_)
            | Self::Null
            | Self::Drop => f.write_str(kind),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mask_is_read_back_from_what_it_prints() {
        for text in
            ["fixed(\"a\\\"b\")", "keep-first(255)", "bucket(1000000000)"].iter().chain(&Mask::WRITTEN)
        {
            assert_eq!(Mask::parse(text).map(|mask| mask.to_string()), Ok((*text).to_owned()));
        }
        for text in [
            "",
            "Drop",
            "keep-last",
            "keep-last(0)",
            "keep-last(256)",
            "fixed(x)",
            "drop()",
            "null(",
            "hide",
            "keep-first",
            "keep-first(0)",
            "year(1)",
            "bucket",
            "bucket(1)",
            "bucket(-2)",
            "bucket(1000000001)",
            "prefix(0)",
            "prefix(9)",
            "network(24)",
            "typed()",
            "seal(1)",
            "hash",
            "hash()",
        ] {
            assert!(Mask::parse(text).is_err(), "{text}");
        }
        assert!(Mask::parse("hash").unwrap_err().contains("`pseudonym`"));
    }

    #[test]
    fn the_mask_that_hides_more_is_the_greater() {
        let ordered = [
            "year",
            "bucket(10)",
            "bucket(100)",
            "prefix(3)",
            "prefix(2)",
            "network",
            "keep-first(8)",
            "keep-last(8)",
            "keep-first(4)",
            "keep-last(4)",
            "format",
            "seal",
            "pseudonym",
            "typed",
            "fixed",
            "null",
            "drop",
        ];
        let masks: Vec<_> = ordered.iter().map(|text| Mask::parse(text).unwrap()).collect();
        assert!(masks.is_sorted_by(|a, b| a < b));
        let written: Vec<_> = Mask::WRITTEN.iter().map(|text| Mask::parse(text).unwrap()).collect();
        assert!(written.is_sorted_by(|a, b| a > b));
    }
}
