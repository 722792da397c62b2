//! What a request stands on: all that is the same for every request of one caller to one route about one DataKey, made as
//! far as it is asked for.
//!
//! INVARIANT: a slice is closed. Whatever its candidates look into is in it, so the answer is that of the whole world
//! (`tests::laws`).
//! Never: knows a request's context; the answers that depend on it are kept by what was read of it, in `answers`.

use std::cell::OnceCell;
use std::cell::RefCell;
use std::sync::Arc;

use cedar_policy_core::ast::Entity;
use cedar_policy_core::ast::EntityUID;
use cedar_policy_core::entities::Entities;
use cedar_policy_core::entities::NoEntitiesSchema;
use cedar_policy_core::entities::TCComputation;
use cedar_policy_core::extensions::Extensions;

use crate::model::Model;
use crate::model::TenantIx;
use crate::redact::ClassIx;

use super::Policies;
use super::answers::Kept;
use super::ask::Facts;
use super::engine::Outcome;
use super::engine::Rule;
use super::engine::memory::Memory;
use super::engine::memory::Placed;
use super::engine::reach::Reach;
use super::engine::reads::Reads;
use super::world::Asking;

/// What a request stands on.
pub(crate) struct Ground {
    pub(super) principal: Arc<EntityUID>,
    pub(super) actor: Option<Arc<EntityUID>>,
    /// May it happen?
    pub(super) request: Part,
    /// What may be seen, once it is asked: a refused request never asks.
    reveals: OnceCell<Part>,
    /// What may be set, once it is asked.
    writes: OnceCell<Part>,
}

/// Questions that are asked together, on one slice.
pub(super) struct Part {
    pub(super) questions: Vec<Question>,
    /// The entities that the candidates look into; nothing where they cannot be put together.
    pub(super) slice: Option<Entities>,
    pub(super) kept: Kept,
}

/// One question that a request asks, as far as it can be answered without the request's context.
pub(super) struct Question {
    pub(super) of: Of,
    pub(super) resource: Arc<EntityUID>,
    closed: RefCell<Closed>,
    /// The candidates that read the context.
    pub(super) open: Vec<u32>,
}

/// The candidates that do not read the context. Cedar's expressions have no other input than the request and the entities,
/// and these are the same here; so what they say is asked for once.
enum Closed {
    /// They have not been asked.
    Candidates(Vec<u32>),
    /// What they said.
    Settled(Outcome),
}

/// What a question is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Of {
    /// The request itself.
    Request,
    /// Seeing data of one class.
    Class(ClassIx),
    /// Setting data of one class.
    Set(ClassIx),
}

/// A request as the policies and the model know it, and what a worker keeps of earlier ones.
pub(super) struct Site<'s> {
    pub(super) policies: &'s Policies,
    pub(super) model: &'s Model,
    pub(super) facts: &'s Facts<'s>,
    pub(super) memory: &'s mut Memory,
}

impl Ground {
    pub(super) fn new(site: &mut Site<'_>) -> Self {
        let caller = site.caller();
        let drafts = site.request().into_iter().collect();
        Self {
            request: Part::new(site, drafts),
            principal: caller.entity.uid,
            actor: caller.entity.actors.first().map(|actor| Arc::new(actor.uid().clone())),
            reveals: OnceCell::new(),
            writes: OnceCell::new(),
        }
    }

    /// The questions what may be seen, in the order of the route's classes.
    pub(super) fn reveals(&self, site: impl FnOnce() -> Part) -> &Part {
        self.reveals.get_or_init(site)
    }

    /// The questions what may be set, in the order of the classes that the route's request may carry.
    pub(super) fn writes(&self, site: impl FnOnce() -> Part) -> &Part {
        self.writes.get_or_init(site)
    }
}

impl Question {
    fn new(of: Of, resource: Arc<EntityUID>, closed: Vec<u32>, open: Vec<u32>) -> Self {
        Self { of, resource, closed: RefCell::new(Closed::Candidates(closed)), open }
    }

    /// What the candidates that do not read the context say. They are given up only for what they said: an evaluation
    /// that does not come back leaves the question as it was, for the next one that asks.
    pub(super) fn settled(&self, evaluate: impl FnOnce(&[u32]) -> Outcome) -> Outcome {
        let mut closed = self.closed.borrow_mut();
        match &*closed {
            Closed::Settled(outcome) => outcome.clone(),
            Closed::Candidates(candidates) => {
                let outcome = evaluate(candidates);
                *closed = Closed::Settled(outcome.clone());
                outcome
            }
        }
    }

    /// How many candidates have yet to be evaluated.
    #[cfg(test)]
    pub(super) fn waiting(&self) -> usize {
        match &*self.closed.borrow() {
            Closed::Candidates(candidates) => candidates.len() + self.open.len(),
            Closed::Settled(_) => self.open.len(),
        }
    }
}

/// A question in the making: what is asked, and the entities that only it has.
pub(super) struct Draft<'s> {
    of: Of,
    asking: &'s Asking,
    resource: Placed<Arc<Entity>>,
    class: Option<Arc<Entity>>,
}

impl Part {
    pub(super) fn new(site: &mut Site<'_>, drafts: Vec<Draft<'_>>) -> Self {
        let policies = site.policies;
        let caller = site.caller();
        let (mut reach, mut reads, mut looked_into) =
            (Reach::default(), Reads::default(), Vec::with_capacity(8));
        let question = |draft: &Draft<'_>| {
            let mut open = Vec::new();
            let mut closed = draft.asking.cells.candidates(&caller.keys, &draft.resource.keys);
            closed.retain(|number| {
                let Some(rule) = policies.rule(*number) else { return false };
                reach.add(rule.reach());
                policies.world.looked_into(*number, &mut looked_into);
                if let Some(more) = rule.reads() {
                    reads.add(more);
                    open.push(*number);
                }
                rule.reads().is_none()
            });
            let resource = Arc::new(draft.resource.entity.uid().clone());
            Question::new(draft.of, resource, closed, open)
        };
        let questions: Vec<Question> = drafts.iter().map(question).collect();
        let slice = site.slice(&drafts, reach, looked_into);
        Self { kept: Kept::new(reads, questions.len()), questions, slice }
    }
}

impl<'s> Site<'s> {
    fn caller(&mut self) -> Placed<super::engine::entities::Caller> {
        let world = &self.policies.world;
        let keys = (&world.types, &world.index.principals);
        self.memory.caller(keys, self.model, self.facts.principal, self.facts.caller)
    }

    /// The question whether it may happen; nothing where the schema does not know the action.
    pub(super) fn request(&mut self) -> Option<Draft<'s>> {
        let (policies, facts) = (self.policies, self.facts);
        let asking = policies.world.asking(facts.action)?;
        let keys = (&policies.world.types, &policies.world.index.resources);
        let target = self.memory.resource(keys, self.model, facts.route, facts.data_key, facts.target);
        Some(Draft { of: Of::Request, asking, resource: target.resource, class: None })
    }

    /// The questions what may be seen.
    pub(super) fn reveals(&mut self) -> Vec<Draft<'s>> {
        self.fields(&self.facts.route.classes, self.policies.world.reveal(), Of::Class)
    }

    /// The questions what may be set.
    pub(super) fn writes(&mut self) -> Vec<Draft<'s>> {
        self.fields(&self.facts.route.request_classes, self.policies.world.write(), Of::Set)
    }

    fn fields(
        &mut self,
        classes: &[ClassIx],
        asking: &'s Asking,
        of: impl Fn(ClassIx) -> Of,
    ) -> Vec<Draft<'s>> {
        let (policies, facts) = (self.policies, self.facts);
        let keys = (&policies.world.types, &policies.world.index.resources);
        let draft = |class: &ClassIx| {
            let found = self.memory.field(keys, self.model, *class, facts.data_key, facts.target);
            let (resource, named) = found?;
            Some(Draft { of: of(*class), asking, resource, class: Some(named) })
        };
        classes.iter().filter_map(draft).collect()
    }

    /// The entities that these questions' policies look into; nothing where they cannot be put together. That is not the
    /// same as none: on an empty slice a `forbid` that asks `has` would not hold.
    pub(super) fn slice(
        &mut self,
        drafts: &[Draft<'_>],
        reach: Reach,
        looked_into: Vec<Arc<Entity>>,
    ) -> Option<Entities> {
        let mut entities = looked_into;
        if reach == Reach::ALL {
            // A name may be that of what another question is about.
            let others = self.request().into_iter().chain(self.reveals());
            entities.extend(others.flat_map(|draft| [Some(draft.resource.entity), draft.class]).flatten());
        }
        if reach.has(Reach::CALLER) {
            entities.push(self.caller().entity.entity);
        }
        if reach.has(Reach::ACTORS) {
            entities.extend(self.caller().entity.actors);
        }
        if reach.has(Reach::RESOURCE) {
            entities.extend(drafts.iter().map(|draft| Arc::clone(&draft.resource.entity)));
        }
        if reach.has(Reach::ACTION) {
            entities.extend(drafts.first().map(|draft| Arc::clone(&draft.asking.entity)));
        }
        if reach.has(Reach::CLASS) {
            entities.extend(drafts.iter().filter_map(|draft| draft.class.clone()));
        }
        if reach.has(Reach::TENANTS) || reach.has(Reach::KEYS) {
            self.tenants(reach, &mut entities);
        }
        if reach.has(Reach::ROUTE) {
            let world = &self.policies.world;
            let keys = (&world.types, &world.index.resources);
            let (route, key, owner) = (self.facts.route, self.facts.data_key, self.facts.target);
            entities.push(self.memory.resource(keys, self.model, route, key, owner).route);
        }
        of(entities)
    }

    /// The tenants, each with the one at its boundary, which is its own; and the DataKeys.
    fn tenants(&mut self, reach: Reach, entities: &mut Vec<Arc<Entity>>) {
        let (model, types, facts) = (self.model, &self.policies.world.types, self.facts);
        let with_boundary = |tenant: TenantIx| [tenant, model.tenants.get(tenant).boundary];
        let mut tenants = [facts.caller, facts.target].map(with_boundary).concat();
        tenants.sort_unstable();
        tenants.dedup();
        let mut key_is_own = false;
        for tenant in tenants {
            if reach.has(Reach::TENANTS) {
                entities.push(self.memory.tenant(types, model, tenant));
            }
            if reach.has(Reach::KEYS) {
                let key = model.tenants.get(tenant).path.data_key();
                key_is_own |= key == *facts.data_key;
                entities.push(self.memory.key(types, model, &key, tenant));
            }
        }
        if reach.has(Reach::KEYS) && !key_is_own {
            entities.push(self.memory.key(types, model, facts.data_key, facts.target));
        }
    }
}

pub(super) fn rules(
    policies: &Policies,
    numbers: impl Iterator<Item = u32>,
) -> impl Iterator<Item = (u32, &Rule)> {
    numbers.filter_map(|number| Some((number, policies.rule(number)?)))
}

impl Policies {
    fn rule(&self, number: u32) -> Option<&Rule> {
        Some(&self.compiled.get(usize::try_from(number).ok()?)?.rule)
    }
}

/// Nothing where two of one name differ. The model makes none such.
fn of(entities: Vec<Arc<Entity>>) -> Option<Entities> {
    if entities.is_empty() {
        return Some(Entities::new());
    }
    let assumed = TCComputation::AssumeAlreadyComputed;
    Entities::new()
        .add_entities(entities, None::<&NoEntitiesSchema>, assumed, Extensions::all_available())
        .ok()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::panic::AssertUnwindSafe;
    use std::panic::catch_unwind;

    use cedar_policy_core::ast::PartialValue;
    use cedar_policy_core::ast::Value;

    use super::*;

    #[test]
    fn an_evaluation_that_panics_leaves_every_forbid_for_the_next() {
        let resource = Arc::new(EntityUID::with_eid_and_type("Resource", "r").unwrap());
        let question = Question::new(Of::Request, resource, vec![3, 7], Vec::new());
        let first = AssertUnwindSafe(|| question.settled(|_| panic!("an evaluator's bug")));
        assert!(catch_unwind(first).is_err());
        let all_forbid = |candidates: &[u32]| Outcome { forbids: candidates.to_vec(), ..Outcome::default() };
        assert_eq!(question.settled(all_forbid).forbids, [3, 7]);
        // What was said is kept.
        assert_eq!(question.settled(|_| panic!("it is asked once")).forbids, [3, 7]);
    }

    #[test]
    fn entities_of_one_name_that_differ_make_no_slice() {
        let uid = || EntityUID::with_eid_and_type("User", "u").unwrap();
        let plain = || Arc::new(Entity::with_uid(uid()));
        assert!(of(vec![plain(), plain()]).is_some());
        let attribute = [("level".into(), PartialValue::from(Value::from(7)))];
        let other = Entity::new_with_attr_partial_value(uid(), attribute, HashSet::new(), HashSet::new(), []);
        assert!(of(vec![plain(), Arc::new(other)]).is_none());
    }
}
