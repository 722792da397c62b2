//! How often each policy decided, erred or was overridden, since it was first loaded with the text that it has.
//!
//! A request adds one to the answers that it gets ([`Answers`] are shared by all that ask the same), and what that comes to
//! for each policy is worked out a few times a second, into counters that all workers share.
//! INVARIANT: what is counted is what was answered, kept or not (`policy::tests::hits::what_is_counted_is_what_was_answered`).
//! Never: takes a lock or makes anything on a request's path, but for its place in a list that keeps its room.

use std::rc::Rc;
use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;

use crate::limits;

use super::Compiled;
use super::Policies;
use super::PolicyIx;
use super::Verdict;
use super::answers::Answers;

/// How often one policy did what.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Hits {
    /// It was among those that decided: a permit of an allow, a forbid of a deny, of a request or of a class of data.
    pub matched: u64,
    /// It could not be evaluated.
    pub errored: u64,
    /// A permit that held, while a forbid decided.
    pub overridden: u64,
    /// Since when it is counted, in milliseconds since 1970.
    pub since_ms: u64,
}

/// The shared counters of one policy.
#[derive(Debug)]
pub(super) struct Counter {
    matched: AtomicU64,
    errored: AtomicU64,
    overridden: AtomicU64,
    since_ms: u64,
}

/// Those of all policies, in their order; not there until somebody wants them counted.
pub(super) type Counters = OnceLock<Arc<[Arc<Counter>]>>;

impl Counter {
    const fn new(since_ms: u64) -> Self {
        Self {
            matched: AtomicU64::new(0),
            errored: AtomicU64::new(0),
            overridden: AtomicU64::new(0),
            since_ms,
        }
    }
}

impl Policies {
    /// Counts from now on. A policy that stood in `before` with the same effective text goes on where it was.
    pub fn start_counting(&self, before: Option<&Self>, now_ms: u64) {
        self.counters.get_or_init(|| {
            let known =
                before.and_then(|before| Some(before.compiled.iter().zip(before.counters.get()?.iter())));
            // Both are in the order of their ids, so one walk over both finds all.
            let mut known = known.into_iter().flatten().peekable();
            let counter = |one: &Arc<Compiled>| {
                while known.next_if(|(before, _)| before.id() < one.id()).is_some() {}
                // What an edit did not touch is mostly the very same.
                let same =
                    |before: &Arc<Compiled>| Arc::ptr_eq(before, one) || before.template == one.template;
                let known = known.next_if(|(before, _)| before.id() == one.id());
                let known = known.filter(|(before, _)| same(before)).map(|(_, counter)| Arc::clone(counter));
                known.unwrap_or_else(|| Arc::new(Counter::new(now_ms)))
            };
            self.compiled.iter().map(counter).collect()
        });
    }

    fn counter(&self, policy: PolicyIx) -> Option<&Arc<Counter>> {
        self.counters.get()?.get(usize::try_from(policy.0).ok()?)
    }

    /// What has been counted of a policy. Nothing where nobody counts.
    #[must_use]
    pub fn hits(&self, policy: PolicyIx) -> Option<Hits> {
        let counter = self.counter(policy)?;
        Some(Hits {
            matched: counter.matched.load(Ordering::Relaxed),
            errored: counter.errored.load(Ordering::Relaxed),
            overridden: counter.overridden.load(Ordering::Relaxed),
            since_ms: counter.since_ms,
        })
    }
}

/// What one worker has yet to count.
#[derive(Debug, Default)]
pub(super) struct Tally {
    counters: Option<Arc<[Arc<Counter>]>>,
    /// Answers that were given since they were last counted.
    given: Vec<Rc<Answers>>,
}

impl Tally {
    /// What is given from now on is of these policies.
    pub(super) fn turn_to(&mut self, policies: &Policies) {
        self.settle();
        self.counters = policies.counters.get().map(Arc::clone);
    }

    /// These answers are given once more. What they say may not be known yet, so it is those before them that are counted
    /// where the list is full.
    pub(super) fn give(&mut self, answers: &Rc<Answers>) {
        if self.counters.is_none() {
            return;
        }
        if self.given.len() >= limits::ANSWERS_COUNTED_MAX {
            self.settle();
        }
        if answers.is_first_use() {
            self.given.push(Rc::clone(answers));
        }
    }

    /// Counts a verdict that is not kept.
    pub(super) fn add(&self, verdict: &Verdict, times: u64) {
        let Some(counters) = &self.counters else { return };
        let count = |policies: &[PolicyIx], of: fn(&Counter) -> &AtomicU64| {
            for policy in policies {
                if let Some(counter) = usize::try_from(policy.0).ok().and_then(|at| counters.get(at)) {
                    of(counter).fetch_add(times, Ordering::Relaxed);
                }
            }
        };
        count(&verdict.reasons, |counter| &counter.matched);
        count(&verdict.errors, |counter| &counter.errored);
        count(&verdict.overridden, |counter| &counter.overridden);
    }

    /// Counts all that was given.
    pub(super) fn settle(&mut self) {
        let mut given = std::mem::take(&mut self.given);
        for answers in given.drain(..) {
            let uses = answers.take_uses();
            answers.verdicts().for_each(|verdict| self.add(verdict, uses));
        }
        self.given = given;
    }
}
