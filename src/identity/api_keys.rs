//! API keys: `id.secret`, found by id, proven by the SHA-256 of the secret.
//!
//! The secrets are made by machines with at least 128 random bits, so one fast digest suffices, and whoever reads the
//! file learns no secret. Never: holds a secret, compares in a time that depends on where bytes differ, or takes less
//! time for an unknown id.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use aws_lc_rs::constant_time::verify_slices_are_equal;
use serde_saphyr::Location;
use serde_saphyr::Spanned;

use super::Auth;
use super::Kind;
use super::Principal;
use super::Rejected;
use super::Verified;
use super::is_name;
use super::sorted;
use crate::ids::Digest;
use crate::ids::TenantPath;
use crate::limits;
use crate::problem::Place;
use crate::problem::Problem;
use crate::problem::nearest;

#[derive(Clone, PartialEq, Eq)]
struct ApiKey {
    secret: [u8; 32],
    from: u64,
    expires: u64,
    principal: Arc<Principal>,
    line: u32,
}

/// What a file says of one API key, its secret's digest left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKeyEntry {
    /// The part before the dot.
    pub id: Box<str>,
    /// Whom it speaks for.
    pub principal: Arc<Principal>,
    /// From this second since 1970 on it is good.
    pub from: u64,
    /// From this second on it no longer is; `u64::MAX` where it never expires.
    pub expires: u64,
    /// The line of its id in the file, from 1.
    pub line: u32,
}

/// Reads a file of API keys, for who edits it; sorted by id.
///
/// # Errors
/// Every problem in it.
pub fn api_key_entries(file: &str, text: &str) -> Result<Vec<ApiKeyEntry>, Vec<Problem>> {
    let mut entries: Vec<_> = ApiKeys::parse(file, text)?.entries().collect();
    entries.sort_by(|a, b| a.id.cmp(&b.id));
    Ok(entries)
}

/// Do two files say the same of these API keys, their secrets among it?
#[must_use]
pub fn same_api_keys(one: &str, other: &str, ids: &[Box<str>]) -> bool {
    let (Ok(one), Ok(other)) = (ApiKeys::parse("", one), ApiKeys::parse("", other)) else { return false };
    let of = |keys: &ApiKeys, id: &str| keys.0.get(id).map(|key| ApiKey { line: 0, ..key.clone() });
    ids.iter().all(|id| of(&one, id).is_some_and(|key| of(&other, id) == Some(key)))
}

/// All API keys of one snapshot.
#[derive(Default)]
pub(super) struct ApiKeys(HashMap<Box<str>, ApiKey>);

impl ApiKeys {
    /// Reads `api_keys.yaml`.
    pub(super) fn parse(file: &str, text: &str) -> Result<Self, Vec<Problem>> {
        let raw: RawFile = serde_saphyr::from_str_with_options(text, options())
            .map_err(|error| vec![not_yaml(file, &error)])?;
        if raw.keys.len() > limits::API_KEYS_MAX {
            let what = format!("more than {} keys", limits::API_KEYS_MAX);
            return Err(vec![Problem::error("too-many-api-keys", Place::file(file), what)]);
        }
        let file: Arc<str> = file.into();
        let (mut keys, mut problems) = (HashMap::new(), Vec::new());
        let mut secrets = HashMap::new();
        for raw in raw.keys {
            if problems.len() >= limits::PROBLEMS_MAX {
                break;
            }
            let mut reader = Reader { file: &file, problems: &mut problems };
            let (id_at, secret_at) = (raw.id.referenced, raw.sha256.referenced);
            let Some((id, key)) = reader.key(raw) else { continue };
            if secrets.insert(key.secret, ()).is_some() {
                reader.problem("duplicate-secret", secret_at, "another key has the same secret");
            }
            match keys.entry(id) {
                Entry::Vacant(free) => {
                    free.insert(key);
                }
                Entry::Occupied(taken) => {
                    reader.problem(
                        "duplicate-api-key",
                        id_at,
                        format!("two keys have the id `{}`", taken.key()),
                    );
                }
            }
        }
        if problems.is_empty() { Ok(Self(keys)) } else { Err(problems) }
    }

    /// Whom the keys speak for.
    pub(super) fn principals(&self) -> impl Iterator<Item = &Arc<Principal>> {
        self.0.values().map(|key| &key.principal)
    }

    pub(super) fn entries(&self) -> impl Iterator<Item = ApiKeyEntry> {
        self.0.iter().map(|(id, key)| ApiKeyEntry {
            id: id.clone(),
            principal: Arc::clone(&key.principal),
            from: key.from,
            expires: key.expires,
            line: key.line,
        })
    }

    /// Those that end within so many seconds after `now` while their principal has no other that is good by then and longer;
    /// the first to end first.
    pub(super) fn expiring(&self, now: u64, within: u64) -> Vec<ApiKeyEntry> {
        let horizon = now.saturating_add(within);
        let ends = |key: &ApiKeyEntry| (now..=horizon).contains(&key.expires);
        let mut ending: Vec<_> = self.entries().filter(ends).collect();
        if ending.is_empty() {
            return ending;
        }
        let who = |principal: &Principal| (principal.kind, principal.id.clone(), principal.tenant.clone());
        let lasting: HashMap<_, u64> = self.0.values().filter(|key| key.expires > horizon).fold(
            HashMap::new(),
            |mut from: HashMap<_, u64>, key| {
                let first = from.entry(who(&key.principal)).or_insert(key.from);
                *first = key.from.min(*first);
                from
            },
        );
        ending.retain(|key| lasting.get(&who(&key.principal)).is_none_or(|from| *from > key.expires));
        ending.sort_by(|a, b| (a.expires, &a.id).cmp(&(b.expires, &b.id)));
        ending
    }

    /// Proves `id.secret`.
    pub(super) fn verify(&self, credential: &[u8], now: u64) -> Result<Verified, Rejected> {
        if credential.len() > limits::CREDENTIAL_BYTES_MAX {
            return Err(Rejected::TooLong);
        }
        let mut parts = credential.splitn(2, |byte| *byte == b'.');
        let (Some(id), Some(secret)) = (parts.next(), parts.next()) else { return Err(Rejected::Malformed) };
        let id = std::str::from_utf8(id).map_err(|_| Rejected::Malformed)?;
        let found = self.0.get(id);
        // For an unknown id the same work is done, against a digest that nothing is known to have.
        let stored = found.map_or(&[0; 32], |key| &key.secret);
        let equal = verify_slices_are_equal(Digest::of(secret).as_bytes(), stored).is_ok();
        let key = found.ok_or(Rejected::UnknownApiKey)?;
        if !equal {
            return Err(Rejected::WrongSecret);
        }
        if now < key.from {
            return Err(Rejected::NotYetValid);
        }
        if now >= key.expires {
            return Err(Rejected::Expired);
        }
        Ok(Verified { principal: Arc::clone(&key.principal), expires: key.expires, audiences: None })
    }
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields, expecting = "a map with `keys`")]
struct RawFile {
    #[serde(default)]
    keys: Vec<RawKey>,
}

#[derive(serde::Deserialize)]
#[serde(
    deny_unknown_fields,
    expecting = "an API key: a map with `id`, `sha256`, `kind`, `principal` and `tenant`"
)]
struct RawKey {
    id: Spanned<String>,
    sha256: Spanned<String>,
    kind: Spanned<String>,
    principal: Spanned<String>,
    tenant: Spanned<String>,
    #[serde(default)]
    roles: Vec<Spanned<String>>,
    #[serde(default)]
    groups: Vec<Spanned<String>>,
    #[serde(default)]
    scopes: Vec<Spanned<String>>,
    not_before: Option<Spanned<String>>,
    expires: Option<Spanned<String>>,
}

fn options() -> serde_saphyr::Options {
    serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_depth: limits::DOCUMENT_DEPTH_MAX,
            flow_nesting_limit: limits::DOCUMENT_DEPTH_MAX,
            max_nodes: limits::DOCUMENT_NODES_MAX,
            max_events: limits::DOCUMENT_NODES_MAX * 2,
        },
        alias_limits: serde_saphyr::alias_limits! {
            max_total_replayed_events: limits::DOCUMENT_ALIASED_NODES_MAX,
        },
        with_snippet: false,
    }
}

fn place(file: &Arc<str>, at: Location) -> Place {
    let number = |n: u64| u32::try_from(n).unwrap_or(u32::MAX);
    let length = u32::try_from(at.span().len()).unwrap_or(u32::MAX);
    Place { file: Arc::clone(file), line: number(at.line()), column: number(at.column()), length }
}

fn not_yaml(file: &str, error: &serde_saphyr::Error) -> Problem {
    let file: Arc<str> = file.into();
    let place = error.location().map_or_else(|| Place::file(Arc::clone(&file)), |at| place(&file, at));
    let told = error.without_snippet().to_string();
    // The reader adds the place, which stands beside the message already, and the advice to change our code.
    let message = told.split(" at line ").next().unwrap_or_default();
    let message = message.split(", set ").next().unwrap_or_default();
    Problem::error("bad-api-keys", place, message.lines().next().unwrap_or_default())
}

struct Reader<'p> {
    file: &'p Arc<str>,
    problems: &'p mut Vec<Problem>,
}

impl Reader<'_> {
    fn problem(&mut self, code: &'static str, at: Location, message: impl Into<String>) {
        self.problems.push(Problem::error(code, place(self.file, at), message));
    }

    /// One key, after all of its problems are noted.
    fn key(&mut self, raw: RawKey) -> Option<(Box<str>, ApiKey)> {
        let before = self.problems.len();
        self.check_id(&raw.id);
        let secret = unhex(&raw.sha256.value);
        if secret.is_none() {
            let what =
                "`sha256` is the SHA-256 of the secret (the part after the dot) as 64 lower-case hex digits";
            self.problem("bad-sha256", raw.sha256.referenced, what);
        }
        let kind = self.kind(&raw.kind);
        let tenant = TenantPath::parse(&raw.tenant.value);
        if let Err(why) = &tenant {
            let what = format!("`{}` is no tenant path: {why}", raw.tenant.value);
            self.problem("bad-tenant", raw.tenant.referenced, what);
        }
        self.names(std::slice::from_ref(&raw.principal));
        let [roles, groups, scopes] = [raw.roles, raw.groups, raw.scopes].map(|values| self.names(&values));
        let from = raw.not_before.map_or(Some(0), |time| self.time(&time));
        let expires = raw.expires.map_or(Some(u64::MAX), |time| self.time(&time));
        if self.problems.len() > before {
            return None;
        }
        let line = u32::try_from(raw.id.referenced.line()).unwrap_or(u32::MAX);
        let id: Box<str> = raw.id.value.into();
        let auth = Auth::ApiKey { id: id.clone() };
        let principal = Arc::new(Principal {
            kind: kind?,
            id: raw.principal.value.into(),
            tenant: tenant.ok(),
            roles,
            groups,
            scopes,
            auth,
            actor: None,
        });
        Some((id, ApiKey { secret: secret?, from: from?, expires: expires?, principal, line }))
    }

    fn check_id(&mut self, id: &Spanned<String>) {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        let text = &id.value;
        if text.is_empty() || text.len() > limits::API_KEY_ID_BYTES_MAX || !text.bytes().all(plain) {
            let max = limits::API_KEY_ID_BYTES_MAX;
            let what = format!("an id has 1 to {max} letters, digits, `-` and `_`");
            self.problem("bad-api-key-id", id.referenced, what);
        }
    }

    fn kind(&mut self, kind: &Spanned<String>) -> Option<Kind> {
        match kind.value.as_str() {
            "user" => Some(Kind::User),
            "service" => Some(Kind::Service),
            other => {
                let what = format!("`{other}` is no kind of principal");
                let hint = match nearest(other, ["user", "service"]) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => "one of `user` and `service`".into(),
                };
                let place = place(self.file, kind.referenced);
                self.problems.push(Problem::error("unknown-kind", place, what).hint(hint));
                None
            }
        }
    }

    fn names(&mut self, values: &[Spanned<String>]) -> Vec<Box<str>> {
        for value in values.iter().filter(|value| !is_name(&value.value)) {
            let what = format!("a name has 1 to {} bytes and no control characters", limits::CLAIM_BYTES_MAX);
            self.problem("bad-name", value.referenced, what);
        }
        if let Some(over) = values.get(limits::CLAIM_VALUES_MAX) {
            self.problem(
                "too-many-names",
                over.referenced,
                format!("more than {}", limits::CLAIM_VALUES_MAX),
            );
        }
        sorted(values.iter().map(|value| value.value.as_str().into()).collect())
    }

    fn time(&mut self, time: &Spanned<String>) -> Option<u64> {
        let parsed =
            time.value.parse::<jiff::Timestamp>().ok().and_then(|time| time.as_second().try_into().ok());
        if parsed.is_none() {
            let what = format!("`{}` is no time such as `2027-06-30T00:00:00Z`", time.value);
            self.problem("bad-time", time.referenced, what);
        }
        parsed
    }
}

fn unhex(text: &str) -> Option<[u8; 32]> {
    let digit = |byte: u8| match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    };
    let mut bytes = [0; 32];
    if text.len() != bytes.len() * 2 {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        let [high, low] = pair else { return None };
        *byte = digit(*high)? << 4 | digit(*low)?;
    }
    Some(bytes)
}
