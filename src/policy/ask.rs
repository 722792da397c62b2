//! One request put to the policies: may it happen, and what may be seen of what it touches.
//!
//! Never: allows when a policy erred.

use std::cell::OnceCell;
use std::cell::RefCell;
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;

use cedar_policy_core::ast::Context;
use cedar_policy_core::ast::EntityUID;
use cedar_policy_core::ast::EntityUIDEntry;
use cedar_policy_core::ast::Request;
use cedar_policy_core::entities::Entities;
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
use super::answers::Answers;
use super::engine;
use super::engine::Outcome;
use super::engine::context;
use super::engine::context::Parts;
use super::engine::memory::Memory;
use super::engine::parts;
use super::engine::reach::Reach;
use super::engine::reads;
use super::ground::Ground;
use super::ground::Of;
use super::ground::Part;
use super::ground::Question;
use super::ground::Site;
use super::ground::rules;
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

/// One request before the policies: any number of questions about it share its context, and what they stand on.
pub struct Asked<'a> {
    policies: &'a Policies,
    model: &'a Model,
    facts: Facts<'a>,
    ground: Rc<Ground>,
    /// The answers to the request itself.
    answers: Rc<Answers>,
    /// The answers to what may be seen, once that is asked.
    reveals: OnceCell<Rc<Answers>>,
    /// The answers to what may be set, once that is asked.
    writes: OnceCell<Rc<Answers>>,
    memory: RefCell<&'a mut Memory>,
    /// Only made where a policy reads it and its answer is not known yet.
    context: OnceCell<Context>,
    now_ms: u64,
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
        let ground =
            memory.ground(&facts, |memory| Ground::new(&mut Site { policies, model, facts: &facts, memory }));
        let now_ms = context::cut(facts.now_ms);
        let answers = ground.request.kept.answers(&read(&facts, now_ms));
        memory.tally.give(&answers);
        let (memory, context) = (RefCell::new(memory), OnceCell::new());
        let (reveals, writes) = (OnceCell::new(), OnceCell::new());
        Self { policies, model, facts, ground, answers, reveals, writes, memory, context, now_ms }
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
        let part = &self.ground.request;
        match (self.policies.world.asking(self.facts.action), part.questions.first()) {
            (Some(asking), Some(question)) => self.answers.get(0, || self.ask(asking, part, question)),
            (None, _) | (_, None) => Verdict::default(),
        }
    }

    /// May the caller see data of this class? A class that the route's bodies do not carry is never revealed.
    #[must_use]
    pub fn reveal(&self, class: ClassIx) -> Verdict {
        self.field(self.reveals(), Of::Class(class), &self.reveals, self.policies.world.reveal())
    }

    /// What the policies say to setting data of this class. A class that the route's request does not carry is never set.
    #[must_use]
    pub fn write(&self, class: ClassIx) -> Verdict {
        self.field(self.writes(), Of::Set(class), &self.writes, self.policies.world.write())
    }

    /// May the caller set data of this class? Where no policy says anything about setting it, whoever may see it may.
    #[must_use]
    pub fn set(&self, class: ClassIx) -> Verdict {
        let said = self.write(class);
        let is_silent = !said.allowed && said.reasons.is_empty() && said.errors.is_empty();
        if is_silent && self.facts.route.request_classes.contains(&class) {
            return self.reveal(class);
        }
        said
    }

    fn field(&self, part: &Part, of: Of, answers: &OnceCell<Rc<Answers>>, asking: &Asking) -> Verdict {
        let Some((at, question)) = field(part, of) else { return Verdict::default() };
        let answers = answers.get_or_init(|| {
            let answers = part.kept.answers(&read(&self.facts, self.now_ms));
            self.memory.borrow_mut().tally.give(&answers);
            answers
        });
        answers.get(at, || self.ask(asking, part, question))
    }

    fn reveals(&self) -> &Part {
        self.ground.reveals(|| {
            self.site(|site| {
                let drafts = site.reveals();
                Part::new(site, drafts)
            })
        })
    }

    fn writes(&self) -> &Part {
        self.ground.writes(|| {
            self.site(|site| {
                let drafts = site.writes();
                Part::new(site, drafts)
            })
        })
    }

    fn site<T>(&self, with: impl FnOnce(&mut Site<'_>) -> T) -> T {
        let mut memory = self.memory.borrow_mut();
        with(&mut Site {
            policies: self.policies,
            model: self.model,
            facts: &self.facts,
            memory: &mut memory,
        })
    }

    /// How one policy fell out for the request itself, part by part. Nothing for a policy that is not of these.
    #[must_use]
    pub fn trace(&self, policy: PolicyIx) -> Option<Trace> {
        let question = self.ground.request.questions.first()?;
        self.traced(self.policies.world.asking(self.facts.action)?, question, policy)
    }

    /// The same for the question whether a class may be seen. Nothing for a class that the route's bodies do not carry.
    #[must_use]
    pub fn trace_reveal(&self, class: ClassIx, policy: PolicyIx) -> Option<Trace> {
        let (_, field) = field(self.reveals(), Of::Class(class))?;
        self.traced(self.policies.world.reveal(), field, policy)
    }

    /// The same for the question whether a class may be set. Nothing for a class that the route's request does not carry.
    #[must_use]
    pub fn trace_write(&self, class: ClassIx, policy: PolicyIx) -> Option<Trace> {
        let (_, field) = field(self.writes(), Of::Set(class))?;
        self.traced(self.policies.world.write(), field, policy)
    }

    /// On all of the request's entities, whatever the policy looks into: a trace tells the values of what it does not.
    fn traced(&self, asking: &Asking, question: &Question, policy: PolicyIx) -> Option<Trace> {
        let context = self.context();
        let entities = self.site(|site| {
            let drafts = match question.of {
                Of::Request => site.request().into_iter().collect(),
                Of::Class(_) => site.reveals(),
                Of::Set(_) => site.writes(),
            };
            let mut looked_into = Vec::new();
            site.policies.world.looked_into(policy.0, &mut looked_into);
            site.slice(&drafts, Reach::ALL, looked_into)
        });
        let Some(entities) = entities else { return self.policies.trace(policy, None) };
        let request = request(&self.ground.principal, &asking.uid, &question.resource, context);
        let question = parts::Question { request, entities: &entities, action: &asking.entity };
        self.policies.trace(policy, Some(question))
    }

    fn ask(&self, asking: &Asking, part: &Part, question: &Question) -> Verdict {
        let verdict = conclude(self.policies, self.outcome(asking, part.slice.as_ref(), question));
        if !verdict.errors.is_empty() {
            // It is not kept, so it is not counted with what is.
            self.memory.borrow().tally.add(&verdict, 1);
        }
        verdict
    }

    /// Where the entities cannot be put together, no candidate can be evaluated: each is an error, and so a denial.
    fn outcome(&self, asking: &Asking, slice: Option<&Entities>, question: &Question) -> Outcome {
        let say = |candidates: &[u32], context: &dyn Fn() -> Context| match (slice, candidates) {
            (_, []) => Outcome::default(),
            (None, unknown) => Outcome { errors: unknown.to_vec(), ..Outcome::default() },
            (Some(slice), _) => {
                let request = request(&self.ground.principal, &asking.uid, &question.resource, context());
                engine::evaluate(request, slice, rules(self.policies, candidates.iter().copied()))
            }
        };
        let mut outcome = question.settled(|closed| say(closed, &Context::empty));
        outcome.merge(say(&question.open, &|| self.context()));
        outcome
    }

    /// How many policies are looked at for the request itself.
    #[cfg(test)]
    pub(super) fn candidates(&self) -> usize {
        let question = self.ground.request.questions.first();
        question.map_or(0, Question::waiting)
    }

    /// For how many contexts the answers on this ground are kept.
    #[cfg(test)]
    pub(super) fn kept(&self) -> usize {
        self.ground.request.kept.len()
    }

    /// What the policies say about the request itself, before it is concluded.
    #[cfg(test)]
    pub(super) fn said(&self) -> Outcome {
        let (asking, part) = (self.policies.world.asking(self.facts.action), &self.ground.request);
        let question = asking.zip(part.questions.first());
        question.map_or_else(Outcome::default, |(asking, question)| {
            self.outcome(asking, part.slice.as_ref(), question)
        })
    }

    /// What is concluded where the request's entities cannot be put together.
    #[cfg(test)]
    pub(super) fn decide_on_nothing(&self) -> Option<Verdict> {
        let asking = self.policies.world.asking(self.facts.action)?;
        let question = self.ground.request.questions.first()?;
        Some(conclude(self.policies, self.outcome(asking, None, question)))
    }

    /// The same for one class.
    #[cfg(test)]
    pub(super) fn said_of(&self, class: ClassIx) -> Outcome {
        let part = self.reveals();
        let reveal = self.policies.world.reveal();
        field(part, Of::Class(class))
            .map_or_else(Outcome::default, |(_, field)| self.outcome(reveal, part.slice.as_ref(), field))
    }
}

/// The question about one class, and its place.
fn field(part: &Part, of: Of) -> Option<(usize, &Question)> {
    part.questions.iter().enumerate().find(|(_, question)| question.of == of)
}

/// What of a request's context can be read.
fn read<'a>(facts: &Facts<'a>, now_ms: u64) -> reads::Parts<'a> {
    let Facts { method, path, host, purpose, source_ip, .. } = *facts;
    reads::Parts { method: method.as_str(), path, host, purpose, source_ip, now_ms }
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

fn request(
    principal: &Arc<EntityUID>,
    action: &Arc<EntityUID>,
    resource: &Arc<EntityUID>,
    context: Context,
) -> Request {
    let known = |euid: &Arc<EntityUID>| EntityUIDEntry::Known { euid: Arc::clone(euid), loc: None };
    Request::new_unchecked(known(principal), known(action), known(resource), Some(context))
}
