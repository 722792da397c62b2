//! What one worker keeps between requests: entities and values that are the same for many of them.
//!
//! INVARIANT: a kept entity is what would be made anew (`tests::kept::a_memory_never_changes_a_verdict_of_the_next_snapshot`).
//! Everything is dropped when the snapshot changes. The answers themselves are kept by what they stand on, in `answers`.
//! Never: keeps anything by less than all that it was made of.

use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;

use cedar_policy_core::ast::Entity;
use cedar_policy_core::ast::Value;
use quick_cache::unsync::Cache;

use crate::identity::Principal;
use crate::ids::Action;
use crate::ids::DataKey;
use crate::limits;
use crate::model::Model;
use crate::model::Route;
use crate::model::RouteIx;
use crate::model::TenantIx;
use crate::redact::ClassIx;

use crate::policy::Policies;
use crate::policy::ask::Facts;
use crate::policy::ground::Ground;
use crate::policy::hits::Tally;

use super::context::Functions;
use super::entities::Caller;
use super::entities::RouteFacts;
use super::entities::Types;
use super::index::Keys;

/// The parts of requests that one worker keeps. Not shared between threads.
pub struct Memory {
    /// The policies that all of this belongs to.
    generation: Option<u64>,
    now: Option<(u64, Value)>,
    addresses: Cache<IpAddr, Value>,
    /// By the principal's address; the principal is kept too, so that the address stays its own.
    callers: Cache<(usize, TenantIx), (Arc<Principal>, Placed<Caller>)>,
    tenants: Cache<TenantIx, Arc<Entity>>,
    keys: Cache<(DataKey, TenantIx), Arc<Entity>>,
    classes: Cache<ClassIx, Arc<Entity>>,
    resources: Cache<(RouteIx, DataKey, TenantIx), Target>,
    fields: Cache<(ClassIx, DataKey, TenantIx), Placed<Arc<Entity>>>,
    /// Are answers kept at all, and what they stand on?
    keeps_answers: bool,
    /// What it has yet to count.
    pub(in crate::policy) tally: Tally,
    /// By the principal's address as well.
    grounds: Cache<GroundKey, (Arc<Principal>, Rc<Ground>)>,
}

/// An entity, and the keys of the index that fit it.
#[derive(Debug, Clone)]
pub(crate) struct Placed<E> {
    pub(crate) entity: E,
    pub(crate) keys: Rc<[u32]>,
}

/// The resource of a request and its route.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    pub(crate) resource: Placed<Arc<Entity>>,
    pub(crate) route: Arc<Entity>,
}

/// Everything that a [`Ground`] is made of.
type GroundKey = (usize, TenantIx, Action, RouteIx, DataKey, TenantIx);

impl Default for Memory {
    fn default() -> Self {
        Self::new()
    }
}

impl std::fmt::Debug for Memory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Memory").field("generation", &self.generation).finish_non_exhaustive()
    }
}

impl Memory {
    /// An empty memory.
    #[must_use]
    pub fn new() -> Self {
        Self {
            generation: None,
            now: None,
            addresses: Cache::new(limits::ADDRESSES_KEPT_MAX),
            callers: Cache::new(limits::ENTITIES_KEPT_MAX),
            tenants: Cache::new(limits::ENTITIES_KEPT_MAX),
            keys: Cache::new(limits::ENTITIES_KEPT_MAX),
            classes: Cache::new(limits::CLASSES_MAX),
            resources: Cache::new(limits::ENTITIES_KEPT_MAX),
            fields: Cache::new(limits::ENTITIES_KEPT_MAX),
            keeps_answers: true,
            tally: Tally::default(),
            grounds: Cache::new(limits::ENTITIES_KEPT_MAX),
        }
    }

    /// An empty memory that keeps entities but no answers: each is made anew.
    #[must_use]
    pub fn without_answers() -> Self {
        Self { keeps_answers: false, ..Self::new() }
    }

    /// Counts, for each policy, what it did in the answers that were given since this was last called.
    pub fn count(&mut self) {
        self.tally.settle();
    }

    /// Forgets everything that belongs to other policies than these.
    pub(crate) fn turn_to(&mut self, policies: &Policies) {
        if self.generation != Some(policies.generation) {
            self.generation = Some(policies.generation);
            self.tally.turn_to(policies);
            self.callers.clear();
            self.tenants.clear();
            self.keys.clear();
            self.classes.clear();
            self.resources.clear();
            self.fields.clear();
            self.grounds.clear();
        }
    }

    /// What the request stands on, made where it is not kept.
    pub(crate) fn ground(&mut self, facts: &Facts<'_>, make: impl FnOnce(&mut Self) -> Ground) -> Rc<Ground> {
        let principal = Arc::as_ptr(facts.principal).addr();
        let key =
            (principal, facts.caller, facts.action, facts.route.ix, facts.data_key.clone(), facts.target);
        if let Some((_, ground)) = self.grounds.get(&key) {
            return Rc::clone(ground);
        }
        let ground = Rc::new(make(self));
        if self.keeps_answers {
            self.grounds.insert(key, (Arc::clone(facts.principal), Rc::clone(&ground)));
        }
        ground
    }

    /// `ms` must be cut already.
    pub(crate) fn now(&mut self, functions: &Functions, ms: u64) -> Option<Value> {
        match &self.now {
            Some((kept, value)) if *kept == ms => Some(value.clone()),
            Some(_) | None => {
                let value = functions.datetime(ms)?;
                self.now = Some((ms, value.clone()));
                Some(value)
            }
        }
    }

    pub(crate) fn address(&mut self, functions: &Functions, address: IpAddr) -> Option<Value> {
        if let Some(value) = self.addresses.get(&address) {
            return Some(value.clone());
        }
        let value = functions.address(address)?;
        self.addresses.insert(address, value.clone());
        Some(value)
    }

    pub(crate) fn caller(
        &mut self,
        (types, keys): (&Types, &Keys),
        model: &Model,
        principal: &Arc<Principal>,
        tenant: TenantIx,
    ) -> Placed<Caller> {
        let at = (Arc::as_ptr(principal).addr(), tenant);
        if let Some((_, caller)) = self.callers.get(&at) {
            return caller.clone();
        }
        let entity = types.caller(principal, &model.tenants.get(tenant).path);
        let caller = Placed { keys: keys.fitting(&entity.entity).into(), entity };
        self.callers.insert(at, (Arc::clone(principal), caller.clone()));
        caller
    }

    pub(crate) fn tenant(&mut self, types: &Types, model: &Model, tenant: TenantIx) -> Arc<Entity> {
        kept(&mut self.tenants, &tenant, || {
            let tenant = model.tenants.get(tenant);
            Arc::new(types.tenant(tenant, &model.tenants.get(tenant.boundary).path))
        })
    }

    pub(crate) fn key(
        &mut self,
        types: &Types,
        model: &Model,
        key: &DataKey,
        owner: TenantIx,
    ) -> Arc<Entity> {
        kept(&mut self.keys, &(key.clone(), owner), || {
            Arc::new(types.data_key(key, Some(&model.tenants.get(owner).path)))
        })
    }

    /// The resource and its route.
    pub(crate) fn resource(
        &mut self,
        (types, keys): (&Types, &Keys),
        model: &Model,
        route: &Route,
        key: &DataKey,
        owner: TenantIx,
    ) -> Target {
        kept(&mut self.resources, &(route.ix, key.clone(), owner), || {
            let name = format!("{key}#{}", route.id);
            let classes: Vec<_> =
                route.classes.iter().filter_map(|class| model.classes.get(*class)).collect();
            let classes: Vec<_> = classes.iter().map(|class| &class.name).collect();
            let facts =
                RouteFacts { id: &route.id, groups: &route.groups, classes: &classes, level: route.level };
            let entity = Arc::new(types.resource(&name, facts, key, &model.tenants.get(owner).path));
            let resource = Placed { keys: keys.fitting(&entity).into(), entity };
            Target { resource, route: Arc::new(types.route(&route.id, &route.groups)) }
        })
    }

    /// The field of one class, and the class; or nothing where the model has no such class.
    pub(crate) fn field(
        &mut self,
        (types, keys): (&Types, &Keys),
        model: &Model,
        class: ClassIx,
        key: &DataKey,
        owner: TenantIx,
    ) -> Option<(Placed<Arc<Entity>>, Arc<Entity>)> {
        let named = model.classes.get(class)?;
        let field = kept(&mut self.fields, &(class, key.clone(), owner), || {
            let id = format!("{key}#{}", named.name);
            let path = &model.tenants.get(owner).path;
            let entity = Arc::new(types.field(&id, (&named.name, named.level), key, path));
            Placed { keys: keys.fitting(&entity).into(), entity }
        });
        let class = kept(&mut self.classes, &class, || Arc::new(types.data_class(&named.name, named.level)));
        Some((field, class))
    }
}

fn kept<K: Clone + Eq + std::hash::Hash, V: Clone>(
    cache: &mut Cache<K, V>,
    key: &K,
    make: impl FnOnce() -> V,
) -> V {
    if let Some(value) = cache.get(key) {
        return value.clone();
    }
    let value = make();
    cache.insert(key.clone(), value.clone());
    value
}
