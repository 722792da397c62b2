//! From what an OpenAPI document (3.0, 3.1) says of a request's body to one JSON Schema of the draft 2020-12 that stands by
//! itself.
//!
//! Never: makes a schema laxer than what is written, but that a caller need not send what only the app may (`readOnly`).

use serde_json::Map;
use serde_json::Value as Json;
use serde_json::json;

use crate::model::schema::Document;
use crate::model::tree::Node;
use crate::model::tree::Reader;
use crate::model::tree::Value;

/// Keywords whose value is a schema.
const ONE: [&str; 12] = [
    "items",
    "additionalProperties",
    "not",
    "if",
    "then",
    "else",
    "contains",
    "propertyNames",
    "unevaluatedProperties",
    "unevaluatedItems",
    "additionalItems",
    "contentSchema",
];
/// Keywords whose value is a list of schemas.
const LIST: [&str; 4] = ["allOf", "anyOf", "oneOf", "prefixItems"];
/// Keywords whose value is a map of schemas.
const MAP: [&str; 5] = ["properties", "patternProperties", "dependentSchemas", "$defs", "definitions"];
/// Words of OpenAPI that say nothing about a value. `default` and `format` are annotations in JSON Schema too.
const SILENT: [&str; 6] = ["example", "examples", "discriminator", "xml", "externalDocs", "deprecated"];

/// A schema of a document, with all that it refers to.
pub(in crate::model) fn bundled<'n>(
    document: &mut Document<'n>,
    reader: &mut Reader,
    schemas: &[&'n Node],
    is_3_0: bool,
) -> Json {
    let mut bundle = Bundle { is_3_0, waiting: Vec::new() };
    let mut all: Vec<Json> = schemas.iter().map(|schema| bundle.schema(schema)).collect();
    let body = if all.len() == 1 { all.pop().unwrap_or(Json::Bool(true)) } else { json!({ "anyOf": all }) };
    let mut root = json!({ "$ref": "#/body", "body": body });
    let mut done: Vec<&str> = Vec::new();
    while let Some((text, at)) = bundle.waiting.pop() {
        if done.contains(&text) {
            continue;
        }
        done.push(text);
        // What is not there has been told.
        let Some(node) = document.resolve(reader, text, at) else { continue };
        let schema = bundle.schema(node);
        put(&mut root, text, schema);
    }
    root
}

/// Puts a schema where a pointer leads.
fn put(root: &mut Json, pointer: &str, schema: Json) {
    let mut at = root;
    for token in pointer.trim_start_matches('#').split('/').skip(1) {
        if !at.is_object() {
            return;
        }
        let token = token.replace("~1", "/").replace("~0", "~");
        let Some(members) = at.as_object_mut() else { return };
        at = members.entry(token).or_insert_with(|| Json::Object(Map::new()));
    }
    // What a wider reference has brought is the same, and more.
    let is_new = at.as_object().is_some_and(Map::is_empty);
    let within = at.as_object().cloned().unwrap_or_default();
    *at = schema;
    if let Some(members) = at.as_object_mut().filter(|_| !is_new) {
        for (key, value) in within {
            members.entry(key).or_insert(value);
        }
    }
}

struct Bundle<'n> {
    is_3_0: bool,
    /// References that are yet to be followed.
    waiting: Vec<(&'n str, crate::model::tree::At)>,
}

impl<'n> Bundle<'n> {
    fn schema(&mut self, node: &'n Node) -> Json {
        let mut members = Map::new();
        let Value::Map(entries) = &node.value else { return node.to_json() };
        for (key, node) in entries {
            let name = key.text.as_str();
            if name == "$ref" {
                if let Some(text) = node.as_text() {
                    self.waiting.push((text, node.at));
                    members.insert("$ref".to_owned(), text.into());
                }
                if self.is_3_0 {
                    // What stands beside a reference is not read there.
                    members.retain(|key, _| key == "$ref");
                    return members.into();
                }
                continue;
            }
            if SILENT.contains(&name) || name.starts_with("x-") {
                continue;
            }
            let value = if ONE.contains(&name) {
                self.schema(node)
            } else if LIST.contains(&name) {
                node.items().iter().map(|item| self.schema(item)).collect()
            } else if MAP.contains(&name) {
                node.entries().iter().map(|(key, schema)| (key.text.clone(), self.schema(schema))).collect()
            } else {
                node.to_json()
            };
            members.insert(name.to_owned(), value);
        }
        drop_read_only(&mut members);
        if self.is_3_0 {
            of_3_0(&mut members);
        }
        members.into()
    }
}

/// A property that only the app sets is required of its answers only.
fn drop_read_only(schema: &mut Map<String, Json>) {
    let is_read_only = |schema: &Json| schema.get("readOnly") == Some(&Json::Bool(true));
    let properties = schema.get("properties").and_then(Json::as_object);
    let read_only: Vec<String> = properties
        .into_iter()
        .flatten()
        .filter(|(_, schema)| is_read_only(schema))
        .map(|(name, _)| name.clone())
        .collect();
    if let Some(required) = schema.get_mut("required").and_then(Json::as_array_mut) {
        required.retain(|name| !name.as_str().is_some_and(|name| read_only.iter().any(|one| one == name)));
    }
}

/// What 3.0 says in words of its own.
fn of_3_0(schema: &mut Map<String, Json>) {
    if schema.remove("nullable") == Some(Json::Bool(true))
        && let Some(kind) = schema.get("type").filter(|kind| kind.is_string()).cloned()
    {
        schema.insert("type".to_owned(), json!([kind, "null"]));
        if let Some(words) = schema.get_mut("enum").and_then(Json::as_array_mut)
            && !words.contains(&Json::Null)
        {
            words.push(Json::Null);
        }
    }
    for (exclusive, inclusive) in [("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")] {
        match schema.get(exclusive) {
            Some(Json::Bool(true)) => {
                schema.remove(exclusive);
                if let Some(bound) = schema.remove(inclusive) {
                    schema.insert(exclusive.to_owned(), bound);
                }
            }
            Some(Json::Bool(false)) => drop(schema.remove(exclusive)),
            _ => {}
        }
    }
}
