//! The named parts of a file: policies, tenants, data classes, tests.
//!
//! Never: fails.

use std::ops::Range;

use super::lines::Lines;
use super::names::Names;
use super::names::in_tree;
use super::page::Kind;
use super::page::Page;
use super::policy::policies;
use super::protocol::Symbol;
use super::yaml::Role;
use super::yaml::scalars;

const NAMESPACE: u8 = 3;
const FUNCTION: u8 = 12;

/// All of them, in the order of the file.
pub(super) fn symbols(page: &Page) -> Vec<Symbol> {
    let lines = Lines::of(&page.text);
    let one = |name: &str, detail: &str, kind, all: &Range<usize>, of: &Range<usize>| Symbol {
        // An editor does not take a part without a name.
        name: if name.is_empty() { "?".to_owned() } else { name.to_owned() },
        detail: detail.to_owned(),
        kind,
        range: lines.range(all),
        selection_range: lines.range(of),
    };
    if page.kind == Kind::Policies {
        let all = policies(&page.text).into_iter().filter_map(|policy| {
            let effect = policy.words.get(policy.effect?)?;
            let of = policy.annotation("id").map_or_else(|| effect.bytes(), |id| id.bytes());
            Some(one(policy.id().unwrap_or(""), effect.text, FUNCTION, &policy.bytes(), &of))
        });
        return all.collect();
    }
    let found = scalars(&page.text).into_iter().filter_map(|word| {
        let name = match page.kind {
            Kind::Tenants | Kind::Classes => {
                Names::of(page.kind, &word)?;
                (in_tree(page.kind, &word), NAMESPACE)
            }
            Kind::Tests => {
                let keys = word.keys();
                let is_name = matches!(*keys, ["tests" | "tables" | "redactions", "name"]);
                (is_name && word.role == Role::Value).then(|| (word.text.to_string(), FUNCTION))?
            }
            Kind::Policies
            | Kind::Links
            | Kind::Schema
            | Kind::Routes
            | Kind::OpenApi
            | Kind::ApiKeys
            | Kind::Other => {
                return None;
            }
        };
        Some(one(&name.0, "", name.1, &word.bytes, &word.bytes))
    });
    found.collect()
}
