//! What is worth a second look in policies that are valid: rules with stable codes, each of which can be allowed where it
//! is meant.
//!
//! A rule looks at what authors wrote, in the light of the model: routes, data classes, tenants. It never evaluates a
//! policy. Each is bounded: by the length of one policy, or by a count in [`crate::limits`].
//! INVARIANT: what is called impossible is impossible: no request is decided otherwise without a policy that is found to
//! change nothing (`tests::lint_laws::what_is_said_to_change_nothing_changes_nothing`).
//! Never: keeps a snapshot from going live; `check` does that.

use std::collections::BTreeSet;

use crate::model::Model;
use crate::problem::Place;
use crate::problem::Problem;

use super::Policies;
use super::Source;

mod allow;
mod checks;
mod cover;
mod known;
mod names;
mod reach;
mod rules;
mod subject;
mod truth;
mod within;

pub use rules::RULES;
pub use rules::Rule;

use subject::Subject;

/// What the rules are told that policies and model do not say.
#[derive(Debug, Clone, Copy)]
pub struct Looked<'a> {
    /// Milliseconds since 1970.
    pub now_ms: u64,
    /// Every role that somebody is known to have; `None` where that cannot be known, and then no role is looked at.
    pub roles: Option<&'a BTreeSet<String>>,
    /// Where those were looked for, for people.
    pub roles_from: &'a str,
    /// The policies that some test is about; `None` where there are no tests, and then none is missed.
    pub tested: Option<&'a BTreeSet<String>>,
    /// The codes of rules that are not asked for.
    pub left_out: &'a [String],
}

impl Looked<'_> {
    /// The rules that find nothing because they do not look.
    fn not_looked_at(&self) -> Vec<&str> {
        let roles = self.roles.is_none().then_some(rules::UNHELD_ROLE.code);
        let tests = self.tested.is_none().then_some(rules::UNTESTED.code);
        self.left_out.iter().map(String::as_str).chain(roles).chain(tests).collect()
    }
}

/// What a rule found.
struct Finding {
    rule: &'static Rule,
    /// Which policy as written it is about: its annotations may allow it.
    policy: Option<usize>,
    place: Place,
    message: String,
    hint: Option<String>,
    /// Of all findings that say the same one is told.
    once: Option<String>,
}

impl Finding {
    fn of(rule: &'static Rule, one: &Subject, message: String) -> Self {
        Self { policy: Some(one.named), ..Self::in_model(rule, one.place.clone(), message) }
    }

    fn in_model(rule: &'static Rule, place: Place, message: String) -> Self {
        Self { rule, policy: None, place, message, hint: None, once: None }
    }

    fn of_policy(self, named: usize) -> Self {
        Self { policy: Some(named), ..self }
    }

    fn at(self, place: Place) -> Self {
        Self { place, ..self }
    }

    fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }

    fn once(self, key: String) -> Self {
        Self { once: Some(key), ..self }
    }

    fn into_problem(self) -> Problem {
        let Self { rule, place, message, hint, .. } = self;
        Problem { code: rule.code, severity: rule.severity, place, message, hint }
    }
}

/// The time that an expression stands for, in milliseconds since 1970.
pub(super) fn time_of(part: &cedar_policy_core::ast::Expr) -> Option<i64> {
    if let Some(known::Value::Number(ms)) = known::value(part) { Some(ms) } else { None }
}

/// Looks at policies that were compiled from `sources` with `model`.
#[must_use]
pub fn lint(policies: &Policies, sources: &[Source], model: &Model, looked: &Looked<'_>) -> Vec<Problem> {
    let (named, subjects) = subject::all(policies, sources);
    let mut found = Vec::new();
    for one in &subjects {
        let Some(source) = sources.get(one.source) else { continue };
        checks::truths(one, source, looked.now_ms, &mut found);
        checks::pathway(one, &mut found);
        checks::arithmetic(one, source, &mut found);
        checks::tenant_unscoped(one, &mut found);
        checks::untested(one, looked.tested, &mut found);
        checks::in_shadow(one, &mut found);
        reach::sets_nothing(model, one, &mut found);
    }
    names::templates(&named, &subjects, &mut found);
    // What decides nothing covers nothing, and nothing is covered by it.
    let subjects: Vec<Subject> = subjects.into_iter().filter(|one| !one.shadow).collect();
    checks::wide(&subjects, &mut found);
    cover::check(&subjects, &mut found);
    reach::check(model, &subjects, &mut found);
    names::classes(model, &subjects, &mut found);
    names::roles(looked, &subjects, &mut found);
    allow::apply(&named, sources, &looked.not_looked_at(), &mut found);
    found.retain(|finding| !looked.left_out.iter().any(|code| code == finding.rule.code));
    found.sort_by(|a, b| (&a.place, a.rule.code, &a.message).cmp(&(&b.place, b.rule.code, &b.message)));
    let mut told = BTreeSet::new();
    found.retain(|finding| finding.once.as_ref().is_none_or(|key| told.insert(key.clone())));
    let mut problems: Vec<Problem> = found.into_iter().map(Finding::into_problem).collect();
    // Links of one template say the same of what stands in it.
    problems.dedup();
    problems
}
