//! What the rules look at: each policy as its author wrote it, with its links filled in, and what the loader knows of it.
//!
//! Never: shows a rule the guard that the loader adds; what a rule finds is for the author.

use cedar_policy_core::ast::EntityUID;
use cedar_policy_core::ast::Expr;
use cedar_policy_core::ast::PrincipalOrResourceConstraint as Constraint;
use cedar_policy_core::ast::Template;
use cedar_policy_core::ast::Var;

use crate::ids::Action;
use crate::ids::TenantPath;
use crate::problem::Place;

use super::super::Effect;
use super::super::Policies;
use super::super::Source;
use super::super::guard::Guard;
use super::super::links;
use super::super::parse;
use super::super::parse::Named;
use super::known::Known;
use super::truth;

/// A set of actions, `reveal` and `write` (to set a class) among them: one bit each, in the order of [`Action::ALL`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Actions(u16);

/// The bit of `reveal`, after those of all others.
const REVEAL: u16 = 1 << Action::ALL.len();
/// The bit of `write`, after that.
const WRITE: u16 = REVEAL << 1;

impl Actions {
    pub(super) fn one(action: Action) -> Self {
        Self(Action::ALL.iter().position(|one| *one == action).map_or(0, |at| 1 << at))
    }

    pub(super) const fn reveal() -> Self {
        Self(REVEAL)
    }

    pub(super) const fn write() -> Self {
        Self(WRITE)
    }

    pub(super) const fn and(self, more: Self) -> Self {
        Self(self.0 | more.0)
    }

    pub(super) const fn is_within(self, other: Self) -> bool {
        self.0 & !other.0 == 0
    }

    pub(super) const fn meets(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    pub(super) const fn is_none(self) -> bool {
        self.0 == 0
    }

    /// Their names.
    pub(super) fn names(self) -> Vec<&'static str> {
        let all =
            Action::ALL.map(Action::as_str).into_iter().chain([super::super::REVEAL, super::super::WRITE]);
        all.enumerate().filter(|(at, _)| self.0 >> at & 1 == 1).map(|(_, name)| name).collect()
    }
}

/// One policy, or one link of a template.
#[derive(Debug)]
pub(super) struct Subject {
    pub(super) id: String,
    /// Where its `@id` stands, or the link.
    pub(super) place: Place,
    /// Which source its text stands in; of a link, the template's.
    pub(super) source: usize,
    /// Which policy as written it is, or is a link of.
    pub(super) named: usize,
    /// As written, slots filled.
    pub(super) template: Template,
    pub(super) effect: Effect,
    pub(super) is_pathway: bool,
    /// Any mask that it brings along.
    pub(super) mask: Option<String>,
    /// The tenants that the loader confines it to.
    pub(super) confined_to: Vec<TenantPath>,
    pub(super) actions: Actions,
    /// Does its scope mean `write` as the group of calls that change data?
    pub(super) by_group: bool,
    /// Is it in shadow mode? Then it says nothing of what others can do.
    pub(super) shadow: bool,
}

impl Subject {
    pub(super) fn condition(&self) -> Option<&Expr> {
        self.template.non_scope_constraints()
    }

    pub(super) fn principal(&self) -> &Constraint {
        self.template.principal_constraint().as_inner()
    }

    pub(super) fn resource(&self) -> &Constraint {
        self.template.resource_constraint().as_inner()
    }

    /// The parts of the condition of which all must hold.
    pub(super) fn parts(&self) -> Vec<&Expr> {
        let mut parts = Vec::new();
        if let Some(condition) = self.condition() {
            truth::all(condition, &mut parts);
        }
        parts
    }

    /// What is known once the scope fits and the loader's confinement holds.
    pub(super) fn known(&self) -> Known {
        let mut known = Known::default();
        for tenant in &self.confined_to {
            if let Ok(key) = EntityUID::with_eid_and_type("DataKey", tenant.as_str()) {
                known.take(&Expr::is_in(Expr::var(Var::Resource), Expr::val(key)), true);
            }
        }
        for (scope, of) in [(self.principal(), Var::Principal), (self.resource(), Var::Resource)] {
            let of = || Expr::var(of);
            let uid = || scope.get_euid().map(|uid| EntityUID::clone(uid));
            match scope {
                Constraint::Any => {}
                Constraint::Eq(_) => {
                    uid().into_iter().for_each(|uid| known.take(&Expr::is_eq(of(), Expr::val(uid)), true));
                }
                Constraint::In(_) => {
                    uid().into_iter().for_each(|uid| known.take(&Expr::is_in(of(), Expr::val(uid)), true));
                }
                Constraint::Is(kind) => known.take(&Expr::is_entity_type(of(), kind.as_ref().clone()), true),
                Constraint::IsIn(kind, _) => {
                    known.take(&Expr::is_entity_type(of(), kind.as_ref().clone()), true);
                    uid().into_iter().for_each(|uid| known.take(&Expr::is_in(of(), Expr::val(uid)), true));
                }
            }
        }
        known
    }
}

/// Every policy as written, and the subjects that the rules look at: templates only by their links.
pub(super) fn all(policies: &Policies, sources: &[Source]) -> (Vec<Named>, Vec<Subject>) {
    // These have been checked, so that there is nothing to report.
    let mut unheard = Vec::new();
    let named = parse::all(sources, &mut unheard);
    let links = links::all(sources, &named, &mut unheard);
    let policies = policies.with_shadow().map_or(policies, |all| &**all);
    let mut subjects = Vec::new();
    for (at, one) in named.iter().enumerate().filter(|(_, one)| one.template.is_static()) {
        let Some(source) = sources.get(one.source) else { continue };
        let place = one.place.clone();
        let confined_to = source.confined_to.iter().cloned().collect();
        subjects.push(subject(policies, at, one, one.template.clone(), place, confined_to));
    }
    for link in &links {
        let Some(one) = named.get(link.template) else { continue };
        let folders = [one.source, link.source].map(|source| sources.get(source)?.confined_to.clone());
        let confined_to = folders.into_iter().flatten().collect();
        let filled = link.fill(&one.template);
        subjects.push(subject(policies, link.template, one, filled, link.place.clone(), confined_to));
    }
    subjects.sort_by(|a, b| a.id.cmp(&b.id));
    (named, subjects)
}

fn subject(
    policies: &Policies,
    at: usize,
    one: &Named,
    template: Template,
    place: Place,
    confined_to: Vec<TenantPath>,
) -> Subject {
    let id = template.id().to_string();
    let by_group = Guard::of_calls(&template, &policies.checker.actions).parts() > 0;
    Subject {
        place,
        source: one.source,
        named: at,
        effect: if one.is_forbid() { Effect::Forbid } else { Effect::Permit },
        is_pathway: one.pathway.is_some(),
        mask: one.mask.as_ref().map(ToString::to_string),
        confined_to,
        actions: actions(policies, &id, by_group),
        by_group,
        shadow: one.shadow,
        id,
        template,
    }
}

/// The actions that a policy's scope lets in.
fn actions(policies: &Policies, id: &str, by_group: bool) -> Actions {
    let Some(compiled) = policies.find(id).and_then(|policy| policies.one(policy)) else {
        return Actions::default();
    };
    let (world, rule) = (&policies.world, &compiled.rule);
    let mut actions = Actions::default();
    for action in Action::ALL {
        if world.asking(action).is_some_and(|asking| rule.applies_to(&asking.entity)) {
            actions = actions.and(Actions::one(action));
        }
    }
    if rule.applies_to(&world.reveal().entity) {
        actions = actions.and(Actions::reveal());
    }
    // A scope that means `write` as a group says nothing about who may set a class.
    if rule.applies_to(&world.write().entity) && !by_group { actions.and(Actions::write()) } else { actions }
}
