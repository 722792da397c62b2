//! Holds the names in a test file against the model and the policies: a misspelt one would make a test that shows nothing.

use std::collections::BTreeSet;

use crate::ids::DataKey;
use crate::model::Model;
use crate::policy::Policies;
use crate::policy::PolicyIx;
use crate::problem::Problem;
use crate::problem::nearest;

use super::Mention;
use super::What;

/// For at most this many names is a near one looked for: in a large model that is slow, and nobody reads further.
const HINTS_MAX: usize = 50;

pub(super) fn check(mentions: &[Mention], model: &Model, policies: Option<&Policies>) -> Vec<Problem> {
    let pathways = policies.map(pathways).unwrap_or_default();
    let mut problems = Vec::new();
    for mention in mentions {
        let hint = problems.len() < HINTS_MAX;
        problems.extend(one(mention, model, policies, &pathways, hint));
    }
    problems
}

fn one(
    mention: &Mention,
    model: &Model,
    policies: Option<&Policies>,
    pathways: &BTreeSet<&str>,
    hint: bool,
) -> Option<Problem> {
    let Mention { what, name, place } = mention;
    let unknown = |code, noun: &str, near: Option<&str>| {
        let problem = Problem::error(code, place.clone(), format!("there is no {noun} `{name}`"));
        Some(match near {
            Some(near) => problem.hint(format!("did you mean `{near}`?")),
            None => problem,
        })
    };
    let near = |names: &mut dyn Iterator<Item = &'_ str>| {
        if hint { nearest(name, names).map(str::to_owned) } else { None }
    };
    match what {
        What::Tenant if model.tenants.find(name).is_none() => {
            let near = near(&mut model.tenants.iter().map(|(_, tenant)| tenant.path.as_str()));
            unknown("unknown-tenant", "tenant", near.as_deref())
        }
        What::DataKey if DataKey::parse(name).ok().and_then(|key| model.tenants.owner(&key)).is_none() => {
            let near = near(&mut model.tenants.iter().map(|(_, tenant)| tenant.path.as_str()));
            unknown("unknown-data-key", "tenant that owns the DataKey", near.as_deref())
        }
        What::Class if model.classes.find(name).is_none() => {
            let near = near(&mut model.classes.iter().map(|(_, class)| class.name.as_str()));
            unknown("unknown-class", "data class", near.as_deref())
        }
        What::Route if !model.routes.iter().any(|(_, route)| *route.id == **name) => {
            let near = near(&mut model.routes.iter().map(|(_, route)| &*route.id));
            unknown("unknown-route", "route", near.as_deref())
        }
        What::Policy if policies.is_some_and(|policies| policies.shadow_ids().any(|id| id == &**name)) => {
            let message = format!("the policy `{name}` is in shadow mode: it decides nothing");
            let problem = Problem::error("policy-in-shadow", place.clone(), message);
            Some(problem.hint("take its `@mode(\"shadow\")` off where it is to be tested"))
        }
        What::Policy if policies.is_some_and(|policies| policies.find(name).is_none()) => {
            let near = policies.and_then(|policies| near(&mut policies.ids()));
            unknown("unknown-policy", "policy", near.as_deref())
        }
        What::Pathway if policies.is_some() && !pathways.contains(&**name) => {
            let near = near(&mut pathways.iter().copied());
            unknown("unknown-pathway", "pathway", near.as_deref())
        }
        What::Tenant | What::DataKey | What::Class | What::Route | What::Policy | What::Pathway => None,
    }
}

fn pathways(policies: &Policies) -> BTreeSet<&str> {
    (0..).map(PolicyIx).take(policies.len()).filter_map(|policy| policies.pathway(policy)).collect()
}
