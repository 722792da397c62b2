//! One request put to the policies: the slice of the world that it can reach, then each question on that slice.
//!
//! INVARIANT: the slice is closed. From a request's entities, every attribute leads to an entity in the slice, so the
//! answer is that of the whole world (`tests::laws`).
//! Never: allows when a policy erred.

use std::cell::OnceCell;
use std::cell::RefCell;
use std::net::IpAddr;
use std::rc::Rc;
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
use super::Trace;
use super::Verdict;
use super::answers;
use super::answers::Answers;
use super::answers::Kept;
use super::engine;
use super::engine::Outcome;
use super::engine::Rule;
use super::engine::context;
use super::engine::context::Parts;
use super::engine::memory::Memory;
use super::engine::memory::Placed;
use super::engine::memory::Target;
use super::engine::parts;
use super::engine::reads;
use super::engine::reads::Reads;
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
    facts: Facts<'a>,
    ground: Rc<Ground>,
    answers: Rc<Answers>,
    memory: RefCell<&'a mut Memory>,
    /// Only made where a policy reads it and its answer is not known yet.
    context: OnceCell<Context>,
    now_ms: u64,
}

/// What a request stands on: all that is the same for every request of one caller to one route about one DataKey.
pub(crate) struct Ground {
    principal: Arc<EntityUID>,
    actor: Option<Arc<EntityUID>>,
    request: Option<Question>,
    fields: Vec<(ClassIx, Question)>,
    /// All that any question about such a request can reach.
    slice: Entities,
    kept: Kept,
}

/// One question that a request asks, as far as it can be answered without the request's context.
struct Question {
    resource: Arc<EntityUID>,
    /// The candidates that do not read the context, until they have been asked.
    closed: RefCell<Vec<u32>>,
    /// What those say, once it was asked for. Cedar's expressions have no other input than the request and the entities,
    /// and these are the same here; so is the answer.
    settled: OnceCell<Outcome>,
    /// The candidates that read the context.
    open: Vec<u32>,
}

impl std::fmt::Debug for Asked<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Asked").field("principal", &self.ground.principal).finish_non_exhaustive()
    }
}

impl<'a> Asked<'a> {
    pub(super) fn new(
        policies: &'a Policies,
        model: &'a Model,
        facts: Facts<'a>,
        memory: &'a mut Memory,
    ) -> Self {
        memory.turn_to(policies);
        let ground = memory.ground(&facts, |memory| Ground::new(policies, model, &facts, memory));
        let now_ms = context::cut(facts.now_ms);
        let Facts { method, path, host, purpose, source_ip, .. } = facts;
        let read = reads::Parts { method: method.as_str(), path, host, purpose, source_ip, now_ms };
        let answers = ground.kept.answers(&read);
        memory.tally.give(&answers);
        let (memory, context) = (RefCell::new(memory), OnceCell::new());
        Self { policies, facts, ground, answers, memory, context, now_ms }
    }

    fn context(&self) -> Context {
        let made = self.context.get_or_init(|| {
            let (facts, functions) = (&self.facts, &self.policies.world.functions);
            let mut memory = self.memory.borrow_mut();
            let parts = Parts {
                now: memory.now(functions, self.now_ms),
                source_ip: facts.source_ip.and_then(|address| memory.address(functions, address)),
                method: facts.method.as_str(),
                path: facts.path,
                host: facts.host,
                purpose: facts.purpose,
                actor: self.ground.actor.as_deref(),
            };
            parts.context()
        });
        made.clone()
    }

    /// The time that the policies see as `context.now`: the request's, cut to whole steps of 100 ms.
    #[must_use]
    pub fn now_ms(&self) -> u64 {
        self.now_ms
    }

    /// May the request happen?
    #[must_use]
    pub fn decide(&self) -> Verdict {
        match (self.policies.world.asking(self.facts.action), &self.ground.request) {
            (Some(asking), Some(question)) => {
                self.answers.get(answers::Asked::Request, || self.ask(asking, question))
            }
            (None, _) | (_, None) => Verdict::default(),
        }
    }

    /// May the caller see data of this class? A class that the route's bodies do not carry is never revealed.
    #[must_use]
    pub fn reveal(&self, class: ClassIx) -> Verdict {
        let mut fields = self.ground.fields.iter().enumerate();
        match fields.find(|(_, (carried, _))| *carried == class) {
            Some((at, (_, field))) => {
                self.answers.get(answers::Asked::Field(at), || self.ask(self.policies.world.reveal(), field))
            }
            None => Verdict::default(),
        }
    }

    /// How one policy fell out for the request itself, part by part. Nothing for a policy that is not of these.
    #[must_use]
    pub fn trace(&self, policy: PolicyIx) -> Option<Trace> {
        self.traced(self.policies.world.asking(self.facts.action)?, self.ground.request.as_ref()?, policy)
    }

    /// The same for the question whether a class may be seen. Nothing for a class that the route's bodies do not carry.
    #[must_use]
    pub fn trace_reveal(&self, class: ClassIx, policy: PolicyIx) -> Option<Trace> {
        let (_, field) = self.ground.fields.iter().find(|(carried, _)| *carried == class)?;
        self.traced(self.policies.world.reveal(), field, policy)
    }

    fn traced(&self, asking: &Asking, question: &Question, policy: PolicyIx) -> Option<Trace> {
        let request = request(&self.ground.principal, &asking.uid, &question.resource, self.context());
        let question = parts::Question { request, entities: &self.ground.slice, action: &asking.entity };
        self.policies.trace(policy, Some(question))
    }

    fn ask(&self, asking: &Asking, question: &Question) -> Verdict {
        let verdict = conclude(self.policies, self.outcome(asking, question));
        if !verdict.errors.is_empty() {
            // It is not kept, so it is not counted with what is.
            self.memory.borrow().tally.add(&verdict, 1);
        }
        verdict
    }

    fn outcome(&self, asking: &Asking, question: &Question) -> Outcome {
        let Ground { principal, slice, .. } = &*self.ground;
        let settled = question.settled.get_or_init(|| {
            let request = request(principal, &asking.uid, &question.resource, Context::empty());
            engine::evaluate(request, slice, rules(self.policies, question.closed.take().into_iter()))
        });
        let mut outcome = settled.clone();
        if !question.open.is_empty() {
            let request = request(principal, &asking.uid, &question.resource, self.context());
            let open = question.open.iter().copied();
            outcome.merge(engine::evaluate(request, slice, rules(self.policies, open)));
        }
        outcome
    }

    /// How many policies are looked at for the request itself.
    #[cfg(test)]
    pub(super) fn candidates(&self) -> usize {
        self.ground
            .request
            .as_ref()
            .map_or(0, |question| question.closed.borrow().len() + question.open.len())
    }

    /// For how many contexts the answers on this ground are kept.
    #[cfg(test)]
    pub(super) fn kept(&self) -> usize {
        self.ground.kept.len()
    }

    /// What the policies say about the request itself, before it is concluded.
    #[cfg(test)]
    pub(super) fn said(&self) -> Outcome {
        let asking = self.policies.world.asking(self.facts.action);
        let question = asking.zip(self.ground.request.as_ref());
        question.map_or_else(Outcome::default, |(asking, question)| self.outcome(asking, question))
    }

    /// The same for one class.
    #[cfg(test)]
    pub(super) fn said_of(&self, class: ClassIx) -> Outcome {
        let field = self.ground.fields.iter().find(|(carried, _)| *carried == class);
        field.map_or_else(Outcome::default, |(_, field)| self.outcome(self.policies.world.reveal(), field))
    }
}

/// Cedar skips a policy that errs. A skipped `forbid` would widen access, so any error is a denial.
pub(super) fn conclude(policies: &Policies, outcome: Outcome) -> Verdict {
    let allowed = outcome.errors.is_empty() && outcome.forbids.is_empty() && !outcome.permits.is_empty();
    let (reasons, overridden) = match (allowed, outcome.forbids.is_empty()) {
        (true, _) => (outcome.permits, Vec::new()),
        (false, true) => (outcome.forbids, Vec::new()),
        (false, false) => (outcome.forbids, outcome.permits),
    };
    let reasons: Vec<PolicyIx> = reasons.into_iter().map(PolicyIx).collect();
    let crosses = |ix: &&PolicyIx| policies.pathway(**ix).is_some();
    // Where an ordinary permit applies too, the request stays within the caller's own data.
    let only_by_pathway = allowed && reasons.iter().all(|ix| crosses(&ix));
    Verdict {
        allowed,
        pathway: reasons.first().copied().filter(|_| only_by_pathway),
        reasons,
        overridden: overridden.into_iter().map(PolicyIx).collect(),
        errors: outcome.errors.into_iter().map(PolicyIx).collect(),
    }
}

impl Ground {
    fn new(policies: &Policies, model: &Model, facts: &Facts<'_>, memory: &mut Memory) -> Self {
        let world = &policies.world;
        let (types, principals) = (&world.types, &world.index.principals);
        let resources = (types, &world.index.resources);
        let Placed { entity: caller, keys } =
            memory.caller((types, principals), model, facts.principal, facts.caller);
        let Target { resource, route } =
            memory.resource(resources, model, facts.route, facts.data_key, facts.target);
        let mut entities = vec![Arc::clone(&caller.entity), Arc::clone(&resource.entity), route];
        entities.extend(caller.actors.iter().map(Arc::clone));
        // Each tenant leads to the one at its boundary, which is its own.
        let with_boundary = |tenant: TenantIx| [tenant, model.tenants.get(tenant).boundary];
        let mut tenants = [facts.caller, facts.target].map(with_boundary).concat();
        tenants.sort_unstable();
        tenants.dedup();
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
        let question = |asking: &Asking, resource: &Placed<Arc<Entity>>| {
            let candidates = asking.cells.candidates(&keys, &resource.keys);
            let reads = |number: &u32| rule(policies, *number).is_none_or(|rule| rule.reads().is_some());
            let (open, closed) = candidates.into_iter().partition(|number| reads(number));
            let resource = Arc::new(resource.entity.uid().clone());
            Question { resource, closed: RefCell::new(closed), settled: OnceCell::new(), open }
        };
        let (asking, reveal) = (world.asking(facts.action), world.reveal());
        let mut fields = Vec::with_capacity(facts.route.classes.len());
        for class in &facts.route.classes {
            if let Some((field, named)) = memory.field(resources, model, *class, facts.data_key, facts.target)
            {
                fields.push((*class, question(reveal, &field)));
                entities.extend([field.entity, named]);
            }
        }
        let request = asking.map(|asking| question(asking, &resource));
        entities.extend(asking.into_iter().chain([reveal]).map(|asking| Arc::clone(&asking.entity)));
        let questions = || request.iter().chain(fields.iter().map(|(_, field)| field));
        let candidates = questions().flat_map(|question| {
            let closed = question.closed.borrow();
            closed.iter().chain(&question.open).copied().collect::<Vec<u32>>()
        });
        entities.extend(world.looked_into(candidates));
        let mut reads = Reads::default();
        for rule in rules(policies, questions().flat_map(|question| question.open.iter().copied())) {
            rule.1.reads().into_iter().for_each(|more| reads.add(more));
        }
        Self {
            principal: caller.uid,
            actor: caller.actors.first().map(|actor| Arc::new(actor.uid().clone())),
            kept: Kept::new(reads, fields.len()),
            request,
            fields,
            // Entities are equal where their names are, so nothing here can be refused. If it is, nothing is known, and
            // what is not known is not allowed.
            slice: of(entities).unwrap_or_default(),
        }
    }
}

fn request(
    principal: &Arc<EntityUID>,
    action: &Arc<EntityUID>,
    resource: &Arc<EntityUID>,
    context: Context,
) -> Request {
    let known = |euid: &Arc<EntityUID>| EntityUIDEntry::Known { euid: Arc::clone(euid), loc: None };
    Request::new_unchecked(known(principal), known(action), known(resource), Some(context))
}

fn rule(policies: &Policies, number: u32) -> Option<&Rule> {
    Some(&policies.compiled.get(usize::try_from(number).ok()?)?.rule)
}

fn rules(policies: &Policies, numbers: impl Iterator<Item = u32>) -> impl Iterator<Item = (u32, &Rule)> {
    numbers.filter_map(|number| Some((number, rule(policies, number)?)))
}

fn of(entities: Vec<Arc<Entity>>) -> Option<Entities> {
    let assumed = TCComputation::AssumeAlreadyComputed;
    Entities::new()
        .add_entities(entities, None::<&NoEntitiesSchema>, assumed, Extensions::all_available())
        .ok()
}
