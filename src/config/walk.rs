//! Checks the tree of a config against its own JSON Schema and turns it into a JSON value of exactly that form.
//!
//! What is wrong is reported and left out, so that everything else is still checked. Scalars are read as the schema
//! wants them: `"8080"` and `8080` are the same number where a number is wanted, and the same text elsewhere.
//! Never: stops at the first problem.

use serde_json::Map;
use serde_json::Value as Json;

use crate::problem::Problem;
use crate::problem::nearest;

use super::tree::Key;
use super::tree::Node;
use super::tree::Value;

/// The value of a node in the form that `schema` wants, as far as it has that form.
pub(super) fn walk(node: &Node, schema: &Json, path: &str, problems: &mut Vec<Problem>) -> Option<Json> {
    if node.is_null() {
        return None;
    }
    if let Some(forms) = schema.get("anyOf").and_then(Json::as_array) {
        let kind = kind(node);
        let fits = |form: &&Json| {
            types(form).contains(&kind) || (kind == "string" && !types(form).into_iter().any(is_collection))
        };
        return match forms.iter().filter(|form| types(form) != ["null"]).find(fits) {
            Some(form) => walk(node, form, path, problems),
            None => wrong(node, path, &wanted(schema), problems),
        };
    }
    match &node.value {
        Value::Map(entries) if types(schema).contains(&"object") => {
            Some(object(entries, schema, path, problems))
        }
        Value::List(items) if types(schema).contains(&"array") => {
            let item = schema.get("items").unwrap_or(&Json::Null);
            let walked = items
                .iter()
                .enumerate()
                .map(|(at, node)| walk(node, item, &join(path, &at.to_string()), problems));
            Some(Json::Array(
                walked.map(|item| item.unwrap_or(Json::Null)).filter(|item| !item.is_null()).collect(),
            ))
        }
        Value::Scalar { text, .. } => scalar(node, text, schema, path, problems),
        Value::Map(_) | Value::List(_) => wrong(node, path, &wanted(schema), problems),
    }
}

fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

fn object(entries: &[(Key, Node)], schema: &Json, path: &str, problems: &mut Vec<Problem>) -> Json {
    let empty = Map::new();
    let known = schema.get("properties").and_then(Json::as_object).unwrap_or(&empty);
    let mut object = Map::new();
    // A mapping with names of the operator's own: each holds the same.
    let named = schema.get("additionalProperties").filter(|schema| schema.is_object());
    for (key, node) in entries {
        let full = join(path, &key.text);
        if let Some(schema) = known.get(&key.text).or(named) {
            if let Some(value) = walk(node, schema, &full, problems) {
                object.insert(key.text.clone(), value);
            }
            continue;
        }
        let names = || known.keys().map(String::as_str);
        let hint = match nearest(&key.text, names()) {
            Some(name) => format!("did you mean `{name}`?"),
            None => format!(
                "the keys here are {}",
                names().map(|n| format!("`{n}`")).collect::<Vec<_>>().join(", ")
            ),
        };
        problems.push(
            Problem::error("unknown-key", key.place.clone(), format!("unknown key `{full}`")).hint(hint),
        );
    }
    Json::Object(object)
}

fn scalar(node: &Node, text: &str, schema: &Json, path: &str, problems: &mut Vec<Problem>) -> Option<Json> {
    let names: Vec<&str> = names(schema).collect();
    if !names.is_empty() {
        if names.contains(&text) {
            return Some(Json::from(text));
        }
        let shown = node.written().unwrap_or_default();
        let all = names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
        let hint =
            nearest(text, names).map_or(format!("one of {all}"), |name| format!("did you mean `{name}`?"));
        let message = format!("`{shown}` is not a value of `{path}`");
        problems.push(Problem::error("unknown-value", node.place.clone(), message).hint(hint));
        return None;
    }
    let read = if types(schema).contains(&"string") {
        Some(Json::from(text))
    } else if types(schema).contains(&"boolean") {
        text.parse::<bool>().ok().map(Json::from)
    } else if types(schema).contains(&"integer") {
        text.parse::<u64>().ok().filter(|n| in_range(*n, schema)).map(Json::from)
    } else {
        None
    };
    if read.is_some() { read } else { wrong(node, path, &wanted(schema), problems) }
}

fn in_range(n: u64, schema: &Json) -> bool {
    let bound = |name| schema.get(name).and_then(Json::as_u64);
    bound("minimum").is_none_or(|min| n >= min) && bound("maximum").is_none_or(|max| n <= max)
}

fn wrong(node: &Node, path: &str, wanted: &str, problems: &mut Vec<Problem>) -> Option<Json> {
    let found = match &node.value {
        Value::Scalar { .. } => format!("`{}`", node.written().unwrap_or_default()),
        Value::List(_) => "a list".to_owned(),
        Value::Map(_) => "a mapping".to_owned(),
    };
    let path = if path.is_empty() { "the config" } else { path };
    problems.push(Problem::error(
        "wrong-type",
        node.place.clone(),
        format!("`{path}` must be {wanted}, not {found}"),
    ));
    None
}

/// The kinds of value that a schema allows, by JSON Schema's names.
fn types(schema: &Json) -> Vec<&str> {
    let named = schema.get("type");
    let one = named.and_then(Json::as_str).into_iter();
    let many = named.and_then(Json::as_array).into_iter().flatten().filter_map(Json::as_str);
    let forms = ["anyOf", "oneOf"].into_iter().filter_map(|key| schema.get(key)?.as_array()).flatten();
    one.chain(many).chain(forms.flat_map(types)).collect()
}

fn is_collection(name: &str) -> bool {
    matches!(name, "array" | "object")
}

const fn kind(node: &Node) -> &'static str {
    match &node.value {
        Value::Scalar { .. } => "string",
        Value::List(_) => "array",
        Value::Map(_) => "object",
    }
}

/// The names that an enumeration allows.
fn names(schema: &Json) -> impl Iterator<Item = &str> {
    let listed = schema.get("enum").and_then(Json::as_array).into_iter().flatten().filter_map(Json::as_str);
    let described = schema.get("oneOf").and_then(Json::as_array).into_iter().flatten();
    listed.chain(described.flat_map(|form| {
        let one = form.get("const").and_then(Json::as_str);
        let many = form.get("enum").and_then(Json::as_array).into_iter().flatten().filter_map(Json::as_str);
        one.into_iter().chain(many)
    }))
}

fn wanted(schema: &Json) -> String {
    if let Some(forms) = schema.get("anyOf").and_then(Json::as_array) {
        let forms: Vec<_> = forms.iter().map(wanted).filter(|form| form != "empty").collect();
        return forms.join(" or ");
    }
    let names: Vec<_> = names(schema).map(|name| format!("`{name}`")).collect();
    if !names.is_empty() {
        return format!("one of {}", names.join(", "));
    }
    let words = types(schema).into_iter().map(|name| match name {
        "object" => "a mapping",
        "array" => "a list",
        "integer" => "a whole number",
        "boolean" => "`true` or `false`",
        "string" => "a text",
        _ => "empty",
    });
    let mut text = words.filter(|word| *word != "empty").collect::<Vec<_>>().join(" or ");
    if let (Some(min), Some(max)) = (schema.get("minimum"), schema.get("maximum")) {
        text = format!("{text} from {min} to {max}");
    }
    if text.is_empty() { "empty".to_owned() } else { text }
}
