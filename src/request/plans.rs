//! The redaction plans that one worker keeps: what is hidden depends on the route, the classes and the tenant's key, and
//! those repeat from request to request.
//!
//! Never: keeps a decision. Which classes are hidden was decided for this very request.

use std::sync::Arc;

use quick_cache::Weighter;
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

/// Plans take this much. The shapes of routes are kept with their snapshot; those of documents are kept by their plans.
#[derive(Debug, Clone)]
struct Weight;

/// What each plan counts for at least, so that no more are kept than that.
const LEAST: u64 = limits::PLANS_KEPT_BYTES_MAX / limits::PLANS_KEPT_MAX as u64;

impl Weighter<Key, Both> for Weight {
    fn weight(&self, (_, documents, ..): &Key, both: &Both) -> u64 {
        let unseen = both.unseen.iter().flat_map(|unseen| [&unseen.masks, &unseen.strict]);
        let plans = [&both.request, &both.response].into_iter().chain(unseen).map(|plan| plan.weight());
        let shapes = [&both.request, &both.response].map(|plan| plan.shape_weight());
        let shapes = shapes.into_iter().filter(|_| documents.is_some());
        plans.chain(shapes).fold(0_u64, u64::saturating_add).max(LEAST)
    }
}

/// One worker's plans. Not shared between threads.
pub(super) struct Plans {
    generation: u64,
    nothing: Both,
    kept: Cache<Key, Both, Weight>,
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
        let kept = Cache::with_weighter(limits::PLANS_KEPT_MAX, limits::PLANS_KEPT_BYTES_MAX, Weight);
        Self { generation: 0, nothing, kept }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::redact::ShapeBuilder;

    fn kept(documents: bool, keys: usize) -> (u64, usize) {
        let mut shape = ShapeBuilder::new();
        for key in 0..keys {
            shape.path(&format!("$.k{key}"), ClassIx(0)).unwrap();
        }
        let shape = Arc::new(shape.build().unwrap());
        let mut plans = Plans::default();
        for n in 0..3 * limits::PLANS_KEPT_MAX {
            let response = Arc::new(Plan::new(&shape, [(ClassIx(0), Mask::Drop)], None));
            let both = Both { response, ..plans.nothing() };
            let digest = Digest::of(&n.to_be_bytes());
            let key = (RouteIx(0), documents.then_some(digest), None, [].into(), [ClassIx(n as u16)].into());
            plans.kept.insert(key, both);
        }
        (plans.kept.weight(), plans.kept.len())
    }

    #[test]
    fn what_plans_keep_of_callers_documents_is_bounded_by_its_bytes() {
        let (weight, count) = kept(true, 10);
        assert!(
            weight <= limits::PLANS_KEPT_BYTES_MAX && count <= limits::PLANS_KEPT_MAX && count > 500,
            "{count}"
        );
        // A document as large as may be compiled.
        let (weight, large) = kept(true, 4_000);
        assert!(weight <= limits::PLANS_KEPT_BYTES_MAX && large < 200 && large > 10, "{large}");
        // The shape of a route is there once, whoever has a plan of it.
        assert!(kept(false, 4_000).1 > 500);
    }
}
