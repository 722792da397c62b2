//! Reads `routes.yaml`, where the routes of an app without an OpenAPI document are written by hand.

use std::sync::Arc;

use http::Method;

use crate::ids::Action;
use crate::limits;
use crate::model::body;
use crate::model::body::Known;
use crate::model::body_schema::BodySchema;
use crate::model::classes::Classes;
use crate::model::denied::Denied;
use crate::model::graphql;
use crate::model::routes::Draft;
use crate::model::tree::Node;
use crate::model::tree::Reader;
use crate::problem::Problem;
use crate::redact::Descriptors;
use crate::redact::Mode;
use crate::redact::ShapeBuilder;

const KEYS: [&str; 12] = [
    "method",
    "path",
    "id",
    "action",
    "public",
    "data_key",
    "audience",
    "groups",
    "request",
    "response",
    "graphql",
    "websocket",
];
pub(super) const METHODS: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

pub(super) fn read(
    reader: &mut Reader,
    root: &Node,
    classes: &Classes,
    messages: &[Arc<Descriptors>],
) -> Vec<Draft> {
    reader.fields(root, "this file", &["routes", "mode"]);
    let mode = root.get("mode").map_or(Mode::Open, |node| body::read_mode(reader, node, classes));
    let Some(routes) = root.get("routes") else {
        reader.error("missing-key", root.at, "the file needs a key `routes`");
        return Vec::new();
    };
    reader
        .list(routes, "`routes`")
        .iter()
        .filter_map(|node| read_route(reader, node, Known { classes, messages }, mode))
        .collect()
}

fn read_route(reader: &mut Reader, node: &Node, known: Known<'_>, mode: Mode) -> Option<Draft> {
    reader.fields(node, "a route", &KEYS);
    let method = need(reader, node, "method").and_then(|(text, node)| method(reader, text, node));
    let path = need(reader, node, "path");
    let id = node.get("id").and_then(|node| reader.text(node, "`id`"));
    let written = node.get("action");
    let action = written.and_then(|node| action(reader, node));
    let data_key = node.get("data_key").and_then(|node| Some((reader.text(node, "`data_key`")?, node.at)));
    let public = node.get("public").is_some_and(|node| reader.flag(node, "`public`"));
    let audiences = node.get("audience").map(|node| audiences(reader, node)).unwrap_or_default();
    let groups = node.get("groups").map(|node| groups(reader, node)).unwrap_or_default();
    // What the file says of all answers is not said of those that anybody may have.
    let mode = if public { Mode::Open } else { mode };
    let of_request = node.get("request");
    let request =
        of_request.and_then(|body| body::read(reader, body, known, Mode::Open, &body::OF_REQUEST).0);
    let denied = of_request.and_then(|body| body.get("denied")).and_then(|node| denied(reader, node));
    let schema = of_request.and_then(|body| body.get("schema")).and_then(|node| schema(reader, node));
    let (response, rows) = match node.get("response") {
        Some(body) => body::read(reader, body, known, mode, &body::OF_RESPONSE),
        None => (body::finish(reader, known.classes, node, ShapeBuilder::new(), mode), None),
    };
    let websocket = node.get("websocket").is_some_and(|node| reader.flag(node, "`websocket`"));
    let graphql = node.get("graphql").and_then(|node| graphql::read(reader, node, known.classes, mode));
    for body in ["request", "response"].into_iter().filter(|_| node.get("graphql").is_some()) {
        if let Some(body) = node.get(body) {
            let message =
                "a route of GraphQL says what its bodies carry by its schema, and by `graphql` alone";
            reader.error("contradiction", body.at, message);
        }
    }
    let (method, (template, template_node)) = (method?, path?);
    let action = match written {
        Some(_) => action,
        // What is sent by `POST` only asks, unless it is a mutation.
        None if graphql.is_some() => Some(Action::Read),
        None => default_action(reader, node, &method),
    };
    Some(Draft {
        place: reader.place(node.at),
        id: id.map(str::to_owned),
        method,
        template: template.to_owned(),
        template_place: reader.place(template_node.at),
        action: action?,
        public,
        data_key: data_key.map(|(text, at)| (text.to_owned(), reader.place(at))),
        audiences,
        groups,
        request,
        response,
        denied: denied.unwrap_or_default(),
        schema,
        rows,
        graphql,
        websocket,
    })
}

fn need<'n>(reader: &mut Reader, node: &'n Node, key: &str) -> Option<(&'n str, &'n Node)> {
    let Some(found) = node.get(key) else {
        reader.error("missing-key", node.at, format!("a route needs a key `{key}`"));
        return None;
    };
    Some((reader.text(found, &format!("`{key}`"))?, found))
}

fn method(reader: &mut Reader, text: &str, node: &Node) -> Option<Method> {
    if METHODS.contains(&text) {
        return Method::from_bytes(text.as_bytes()).ok();
    }
    let capitals = text.to_ascii_uppercase();
    if METHODS.contains(&capitals.as_str()) {
        let message = format!("`{text}` is not a method");
        reader.add(node.at, |place| {
            Problem::error("unknown-method", place, message).hint(format!("did you mean `{capitals}`?"))
        });
    } else {
        reader.unknown("unknown-method", node.at, "a method", text, METHODS);
    }
    None
}

/// An action by its name.
pub(super) fn action(reader: &mut Reader, node: &Node) -> Option<Action> {
    let text = reader.text(node, "an action")?;
    let found = Action::ALL.into_iter().find(|action| action.as_str() == text);
    if found.is_none() {
        let names = Action::ALL.map(Action::as_str);
        reader.unknown("unknown-action", node.at, "an action", text, names);
    }
    found
}

/// What a method attempts where the file does not say. `OPTIONS` reads: it tells of the app, and is decided as that.
pub(super) fn action_of(method: &Method) -> Option<Action> {
    match method.as_str() {
        "GET" | "HEAD" | "OPTIONS" => Some(Action::Read),
        "POST" => Some(Action::Create),
        "PUT" | "PATCH" => Some(Action::Update),
        "DELETE" => Some(Action::Delete),
        _ => None,
    }
}

fn default_action(reader: &mut Reader, node: &Node, method: &Method) -> Option<Action> {
    let action = action_of(method);
    if action.is_none() {
        reader.error("missing-key", node.at, format!("a route of method `{method}` needs a key `action`"));
    }
    action
}

/// The groups of a route.
pub(super) fn groups(reader: &mut Reader, node: &Node) -> Vec<Box<str>> {
    let mut groups: Vec<Box<str>> = Vec::new();
    for (text, at) in reader.texts(node, "a group") {
        if text.is_empty() || text.len() > limits::ROUTE_NAME_BYTES_MAX || text.chars().any(char::is_control)
        {
            let message =
                format!("a group has 1 to {} bytes, no control characters", limits::ROUTE_NAME_BYTES_MAX);
            reader.error("bad-name", at, message);
        } else if !groups.iter().any(|group| **group == *text) {
            groups.push(text.into());
        }
    }
    if groups.len() > limits::ROUTE_GROUPS_MAX {
        let message = format!("a route has at most {} groups", limits::ROUTE_GROUPS_MAX);
        reader.error("too-many", node.at, message);
    }
    groups
}

/// What a credential must have been issued for: one of these.
pub(super) fn audiences(reader: &mut Reader, node: &Node) -> Vec<Box<str>> {
    let mut audiences: Vec<Box<str>> = Vec::new();
    let texts = reader.texts(node, "an audience");
    if texts.is_empty() {
        reader.error("bad-name", node.at, "name at least one audience, or leave it out");
    }
    if texts.len() > limits::CLAIM_VALUES_MAX {
        let message = format!("a route has at most {} audiences", limits::CLAIM_VALUES_MAX);
        reader.error("too-many", node.at, message);
    }
    for (text, at) in texts {
        if text.is_empty() || text.len() > limits::CLAIM_BYTES_MAX || text.chars().any(char::is_control) {
            let message = format!("an audience has 1 to {} bytes", limits::CLAIM_BYTES_MAX);
            reader.error("bad-name", at, message);
        } else {
            audiences.push(text.into());
        }
    }
    audiences
}

/// What becomes of a request that sets what it may not.
pub(super) fn denied(reader: &mut Reader, node: &Node) -> Option<Denied> {
    let text = reader.text(node, "what becomes of a denied field")?;
    let found = Denied::WORDS.into_iter().find(|(word, _)| *word == text);
    if found.is_none() {
        reader.unknown(
            "unknown-word",
            node.at,
            "`drop` or `refuse`",
            text,
            Denied::WORDS.map(|(word, _)| word),
        );
    }
    found.map(|(_, denied)| denied)
}

fn schema(reader: &mut Reader, node: &Node) -> Option<Arc<BodySchema>> {
    reader.map(node, "`schema`");
    compiled(reader, node, &node.to_json(), true)
}

/// A schema that can be validated against.
pub(super) fn compiled(
    reader: &mut Reader,
    node: &Node,
    schema: &serde_json::Value,
    is_required: bool,
) -> Option<Arc<BodySchema>> {
    match BodySchema::new(schema, is_required) {
        Ok(schema) => Some(Arc::new(schema)),
        Err(why) => {
            let message = format!("bodies cannot be validated against this schema: {why}");
            reader.add(node.at, |place| {
                Problem::error("bad-schema", place, message)
                    .hint("a pattern is without look-around and back-references, a reference stays within the document")
            });
            None
        }
    }
}
