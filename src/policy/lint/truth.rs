//! Which parts of a condition always hold or never do, whatever is asked.
//!
//! Never: calls a part constant that depends on the request.

use cedar_policy_core::ast::Expr;
use cedar_policy_core::ast::ExprKind;
use cedar_policy_core::ast::UnaryOp;

use super::known::Known;

/// A part of a condition that is the same for every request that gets that far.
#[derive(Debug)]
pub(super) struct Constant<'e> {
    pub(super) part: &'e Expr,
    pub(super) holds: bool,
}

/// Does the expression always hold, or never, where `known` is known? `None`: it depends.
pub(super) fn constant(part: &Expr, known: &Known) -> Option<bool> {
    if known.is_impossible() {
        return None;
    }
    if known.and(part, true).is_impossible() {
        return Some(false);
    }
    if known.and(part, false).is_impossible() {
        return Some(true);
    }
    // What is said of the parts by themselves, where together they say nothing.
    let mut links = Vec::new();
    match joint(part, &mut links) {
        Joint::All => chain(&links, known, false),
        Joint::Any => chain(&links, known, true),
        Joint::Not(arg) => constant(arg, known).map(|holds| !holds),
        Joint::If(test, then, otherwise) => match constant(test, known) {
            Some(true) => constant(then, known),
            Some(false) => constant(otherwise, known),
            None => {
                let holds = constant(then, &known.and(test, true))?;
                (constant(otherwise, &known.and(test, false)) == Some(holds)).then_some(holds)
            }
        },
        Joint::None => None,
    }
}

/// One link that is `ends` settles a chain; else all links must be settled.
fn chain(links: &[&Expr], known: &Known, ends: bool) -> Option<bool> {
    let mut known = known.clone();
    let mut all_settled = true;
    for link in links {
        match constant(link, &known) {
            Some(holds) if holds == ends => return Some(ends),
            Some(_) => {}
            None => all_settled = false,
        }
        known.take(link, !ends);
    }
    all_settled.then_some(!ends)
}

/// How an expression is put together of others that hold or do not.
enum Joint<'e> {
    /// `a && b && …`.
    All,
    /// `a || b || …`.
    Any,
    Not(&'e Expr),
    If(&'e Expr, &'e Expr, &'e Expr),
    None,
}

/// How an expression is put together; the links of a chain go to `links`.
fn joint<'e>(part: &'e Expr, links: &mut Vec<&'e Expr>) -> Joint<'e> {
    let kind = part.expr_kind();
    if let ExprKind::And { .. } = kind {
        all(part, links);
        Joint::All
    } else if let ExprKind::Or { .. } = kind {
        any(part, links);
        Joint::Any
    } else if let ExprKind::UnaryApp { op: UnaryOp::Not, arg } = kind {
        Joint::Not(arg)
    } else if let ExprKind::If { test_expr, then_expr, else_expr } = kind {
        Joint::If(test_expr, then_expr, else_expr)
    } else {
        Joint::None
    }
}

/// The parts of which all must hold for the whole to hold.
pub(super) fn all<'e>(part: &'e Expr, links: &mut Vec<&'e Expr>) {
    if let ExprKind::And { left, right } = part.expr_kind() {
        all(left, links);
        all(right, links);
    } else {
        links.push(part);
    }
}

fn any<'e>(part: &'e Expr, links: &mut Vec<&'e Expr>) {
    if let ExprKind::Or { left, right } = part.expr_kind() {
        any(left, links);
        any(right, links);
    } else {
        links.push(part);
    }
}

/// The outermost constant parts of an expression.
pub(super) fn constants<'e>(part: &'e Expr, known: &Known, found: &mut Vec<Constant<'e>>) {
    if let Some(holds) = constant(part, known) {
        found.push(Constant { part, holds });
        return;
    }
    let mut links = Vec::new();
    match joint(part, &mut links) {
        Joint::All => each(&links, known, true, found),
        Joint::Any => each(&links, known, false, found),
        Joint::Not(arg) => constants(arg, known, found),
        Joint::If(test, then, otherwise) => {
            constants(test, known, found);
            constants(then, &known.and(test, true), found);
            constants(otherwise, &known.and(test, false), found);
        }
        Joint::None => {}
    }
}

/// Each link of a chain is looked at where those before it came out as `before`.
fn each<'e>(links: &[&'e Expr], known: &Known, before: bool, found: &mut Vec<Constant<'e>>) {
    let mut known = known.clone();
    for link in links {
        constants(link, &known, found);
        known.take(link, before);
    }
}
