//! Small changes of policies, one at a time: a test that holds a policy notices each of them.
//!
//! Each is given as an edit of the author's text, so that it goes through everything that an edit goes through.
//! Never: changes a policy that is in use.

use std::sync::Arc;

use cedar_policy_core::ast::ActionConstraint;
use cedar_policy_core::ast::Effect;
use cedar_policy_core::ast::Expr;
use cedar_policy_core::ast::ExprKind;
use cedar_policy_core::ast::PrincipalConstraint;
use cedar_policy_core::ast::ResourceConstraint;
use cedar_policy_core::ast::Template;
use cedar_policy_core::ast::UnaryOp;
use cedar_policy_core::parser::Loc;

use crate::limits;
use crate::problem::Place;

use super::Compiled;
use super::Policies;
use super::PolicyIx;
use super::trace::one_line;

/// One change of one policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mutation {
    /// Which policy.
    pub policy: PolicyIx,
    /// What was changed, in words.
    pub what: String,
    /// Where that stands.
    pub place: Place,
    /// The bytes of the policy in its file.
    pub bytes: std::ops::Range<usize>,
    /// What stands there instead.
    pub with: String,
}

impl Policies {
    /// The changes of every policy that stands in a file whole; a link has no text of its own. At most
    /// [`limits::MUTATIONS_PER_POLICY_MAX`] of each.
    #[must_use]
    pub fn mutations(&self) -> Vec<Mutation> {
        let numbered = (0..).map(PolicyIx).zip(&self.compiled);
        let whole = numbered.filter(|(_, one)| one.place.file == one.text_in);
        whole.flat_map(|(ix, one)| of(ix, one)).collect()
    }
}

fn of(policy: PolicyIx, one: &Compiled) -> Vec<Mutation> {
    let template = &one.template;
    let Some(whole) = template.loc() else { return Vec::new() };
    let condition = own_condition(one);
    let mut found = Vec::new();
    let mut add = |what: String, place: Place, with: String| {
        found.push(Mutation { policy, what, place, bytes: whole.start()..whole.end(), with });
    };
    add("the policy taken away".to_owned(), one.place.clone(), String::new());
    let parts = Parts::of(template, condition);
    let turned = match parts.effect {
        Effect::Permit => (Effect::Forbid, "`permit` turned into `forbid`"),
        Effect::Forbid => (Effect::Permit, "`forbid` turned into `permit`"),
    };
    add(turned.1.to_owned(), one.place.clone(), Parts { effect: turned.0, ..parts.clone() }.text(template));
    let scope = |text: String| format!("`{}` dropped from the scope", one_line(&text));
    if parts.principal != PrincipalConstraint::any() {
        let what = scope(parts.principal.to_string());
        let with = Parts { principal: PrincipalConstraint::any(), ..parts.clone() };
        add(what, one.place.clone(), with.text(template));
    }
    if parts.action != ActionConstraint::Any {
        let what = scope(parts.action.to_string());
        let with = Parts { action: ActionConstraint::Any, ..parts.clone() };
        add(what, one.place.clone(), with.text(template));
    }
    if parts.resource != ResourceConstraint::any() {
        let what = scope(parts.resource.to_string());
        let with = Parts { resource: ResourceConstraint::any(), ..parts.clone() };
        add(what, one.place.clone(), with.text(template));
    }
    for change in condition.into_iter().flat_map(changes) {
        let place = change.loc.map_or_else(
            || one.place.clone(),
            |loc| {
                Place::span(
                    Arc::clone(&one.text_in),
                    &loc.src,
                    loc.start(),
                    loc.end().saturating_sub(loc.start()),
                )
            },
        );
        let with = Parts { condition: change.left.map(Arc::new), ..parts.clone() };
        add(change.what, place, with.text(template));
    }
    found.truncate(limits::MUTATIONS_PER_POLICY_MAX);
    found
}

/// The author's condition, without what the loader put before it.
fn own_condition(one: &Compiled) -> Option<&Expr> {
    let mut rest = one.template.non_scope_constraints();
    for _ in 0..one.guards {
        // The last guard stands alone where the author wrote no condition.
        rest = if let ExprKind::And { right, .. } = rest?.expr_kind() { Some(right) } else { None };
    }
    rest
}

/// What a policy says, but for its name and annotations.
#[derive(Clone)]
struct Parts {
    effect: Effect,
    principal: PrincipalConstraint,
    action: ActionConstraint,
    resource: ResourceConstraint,
    condition: Option<Arc<Expr>>,
}

impl Parts {
    fn of(template: &Template, condition: Option<&Expr>) -> Self {
        Self {
            effect: template.effect(),
            principal: template.principal_constraint().clone(),
            action: template.action_constraint().clone(),
            resource: template.resource_constraint().clone(),
            condition: condition.map(|condition| Arc::new(condition.clone())),
        }
    }

    fn text(self, of: &Template) -> String {
        let made = Template::new_shared(
            of.id().clone(),
            None,
            Arc::clone(of.annotations_arc()),
            self.effect,
            self.principal,
            self.action,
            self.resource,
            self.condition,
        );
        made.to_string()
    }
}

/// A condition with one part of it gone; nothing left where that was all of it.
struct Change<'e> {
    left: Option<Expr>,
    what: String,
    loc: Option<&'e Loc>,
}

impl<'e> Change<'e> {
    /// The same change, seen from around it.
    fn within(self, around: impl FnOnce(Option<Expr>) -> Option<Expr>) -> Self {
        Self { left: around(self.left), ..self }
    }
}

fn written(expr: &Expr) -> String {
    let text =
        expr.source_loc().and_then(|loc| loc.snippet()).map_or_else(|| expr.to_string(), str::to_owned);
    one_line(&text)
}

/// Every way to drop one operand, or one arm of an `if`. Nesting is bounded by what a policy may have.
fn changes(expr: &Expr) -> Vec<Change<'_>> {
    let mut found = Vec::new();
    if let ExprKind::And { left, right } = expr.expr_kind() {
        joined(left, right, Expr::and, &mut found);
    } else if let ExprKind::Or { left, right } = expr.expr_kind() {
        joined(left, right, Expr::or, &mut found);
    } else if let ExprKind::If { test_expr, then_expr, else_expr } = expr.expr_kind() {
        for (kept, gone) in [(then_expr, else_expr), (else_expr, then_expr)] {
            let what = format!("`{}` made `{}`", written(expr), written(kept));
            found.push(Change { left: Some((**kept).clone()), what, loc: gone.source_loc() });
        }
        for change in changes(test_expr).into_iter().filter(|change| change.left.is_some()) {
            let (then, otherwise) = ((**then_expr).clone(), (**else_expr).clone());
            found.push(change.within(|test| test.map(|test| Expr::ite(test, then, otherwise))));
        }
    } else if let ExprKind::UnaryApp { op: UnaryOp::Not, arg } = expr.expr_kind()
        && arg.source_loc() != expr.source_loc()
    {
        found.extend(changes(arg).into_iter().map(|change| change.within(|left| left.map(Expr::not))));
    } else {
        found.push(Change {
            left: None,
            what: format!("`{}` dropped", written(expr)),
            loc: expr.source_loc(),
        });
    }
    found
}

fn joined<'e>(left: &'e Expr, right: &'e Expr, join: fn(Expr, Expr) -> Expr, found: &mut Vec<Change<'e>>) {
    for change in changes(left) {
        found.push(change.within(|left| match left {
            Some(left) => Some(join(left, right.clone())),
            None => Some(right.clone()),
        }));
    }
    for change in changes(right) {
        found.push(change.within(|right| match right {
            Some(right) => Some(join(left.clone(), right)),
            None => Some(left.clone()),
        }));
    }
}
