//! Values that nobody classified, found in text by their form and their check digits.
//!
//! A verifier says what is a finding. In front of them stands [`Detectors::may_hold`], which says of most texts at a
//! glance that no verifier can find anything in them; it never says so of a text in which one does.
//! Never: stops looking because enough was found, or keeps what it found.

mod address;
mod date;
mod email;
mod glance;
mod hint;
mod iban;
mod letters;
mod national;
mod number;
mod phone;
mod plain;
mod scan;
mod token;
mod words;

use std::fmt;

pub use glance::Glance;
pub(super) use glance::Map;
pub(super) use glance::Seen;
pub(super) use glance::Sight;
use glance::Start;
pub(super) use glance::signs;
pub(super) use hint::Hint;
pub(super) use hint::Key;
pub(super) use hint::of_words;
use plain::Read;

/// A kind of value that is found by its form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// An e-mail address.
    Email,
    /// A telephone number, international or as it is written within a country.
    Phone,
    /// The number of a payment card: a known range and a right check digit.
    Card,
    /// An IBAN: the country's length and a right check number.
    Iban,
    /// A number that a state gives a person, with a right check digit or of a form of its own.
    NationalId,
    /// An IPv4 or IPv6 address.
    Ip,
    /// A hardware address.
    Mac,
    /// A signed token of JSON (RFC 7519).
    Jwt,
    /// A key of a cloud, a repository or another service, of a known form.
    Token,
    /// A private key in PEM.
    PrivateKey,
    /// A text that looks random, below a key that speaks of a secret.
    Secret,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Self; 11] = [
        Self::Email,
        Self::Phone,
        Self::Card,
        Self::Iban,
        Self::NationalId,
        Self::Ip,
        Self::Mac,
        Self::Jwt,
        Self::Token,
        Self::PrivateKey,
        Self::Secret,
    ];

    /// The word for it in files.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Phone => "phone",
            Self::Card => "card",
            Self::Iban => "iban",
            Self::NationalId => "national-id",
            Self::Ip => "ip",
            Self::Mac => "mac",
            Self::Jwt => "jwt",
            Self::Token => "token",
            Self::PrivateKey => "private-key",
            Self::Secret => "secret",
        }
    }

    /// The kind of a word, if it is one.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.word() == word)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// A set of kinds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Kinds(u16);

impl Kinds {
    /// Is the kind among them?
    #[must_use]
    pub const fn has(self, kind: Kind) -> bool {
        self.0 >> kind as u16 & 1 == 1
    }

    /// Is there none?
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    const fn has_any(self, kinds: &[Kind]) -> bool {
        let mut rest = kinds;
        while let [first, others @ ..] = rest {
            if self.has(*first) {
                return true;
            }
            rest = others;
        }
        false
    }
}

impl FromIterator<Kind> for Kinds {
    fn from_iter<I: IntoIterator<Item = Kind>>(kinds: I) -> Self {
        Self(kinds.into_iter().fold(0, |all, kind| all | 1 << kind as u16))
    }
}

/// A value that was found: these bytes of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Found {
    /// Where it begins.
    pub from: usize,
    /// One past its last byte.
    pub to: usize,
    /// What it is.
    pub kind: Kind,
}

/// Looks for values of some kinds.
#[derive(Debug, Clone, Copy, Default)]
pub struct Detectors {
    kinds: Kinds,
}

impl Detectors {
    /// Looks for these kinds.
    #[must_use]
    pub const fn new(kinds: Kinds) -> Self {
        Self { kinds }
    }

    /// Does it look for this kind?
    #[must_use]
    pub const fn finds(&self, kind: Kind) -> bool {
        self.kinds.has(kind)
    }

    /// Is there nothing to look for?
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.kinds.is_empty()
    }

    /// May something be found in the text that stands between these bytes, below whatever key? Bytes with a backslash
    /// may hold anything: the caller reads the escapes, and asks again.
    #[must_use]
    pub fn may_hold(&self, bytes: &[u8], from: usize, to: usize) -> bool {
        !self.is_empty() && glance::may_hold(part(bytes, from, to))
    }

    /// May the whole text be a secret that its key speaks of? A glance does not see that.
    #[must_use]
    #[inline(always)]
    pub fn may_be_secret(&self, text: &[u8], key: &[u8]) -> bool {
        text.len() >= token::SECRET_BYTES_MIN
            && !token::is_spaced(text)
            && self.kinds.has(Kind::Secret)
            && self.is_perhaps_secret(text, key)
    }

    #[inline(never)]
    fn is_perhaps_secret(&self, text: &[u8], key: &[u8]) -> bool {
        hint::may_speak_of_secrets(key) && token::may_be_random(text)
    }

    /// May the whole text be a secret, if its key speaks of one? Most that cannot begin as links or sentences do.
    #[inline(always)]
    pub(super) fn may_be_secret_of_some_key(&self, text: &[u8]) -> bool {
        text.len() >= token::SECRET_BYTES_MIN
            && !token::is_spaced(text)
            && self.kinds.has(Kind::Secret)
            && !text.starts_with(token::LINK)
    }

    /// May it be, if its key does?
    pub(super) fn may_be_random(text: &[u8]) -> bool {
        token::may_be_random(text)
    }

    /// Is the whole text of a form that many texts have, and in which nothing is found?
    #[inline]
    pub(super) fn is_common(text: &[u8]) -> bool {
        date::is_all(text)
    }

    /// Is nothing found in a text that begins here in what a glance was taken at, in which this was seen? It has no backslash,
    /// and is no secret that its key speaks of. Of a text in which something is found it never says so.
    #[inline(always)]
    pub(super) fn is_nothing(
        &self,
        text: &[u8],
        (glance, from): (&Glance, usize),
        sight: Sight,
        key: &Key<'_>,
    ) -> bool {
        if sight.is_odd() {
            let plain = sight.read_as_itself();
            return if plain.may_hold() {
                glance.all_odd(text, from, |read| read == Read::Itself)
                    && scan::is_nothing(text, (glance, from), plain, self.kinds, key)
            } else {
                glance.all_odd(text, from, Read::adds_nothing)
            };
        }
        !sight.may_hold() || scan::is_nothing(text, (glance, from), sight, self.kinds, key)
    }

    /// Finds the values in a text that stands below this key, or below none. What it finds is added, sorted by where it
    /// begins. Two may overlap, but neither holds the other, unless they are two kinds of the same bytes.
    pub fn find(&self, text: &str, key: &str, found: &mut Vec<Found>) {
        self.find_in(text.as_bytes(), key.as_bytes(), found);
    }

    /// The same, of bytes that are text.
    pub(super) fn find_in(&self, text: &[u8], key: &[u8], found: &mut Vec<Found>) {
        let before = found.len();
        let key = Key::new(key);
        let start = Start::of(text);
        let is_plain = start.length == text.len() && start.odd == 0;
        match if is_plain { None } else { plain::plain(text) } {
            // Most characters that begin like others than they are read as are read as themselves.
            None if !is_plain && !glance::may_hold_plain(text) => {
                scan::secret(text, self.kinds, &key, found);
            }
            None => scan::scan(text, start, self.kinds, &key, found),
            Some(plain) => {
                scan::scan(&plain.bytes, Start::of(&plain.bytes), self.kinds, &key, found);
                for found in found.iter_mut().skip(before) {
                    (found.from, found.to) = plain.places(found.from, found.to);
                }
            }
        }
        if let Some(own) = found.get_mut(before..) {
            own.sort_by_key(|found| (found.from, usize::MAX - found.to, found.kind));
        }
        if found.len() > before + 1 {
            let mut end = (0, 0);
            let mut at = 0;
            found.retain(|found| {
                let is_own = at >= before;
                at += 1;
                let stays = !is_own || found.to > end.1 || (found.from, found.to) == end;
                if is_own && found.to > end.1 {
                    end = (found.from, found.to);
                }
                stays
            });
        }
    }
}

/// The byte at a place; 0 beyond the end, which no verifier takes for anything.
#[inline]
fn byte(bytes: &[u8], at: usize) -> u8 {
    bytes.get(at).copied().unwrap_or(0)
}

/// The byte before a place; 0 at the start.
#[inline]
fn byte_before(bytes: &[u8], at: usize) -> u8 {
    at.checked_sub(1).map_or(0, |at| byte(bytes, at))
}

/// The bytes between two places.
#[inline]
fn part(bytes: &[u8], from: usize, to: usize) -> &[u8] {
    bytes.get(from..to).unwrap_or_default()
}

#[cfg(test)]
mod tests;
