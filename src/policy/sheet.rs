//! One file of policies, read and checked by itself: all that no other file, and nothing of the model, can change.
//!
//! So it is done once for a text under a schema: the next snapshot takes it over where both are as they were.
//! INVARIANT: a sheet follows from its source and its schema alone (`tests::reloading`).
//! Never: looks at another file, or stops at the first problem.

use std::collections::HashMap;
use std::sync::Arc;

use cedar_policy::PolicyId;
use cedar_policy::ValidationResult;
use cedar_policy::ValidationWarning;
use cedar_policy_core::ast::Effect as CedarEffect;
use cedar_policy_core::ast::Entity;
use cedar_policy_core::ast::EntityUID;
use cedar_policy_core::ast::PolicySet;
use cedar_policy_core::ast::Template;
use miette::Diagnostic;

use crate::problem::Place;
use crate::problem::Problem;
use crate::problem::Severity;

use super::Compiled;
use super::Effect;
use super::Source;
use super::engine::Rule;
use super::engine::context::Functions;
use super::guard;
use super::guard::Guard;
use super::names;
use super::parse;
use super::parse::Named;
use super::problems;
use super::schema::Checker;

/// One file of policies and templates.
#[derive(Debug)]
pub(super) struct Sheet {
    pub(super) source: Source,
    /// With their guards, in the order in which they stand.
    pub(super) policies: Vec<Arc<Compiled>>,
    pub(super) templates: Vec<Arc<Named>>,
    /// What they name that the model may have or not, each once.
    pub(super) names: Vec<EntityUID>,
    pub(super) problems: Vec<Problem>,
}

impl Sheet {
    /// Reads and checks a file. Without a schema no types are checked.
    pub(super) fn read(source: &Source, checker: Option<&Checker>, functions: &Functions) -> Self {
        let mut problems = Vec::new();
        let named = parse::one(0, source, &mut problems);
        for one in named.iter().filter(|one| one.pathway.is_some()) {
            problems.extend(open(&one.template, &one.place));
        }
        if let Some(checker) = checker {
            validate(checker, source, &named, &mut problems);
        }
        let names = names::all(named.iter().map(|one| &one.template));
        let (policies, templates): (Vec<Named>, Vec<Named>) =
            named.into_iter().partition(|one| one.template.is_static());
        let actions = checker.map_or(&[][..], |checker| &checker.actions);
        let compiled = |one: Named| {
            let confined_to = source.confined_to.as_ref();
            let guard = Guard::of(&one.template, one.pathway.is_some(), confined_to, actions);
            let template = guard.put_before(&one.template);
            let ready = (functions, actions);
            Arc::new(compiled(template, one.place.clone(), &one, &source.file, guard.parts(), ready))
        };
        Self {
            source: source.clone(),
            policies: policies.into_iter().map(compiled).collect(),
            templates: templates.into_iter().map(Arc::new).collect(),
            names,
            problems,
        }
    }

    /// The ids of its policies and templates with their places, the policies first.
    pub(super) fn ids(&self) -> impl Iterator<Item = (&str, &Place)> {
        let policies = self.policies.iter().map(|one| (one.id(), &one.place));
        policies.chain(self.templates.iter().map(|one| (one.id(), &one.place)))
    }
}

/// A policy that is ready, from its effective form and what was written.
pub(super) fn compiled(
    template: Template,
    place: Place,
    named: &Named,
    text_in: &Arc<str>,
    guards: usize,
    (functions, actions): (&Functions, &[Arc<Entity>]),
) -> Compiled {
    Compiled {
        effect: match template.effect() {
            CedarEffect::Permit => Effect::Permit,
            CedarEffect::Forbid => Effect::Forbid,
        },
        pathway: named.pathway.clone(),
        mask: named.mask.clone(),
        shadow: named.shadow,
        place,
        rule: Rule::of(&template, functions, actions),
        template,
        text_in: Arc::clone(text_in),
        guards,
    }
}

/// What the scope of a pathway lacks.
pub(super) fn open(template: &Template, place: &Place) -> Vec<Problem> {
    let lacks = guard::crossing(template).err().unwrap_or_default().into_iter();
    lacks
        .map(|lacks| Problem::error("pathway-open", place.clone(), lacks.message()).hint(lacks.hint()))
        .collect()
}

/// Cedar's strict validation of policies as written, so that every place is the author's. Of the guard only that stands
/// before it which says what is asked: a policy of calls may read what a field does not have.
fn validate(checker: &Checker, source: &Source, named: &[Named], problems: &mut Vec<Problem>) {
    let mut set = PolicySet::new();
    let mut from: HashMap<&str, &Named> = HashMap::with_capacity(named.len());
    for one in named {
        // Of two with one id the first is looked at; the other is a problem of its own.
        if from.insert(one.id(), one).is_some() {
            continue;
        }
        let template = Guard::of_calls(&one.template, &checker.actions).put_before(&one.template);
        let added = if template.is_static() {
            match Template::try_as_policy(Arc::new(template)) {
                Ok(policy) => set.add(policy).map_err(|error| error.to_string()),
                Err(error) => Err(error.to_string()),
            }
        } else {
            set.add_template(template).map_err(|error| error.to_string())
        };
        problems.extend(added.err().map(|why| Problem::error("policy-id-twice", one.place.clone(), why)));
    }
    let severity = |found: &Named, warning| severity(warning, found.is_forbid());
    let result = check(checker, set);
    for (id, warning, said) in told(&result) {
        let Some(one) = from.get(AsRef::<str>::as_ref(id)) else { continue };
        let (within, severity) = (one.template.loc(), severity(one, warning));
        problems.push(problems::from_cedar("policy-type", severity, source, within, said));
    }
}

/// Cedar's strict validation.
pub(super) fn check(checker: &Checker, set: PolicySet) -> ValidationResult {
    checker.validator.validate(&cedar_policy::PolicySet::from(set), cedar_policy::ValidationMode::Strict)
}

/// All that a validation says, each with the policy that it is about; with a warning comes the warning.
pub(super) fn told(
    result: &ValidationResult,
) -> impl Iterator<Item = (&PolicyId, Option<&ValidationWarning>, &dyn Diagnostic)> {
    let errors = result.validation_errors().map(|error| (error.policy_id(), None, error as &dyn Diagnostic));
    let warnings = result.validation_warnings();
    errors.chain(warnings.map(|said| (said.policy_id(), Some(said), said as &dyn Diagnostic)))
}

/// A `forbid` that can never apply forbids nothing, which its author did not mean: that is an error.
pub(super) fn severity(warning: Option<&ValidationWarning>, is_forbid: bool) -> Severity {
    let useless = matches!(
        warning,
        Some(ValidationWarning::ImpossiblePolicy(_) | ValidationWarning::InvalidActionApplication(_))
    );
    if warning.is_none() || (useless && is_forbid) { Severity::Error } else { Severity::Warning }
}
