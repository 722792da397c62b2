//! Where a thing is written.
//!
//! Looked for in the texts as they are now, so that a place is right while somebody types. Never: fails.

use std::ops::Range;

use crate::ids::DataKey;

use super::hover::thing;
use super::lines::Lines;
use super::names::Names;
use super::names::in_tree;
use super::page::Desk;
use super::page::Kind;
use super::page::Page;
use super::policy::Policy;
use super::policy::Thing;
use super::policy::attribute;
use super::policy::policies;
use super::protocol::Location;
use super::protocol::Position;
use super::yaml::Role;
use super::yaml::Scalar;
use super::yaml::scalars;

/// Where the thing at a place is written; several places where it is written at several.
pub(super) fn define(desk: &Desk<'_>, page: &Page, position: Position) -> Vec<Location> {
    let byte = Lines::of(&page.text).byte(position);
    let Some((thing, _)) = thing(desk, page, byte) else { return Vec::new() };
    let mut found = match &thing {
        Thing::Policy(id) => policy(desk, id),
        Thing::Entity(of, id) => entity(desk, of, id),
        Thing::Type(name) => schema(desk, desk.known.entity(name).map(|one| one.bytes.clone())),
        Thing::Attribute(types, name) => {
            let places = types.iter().filter_map(|of| attribute(&desk.known, of, name));
            schema(desk, places.map(|one| one.bytes.clone()))
        }
        Thing::Pathway(name) => annotated(desk, "pathway", name),
        Thing::Local(section, name) => {
            let is =
                |word: &Scalar<'_>| word.role == Role::Key && word.keys() == [*section] && word.text == *name;
            words(page, is)
        }
        Thing::Variable(..) | Thing::Annotation(_) => Vec::new(),
    };
    found.dedup();
    found
}

fn words(page: &Page, is: impl Fn(&Scalar<'_>) -> bool) -> Vec<Location> {
    scalars(&page.text).iter().filter(|word| is(word)).map(|word| page.location(&word.bytes)).collect()
}

/// The words of some files that are this name of this kind.
fn named(desk: &Desk<'_>, kind: Kind, names: Names, name: &str) -> Vec<Location> {
    let is_tree = kind == Kind::Tenants || kind == Kind::Classes;
    let is = |word: &Scalar<'_>| {
        let text = || if is_tree { in_tree(kind, word) } else { word.text.to_string() };
        Names::of(kind, word) == Some(names) && text() == name
    };
    desk.of_kind(kind).flat_map(|page| words(page, is)).collect()
}

fn policy(desk: &Desk<'_>, id: &str) -> Vec<Location> {
    let mut found = annotated(desk, "id", id);
    found.extend(named(desk, Kind::Links, Names::Policies, id));
    found
}

fn annotated(desk: &Desk<'_>, annotation: &str, value: &str) -> Vec<Location> {
    // Most files do not have it, and need not be taken apart.
    let pages = desk.of_kind(Kind::Policies).filter(|page| page.text.contains(value));
    let of_page = |page: &Page| {
        let word = |policy: &Policy<'_>| {
            policy.annotation(annotation).filter(|word| word.inner() == Some(value)).map(|word| word.bytes())
        };
        policies(&page.text).iter().filter_map(word).map(|bytes| page.location(&bytes)).collect::<Vec<_>>()
    };
    pages.flat_map(of_page).collect()
}

/// Places in the schema; none where it is the one that ships, for that is no file.
fn schema(desk: &Desk<'_>, bytes: impl IntoIterator<Item = Range<usize>>) -> Vec<Location> {
    let page = desk.of_kind(Kind::Schema).find(|page| page.file.starts_with('/'));
    let Some(page) = page else { return Vec::new() };
    bytes.into_iter().map(|bytes| page.location(&bytes)).collect()
}

fn entity(desk: &Desk<'_>, of: &str, id: &str) -> Vec<Location> {
    match of {
        "Action" => schema(desk, desk.known.action(id).map(|one| one.bytes.clone())),
        "Tenant" => named(desk, Kind::Tenants, Names::Tenants, id),
        "DataKey" => {
            // It may be deeper than any tenant; the tenant that owns it is written.
            let key = DataKey::parse(id).ok();
            let paths: Vec<String> =
                key.iter().flat_map(DataKey::and_enclosing).map(|key| key.to_string()).collect();
            let mut places = paths.iter().map(|path| named(desk, Kind::Tenants, Names::Tenants, path));
            places.find(|found| !found.is_empty()).unwrap_or_default()
        }
        "DataClass" => named(desk, Kind::Classes, Names::Classes, id),
        "Route" => route(desk, id),
        "RouteGroup" => both(desk, [Kind::Routes, Kind::OpenApi], Names::RouteGroups, id),
        "Role" => both(desk, [Kind::Tests, Kind::ApiKeys], Names::Roles, id),
        "Group" => both(desk, [Kind::Tests, Kind::ApiKeys], Names::Groups, id),
        _ => schema(desk, desk.known.entity(of).map(|one| one.bytes.clone())),
    }
}

fn both(desk: &Desk<'_>, kinds: [Kind; 2], names: Names, name: &str) -> Vec<Location> {
    kinds.into_iter().flat_map(|kind| named(desk, kind, names, name)).collect()
}

fn route(desk: &Desk<'_>, id: &str) -> Vec<Location> {
    let mut found = both(desk, [Kind::Routes, Kind::OpenApi], Names::Routes, id);
    // A route without an id of its own is named by its method and its path.
    if let (true, Some((method, path))) = (found.is_empty(), id.split_once(' ')) {
        let of_openapi = |word: &Scalar<'_>| {
            word.role == Role::Key && word.text.eq_ignore_ascii_case(method) && word.keys() == ["paths", path]
        };
        found.extend(desk.of_kind(Kind::OpenApi).flat_map(|page| words(page, of_openapi)));
        let of_file = |word: &Scalar<'_>| {
            word.role == Role::Value && word.text == path && word.keys().last() == Some(&"path")
        };
        found.extend(desk.of_kind(Kind::Routes).flat_map(|page| words(page, of_file)));
    }
    found
}
