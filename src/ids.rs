//! The names that everything else speaks in: tenants, DataKeys, data classes, actions, decision ids, digests.
//!
//! Each is parsed once, at the edge, and is valid wherever it is seen afterwards.
//! Never: performs I/O, reads a clock, or normalises a wrong name into a right one.

use std::fmt;
use std::sync::Arc;

use crate::limits;

mod made;

pub use made::DecisionId;
pub use made::Digest;
pub(crate) use made::hex8;

/// Why a text is not a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BadName {
    /// Nothing at all, or an empty segment.
    Empty,
    /// A segment is longer than [`limits::SEGMENT_BYTES_MAX`].
    SegmentTooLong,
    /// More segments than the name's kind allows.
    TooDeep {
        /// The bound that was passed.
        max: usize,
    },
    /// A byte outside `[a-z0-9-]` (classes also take `_`), or a segment that starts with `-`.
    Character(char),
}

impl fmt::Display for BadName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("a name needs at least one segment, and no segment may be empty"),
            Self::SegmentTooLong => write!(f, "a segment has more than {} bytes", limits::SEGMENT_BYTES_MAX),
            Self::TooDeep { max } => write!(f, "at most {max} segments are allowed"),
            Self::Character(c) => write!(
                f,
                "{c:?} is not allowed: segments are lower-case letters, digits and `-`, and start with a letter or digit"
            ),
        }
    }
}

impl std::error::Error for BadName {}

fn check_segment(segment: &str, also: &[u8]) -> Result<(), BadName> {
    if segment.is_empty() {
        return Err(BadName::Empty);
    }
    if segment.len() > limits::SEGMENT_BYTES_MAX {
        return Err(BadName::SegmentTooLong);
    }
    for (at, c) in segment.char_indices() {
        let plain = c.is_ascii_lowercase() || c.is_ascii_digit();
        let inner = at > 0 && (c == '-' || u8::try_from(c).is_ok_and(|byte| also.contains(&byte)));
        if !plain && !inner {
            return Err(BadName::Character(c));
        }
    }
    Ok(())
}

fn check_path(text: &str, separator: char, depth_max: usize, also: &[u8]) -> Result<(), BadName> {
    let mut depth = 0;
    for segment in text.split(separator) {
        depth += 1;
        if depth > depth_max {
            return Err(BadName::TooDeep { max: depth_max });
        }
        check_segment(segment, also)?;
    }
    Ok(())
}

/// Is `inner` equal to `outer`, or below it by whole segments?
fn within(inner: &str, outer: &str, separator: u8) -> bool {
    match inner.as_bytes().strip_prefix(outer.as_bytes()) {
        Some([]) => true,
        Some([first, ..]) => *first == separator,
        None => false,
    }
}

macro_rules! path_name {
    ($(#[$doc:meta])* $name:ident, $separator:literal, $depth:expr, $also:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Parses a name; the text must already be in its one spelling.
            ///
            /// # Errors
            /// When a segment is empty, too long, too many, or has a character outside the alphabet.
            pub fn parse(text: &str) -> Result<Self, BadName> {
                check_path(text, char::from($separator), $depth, $also)?;
                Ok(Self(text.into()))
            }

            /// The name as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// Is this name `outer` itself, or below it? By whole segments: `acme2` is not within `acme`.
            #[must_use]
            pub fn is_within(&self, outer: &Self) -> bool {
                within(&self.0, &outer.0, $separator)
            }

            /// The name with its last segment taken off; `None` at the top.
            #[must_use]
            pub fn parent(&self) -> Option<Self> {
                self.0.rsplit_once(char::from($separator)).map(|(parent, _)| Self(parent.into()))
            }

            /// This name, then each enclosing one up to the top.
            pub fn and_enclosing(&self) -> impl Iterator<Item = Self> + use<> {
                std::iter::successors(Some(self.clone()), Self::parent)
            }
        }

        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&*self.0, f)
            }
        }
    };
}

path_name!(
    /// The path of a tenant in the tree of tenants: `acme/west/sf1`.
    TenantPath, b'/', limits::TENANT_DEPTH_MAX, b""
);
path_name!(
    /// The name of a slice of data: a path of segments, which may go deeper than any tenant: `acme/west/claims`.
    DataKey, b'/', limits::DATA_KEY_DEPTH_MAX, b""
);
path_name!(
    /// The name of a data class in the tree of classes: `pii.contact.email`.
    ClassName, b'.', limits::CLASS_DEPTH_MAX, b"_"
);

impl TenantPath {
    /// The DataKey that this tenant owns: the one of its own path.
    #[must_use]
    pub fn data_key(&self) -> DataKey {
        DataKey(Arc::clone(&self.0))
    }
}

impl DataKey {
    /// The tenant path with the same text, where this key is shallow enough to be one.
    #[must_use]
    pub fn as_tenant(&self) -> Option<TenantPath> {
        TenantPath::parse(&self.0).ok()
    }
}

/// What a call attempts.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    serde::Serialize,
    serde::Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// One thing is read.
    Read,
    /// Many things are listed.
    List,
    /// A thing is created.
    Create,
    /// A thing is changed.
    Update,
    /// A thing is removed.
    Delete,
    /// Data leaves the tenant's systems.
    Export,
    /// Data comes in from elsewhere.
    Import,
    /// The decision log of a tenant is read. No route attempts it.
    #[serde(skip)]
    Audit,
}

impl Action {
    /// Every action that a route may attempt, in the order of the schema.
    pub const ALL: [Self; 7] =
        [Self::Read, Self::List, Self::Create, Self::Update, Self::Delete, Self::Export, Self::Import];

    /// The name that policies, routes and records use.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::List => "list",
            Self::Create => "create",
            Self::Update => "update",
            Self::Delete => "delete",
            Self::Export => "export",
            Self::Import => "import",
            Self::Audit => "audit",
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn within_goes_by_whole_segments() {
        let key = |text| DataKey::parse(text).unwrap();
        assert!(key("acme").is_within(&key("acme")));
        assert!(key("acme/west").is_within(&key("acme")));
        assert!(!key("acme2").is_within(&key("acme")));
        assert!(!key("acme-x/west").is_within(&key("acme")));
        assert!(!key("acme").is_within(&key("acme/west")));
    }

    #[test]
    fn a_wrong_name_is_refused_and_never_mended() {
        for text in [
            "",
            "/",
            "a/",
            "/a",
            "a//b",
            "Acme",
            "acme ",
            "-a",
            "a_b",
            "ä",
            "a.b",
            "a\0",
            "a/b/c/d/e/f/g/h/i",
        ] {
            assert!(TenantPath::parse(text).is_err(), "{text:?}");
        }
        assert!(TenantPath::parse(&"a".repeat(63)).is_ok());
        assert!(TenantPath::parse(&"a".repeat(64)).is_err());
        assert!(ClassName::parse("pii.contact_data.email").is_ok());
    }

    #[test]
    fn enclosing_names_end_at_the_top() {
        let key = DataKey::parse("acme/west/claims").unwrap();
        let all: Vec<_> = key.and_enclosing().map(|key| key.to_string()).collect();
        assert_eq!(all, ["acme/west/claims", "acme/west", "acme"]);
    }

    #[test]
    fn every_byte_is_spelled_in_hexadecimal() {
        for byte in 0..=255_u8 {
            let other = byte.wrapping_mul(7);
            let text = hex8([byte, other, !byte, 0]);
            assert_eq!(std::str::from_utf8(&text), Ok(&*format!("{byte:02x}{other:02x}{:02x}00", !byte)));
        }
    }

    #[test]
    fn an_id_is_spelled_as_the_standard_says() {
        for seed in 0..=255_u8 {
            let id = DecisionId::new(1_795_270_000_123 + u64::from(seed), [seed; 10]);
            assert_eq!(id.to_string(), uuid::Uuid::from_bytes(*id.as_bytes()).hyphenated().to_string());
        }
    }

    #[test]
    fn a_digest_of_parts_tells_apart_where_the_parts_end() {
        assert_ne!(Digest::of_parts([&b"ab"[..], b"c"]), Digest::of_parts([&b"a"[..], b"bc"]));
        assert_eq!(
            Digest::of(b"abc").to_string(),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }
}
