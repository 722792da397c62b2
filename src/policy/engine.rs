//! The narrow door to Cedar's evaluator: rules made ready once per snapshot, and one function that evaluates them.
//!
//! Cedar's own authorizer builds each policy's scope expression again for every request, evaluates every policy, and
//! goes on as if a policy that errors were not there. Here the expression is built once, only a request's
//! candidates are evaluated, and errors are handed back so that the caller refuses.
//! INVARIANT: same permits, forbids and errors as `cedar_policy::Authorizer` (`tests::laws`, `tests::corpus`).
//! Never: decides; `ask` does. Only this module and those below it name the types of cedar-policy-core's evaluator,
//! which is published without a promise of stability and therefore pinned.

pub(super) mod context;
pub(super) mod entities;
pub(super) mod index;
pub(super) mod memory;
pub(super) mod parts;
pub(super) mod reach;
pub(super) mod reads;

use std::sync::Arc;

use cedar_policy_core::ast::ActionConstraint;
use cedar_policy_core::ast::BinaryOp;
use cedar_policy_core::ast::Effect;
use cedar_policy_core::ast::Entity;
use cedar_policy_core::ast::EntityUID;
use cedar_policy_core::ast::Expr;
use cedar_policy_core::ast::ExprKind;
use cedar_policy_core::ast::Literal;
use cedar_policy_core::ast::PrincipalOrResource;
use cedar_policy_core::ast::PrincipalOrResourceConstraint;
use cedar_policy_core::ast::Request;
use cedar_policy_core::ast::SlotEnv;
use cedar_policy_core::ast::Template;
use cedar_policy_core::ast::ValueKind;
use cedar_policy_core::ast::Var;
use cedar_policy_core::entities::Entities;
use cedar_policy_core::evaluator::Evaluator;
use cedar_policy_core::extensions::Extensions;

use context::Functions;
use index::Key;
use reach::Reach;
use reads::Reads;

/// One policy, ready to be evaluated.
#[derive(Debug)]
pub(super) struct Rule {
    effect: Effect,
    action: ActionConstraint,
    /// Scope and condition, without the action: a rule is only evaluated for actions that it applies to.
    condition: Expr,
    /// What it reads of the context; nothing where it does not.
    reads: Option<Reads>,
    /// Which of the request's entities it looks into.
    reach: Reach,
    /// What the index files it under: principal and resource.
    keys: (Key, Key),
    /// The entities that the condition names and looks into.
    looks_into: Box<[EntityUID]>,
    /// To which of the actions it applies, a bit for each in their order.
    actions: u32,
}

/// What a list of rules says about one request.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Outcome {
    pub(super) permits: Vec<u32>,
    pub(super) forbids: Vec<u32>,
    pub(super) errors: Vec<u32>,
}

impl Outcome {
    /// Adds what further rules say; the numbers stay in order.
    pub(super) fn merge(&mut self, more: Self) {
        for (all, more) in [
            (&mut self.permits, more.permits),
            (&mut self.forbids, more.forbids),
            (&mut self.errors, more.errors),
        ] {
            all.extend(more);
            all.sort_unstable();
        }
    }
}

impl Rule {
    /// Makes a policy ready. Its slots must be filled. It will be asked whether it applies to one of these actions.
    pub(super) fn of(template: &Template, functions: &Functions, actions: &[Arc<Entity>]) -> Self {
        let scopes = [
            scope(template.principal_constraint().as_inner(), PrincipalOrResource::Principal),
            scope(template.resource_constraint().as_inner(), PrincipalOrResource::Resource),
            template.non_scope_constraints().cloned(),
        ];
        // `principal && (resource && rest)`: a scope on concrete entities cannot error, so the rest is only looked at
        // where the scope fits, as in Cedar.
        let condition = scopes.into_iter().flatten().rev().reduce(|rest, scope| Expr::and(scope, rest));
        let condition = condition.unwrap_or_else(|| Expr::val(true));
        let is_context = |part: &Expr| matches!(part.expr_kind(), ExprKind::Var(Var::Context));
        let reads = condition.subexpressions().any(is_context).then(|| Reads::of(&condition, functions));
        let (effect, action) = (template.effect(), template.action_constraint().clone());
        let keys = index::keys(template);
        let bases = condition.subexpressions().filter_map(looked_into);
        let looks_into = bases.flat_map(Expr::subexpressions).filter_map(named).cloned().collect();
        let reach = Reach::of(&condition);
        let mut made = Self { effect, action, condition, reads, reach, keys, looks_into, actions: 0 };
        let applies = |(at, action): (u32, &Arc<Entity>)| u32::from(made.applies_to(action)) << at;
        made.actions = (0..u32::BITS).zip(actions).map(applies).sum();
        made
    }

    /// Does the scope let this action in?
    pub(super) fn applies_to(&self, action: &Entity) -> bool {
        match &self.action {
            ActionConstraint::Any => true,
            ActionConstraint::Eq(uid) => action.uid() == &**uid,
            ActionConstraint::In(uids) => {
                uids.iter().any(|uid| action.uid() == &**uid || action.is_descendant_of(uid))
            }
        }
    }

    /// Does it mean this action by its name? A forbid of all actions does: it may forbid more than was meant.
    pub(super) fn names(&self, action: &Entity) -> bool {
        match (&self.action, self.effect) {
            (ActionConstraint::Any, effect) => effect == Effect::Forbid,
            (ActionConstraint::Eq(uid), _) => action.uid() == &**uid,
            (ActionConstraint::In(uids), _) => uids.iter().any(|uid| action.uid() == &**uid),
        }
    }

    /// Does it apply to the action of this number?
    pub(super) fn applies_to_number(&self, action: usize) -> bool {
        u32::try_from(action).is_ok_and(|action| self.actions.checked_shr(action).unwrap_or(0) & 1 == 1)
    }

    /// What the index files it under: principal and resource.
    pub(super) fn keys(&self) -> (&Key, &Key) {
        (&self.keys.0, &self.keys.1)
    }

    /// What of the context its answer may depend on, if it may.
    pub(super) fn reads(&self) -> Option<&Reads> {
        self.reads.as_ref()
    }

    /// Which of the request's entities it looks into; they must be in the slice.
    pub(super) const fn reach(&self) -> Reach {
        self.reach
    }

    /// The entities that the condition names and looks into; they must be in the slice.
    pub(super) fn looks_into(&self) -> &[EntityUID] {
        &self.looks_into
    }
}

/// The entity that an expression is the name of.
pub(super) fn named(part: &Expr) -> Option<&EntityUID> {
    if let ExprKind::Lit(Literal::EntityUID(uid)) = part.expr_kind() { Some(uid) } else { None }
}

fn scope(constraint: &PrincipalOrResourceConstraint, of: PrincipalOrResource) -> Option<Expr> {
    (*constraint != PrincipalOrResourceConstraint::Any).then(|| constraint.as_expr(of))
}

/// The part of an expression whose entity it looks into, for its attributes, tags or ancestors.
fn looked_into(part: &Expr) -> Option<&Expr> {
    match part.expr_kind() {
        ExprKind::GetAttr { expr, .. }
        | ExprKind::HasAttr { expr, .. }
        | ExprKind::ExtHasAttr { expr, .. } => Some(expr),
        ExprKind::BinaryApp { op: BinaryOp::In | BinaryOp::GetTag | BinaryOp::HasTag, arg1, .. } => {
            Some(arg1)
        }
        // Every other kind is listed, so that a new one in Cedar must be looked at here.
        ExprKind::BinaryApp { .. }
        | ExprKind::Lit(_)
        | ExprKind::Var(_)
        | ExprKind::Slot(_)
        | ExprKind::Unknown(_)
        | ExprKind::If { .. }
        | ExprKind::And { .. }
        | ExprKind::Or { .. }
        | ExprKind::UnaryApp { .. }
        | ExprKind::ExtensionFunctionApp { .. }
        | ExprKind::Like { .. }
        | ExprKind::Is { .. }
        | ExprKind::Set(_)
        | ExprKind::Record(_) => None,
    }
}

/// Evaluates rules that apply to the request's action. Their numbers come back in the order given.
pub(super) fn evaluate<'r>(
    request: Request,
    entities: &Entities,
    rules: impl Iterator<Item = (u32, &'r Rule)>,
) -> Outcome {
    let evaluator = Evaluator::new(request, entities, Extensions::all_available());
    let slots = SlotEnv::new();
    let mut outcome = Outcome::default();
    for (number, rule) in rules {
        let value = evaluator.interpret(&rule.condition, &slots);
        match (value.map(|value| value.value), rule.effect) {
            (Ok(ValueKind::Lit(Literal::Bool(false))), _) => {}
            (Ok(ValueKind::Lit(Literal::Bool(true))), Effect::Permit) => outcome.permits.push(number),
            (Ok(ValueKind::Lit(Literal::Bool(true))), Effect::Forbid) => outcome.forbids.push(number),
            (Ok(_) | Err(_), _) => outcome.errors.push(number),
        }
    }
    outcome
}
