//! Which kind of name stands where in the YAML files, and all names of a kind.
//!
//! Never: says that a name is wrong; the readers of the files do.

use std::collections::BTreeSet;

use crate::ids::Action;
use crate::policy::Mentions;

use super::page::Desk;
use super::page::Kind;
use super::page::Page;
use super::policy::Thing;
use super::policy::policies;
use super::yaml::Role;
use super::yaml::Scalar;
use super::yaml::scalars;

/// A kind of name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Names {
    Tenants,
    DataKeys,
    Classes,
    Routes,
    RouteGroups,
    Policies,
    Templates,
    Pathways,
    Roles,
    Groups,
    Actions,
    Purposes,
    /// Of `principals` of the same file.
    Principals,
    /// Of `requests` of the same file.
    Requests,
}

impl Names {
    /// The kind of the name that a word is.
    pub(super) fn of(kind: Kind, word: &Scalar<'_>) -> Option<Self> {
        let keys = word.keys();
        let last = keys.last().copied().unwrap_or("");
        match kind {
            Kind::Tests => Self::in_tests(&keys, last, word.role),
            Kind::Tenants => (last == "tenants" && word.role == Role::Key).then_some(Self::Tenants),
            Kind::Classes => (last == "classes" && word.role == Role::Key).then_some(Self::Classes),
            Kind::Routes if word.role == Role::Key => None,
            Kind::Routes => match last {
                "id" => Some(Self::Routes),
                "action" => Some(Self::Actions),
                "groups" => Some(Self::RouteGroups),
                _ => keys.contains(&"classes").then_some(Self::Classes),
            },
            Kind::OpenApi if word.role == Role::Key => None,
            Kind::OpenApi => match last {
                "operationId" => Some(Self::Routes),
                "x-palisade-action" => Some(Self::Actions),
                "x-palisade-groups" => Some(Self::RouteGroups),
                "x-palisade-class" => Some(Self::Classes),
                _ => None,
            },
            Kind::Links if word.role == Role::Key => None,
            Kind::Links => match last {
                "id" => Some(Self::Policies),
                "template" => Some(Self::Templates),
                _ => None,
            },
            Kind::ApiKeys => match last {
                "tenant" => Some(Self::Tenants),
                "roles" => Some(Self::Roles),
                "groups" => Some(Self::Groups),
                _ => None,
            },
            Kind::Policies | Kind::Schema | Kind::Other => None,
        }
    }

    fn in_tests(keys: &[&str], last: &str, role: Role) -> Option<Self> {
        if role == Role::Key {
            return match keys {
                ["principals"] | ["tables", "expect"] => Some(Self::Principals),
                ["requests"] => Some(Self::Requests),
                _ if last == "tenants" => Some(Self::Tenants),
                _ if ["reveal", "hide", "settable", "unsettable"].contains(&last) => Some(Self::Classes),
                ["tables", "expect", _] => Some(Self::DataKeys),
                _ => None,
            };
        }
        match last {
            "tenant" | "target" => Some(Self::Tenants),
            "data_key" | "data_keys" => Some(Self::DataKeys),
            "classes" | "reveal" | "hide" | "settable" | "unsettable" => Some(Self::Classes),
            "route" | "routes" => Some(Self::Routes),
            "policies" => Some(Self::Policies),
            "pathway" => Some(Self::Pathways),
            "principal" => Some(Self::Principals),
            "request" | "like" | "requests" => Some(Self::Requests),
            "roles" => Some(Self::Roles),
            "groups" => Some(Self::Groups),
            "action" | "actions" => Some(Self::Actions),
            "purpose" => Some(Self::Purposes),
            _ => None,
        }
    }

    /// The type of the entity that such a name is, where it is one.
    pub(super) const fn entity(self) -> Option<&'static str> {
        match self {
            Self::Tenants => Some("Tenant"),
            Self::DataKeys => Some("DataKey"),
            Self::Classes => Some("DataClass"),
            Self::Routes => Some("Route"),
            Self::RouteGroups => Some("RouteGroup"),
            Self::Roles => Some("Role"),
            Self::Groups => Some("Group"),
            Self::Actions => Some("Action"),
            Self::Policies
            | Self::Templates
            | Self::Pathways
            | Self::Purposes
            | Self::Principals
            | Self::Requests => None,
        }
    }

    /// The kind of name that the ids of a type are.
    pub(super) fn of_type(name: &str) -> Option<Self> {
        let all = [
            Self::Tenants,
            Self::DataKeys,
            Self::Classes,
            Self::Routes,
            Self::RouteGroups,
            Self::Roles,
            Self::Groups,
            Self::Actions,
        ];
        all.into_iter().find(|names| names.entity() == Some(name))
    }

    /// All names of this kind that are known, sorted, each with a few words on it.
    pub(super) fn all(self, desk: &Desk<'_>, page: &Page) -> Vec<(String, String)> {
        let model = desk.model;
        let plain = |names: BTreeSet<String>| names.into_iter().map(|name| (name, String::new())).collect();
        let mentions = || desk.policies().map(|policies| policies.mentions(|_| true)).unwrap_or_default();
        let of_type = |mentions: &Mentions, of: &str| mentions.of_type(of).map(str::to_owned).collect();
        match self {
            Self::Tenants => tenants(desk),
            Self::DataKeys => {
                let mut keys: BTreeSet<String> = of_type(&mentions(), "DataKey");
                keys.extend(tenants(desk).into_iter().map(|(path, _)| path));
                plain(keys)
            }
            Self::Classes => {
                let all = model.into_iter().flat_map(|model| model.classes.iter());
                all.map(|(_, class)| {
                    (class.name.to_string(), format!("level {}, {}", class.level, class.mask))
                })
                .collect()
            }
            Self::Routes => {
                let all = model.into_iter().flat_map(|model| model.routes.iter());
                all.map(|(_, route)| (route.id.to_string(), format!("{} {}", route.method, route.template)))
                    .collect()
            }
            Self::RouteGroups => {
                let all = model.into_iter().flat_map(|model| model.routes.iter());
                plain(all.flat_map(|(_, route)| route.groups.iter().map(ToString::to_string)).collect())
            }
            Self::Policies => {
                plain(desk.policies().into_iter().flat_map(|all| all.ids()).map(str::to_owned).collect())
            }
            Self::Templates => plain(templates(desk).collect()),
            Self::Pathways => {
                let all = desk.policies().map(crate::policy::Policies::pathways).unwrap_or_default();
                plain(all.iter().map(|pathway| pathway.name.to_string()).collect())
            }
            Self::Roles => {
                let mut roles: BTreeSet<String> = of_type(&mentions(), "Role");
                roles.extend(held(desk, "roles"));
                plain(roles)
            }
            Self::Groups => {
                let mut groups: BTreeSet<String> = of_type(&mentions(), "Group");
                groups.extend(held(desk, "groups"));
                plain(groups)
            }
            Self::Actions => Action::ALL.iter().map(|action| (action.to_string(), String::new())).collect(),
            Self::Purposes => plain(mentions().texts_of("context.purpose").map(str::to_owned).collect()),
            Self::Principals => plain(local(page, "principals").collect()),
            Self::Requests => plain(local(page, "requests").collect()),
        }
    }
}

fn tenants(desk: &Desk<'_>) -> Vec<(String, String)> {
    let all = desk.model.into_iter().flat_map(|model| model.tenants.iter());
    all.map(|(_, tenant)| (tenant.path.to_string(), tenant.status.as_str().to_owned())).collect()
}

/// The ids of the policies with a slot.
fn templates<'d>(desk: &'d Desk<'_>) -> impl Iterator<Item = String> + 'd {
    desk.of_kind(Kind::Policies).flat_map(|page| {
        let has_slot = |policy: &super::policy::Policy<'_>| policy.words.iter().any(|word| word.is("?"));
        let found = policies(&page.text).into_iter().filter(has_slot);
        found.filter_map(|policy| policy.id().map(str::to_owned)).collect::<Vec<_>>()
    })
}

/// What the principals of tests and the API keys have.
fn held<'d>(desk: &'d Desk<'_>, key: &'d str) -> impl Iterator<Item = String> + 'd {
    let pages = desk.of_kind(Kind::Tests).chain(desk.of_kind(Kind::ApiKeys));
    pages.flat_map(move |page| {
        let is = |word: &Scalar<'_>| word.role == Role::Value && word.keys().last() == Some(&key);
        scalars(&page.text).into_iter().filter(is).map(|word| word.text.into_owned()).collect::<Vec<_>>()
    })
}

/// The names of a section of a test file.
fn local<'p>(page: &'p Page, section: &'p str) -> impl Iterator<Item = String> + 'p {
    let is = move |word: &Scalar<'_>| word.role == Role::Key && word.keys() == [section];
    scalars(&page.text).into_iter().filter(is).map(|word| word.text.into_owned())
}

/// The full name that a key of a tree of names stands for: `acme/west` where `west` stands below `acme`.
pub(super) fn in_tree(kind: Kind, word: &Scalar<'_>) -> String {
    let (children, separator) = if kind == Kind::Tenants { ("tenants", "/") } else { ("classes", ".") };
    let keys = word.keys();
    let above = keys.iter().skip(1).step_by(2).copied();
    // Names stand at every second step: `tenants`, `acme`, `tenants`, `west`.
    let is_tree = keys.iter().step_by(2).all(|key| *key == children);
    let names: Vec<&str> = above.filter(|_| is_tree).chain([&*word.text]).collect();
    names.join(separator)
}

/// What a word of a YAML file means.
pub(super) fn thing(kind: Kind, word: &Scalar<'_>) -> Option<Thing> {
    let names = Names::of(kind, word)?;
    let text = if kind == Kind::Tenants || kind == Kind::Classes {
        in_tree(kind, word)
    } else {
        word.text.to_string()
    };
    Some(match names {
        Names::Policies | Names::Templates => Thing::Policy(text),
        Names::Pathways => Thing::Pathway(text),
        Names::Principals => Thing::Local("principals", text),
        Names::Requests => Thing::Local("requests", text),
        Names::Purposes => return None,
        Names::Tenants
        | Names::DataKeys
        | Names::Classes
        | Names::Routes
        | Names::RouteGroups
        | Names::Roles
        | Names::Groups
        | Names::Actions => Thing::Entity(names.entity()?.to_owned(), text),
    })
}
