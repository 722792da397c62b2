//! The guard: what the loader adds to a policy so that tenants are apart whatever its author wrote.
//!
//! A `permit` that is no pathway applies within the caller's own DataKey only. A policy from a tenant's folder, permit
//! or forbid, pathway or not, applies within that tenant's DataKey only. One whose scope names `Action::"write"` as a group (`action in`) is about calls, and says nothing about who
//! may set a class of data. All of it stands before the author's condition, so that a condition which errors is not even
//! looked at elsewhere.
//! Never: takes anything away from a policy, or makes a permit wider.

use std::sync::Arc;

use cedar_policy_core::ast::ActionConstraint;
use cedar_policy_core::ast::BinaryOp;
use cedar_policy_core::ast::Effect;
use cedar_policy_core::ast::Entity;
use cedar_policy_core::ast::EntityReference;
use cedar_policy_core::ast::EntityUID;
use cedar_policy_core::ast::Expr;
use cedar_policy_core::ast::ExprKind;
use cedar_policy_core::ast::PrincipalOrResourceConstraint;
use cedar_policy_core::ast::Template;
use cedar_policy_core::ast::Var;

use crate::ids::DataKey;
use crate::ids::TenantPath;

use super::REVEAL;
use super::WRITE;
use super::engine;

/// The attribute that says which data is a caller's own. The schema must have it.
pub(super) const OWN: &str = "dataKey";

/// What is added to one policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Guard {
    /// Within the caller's own DataKey.
    own: bool,
    /// Within this tenant's DataKey.
    confined_to: Option<TenantPath>,
    /// Not where it is asked who may set a class: the action of that question, which the scope means as a group.
    of_calls: Option<Arc<Entity>>,
}

impl Guard {
    /// What a policy needs. `actions` are those that Palisade asks for; without them no group is known.
    pub(super) fn of(
        template: &Template,
        is_pathway: bool,
        confined_to: Option<&TenantPath>,
        actions: &[Arc<Entity>],
    ) -> Self {
        let own = match template.effect() {
            Effect::Permit => !is_pathway,
            Effect::Forbid => false,
        };
        let of_calls = Self::of_calls(template, actions).of_calls;
        Self { own, confined_to: confined_to.cloned(), of_calls }
    }

    /// The part that depends on nothing but the policy.
    pub(super) fn of_calls(template: &Template, actions: &[Arc<Entity>]) -> Self {
        let named =
            |name: &str| actions.iter().find(|action| AsRef::<str>::as_ref(action.uid().eid()) == name);
        let write = named(WRITE).filter(|write| {
            let has = |action: &Entity, scope: &[Arc<EntityUID>]| {
                scope.iter().any(|uid| action.uid() == &**uid || action.is_descendant_of(uid))
            };
            match template.action_constraint() {
                ActionConstraint::In(scope) => {
                    has(write, scope) && !named(REVEAL).is_some_and(|reveal| has(reveal, scope))
                }
                // A permit of every action that its condition narrows to the group. A forbid may forbid more than was meant.
                ActionConstraint::Any => {
                    template.effect() == Effect::Permit && tests_group(template, write.uid())
                }
                ActionConstraint::Eq(_) => false,
            }
        });
        Self { own: false, confined_to: None, of_calls: write.cloned() }
    }

    /// What a link adds to that of its template.
    pub(super) fn of_link(confined_to: Option<&TenantPath>) -> Self {
        Self { own: false, confined_to: confined_to.cloned(), of_calls: None }
    }

    /// How many parts it puts in front of a condition.
    pub(super) fn parts(&self) -> usize {
        [self.own, self.confined_to.is_some(), self.of_calls.is_some()].into_iter().map(usize::from).sum()
    }

    /// The same policy with the guard in front of its condition.
    pub(super) fn put_before(&self, template: &Template) -> Template {
        let rest = template.non_scope_constraints_arc().map(Arc::clone);
        // The confinement stands first: it names a place, by which the index finds the policy.
        let condition = [self.calls(), self.own.then(own), self.confinement()].into_iter().flatten().fold(
            rest,
            |rest, guard| {
                let guard = guard.with_maybe_source_loc(template.loc().cloned());
                Some(Arc::new(match rest {
                    Some(rest) => Expr::and(guard, Arc::unwrap_or_clone(rest)),
                    None => guard,
                }))
            },
        );
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

    fn calls(&self) -> Option<Expr> {
        let write = self.of_calls.as_ref()?.uid().clone();
        Some(Expr::noteq(Expr::var(Var::Action), Expr::val(write)))
    }

    fn confinement(&self) -> Option<Expr> {
        let key = EntityUID::with_eid_and_type("DataKey", self.confined_to.as_ref()?.as_str()).ok()?;
        Some(Expr::is_in(Expr::var(Var::Resource), Expr::val(key)))
    }
}

/// Does a condition ask whether the action is in this group?
fn tests_group(template: &Template, group: &EntityUID) -> bool {
    let parts = template.non_scope_constraints().into_iter().flat_map(Expr::subexpressions);
    let tests = parts.filter_map(|part| {
        if let ExprKind::BinaryApp { op: BinaryOp::In, arg1, arg2 } = part.expr_kind() {
            Some((arg1, arg2))
        } else {
            None
        }
    });
    let of_action = tests.filter(|(of, _)| matches!(of.expr_kind(), ExprKind::Var(Var::Action)));
    let names = |all: &Expr| all.subexpressions().filter_map(engine::named).any(|uid| uid == group);
    of_action.into_iter().any(|(_, all)| names(all))
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
