//! Which of a request's entities a condition looks into, told from how it gets to them.
//!
//! A request brings a caller, a resource, their tenants, DataKeys, classes and a route, and most policies look into two
//! or three of these. An entity that nobody looks into need not be there: comparing it by name is all that is left, and
//! a name needs no entity. So a slice is made of what its candidates reach.
//! INVARIANT: an answer on what is reached is the answer on the whole world (`tests::laws`).
//! Never: takes a way that it does not know for one that leads nowhere.

use cedar_policy_core::ast::Expr;
use cedar_policy_core::ast::ExprKind;
use cedar_policy_core::ast::Var;

/// A set of a request's entities.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Reach(u8);

impl Reach {
    /// The principal.
    pub(crate) const CALLER: Self = Self(1);
    /// What the question is about: the resource, or a field of one class.
    pub(crate) const RESOURCE: Self = Self(1 << 1);
    pub(crate) const ACTION: Self = Self(1 << 2);
    /// Who acts for the principal.
    pub(crate) const ACTORS: Self = Self(1 << 3);
    /// The tenants of both, and those at their boundaries.
    pub(crate) const TENANTS: Self = Self(1 << 4);
    /// The DataKey of the question, and those of the tenants.
    pub(crate) const KEYS: Self = Self(1 << 5);
    pub(crate) const ROUTE: Self = Self(1 << 6);
    /// The class of the question's field.
    pub(crate) const CLASS: Self = Self(1 << 7);
    pub(crate) const ALL: Self = Self(u8::MAX);

    /// Does it have one of these?
    pub(crate) const fn has(self, one: Self) -> bool {
        self.0 & one.0 != 0
    }

    pub(crate) const fn add(&mut self, more: Self) {
        self.0 |= more.0;
    }

    /// What a condition looks into, besides the entities that it names.
    pub(crate) fn of(condition: &Expr) -> Self {
        let mut reach = Self::default();
        for part in condition.subexpressions() {
            if let Some(base) = super::looked_into(part) {
                reach.add(Self::entity(base));
            }
            // `has a.b.c` looks into what `a` and `a.b` lead to as well.
            if let ExprKind::ExtHasAttr { attrs, .. } = part.expr_kind() {
                attrs.iter().rev().skip(1).for_each(|attribute| reach.add(Self::attribute(attribute)));
            }
        }
        reach
    }

    /// The entities that an expression may be.
    fn entity(part: &Expr) -> Self {
        match part.expr_kind() {
            ExprKind::Var(Var::Principal) => Self::CALLER,
            ExprKind::Var(Var::Resource) => Self::RESOURCE,
            ExprKind::Var(Var::Action) => Self::ACTION,
            // A record.
            ExprKind::Var(Var::Context) => Self::default(),
            ExprKind::GetAttr { attr, .. } => Self::attribute(attr),
            // One that is named may be one of the request's own.
            ExprKind::Lit(_)
            | ExprKind::Slot(_)
            | ExprKind::Unknown(_)
            | ExprKind::If { .. }
            | ExprKind::And { .. }
            | ExprKind::Or { .. }
            | ExprKind::UnaryApp { .. }
            | ExprKind::BinaryApp { .. }
            | ExprKind::ExtensionFunctionApp { .. }
            | ExprKind::HasAttr { .. }
            | ExprKind::ExtHasAttr { .. }
            | ExprKind::Like { .. }
            | ExprKind::Is { .. }
            | ExprKind::Set(_)
            | ExprKind::Record(_) => Self::ALL,
        }
    }

    /// The entities that an attribute leads to, whoever has it.
    fn attribute(name: &str) -> Self {
        match name {
            "tenant" | "boundary" => Self::TENANTS,
            "dataKey" => Self::KEYS,
            "route" => Self::ROUTE,
            "class" => Self::CLASS,
            "actor" => Self::ACTORS,
            _ => Self::ALL,
        }
    }
}
