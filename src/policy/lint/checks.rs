//! The rules that look at one policy at a time.
//!
//! Never: names a value of data; what is quoted stands in the policy.

use std::collections::BTreeSet;

use cedar_policy_core::ast::BinaryOp;
use cedar_policy_core::ast::Expr;
use cedar_policy_core::ast::ExprKind;
use cedar_policy_core::ast::PrincipalOrResourceConstraint as Constraint;
use cedar_policy_core::ast::UnaryOp;
use cedar_policy_core::ast::Var;
use cedar_policy_core::parser::Loc;

use super::super::Effect;
use super::super::Source;
use super::super::problems;
use super::Finding;
use super::known;
use super::rules;
use super::rules::Rule;
use super::subject::Actions;
use super::subject::Subject;
use super::truth;

/// The longest part of a condition that is quoted, in characters.
const QUOTED_CHARS_MAX: usize = 80;

/// Conditions and scopes that cannot hold, always do, or no longer do.
pub(super) fn truths(one: &Subject, source: &Source, now_ms: u64, found: &mut Vec<Finding>) {
    let never = match one.effect {
        Effect::Permit => &rules::NEVER_APPLIES,
        Effect::Forbid => &rules::FORBIDS_NOTHING,
    };
    let known = one.known();
    if known.is_impossible() {
        let message = format!("`{}` never applies: nothing is in its scope", one.id);
        let finding = Finding::of(never, one, message);
        found.push(match one.confined_to.first() {
            Some(tenant) => finding.hint(format!(
                "it stands in the folder of `{tenant}`, so it holds for that tenant's data only"
            )),
            None => finding,
        });
        return;
    }
    let Some(condition) = one.condition() else { return };
    let place = |part: &Expr| problems::place_of(source, part.source_loc().or(one.template.loc()));
    match truth::constant(condition, &known) {
        Some(false) => {
            let message = format!("`{}` never applies: its condition never holds within its scope", one.id);
            found.push(Finding::of(never, one, message).at(place(condition)));
        }
        Some(true) => {
            let message = format!("the condition of `{}` always holds within its scope", one.id);
            let hint = "leave it out, or say what was meant";
            found.push(Finding::of(&rules::ALWAYS_TRUE, one, message).at(place(condition)).hint(hint));
        }
        None => {
            let mut later = known.clone();
            let now = Expr::get_attr(Expr::var(Var::Context), "now".into());
            later.not_before(&now, i64::try_from(now_ms).unwrap_or(i64::MAX));
            if truth::constant(condition, &later) == Some(false) {
                let message = format!("`{}` no longer applies: the time that it names is over", one.id);
                found.push(
                    Finding::of(&rules::EXPIRED, one, message).hint("take it out, or give it a later time"),
                );
                return;
            }
            let mut constants = Vec::new();
            truth::constants(condition, &known, &mut constants);
            for truth::Constant { part, holds } in constants {
                let (part, holds) = unless(part, holds);
                let (rule, word): (&Rule, _) = if holds {
                    (&rules::ALWAYS_TRUE, "always holds")
                } else {
                    (&rules::ALWAYS_FALSE, "never holds")
                };
                let message = format!("`{}` {word} when it is looked at", quoted(part));
                found.push(Finding::of(rule, one, message).at(place(part)));
            }
        }
    }
}

/// An `unless` is Cedar's negation of what stands in it; its author did not write one.
fn unless(part: &Expr, holds: bool) -> (&Expr, bool) {
    if let ExprKind::UnaryApp { op: UnaryOp::Not, arg } = part.expr_kind()
        && part.source_loc().and_then(Loc::snippet).is_some_and(|text| text.starts_with("unless"))
    {
        return (arg, !holds);
    }
    (part, holds)
}

/// A part of a condition as its author wrote it, on one line.
fn quoted(part: &Expr) -> String {
    let text = part.source_loc().and_then(Loc::snippet).map_or_else(|| part.to_string(), str::to_owned);
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match text.char_indices().nth(QUOTED_CHARS_MAX) {
        Some((end, _)) => format!("{} …", text.get(..end).unwrap_or("")),
        None => text,
    }
}

/// Does the scope name nobody?
fn is_open(scope: &Constraint) -> bool {
    match scope {
        Constraint::Any | Constraint::Is(_) => true,
        Constraint::In(_) | Constraint::Eq(_) | Constraint::IsIn(_, _) => false,
    }
}

/// Permits that are wider than those beside them: in the same file, or anywhere where a file has only one.
pub(super) fn wide(subjects: &[Subject], found: &mut Vec<Finding>) {
    let is_wide =
        |one: &Subject| is_open(one.principal()) && is_open(one.resource()) && one.condition().is_none();
    let permits = || subjects.iter().enumerate().filter(|(_, one)| one.effect == Effect::Permit);
    let mut narrow_files: Vec<usize> =
        permits().filter(|(_, one)| !is_wide(one)).map(|(_, one)| one.source).collect();
    narrow_files.dedup();
    narrow_files.sort_unstable();
    for (at, one) in permits().filter(|(_, one)| is_wide(one) && !one.is_pathway) {
        let alone = !permits().any(|(other, beside)| other != at && beside.source == one.source);
        let beside =
            if alone { !narrow_files.is_empty() } else { narrow_files.binary_search(&one.source).is_ok() };
        if beside {
            let message = format!("`{}` permits everybody of a tenant to do this to all of its data", one.id);
            let hint = "name a role in its scope, or data, or give it a condition: those beside it do";
            found.push(Finding::of(&rules::WIDE_PERMIT, one, message).hint(hint));
        }
    }
}

/// What a pathway should bound.
pub(super) fn pathway(one: &Subject, found: &mut Vec<Finding>) {
    if !one.is_pathway {
        return;
    }
    let reads = |wanted: &str, of: fn(&Expr) -> bool| {
        let parts = one.condition().into_iter().flat_map(Expr::subexpressions);
        parts.into_iter().any(|part| {
            if let ExprKind::GetAttr { expr, attr } = part.expr_kind() {
                attr == wanted && of(expr)
            } else {
                false
            }
        })
    };
    if !reads("now", |of| matches!(of.expr_kind(), ExprKind::Var(Var::Context))) {
        let message = format!("the pathway `{}` has no last day", one.id);
        let hint =
            "add `context.now < datetime(\"2027-06-30T00:00:00Z\")`, the day on which the agreement ends";
        found.push(Finding::of(&rules::PATHWAY_ENDLESS, one, message).hint(hint));
    }
    let names_class = || {
        let parts = one.condition().into_iter().flat_map(Expr::subexpressions);
        let uids = parts.filter_map(super::super::engine::named);
        uids.into_iter().any(|uid| uid.entity_type().to_string() == "DataClass")
    };
    if !reads("level", |_| true) && !names_class() {
        let message = format!("the pathway `{}` has no ceiling: data of every level crosses by it", one.id);
        let hint = "add `resource.level <= 2`, or name the data classes that may cross";
        found.push(Finding::of(&rules::PATHWAY_WITHOUT_CEILING, one, message).hint(hint));
    }
}

/// What can overflow.
pub(super) fn arithmetic(one: &Subject, source: &Source, found: &mut Vec<Finding>) {
    const OVERFLOW: [&str; 3] = ["offset", "durationSince", "toDate"];
    let parts = one.condition().into_iter().flat_map(Expr::subexpressions);
    let can_overflow = |part: &&Expr| {
        let kind = part.expr_kind();
        let sum = matches!(
            kind,
            ExprKind::BinaryApp { op: BinaryOp::Add | BinaryOp::Sub | BinaryOp::Mul, .. }
                | ExprKind::UnaryApp { op: UnaryOp::Neg, .. }
        );
        let call = if let ExprKind::ExtensionFunctionApp { fn_name, .. } = kind {
            OVERFLOW.contains(&fn_name.to_string().as_str())
        } else {
            false
        };
        (sum || call) && known::value(part).is_none()
    };
    // The outermost comes first; what is in it need not be told again.
    if let Some(part) = parts.into_iter().find(can_overflow) {
        let place = problems::place_of(source, part.source_loc().or(one.template.loc()));
        let message = format!("`{}` can overflow, and a policy that errs denies the request", quoted(part));
        let hint = "compare with a number in place of computing one";
        found.push(Finding::of(&rules::ARITHMETIC, one, message).at(place).hint(hint));
    }
}

/// Policies that no test is about.
pub(super) fn untested(one: &Subject, tested: Option<&BTreeSet<String>>, found: &mut Vec<Finding>) {
    if tested.is_some_and(|tested| !tested.contains(&one.id)) && !one.shadow {
        let message = format!("no test names `{}`, and none needs it", one.id);
        let hint =
            "name it under `policies` in what a test expects, or expect a class of data that it decides over";
        found.push(Finding::of(&rules::UNTESTED, one, message).hint(hint));
    }
}

/// Policies that decide nothing.
pub(super) fn in_shadow(one: &Subject, found: &mut Vec<Finding>) {
    if one.shadow {
        let message = format!("`{}` is in shadow mode: it decides nothing", one.id);
        let hint = "once `palisade shadow report` says of it what was meant, take `@mode(\"shadow\")` off";
        found.push(Finding::of(&rules::SHADOW_MODE, one, message).hint(hint));
    }
}

/// Policies of tenants that every request of every tenant has to look at.
pub(super) fn tenant_unscoped(one: &Subject, found: &mut Vec<Finding>) {
    let Some(tenant) = one.confined_to.first() else { return };
    if is_open(one.principal()) && is_open(one.resource()) && one.actions != Actions::default() {
        let message = format!("`{}` names nobody and nothing in its scope", one.id);
        let hint =
            format!("write `resource in DataKey::\"{tenant}\"`: then only requests for that data look at it");
        found.push(Finding::of(&rules::TENANT_UNSCOPED, one, message).hint(hint));
    }
}
