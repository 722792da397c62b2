//! Which thing stands at a place of a file, whatever kind of file it is; and what is shown of it.
//!
//! Never: fails.

use std::ops::Range;

use crate::cases;

use super::describe::describe;
use super::lines::Lines;
use super::names;
use super::page::Desk;
use super::page::Kind;
use super::page::Page;
use super::policy::Thing;
use super::policy::policies;
use super::policy::policy_at;
use super::protocol::Hover;
use super::protocol::Markup;
use super::protocol::Position;
use super::vocabulary::Type;
use super::vocabulary::What;
use super::words::words;
use super::yaml::Role;
use super::yaml::Scalar;
use super::yaml::Step;
use super::yaml::scalars;

/// What is shown at a place.
pub(super) fn hover(desk: &Desk<'_>, page: &Page, position: Position) -> Option<Hover> {
    let lines = Lines::of(&page.text);
    let byte = lines.byte(position);
    let found = thing(desk, page, byte).and_then(|(thing, bytes)| Some((describe(desk, &thing)?, bytes)));
    let (said, bytes) = found.or_else(|| key(page, byte))?;
    Some(Hover { contents: Markup::markdown(said), range: lines.range(&bytes) })
}

/// What stands at a byte, and where.
pub(super) fn thing(desk: &Desk<'_>, page: &Page, byte: usize) -> Option<(Thing, Range<usize>)> {
    match page.kind {
        Kind::Policies => policy_at(policies(&page.text), byte)?.thing(byte, &desk.known),
        Kind::Schema => declared(desk, page, byte),
        Kind::Links
        | Kind::Tenants
        | Kind::Classes
        | Kind::Routes
        | Kind::OpenApi
        | Kind::ApiKeys
        | Kind::Tests => {
            let word = word_at(page, byte)?;
            let found = names::thing(page.kind, &word);
            let found = found.or_else(|| quoted_entity(page.kind, &word));
            Some((found?, word.bytes))
        }
        Kind::Other => None,
    }
}

fn word_at(page: &Page, byte: usize) -> Option<Scalar<'_>> {
    let touches = |word: &Scalar<'_>| word.bytes.start <= byte && byte <= word.bytes.end;
    scalars(&page.text).into_iter().find(touches)
}

/// The entity in Cedar's words that a link fills a slot with.
fn quoted_entity(kind: Kind, word: &Scalar<'_>) -> Option<Thing> {
    let fills = ["principal", "resource"].contains(word.keys().last()?);
    if kind != Kind::Links || !fills {
        return None;
    }
    let (of, id) = word.text.split_once("::\"")?;
    Some(Thing::Entity(of.to_owned(), id.trim_end_matches('"').to_owned()))
}

fn declared(desk: &Desk<'_>, page: &Page, byte: usize) -> Option<(Thing, Range<usize>)> {
    let touches = |bytes: &Range<usize>| bytes.start <= byte && byte <= bytes.end;
    for one in &desk.known.0 {
        if let What::Action(_) = one.what {
            if touches(&one.bytes) {
                return Some((Thing::Entity("Action".to_owned(), one.name.clone()), one.bytes.clone()));
            }
            continue;
        }
        let of = Type::Named(one.name.clone());
        let mut attributes = desk.known.attributes(&of).iter();
        if let Some(found) = attributes.find(|found| touches(&found.bytes)) {
            let place = found.bytes.clone();
            return Some((Thing::Attribute(vec![of.clone()], found.name.clone()), place));
        }
    }
    let word = words(&page.text).into_iter().find(|word| word.touches(byte) && word.is_name())?;
    desk.known.entity(word.text)?;
    Some((Thing::Type(word.text.to_owned()), word.bytes()))
}

/// What a key of a test file says.
fn key(page: &Page, byte: usize) -> Option<(String, Range<usize>)> {
    let word = word_at(page, byte).filter(|word| page.kind == Kind::Tests && word.role == Role::Key)?;
    let way: Vec<_> = word.way.steps().into_iter().map(Step::key).collect();
    let offered = cases::offer(&way);
    let (_, says) = offered.keys.iter().find(|(name, _)| *name == word.text)?;
    Some((format!("`{}`\n\n{says}", word.text), word.bytes.clone()))
}
