//! All keys of one snapshot: the issuers' public keys and the API keys.
//!
//! Never: holds a secret. API keys are kept as digests, issuers' keys are public.

use std::collections::HashMap;
use std::sync::Arc;

use super::Algorithm;
use super::Credential;
use super::Kind;
use super::Principal;
use super::Rejected;
use super::Verified;
use super::Wanted;
use super::api_keys::ApiKeyEntry;
use super::api_keys::ApiKeys;
use super::claims::Proven;
use super::claims::Unproven;
use super::jwk::KeySet;
use crate::ids::Digest;
use crate::ids::TenantPath;
use crate::limits;
use crate::problem::Place;
use crate::problem::Problem;

/// The names of the claims that carry what a standard has no one name for. An exact name, or, where it starts with `/`,
/// a JSON pointer (`/realm_access/roles`). An empty name means that the issuer's tokens have no such claim.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimNames {
    /// The caller's tenant path. If empty, the tenant is the one that the issuer is bound to.
    pub tenant: String,
    /// Roles: an array of texts, or one text for one role.
    pub roles: String,
    /// Groups: an array of texts, or one text for one group.
    pub groups: String,
    /// Scopes: an array of texts, or one text with spaces between them.
    pub scopes: String,
}

impl Default for ClaimNames {
    fn default() -> Self {
        Self {
            tenant: "tenant".into(),
            roles: "roles".into(),
            groups: "groups".into(),
            scopes: "scope".into(),
        }
    }
}

/// How an issuer's tokens tell users from services. It holds for actors too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KindRule {
    /// All of its principals are of one kind.
    Always(Kind),
    /// A service where the claim `name` is the text `service`, otherwise a user.
    Claim {
        /// The claim's name, as in [`ClaimNames`].
        name: String,
        /// The text that means a service.
        service: String,
    },
}

/// Someone whose tokens are believed, and how far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issuer {
    /// The exact `iss` of its tokens.
    pub issuer: String,
    /// A token must name at least one of these in `aud`.
    pub audiences: Vec<String>,
    /// The algorithms that its keys may have; empty means whatever the keys name.
    pub algorithms: Vec<Algorithm>,
    /// The file of its keys, as the operator named it; where they are fetched, the URL.
    pub jwks_file: Arc<str>,
    /// The text of that; empty where keys that are fetched have not come.
    pub jwks: Arc<str>,
    /// Who is asked for keys that are not known; `None` where they come from a file.
    pub fetched: Option<Arc<Wanted>>,
    /// How far its clock may be off, at most [`limits::CLOCK_SKEW_SECONDS_MAX`].
    pub skew_seconds: u64,
    /// Where its tokens carry tenant, roles, groups and scopes.
    pub claims: ClaimNames,
    /// How its tokens tell users from services.
    pub kind: KindRule,
    /// If set, its tokens must have this `typ` (`at+jwt`, RFC 9068).
    pub typ: Option<String>,
    /// If set, its principals must belong to this tenant or one below it.
    pub tenants: Option<TenantPath>,
}

struct Known {
    name: Arc<str>,
    settings: Issuer,
    /// `None` while they could not be fetched: then no token is believed.
    keys: Option<KeySet>,
}

/// Everything that a credential is checked against, of one snapshot.
pub struct Keyring {
    issuers: HashMap<Arc<str>, Known>,
    api_keys: ApiKeys,
    digest: Digest,
    warnings: Vec<Problem>,
}

impl std::fmt::Debug for Keyring {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keyring").field("issuers", &self.issuers.len()).field("digest", &self.digest).finish()
    }
}

impl Keyring {
    /// Reads the keys of all issuers and the file of API keys (its name and text).
    ///
    /// # Errors
    /// All problems of all files; warnings among them.
    pub fn build(issuers: &[Issuer], api_keys: Option<(&str, &str)>) -> Result<Self, Vec<Problem>> {
        let (mut known, mut problems) = (HashMap::new(), Vec::new());
        if let Some(over) = issuers.get(limits::ISSUERS_MAX) {
            return Err(vec![setting(
                over,
                "too-many-issuers",
                "there are too many issuers; the first too many is",
            )]);
        }
        let mut usable = true;
        for issuer in issuers {
            let found = check(issuer);
            usable &= found.is_empty();
            problems.extend(found);
            let name: Arc<str> = issuer.issuer.as_str().into();
            let keys = match issuer.fetched {
                Some(_) if issuer.jwks.is_empty() => Ok((None, Vec::new())),
                Some(_) | None => keys(issuer),
            };
            match keys {
                Ok((keys, warnings)) => {
                    problems.extend(warnings);
                    let entry = Known { name: Arc::clone(&name), settings: issuer.clone(), keys };
                    if known.insert(name, entry).is_some() {
                        usable = false;
                        problems.push(setting(issuer, "duplicate-issuer", "two issuers have the name"));
                    }
                }
                Err(errors) => {
                    usable = false;
                    problems.extend(errors);
                }
            }
        }
        let parsed = match api_keys.map(|(file, text)| ApiKeys::parse(file, text)) {
            None => ApiKeys::default(),
            Some(Ok(keys)) => keys,
            Some(Err(errors)) => {
                usable = false;
                problems.extend(errors);
                ApiKeys::default()
            }
        };
        if !usable {
            return Err(problems);
        }
        let digest = digest(issuers, api_keys.map(|(_, text)| text));
        Ok(Self { issuers: known, api_keys: parsed, digest, warnings: problems })
    }

    /// Whom the API keys speak for, in no order.
    pub fn api_key_principals(&self) -> impl Iterator<Item = &Principal> {
        self.api_keys.principals().map(|principal| &**principal)
    }

    /// The API keys that end within so many seconds after `now` while their principal has no other that lasts longer.
    #[must_use]
    pub fn expiring_api_keys(&self, now: u64, within: u64) -> Vec<ApiKeyEntry> {
        self.api_keys.expiring(now, within)
    }

    /// Can a set of keys be used? What is worth a look in it comes back.
    ///
    /// # Errors
    /// Every problem of the set.
    pub fn usable(file: &str, jwks: &str, algorithms: &[Algorithm]) -> Result<Vec<Problem>, Vec<Problem>> {
        KeySet::parse(file, jwks, algorithms).map(|(_, warnings)| warnings)
    }

    /// The issuers of tokens, in no order.
    pub fn issuers(&self) -> impl ExactSizeIterator<Item = &str> {
        self.issuers.keys().map(|issuer| &**issuer)
    }

    /// What is worth a look in the files that were read: keys that are not used.
    #[must_use]
    pub fn warnings(&self) -> &[Problem] {
        &self.warnings
    }

    /// The digest of everything that a verification depends on but the credential and the time.
    #[must_use]
    pub const fn digest(&self) -> Digest {
        self.digest
    }

    /// Proves a credential at `now`, in seconds since 1970.
    ///
    /// # Errors
    /// When there is any doubt; with the reason, for the record alone.
    pub fn verify(&self, credential: Credential<'_>, now: u64) -> Result<Verified, Rejected> {
        match credential {
            Credential::Bearer(token) => {
                let token = Unproven::parse(token)?;
                let issuer = self.issuers.get(token.issuer()?).ok_or(Rejected::UnknownIssuer)?;
                issuer.prove(token)?.check(&issuer.settings, &issuer.name, now)
            }
            Credential::ApiKey(key) => self.api_keys.verify(key, now),
        }
    }
}

impl Known {
    /// Proves a token; where it names a key that is not known, whoever fetches keys is told.
    fn prove(&self, token: Unproven<'_>) -> Result<Proven, Rejected> {
        let proven = match &self.keys {
            Some(keys) => token.prove(keys),
            None => Err(Rejected::NoKeys),
        };
        if let (Err(Rejected::UnknownKey | Rejected::NoKeys), Some(wanted)) =
            (&proven, &self.settings.fetched)
        {
            wanted.ask();
        }
        proven
    }
}

type Keys = Result<(Option<KeySet>, Vec<Problem>), Vec<Problem>>;

fn keys(issuer: &Issuer) -> Keys {
    let (keys, warnings) = KeySet::parse(&issuer.jwks_file, &issuer.jwks, &issuer.algorithms)?;
    Ok((Some(keys), warnings))
}

/// Problems of an issuer's settings. They stand in the config, which has its own places; here only the issuer is named.
fn check(issuer: &Issuer) -> Vec<Problem> {
    let mut problems = Vec::new();
    if issuer.issuer.is_empty() {
        problems.push(setting(issuer, "empty-issuer", "an issuer needs the exact `iss` of its tokens, not"));
    }
    if issuer.audiences.is_empty() || issuer.audiences.iter().any(String::is_empty) {
        problems.push(
            setting(issuer, "no-audience", "no audience, or an empty one, is configured for issuer").hint(
                "name what tokens for this app carry in `aud`; tokens for other apps must not open this one",
            ),
        );
    }
    if issuer.claims.tenant.is_empty() && issuer.tenants.is_none() {
        problems.push(
            setting(issuer, "no-tenant", "nothing says to which tenant the tokens belong of issuer")
                .hint("name the claim with the tenant, or bind the issuer to a tenant"),
        );
    }
    if issuer.skew_seconds > limits::CLOCK_SKEW_SECONDS_MAX {
        problems.push(
            setting(issuer, "skew-too-large", "the allowed clock difference is too large for issuer")
                .hint(format!("at most {} seconds", limits::CLOCK_SKEW_SECONDS_MAX)),
        );
    }
    problems
}

fn setting(issuer: &Issuer, code: &'static str, what: &str) -> Problem {
    Problem::error(code, Place::file(Arc::clone(&issuer.jwks_file)), format!("{what} `{}`", issuer.issuer))
}

fn digest(issuers: &[Issuer], api_keys: Option<&str>) -> Digest {
    let mut parts: Vec<Vec<u8>> = Vec::new();
    for issuer in issuers {
        // The text of the settings, keys apart: each list and text in it is quoted, so it is unambiguous.
        let settings = Issuer { jwks: "".into(), jwks_file: "".into(), fetched: None, ..issuer.clone() };
        parts.push(format!("{settings:?}").into_bytes());
        parts.push(issuer.jwks.as_bytes().to_vec());
    }
    parts.push(api_keys.map_or_else(Vec::new, |text| [b"+", text.as_bytes()].concat()));
    Digest::of_parts(parts.iter().map(Vec::as_slice))
}
