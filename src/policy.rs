//! What may happen: Cedar policies, checked, guarded and evaluated.
//!
//! [`Policies::compile`] reads all files of one snapshot and reports all their problems. [`Policies::ask`] puts one
//! request to them; the [`Asked`] then answers whether it may happen and which classes of data the caller may see.
//! INVARIANT: a permit that is no pathway never crosses tenants (`tests::tenants_apart`), and a policy that errs denies
//! (`tests::verdicts`).
//! Never: performs I/O or reads a clock.

mod answers;
mod ask;
mod compile;
mod engine;
mod filed;
mod foreign;
pub mod format;
mod ground;
mod guard;
mod hands;
mod hits;
mod linked;
mod links;
pub mod lint;
mod mentions;
mod mutate;
mod names;
mod parse;
mod pathways;
mod problems;
mod scan;
mod schema;
mod sheet;
#[cfg(test)]
mod tests;
mod trace;
mod world;
pub mod written;

use std::sync::Arc;

use cedar_policy_core::ast::Template;

use crate::ids::Digest;
use crate::ids::TenantPath;
use crate::model::DataClass;
use crate::model::Model;
use crate::model::TenantIx;
use crate::problem::Place;
use crate::problem::Problem;
use crate::redact::Mask;

pub use ask::Asked;
pub use ask::Facts;
pub use engine::memory::Memory;
pub use foreign::Foreign;
pub use hands::Alone;
pub use hands::Hands;
pub use hits::Hits;
pub use mentions::Mentions;
pub use mutate::Mutation;
pub use pathways::Pathway;
pub use trace::Fate;
pub use trace::Part;
pub use trace::PartKind;
pub use trace::Read;
pub use trace::Seen;
pub use trace::Span;
pub use trace::Trace;

use compile::Files;
use engine::Rule;
use guard::Crossing;
use schema::Checker;
use world::World;

/// The action that is asked for each class of data, after the request's own.
pub const REVEAL: &str = "reveal";
/// The action that is asked for each class of data that the request's body may carry.
pub const WRITE: &str = "write";

/// The schema that ships, for operators who have none of their own.
pub const SCHEMA: &str = include_str!("../schemas/palisade.cedarschema");

/// One file of a snapshot: policies, links of templates (`*.links.yaml`), or the schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// Its name, as problems tell it.
    pub file: Arc<str>,
    /// Its text.
    pub text: Arc<str>,
    /// The tenant in whose folder it stands: what it says holds for that tenant's data only.
    pub confined_to: Option<TenantPath>,
}

/// What a policy does where it applies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Effect {
    /// It allows, unless a forbid applies too.
    Permit,
    /// It denies, whatever is permitted.
    Forbid,
}

/// The number of a policy in one snapshot's [`Policies`]: their order is that of their ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PolicyIx(pub u32);

/// How a policy differs between two snapshots.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Difference {
    /// Only the later one has it.
    Added,
    /// Only the earlier one has it.
    Removed,
    /// Both have it, with another effective text.
    Changed,
}

/// The answer to one question. By default: denied, for no policy permits it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Verdict {
    /// May it be?
    pub allowed: bool,
    /// The policies that made it so, sorted: the permits of an allow, the forbids of a deny. Empty where a deny comes
    /// from no permit applying, or from an error.
    pub reasons: Vec<PolicyIx>,
    /// The policies that erred, sorted. One is enough to deny.
    pub errors: Vec<PolicyIx>,
    /// The permits that held, where a forbid denied, sorted.
    pub overridden: Vec<PolicyIx>,
    /// The pathway that alone allowed it, where no ordinary permit did.
    pub pathway: Option<PolicyIx>,
}

/// All policies of one snapshot, ready to be asked.
#[derive(Debug)]
pub struct Policies {
    generation: u64,
    digest: Digest,
    /// In the order of their ids.
    compiled: Vec<Arc<Compiled>>,
    crossings: Vec<Crossing>,
    world: World,
    /// The same with the policies in shadow mode among them, where there are any.
    with_shadow: Option<Arc<Policies>>,
    checker: Arc<Checker>,
    /// What the policies of the next snapshot take over where their files are the same.
    files: Arc<Files>,
    counters: hits::Counters,
}

/// One policy, with its guard.
#[derive(Debug)]
struct Compiled {
    effect: Effect,
    pathway: Option<Arc<str>>,
    mask: Option<Mask>,
    shadow: bool,
    place: Place,
    rule: Rule,
    template: Template,
    /// The file that the text stands in; for a link that is the template's.
    text_in: Arc<str>,
    /// How many parts of the condition, at its front, are the guard's.
    guards: usize,
}

impl Compiled {
    fn id(&self) -> &str {
        self.template.id().as_ref()
    }
}

impl Policies {
    /// Reads, checks and guards policies. With them come warnings.
    ///
    /// # Errors
    /// All problems of all files at once, warnings among them.
    pub fn compile(
        schema: &Source,
        sources: &[Source],
        model: &Model,
    ) -> Result<(Self, Vec<Problem>), Vec<Problem>> {
        compile::compile(schema, sources, model, None, &Alone)
    }

    /// The same, at the cost of what changed: files that are as they were `before` are not read again. What comes out
    /// is what [`Policies::compile`] says, whatever was before and whoever does it.
    ///
    /// # Errors
    /// All problems of all files at once, warnings among them.
    pub fn compile_after(
        before: Option<&Self>,
        hands: &dyn Hands,
        schema: &Source,
        sources: &[Source],
        model: &Model,
    ) -> Result<(Self, Vec<Problem>), Vec<Problem>> {
        compile::compile(schema, sources, model, before, hands)
    }

    /// Puts one request to the policies. `model` must be the one that they were compiled with, and `memory` belongs to
    /// the calling worker.
    #[must_use]
    pub fn ask<'a>(&'a self, model: &'a Model, facts: &Facts<'a>, memory: &'a mut Memory) -> Asked<'a> {
        Asked::new(self, model, *facts, memory)
    }

    /// How many policies there are, links counted and templates not.
    #[must_use]
    pub fn len(&self) -> usize {
        self.compiled.len()
    }

    /// Is there none? Then nothing is allowed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.compiled.is_empty()
    }

    /// The ids of all policies, sorted.
    pub fn ids(&self) -> impl ExactSizeIterator<Item = &str> {
        self.compiled.iter().map(|one| one.id())
    }

    /// The id of a policy; empty for a number that is not from these policies.
    #[must_use]
    pub fn id(&self, policy: PolicyIx) -> &str {
        self.one(policy).map_or("", Compiled::id)
    }

    /// What a policy does where it applies.
    #[must_use]
    pub fn effect(&self, policy: PolicyIx) -> Option<Effect> {
        self.one(policy).map(|one| one.effect)
    }

    /// The same policies with those of `@mode("shadow")` among them, where there are any. They decide nothing: what would
    /// become of a request with them is asked beside its decision.
    #[must_use]
    pub const fn with_shadow(&self) -> Option<&Arc<Self>> {
        self.with_shadow.as_ref()
    }

    /// Is this policy in shadow mode? Only among [`Policies::with_shadow`] are there any.
    #[must_use]
    pub fn is_shadow(&self, policy: PolicyIx) -> bool {
        self.one(policy).is_some_and(|one| one.shadow)
    }

    /// The ids of the policies in shadow mode, sorted.
    pub fn shadow_ids(&self) -> impl Iterator<Item = &str> {
        let all = self.with_shadow.iter().flat_map(|all| &all.compiled);
        all.filter(|one| one.shadow).map(|one| one.id())
    }

    /// The name of the pathway that a policy is.
    #[must_use]
    pub fn pathway(&self, policy: PolicyIx) -> Option<&str> {
        self.one(policy)?.pathway.as_deref()
    }

    /// The mask of a policy's `@mask`.
    #[must_use]
    pub fn mask(&self, policy: PolicyIx) -> Option<&Mask> {
        self.one(policy)?.mask.as_ref()
    }

    /// What hides a class that may not be seen: of the class's own mask and those of the policies that forbade it or
    /// erred, the one that hides most.
    #[must_use]
    pub fn hiding(&self, refused: &Verdict, class: &DataClass) -> Mask {
        let hid = refused.reasons.iter().chain(&refused.errors);
        let named = hid.filter_map(|policy| self.mask(*policy));
        named.chain([&class.mask]).max().unwrap_or(&class.mask).clone()
    }

    /// The first policy by its id whose mask is made with a tenant's key.
    #[must_use]
    pub fn masks_with_key(&self) -> Option<(&Mask, &Place)> {
        let all = self.with_shadow.as_deref().unwrap_or(self);
        let masked = all.compiled.iter().filter_map(|one| Some((one.mask.as_ref()?, &one.place)));
        masked.into_iter().find(|(mask, _)| mask.needs_key())
    }

    /// Where a policy stands.
    #[must_use]
    pub fn place(&self, policy: PolicyIx) -> Option<&Place> {
        self.one(policy).map(|one| &one.place)
    }

    /// The number of the policy with this id.
    #[must_use]
    pub fn find(&self, id: &str) -> Option<PolicyIx> {
        let at = self.compiled.binary_search_by(|one| one.id().cmp(id)).ok()?;
        u32::try_from(at).ok().map(PolicyIx)
    }

    /// The policies of which these and the next ones do not say the same, sorted by id: whether only these have it, only
    /// the next ones, or both with another effective text.
    #[must_use]
    pub fn differences<'a>(&'a self, next: &'a Self) -> Vec<(&'a str, Difference)> {
        let (mut found, mut theirs) = (Vec::new(), next.compiled.iter().peekable());
        for one in &self.compiled {
            while let Some(added) = theirs.next_if(|other| other.id() < one.id()) {
                found.push((added.id(), Difference::Added));
            }
            match theirs.next_if(|other| other.id() == one.id()) {
                None => found.push((one.id(), Difference::Removed)),
                // What was taken over need not be printed to be compared.
                Some(same) if Arc::ptr_eq(one, same) => {}
                Some(other) if one.template.to_string() == other.template.to_string() => {}
                Some(_) => found.push((one.id(), Difference::Changed)),
            }
        }
        found.extend(theirs.map(|added| (added.id(), Difference::Added)));
        found
    }

    /// A policy as it is evaluated, in Cedar's words, with the guard that the loader added.
    #[must_use]
    pub fn effective_text(&self, id: &str) -> Option<String> {
        self.one(self.find(id)?).map(|one| one.template.to_string())
    }

    /// A policy part by part, with nothing looked at: what a trace of any question can find. Nothing for a number that
    /// is not from these policies.
    #[must_use]
    pub fn parts(&self, policy: PolicyIx) -> Option<Trace> {
        self.trace(policy, None)
    }

    fn trace(&self, policy: PolicyIx, question: Option<engine::parts::Question<'_>>) -> Option<Trace> {
        let one = self.one(policy)?;
        let walked = engine::parts::walk(&one.template, &one.rule, one.guards, question);
        Some(Trace {
            policy,
            fate: walked.fate,
            scope: walked.scope,
            conditions: walked.conditions,
            place: one.place.clone(),
            file: Arc::clone(&one.text_in),
        })
    }

    /// Is there a pathway that could let this caller reach some data of that tenant? Only by what the scopes of the
    /// pathways say: whether it does is decided by [`Policies::ask`].
    #[must_use]
    pub fn explains(&self, model: &Model, caller: TenantIx, target: TenantIx) -> bool {
        let (from, to) = (&model.tenants.get(caller).path, model.tenants.get(target).path.data_key());
        self.crossings.iter().any(|crossing| {
            from.is_within(&crossing.from) && (to.is_within(&crossing.data) || crossing.data.is_within(&to))
        })
    }

    /// The digest of schema and policies as written, whatever the order of files.
    #[must_use]
    pub fn digest(&self) -> Digest {
        self.digest
    }

    fn one(&self, policy: PolicyIx) -> Option<&Compiled> {
        self.compiled.get(usize::try_from(policy.0).ok()?).map(|one| &**one)
    }
}
