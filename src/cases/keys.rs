//! Every key of a test file, with what it holds: the one list, for the reader and for editors' JSON Schema.

use serde_json::Map;
use serde_json::Value as Json;
use serde_json::json;

use crate::ids::Action;
use crate::request::question;

/// What a key holds, in the form of a JSON Schema.
#[derive(Debug, Clone, Copy)]
pub(super) enum Form {
    Text,
    Texts,
    OneOf(&'static [&'static str]),
    Action,
    Code,
    Anything,
    /// One map with these keys.
    Map(&'static [Key]),
    /// Names, each with such a map.
    Named(&'static [Key]),
    /// Such maps in a list.
    List(&'static [Key]),
    /// `decision`, or a map with these keys.
    Decision(&'static [Key]),
    /// The name of a request, or a map with these keys.
    Request(&'static [Key]),
    Actions,
    Classes,
    Cells,
}

/// One key.
#[derive(Debug, Clone, Copy)]
pub(super) struct Key {
    pub(super) name: &'static str,
    pub(super) form: Form,
    pub(super) says: &'static str,
}

const fn key(name: &'static str, form: Form, says: &'static str) -> Key {
    Key { name, form, says }
}

pub(super) const KINDS: &[&str] = &["user", "service"];
pub(super) const AUTHS: &[&str] = &["jwt", "api_key", "spiffe"];
pub(super) const DECISIONS: &[&str] = &["allow", "deny"];
pub(super) const STATUSES: &[&str] = &["active", "maintenance", "suspended", "quarantined"];
pub(super) const ISOLATIONS: &[&str] = &["shared", "strict"];
pub(super) const BODIES: &[&str] = &["response", "request"];
/// Stands for every class that is not named.
pub(super) const OTHERS: &str = "others";

pub(super) const FILE: &[Key] = &[
    key("defaults", Form::Map(REQUEST), "What every request of this file has, unless it says otherwise."),
    key("principals", Form::Named(PRINCIPAL), "Who calls, by the names that the tests use."),
    key("requests", Form::Named(REQUEST), "What is called, by the names that the tests use."),
    key("tests", Form::List(TEST), "One principal, one request, and what must come out."),
    key("tables", Form::List(TABLE), "Decisions of many principals on many requests."),
    key("redactions", Form::List(REDACTION), "A body as it is sent, and as it arrives."),
];

pub(super) const PRINCIPAL: &[Key] = &[
    key("kind", Form::OneOf(KINDS), "What calls. Default: `user`."),
    key("id", Form::Text, "Its id, as its credential would give it. Default: its name here."),
    key("tenant", Form::Text, "The tenant that it belongs to."),
    key("roles", Form::Texts, "Its roles."),
    key("groups", Form::Texts, "Its groups."),
    key("scopes", Form::Texts, "Its scopes."),
    key(
        "auth",
        Form::OneOf(AUTHS),
        "How it proved who it is. Default: `jwt` with an issuer, `api_key` without.",
    ),
    key("issuer", Form::Text, "The issuer of its token."),
    key("actor", Form::Map(ACTOR), "Who acts for it."),
];

pub(super) const ACTOR: &[Key] = &[
    key("kind", Form::OneOf(KINDS), "What acts. Default: `user`."),
    key("id", Form::Text, "Its id."),
    key("actor", Form::Anything, "For whom it was acting in turn: a map like this one."),
];

pub(super) const REQUEST: &[Key] = &[
    key("method", Form::Text, "The method. Default: `GET` with a path, else the route's."),
    key("path", Form::Text, "The path, with its query; the route is found as in serving."),
    key("route", Form::Text, "The route's id, in place of method and path."),
    key("action", Form::Action, "What is attempted, where no route is meant."),
    key("classes", Form::Texts, "With an action: the data classes of the bodies."),
    key("target", Form::Text, "The tenant whose data is meant. Default: the caller's own."),
    key("data_key", Form::Text, "The DataKey. Default: as the route says, or that of the target."),
    key("host", Form::Text, "The host that the request names."),
    key("purpose", Form::Text, "What the caller says the data is for."),
    key("source_ip", Form::Text, "Where the connection comes from."),
    key(
        "tenants",
        Form::Named(STATE),
        "Tenants that are in another state than their file says; what is said of one holds for those within it.",
    ),
    key("now", Form::Text, "When: `2027-06-30T00:00:00Z`. Default: the time at which the tests run."),
];

pub(super) const STATE: &[Key] = &[
    key("status", Form::OneOf(STATUSES), "Its status."),
    key("isolation", Form::OneOf(ISOLATIONS), "Its isolation."),
    key("region", Form::Text, "Its region."),
    key("tier", Form::Text, "Its tier."),
];

/// What a request within a test has beyond those.
pub(super) const LIKE: Key = key("like", Form::Text, "The name of a request that this one differs from.");

pub(super) const EXPECT: &[Key] = &[
    key("decision", Form::OneOf(DECISIONS), "Is it allowed?"),
    key("code", Form::Code, "The code of the refusal."),
    key("policies", Form::Texts, "The ids of exactly those policies that decide."),
    key("pathway", Form::Text, "The name of the pathway that alone allows it."),
    key("reveal", Form::Classes, "The data classes that are shown; `others`: all that `hide` does not name."),
    key(
        "hide",
        Form::Classes,
        "The data classes that are hidden, in a map each with its mask; `others`: all that `reveal` does not name.",
    ),
    key("settable", Form::Texts, "Data classes of the request's body that the caller may set."),
    key("unsettable", Form::Texts, "Data classes of the request's body that the caller may not set."),
];

pub(super) const TEST: &[Key] = &[
    key("name", Form::Text, "What it shows, as a sentence."),
    key("principal", Form::Text, "Who calls; without it nobody, as on public routes."),
    key("request", Form::Request(REQUEST), "What is called: a name of `requests`, or a request."),
    key("expect", Form::Decision(EXPECT), "What must come out."),
];

pub(super) const TABLE: &[Key] = &[
    key("name", Form::Text, "What it shows, as a sentence."),
    key("request", Form::Request(REQUEST), "What all requests of the table have."),
    key("actions", Form::Actions, "The columns: actions."),
    key("routes", Form::Texts, "The columns: ids of routes."),
    key("requests", Form::Texts, "The columns: names of `requests`."),
    key("data_keys", Form::Texts, "The rows: DataKeys. Without them there is one row."),
    key(
        "expect",
        Form::Cells,
        "For each principal its cells: one for all, a list in the order of the columns, or a map by DataKey or column. A cell \
         is `allow`, `deny`, the code of a refusal, or nothing.",
    ),
];

pub(super) const REDACTION: &[Key] = &[
    key("name", Form::Text, "What it shows, as a sentence."),
    key("principal", Form::Text, "Who calls."),
    key("request", Form::Request(REQUEST), "What is called: a name of `requests`, or a request."),
    key(
        "of",
        Form::OneOf(BODIES),
        "The response's body (default), as the caller gets it, or the request's, as the app does.",
    ),
    key("body", Form::Anything, "As it is sent: a map, a list, or JSON in a text."),
    key("expect", Form::Anything, "As it arrives."),
];

/// The names of some keys.
pub(super) fn names(keys: &[Key]) -> Vec<&'static str> {
    keys.iter().map(|key| key.name).collect()
}

/// The JSON Schema of a test file, for editors.
#[must_use]
pub fn schema_json() -> String {
    let mut schema = map(FILE, &[]);
    if let Some(schema) = schema.as_object_mut() {
        schema.insert("$schema".to_owned(), json!("https://json-schema.org/draft/2020-12/schema"));
        schema.insert("title".to_owned(), json!("Palisade policy tests (*_test.yaml)"));
    }
    let mut text = serde_json::to_string_pretty(&schema).unwrap_or_default();
    text.push('\n');
    text
}

fn map(keys: &[Key], more: &[Key]) -> Json {
    let mut properties = Map::new();
    for key in keys.iter().chain(more) {
        let mut form = form(key.form);
        if let Some(form) = form.as_object_mut() {
            form.insert("description".to_owned(), json!(key.says));
        }
        properties.insert(key.name.to_owned(), form);
    }
    json!({ "type": "object", "additionalProperties": false, "properties": properties })
}

fn form(form: Form) -> Json {
    let text = || json!({ "type": "string" });
    let texts = || json!({ "type": "array", "items": text() });
    let words = |words: &[&str]| json!({ "enum": words });
    let actions = || words(&Action::ALL.map(Action::as_str));
    let many = |item: Json| json!({ "type": "array", "items": item });
    match form {
        Form::Text => text(),
        Form::Texts => json!({ "anyOf": [text(), texts()] }),
        Form::OneOf(known) => words(known),
        Form::Action => actions(),
        Form::Code => words(&question::codes()),
        Form::Anything => json!({}),
        Form::Map(keys) => map(keys, &[]),
        Form::Named(keys) => json!({ "type": "object", "additionalProperties": map(keys, &[]) }),
        Form::List(keys) => many(map(keys, &[])),
        Form::Decision(keys) => json!({ "anyOf": [words(DECISIONS), map(keys, &[])] }),
        Form::Request(keys) => json!({ "anyOf": [text(), map(keys, &[LIKE])] }),
        Form::Actions => many(actions()),
        Form::Classes => json!({ "anyOf": [
            text(),
            texts(),
            { "type": "object", "additionalProperties": { "type": ["string", "null"] } },
        ] }),
        Form::Cells => {
            let cell = json!({ "type": ["string", "null"] });
            let row = json!({ "anyOf": [cell, many(cell.clone()), { "type": "object", "additionalProperties": cell }] });
            let cells = json!({ "anyOf": [row, { "type": "object", "additionalProperties": row }] });
            json!({ "type": "object", "additionalProperties": cells })
        }
    }
}
