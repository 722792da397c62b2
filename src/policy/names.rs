//! Checks that the tenants, DataKeys, data classes and routes that a policy names are in the model.
//!
//! Cedar takes any id of a declared type; a misspelt one is a rule that never applies.
//! Never: looks at types; Cedar's validator does.

use cedar_policy_core::ast::EntityUID;
use cedar_policy_core::ast::Expr;
use cedar_policy_core::ast::Template;
use cedar_policy_core::parser::Loc;

use crate::ids::BadName;
use crate::ids::ClassName;
use crate::ids::DataKey;
use crate::ids::TenantPath;
use crate::model::Model;
use crate::problem::Problem;
use crate::problem::Severity;
use crate::problem::nearest;

use super::Source;
use super::engine;
use super::problems;

/// For at most this many names is a near one looked for: in a large model that is slow, and nobody reads further.
const HINTS_MAX: usize = 50;

pub(super) struct Names<'a> {
    model: &'a Model,
    hints: usize,
}

impl<'a> Names<'a> {
    pub(super) fn new(model: &'a Model) -> Self {
        Self { model, hints: 0 }
    }

    /// Is this name in the model?
    pub(super) fn has(model: &Model, uid: &EntityUID) -> bool {
        // A near name is looked for only where that is told.
        Names { model, hints: HINTS_MAX }.check_one(uid).is_none()
    }

    /// Checks every name that stands in one policy, whose condition as written is this part of it.
    pub(super) fn check(
        &mut self,
        source: &Source,
        (template, condition): (&Template, Option<&Expr>),
        problems: &mut Vec<Problem>,
    ) {
        for (uid, loc) in named_in(template, condition) {
            // Lines are counted only for what is told.
            let place = || problems::place_of(source, loc.or(template.loc()));
            problems.extend(self.check_one(uid).map(|wrong| Problem { place: place(), ..wrong }));
        }
    }

    /// What is wrong with one name; its place is the caller's to fill in.
    pub(super) fn check_one(&mut self, uid: &EntityUID) -> Option<Problem> {
        let id: &str = uid.eid().as_ref();
        let model = self.model;
        match uid.entity_type().to_string().as_str() {
            "Tenant" if model.tenants.find(id).is_none() => {
                let names = || model.tenants.iter().map(|(_, tenant)| tenant.path.as_str());
                Some(self.unknown("unknown-tenant", "tenant", id, TenantPath::parse(id).err(), names))
            }
            "DataKey" => self.data_key(id),
            "DataClass" if model.classes.find(id).is_none() => {
                let names = || model.classes.iter().map(|(_, class)| class.name.as_str());
                Some(self.unknown("unknown-class", "data class", id, ClassName::parse(id).err(), names))
            }
            "Route" if !model.routes.iter().any(|(_, route)| &*route.id == id) => {
                let names = || model.routes.iter().map(|(_, route)| &*route.id);
                Some(warn(self.unknown("unknown-route", "route", id, None, names)))
            }
            "RouteGroup" => {
                let groups =
                    || model.routes.iter().flat_map(|(_, route)| route.groups.iter().map(|group| &**group));
                let known = groups().any(|group| group == id);
                (!known).then(|| warn(self.unknown("unknown-route-group", "route group", id, None, groups)))
            }
            _ => None,
        }
    }

    /// A DataKey may go deeper than any tenant, so its owner is what must exist.
    fn data_key(&mut self, id: &str) -> Option<Problem> {
        let model = self.model;
        let parsed = DataKey::parse(id);
        if parsed.as_ref().is_ok_and(|key| model.tenants.owner(key).is_some()) {
            return None;
        }
        let no_names = || std::iter::empty();
        let problem = self.unknown(
            "unknown-data-key",
            "tenant owns the DataKey",
            id,
            parsed.as_ref().err().cloned(),
            no_names,
        );
        let near = parsed.ok().filter(|_| self.hints <= HINTS_MAX).and_then(|key| self.near_data_key(&key));
        Some(match near {
            Some(near) => problem.hint(format!("did you mean `{near}`?")),
            None => problem,
        })
    }

    /// The key with the part that is most likely misspelt, from the whole to its first segment, put right.
    fn near_data_key(&self, key: &DataKey) -> Option<String> {
        let tenants = &self.model.tenants;
        key.and_enclosing().find_map(|part| {
            let near = nearest(part.as_str(), tenants.iter().map(|(_, tenant)| tenant.path.as_str()))?;
            Some(format!("{near}{}", key.as_str().strip_prefix(part.as_str())?))
        })
    }

    fn unknown<'n, N: Iterator<Item = &'n str>>(
        &mut self,
        code: &'static str,
        noun: &str,
        id: &str,
        bad: Option<BadName>,
        names: impl Fn() -> N,
    ) -> Problem {
        let problem = Problem::error(code, crate::problem::Place::file(""), format!("no {noun} `{id}`"));
        if let Some(bad) = bad {
            return problem.hint(bad.to_string());
        }
        self.hints += 1;
        let near = if self.hints > HINTS_MAX { None } else { nearest(id, names()) };
        match near {
            Some(near) => problem.hint(format!("did you mean `{near}`?")),
            None => problem,
        }
    }
}

/// Routes may be left out where policies are checked by themselves, so their names are only worth a look.
fn warn(problem: Problem) -> Problem {
    Problem { severity: Severity::Warning, ..problem }
}

/// What some policies as written name of the kinds of things that a model has, each once.
pub(super) fn all<'t>(templates: impl Iterator<Item = &'t Template>) -> Vec<EntityUID> {
    const KINDS: [&str; 5] = ["Tenant", "DataKey", "DataClass", "Route", "RouteGroup"];
    let named = templates.flat_map(|template| named_in(template, template.non_scope_constraints()));
    let mut all: Vec<&EntityUID> = named.map(|(uid, _)| uid).collect();
    all.sort_unstable();
    all.dedup();
    all.into_iter().filter(|uid| KINDS.contains(&uid.entity_type().to_string().as_str())).cloned().collect()
}

/// Every entity that a policy names, with its place.
fn named_in<'t>(
    template: &'t Template,
    condition: Option<&'t Expr>,
) -> impl Iterator<Item = (&'t EntityUID, Option<&'t Loc>)> {
    let scopes = [template.principal_constraint().as_inner(), template.resource_constraint().as_inner()];
    let scopes = scopes.into_iter().filter_map(|scope| scope.get_euid()).map(|uid| (&**uid, uid.loc()));
    let parts = condition.into_iter().flat_map(|condition| condition.subexpressions());
    let literals = parts.filter_map(|part| {
        let uid = engine::named(part)?;
        Some((uid, uid.loc().or(part.source_loc())))
    });
    scopes.chain(literals)
}
