//! From the claims of a proven token to a principal.
//!
//! INVARIANT: claims other than `iss` are reachable only through [`Unproven::prove`]
//! (`tests::hostile::no_hostile_token_is_believed`).
//! Never: supplies a default for a claim that is missing, or mends one that is malformed.

use std::sync::Arc;

use super::Actor;
use super::Auth;
use super::Issuer;
use super::Kind;
use super::KindRule;
use super::Principal;
use super::Rejected;
use super::Verified;
use super::is_name;
use super::json::Json;
use super::json::Object;
use super::jwk::KeySet;
use super::jws::Jws;
use super::sorted;
use crate::ids::TenantPath;
use crate::limits;

/// A token whose claims have been read but not believed.
pub(super) struct Unproven<'t> {
    jws: Jws<'t>,
    claims: Object,
}

/// The claims of a token that one of its issuer's keys signed.
pub(super) struct Proven {
    typ: Option<Box<str>>,
    claims: Object,
}

impl<'t> Unproven<'t> {
    pub(super) fn parse(token: &'t [u8]) -> Result<Self, Rejected> {
        let jws = Jws::parse(token)?;
        let claims = Json::parse_object(jws.payload()).ok_or(Rejected::BadClaims)?;
        Ok(Self { jws, claims })
    }

    /// Who the token says issued it: good for choosing the keys, and for nothing else.
    pub(super) fn issuer(&self) -> Result<&str, Rejected> {
        self.claims.get("iss").and_then(Json::text).ok_or(Rejected::NoIssuer)
    }

    pub(super) fn prove(self, keys: &KeySet) -> Result<Proven, Rejected> {
        self.jws.verify(keys)?;
        Ok(Proven { typ: self.jws.typ().map(Into::into), claims: self.claims })
    }
}

impl Proven {
    /// Checks what the token says against what its issuer may say, now.
    pub(super) fn check(&self, issuer: &Issuer, name: &Arc<str>, now: u64) -> Result<Verified, Rejected> {
        self.check_type(issuer)?;
        let expires = self.check_times(issuer.skew_seconds, now)?;
        let audiences = Some(self.audiences(&issuer.audiences)?);
        let id = self.claims.get("sub").and_then(Json::text).filter(|id| is_name(id));
        let values = |claim: &str, split| names(&self.claims, claim, split).map(sorted);
        let principal = Principal {
            kind: kind(&issuer.kind, &self.claims)?,
            id: id.ok_or(Rejected::BadSubject)?.into(),
            tenant: self.tenant(issuer)?,
            roles: values(&issuer.claims.roles, Split::No)?,
            groups: values(&issuer.claims.groups, Split::No)?,
            scopes: values(&issuer.claims.scopes, Split::AtSpaces)?,
            auth: Auth::Jwt { issuer: Arc::clone(name) },
            actor: actor(&self.claims, issuer, limits::DELEGATION_DEPTH_MAX)?,
        };
        Ok(Verified { principal: Arc::new(principal), expires, audiences })
    }

    /// RFC 8725 section 3.11. Types are media types (RFC 7515 section 4.1.9): case and `application/` mean nothing.
    fn check_type(&self, issuer: &Issuer) -> Result<(), Rejected> {
        let short = |typ: &str| {
            let typ = typ.to_ascii_lowercase();
            typ.strip_prefix("application/").map(str::to_owned).unwrap_or(typ)
        };
        match (&issuer.typ, &self.typ) {
            (None, _) => Ok(()),
            (Some(wanted), Some(typ)) if short(wanted) == short(typ) => Ok(()),
            (Some(_), _) => Err(Rejected::WrongType),
        }
    }

    fn check_times(&self, skew: u64, now: u64) -> Result<u64, Rejected> {
        let skew = skew.min(limits::CLOCK_SKEW_SECONDS_MAX);
        let expires = self.time("exp")?.ok_or(Rejected::NoExpiry)?;
        if expires.saturating_add(skew) <= now {
            return Err(Rejected::Expired);
        }
        for claim in ["nbf", "iat"] {
            if self.time(claim)?.is_some_and(|from| from > now.saturating_add(skew)) {
                return Err(Rejected::NotYetValid);
            }
        }
        Ok(expires)
    }

    fn time(&self, claim: &str) -> Result<Option<u64>, Rejected> {
        match self.claims.get(claim) {
            None => Ok(None),
            Some(Json::Integer(time)) => match u64::try_from(*time) {
                Ok(time) if time <= limits::TOKEN_TIME_SECONDS_MAX => Ok(Some(time)),
                Ok(_) | Err(_) => Err(Rejected::BadTime),
            },
            Some(_) => Err(Rejected::BadTime),
        }
    }

    /// Whom the token is for; one of these must be wanted here.
    fn audiences(&self, wanted: &[String]) -> Result<Arc<[Box<str>]>, Rejected> {
        let named: Vec<&str> = match self.claims.get("aud") {
            Some(Json::Text(one)) => vec![one],
            Some(Json::Array(several)) if several.len() <= limits::CLAIM_VALUES_MAX => {
                several.iter().map(Json::text).collect::<Option<_>>().ok_or(Rejected::NoAudience)?
            }
            Some(_) | None => return Err(Rejected::NoAudience),
        };
        if !named.iter().any(|audience| wanted.iter().any(|ours| ours == audience)) {
            return Err(Rejected::WrongAudience);
        }
        Ok(named.into_iter().map(Into::into).collect())
    }

    fn tenant(&self, issuer: &Issuer) -> Result<Option<TenantPath>, Rejected> {
        if issuer.claims.tenant.is_empty() {
            return Ok(issuer.tenants.clone());
        }
        let Some(claim) = find(&self.claims, &issuer.claims.tenant) else { return Ok(None) };
        let tenant = claim.text().and_then(|text| TenantPath::parse(text).ok()).ok_or(Rejected::BadTenant)?;
        if issuer.tenants.as_ref().is_some_and(|bound| !tenant.is_within(bound)) {
            return Err(Rejected::ForeignTenant);
        }
        Ok(Some(tenant))
    }
}

/// A claim by its exact name, or, where the name starts with `/` and no claim has it, by JSON pointer (RFC 6901):
/// `/realm_access/roles`.
fn find<'c>(claims: &'c Object, name: &str) -> Option<&'c Json> {
    if let Some(claim) = claims.get(name) {
        return Some(claim);
    }
    let mut steps = name.strip_prefix('/')?.split('/').map(|step| step.replace("~1", "/").replace("~0", "~"));
    let first = claims.get(steps.next()?.as_str())?;
    steps.try_fold(first, |at, step| match at {
        Json::Object(members) => members.get(step.as_str()),
        Json::Null | Json::Bool | Json::Integer(_) | Json::OtherNumber | Json::Text(_) | Json::Array(_) => {
            None
        }
    })
}

#[derive(Clone, Copy)]
enum Split {
    /// A single text is one value: names of roles may have spaces.
    No,
    /// `scope` is one text with spaces between the values (RFC 8693 section 4.2).
    AtSpaces,
}

fn names(claims: &Object, claim: &str, split: Split) -> Result<Vec<Box<str>>, Rejected> {
    if claim.is_empty() {
        return Ok(Vec::new());
    }
    let texts: Vec<&str> = match (find(claims, claim), split) {
        (None, _) => return Ok(Vec::new()),
        (Some(Json::Text(all)), Split::AtSpaces) => all.split(' ').filter(|one| !one.is_empty()).collect(),
        (Some(Json::Text(one)), Split::No) => vec![one],
        (Some(Json::Array(several)), _) => {
            several.iter().map(Json::text).collect::<Option<_>>().ok_or(Rejected::BadValues)?
        }
        (Some(_), _) => return Err(Rejected::BadValues),
    };
    if texts.len() > limits::CLAIM_VALUES_MAX || !texts.iter().all(|text| is_name(text)) {
        return Err(Rejected::BadValues);
    }
    Ok(texts.into_iter().map(Into::into).collect())
}

fn kind(rule: &KindRule, claims: &Object) -> Result<Kind, Rejected> {
    match rule {
        KindRule::Always(kind) => Ok(*kind),
        KindRule::Claim { name, service } => match find(claims, name) {
            None => Ok(Kind::User),
            Some(Json::Text(text)) if **text == **service => Ok(Kind::Service),
            Some(Json::Text(_)) => Ok(Kind::User),
            Some(_) => Err(Rejected::BadValues),
        },
    }
}

/// The chain of `act` claims. An actor is named within the token's own issuer, so another `iss` is refused: the same
/// `sub` there may be someone else.
fn actor(claims: &Object, issuer: &Issuer, depth_left: usize) -> Result<Option<Actor>, Rejected> {
    let members = match claims.get("act") {
        None => return Ok(None),
        Some(Json::Object(members)) if depth_left > 0 => members,
        Some(_) => return Err(Rejected::BadActor),
    };
    if members.get("iss").is_some_and(|iss| iss.text() != Some(&issuer.issuer)) {
        return Err(Rejected::BadActor);
    }
    let id = members.get("sub").and_then(Json::text).filter(|id| is_name(id)).ok_or(Rejected::BadActor)?;
    Ok(Some(Actor {
        kind: kind(&issuer.kind, members).map_err(|_| Rejected::BadActor)?,
        id: id.into(),
        actor: actor(members, issuer, depth_left - 1)?.map(Box::new),
    }))
}
