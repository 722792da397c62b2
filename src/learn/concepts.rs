//! What a value may be, as far as its form or the name of its field says: a closed list.
//!
//! Never: grows by what stands in a body.

use std::fmt;

use serde::Deserialize;
use serde::Deserializer;
use serde::Serialize;
use serde::Serializer;
use serde::de;

use crate::redact::detect::Kind;

/// What a value may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Concept {
    /// What detectors find.
    Found(Kind),
    /// A date of birth.
    BirthDate,
    /// A postal address, or a part of one.
    Address,
    /// The name of a person, or a part of it.
    Name,
    /// A number that somebody other than a state gives a person: a member, a patient.
    Identifier,
    /// A bank account that is no IBAN.
    Account,
    /// Where somebody is.
    Location,
    /// A gender.
    Gender,
    /// What somebody earns.
    Income,
    /// A faith, an origin, a union, what somebody is married to or drawn to.
    Belief,
    /// An illness, or what it is treated with.
    Health,
}

impl Concept {
    /// Those that are told by names alone.
    const OTHERS: [Self; 10] = [
        Self::BirthDate,
        Self::Address,
        Self::Name,
        Self::Identifier,
        Self::Account,
        Self::Location,
        Self::Gender,
        Self::Income,
        Self::Belief,
        Self::Health,
    ];

    /// All of them.
    pub fn all() -> impl Iterator<Item = Self> {
        Kind::ALL.into_iter().map(Self::Found).chain(Self::OTHERS)
    }

    /// The kind that detectors find of it.
    #[must_use]
    pub const fn kind(self) -> Option<Kind> {
        if let Self::Found(kind) = self { Some(kind) } else { None }
    }

    /// The word for it in files.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Found(kind) => kind.word(),
            Self::BirthDate => "birth-date",
            Self::Address => "address",
            Self::Name => "name",
            Self::Identifier => "identifier",
            Self::Account => "account",
            Self::Location => "location",
            Self::Gender => "gender",
            Self::Income => "income",
            Self::Belief => "belief",
            Self::Health => "health",
        }
    }

    /// What may stand in for a class of it, the best first.
    pub(super) const fn near(self) -> &'static [Self] {
        match self {
            Self::Found(kind) => match kind {
                Kind::NationalId => &[Self::Identifier],
                Kind::Jwt | Kind::PrivateKey => &[Self::Found(Kind::Token), Self::Found(Kind::Secret)],
                Kind::Token => &[Self::Found(Kind::Secret)],
                Kind::Secret => &[Self::Found(Kind::Token)],
                Kind::Email | Kind::Phone | Kind::Card | Kind::Iban | Kind::Ip | Kind::Mac => &[],
            },
            Self::Identifier => &[Self::Found(Kind::NationalId)],
            Self::Account => &[Self::Found(Kind::Iban)],
            Self::Location => &[Self::Address],
            Self::BirthDate
            | Self::Address
            | Self::Name
            | Self::Gender
            | Self::Income
            | Self::Belief
            | Self::Health => &[],
        }
    }

    /// Does a value of it consist of parts, so that an object below such a name is it as a whole?
    pub(super) const fn has_parts(self) -> bool {
        matches!(self, Self::Address | Self::Name | Self::BirthDate | Self::Location | Self::Health)
    }

    /// The level and the mask of a class of it that is proposed.
    pub(super) const fn proposed(self) -> (u8, &'static str) {
        match self {
            Self::Found(kind) => match kind {
                Kind::Jwt | Kind::Token | Kind::PrivateKey | Kind::Secret => (5, "drop"),
                Kind::NationalId | Kind::Card => (4, "drop"),
                Kind::Phone | Kind::Iban => (3, "keep-last(4)"),
                Kind::Ip => (2, "network"),
                Kind::Email | Kind::Mac => (3, "fixed"),
            },
            Self::Belief | Self::Health => (4, "drop"),
            Self::Account => (3, "keep-last(4)"),
            Self::BirthDate => (3, "year"),
            Self::Address | Self::Name | Self::Identifier | Self::Location | Self::Gender | Self::Income => {
                (3, "fixed")
            }
        }
    }
}

impl Serialize for Concept {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.word())
    }
}

impl<'de> Deserialize<'de> for Concept {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let word = String::deserialize(deserializer)?;
        Self::all().find(|concept| concept.word() == word).ok_or_else(|| de::Error::custom("no such concept"))
    }
}

impl fmt::Display for Concept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_read_back_from_its_word_and_each_has_one_of_its_own() {
        let all: Vec<Concept> = Concept::all().collect();
        assert!(all.is_sorted_by(|a, b| a < b));
        for concept in &all {
            assert_eq!(all.iter().filter(|other| other.word() == concept.word()).count(), 1, "{concept}");
            assert_eq!(serde_json::to_value(concept).unwrap(), concept.word());
            assert_eq!(serde_json::from_value::<Concept>(concept.word().into()).unwrap(), *concept);
            assert!(crate::redact::Mask::parse(concept.proposed().1).is_ok());
        }
        assert!(serde_json::from_str::<Concept>("\"zip\"").is_err());
    }
}
