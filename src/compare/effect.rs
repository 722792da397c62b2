//! What becomes of the same requests in two snapshots, counted by direction, with some of them as examples.
//!
//! Never: decides in a way of its own; each request is put as `eval` puts it.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use crate::limits;
use crate::policy::PolicyIx;
use crate::policy::Verdict;
use crate::request::question;
use crate::request::question::Put;
use crate::request::question::Question;
use crate::snapshot::Snapshot;

/// What becomes of one request in one snapshot.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct Outcome {
    /// Is it allowed?
    pub allowed: bool,
    /// The refusal's code, where it is not.
    pub code: Option<&'static str>,
    /// The policies that decided, sorted.
    pub policies: Vec<String>,
    /// The classes of data that the caller sees, each with the policies that show it.
    pub shown: BTreeMap<String, Vec<String>>,
    /// The classes that its bodies may carry and the caller does not see, each with the policies that forbid it.
    pub hidden: BTreeMap<String, Vec<String>>,
    /// Of those that the request's body may carry, the classes that the caller may set, each with the policies that say so.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub settable: BTreeMap<String, Vec<String>>,
    /// And those that it may not, each with the policies that forbid it.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub unsettable: BTreeMap<String, Vec<String>>,
    /// The tenant whose data is meant, where that was found out.
    pub tenant: Option<String>,
    /// The action, where there is a route.
    pub action: Option<&'static str>,
}

impl Outcome {
    /// Puts a question to a snapshot.
    #[must_use]
    pub fn of(snapshot: &Snapshot, question: &Question) -> Self {
        let put = question.put(snapshot, |facts| {
            let judgement = question::judge(snapshot, facts);
            let names = |verdict: &Verdict| ids(snapshot, verdict);
            let mut outcome = Self {
                allowed: judgement.verdict.allowed,
                code: judgement.refusal().map(|refusal| refusal.row().code),
                policies: names(&judgement.verdict),
                tenant: Some(snapshot.model().tenants.get(facts.target).path.to_string()),
                action: Some(facts.action.as_str()),
                ..Self::default()
            };
            for class in &judgement.classes {
                let Some(known) = snapshot.model().classes.get(class.class) else { continue };
                let to = if class.verdict.allowed { &mut outcome.shown } else { &mut outcome.hidden };
                to.insert(known.name.to_string(), names(&class.verdict));
                if let Some(set) = &class.set {
                    let to = if set.may { &mut outcome.settable } else { &mut outcome.unsettable };
                    to.insert(known.name.to_string(), names(&set.verdict));
                }
            }
            outcome
        });
        match put {
            Ok(Put::Asked(outcome)) => outcome,
            Ok(Put::Public(_)) => Self { allowed: true, ..Self::default() },
            Ok(Put::Refused(refusal)) => Self { code: Some(refusal.row().code), ..Self::default() },
            // The other snapshot has the route; a call to it finds none here.
            Err(question::Unasked::NoSuchRoute(_) | question::Unasked::NoSuchClass(_)) => {
                Self { code: Some("no_route"), ..Self::default() }
            }
        }
    }
}

fn ids(snapshot: &Snapshot, verdict: &Verdict) -> Vec<String> {
    let deciding: BTreeSet<PolicyIx> = verdict.reasons.iter().chain(&verdict.errors).copied().collect();
    deciding.into_iter().map(|policy| snapshot.policies().id(policy).to_owned()).collect()
}

/// One request that is not decided alike.
#[derive(Debug, Clone)]
pub struct Example {
    /// What is asked.
    pub question: Question,
    /// The class of data that it is about, where classes are counted.
    pub class: Option<String>,
    /// What becomes of it in the older snapshot.
    pub old: Outcome,
    /// What becomes of it in the newer snapshot.
    pub new: Outcome,
}

/// All requests, or all classes of data in them, that differ in one direction.
#[derive(Debug, Clone, Default)]
pub struct Group {
    /// How many.
    pub count: u64,
    /// By the tenant whose data is meant.
    pub by_tenant: BTreeMap<String, u64>,
    /// By who calls.
    pub by_principal: BTreeMap<String, u64>,
    /// By action.
    pub by_action: BTreeMap<String, u64>,
    /// By the policies that make the difference: those that decide now, and the forbids that did before.
    pub by_policy: BTreeMap<String, u64>,
    /// By class of data, where those are counted.
    pub by_class: BTreeMap<String, u64>,
    /// The first of each combination of policies, a few.
    pub examples: Vec<Example>,
    seen: BTreeSet<Vec<String>>,
}

/// What differs in effect.
#[derive(Debug, Clone, Default)]
pub struct Effects {
    /// How many requests were put to both.
    pub asked: u64,
    /// How many the older snapshot allows.
    pub allowed_before: u64,
    /// How many the newer snapshot allows.
    pub allowed_after: u64,
    /// Requests that only the newer one allows.
    pub newly_allowed: Group,
    /// Requests that only the older one allows.
    pub newly_denied: Group,
    /// Classes of data that a caller sees only in the newer one.
    pub newly_shown: Group,
    /// Classes of data that a caller sees only in the older one.
    pub newly_hidden: Group,
    /// Classes of data that a caller may set only in the newer one.
    pub newly_settable: Group,
    /// Classes of data that a caller may set only in the older one.
    pub newly_unsettable: Group,
}

impl Effects {
    /// Puts one more request to both.
    pub fn ask(&mut self, snapshots: [&Snapshot; 2], question: &Question) {
        let [old, new] = snapshots.map(|snapshot| Outcome::of(snapshot, question));
        self.take(question, &old, &new);
    }

    /// Counts what became of a request in both.
    pub fn take(&mut self, question: &Question, old: &Outcome, new: &Outcome) {
        self.asked += 1;
        self.allowed_before += u64::from(old.allowed);
        self.allowed_after += u64::from(new.allowed);
        let example = |class: Option<&String>| Example {
            question: question.clone(),
            class: class.cloned(),
            old: old.clone(),
            new: new.clone(),
        };
        match (old.allowed, new.allowed) {
            (false, true) => {
                self.newly_allowed
                    .add(deciding(&old.policies, &new.policies, &new.policies), || example(None));
            }
            (true, false) => {
                self.newly_denied
                    .add(deciding(&new.policies, &old.policies, &new.policies), || example(None));
            }
            (true, true) | (false, false) => {}
        }
        let of = |may: fn(&Outcome) -> &Classes, may_not: fn(&Outcome) -> &Classes| {
            let more = gained((old, may_not(old), may(old)), (new, may(new)));
            let less = gained((new, may_not(new), may(new)), (old, may(old)));
            (more, less)
        };
        let (shown, hidden) = of(|one| &one.shown, |one| &one.hidden);
        let (settable, unsettable) = of(|one| &one.settable, |one| &one.unsettable);
        for (group, found) in [(&mut self.newly_shown, shown), (&mut self.newly_settable, settable)] {
            for (class, forbids, permits) in found {
                let now = if old.allowed { &permits } else { &new.policies };
                group.add(deciding(&forbids, &permits, now), || example(Some(class)));
            }
        }
        for (group, found) in [(&mut self.newly_hidden, hidden), (&mut self.newly_unsettable, unsettable)] {
            for (class, forbids, permits) in found {
                let now = if new.allowed { &forbids } else { &new.policies };
                group.add(deciding(&forbids, &permits, now), || example(Some(class)));
            }
        }
    }

    /// Did anything become possible, or visible, that was not?
    #[must_use]
    pub fn is_wider(&self) -> bool {
        self.newly_allowed.count + self.newly_shown.count + self.newly_settable.count > 0
    }

    /// Is anything not as it was?
    #[must_use]
    pub fn is_other(&self) -> bool {
        let less = [&self.newly_denied, &self.newly_hidden, &self.newly_unsettable];
        self.is_wider() || less.iter().any(|group| group.count > 0)
    }
}

/// Classes of data with the policies that decide over each.
type Classes = BTreeMap<String, Vec<String>>;

/// The classes that a caller may see, or set, on one side only: each with the forbids of the other side and the permits of
/// this one.
fn gained<'a>(
    (other, denied, allowed): (&'a Outcome, &'a Classes, &'a Classes),
    (this, gained): (&'a Outcome, &'a Classes),
) -> Vec<(&'a String, Vec<String>, Vec<String>)> {
    let new = gained.iter().filter(|(class, _)| !allowed.contains_key(*class));
    let with = |(class, by): (&'a String, &'a Vec<String>)| {
        if other.allowed {
            (class, denied.get(class).cloned().unwrap_or_default(), by.clone())
        } else {
            (class, other.policies.clone(), this.policies.clone())
        }
    };
    new.map(with).collect()
}

/// The policies that make a difference: the forbids of the denying side where there are any, and else the permits of
/// the allowing side. What decides now comes with them.
fn deciding(forbids: &[String], permits: &[String], now: &[String]) -> Vec<String> {
    let cause = if forbids.is_empty() { permits } else { forbids };
    let all: BTreeSet<&String> = cause.iter().chain(now).collect();
    all.into_iter().cloned().collect()
}

impl Group {
    fn add(&mut self, policies: Vec<String>, example: impl FnOnce() -> Example) {
        self.count += 1;
        for policy in &policies {
            count(&mut self.by_policy, policy);
        }
        // Which example it becomes is also what it is counted by, so it is made for each.
        let example = example();
        let tenant = example.new.tenant.as_ref().or(example.old.tenant.as_ref());
        tenant.into_iter().for_each(|tenant| count(&mut self.by_tenant, tenant));
        let principal = example.question.principal.as_ref();
        principal.into_iter().for_each(|principal| count(&mut self.by_principal, &principal.id));
        let action = example.new.action.or(example.old.action);
        action.into_iter().for_each(|action| count(&mut self.by_action, action));
        example.class.iter().for_each(|class| count(&mut self.by_class, class));
        if self.examples.len() < limits::COMPARE_EXAMPLES_MAX && self.seen.insert(policies) {
            self.examples.push(example);
        }
    }
}

/// One more of a name; names beyond the bound are counted together.
fn count(by: &mut BTreeMap<String, u64>, name: &str) {
    let name = if by.len() < limits::COMPARE_NAMES_MAX || by.contains_key(name) { name } else { "(others)" };
    *by.entry(name.to_owned()).or_default() += 1;
}
