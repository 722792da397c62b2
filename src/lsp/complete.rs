//! What could stand at the cursor: by the word that is being typed and those before it.
//!
//! Never: offers what the readers of the files do not take.

use std::ops::Range;

use crate::limits;

use super::lines::Lines;
use super::page::Desk;
use super::page::Kind;
use super::page::Page;
use super::protocol::Item;
use super::protocol::Position;
use super::protocol::TextEdit;

mod in_cedar;
mod in_yaml;

/// What kind of thing is offered, as the protocol numbers them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Icon {
    Method = 2,
    Function = 3,
    Field = 5,
    Class = 7,
    Property = 10,
    Value = 12,
    Keyword = 14,
}

/// One word that is offered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Offered {
    /// What is listed, and held against what is typed.
    label: String,
    /// What is written.
    text: String,
    detail: String,
    icon: Icon,
}

impl Offered {
    fn new(icon: Icon, label: impl Into<String>, detail: impl Into<String>) -> Self {
        let label = label.into();
        Self { text: label.clone(), label, detail: detail.into(), icon }
    }

    fn writing(self, text: impl Into<String>) -> Self {
        Self { text: text.into(), ..self }
    }
}

/// Words, and the bytes that the chosen one takes the place of.
type Offers = (Vec<Offered>, Range<usize>);

/// What is offered at a place, and whether that is all of it.
pub(super) fn complete(desk: &Desk<'_>, page: &Page, position: Position) -> (Vec<Item>, bool) {
    let lines = Lines::of(&page.text);
    let byte = lines.byte(position);
    let found = match page.kind {
        Kind::Policies => in_cedar::offers(desk, page, byte),
        Kind::Links
        | Kind::Tenants
        | Kind::Classes
        | Kind::Routes
        | Kind::OpenApi
        | Kind::ApiKeys
        | Kind::Tests => in_yaml::offers(desk, page, byte),
        Kind::Schema | Kind::Other => None,
    };
    let Some((offered, bytes)) = found else { return (Vec::new(), true) };
    let typed = page.text.get(bytes.start..byte).unwrap_or("");
    let quote = typed.chars().next().filter(|c| ['"', '\''].contains(c));
    let plain = typed.trim_start_matches(['"', '\'']).to_lowercase();
    let range = lines.range(&bytes);
    let place = |one: &Offered| one.label.to_lowercase().find(&plain);
    let mut offered: Vec<Offered> = offered.into_iter().filter(|one| place(one).is_some()).collect();
    // What begins as is typed comes first.
    offered.sort_by_key(|one| place(one) != Some(0));
    let mut items: Vec<Item> = Vec::new();
    let mut whole = true;
    for one in offered {
        if items.len() == limits::EDITOR_ITEMS_MAX {
            whole = false;
            break;
        }
        // Editors hold what they filter by against all that the edit takes away, a quote among it.
        let filter_text = quote.into_iter().chain(one.label.chars()).collect();
        let detail = Some(one.detail).filter(|detail| !detail.is_empty());
        let text_edit = TextEdit { range, new_text: one.text };
        items.push(Item { label: one.label, kind: one.icon as u8, detail, filter_text, text_edit });
    }
    (items, whole)
}
