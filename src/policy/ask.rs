//! One request put to the policies: the slice of the world that it can reach, then each question on that slice.
//!
//! INVARIANT: the slice is closed. From a request's entities, every attribute leads to an entity in the slice, so the
//! answer is that of the whole world (`tests::laws`).
//! Never: allows when a policy erred.

use std::cell::RefCell;
use std::net::IpAddr;
use std::sync::Arc;

use cedar_policy_core::ast::Context;
use cedar_policy_core::ast::Entity;
use cedar_policy_core::ast::EntityUID;
use cedar_policy_core::ast::EntityUIDEntry;
use cedar_policy_core::ast::Request;
use cedar_policy_core::entities::Entities;
use cedar_policy_core::entities::NoEntitiesSchema;
use cedar_policy_core::entities::TCComputation;
use cedar_policy_core::extensions::Extensions;
use http::Method;

use crate::identity::Principal;
use crate::ids::Action;
use crate::ids::DataKey;
use crate::model::Model;
use crate::model::Route;
use crate::model::TenantIx;
use crate::redact::ClassIx;

use super::Policies;
use super::PolicyIx;
use super::Verdict;
use super::engine;
use super::engine::Outcome;
use super::engine::context;
use super::engine::context::Parts;
use super::engine::entities::Caller;
use super::engine::memory::Memory;
use super::world::Asking;

/// Everything that one request says, typed and verified.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// Who calls.
    pub principal: &'a Arc<Principal>,
    /// The caller's tenant.
    pub caller: TenantIx,
    /// The owner of `data_key`.
    pub target: TenantIx,
    /// What is attempted.
    pub action: Action,
    /// The route that the request takes.
    pub route: &'a Route,
    /// Whose data it is.
    pub data_key: &'a DataKey,
    /// The request's method.
    pub method: &'a Method,
    /// The path as judged and forwarded, without the query.
    pub path: &'a str,
    /// The one host that the request names.
    pub host: &'a str,
    /// What the caller says the data is for.
    pub purpose: Option<&'a str>,
    /// Where the connection comes from.
    pub source_ip: Option<IpAddr>,
    /// Milliseconds since 1970.
    pub now_ms: u64,
}

/// One request before the policies: any number of questions about it share its context and its slice.
pub struct Asked<'a> {
    policies: &'a Policies,
    model: &'a Model,
    facts: Facts<'a>,
    memory: RefCell<&'a mut Memory>,
    principal: Arc<EntityUID>,
    context: Context,
    now_ms: u64,
    /// All that the questions have in common.
    slice: Entities,
    resource: Arc<Entity>,
}

impl std::fmt::Debug for Asked<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Asked").field("principal", &self.principal).finish_non_exhaustive()
    }
}

impl<'a> Asked<'a> {
    pub(super) fn new(
        policies: &'a Policies,
        model: &'a Model,
        facts: Facts<'a>,
        memory: &'a mut Memory,
    ) -> Self {
        memory.turn_to(policies.generation);
        let types = &policies.world.types;
        let functions = &policies.world.functions;
        let caller = memory.caller(types, model, facts.principal, facts.caller);
        let now_ms = context::cut(facts.now_ms);
        let parts = Parts {
            now: memory.now(functions, now_ms),
            source_ip: facts.source_ip.and_then(|address| memory.address(functions, address)),
            method: facts.method.as_str(),
            path: facts.path,
            host: facts.host,
            purpose: facts.purpose,
            actor: caller.actors.first().map(|actor| &**actor),
        };
        let context = parts.context();
        let (resource, route) = memory.resource(types, model, facts.route, facts.data_key, facts.target);
        let slice = slice(policies, model, &facts, memory, &caller, route);
        let principal = caller.uid;
        Self {
            policies,
            model,
            facts,
            memory: RefCell::new(memory),
            principal,
            context,
            now_ms,
            slice,
            resource,
        }
    }

    /// The time that the policies see as `context.now`: the request's, cut to whole steps of 100 ms.
    #[must_use]
    pub fn now_ms(&self) -> u64 {
        self.now_ms
    }

    /// May the request happen?
    #[must_use]
    pub fn decide(&self) -> Verdict {
        match self.policies.world.asking(self.facts.action) {
            Some(asking) => self.ask(asking, &self.resource, None),
            None => Verdict::default(),
        }
    }

    /// May the caller see data of this class? A class that the model does not know is never revealed.
    #[must_use]
    pub fn reveal(&self, class: ClassIx) -> Verdict {
        let facts = &self.facts;
        let types = &self.policies.world.types;
        let field = self.memory.borrow_mut().field(types, self.model, class, facts.data_key, facts.target);
        match field {
            Some((field, class)) => self.ask(self.policies.world.reveal(), &field, Some(class)),
            None => Verdict::default(),
        }
    }

    fn ask(&self, asking: &Asking, resource: &Arc<Entity>, also: Option<Arc<Entity>>) -> Verdict {
        let added = [Arc::clone(resource), Arc::clone(&asking.entity)].into_iter().chain(also);
        let added = added.chain(asking.looked_into.iter().map(Arc::clone));
        let Some(entities) = with(self.slice.clone(), added) else { return Verdict::default() };
        let request = Request::new_unchecked(
            EntityUIDEntry::Known { euid: Arc::clone(&self.principal), loc: None },
            EntityUIDEntry::Known { euid: Arc::clone(&asking.uid), loc: None },
            EntityUIDEntry::Known { euid: Arc::new(resource.uid().clone()), loc: None },
            Some(self.context.clone()),
        );
        let compiled = &self.policies.compiled;
        let rules = asking.candidates.iter().filter_map(|number| {
            let at = usize::try_from(*number).ok()?;
            Some((*number, &compiled.get(at)?.rule))
        });
        self.conclude(engine::evaluate(request, &entities, rules))
    }

    /// Cedar skips a policy that errs. A skipped `forbid` would widen access, so any error is a denial.
    fn conclude(&self, outcome: Outcome) -> Verdict {
        let allowed = outcome.errors.is_empty() && outcome.forbids.is_empty() && !outcome.permits.is_empty();
        let reasons = if allowed { outcome.permits } else { outcome.forbids };
        let reasons: Vec<PolicyIx> = reasons.into_iter().map(PolicyIx).collect();
        let crosses = |ix: &&PolicyIx| self.policies.pathway(**ix).is_some();
        // Where an ordinary permit applies too, the request stays within the caller's own data.
        let only_by_pathway = allowed && reasons.iter().all(|ix| crosses(&ix));
        Verdict {
            allowed,
            pathway: reasons.first().copied().filter(|_| only_by_pathway),
            reasons,
            errors: outcome.errors.into_iter().map(PolicyIx).collect(),
        }
    }
}

/// The entities that every question about one request can reach.
fn slice(
    policies: &Policies,
    model: &Model,
    facts: &Facts<'_>,
    memory: &mut Memory,
    caller: &Caller,
    route: Arc<Entity>,
) -> Entities {
    let types = &policies.world.types;
    let mut entities = vec![Arc::clone(&caller.entity), route];
    entities.extend(caller.actors.iter().map(Arc::clone));
    let tenants =
        if facts.caller == facts.target { vec![facts.caller] } else { vec![facts.caller, facts.target] };
    let mut key_is_own = false;
    for tenant in tenants {
        let key = model.tenants.get(tenant).path.data_key();
        key_is_own |= key == *facts.data_key;
        entities.push(memory.tenant(types, model, tenant));
        entities.push(memory.key(types, model, &key, tenant));
    }
    if !key_is_own {
        entities.push(memory.key(types, model, facts.data_key, facts.target));
    }
    // Without a slice nothing is known, and what is not known is not allowed.
    with(Entities::new(), entities).unwrap_or_default()
}

/// Entities are equal where their names are, so nothing here can be refused; if it is, nothing is allowed.
fn with(entities: Entities, more: impl IntoIterator<Item = Arc<Entity>>) -> Option<Entities> {
    let assumed = TCComputation::AssumeAlreadyComputed;
    entities.add_entities(more, None::<&NoEntitiesSchema>, assumed, Extensions::all_available()).ok()
}
