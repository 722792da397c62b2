//! One decision made again with other policies, and in what the two differ.
//!
//! INVARIANT: with the policies that decided, nothing differs (`compare::beside_tests::a_decision_made_again_is_the_same`).
//! Never: changes a decision, or makes one that anything follows.

use std::sync::Arc;

use crate::ids::Action;
use crate::ids::DecisionId;
use crate::ids::TenantPath;
use crate::policy::Facts;
use crate::policy::Memory;
use crate::policy::PolicyIx;
use crate::policy::Verdict;
use crate::redact::ClassIx;
use crate::redact::Mask;
use crate::request::About;
use crate::request::Job;
use crate::request::question;
use crate::request::question::Call;
use crate::request::question::Put;
use crate::request::question::Question;
use crate::snapshot::Snapshot;

/// In what a decision would have been another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Direction {
    /// It was allowed, and would be denied.
    NewDenial,
    /// It was denied, and would be allowed.
    NewAllow,
    /// A class of data is hidden, and would be shown.
    ShowsMore,
    /// A class of data is shown, and would be hidden.
    ShowsLess,
    /// A class of data is hidden, and would be hidden by another mask.
    OtherMask,
    /// A class of data may not be set, and could be.
    SetsMore,
    /// A class of data may be set, and could not be.
    SetsLess,
    /// A policy could not be evaluated, and none failed when it was decided.
    Error,
}

impl Direction {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::NewDenial,
        Self::NewAllow,
        Self::ShowsMore,
        Self::ShowsLess,
        Self::OtherMask,
        Self::SetsMore,
        Self::SetsLess,
        Self::Error,
    ];

    /// Its word in records and metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NewDenial => "new_denial",
            Self::NewAllow => "new_allow",
            Self::ShowsMore => "shows_more",
            Self::ShowsLess => "shows_less",
            Self::OtherMask => "other_mask",
            Self::SetsMore => "sets_more",
            Self::SetsLess => "sets_less",
            Self::Error => "error",
        }
    }
}

/// A class of data that would not be seen as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClassDiffers {
    /// The class.
    pub class: ClassIx,
    /// What hides it; `None`: it is shown.
    pub enforced: Option<Mask>,
    /// What would hide it; `None`: it would be shown.
    pub beside: Option<Mask>,
    /// The policies that would have it so.
    pub policies: Vec<PolicyIx>,
}

/// A class of data that could be set where it may not, or the other way round.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetDiffers {
    /// The class.
    pub class: ClassIx,
    /// May it be set, as was decided?
    pub enforced: bool,
    /// The policies that would have it otherwise.
    pub policies: Vec<PolicyIx>,
}

/// A decision that would have been another one. Policies are those that were looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disagreement {
    /// In what, sorted, at least one.
    pub directions: Vec<Direction>,
    /// `allowed`, or the code of the refusal that it would have been.
    pub code: &'static str,
    /// What the policies said.
    pub verdict: Verdict,
    /// What was attempted.
    pub action: Action,
    /// The id of the route.
    pub route: Box<str>,
    /// The tenant whose data is meant.
    pub tenant: TenantPath,
    /// The classes of data that would be seen otherwise.
    pub classes: Vec<ClassDiffers>,
    /// The classes of data of which another one could set them.
    pub sets: Vec<SetDiffers>,
}

/// What becomes of a decision with other policies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Again {
    /// The same.
    Same,
    /// Something else.
    Differs(Box<Disagreement>),
    /// It cannot be said: it was made under another model than these policies were compiled with.
    Unknown,
}

/// Makes a decision again with the policies of a snapshot that was made beside the one that decided.
#[must_use]
pub fn again(job: &Job, beside: &Snapshot, memory: &mut Memory) -> Again {
    if job.snapshot.generation() != beside.generation() {
        return Again::Unknown;
    }
    let found = match &job.about {
        About::Placed { caller, target, route, action, data_key } => {
            let Some(route) = beside.model().routes.get(*route) else { return Again::Unknown };
            let facts = Facts {
                principal: &job.principal,
                caller: *caller,
                target: *target,
                action: *action,
                route,
                data_key,
                method: &job.method,
                path: &job.path,
                host: &job.host,
                purpose: job.purpose.as_deref(),
                source_ip: job.source_ip,
                now_ms: job.now_ms,
            };
            judge(job, beside, &facts, memory)
        }
        About::Tenancy { header, .. } => {
            let question = Question {
                principal: Some(Arc::clone(&job.principal)),
                call: Call::Path(job.method.clone(), job.path.to_string()),
                action: None,
                method: None,
                target: header.clone(),
                data_key: None,
                purpose: job.purpose.as_deref().map(str::to_owned),
                host: Some(job.host.to_string()),
                source_ip: job.source_ip,
                now_ms: job.now_ms,
            };
            match question.put(beside, |facts| judge(job, beside, facts, memory)) {
                Ok(Put::Asked(found)) => found,
                Ok(Put::Refused(_) | Put::Public(_)) | Err(_) => None,
            }
        }
    };
    found.map_or(Again::Same, |found| Again::Differs(Box::new(found)))
}

fn judge(job: &Job, beside: &Snapshot, facts: &Facts<'_>, memory: &mut Memory) -> Option<Disagreement> {
    let (model, policies) = (beside.model(), beside.policies());
    let asked = policies.ask(model, facts, memory);
    let verdict = asked.decide();
    let was_allowed = job.code == "allowed";
    let mut directions = Vec::new();
    match (was_allowed, verdict.allowed) {
        (true, false) => directions.push(Direction::NewDenial),
        (false, true) => directions.push(Direction::NewAllow),
        (true, true) | (false, false) => {}
    }
    let mut erred = job.verdict.errors.is_empty() && !verdict.errors.is_empty();
    let mut classes = Vec::new();
    let of_route = [&*facts.route.classes, &*facts.route.request_classes];
    let [carried, set] =
        job.carried.as_ref().map_or(of_route, |carried| carried.each_ref().map(|one| &**one));
    for class in carried.iter().filter(|_| was_allowed && verdict.allowed) {
        let Some(known) = model.classes.get(*class) else { continue };
        let answer = asked.reveal(*class);
        let enforced = job.hidden.iter().find(|(hidden, _)| hidden == class).map(|(_, mask)| mask.clone());
        let mask = (!answer.allowed).then(|| policies.hiding(&answer, known));
        let direction = match (&enforced, &mask) {
            (Some(_), None) => Direction::ShowsMore,
            (None, Some(_)) => Direction::ShowsLess,
            (Some(enforced), Some(mask)) if enforced != mask => Direction::OtherMask,
            (Some(_), Some(_)) | (None, None) => continue,
        };
        erred |= !answer.errors.is_empty();
        directions.push(direction);
        let policies = [answer.reasons, answer.errors].concat();
        classes.push(ClassDiffers { class: *class, enforced, beside: mask, policies });
    }
    let mut sets = Vec::new();
    for class in set.iter().filter(|_| was_allowed && verdict.allowed) {
        let enforced = !job.unsettable.contains(class);
        let answer = asked.set(*class);
        let mask = || {
            let known = model.classes.get(*class)?;
            let shown = asked.reveal(*class);
            (!shown.allowed).then(|| policies.hiding(&shown, known))
        };
        let beside = answer.allowed && mask().is_none_or(|mask| mask.is_known_by_sight());
        if enforced != beside {
            erred |= !answer.errors.is_empty();
            directions.push(if beside { Direction::SetsMore } else { Direction::SetsLess });
            let policies = [answer.reasons, answer.errors].concat();
            sets.push(SetDiffers { class: *class, enforced, policies });
        }
    }
    if erred {
        directions.push(Direction::Error);
    }
    if directions.is_empty() {
        return None;
    }
    directions.sort_unstable();
    directions.dedup();
    Some(Disagreement {
        directions,
        code: question::refused(&verdict).map_or("allowed", |refusal| refusal.row().code),
        verdict,
        action: facts.action,
        route: facts.route.id.clone(),
        tenant: model.tenants.get(facts.target).path.clone(),
        classes,
        sets,
    })
}

impl Disagreement {
    /// The ids of the policies that make the difference: the forbids and errors of the denying side where there are
    /// any, else the permits of the allowing side, and those that would have a class seen otherwise.
    #[must_use]
    pub fn policies<'s>(&self, job: &'s Job, beside: &'s Snapshot) -> Vec<&'s str> {
        let was = (&job.verdict, job.snapshot.policies());
        let now = (&self.verdict, beside.policies());
        let (denying, allowing) = if self.verdict.allowed { (was, now) } else { (now, was) };
        let mut all: Vec<&str> = Vec::new();
        if (job.code == "allowed") != self.verdict.allowed {
            let (verdict, policies) = denying;
            all.extend(verdict.reasons.iter().chain(&verdict.errors).map(|policy| policies.id(*policy)));
            if all.is_empty() {
                let (verdict, policies) = allowing;
                all.extend(verdict.reasons.iter().map(|policy| policies.id(*policy)));
            }
        }
        let of_sets = self.sets.iter().flat_map(|set| &set.policies);
        let of_classes = self.classes.iter().flat_map(|class| &class.policies).chain(of_sets);
        all.extend(of_classes.map(|policy| beside.policies().id(*policy)));
        if self.directions.contains(&Direction::Error) {
            all.extend(self.verdict.errors.iter().map(|policy| beside.policies().id(*policy)));
        }
        all.sort_unstable();
        all.dedup();
        all
    }
}

/// Which decisions are looked at.
#[derive(Debug, Clone)]
pub struct Chosen {
    /// Those of these tenants' people and about their data, sub-tenants included; empty: all.
    pub tenants: Vec<TenantPath>,
    /// This share of them, in percent.
    pub percent: u64,
}

impl Chosen {
    /// Is this one among them? The same id always gives the same answer.
    #[must_use]
    pub fn takes(&self, id: DecisionId, tenants: [Option<&TenantPath>; 2]) -> bool {
        let near = |tenant: &TenantPath| self.tenants.iter().any(|chosen| tenant.is_within(chosen));
        (self.tenants.is_empty() || tenants.into_iter().flatten().any(near))
            && spread(id) % 100 < self.percent
    }
}

/// A number that is as good as drawn by lot, and the same each time for the same id.
#[must_use]
pub fn spread(id: DecisionId) -> u64 {
    // FNV-1a over the id's characters, and the finish of SplitMix64: each bit moves every bit of the number.
    let fold = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    let mut word = id.text().iter().fold(0xcbf2_9ce4_8422_2325, fold);
    word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}

/// When looking stops by itself.
#[derive(Debug, Clone, Copy)]
pub struct StopRule {
    /// So many new denials within the window; 0: never.
    pub new_denials: u64,
    /// And at least this share of what was looked at, in percent.
    pub percent: u64,
    /// How far back is counted, in milliseconds.
    pub window_ms: u64,
}

/// In so many parts the window moves on.
const WINDOW_PARTS: u64 = 16;

/// What was counted within the window of a rule.
#[derive(Debug)]
pub struct Window {
    rule: StopRule,
    /// By part of the window: its number, what was looked at, and the new denials among it.
    parts: Vec<(u64, u64, u64)>,
}

impl Window {
    /// Nothing was counted yet.
    #[must_use]
    pub const fn new(rule: StopRule) -> Self {
        Self { rule, parts: Vec::new() }
    }

    /// Counts one more; `Some` when that is too much: what was looked at within the window, and the new denials.
    pub fn note(&mut self, now_ms: u64, new_denial: bool) -> Option<(u64, u64)> {
        let now = now_ms / (self.rule.window_ms / WINDOW_PARTS).max(1);
        self.parts.retain(|(part, _, _)| *part + WINDOW_PARTS > now);
        if self.parts.last().is_none_or(|(part, _, _)| *part != now) {
            self.parts.push((now, 0, 0));
        }
        if let Some((_, looked, denials)) = self.parts.last_mut() {
            *looked += 1;
            *denials += u64::from(new_denial);
        }
        let sum = |of: fn(&(u64, u64, u64)) -> u64| self.parts.iter().map(of).sum::<u64>();
        let (looked, denials) = (sum(|part| part.1), sum(|part| part.2));
        let StopRule { new_denials, percent, .. } = self.rule;
        let too_many = new_denials > 0 && denials >= new_denials;
        (too_many && denials * 100 >= looked * percent).then_some((looked, denials))
    }
}
