//! Which policies can apply at all, found by the principal and the resource of a request.
//!
//! A policy is filed under what its scope says of each of the two. A request looks up what fits its principal and its
//! resource, and the policies filed under a fitting pair are its candidates. What the policies of other pairs would say
//! is known: nothing. A scope stands before the condition and is true or false, it cannot err; so a policy whose scope does
//! not fit gives neither a reason nor an error (the theorem `isAuthorized_eq_for_scope_based_policy_slice` of Cedar's
//! model in Lean says so of Cedar itself). A condition that begins as a scope would, with `resource in DataKey::"…"`
//! (as the guard of a tenant's folder does) or `principal == …`, is filed under that as well, for the same reason.
//! INVARIANT: every policy that could say anything is a candidate (`tests::laws`, `tests::kept`).
//! Never: looks past the first part of a condition that could err.

use std::collections::HashMap;

use cedar_policy_core::ast::BinaryOp;
use cedar_policy_core::ast::Entity;
use cedar_policy_core::ast::EntityReference;
use cedar_policy_core::ast::EntityType;
use cedar_policy_core::ast::EntityUID;
use cedar_policy_core::ast::Expr;
use cedar_policy_core::ast::ExprKind;
use cedar_policy_core::ast::PrincipalOrResourceConstraint;
use cedar_policy_core::ast::Template;
use cedar_policy_core::ast::Var;

use crate::policy::guard;

/// Under what a policy is filed in one of the two dimensions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Key {
    /// Whatever it is.
    Any,
    /// An entity of this type.
    Is(EntityType),
    /// This entity.
    Eq(EntityUID),
    /// This entity, or one within it.
    In(EntityUID),
}

impl Key {
    /// What a scope says. Where it says a type and a place, the place finds fewer; the type is looked at when the policy
    /// is evaluated.
    pub(crate) fn of(scope: &PrincipalOrResourceConstraint) -> Self {
        let named = |at: &EntityReference, key: fn(EntityUID) -> Self| match at {
            EntityReference::EUID(uid) => key((**uid).clone()),
            // No rule has an empty slot. If one had, it must be looked at.
            EntityReference::Slot(_) => Self::Any,
        };
        match scope {
            PrincipalOrResourceConstraint::Any => Self::Any,
            PrincipalOrResourceConstraint::Is(of) => Self::Is((**of).clone()),
            PrincipalOrResourceConstraint::Eq(at) => named(at, Self::Eq),
            PrincipalOrResourceConstraint::In(at) | PrincipalOrResourceConstraint::IsIn(_, at) => {
                named(at, Self::In)
            }
        }
    }

    /// How few it finds.
    const fn rank(&self) -> u8 {
        match self {
            Self::Any => 0,
            Self::Is(_) => 1,
            Self::In(_) => 2,
            Self::Eq(_) => 3,
        }
    }
}

/// What a policy is filed under: principal and resource, each by what finds fewest. Its slots must be filled.
pub(crate) fn keys(template: &Template) -> (Key, Key) {
    let mut principal = Key::of(template.principal_constraint().as_inner());
    let mut resource = Key::of(template.resource_constraint().as_inner());
    // The parts of a conjunction in the order in which they are looked at: the next one always lies on top.
    let mut parts: Vec<&Expr> = template.non_scope_constraints().into_iter().collect();
    while let Some(part) = parts.pop() {
        if let ExprKind::And { left, right } = part.expr_kind() {
            parts.extend([&**right, &**left]);
            continue;
        }
        if is_own(part) {
            continue;
        }
        let Some((of, key)) = test(part) else { break };
        let dimension = match of {
            Var::Principal => &mut principal,
            Var::Resource => &mut resource,
            Var::Action | Var::Context => break,
        };
        if key.rank() > dimension.rank() {
            *dimension = key;
        }
    }
    (principal, resource)
}

/// The guard's `resource in principal.dataKey`. It cannot err: there is no caller without a DataKey.
fn is_own(part: &Expr) -> bool {
    let ExprKind::BinaryApp { op: BinaryOp::In, arg1, arg2 } = part.expr_kind() else { return false };
    let ExprKind::GetAttr { expr, attr } = arg2.expr_kind() else { return false };
    matches!(arg1.expr_kind(), ExprKind::Var(Var::Resource))
        && matches!(expr.expr_kind(), ExprKind::Var(Var::Principal))
        && *attr == guard::OWN
}

/// A part of a condition that says what a scope could say: true or false of any entity, and never an error.
fn test(part: &Expr) -> Option<(Var, Key)> {
    let of = |expr: &Expr| if let ExprKind::Var(of) = expr.expr_kind() { Some(*of) } else { None };
    if let ExprKind::Is { expr, entity_type } = part.expr_kind() {
        return Some((of(expr)?, Key::Is(entity_type.clone())));
    }
    let ExprKind::BinaryApp { op, arg1, arg2 } = part.expr_kind() else { return None };
    let uid = super::named(arg2)?.clone();
    if *op == BinaryOp::In {
        Some((of(arg1)?, Key::In(uid)))
    } else if *op == BinaryOp::Eq {
        Some((of(arg1)?, Key::Eq(uid)))
    } else {
        None
    }
}

/// All keys of one dimension, each with its number.
#[derive(Debug, Default)]
pub(crate) struct Keys {
    any: Option<u32>,
    is: HashMap<EntityType, u32>,
    eq: HashMap<EntityUID, u32>,
    within: HashMap<EntityUID, u32>,
    count: u32,
}

impl Keys {
    fn number(&mut self, key: &Key) -> u32 {
        let next = self.count;
        // Most are known: only a new one is worth a copy.
        let known = match key {
            Key::Any => self.any,
            Key::Is(of) => self.is.get(of).copied(),
            Key::Eq(uid) => self.eq.get(uid).copied(),
            Key::In(uid) => self.within.get(uid).copied(),
        };
        if let Some(number) = known {
            return number;
        }
        match key {
            Key::Any => self.any = Some(next),
            Key::Is(of) => drop(self.is.insert(of.clone(), next)),
            Key::Eq(uid) => drop(self.eq.insert(uid.clone(), next)),
            Key::In(uid) => drop(self.within.insert(uid.clone(), next)),
        }
        self.count = next.saturating_add(1);
        next
    }

    /// The numbers of the keys that fit an entity. It must have all its ancestors.
    pub(crate) fn fitting(&self, entity: &Entity) -> Box<[u32]> {
        let uid = entity.uid();
        let one = [self.any, self.is.get(uid.entity_type()).copied(), self.eq.get(uid).copied()];
        let within = std::iter::once(uid).chain(entity.ancestors());
        let within = within.filter_map(|uid| self.within.get(uid).copied());
        one.into_iter().flatten().chain(within).collect()
    }
}

/// The keys of both dimensions, the same for every action.
#[derive(Debug, Default)]
pub(crate) struct Index {
    pub(crate) principals: Keys,
    pub(crate) resources: Keys,
}

impl Index {
    /// The numbers of the keys that a policy is filed under.
    pub(crate) fn file(&mut self, (principal, resource): (&Key, &Key)) -> (u32, u32) {
        (self.principals.number(principal), self.resources.number(resource))
    }
}

/// The policies that apply to one action, by the numbers of the keys that each is filed under.
#[derive(Debug)]
pub(crate) struct Cells {
    /// Where those of each key of the principal begin; the last one ends where all end.
    starts: Box<[u32]>,
    /// Under which key of the resource, and the policy; sorted within each run.
    filed: Box<[(u32, u32)]>,
}

impl Cells {
    /// Files policies, each under the numbers of its keys.
    pub(crate) fn of(policies: impl Iterator<Item = ((u32, u32), u32)>) -> Self {
        let mut all: Vec<(u32, u32, u32)> =
            policies.map(|((principal, resource), policy)| (principal, resource, policy)).collect();
        all.sort_unstable();
        let mut starts = Vec::new();
        for (at, (principal, ..)) in (0_u32..).zip(&all) {
            // Keys that nothing is filed under begin where the next one does.
            while starts.len() <= usize::try_from(*principal).unwrap_or(usize::MAX) {
                starts.push(at);
            }
        }
        starts.push(u32::try_from(all.len()).unwrap_or(u32::MAX));
        let filed = all.into_iter().map(|(_, resource, policy)| (resource, policy)).collect();
        Self { starts: starts.into(), filed }
    }

    /// The candidates of a request, in order.
    pub(crate) fn candidates(&self, principals: &[u32], resources: &[u32]) -> Vec<u32> {
        // Most requests have fewer.
        let mut found = Vec::with_capacity(16);
        for run in principals.iter().filter_map(|principal| self.run(*principal)) {
            for resource in resources {
                let rest = run.get(run.partition_point(|one| one.0 < *resource)..).unwrap_or_default();
                found.extend(rest.iter().take_while(|one| one.0 == *resource).map(|one| one.1));
            }
        }
        found.sort_unstable();
        found
    }

    /// Those filed under one key of the principal; nothing where there are none.
    fn run(&self, principal: u32) -> Option<&[(u32, u32)]> {
        let at = usize::try_from(principal).ok()?;
        let bound = |at: usize| usize::try_from(*self.starts.get(at)?).ok();
        self.filed.get(bound(at)?..bound(at + 1)?).filter(|run| !run.is_empty())
    }
}
