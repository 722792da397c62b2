//! The redaction plans that one worker keeps: what is hidden depends on the route, the classes and the tenant's key, and
//! those repeat from request to request.
//!
//! Never: keeps a decision. Which classes are hidden was decided for this very request.

use std::sync::Arc;

use quick_cache::unsync::Cache;

use crate::ids::Digest;
use crate::limits;
use crate::model::Carried;
use crate::model::Denied;
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
    /// Takes out what the caller may not set.
    pub(super) request: Arc<Plan>,
    pub(super) response: Arc<Plan>,
    /// What the caller may set and does not see, where there is such: a value that is only its mask must not be set.
    pub(super) unseen: Option<Unseen>,
    /// A request that sets what it may not is refused.
    pub(super) refuses: bool,
    /// The response was decided for this caller, and no cache may give it to another.
    pub(super) by_caller: bool,
}

/// What becomes of the response alone.
#[derive(Debug)]
pub(super) struct Outward {
    pub(super) response: Arc<Plan>,
    /// As of [`Both`].
    pub(super) by_caller: bool,
}

impl Both {
    pub(super) fn outward(self) -> Outward {
        Outward { response: self.response, by_caller: self.by_caller }
    }
}

/// What the caller may set and does not see.
#[derive(Debug, Clone)]
pub(super) struct Unseen {
    /// Hides those classes as they are hidden on the way out.
    pub(super) masks: Arc<Plan>,
    /// Takes them out with all others that may not be set, for bodies in which a mask cannot be told from a value.
    pub(super) strict: Arc<Plan>,
}

/// The route, the documents that the request sends, the tenant where its key matters, what is hidden by what, and what may not be set.
type Key = (RouteIx, Option<Digest>, Option<TenantIx>, Box<[(ClassIx, Mask)]>, Box<[ClassIx]>);

/// One worker's plans. Not shared between threads.
pub(super) struct Plans {
    generation: u64,
    nothing: Both,
    kept: Cache<Key, Both>,
}

impl Default for Plans {
    fn default() -> Self {
        let nothing = Arc::new(Plan::nothing());
        let nothing = Both {
            request: Arc::clone(&nothing),
            response: nothing,
            unseen: None,
            refuses: false,
            by_caller: false,
        };
        Self { generation: 0, nothing, kept: Cache::new(limits::PLANS_KEPT_MAX) }
    }
}

impl Plans {
    /// The plans under which nothing is hidden.
    pub(super) fn nothing(&self) -> Both {
        self.nothing.clone()
    }

    /// The plans that hide these classes on the way out, and take those out on the way in that may not be set: a mask
    /// written into the app's database would destroy data.
    pub(super) fn hiding(
        &mut self,
        hidden: &[(ClassIx, Mask)],
        unsettable: &[ClassIx],
        (route, carried): (&Route, &Carried<'_>),
        target: TenantIx,
        snapshot: &Snapshot,
    ) -> Both {
        if hidden.is_empty() && unsettable.is_empty() && route.rows.is_none() {
            return Both { by_caller: true, ..self.nothing() };
        }
        if self.generation != snapshot.generation() {
            self.generation = snapshot.generation();
            self.kept.clear();
        }
        let keyed = hidden.iter().any(|(_, mask)| mask.needs_key());
        let key = (route.ix, carried.documents, keyed.then_some(target), hidden.into(), unsettable.into());
        if let Some(both) = self.kept.get(&key) {
            return both.clone();
        }
        let of_target = || snapshot.mask_keys().newest(&snapshot.model().tenants.get(target).path);
        let made_with = keyed.then(of_target).flatten();
        let dropped = unsettable.iter().map(|class| (*class, Mask::Drop));
        let both = Both {
            request: self.plan(carried.request, dropped, None),
            response: self.plan(carried.response, hidden.iter().cloned(), made_with),
            unseen: self.unseen(hidden, unsettable, carried),
            refuses: carried.denied == Denied::Refuse,
            by_caller: true,
        };
        self.kept.insert(key, both.clone());
        both
    }

    fn unseen(
        &self,
        hidden: &[(ClassIx, Mask)],
        unsettable: &[ClassIx],
        carried: &Carried<'_>,
    ) -> Option<Unseen> {
        let masks = hidden.iter().filter(|(class, _)| !unsettable.contains(class)).cloned();
        let masks = self.plan(carried.request, masks, None);
        if masks.hides_nothing() {
            return None;
        }
        let unseen = masks.hidden().map(|(class, _)| class);
        let all = unseen.chain(unsettable.iter().copied()).map(|class| (class, Mask::Drop));
        let strict = self.plan(carried.request, all, None);
        Some(Unseen { masks, strict })
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
