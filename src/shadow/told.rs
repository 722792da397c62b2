//! A disagreement in the words of the two snapshots that it is between.
//!
//! Never: tells more than names of policies, classes, tenants and routes.

use crate::audit::Beside as Record;
use crate::audit::beside::Class;
use crate::audit::beside::Side;
use crate::compare::beside::Direction;
use crate::compare::beside::Disagreement;
use crate::policy::Policies;
use crate::policy::PolicyIx;
use crate::policy::Verdict;
use crate::redact::Mask;
use crate::request::Job;
use crate::snapshot::Shadowed;

/// Appends its record to `line`.
pub(super) fn record(job: &Job, one: &Shadowed, found: &Disagreement, now_ms: u64, line: &mut Vec<u8>) {
    let (enforced, beside) = (job.snapshot.policies(), one.snapshot.policies());
    let ids = [ids(enforced, &job.verdict), ids(beside, &found.verdict)];
    let [was, is] = &ids;
    let directions: Vec<&'static str> =
        found.directions.iter().map(|direction: &Direction| direction.as_str()).collect();
    let model = one.snapshot.model();
    let classes: Vec<Class<'_>> = found
        .classes
        .iter()
        .map(|differs| Class {
            class: model.classes.get(differs.class).map_or("", |class| class.name.as_str()),
            enforced: seen(differs.enforced.as_ref()),
            shadow: seen(differs.beside.as_ref()),
        })
        .chain(found.sets.iter().map(|differs| Class {
            class: model.classes.get(differs.class).map_or("", |class| class.name.as_str()),
            enforced: set(differs.enforced),
            shadow: set(!differs.enforced),
        }))
        .collect();
    let (snapshot, candidate) = (job.snapshot.digest(), one.snapshot.digest());
    Record {
        decision_id: job.id,
        time_ms: now_ms,
        origin: one.origin.as_str(),
        directions: &directions,
        tenant: found.tenant.as_str(),
        caller: job.principal.tenant.as_ref().map(|tenant| tenant.as_str()),
        action: found.action,
        resource: &found.route,
        snapshot: &snapshot,
        generation: job.snapshot.generation(),
        candidate: &candidate,
        enforced: Side {
            code: job.code,
            reasons: &was.0,
            errors: &was.1,
            pathway: pathway(enforced, &job.verdict),
        },
        shadow: Side {
            code: found.code,
            reasons: &is.0,
            errors: &is.1,
            pathway: pathway(beside, &found.verdict),
        },
        classes: &classes,
        policies: &found.policies(job, &one.snapshot),
    }
    .encode(line);
}

fn seen(mask: Option<&Mask>) -> &'static str {
    mask.map_or("shown", Mask::kind)
}

const fn set(may: bool) -> &'static str {
    if may { "settable" } else { "unsettable" }
}

fn ids<'s>(policies: &'s Policies, verdict: &Verdict) -> (Vec<&'s str>, Vec<&'s str>) {
    let of = |all: &[PolicyIx]| all.iter().map(|policy| policies.id(*policy)).collect();
    (of(&verdict.reasons), of(&verdict.errors))
}

fn pathway<'s>(policies: &'s Policies, verdict: &Verdict) -> Option<&'s str> {
    policies.pathway(verdict.pathway?)
}
