//! Policies that change nothing, because another one says all that they say.
//!
//! Each policy is only compared with those whose scope could be wider: there are few kinds of those, and an index finds
//! them. Never: compares a policy with more than a bounded number of others.

use std::collections::HashMap;

use cedar_policy_core::ast::EntityType;
use cedar_policy_core::ast::EntityUID;
use cedar_policy_core::ast::Expr;
use cedar_policy_core::ast::PrincipalOrResourceConstraint as Constraint;

use crate::limits;

use super::super::Effect;
use super::Finding;
use super::known::Known;
use super::rules;
use super::subject::Subject;
use super::within;

/// A scope, as something to look up.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Scope {
    Any,
    Is(EntityType),
    In(EntityUID),
    IsIn(EntityType, EntityUID),
    Eq(EntityUID),
}

impl Scope {
    fn of(constraint: &Constraint) -> Self {
        let uid = constraint.get_euid().map(|uid| EntityUID::clone(uid));
        match (constraint, uid) {
            (Constraint::Is(kind), _) => Self::Is(kind.as_ref().clone()),
            (Constraint::In(_), Some(uid)) => Self::In(uid),
            (Constraint::IsIn(kind, _), Some(uid)) => Self::IsIn(kind.as_ref().clone(), uid),
            (Constraint::Eq(_), Some(uid)) => Self::Eq(uid),
            (Constraint::Any | Constraint::In(_) | Constraint::IsIn(_, _) | Constraint::Eq(_), _) => {
                Self::Any
            }
        }
    }

    /// Every scope that certainly lets in all that this one does, itself among them.
    fn covered_by(&self) -> Vec<Self> {
        let mut all = vec![Self::Any];
        match self {
            Self::Any => {}
            Self::Is(kind) => all.push(Self::Is(kind.clone())),
            Self::In(uid) => all.extend(within::and_around(uid).into_iter().map(Self::In)),
            Self::IsIn(kind, uid) => {
                all.push(Self::Is(kind.clone()));
                for uid in within::and_around(uid) {
                    all.extend([Self::In(uid.clone()), Self::IsIn(kind.clone(), uid)]);
                }
            }
            Self::Eq(uid) => {
                all.extend([Self::Eq(uid.clone()), Self::Is(uid.entity_type().clone())]);
                for outer in within::and_around(uid) {
                    all.extend([Self::In(outer.clone()), Self::IsIn(uid.entity_type().clone(), outer)]);
                }
            }
        }
        all
    }
}

/// Every policy that changes nothing.
pub(super) fn check(subjects: &[Subject], found: &mut Vec<Finding>) {
    let mut by_scope: HashMap<(Scope, Scope), Vec<usize>> = HashMap::new();
    for (at, one) in subjects.iter().enumerate() {
        by_scope.entry((Scope::of(one.principal()), Scope::of(one.resource()))).or_default().push(at);
    }
    for (at, one) in subjects.iter().enumerate() {
        let (principals, resources) =
            (Scope::of(one.principal()).covered_by(), Scope::of(one.resource()).covered_by());
        let keys = principals.iter().flat_map(|p| resources.iter().map(|r| (p.clone(), r.clone())));
        let wider = keys.filter_map(|key| by_scope.get(&key)).flatten().copied();
        let wider: Vec<usize> =
            wider.filter(|other| *other != at).take(limits::LINT_COMPARISONS_MAX).collect();
        found.extend(changes_nothing(subjects, at, one, &wider));
    }
}

fn changes_nothing(subjects: &[Subject], at: usize, one: &Subject, wider: &[usize]) -> Option<Finding> {
    let holds = holding(one);
    let others = wider.iter().filter_map(|other| Some((*other, subjects.get(*other)?)));
    for (other, candidate) in others {
        if one.actions.is_none() || !one.actions.is_within(candidate.actions) || !reaches(candidate, one) {
            continue;
        }
        let place = &candidate.place;
        let there = format!("`{}` in `{}`, line {}", candidate.id, place.file, place.line);
        if one.effect == Effect::Permit
            && candidate.effect == Effect::Forbid
            && candidate.condition().is_none()
        {
            let message = format!("`{}` allows nothing: {there} forbids all of it", one.id);
            return Some(
                Finding::of(&rules::ALWAYS_FORBIDDEN, one, message)
                    .hint("give the forbid a condition, or take this permit out"),
            );
        }
        let alike = one.effect == candidate.effect
            && one.mask == candidate.mask
            && one.is_pathway == candidate.is_pathway
            && follows(&holds, candidate);
        // Of two that say the same, the later one is told.
        let first = other < at || !(reaches(one, candidate) && is_mutual(one, candidate));
        if alike && first {
            let message = format!("`{}` changes nothing: {there} says all that it says", one.id);
            return Some(
                Finding::of(&rules::COVERED, one, message)
                    .hint("take this one out, or make the other narrower"),
            );
        }
    }
    None
}

/// Does it hold wherever the loader lets the other one hold?
fn reaches(wider: &Subject, one: &Subject) -> bool {
    wider.confined_to.iter().all(|outer| one.confined_to.iter().any(|inner| inner.is_within(outer)))
}

/// Do they cover each other? Their scopes do where they are equal.
fn is_mutual(a: &Subject, b: &Subject) -> bool {
    a.principal() == b.principal()
        && a.resource() == b.resource()
        && b.actions.is_within(a.actions)
        && follows(&holding(b), a)
}

/// What is known where a policy applies.
fn holding(one: &Subject) -> (Known, Vec<&Expr>) {
    let parts = one.parts();
    let mut known = one.known();
    parts.iter().for_each(|part| known.take(part, true));
    (known, parts)
}

/// Does all that the other one asks for follow from what is known?
fn follows((known, parts): &(Known, Vec<&Expr>), other: &Subject) -> bool {
    // Of a policy that never applies everything would follow; that is told by itself.
    !known.is_impossible()
        && other.parts().into_iter().all(|asked| {
            parts.iter().any(|part| part.eq_shape(asked)) || known.and(asked, false).is_impossible()
        })
}
