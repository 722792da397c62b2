//! The keys about workloads that show certificates of their own.
//!
//! Never: travels further than `check`.

use schemars::JsonSchema;
use serde::Deserialize;
use serde::Serialize;

/// Workloads that show a certificate of their own (SPIFFE X.509-SVID).
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(inline)]
pub(in crate::config) struct Spiffe {
    /// The trust domains whose ids are believed: `prod.example`. One, where clients' certificates are verified here.
    pub(in crate::config) trust_domains: Vec<String>,
    /// Whom workloads speak for; the first that fits counts.
    pub(in crate::config) workloads: Vec<Workload>,
}

impl Spiffe {
    /// Is nothing said?
    pub(super) fn is_empty(&self) -> bool {
        self.trust_domains.is_empty() && self.workloads.is_empty()
    }
}

/// Whom some workloads speak for.
#[derive(Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(inline)]
pub(in crate::config) struct Workload {
    /// Their SPIFFE id: `spiffe://prod.example/ns/billing/sa/api`. A segment `*` stands for any one, a last `**` for any that follow,
    /// and `{tenant}` for the tenant's path, joined by `.`. Required.
    pub(in crate::config) id: Option<String>,
    /// The tenant that they belong to. Required where `id` has no `{tenant}`.
    pub(in crate::config) tenant: Option<String>,
    /// Their roles.
    pub(in crate::config) roles: Vec<String>,
    /// Their groups.
    pub(in crate::config) groups: Vec<String>,
    /// Their scopes.
    pub(in crate::config) scopes: Vec<String>,
}
