//! Whether any route of the app asks what a permit allows.
//!
//! Never: looks at conditions, or at DataKeys; a route may be about any.

use std::collections::HashMap;

use cedar_policy_core::ast::EntityUID;
use cedar_policy_core::ast::PrincipalOrResourceConstraint as Constraint;

use crate::model::Model;
use crate::redact::ClassIx;

use super::super::Effect;
use super::Finding;
use super::rules;
use super::subject::Actions;
use super::subject::Subject;

/// Which actions are ever asked about what, over all routes.
struct Asked {
    any: Actions,
    by_route: HashMap<Box<str>, Actions>,
    by_group: HashMap<Box<str>, Actions>,
    /// Of each class and those around it.
    by_class: HashMap<String, Actions>,
}

impl Asked {
    fn new(model: &Model) -> Self {
        let mut asked = Self {
            any: Actions::default(),
            by_route: HashMap::new(),
            by_group: HashMap::new(),
            by_class: HashMap::new(),
        };
        for (_, route) in model.routes.iter().filter(|(_, route)| !route.public) {
            let mutation = route.graphql.as_ref().and_then(|graphql| graphql.mutation());
            let action = Actions::one(route.action);
            let action = mutation.map_or(action, |mutation| action.and(Actions::one(mutation)));
            asked.any = asked.any.and(action);
            add(&mut asked.by_route, route.id.clone(), action);
            for group in &route.groups {
                add(&mut asked.by_group, group.clone(), action);
            }
            for class in route.classes.iter().filter_map(|class| model.classes.get(*class)) {
                asked.any = asked.any.and(Actions::reveal());
                for name in class.name.and_enclosing() {
                    add(&mut asked.by_class, name.as_str().to_owned(), action.and(Actions::reveal()));
                }
            }
            for class in route.request_classes.iter().filter_map(|class| model.classes.get(*class)) {
                asked.any = asked.any.and(Actions::write());
                for name in class.name.and_enclosing() {
                    add(&mut asked.by_class, name.as_str().to_owned(), Actions::write());
                }
            }
        }
        asked
    }

    fn about(&self, uid: &EntityUID) -> Actions {
        let id: &str = uid.eid().as_ref();
        let found = match uid.entity_type().to_string().as_str() {
            "Route" => self.by_route.get(id),
            "RouteGroup" => self.by_group.get(id),
            "DataClass" => self.by_class.get(id),
            _ => Some(&self.any),
        };
        found.copied().unwrap_or_default()
    }
}

fn add<K: Eq + std::hash::Hash>(to: &mut HashMap<K, Actions>, key: K, actions: Actions) {
    let known = to.entry(key).or_default();
    *known = known.and(actions);
}

/// Every permit that no route asks for.
pub(super) fn check(model: &Model, subjects: &[Subject], found: &mut Vec<Finding>) {
    let asked = Asked::new(model);
    // Without routes nothing is known of what is asked.
    if asked.any.is_none() {
        return;
    }
    for one in subjects.iter().filter(|one| one.effect == Effect::Permit) {
        let scope = match one.resource() {
            Constraint::In(_) | Constraint::IsIn(_, _) => {
                one.resource().get_euid().map_or(asked.any, |uid| asked.about(uid))
            }
            Constraint::Any | Constraint::Is(_) | Constraint::Eq(_) => asked.any,
        };
        if !one.actions.is_none() && !one.actions.meets(scope) {
            let actions = one.actions.names().join("`, `");
            let message = format!("`{}` is never asked for: no route is about `{actions}` there", one.id);
            found.push(Finding::of(&rules::NEVER_APPLIES, one, message).hint(
                "a route says its action and its data classes in the OpenAPI document or in `routes.yaml`",
            ));
        }
    }
}

/// Policies that read as if they said who may set a class, and do not.
pub(super) fn sets_nothing(model: &Model, one: &Subject, found: &mut Vec<Finding>) {
    let named = match one.resource() {
        Constraint::In(_) | Constraint::IsIn(_, _) => one.resource().get_euid(),
        Constraint::Any | Constraint::Is(_) | Constraint::Eq(_) => None,
    };
    let class = named.filter(|uid| one.by_group && uid.entity_type().to_string() == "DataClass");
    let Some(class) = class.and_then(|uid| model.classes.find(AsRef::<str>::as_ref(uid.eid()))) else {
        return;
    };
    let is_sent = |class| {
        let carried = |carried: &ClassIx| model.classes.is_within(*carried, class);
        model.routes.iter().any(|(_, route)| route.request_classes.iter().any(carried))
    };
    if is_sent(class) {
        let name = model.classes.get(class).map_or("", |class| class.name.as_str());
        let message = format!(
            "`{}` is about calls that create, update or delete, and says nothing about who may set `{name}`",
            one.id
        );
        let hint = "to say that, name the action itself: `action == Action::\"write\"`";
        found.push(Finding::of(&rules::SETS_NOTHING, one, message).hint(hint));
    }
}
