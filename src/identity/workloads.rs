//! Whom workloads speak for: from a SPIFFE id to a [`Principal`], by the rules of the config.
//!
//! The first rule that fits counts. An id is compared by whole segments, so that `billing` never fits `billing-evil`.
//! Never: gives a principal to an id of a trust domain that is not named.

use std::fmt;
use std::sync::Arc;

use crate::ids::TenantPath;

use super::Actor;
use super::Auth;
use super::Kind;
use super::Principal;
use super::Rejected;
use super::Verified;
use super::is_name;
use super::sorted;
use super::spiffe::SpiffeId;
use super::spiffe::Svid;
use super::spiffe::is_segment;
use super::spiffe::is_trust_domain;

/// A SPIFFE id in which segments of the path may stand for any: `*` for one, a last `**` for one and more, `{tenant}` for one that
/// names the tenant, its own segments joined by `.`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    trust_domain: Box<str>,
    segments: Vec<Segment>,
    has_tail: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Segment {
    Text(Box<str>),
    Any,
    Tenant,
}

/// Why a text is no pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BadPattern {
    /// It does not begin with `spiffe://` and a trust domain, or has no path.
    Start,
    /// A segment is none, or `**` is not the last.
    Segment,
    /// `{tenant}` stands in it twice.
    TwoTenants,
}

impl fmt::Display for BadPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Start => "write `spiffe://`, a trust domain in lower case, and a path",
            Self::Segment => {
                "a segment is letters, digits, `.`, `-` and `_`, or `*`, or `{tenant}`; `**` is the last"
            }
            Self::TwoTenants => "`{tenant}` may stand there once",
        })
    }
}

impl Pattern {
    /// Reads a pattern.
    ///
    /// # Errors
    /// It is none.
    pub fn parse(text: &str) -> Result<Self, BadPattern> {
        let (domain, path) =
            text.strip_prefix("spiffe://").and_then(|rest| rest.split_once('/')).ok_or(BadPattern::Start)?;
        if !is_trust_domain(domain.as_bytes()) {
            return Err(BadPattern::Start);
        }
        let (path, has_tail) = match (path, path.strip_suffix("/**")) {
            ("**", _) => (None, true),
            (_, Some(path)) => (Some(path), true),
            (path, None) => (Some(path), false),
        };
        let mut segments = Vec::new();
        for segment in path.into_iter().flat_map(|path| path.split('/')) {
            segments.push(match segment {
                "*" => Segment::Any,
                "{tenant}" if segments.contains(&Segment::Tenant) => return Err(BadPattern::TwoTenants),
                "{tenant}" => Segment::Tenant,
                text if is_segment(text.as_bytes()) => Segment::Text(text.into()),
                _ => return Err(BadPattern::Segment),
            });
        }
        Ok(Self { trust_domain: domain.into(), segments, has_tail })
    }

    /// Who vouches for its ids.
    #[must_use]
    pub fn trust_domain(&self) -> &str {
        &self.trust_domain
    }

    /// Does it say to which tenant an id belongs?
    #[must_use]
    pub fn names_tenant(&self) -> bool {
        self.segments.contains(&Segment::Tenant)
    }

    /// Does it fit? Then with the segment that stands for the tenant, if there is one.
    fn fits<'i>(&self, id: &'i SpiffeId) -> Option<Option<&'i str>> {
        if id.trust_domain() != &*self.trust_domain {
            return None;
        }
        let (mut found, mut tenant) = (id.segments(), None);
        for segment in &self.segments {
            let text = found.next()?;
            match segment {
                Segment::Text(expected) if **expected != *text => return None,
                Segment::Text(_) | Segment::Any => {}
                Segment::Tenant => tenant = Some(text),
            }
        }
        (found.next().is_some() == self.has_tail).then_some(tenant)
    }
}

/// One rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Workload {
    /// The ids that it is about.
    pub ids: Pattern,
    /// The tenant that they belong to, where the pattern does not say.
    pub tenant: Option<TenantPath>,
    /// Their roles.
    pub roles: Vec<Box<str>>,
    /// Their groups.
    pub groups: Vec<Box<str>>,
    /// Their scopes.
    pub scopes: Vec<Box<str>>,
}

/// All rules, and the trust domains whose ids are believed.
#[derive(Debug, Clone, Default)]
pub struct Workloads {
    /// The trust domains.
    pub trust_domains: Vec<Box<str>>,
    /// The rules, in the order in which they are tried.
    pub rules: Vec<Workload>,
}

impl Workloads {
    /// Is this workload of a trust domain whose ids are believed?
    #[must_use]
    pub fn knows(&self, id: &SpiffeId) -> bool {
        self.trust_domains.iter().any(|known| **known == *id.trust_domain())
    }

    /// Whom a workload speaks for at `now`, in seconds since 1970. `None`: it is of no trust domain that is believed here, which
    /// is as if it had shown nothing.
    ///
    /// # Errors
    /// Its certificate has expired since; no rule is about it; it names no tenant.
    pub fn verify(&self, svid: &Svid, now: u64) -> Option<Result<Verified, Rejected>> {
        self.knows(&svid.id).then(|| self.principal(svid, now))
    }

    fn principal(&self, svid: &Svid, now: u64) -> Result<Verified, Rejected> {
        if now >= svid.expires {
            return Err(Rejected::Expired);
        }
        if !is_name(svid.id.as_str()) {
            return Err(Rejected::BadSubject);
        }
        let found = self.rules.iter().find_map(|rule| Some((rule, rule.ids.fits(&svid.id)?)));
        let (rule, named) = found.ok_or(Rejected::UnknownWorkload)?;
        let tenant = match named {
            None => rule.tenant.clone(),
            Some(text) => Some(TenantPath::parse(&text.replace('.', "/")).map_err(|_| Rejected::BadTenant)?),
        };
        let principal = Principal {
            kind: Kind::Service,
            id: svid.id.as_str().into(),
            tenant,
            roles: sorted(rule.roles.clone()),
            groups: sorted(rule.groups.clone()),
            scopes: sorted(rule.scopes.clone()),
            auth: Auth::Spiffe { trust_domain: svid.id.trust_domain().into() },
            actor: None,
        };
        Ok(Verified { principal: Arc::new(principal), expires: svid.expires, audiences: None })
    }

    /// A caller whose credential came over the connection of a workload: the workload acts for it, and whoever acted for it before
    /// stands behind.
    ///
    /// # Errors
    /// The workload's certificate has expired since.
    pub fn acts_for(&self, caller: Verified, svid: &Svid, now: u64) -> Result<Verified, Rejected> {
        if !self.knows(&svid.id) {
            return Ok(caller);
        }
        if now >= svid.expires {
            return Err(Rejected::Expired);
        }
        if !is_name(svid.id.as_str()) {
            return Err(Rejected::BadActor);
        }
        let Verified { principal, expires, audiences } = caller;
        let is_told = principal.actor.as_ref().is_some_and(|actor| *actor.id == *svid.id.as_str());
        let expires = expires.min(svid.expires);
        if is_told {
            return Ok(Verified { principal, expires, audiences });
        }
        let mut principal = Principal::clone(&principal);
        let before = principal.actor.take().map(Box::new);
        principal.actor = Some(Actor { kind: Kind::Service, id: svid.id.as_str().into(), actor: before });
        Ok(Verified { principal: Arc::new(principal), expires, audiences })
    }
}
