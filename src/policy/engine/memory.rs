//! What one worker keeps between requests: entities and values that are the same for many of them.
//!
//! INVARIANT: a kept entity is what would be made anew (`tests::laws::a_memory_never_changes_a_verdict`). Everything is
//! dropped when the snapshot changes.
//! Never: keeps a decision that a request's context takes part in.

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

use crate::policy::ask::Facts;
use crate::policy::ask::Ground;

use super::context::Functions;
use super::entities::Caller;
use super::entities::RouteFacts;
use super::entities::Types;

/// The parts of requests that one worker keeps. Not shared between threads.
pub struct Memory {
    /// The policies that all of this belongs to.
    generation: Option<u64>,
    now: Option<(u64, Value)>,
    addresses: Cache<IpAddr, Value>,
    /// By the principal's address; the principal is kept too, so that the address stays its own.
    callers: Cache<(usize, TenantIx), (Arc<Principal>, Caller)>,
    tenants: Cache<TenantIx, Arc<Entity>>,
    keys: Cache<(DataKey, TenantIx), Arc<Entity>>,
    classes: Cache<ClassIx, Arc<Entity>>,
    resources: Cache<String, (TenantIx, Arc<Entity>, Arc<Entity>)>,
    fields: Cache<(ClassIx, DataKey, TenantIx), Arc<Entity>>,
    /// By the principal's address as well.
    grounds: Cache<GroundKey, (Arc<Principal>, Rc<Ground>)>,
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
            grounds: Cache::new(limits::ENTITIES_KEPT_MAX),
        }
    }

    /// Forgets everything that belongs to other policies than these.
    pub(crate) fn turn_to(&mut self, generation: u64) {
        if self.generation != Some(generation) {
            self.generation = Some(generation);
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
        self.grounds.insert(key, (Arc::clone(facts.principal), Rc::clone(&ground)));
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
        types: &Types,
        model: &Model,
        principal: &Arc<Principal>,
        tenant: TenantIx,
    ) -> Caller {
        let at = (Arc::as_ptr(principal).addr(), tenant);
        if let Some((_, caller)) = self.callers.get(&at) {
            return caller.clone();
        }
        let caller = types.caller(principal, &model.tenants.get(tenant).path);
        self.callers.insert(at, (Arc::clone(principal), caller.clone()));
        caller
    }

    pub(crate) fn tenant(&mut self, types: &Types, model: &Model, tenant: TenantIx) -> Arc<Entity> {
        kept(&mut self.tenants, &tenant, || {
            let tenant = model.tenants.get(tenant);
            types.tenant(tenant, &model.tenants.get(tenant.boundary).path)
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
            types.data_key(key, Some(&model.tenants.get(owner).path))
        })
    }

    /// The resource and its route.
    pub(crate) fn resource(
        &mut self,
        types: &Types,
        model: &Model,
        route: &Route,
        key: &DataKey,
        owner: TenantIx,
    ) -> (Arc<Entity>, Arc<Entity>) {
        let name = format!("{key}#{}", route.id);
        if let Some((_, resource, route)) = self.resources.get(&name).filter(|(kept, _, _)| *kept == owner) {
            return (Arc::clone(resource), Arc::clone(route));
        }
        let classes: Vec<_> = route.classes.iter().filter_map(|class| model.classes.get(*class)).collect();
        let classes: Vec<_> = classes.iter().map(|class| &class.name).collect();
        let facts =
            RouteFacts { id: &route.id, groups: &route.groups, classes: &classes, level: route.level };
        let resource = Arc::new(types.resource(&name, facts, key, &model.tenants.get(owner).path));
        let route = Arc::new(types.route(&route.id, &route.groups));
        self.resources.insert(name, (owner, Arc::clone(&resource), Arc::clone(&route)));
        (resource, route)
    }

    /// The field of one class, and the class; or nothing where the model has no such class.
    pub(crate) fn field(
        &mut self,
        types: &Types,
        model: &Model,
        class: ClassIx,
        key: &DataKey,
        owner: TenantIx,
    ) -> Option<(Arc<Entity>, Arc<Entity>)> {
        let named = model.classes.get(class)?;
        let field = kept(&mut self.fields, &(class, key.clone(), owner), || {
            let id = format!("{key}#{}", named.name);
            types.field(&id, (&named.name, named.level), key, &model.tenants.get(owner).path)
        });
        let class = kept(&mut self.classes, &class, || types.data_class(&named.name, named.level));
        Some((field, class))
    }
}

fn kept<K: Clone + Eq + std::hash::Hash>(
    cache: &mut Cache<K, Arc<Entity>>,
    key: &K,
    make: impl FnOnce() -> Entity,
) -> Arc<Entity> {
    if let Some(entity) = cache.get(key) {
        return Arc::clone(entity);
    }
    let entity = Arc::new(make());
    cache.insert(key.clone(), Arc::clone(&entity));
    entity
}
