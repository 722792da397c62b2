//! The guard: what the loader adds to a policy so that tenants are apart whatever its author wrote.
//!
//! A `permit` that is no pathway applies within the caller's own DataKey only. A policy from a tenant's folder, permit
//! or forbid, pathway or not, applies within that tenant's DataKey only. Both stand before the author's condition, so
//! that a condition which errors is not even looked at elsewhere.
//! Never: takes anything away from a policy, or makes a permit wider.

use std::sync::Arc;

use cedar_policy_core::ast::Effect;
use cedar_policy_core::ast::EntityReference;
use cedar_policy_core::ast::EntityUID;
use cedar_policy_core::ast::Expr;
use cedar_policy_core::ast::ExprKind;
use cedar_policy_core::ast::PrincipalOrResourceConstraint;
use cedar_policy_core::ast::Template;
use cedar_policy_core::ast::Var;

use crate::ids::DataKey;
use crate::ids::TenantPath;

/// The attribute that says which data is a caller's own. The schema must have it.
pub(super) const OWN: &str = "dataKey";

/// What is added to one policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Guard {
    /// Within the caller's own DataKey.
    own: bool,
    /// Within this tenant's DataKey.
    confined_to: Option<TenantPath>,
}

impl Guard {
    pub(super) fn of(effect: Effect, is_pathway: bool, confined_to: Option<&TenantPath>) -> Self {
        let own = match effect {
            Effect::Permit => !is_pathway,
            Effect::Forbid => false,
        };
        Self { own, confined_to: confined_to.cloned() }
    }

    /// How many parts it puts in front of a condition.
    pub(super) fn parts(&self) -> usize {
        usize::from(self.own) + usize::from(self.confined_to.is_some())
    }

    /// The same policy with the guard in front of its condition.
    pub(super) fn put_before(&self, template: &Template) -> Template {
        let rest = template.non_scope_constraints_arc().map(Arc::clone);
        // The confinement stands first: it names a place, by which the index finds the policy.
        let condition =
            [self.own.then(own), self.confinement()].into_iter().flatten().fold(rest, |rest, guard| {
                let guard = guard.with_maybe_source_loc(template.loc().cloned());
                Some(Arc::new(match rest {
                    Some(rest) => Expr::and(guard, Arc::unwrap_or_clone(rest)),
                    None => guard,
                }))
            });
        Template::new_shared(
            template.id().clone(),
            template.loc().cloned(),
            Arc::clone(template.annotations_arc()),
            template.effect(),
            template.principal_constraint().clone(),
            template.action_constraint().clone(),
            template.resource_constraint().clone(),
            condition,
        )
    }

    /// The condition as its author wrote it, of a policy that has so many parts of a guard in front; nothing where that is
    /// all there is.
    pub(super) fn behind(template: &Template, parts: usize) -> Option<&Expr> {
        (0..parts).try_fold(template.non_scope_constraints()?, |condition, _| {
            if let ExprKind::And { right, .. } = condition.expr_kind() { Some(&**right) } else { None }
        })
    }

    fn confinement(&self) -> Option<Expr> {
        let key = EntityUID::with_eid_and_type("DataKey", self.confined_to.as_ref()?.as_str()).ok()?;
        Some(Expr::is_in(Expr::var(Var::Resource), Expr::val(key)))
    }
}

fn own() -> Expr {
    Expr::is_in(Expr::var(Var::Resource), Expr::get_attr(Expr::var(Var::Principal), OWN.into()))
}

/// From whom a pathway leads, and to which data.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Crossing {
    pub(super) from: TenantPath,
    pub(super) data: DataKey,
}

/// What the scope of a pathway lacks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lacks {
    /// The tenant that may cross.
    Tenant,
    /// The data that it may reach.
    DataKey,
}

impl Lacks {
    pub(super) const fn message(self) -> &'static str {
        match self {
            Self::Tenant => "a pathway must say in its scope which tenant may cross",
            Self::DataKey => "a pathway must say in its scope which DataKey may be reached",
        }
    }

    pub(super) const fn hint(self) -> &'static str {
        match self {
            Self::Tenant => "write `principal in Tenant::\"…\"` or `principal is User in Tenant::\"…\"`",
            Self::DataKey => "write `resource in DataKey::\"…\"`; a condition in `when` is not enough",
        }
    }
}

/// The crossing that a pathway's scope names; `Ok(None)` where a link has yet to fill it in.
pub(super) fn crossing(template: &Template) -> Result<Option<Crossing>, Vec<Lacks>> {
    let from = named(template.principal_constraint().as_inner(), "Tenant");
    let data = named(template.resource_constraint().as_inner(), "DataKey");
    match (from, data) {
        (Some(from), Some(data)) => {
            let crossing = from.zip(data).map(|(from, data)| {
                Some(Crossing {
                    from: TenantPath::parse(from.eid().as_ref()).ok()?,
                    data: DataKey::parse(data.eid().as_ref()).ok()?,
                })
            });
            Ok(crossing.flatten())
        }
        (from, data) => {
            let lacks = [from.is_none().then_some(Lacks::Tenant), data.is_none().then_some(Lacks::DataKey)];
            Err(lacks.into_iter().flatten().collect())
        }
    }
}

/// The entity of the wanted type that a scope is in; `Some(None)` for a slot that is to hold one.
fn named<'t>(scope: &'t PrincipalOrResourceConstraint, wanted: &str) -> Option<Option<&'t EntityUID>> {
    let (PrincipalOrResourceConstraint::In(at) | PrincipalOrResourceConstraint::IsIn(_, at)) = scope else {
        return None;
    };
    match at {
        EntityReference::Slot(_) => Some(None),
        EntityReference::EUID(uid) => (uid.entity_type().to_string() == wanted).then_some(Some(uid)),
    }
}
