//! The redaction plans that one worker keeps: what is hidden depends on the route, the classes and the tenant's key, and
//! those repeat from request to request.
//!
//! Never: keeps a decision. Which classes are hidden was decided for this very request.

use std::sync::Arc;

use quick_cache::unsync::Cache;

use crate::limits;
use crate::model::Route;
use crate::model::RouteIx;
use crate::model::TenantIx;
use crate::redact::ClassIx;
use crate::redact::Mask;
use crate::redact::Plan;
use crate::redact::PseudonymKey;
use crate::redact::Shape;
use crate::snapshot::Snapshot;

/// The plans for both bodies of one request.
#[derive(Debug, Clone)]
pub(super) struct Both {
    pub(super) request: Arc<Plan>,
    pub(super) response: Arc<Plan>,
    /// The response was decided for this caller, and no cache may give it to another.
    pub(super) by_caller: bool,
}

/// The route, the tenant where its key matters, and what is hidden by what.
type Key = (RouteIx, Option<TenantIx>, Box<[(ClassIx, Mask)]>);

/// One worker's plans. Not shared between threads.
pub(super) struct Plans {
    generation: u64,
    nothing: Both,
    kept: Cache<Key, Both>,
}

impl Default for Plans {
    fn default() -> Self {
        let nothing = Arc::new(Plan::nothing());
        let nothing = Both { request: Arc::clone(&nothing), response: nothing, by_caller: false };
        Self { generation: 0, nothing, kept: Cache::new(limits::PLANS_KEPT_MAX) }
    }
}

impl Plans {
    /// The plans under which nothing is hidden.
    pub(super) fn nothing(&self) -> Both {
        self.nothing.clone()
    }

    /// The plans that hide these classes. What the caller may not see, the caller may not set: on the way in every
    /// hidden field is dropped, because a mask written into the app's database would destroy data.
    pub(super) fn hiding(
        &mut self,
        hidden: &[(ClassIx, Mask)],
        route: &Route,
        target: TenantIx,
        snapshot: &Snapshot,
    ) -> Both {
        if hidden.is_empty() {
            return Both { by_caller: true, ..self.nothing() };
        }
        if self.generation != snapshot.generation() {
            self.generation = snapshot.generation();
            self.kept.clear();
        }
        let keyed = hidden.iter().any(|(_, mask)| mask.needs_key());
        let key = (route.ix, keyed.then_some(target), hidden.into());
        if let Some(both) = self.kept.get(&key) {
            return both.clone();
        }
        let secret = snapshot.pseudonym_secret().filter(|_| keyed);
        let pseudonym = secret
            .map(|secret| PseudonymKey::new(secret, snapshot.model().tenants.get(target).path.as_str()));
        let dropped = hidden.iter().map(|(class, _)| (*class, Mask::Drop));
        let both = Both {
            request: self.plan(route.request.as_ref(), dropped, None),
            response: self.plan(route.response.as_ref(), hidden.iter().cloned(), pseudonym),
            by_caller: true,
        };
        self.kept.insert(key, both.clone());
        both
    }

    fn plan(
        &self,
        shape: Option<&Arc<Shape>>,
        hidden: impl Iterator<Item = (ClassIx, Mask)>,
        key: Option<PseudonymKey>,
    ) -> Arc<Plan> {
        match shape {
            Some(shape) => Arc::new(Plan::new(shape, hidden, key)),
            None => Arc::clone(&self.nothing.request),
        }
    }
}
