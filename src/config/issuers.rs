//! The parts of the config that say who may call and where tenants are named.
//!
//! Never: reads a key; the files named here are read with the snapshot's.

use std::sync::Arc;
use std::time::Duration;

use crate::identity::Algorithm;
use crate::identity::ClaimNames;
use crate::identity::Issuer;
use crate::identity::Kind;
use crate::identity::KindRule;
use crate::ids::TenantPath;
use crate::limits;
use crate::problem::nearest;
use crate::tenancy::PathPlace;
use crate::tenancy::Places;

use super::check::Checker;
use super::keys;
use super::keys::Named;
use super::raw;

pub(super) fn issuers(c: &mut Checker<'_>, raw: &raw::identity::Identity) -> Vec<Issuer> {
    let mut issuers = Vec::with_capacity(raw.issuers.len());
    for (at, written) in raw.issuers.iter().enumerate() {
        let path = format!("identity.issuers.{at}");
        let issuer = one(c, written, &path);
        if !issuer.issuer.is_empty() && issuers.iter().any(|other: &Issuer| other.issuer == issuer.issuer) {
            c.error(
                "duplicate-issuer",
                &format!("{path}.issuer"),
                format!("the issuer `{}` stands here twice", issuer.issuer),
                "",
            );
        }
        issuers.push(issuer);
    }
    issuers
}

fn one(c: &mut Checker<'_>, raw: &raw::identity::Issuer, path: &str) -> Issuer {
    let under = |key: &str| format!("{path}.{key}");
    let issuer = c
        .required(&under("issuer"), raw.issuer.as_ref(), "write the `iss` of its tokens")
        .unwrap_or_default();
    // That keys are named nowhere, or twice, is told where those that are fetched are read.
    let (jwks_file, fetched) = match keys::named(raw) {
        Some(Named::File(file)) => (c.path(file).to_string_lossy().into_owned(), None),
        Some(Named::Url | Named::Discovery) => (String::new(), Some(Arc::default())),
        None => (String::new(), None),
    };
    if raw.audiences.is_empty() {
        let message = format!("`{path}.audiences` is required");
        c.error("missing-key", &under("audiences"), message, "name the `aud` that tokens for this app carry");
    }
    let skew_most = Duration::from_secs(limits::CLOCK_SKEW_SECONDS_MAX);
    let skew = c.duration(&under("skew"), raw.skew.as_ref(), skew_most / 2);
    if skew > skew_most {
        c.error(
            "bad-value",
            &under("skew"),
            format!("`{path}.skew` is at most `{}s`", skew_most.as_secs()),
            "",
        );
    }
    let name = |name: &Option<String>, default: &str| name.as_deref().unwrap_or(default).to_owned();
    Issuer {
        issuer: issuer.to_owned(),
        audiences: raw.audiences.clone(),
        algorithms: algorithms(c, &raw.algorithms, &under("algorithms")),
        jwks_file: jwks_file.into(),
        jwks: "".into(),
        fetched,
        skew_seconds: skew.as_secs(),
        claims: ClaimNames {
            tenant: name(&raw.claims.tenant, "tenant"),
            roles: name(&raw.claims.roles, "roles"),
            groups: name(&raw.claims.groups, "groups"),
            scopes: name(&raw.claims.scopes, "scope"),
        },
        kind: kind(c, raw.kind.as_ref(), &under("kind")),
        typ: raw.typ.clone(),
        tenants: raw.tenants.as_deref().and_then(|text| tenant(c, text, &under("tenants"))),
    }
}

/// Those of them that there are.
pub(super) fn known_algorithms(written: &[String]) -> Vec<Algorithm> {
    written.iter().filter_map(|name| Algorithm::parse(name)).collect()
}

fn algorithms(c: &mut Checker<'_>, written: &[String], path: &str) -> Vec<Algorithm> {
    let mut algorithms = Vec::with_capacity(written.len());
    for (at, name) in written.iter().enumerate() {
        if let Some(algorithm) = Algorithm::parse(name) {
            algorithms.push(algorithm);
            continue;
        }
        let all = Algorithm::ALL.map(Algorithm::as_str);
        let hint = match nearest(name, all) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("one of `{}`", all.join("`, `")),
        };
        c.bad_value(&format!("{path}.{at}"), "an algorithm that can be trusted here", &hint);
    }
    algorithms
}

fn kind(c: &mut Checker<'_>, written: Option<&raw::identity::Kind>, path: &str) -> KindRule {
    match written {
        None | Some(raw::identity::Kind::Always(raw::identity::KindName::User)) => {
            KindRule::Always(Kind::User)
        }
        Some(raw::identity::Kind::Always(raw::identity::KindName::Service)) => {
            KindRule::Always(Kind::Service)
        }
        Some(raw::identity::Kind::Claim(rule)) => KindRule::Claim {
            name: c
                .required(&format!("{path}.claim"), rule.claim.as_ref(), "name the claim")
                .unwrap_or_default()
                .to_owned(),
            service: rule.service.as_deref().unwrap_or("service").to_owned(),
        },
    }
}

fn tenant(c: &mut Checker<'_>, text: &str, path: &str) -> Option<TenantPath> {
    match TenantPath::parse(text) {
        Ok(tenant) => Some(tenant),
        Err(why) => {
            c.bad_value(path, "the path of a tenant", &why.to_string());
            None
        }
    }
}

pub(super) fn places(c: &mut Checker<'_>, raw: &raw::Tenancy) -> Places {
    let host_suffix =
        raw.host_suffix.as_deref().map(|text| text.trim_start_matches('.').to_ascii_lowercase());
    if let Some(suffix) = &host_suffix {
        let label = |label: &str| {
            !label.is_empty()
                && label.len() <= 63
                && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
        };
        if !suffix.split('.').all(label) {
            c.bad_value(
                "tenancy.host_suffix",
                "the end of a host name",
                "write it without port: `api.example.com`",
            );
        }
    }
    let mut path = None;
    if let Some(text) = &raw.path {
        match PathPlace::parse(text) {
            Ok(place) => path = Some(place),
            Err(why) => c.bad_value(
                "tenancy.path",
                "a path that names a tenant",
                &format!("{why}; write `/t/{{tenant}}`"),
            ),
        }
    }
    Places {
        header: c.header("tenancy.header", raw.header.as_ref()),
        host_suffix: host_suffix.map(Into::into),
        path,
    }
}
