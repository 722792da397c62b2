//! What a value may be, as far as its form or the name of its field says: a closed list.
//!
//! Never: grows by what stands in a body.

use std::fmt;

use serde::Deserialize;
use serde::Serialize;

use crate::redact::detect::Kind;

/// What a value may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Concept {
    /// An e-mail address.
    Email,
    /// A telephone number.
    Phone,
    /// The number of a payment card.
    Card,
    /// An IBAN.
    Iban,
    /// A number that a state gives a person, or of a document of a person.
    NationalId,
    /// An IP address.
    Ip,
    /// A hardware address.
    Mac,
    /// A signed token of JSON.
    Jwt,
    /// A key of a service, or what opens a session.
    Token,
    /// A private key.
    PrivateKey,
    /// A password, or another secret.
    Secret,
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
    /// All of them.
    pub const ALL: [Self; 21] = [
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

    /// What detectors find of a kind.
    #[must_use]
    pub const fn of(kind: Kind) -> Self {
        match kind {
            Kind::Email => Self::Email,
            Kind::Phone => Self::Phone,
            Kind::Card => Self::Card,
            Kind::Iban => Self::Iban,
            Kind::NationalId => Self::NationalId,
            Kind::Ip => Self::Ip,
            Kind::Mac => Self::Mac,
            Kind::Jwt => Self::Jwt,
            Kind::Token => Self::Token,
            Kind::PrivateKey => Self::PrivateKey,
            Kind::Secret => Self::Secret,
        }
    }

    /// The kind that detectors find of it.
    #[must_use]
    pub fn kind(self) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| Self::of(*kind) == self)
    }

    /// The word for it in files; of what detectors find, theirs.
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
            Self::NationalId => &[Self::Identifier],
            Self::Identifier => &[Self::NationalId],
            Self::Account => &[Self::Iban],
            Self::Jwt | Self::PrivateKey => &[Self::Token, Self::Secret],
            Self::Token => &[Self::Secret],
            Self::Secret => &[Self::Token],
            Self::Location => &[Self::Address],
            Self::Email
            | Self::Phone
            | Self::Card
            | Self::Iban
            | Self::Ip
            | Self::Mac
            | Self::BirthDate
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
            Self::Jwt | Self::Token | Self::PrivateKey | Self::Secret => (5, "drop"),
            Self::NationalId | Self::Card | Self::Belief | Self::Health => (4, "drop"),
            Self::Phone | Self::Iban | Self::Account => (3, "keep-last(4)"),
            Self::Ip => (2, "network"),
            Self::BirthDate => (3, "year"),
            Self::Email
            | Self::Mac
            | Self::Address
            | Self::Name
            | Self::Identifier
            | Self::Location
            | Self::Gender
            | Self::Income => (3, "fixed"),
        }
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
    fn each_kind_is_a_concept_of_its_word_and_each_is_listed_once() {
        for kind in Kind::ALL {
            assert_eq!((Concept::of(kind).word(), Concept::of(kind).kind()), (kind.word(), Some(kind)));
        }
        for (at, concept) in Concept::ALL.into_iter().enumerate() {
            assert_eq!(concept as usize, at);
            assert_eq!(serde_json::to_value(concept).unwrap(), concept.word());
            assert!(crate::redact::Mask::parse(concept.proposed().1).is_ok());
        }
    }
}
