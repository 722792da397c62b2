//! Names that lead nowhere: data classes that nothing carries, roles that nobody has, templates that no link fills in.

use std::collections::BTreeMap;
use std::collections::BTreeSet;

use cedar_policy_core::ast::BinaryOp;
use cedar_policy_core::ast::EntityUID;
use cedar_policy_core::ast::Expr;
use cedar_policy_core::ast::ExprKind;
use cedar_policy_core::ast::Literal;

use crate::model::Model;
use crate::problem::nearest;

use super::super::engine;
use super::super::parse::Named;
use super::Finding;
use super::Looked;
use super::rules;
use super::subject::Subject;

/// Every entity that a policy names.
fn named(one: &Subject) -> impl Iterator<Item = &EntityUID> {
    let scopes = [one.principal(), one.resource()].into_iter().filter_map(|scope| scope.get_euid());
    let parts = one.condition().into_iter().flat_map(Expr::subexpressions);
    scopes.map(|uid| &**uid).chain(parts.filter_map(engine::named))
}

/// Data classes of which neither they nor one below them stands on a route or in a policy. Of a whole branch its top.
pub(super) fn classes(model: &Model, subjects: &[Subject], found: &mut Vec<Finding>) {
    // Without routes nothing is known of what bodies carry.
    if model.routes.iter().next().is_none() {
        return;
    }
    let mut used: BTreeSet<&str> = BTreeSet::new();
    let carried = model.routes.iter().flat_map(|(_, route)| &route.classes);
    used.extend(carried.filter_map(|class| model.classes.get(*class)).map(|class| class.name.as_str()));
    let in_policies =
        subjects.iter().flat_map(named).filter(|uid| uid.entity_type().to_string() == "DataClass");
    used.extend(in_policies.map(|uid| AsRef::<str>::as_ref(uid.eid())));
    let is_used = |name: &str| {
        let below = used.range(name..).take_while(|one| one.starts_with(name));
        below.into_iter().any(|one| one.len() == name.len() || one.as_bytes().get(name.len()) == Some(&b'.'))
    };
    for (_, class) in model.classes.iter().filter(|(_, class)| !is_used(class.name.as_str())) {
        let parent = class.parent.and_then(|parent| model.classes.get(parent));
        if parent.is_none_or(|parent| is_used(parent.name.as_str())) {
            let name = &class.name;
            let message = format!("no route carries the data class `{name}`, and no policy names it");
            let hint = "mark the values of this class on a route, or take the class out";
            found.push(Finding::in_model(&rules::UNUSED_CLASS, class.place.clone(), message).hint(hint));
        }
    }
}

/// Roles that nobody is known to have.
pub(super) fn roles(looked: &Looked<'_>, subjects: &[Subject], found: &mut Vec<Finding>) {
    let Some(held) = looked.roles else { return };
    let mut by_role: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for (at, one) in subjects.iter().enumerate() {
        for role in roles_of(one) {
            let policies = by_role.entry(role).or_default();
            if policies.last() != Some(&at) {
                policies.push(at);
            }
        }
    }
    for (role, policies) in by_role.iter().filter(|(role, _)| !held.contains(*role)) {
        for one in policies.iter().filter_map(|at| subjects.get(*at)) {
            let message = format!("nobody is known to have the role `{role}`");
            let hint = match nearest(role, held.iter().map(String::as_str)) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("looked at: {}", looked.roles_from),
            };
            // Of all policies that name it one is told; each may allow it for itself.
            found
                .push(Finding::of(&rules::UNHELD_ROLE, one, message).hint(hint).once(format!("role {role}")));
        }
    }
}

/// The roles that a policy names: as entities, or as texts in the caller's `roles`.
fn roles_of(one: &Subject) -> BTreeSet<String> {
    let entities = named(one).filter(|uid| uid.entity_type().to_string() == "Role");
    let mut roles: BTreeSet<String> =
        entities.map(|uid| AsRef::<str>::as_ref(uid.eid()).to_owned()).collect();
    for part in one.condition().into_iter().flat_map(Expr::subexpressions) {
        if let ExprKind::BinaryApp { op: BinaryOp::Contains, arg1, arg2 } = part.expr_kind()
            && let ExprKind::GetAttr { attr, .. } = arg1.expr_kind()
            && attr == "roles"
            && let ExprKind::Lit(Literal::String(role)) = arg2.expr_kind()
        {
            roles.insert(role.to_string());
        }
    }
    roles
}

/// Templates that no link fills in.
pub(super) fn templates(named: &[Named], subjects: &[Subject], found: &mut Vec<Finding>) {
    let linked: BTreeSet<usize> = subjects.iter().map(|one| one.named).collect();
    let idle = named.iter().enumerate().filter(|(at, one)| !one.template.is_static() && !linked.contains(at));
    for (at, one) in idle {
        let place = one.place.clone();
        let message = format!("`{}` never applies: no link fills this template in", one.id());
        let hint = "write a link in a `*.links.yaml`, or take the template out";
        found.push(Finding::in_model(&rules::NEVER_APPLIES, place, message).hint(hint).of_policy(at));
    }
}
