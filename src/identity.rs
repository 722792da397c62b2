//! Who calls: from a credential, the keys of one snapshot and the time, to a [`Principal`].
//!
//! A token's algorithm is fixed by the key and its issuer, never by the token; nothing inside a token is believed
//! before its signature is proven, but for `iss`, which only chooses the keys.
//! Never: performs I/O, reads a clock, fetches keys, or puts any part of a credential into an error.
//! Callers: `request::identified` verifies, `snapshot` builds the [`Keyring`].

mod api_keys;
mod assertion;
mod claims;
mod json;
mod jwk;
mod jws;
mod keyring;
mod leaf;
mod remembered;
mod spiffe;
#[cfg(test)]
mod tests;
mod wanted;
mod workloads;
mod xfcc;

use std::fmt;
use std::sync::Arc;

use http::HeaderMap;
use http::HeaderName;
use http::header::AUTHORIZATION;

use crate::ids::TenantPath;
use crate::limits;

pub use api_keys::ApiKeyEntry;
pub use api_keys::api_key_entries;
pub use api_keys::same_api_keys;
pub use assertion::Asserted;
pub use assertion::AssertionSettings;
pub use assertion::Signer;
pub use jwk::Algorithm;
pub use keyring::ClaimNames;
pub use keyring::Issuer;
pub use keyring::Keyring;
pub use keyring::KindRule;
pub use leaf::Leaf;
pub use leaf::Usage;
pub use remembered::Remembered;
pub use spiffe::NoSvid;
pub use spiffe::NotAnId;
pub use spiffe::SpiffeId;
pub use spiffe::Svid;
pub use spiffe::is_trust_domain;
pub use wanted::Wanted;
pub use workloads::BadPattern;
pub use workloads::Pattern;
pub use workloads::Workload;
pub use workloads::Workloads;
pub use xfcc::Shown;
pub use xfcc::nearest;

/// What kind of principal calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// A person.
    User,
    /// A program that calls for itself.
    Service,
}

impl Kind {
    /// The name that policies and records use: `User` or `Service`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::User => "User",
            Self::Service => "Service",
        }
    }
}

/// How a principal proved who it is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Auth {
    /// By a signed token of this issuer.
    Jwt {
        /// The exact `iss`.
        issuer: Arc<str>,
    },
    /// By the API key with this id.
    ApiKey {
        /// The part of the key before its dot; it is no secret.
        id: Box<str>,
    },
    /// By the certificate of a workload (SPIFFE X.509-SVID).
    Spiffe {
        /// Who vouches for it.
        trust_domain: Box<str>,
    },
}

impl Auth {
    /// The name that policies and records use: `jwt`, `api_key` or `spiffe`.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Jwt { .. } => "jwt",
            Self::ApiKey { .. } => "api_key",
            Self::Spiffe { .. } => "spiffe",
        }
    }
}

/// Who acts for the principal (RFC 8693, section 4.1).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Actor {
    /// What kind of principal acts.
    pub kind: Kind,
    /// Its name, as its issuer gives it.
    pub id: Box<str>,
    /// For whom the actor itself was acting before: the chain goes back in time.
    pub actor: Option<Box<Actor>>,
}

/// Who calls, and what its issuer or its key says about it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Principal {
    /// What kind of principal it is.
    pub kind: Kind,
    /// Its name, as its issuer gives it: at most [`limits::CLAIM_BYTES_MAX`] bytes, without control characters.
    pub id: Box<str>,
    /// The tenant it belongs to. Who has none gets nothing.
    pub tenant: Option<TenantPath>,
    /// Its roles, sorted, each once.
    pub roles: Vec<Box<str>>,
    /// Its groups, sorted, each once.
    pub groups: Vec<Box<str>>,
    /// What its credential was issued for, sorted, each once.
    pub scopes: Vec<Box<str>>,
    /// How it proved who it is.
    pub auth: Auth,
    /// Who acts for it, where the call is delegated.
    pub actor: Option<Actor>,
}

/// A credential as it stood in the request, not yet believed. Its content is in no `Debug` output.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Credential<'a> {
    /// The token of `Authorization: Bearer`.
    Bearer(&'a [u8]),
    /// The value of the API key header: `id.secret`.
    ApiKey(&'a [u8]),
}

impl fmt::Debug for Credential<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bearer(_) => f.write_str("Bearer(***)"),
            Self::ApiKey(_) => f.write_str("ApiKey(***)"),
        }
    }
}

/// Why a request's headers do not name exactly one credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Ambiguous {
    /// More than one header line carries a credential.
    Several,
    /// `Authorization` has a scheme other than `Bearer`.
    OtherScheme,
    /// Not the form of a credential: empty, inner spaces, control bytes, too long.
    Malformed,
}

impl Ambiguous {
    /// A stable name for the record.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Several => "several_credentials",
            Self::OtherScheme => "other_auth_scheme",
            Self::Malformed => "malformed_credential",
        }
    }
}

/// Finds the one credential of a request: none is `None`, more than one is an error, whatever their kinds and values.
///
/// # Errors
/// When there is more than one, when `Authorization` is not `Bearer`, or when the value cannot be a credential.
pub fn credential<'h>(
    headers: &'h HeaderMap,
    api_key_header: &HeaderName,
) -> Result<Option<Credential<'h>>, Ambiguous> {
    let mut bearers = headers.get_all(AUTHORIZATION).iter();
    let mut keys = headers.get_all(api_key_header).iter();
    match (bearers.next(), keys.next(), bearers.next().or(keys.next())) {
        (None, None, _) => Ok(None),
        (Some(line), None, None) => bearer(line.as_bytes()).map(Some),
        (None, Some(line), None) => plain(line.as_bytes()).map(|key| Some(Credential::ApiKey(key))),
        (Some(_), Some(_), _) | (_, _, Some(_)) => Err(Ambiguous::Several),
    }
}

fn bearer(line: &[u8]) -> Result<Credential<'_>, Ambiguous> {
    let (scheme, token) = line.split_at_checked("Bearer ".len()).ok_or(Ambiguous::OtherScheme)?;
    if !scheme.eq_ignore_ascii_case(b"Bearer ") {
        return Err(Ambiguous::OtherScheme);
    }
    plain(token).map(Credential::Bearer)
}

/// Visible ASCII only, so that `Bearer a, Bearer b` joined into one line is no credential; no comma occurs in either kind.
fn plain(value: &[u8]) -> Result<&[u8], Ambiguous> {
    let visible = value.iter().all(|byte| byte.is_ascii_graphic() && *byte != b',');
    if value.is_empty() || value.len() > limits::CREDENTIAL_BYTES_MAX || !visible {
        return Err(Ambiguous::Malformed);
    }
    Ok(value)
}

/// A principal whose credential was proven.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// Who it is.
    pub principal: Arc<Principal>,
    /// From this second since 1970 on, the credential must be looked at again. `u64::MAX` where it never expires.
    pub expires: u64,
    /// What it was issued for (`aud`), where it says that.
    pub audiences: Option<Arc<[Box<str>]>>,
}

macro_rules! rejections {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)+) => {
        /// Why a credential was not believed. For the record and metrics; the client learns none of it.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Rejected { $($(#[$doc])* $name,)+ }

        impl Rejected {
            /// Every reason.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// A stable name for the record.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)+ }
            }
        }
    };
}

rejections! {
    /// Longer than [`limits::CREDENTIAL_BYTES_MAX`].
    TooLong = "credential_too_long",
    /// Not three parts of canonical unpadded base64url, or not `id.secret`.
    Malformed = "credential_malformed",
    /// Encrypted or compressed (JWE), which is never accepted.
    Encrypted = "token_encrypted",
    /// The header is no JSON object with each member once and of its type.
    BadHeader = "token_header_invalid",
    /// The header asks for an extension (`crit`, `b64`).
    Critical = "token_header_critical",
    /// An algorithm that is unknown, symmetric, `none`, or not the key's.
    Algorithm = "token_algorithm_refused",
    /// No key of the issuer has the token's `kid`, or none fits a token without one.
    UnknownKey = "token_key_unknown",
    /// The issuer's keys were never fetched, or too long ago.
    NoKeys = "issuer_keys_unavailable",
    /// A token without `kid` that more than one key of the issuer fits.
    AmbiguousKey = "token_key_ambiguous",
    /// The signature is not the key's.
    Signature = "token_signature_invalid",
    /// The payload is no JSON object with each member once.
    BadClaims = "token_claims_invalid",
    /// `iss` is missing or no text.
    NoIssuer = "token_issuer_missing",
    /// No issuer of this name is configured.
    UnknownIssuer = "token_issuer_unknown",
    /// `typ` is not the one that the issuer's tokens must have.
    WrongType = "token_type_wrong",
    /// `aud` is missing or malformed.
    NoAudience = "token_audience_missing",
    /// `aud` names none of the issuer's configured audiences.
    WrongAudience = "token_audience_wrong",
    /// `exp` is missing.
    NoExpiry = "token_expiry_missing",
    /// A time that is no integer or out of range.
    BadTime = "token_time_invalid",
    /// Past its expiry.
    Expired = "credential_expired",
    /// Before its start, or issued in the future.
    NotYetValid = "credential_not_yet_valid",
    /// `sub` is missing, empty, too long or has control characters.
    BadSubject = "token_subject_invalid",
    /// Roles, groups, scopes or kind are not of the expected form, too long or too many.
    BadValues = "token_values_invalid",
    /// The tenant claim is no tenant path.
    BadTenant = "token_tenant_invalid",
    /// The tenant is not within the subtree that the issuer is bound to.
    ForeignTenant = "token_tenant_outside_issuer",
    /// `act` is malformed, too deep, or names another issuer.
    BadActor = "token_actor_invalid",
    /// No API key has this id.
    UnknownApiKey = "api_key_unknown",
    /// The secret is not that of the API key.
    WrongSecret = "api_key_secret_wrong",
    /// No rule says whom this workload speaks for.
    UnknownWorkload = "workload_unknown",
}

impl fmt::Display for Rejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::error::Error for Rejected {}

/// Sorted and without repetitions, so that the order in a token changes nothing.
fn sorted(mut values: Vec<Box<str>>) -> Vec<Box<str>> {
    values.sort_unstable();
    values.dedup();
    values
}

/// May this stand for a principal, role, group or scope? It ends up in headers and records.
fn is_name(text: &str) -> bool {
    !text.is_empty() && text.len() <= limits::CLAIM_BYTES_MAX && !text.chars().any(char::is_control)
}
