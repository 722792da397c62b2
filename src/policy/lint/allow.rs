//! `@lint_allow("rule: because …")`: what an author knows and means. Several rules are parted by `;`.
//!
//! Never: silences without a reason, or keeps quiet about an allowance that silences nothing.

use cedar_policy_core::ast::Template;

use crate::problem::Place;
use crate::problem::nearest;

use super::super::Source;
use super::super::parse::Named;
use super::super::problems;
use super::Finding;
use super::rules;
use super::rules::RULES;

/// The annotation's key.
pub(super) const KEY: &str = "lint_allow";

/// One allowance.
struct Allowance {
    code: String,
    place: Place,
    has_reason: bool,
    is_needed: bool,
}

/// Takes out what is allowed, and adds what is wrong with the allowances themselves. Findings are of `named` policies.
pub(super) fn apply(named: &[Named], sources: &[Source], not_looked_at: &[&str], found: &mut Vec<Finding>) {
    let mut all: Vec<Vec<Allowance>> = named
        .iter()
        .map(|one| sources.get(one.source).map_or_else(Vec::new, |source| read(source, &one.template)))
        .collect();
    found.retain(|finding| {
        let allowances = finding.policy.and_then(|policy| all.get_mut(policy));
        let fits = |one: &&mut Allowance| one.has_reason && one.code == finding.rule.code;
        match allowances.and_then(|all| all.iter_mut().find(fits)) {
            Some(one) => {
                one.is_needed = true;
                false
            }
            None => true,
        }
    });
    for one in all.into_iter().flatten() {
        let known = RULES.iter().any(|rule| rule.code == one.code);
        if !known {
            let message = format!("there is no rule `{}`", one.code);
            let near = nearest(&one.code, RULES.iter().map(|rule| rule.code));
            let hint = near.map_or_else(
                || "write `@lint_allow(\"rule: because …\")`; `palisade lint --rules` names them".to_owned(),
                |near| format!("did you mean `{near}`?"),
            );
            found.push(Finding::in_model(&rules::ALLOW_UNKNOWN, one.place, message).hint(hint));
        } else if !one.has_reason {
            let message = format!("`{}` is allowed without a reason, so it is not", one.code);
            let hint = format!("write `@lint_allow(\"{}: because …\")`", one.code);
            found.push(Finding::in_model(&rules::ALLOW_WITHOUT_REASON, one.place, message).hint(hint));
        } else if !one.is_needed && !not_looked_at.contains(&one.code.as_str()) {
            let message = format!("`{}` finds nothing in this policy", one.code);
            found.push(
                Finding::in_model(&rules::ALLOW_UNNEEDED, one.place, message).hint("take the allowance out"),
            );
        }
    }
}

fn read(source: &Source, template: &Template) -> Vec<Allowance> {
    let annotation = template.annotations().find(|(key, _)| AsRef::<str>::as_ref(*key) == KEY);
    let Some((_, value)) = annotation else { return Vec::new() };
    let place = problems::place_of(source, value.loc.as_ref());
    let one = |text: &str| {
        let (code, reason) = text.split_once(':').unwrap_or((text, ""));
        Allowance {
            code: code.trim().to_owned(),
            place: place.clone(),
            has_reason: !reason.trim().is_empty(),
            is_needed: false,
        }
    };
    // A `;` within a reason is part of it, unless a rule's code and `:` follow.
    let mut entries: Vec<String> = Vec::new();
    for piece in value.val.split(';') {
        let starts =
            piece.split_once(':').is_some_and(|(code, _)| !code.trim().contains(char::is_whitespace));
        match entries.last_mut() {
            Some(last) if !starts => *last = format!("{last};{piece}"),
            Some(_) | None => entries.push(piece.to_owned()),
        }
    }
    entries.iter().map(|entry| one(entry)).collect()
}
