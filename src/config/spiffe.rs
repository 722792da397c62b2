//! The part of the config that says whom workloads speak for.
//!
//! Never: reads a certificate.

use crate::door::ClientAuth;
use crate::identity::Pattern;
use crate::identity::Workload;
use crate::identity::Workloads;
use crate::identity::is_trust_domain;
use crate::ids::TenantPath;
use crate::limits;

use super::check::Checker;
use super::listen::Listen;
use super::raw::spiffe as raw;

pub(super) fn workloads(c: &mut Checker<'_>, raw: &raw::Spiffe, listen: &Listen) -> Workloads {
    let path = "identity.spiffe.trust_domains";
    let mut trust_domains: Vec<Box<str>> = Vec::new();
    for (at, name) in raw.trust_domains.iter().enumerate() {
        if is_trust_domain(name.as_bytes()) {
            trust_domains.push(name.as_str().into());
        } else {
            let hint = "write it in lower case and without `spiffe://`: `prod.example`";
            c.bad_value(&format!("{path}.{at}"), "a trust domain", hint);
        }
    }
    let verifies = listen.tls.as_ref().is_some_and(|tls| tls.settings.client_auth != ClientAuth::Off);
    if verifies && trust_domains.len() > 1 {
        let message =
            "every authority in `listen.tls.client_ca_file` would vouch for all of these trust domains";
        let hint =
            "name one; others may come by `x-forwarded-client-cert` from a proxy that tells them apart";
        c.error("several-trust-domains", path, message, hint);
    }
    if trust_domains.is_empty() && !raw.workloads.is_empty() {
        let hint = "name whose ids are believed";
        c.error("missing-key", path, format!("`{path}` is required where there are workloads"), hint);
    }
    if let Some(over) = raw.workloads.get(limits::WORKLOADS_MAX) {
        let path = format!("identity.spiffe.workloads.{}", limits::WORKLOADS_MAX);
        let id = over.id.as_deref().unwrap_or_default();
        c.error(
            "bad-value",
            &path,
            format!("there are too many workloads; the first too many is `{id}`"),
            "",
        );
    }
    let each = raw.workloads.iter().take(limits::WORKLOADS_MAX).enumerate();
    let rules = each.filter_map(|(at, one)| rule(c, one, at, &trust_domains)).collect();
    Workloads { trust_domains, rules }
}

fn rule(c: &mut Checker<'_>, raw: &raw::Workload, at: usize, domains: &[Box<str>]) -> Option<Workload> {
    let under = |key: &str| format!("identity.spiffe.workloads.{at}.{key}");
    let id = c.required(
        &under("id"),
        raw.id.as_ref(),
        "write the SPIFFE id: `spiffe://prod.example/ns/billing/*`",
    )?;
    let ids = match Pattern::parse(id) {
        Ok(ids) => ids,
        Err(why) => {
            c.bad_value(&under("id"), "a SPIFFE id, or a pattern of them", &why.to_string());
            return None;
        }
    };
    if !domains.iter().any(|known| **known == *ids.trust_domain()) {
        let message = format!("`{}` is no trust domain that is believed", ids.trust_domain());
        c.error("unknown-trust-domain", &under("id"), message, "name it in `identity.spiffe.trust_domains`");
    }
    let tenant = raw.tenant.as_deref().and_then(|text| match TenantPath::parse(text) {
        Ok(tenant) => Some(tenant),
        Err(why) => {
            c.bad_value(&under("tenant"), "the path of a tenant", &why.to_string());
            None
        }
    });
    match (&raw.tenant, ids.names_tenant()) {
        (Some(_), true) => {
            c.error("two-tenants", &under("tenant"), "the tenant stands in `id` as `{tenant}` already", "");
        }
        (None, false) => {
            let hint = "name the tenant, or write `{tenant}` for a segment of `id`";
            c.error("missing-key", &under("tenant"), format!("`{}` is required", under("tenant")), hint);
        }
        (Some(_), false) | (None, true) => {}
    }
    let texts = |texts: &[String]| texts.iter().map(|text| text.as_str().into()).collect();
    Some(Workload {
        ids,
        tenant,
        roles: texts(&raw.roles),
        groups: texts(&raw.groups),
        scopes: texts(&raw.scopes),
    })
}
