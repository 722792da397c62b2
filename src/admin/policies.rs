//! What each policy did, as JSON, a page at a time.
//!
//! Never: names a caller or a request; an answer has at most [`limits::POLICIES_TOLD_MAX`] policies.

use serde_json::Value as Json;
use serde_json::json;

use crate::limits;
use crate::policy::Effect;
use crate::policy::Hits;
use crate::policy::Policies;
use crate::policy::PolicyIx;
use crate::snapshot::Live;
use crate::snapshot::Origin;
use crate::snapshot::Snapshot;

/// One page. Nothing where the query asks for policies that there are not.
pub(super) fn page(live: &Live, query: &str) -> Option<Json> {
    let value = |name: &str| {
        let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        pairs.find(|(key, _)| *key == name).map(|(_, value)| value)
    };
    let number = |name: &str, default: usize| value(name).map_or(Some(default), |text| text.parse().ok());
    let most = limits::POLICIES_TOLD_MAX;
    let (from, limit) = (number("from", 0)?, number("limit", most)?.clamp(1, most));
    let of = value("of").unwrap_or("enforced");
    let found;
    let snapshot: &Snapshot = if of == "enforced" {
        found = live.current();
        &found
    } else {
        let origin = Origin::ALL.into_iter().find(|origin| origin.as_str() == of)?;
        let beside = live.beside()?;
        found = std::sync::Arc::clone(&beside.of(origin)?.snapshot);
        &found
    };
    let policies = snapshot.policies();
    let end = policies.len().min(from.saturating_add(limit));
    let page: Vec<Json> =
        (from..end).filter_map(|at| told(policies, PolicyIx(u32::try_from(at).ok()?))).collect();
    Some(json!({
        "of": of,
        "snapshot": snapshot.digest().to_string(),
        "generation": snapshot.generation(),
        "total": policies.len(),
        "policies": page,
        "next": (end < policies.len()).then_some(end),
    }))
}

fn told(policies: &Policies, policy: PolicyIx) -> Option<Json> {
    let Hits { matched, errored, overridden, since_ms } = policies.hits(policy).unwrap_or_default();
    let place = policies.place(policy)?;
    let since = i64::try_from(since_ms).ok().and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok());
    Some(json!({
        "id": policies.id(policy),
        "effect": match policies.effect(policy)? {
            Effect::Permit => "permit",
            Effect::Forbid => "forbid",
        },
        "shadow": policies.is_shadow(policy),
        "file": &*place.file,
        "line": place.line,
        "matched": matched,
        "errored": errored,
        "overridden": overridden,
        "since": since.map(|since| since.to_string()),
    }))
}
