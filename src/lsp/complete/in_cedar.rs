//! What could stand at the cursor in a policy.
//!
//! Never: offers an attribute that no type there has.

use std::ops::Range;

use crate::policy::lint::RULES;
use crate::redact::Mask;

use super::Icon;
use super::Offered;
use super::Offers;
use crate::lsp::describe::ANNOTATIONS;
use crate::lsp::names::Names;
use crate::lsp::page::Desk;
use crate::lsp::page::Page;
use crate::lsp::policy::Part;
use crate::lsp::policy::Policy;
use crate::lsp::policy::policies;
use crate::lsp::policy::policy_at;
use crate::lsp::vocabulary::Type;
use crate::lsp::words::Kind;
use crate::lsp::words::Word;
use crate::lsp::words::words;

const OPERATORS: [&str; 3] = ["in", "is", "=="];
const CONDITION: [&str; 15] = [
    "principal",
    "action",
    "resource",
    "context",
    "when",
    "unless",
    "has",
    "in",
    "is",
    "like",
    "if",
    "then",
    "else",
    "true",
    "false",
];
const FUNCTIONS: [&str; 4] = ["datetime", "duration", "ip", "decimal"];

/// What can be called on a value of a type, by the beginning of the type's name.
const METHODS: [(&str, &[&str]); 4] = [
    ("Set<", &["contains", "containsAll", "containsAny", "isEmpty"]),
    ("datetime", &["offset", "durationSince", "toDate", "toTime"]),
    ("ipaddr", &["isInRange", "isLoopback", "isMulticast", "isIpv4", "isIpv6"]),
    ("duration", &["toMilliseconds", "toSeconds", "toMinutes", "toHours", "toDays"]),
];

pub(super) fn offers(desk: &Desk<'_>, page: &Page, byte: usize) -> Option<Offers> {
    let in_comment = |word: &Word<'_>| word.kind == Kind::Comment && word.at < byte && byte <= word.end();
    if words(&page.text).iter().any(in_comment) {
        return None;
    }
    let policy = policy_at(policies(&page.text), byte);
    let is_over =
        |policy: &Policy<'_>| policy.words.last().is_some_and(|last| last.is(";") && last.end() <= byte);
    let Some(policy) = policy.filter(|policy| !is_over(policy)) else {
        return Some((head(), byte..byte));
    };
    let typed = policy.words.iter().position(|word| is_typed(word, byte));
    let before = policy.words.iter().rposition(|word| word.end() <= typed_at(&policy, typed, byte));
    let bytes = typed.and_then(|at| policy.words.get(at)).map_or(byte..byte, |word| replaced(word, byte));
    let behind = |sign: &str| before.and_then(|at| policy.words.get(at)).is_some_and(|word| word.is(sign));
    let text = typed.and_then(|at| policy.words.get(at)).is_some_and(|word| word.kind == Kind::Text);
    let found = if behind("::") {
        ids(desk, page, &policy, before?)
    } else if text {
        texts(desk, page, &policy, before?)
    } else if behind(".") || behind("has") {
        attributes(desk, &policy, before?, behind("."))
    } else if behind("@") {
        ANNOTATIONS.iter().map(|(name, says)| Offered::new(Icon::Property, *name, *says)).collect()
    } else {
        plain(desk, &policy, byte)
    };
    Some((found, bytes))
}

/// Is this the word that is being typed?
fn is_typed(word: &Word<'_>, byte: usize) -> bool {
    match word.kind {
        Kind::Name => word.at < byte && byte <= word.end(),
        Kind::Text => word.at < byte && (byte < word.end() || !word.is_closed() && byte == word.end()),
        Kind::Number | Kind::Sign | Kind::Comment => false,
    }
}

fn typed_at(policy: &Policy<'_>, typed: Option<usize>, byte: usize) -> usize {
    typed.and_then(|at| policy.words.get(at)).map_or(byte, |word| word.at)
}

/// What the chosen word takes the place of: of a text without its second quote only what is before the cursor.
fn replaced(word: &Word<'_>, byte: usize) -> Range<usize> {
    let end = if word.kind == Kind::Text && !word.is_closed() { byte } else { word.end() };
    word.at..end
}

fn head() -> Vec<Offered> {
    let effects = ["permit", "forbid"].map(|word| Offered::new(Icon::Keyword, word, ""));
    let annotations = ANNOTATIONS.map(|(name, says)| {
        let name = format!("@{name}");
        Offered::new(Icon::Property, &name, says).writing(name)
    });
    effects.into_iter().chain(annotations).collect()
}

/// The ids of the type before `::`.
fn ids(desk: &Desk<'_>, page: &Page, policy: &Policy<'_>, colons: usize) -> Vec<Offered> {
    let of = policy.words.get(colons.saturating_sub(1)).map_or("", |word| word.text);
    if of == "Action" {
        return actions(desk, false);
    }
    let all = Names::of_type(of).map(|names| names.all(desk, page)).unwrap_or_default();
    all.into_iter().map(|(name, says)| quoted(Icon::Value, &name, says)).collect()
}

fn quoted(icon: Icon, name: &str, says: impl Into<String>) -> Offered {
    Offered::new(icon, name, says).writing(format!("\"{}\"", name.escape_default()))
}

fn actions(desk: &Desk<'_>, with_type: bool) -> Vec<Offered> {
    let one = |name: &str, says: &str| {
        let said = quoted(Icon::Value, name, says);
        if with_type { said.writing(format!("Action::\"{name}\"")) } else { said }
    };
    desk.known.actions().map(|action| one(&action.name, &action.says)).collect()
}

/// What is said in an annotation, or compared with something.
fn texts(desk: &Desk<'_>, page: &Page, policy: &Policy<'_>, before: usize) -> Vec<Offered> {
    let word = |back: usize| before.checked_sub(back).and_then(|at| policy.words.get(at));
    let names = |names: Names| names.all(desk, page);
    if word(2).is_some_and(|word| word.is("@")) {
        let values: Vec<(String, String)> = match word(1).map_or("", |word| word.text) {
            "mask" => Mask::WRITTEN.map(|mask| (mask.to_owned(), String::new())).to_vec(),
            "mode" => plain_words(&["shadow", "enforce"]),
            "lint_allow" => {
                RULES.iter().map(|rule| (format!("{}: ", rule.code), rule.finds.to_owned())).collect()
            }
            "pathway" => names(Names::Pathways),
            _ => Vec::new(),
        };
        return values.into_iter().map(|(value, says)| quoted(Icon::Value, &value, says)).collect();
    }
    let compared = word(0).filter(|word| word.is("==") || word.is("!=")).and_then(|_| word(1));
    let values = match compared.map_or("", |word| word.text) {
        "purpose" => names(Names::Purposes),
        "status" => plain_words(&["active", "maintenance", "suspended", "quarantined"]),
        "isolation" => plain_words(&["shared", "strict"]),
        "auth" => plain_words(&["jwt", "api_key", "spiffe"]),
        _ => Vec::new(),
    };
    values.into_iter().map(|(value, says)| quoted(Icon::Value, &value, says)).collect()
}

fn plain_words(words: &[&str]) -> Vec<(String, String)> {
    words.iter().map(|word| ((*word).to_owned(), String::new())).collect()
}

fn attributes(desk: &Desk<'_>, policy: &Policy<'_>, link: usize, dot: bool) -> Vec<Offered> {
    let types = link.checked_sub(1).map_or_else(Vec::new, |end| policy.types_at(end, &desk.known));
    let mut found: Vec<Offered> = Vec::new();
    let mut add = |one: Offered| {
        if !found.iter().any(|known| known.label == one.label) {
            found.push(one);
        }
    };
    for of in &types {
        for one in desk.known.attributes(of) {
            let optional = if one.optional { "?" } else { "" };
            let says = if one.says.is_empty() { String::new() } else { format!(": {}", one.says) };
            add(Offered::new(Icon::Field, &one.name, format!("{}{optional}{says}", one.of.written())));
        }
        for method in methods(of).iter().filter(|_| dot) {
            add(Offered::new(Icon::Method, *method, format!("of {}", of.written()))
                .writing(format!("{method}(")));
        }
    }
    found
}

fn methods(of: &Type) -> &'static [&'static str] {
    let name = of.written();
    METHODS.iter().find(|(begins, _)| name.starts_with(begins)).map_or(&[], |(_, methods)| methods)
}

/// Keywords, types and actions, by where in a policy the cursor is.
fn plain(desk: &Desk<'_>, policy: &Policy<'_>, byte: usize) -> Vec<Offered> {
    let types = || {
        let all = desk.known.entities();
        all.map(|one| Offered::new(Icon::Class, &one.name, &*one.says).writing(format!("{}::", one.name)))
    };
    let keywords = |words: &[&'static str]| -> Vec<Offered> {
        words.iter().map(|word| Offered::new(Icon::Keyword, *word, "")).collect()
    };
    match policy.part(byte) {
        (Part::Head, _) => head(),
        (Part::Scope, None) => keywords(&["principal"]),
        (Part::Scope, Some("action")) => {
            let next = keywords(&["in", "==", "resource"]);
            actions(desk, true).into_iter().chain(next).collect()
        }
        (Part::Scope, Some(_)) => {
            types().chain(keywords(&OPERATORS)).chain(keywords(&["action", "resource"])).collect()
        }
        (Part::Condition, _) => {
            let functions =
                FUNCTIONS.map(|name| Offered::new(Icon::Function, name, "").writing(format!("{name}(")));
            keywords(&CONDITION)
                .into_iter()
                .chain(functions)
                .chain(types())
                .chain(actions(desk, true))
                .collect()
        }
    }
}
