//! What a thing is, in a few lines of Markdown.
//!
//! Never: shows a value of somebody's data, or what no file says.

use std::fmt::Write as _;

use crate::ids::DataKey;
use crate::model::DataClass;
use crate::model::Model;
use crate::model::Route;
use crate::model::Tenant;
use crate::policy::Effect;
use crate::policy::Policies;
use crate::policy::PolicyIx;

use super::page::Desk;
use super::policy::Thing;
use super::policy::attribute;
use super::vocabulary::Type;
use super::vocabulary::What;

/// How many names are told of one thing.
const NAMES_MAX: usize = 8;

/// What the annotations mean.
pub(super) const ANNOTATIONS: [(&str, &str); 5] = [
    (
        "id",
        "The policy's name, of which there is one only. Records, tests and explanations name policies by it.",
    ),
    (
        "pathway",
        "On a `permit`: an allowed way for data to cross from one tenant to another. Say who shares what with whom.",
    ),
    (
        "mask",
        "On a `forbid` of `reveal`: what it hides is hidden by this mask, where it hides more than the class's own.",
    ),
    ("mode", "`shadow`: the policy is looked at beside the others, and decides nothing."),
    ("lint_allow", "What `lint` finds here is meant: `rule: because …`, several parted by `;`."),
];

/// What a thing is; nothing where nothing is known of it.
pub(super) fn describe(desk: &Desk<'_>, thing: &Thing) -> Option<String> {
    match thing {
        Thing::Policy(id) => {
            let said = policy(desk.policies()?, id)?;
            let old = "\nThere is an error in the files: this is the policy as it was when there was none.\n";
            Some(if desk.is_sound { said } else { said + old })
        }
        Thing::Entity(of, id) => entity(desk, of, id),
        Thing::Type(name) => of_type(desk, name),
        Thing::Attribute(types, name) => Some(attributes(desk, types, name)).filter(|said| !said.is_empty()),
        Thing::Variable(name, types) => {
            let types: Vec<String> = types.iter().map(|of| format!("`{}`", of.written())).collect();
            (!types.is_empty()).then(|| format!("`{name}`: {}", types.join(" or ")))
        }
        Thing::Annotation(name) => {
            let (_, says) = ANNOTATIONS.iter().find(|(known, _)| known == name)?;
            Some(format!("`@{name}`\n\n{says}"))
        }
        Thing::Pathway(name) => pathway(desk.policies()?, name),
        Thing::Local(_, _) => None,
    }
}

fn policy(policies: &Policies, id: &str) -> Option<String> {
    let policy = policies.find(id)?;
    let effect = match policies.effect(policy)? {
        Effect::Permit => "permit",
        Effect::Forbid => "forbid",
    };
    let mut said = format!("**{effect}** `{id}`\n\n");
    said += &made(policies, policy);
    let text = policies.effective_text(id)?;
    write!(said, "\nWhat is evaluated:\n\n```cedar\n{}\n```\n", text.trim()).ok()?;
    Some(said)
}

/// What the loader makes of it.
fn made(policies: &Policies, policy: PolicyIx) -> String {
    let mut said = String::new();
    if let Some(name) = policies.pathway(policy) {
        said += &format!(
            "- the pathway `{name}`: it may cross from one tenant to another, so the guard is not added\n"
        );
    }
    for part in policies.added(policy) {
        let why = if part.contains("principal.dataKey") {
            "the guard: it applies within the caller's own DataKey"
        } else {
            "the confinement: it stands in a tenant's folder, and applies to that tenant's data"
        };
        said += &format!("- added by the loader: `{part}`, {why}\n");
    }
    if let Some((principal, resource)) = policies.filed(policy) {
        said += &format!("- looked at for requests with: `{principal}`, `{resource}`\n");
    }
    said
}

fn pathway(policies: &Policies, name: &str) -> Option<String> {
    let mut said = format!("The pathway `{name}`\n\n");
    let all: Vec<_> = policies.pathways().into_iter().filter(|pathway| &*pathway.name == name).collect();
    for pathway in &all {
        let id = policies.id(pathway.policy);
        let until = pathway.until.first().map_or(String::new(), |until| format!(", until {until}"));
        let actions =
            if pathway.actions.is_empty() { "everything".to_owned() } else { pathway.actions.join(", ") };
        said += &format!(
            "- `{id}`: {actions}, from `{}` to the data of `{}`{until}\n",
            pathway.from, pathway.data
        );
    }
    (!all.is_empty()).then_some(said)
}

fn entity(desk: &Desk<'_>, of: &str, id: &str) -> Option<String> {
    let model = desk.model;
    match of {
        "Action" => action(desk, id),
        "Tenant" => {
            let model = model?;
            Some(tenant(model, model.tenants.get(model.tenants.find(id)?)))
        }
        "DataKey" => data_key(model?, id),
        "DataClass" => {
            let model = model?;
            Some(class(model, model.classes.get(model.classes.find(id)?)?))
        }
        "Route" => {
            let model = model?;
            model.routes.iter().find(|(_, route)| &*route.id == id).map(|(_, one)| route(model, one))
        }
        "RouteGroup" => {
            let is_in = |route: &Route| route.groups.iter().any(|group| &**group == id);
            let routes = model?.routes.iter().filter(|(_, route)| is_in(route));
            let routes: Vec<String> = routes.map(|(_, route)| route.id.to_string()).collect();
            (!routes.is_empty()).then(|| format!("The route group `{id}`: {}", few(&routes)))
        }
        "Role" | "Group" => {
            let by: Vec<String> = desk.policies()?.naming(of, id).map(str::to_owned).collect();
            let word = of.to_lowercase();
            Some(match by.len() {
                0 => format!("The {word} `{id}`: no policy names it"),
                _ => format!("The {word} `{id}`: named by {}", few(&by)),
            })
        }
        _ => of_type(desk, of),
    }
}

fn tenant(model: &Model, tenant: &Tenant) -> String {
    let word = |word: &str| if word.is_empty() { "-".to_owned() } else { format!("`{word}`") };
    let key = tenant.path.data_key();
    let mut said = format!("The tenant `{}`: **{}**\n\n", tenant.path, tenant.status.as_str());
    said += &format!(
        "- region {}, tier {}, isolation `{}`\n",
        word(&tenant.region),
        word(&tenant.tier),
        tenant.isolation.as_str()
    );
    said += &format!("- its DataKey: `{key}`; the app's key: `{}`\n", model.tenants.app_key(&key));
    let below = model.tenants.find(tenant.path.as_str()).map(|at| model.tenants.children(at));
    let below: Vec<String> =
        below.into_iter().flatten().map(|at| model.tenants.get(at).path.to_string()).collect();
    if !below.is_empty() {
        said += &format!("- within it: {}\n", few(&below));
    }
    said
}

fn data_key(model: &Model, id: &str) -> Option<String> {
    let key = DataKey::parse(id).ok()?;
    let owner = model.tenants.get(model.tenants.owner(&key)?);
    let mut said = format!("The DataKey `{id}`: data of the tenant `{}`", owner.path);
    let app_key = model.tenants.app_key(&key);
    let (status, region) = (owner.status.as_str(), &owner.region);
    write!(said, " (**{status}**{}{region})", if region.is_empty() { "" } else { ", " }).ok()?;
    write!(said, "\n\n- the app's key: `{app_key}`\n").ok()?;
    Some(said)
}

fn class(model: &Model, class: &DataClass) -> String {
    let mut said =
        format!("The data class `{}`: level {}\n\n- hidden by `{}`\n", class.name, class.level, class.mask);
    let Some(at) = model.classes.find(class.name.as_str()) else { return said };
    let carries = |route: &Route| route.classes.iter().any(|carried| model.classes.is_within(*carried, at));
    let routes = model.routes.iter().filter(|(_, route)| carries(route));
    let routes: Vec<String> = routes.map(|(_, route)| route.id.to_string()).collect();
    let what = if routes.is_empty() { "no route".to_owned() } else { few(&routes) };
    said += &format!("- carried, it or one within it, by: {what}\n");
    said
}

fn route(model: &Model, route: &Route) -> String {
    let mut said = format!("The route `{}`: {} `{}`\n\n", route.id, route.method, route.template);
    said += &format!("- action `{}`, DataKey `{}`\n", route.action, route.data_key);
    let names = |names: &[Box<str>]| few(&names.iter().map(ToString::to_string).collect::<Vec<_>>());
    if !route.groups.is_empty() {
        said += &format!("- in the groups: {}\n", names(&route.groups));
    }
    let classes =
        route.classes.iter().filter_map(|at| model.classes.get(*at)).map(|class| class.name.to_string());
    let classes: Vec<String> = classes.collect();
    if route.public {
        said += "- public: anybody may call it\n";
    } else if !classes.is_empty() {
        said += &format!("- its bodies may carry: {}; the highest level is {}\n", few(&classes), route.level);
    }
    said
}

fn action(desk: &Desk<'_>, id: &str) -> Option<String> {
    let declared = desk.known.action(id)?;
    let mut said = format!("The action `{id}`\n\n");
    if !declared.says.is_empty() {
        said += &format!("{}\n\n", declared.says);
    }
    if !declared.within.is_empty() {
        said += &format!("- in the group {}\n", few(&declared.within));
    }
    let members = desk.known.members(id).into_iter().skip(1).map(|one| one.name.clone());
    let members: Vec<String> = members.collect();
    if !members.is_empty() {
        said += &format!("- a group: {}\n", few(&members));
    }
    if let What::Action(asked) = &declared.what
        && !asked.principals.is_empty()
    {
        said += &format!("- asked of {} about {}\n", few(&asked.principals), few(&asked.resources));
    }
    let routes = desk.model.into_iter().flat_map(|model| model.routes.iter());
    let routes =
        routes.filter(|(_, route)| route.action.as_str() == id).map(|(_, route)| route.id.to_string());
    let routes: Vec<String> = routes.collect();
    if !routes.is_empty() {
        said += &format!("- what these routes attempt: {}\n", few(&routes));
    }
    Some(said)
}

fn of_type(desk: &Desk<'_>, name: &str) -> Option<String> {
    let declared = desk.known.entity(name)?;
    let mut said = format!("`entity {name}`");
    if !declared.within.is_empty() {
        said += &format!(" in {}", few(&declared.within));
    }
    said += "\n\n";
    if !declared.says.is_empty() {
        said += &format!("{}\n\n", declared.says);
    }
    if let What::Entity(attributes) = &declared.what {
        for one in attributes.iter() {
            said += &format!("- {}\n", written(one));
        }
    }
    Some(said)
}

fn attributes(desk: &Desk<'_>, types: &[Type], name: &str) -> String {
    let mut said = String::new();
    for of in types {
        let Some(found) = attribute(&desk.known, of, name) else { continue };
        let line = format!("{} of `{}`", written(found), of.written());
        if !said.contains(&line) {
            said += &format!("- {line}\n");
        }
        if found.optional && !said.contains("`has`") {
            said += "\nOptional: test it with `has` before it is read. A policy that cannot be evaluated denies.\n\n";
        }
    }
    said
}

/// An attribute with its type.
pub(super) fn written(one: &super::vocabulary::Attribute) -> String {
    let optional = if one.optional { "?" } else { "" };
    let says = if one.says.is_empty() { String::new() } else { format!(": {}", one.says) };
    format!("`{}{optional}: {}`{says}", one.name, one.of.written())
}

fn few(names: &[String]) -> String {
    let mut told: Vec<String> = names.iter().take(NAMES_MAX).map(|name| format!("`{name}`")).collect();
    if names.len() > NAMES_MAX {
        told.push(format!("and {} more", names.len() - NAMES_MAX));
    }
    told.join(", ")
}
