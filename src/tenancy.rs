//! For which tenant a call is: every source that names one is heard, and they must agree.
//!
//! A credential says to whom the caller belongs; host, path and header say whose data is meant. A name is never mended
//! into a known tenant, and a tenant that nobody knows is a refusal.
//! Never: ranks one source over another, or lets a missing source stand for any tenant but the caller's own.
//! Callers: `request::identified`, and nobody else.

use http::HeaderMap;
use http::HeaderName;

use crate::ids::TenantPath;
use crate::model::TenantIx;
use crate::model::Tenants;

#[cfg(test)]
mod tests;

/// Where a tenant is named.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Source {
    /// A claim of a token: the caller's tenant.
    Claim,
    /// The entry of an API key: the caller's tenant.
    ApiKey,
    /// The rule for a workload: the caller's tenant.
    Workload,
    /// The labels of the host before the configured suffix: whose data is meant.
    Host,
    /// A segment of the path: whose data is meant.
    Path,
    /// A header: whose data is meant.
    Header,
}

impl Source {
    /// Every source.
    pub const ALL: [Self; 6] =
        [Self::Claim, Self::ApiKey, Self::Workload, Self::Host, Self::Path, Self::Header];

    /// A stable name for the record.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Claim => "claim",
            Self::ApiKey => "api_key",
            Self::Workload => "workload",
            Self::Host => "host",
            Self::Path => "path",
            Self::Header => "header",
        }
    }

    /// Does it say who the caller belongs to, rather than whose data is meant?
    #[must_use]
    pub const fn is_of_caller(self) -> bool {
        match self {
            Self::Claim | Self::ApiKey | Self::Workload => true,
            Self::Host | Self::Path | Self::Header => false,
        }
    }
}

/// A tenant, and where it was named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// Where.
    pub source: Source,
    /// Which.
    pub tenant: TenantPath,
}

/// How the target stands to the caller in the tree of tenants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Relation {
    /// The caller's own tenant.
    Same,
    /// A part of the caller's tenant.
    Below,
    /// A tenant that the caller's is a part of.
    Above,
    /// Neither is a part of the other.
    Apart,
}

impl Relation {
    /// A stable name for the record.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Same => "same",
            Self::Below => "below",
            Self::Above => "above",
            Self::Apart => "apart",
        }
    }

    /// The relation of two tenants.
    #[must_use]
    pub fn between(caller: TenantIx, target: TenantIx, tenants: &Tenants) -> Self {
        if caller == target {
            Self::Same
        } else if tenants.is_within(target, caller) {
            Self::Below
        } else if tenants.is_within(caller, target) {
            Self::Above
        } else {
            Self::Apart
        }
    }
}

/// What all sources together say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tenancy {
    /// To whom the caller belongs.
    pub caller: TenantIx,
    /// Whose data is meant.
    pub target: TenantIx,
    /// How the two stand to each other.
    pub relation: Relation,
}

/// Why the sources do not settle a tenancy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Disagreement {
    /// Nothing says to whom the caller belongs.
    NoTenant,
    /// This source names a tenant that nobody knows.
    Unknown(Source),
    /// These two sources name different tenants, and no pathway could explain it.
    Mismatch(Source, Source),
}

impl Disagreement {
    /// A stable name for the record.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NoTenant => "no_tenant",
            Self::Unknown(_) => "unknown_tenant",
            Self::Mismatch(_, _) => "tenant_mismatch",
        }
    }
}

/// Settles for which tenant a call is.
///
/// The caller's sources must name one tenant, and the target's sources one; without any of the latter the target is the
/// caller's own. A target within the caller's tenant is fine; for any other, `pathway` must say that a pathway might lead
/// from the caller to the target. It is a cheap question asked early: the policies still decide.
///
/// # Errors
/// When nothing names the caller's tenant, a name is unknown, or the sources disagree.
pub fn agree(
    named: &[Named],
    tenants: &Tenants,
    pathway: impl Fn(TenantIx, TenantIx) -> bool,
) -> Result<Tenancy, Disagreement> {
    let mut caller = None;
    let mut target = None;
    for Named { source, tenant } in named {
        let known = tenants.find(tenant.as_str()).ok_or(Disagreement::Unknown(*source))?;
        let side = if source.is_of_caller() { &mut caller } else { &mut target };
        match *side {
            None => *side = Some((*source, known)),
            Some((_, first)) if first == known => {}
            Some((earlier, _)) => return Err(Disagreement::Mismatch(earlier, *source)),
        }
    }
    let (caller_source, caller) = caller.ok_or(Disagreement::NoTenant)?;
    let (target_source, target) = target.unwrap_or((caller_source, caller));
    let relation = Relation::between(caller, target, tenants);
    match relation {
        Relation::Same | Relation::Below => {}
        Relation::Above | Relation::Apart if pathway(caller, target) => {}
        Relation::Above | Relation::Apart => {
            return Err(Disagreement::Mismatch(caller_source, target_source));
        }
    }
    Ok(Tenancy { caller, target, relation })
}

/// Where in a path the tenant stands: after a fixed prefix, as one whole segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathPlace(Box<str>);

impl PathPlace {
    /// Parses `/t/{tenant}`: fixed segments, then the tenant's, and nothing after it.
    ///
    /// # Errors
    /// A sentence that says what is wrong.
    pub fn parse(text: &str) -> Result<Self, String> {
        let prefix = text
            .strip_suffix("{tenant}")
            .filter(|prefix| prefix.starts_with('/') && prefix.ends_with('/'))
            .ok_or(
                "a path place is `/`, fixed segments, and `{tenant}` as its last segment: `/t/{tenant}`",
            )?;
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
        let segment = |text: &str| !matches!(text, "" | "." | "..") && text.bytes().all(plain);
        let fixed = prefix.strip_prefix('/').unwrap_or(prefix);
        if !fixed.is_empty() && !fixed.strip_suffix('/').is_some_and(|fixed| fixed.split('/').all(segment)) {
            return Err(
                "the fixed segments of a path place have letters, digits, `-`, `.`, `_` and `~` only".into(),
            );
        }
        Ok(Self(prefix.into()))
    }
}

/// The places of a request that may name whose data is meant.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Places {
    /// A header with a tenant path: `acme/west`.
    pub header: Option<HeaderName>,
    /// The suffix of hosts, lower case, without a leading dot: with `app.example`, the host `west.acme.app.example`
    /// names `acme/west`.
    pub host_suffix: Option<Box<str>>,
    /// A segment of the path, its tenant's segments separated by `.`: `/t/acme.west`.
    pub path: Option<PathPlace>,
}

/// A place that has something where a tenant's name should be, but it is none, or there are several.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct BadTenantName(pub Source);

/// Finds what a request says about whose data is meant. `host` is its one authority, `path` its canonical path without
/// the query.
///
/// # Errors
/// When a configured place holds something that is no tenant's name, or when the host is not within the suffix: an app
/// that reads its tenant from the first label would be led astray by `globex.elsewhere.example`.
pub fn targets(
    places: &Places,
    host: &str,
    path: &str,
    headers: &HeaderMap,
) -> Result<Vec<Named>, BadTenantName> {
    let mut found = Vec::new();
    let mut add = |source, name: Result<Option<TenantPath>, ()>| match name {
        Ok(tenant) => {
            found.extend(tenant.map(|tenant| Named { source, tenant }));
            Ok(())
        }
        Err(()) => Err(BadTenantName(source)),
    };
    if let Some(suffix) = &places.host_suffix {
        add(Source::Host, in_host(suffix, host))?;
    }
    if let Some(PathPlace(prefix)) = &places.path {
        add(Source::Path, in_path(prefix, path))?;
    }
    if let Some(header) = &places.header {
        add(Source::Header, in_header(header, headers))?;
    }
    Ok(found)
}

fn in_host(suffix: &str, host: &str) -> Result<Option<TenantPath>, ()> {
    let name = match host.rsplit_once(':') {
        Some((name, port))
            if port.parse::<u16>().is_ok() && port.bytes().all(|byte| byte.is_ascii_digit()) =>
        {
            name
        }
        Some(_) => return Err(()),
        None => host,
    };
    let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
    let before = name.strip_suffix(&suffix.to_ascii_lowercase()).ok_or(())?;
    if before.is_empty() {
        return Ok(None);
    }
    let labels = before.strip_suffix('.').ok_or(())?;
    // Labels are read from right to left, so the outermost tenant stands next to the suffix.
    let path = labels.rsplit('.').collect::<Vec<_>>().join("/");
    TenantPath::parse(&path).map(Some).map_err(|_| ())
}

fn in_path(prefix: &str, path: &str) -> Result<Option<TenantPath>, ()> {
    let Some(rest) = path.strip_prefix(prefix) else { return Ok(None) };
    let segment = rest.split('/').next().unwrap_or(rest);
    TenantPath::parse(&segment.replace('.', "/")).map(Some).map_err(|_| ())
}

fn in_header(header: &HeaderName, headers: &HeaderMap) -> Result<Option<TenantPath>, ()> {
    let mut lines = headers.get_all(header).iter();
    match (lines.next(), lines.next()) {
        (None, _) => Ok(None),
        (Some(line), None) => {
            line.to_str().ok().and_then(|text| TenantPath::parse(text).ok()).map(Some).ok_or(())
        }
        (Some(_), Some(_)) => Err(()),
    }
}
