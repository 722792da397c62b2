//! Reads the routes of an OpenAPI 3.0 or 3.1 document, with the extensions `x-palisade-action`, `x-palisade-data-key`,
//! `x-palisade-groups`, `x-palisade-audience`, `x-palisade-denied` and `x-palisade-validate` (on an operation, its path item, or the whole document),
//! `x-palisade-public`, `x-palisade-rows` and `x-palisade-websocket` (on an operation), `x-palisade-mode` and `x-palisade-opaque`
//! (of all answers, or on a `requestBody`), `x-palisade-class` and `x-palisade-json` (on a schema).
//!
//! Never: skips what it cannot follow. A reference that leads nowhere could have led to a class.

use std::sync::Arc;

use http::Method;

use crate::ids::Action;
use crate::model::body;
use crate::model::body_schema::BodySchema;
use crate::model::body_schema::dialect;
use crate::model::classes::Classes;
use crate::model::routes::Draft;
use crate::model::routes_file::METHODS;
use crate::model::routes_file::action;
use crate::model::routes_file::action_of;
use crate::model::routes_file::audiences;
use crate::model::routes_file::compiled;
use crate::model::routes_file::denied;
use crate::model::routes_file::groups;
use crate::model::schema::Document;
use crate::model::schema::Graph;
use crate::model::schema::JSON;
use crate::model::template::Template;
use crate::model::tree::Node;
use crate::model::tree::Reader;
use crate::model::tree::Value;
use crate::problem::Problem;
use crate::redact::Mode;
use crate::redact::Shape;

const ACTION: &str = "x-palisade-action";
const DATA_KEY: &str = "x-palisade-data-key";
const AUDIENCE: &str = "x-palisade-audience";
const GROUPS: &str = "x-palisade-groups";
const PUBLIC: &str = "x-palisade-public";
const DENIED: &str = "x-palisade-denied";
const VALIDATE: &str = "x-palisade-validate";
const CLASS: &str = "x-palisade-class";
const MODE: &str = "x-palisade-mode";
const ROWS: &str = "x-palisade-rows";
const OPAQUE: &str = "x-palisade-opaque";
const WEBSOCKET: &str = "x-palisade-websocket";
/// What may stand on an operation, or around it.
const OF_ROUTES: [&str; 11] =
    [ACTION, DATA_KEY, AUDIENCE, GROUPS, PUBLIC, DENIED, VALIDATE, MODE, ROWS, OPAQUE, WEBSOCKET];

/// One operation, with the places of its bodies in the graph.
struct Operation<'n> {
    node: &'n Node,
    item: &'n Node,
    method: Method,
    template: String,
    path_key: &'n crate::model::tree::Key,
    request: Vec<usize>,
    response: Vec<usize>,
    answers_array: bool,
}

pub(super) fn read(reader: &mut Reader, root: &Node, classes: &Classes) -> Vec<Draft> {
    if !check_version(reader, root) {
        return Vec::new();
    }
    check_extensions(reader, root, classes);
    let mut document = Document::new(root);
    let mut graph = Graph::new(&mut document, reader);
    let base = base_path(reader, root);
    let operations = operations(reader, &mut document, &mut graph, &base);
    graph.expand(&mut document, reader, classes);
    operations
        .into_iter()
        .filter_map(|operation| draft(reader, &mut document, classes, &mut graph, operation))
        .collect()
}

fn check_version(reader: &mut Reader, root: &Node) -> bool {
    if let Some(swagger) = root.get("swagger") {
        reader.add(swagger.at, |place| {
            Problem::error("unknown-version", place, "this is a Swagger 2.0 document")
                .hint("convert it to OpenAPI 3.0 or 3.1")
        });
        return false;
    }
    let Some(version) = root.get("openapi") else {
        reader.error("missing-key", root.at, "an OpenAPI document needs a key `openapi`");
        return false;
    };
    let Some(text) = reader.text(version, "`openapi`") else { return false };
    if !["3.0", "3.1"]
        .iter()
        .any(|known| text.strip_prefix(known).is_some_and(|rest| rest.is_empty() || rest.starts_with('.')))
    {
        let message = format!("version `{}` is not understood: only 3.0 and 3.1 are", text.escape_debug());
        reader.error("unknown-version", version.at, message);
        return false;
    }
    true
}

/// A misspelt extension or class would silently leave data unclassified, wherever it stands.
fn check_extensions(reader: &mut Reader, root: &Node, classes: &Classes) {
    let mut waiting = vec![root];
    while let Some(node) = waiting.pop() {
        waiting.extend(node.items());
        for (key, node) in node.entries() {
            waiting.push(node);
            if key.text == CLASS {
                for (name, at) in reader.texts(node, "a data class") {
                    if classes.find(name).is_none() {
                        reader.unknown("unknown-class", at, "a data class", name, classes.names());
                    }
                }
            } else if key.text.starts_with("x-palisade")
                && !OF_ROUTES.contains(&key.text.as_str())
                && key.text != JSON
            {
                let known = OF_ROUTES.into_iter().chain([CLASS, JSON]);
                reader.unknown("unknown-key", key.at, "an extension of Palisade", &key.text, known);
            }
        }
    }
}

/// The path of the first server, which stands before every path of the document.
fn base_path(reader: &mut Reader, root: &Node) -> String {
    let Some(server) = root.get("servers").and_then(|servers| servers.items().first()) else {
        return String::new();
    };
    let Some(node) = server.get("url") else { return String::new() };
    let Some(url) = reader.text(node, "`url`") else { return String::new() };
    let mut url = url.to_owned();
    for (name, variable) in server.get("variables").map_or(&[][..], Node::entries) {
        if let Some(default) = variable.get("default").and_then(Node::as_text) {
            url = url.replace(&format!("{{{}}}", name.text), default);
        }
    }
    let path = match url.split_once("://") {
        Some((_, rest)) => rest.find('/').and_then(|at| rest.get(at..)).unwrap_or(""),
        None => &url,
    };
    let path = path.trim_end_matches('/');
    if !path.is_empty() && Template::parse(path).is_ok_and(|template| template.names.is_empty()) {
        return path.to_owned();
    }
    if !path.is_empty() {
        reader.add(node.at, |place| {
            Problem::error("bad-path", place, "the path of this server cannot be worked out")
                .hint("write it out: `https://api.example.com/v1`")
        });
    }
    String::new()
}

fn operations<'n>(
    reader: &mut Reader,
    document: &mut Document<'n>,
    graph: &mut Graph<'n>,
    base: &str,
) -> Vec<Operation<'n>> {
    let mut operations = Vec::new();
    let Some(paths) = document.root.get("paths") else { return operations };
    for (path_key, item) in reader.map(paths, "`paths`") {
        if path_key.text.starts_with("x-") {
            continue;
        }
        let Some(item) = document.follow(reader, item) else { continue };
        for (key, node) in reader.map(item, "a path item") {
            let upper = key.text.to_ascii_uppercase();
            let method =
                METHODS.iter().chain(&["TRACE"]).find(|method| **method == upper && key.text != upper);
            let Some(method) = method.and_then(|method| Method::from_bytes(method.as_bytes()).ok()) else {
                continue;
            };
            reader.map(node, "an operation");
            let (response, answers_array) = responses(reader, document, graph, node);
            let request = node.get("requestBody").map(|body| content(reader, document, graph, body));
            operations.push(Operation {
                node,
                item,
                method,
                template: format!("{base}{}", path_key.text),
                path_key,
                request: request.map(|request| request.0).unwrap_or_default(),
                response,
                answers_array,
            });
        }
    }
    operations
}

/// The schemas of all answers, errors included, and whether a good one is an array.
fn responses<'n>(
    reader: &mut Reader,
    document: &mut Document<'n>,
    graph: &mut Graph<'n>,
    operation: &'n Node,
) -> (Vec<usize>, bool) {
    let (mut places, mut answers_array) = (Vec::new(), false);
    let Some(responses) = operation.get("responses") else { return (places, false) };
    for (status, response) in reader.map(responses, "`responses`") {
        let (found, is_array) = content(reader, document, graph, response);
        places.extend(found);
        answers_array |= is_array && status.text.starts_with('2');
    }
    (places, answers_array)
}

/// The schemas of a body, of whatever media type: one that cannot be redacted must still be known to need it.
fn content<'n>(
    reader: &mut Reader,
    document: &mut Document<'n>,
    graph: &mut Graph<'n>,
    body: &'n Node,
) -> (Vec<usize>, bool) {
    let (mut places, mut is_array) = (Vec::new(), false);
    let Some(body) = document.follow(reader, body) else { return (places, false) };
    let Some(content) = body.get("content") else { return (places, false) };
    for (_, media) in reader.map(content, "`content`") {
        let Some(media) = document.follow(reader, media) else { continue };
        let Some(schema) = media.get("schema") else { continue };
        places.push(graph.place(schema));
        is_array |= document.is_array(reader, schema);
    }
    (places, is_array)
}

fn draft<'n>(
    reader: &mut Reader,
    document: &mut Document<'n>,
    classes: &Classes,
    graph: &mut Graph<'n>,
    operation: Operation<'n>,
) -> Option<Draft> {
    let root = document.root;
    let Operation { node, item, method, template, path_key, request, response, answers_array } = operation;
    let extension = |key: &str| node.get(key).or_else(|| item.get(key)).or_else(|| root.get(key));
    let action = match extension(ACTION) {
        Some(written) => action(reader, written),
        None => default_action(reader, node, &method, &template, answers_array),
    };
    let data_key = extension(DATA_KEY).and_then(|written| {
        Some((reader.text(written, &format!("`{DATA_KEY}`"))?.to_owned(), reader.place(written.at)))
    });
    let schema = extension(VALIDATE)
        .filter(|written| reader.flag(written, &format!("`{VALIDATE}`")))
        .and_then(|_| schema(reader, document, node));
    let id = node.get("operationId").and_then(|id| reader.text(id, "`operationId`"));
    // Said of one operation only: a whole document that is public by one line would be too easily made.
    let public = node.get(PUBLIC).is_some_and(|node| reader.flag(node, &format!("`{PUBLIC}`")));
    // What the document says of all answers is not said of those that anybody may have.
    let written = if public { node.get(MODE) } else { extension(MODE) };
    let response_mode = written.map_or(Mode::Open, |node| body::read_mode(reader, node, classes));
    let written = node.get("requestBody").and_then(|body| body.get(MODE));
    let request_mode = written.map_or(Mode::Open, |node| body::read_mode(reader, node, classes));
    if node.get(ROWS).is_some() {
        untold::warn(reader, document, node);
    }
    let (response, rows) = graph.answers(reader, classes, node, response, response_mode, node.get(ROWS));
    let response = let_pass(reader, response, extension(OPAQUE));
    let request = graph.shape(reader, classes, node, request, request_mode);
    let request = let_pass(reader, request, node.get("requestBody").and_then(|body| body.get(OPAQUE)));
    let audience = if public { node.get(AUDIENCE) } else { extension(AUDIENCE) };
    Some(Draft {
        place: reader.place(node.get("operationId").map_or(node.at, |id| id.at)),
        id: id.map(str::to_owned),
        template_place: reader.place(path_key.at),
        audiences: audience.map(|written| audiences(reader, written)).unwrap_or_default(),
        groups: extension(GROUPS).map(|written| groups(reader, written)).unwrap_or_default(),
        request,
        response,
        public,
        denied: extension(DENIED).and_then(|written| denied(reader, written)).unwrap_or_default(),
        schema,
        rows,
        graphql: None,
        websocket: node.get(WEBSOCKET).is_some_and(|node| reader.flag(node, &format!("`{WEBSOCKET}`"))),
        action: action?,
        method,
        template,
        data_key,
    })
}

/// The shape of bodies of which the types that are written here pass unread.
fn let_pass(reader: &mut Reader, shape: Option<Arc<Shape>>, written: Option<&Node>) -> Option<Arc<Shape>> {
    let ranges = written.map(|node| body::opaque(reader, node)).unwrap_or_default();
    shape.map(|shape| body::let_pass(shape, ranges))
}

/// What the bodies of an operation's requests are validated against; nothing where it takes none.
fn schema<'n>(
    reader: &mut Reader,
    document: &mut Document<'n>,
    operation: &'n Node,
) -> Option<Arc<BodySchema>> {
    let body = operation.get("requestBody").and_then(|body| document.follow(reader, body))?;
    let is_required = body.get("required").is_some_and(|node| reader.flag(node, "`required`"));
    let content = body.get("content").map_or(&[][..], Node::entries);
    let mut schemas = Vec::new();
    for (kind, media) in content.iter().filter(|(kind, _)| is_json(&kind.text)) {
        let Some(media) = document.follow(reader, media) else { continue };
        match media.get("schema") {
            Some(schema) => schemas.push(schema),
            None => reader.error("missing-key", kind.at, "without a `schema` nothing can be validated"),
        }
    }
    if schemas.is_empty() {
        let message = "the body of this operation cannot be validated: it describes none in JSON";
        reader.add(body.at, |place| {
            Problem::error("cannot-validate", place, message).hint(format!(
                "describe its content as `application/json`, or write `{VALIDATE}: false` here"
            ))
        });
        return None;
    }
    let is_3_0 =
        document.root.get("openapi").and_then(Node::as_text).is_some_and(|text| text.starts_with("3.0"));
    let bundled = dialect::bundled(document, reader, &schemas, is_3_0);
    compiled(reader, body, &bundled, is_required)
}

/// Is it a media type of JSON documents?
fn is_json(media_type: &str) -> bool {
    let media_type = media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    matches!(&*media_type, "application/json" | "text/json" | "application/*" | "*/*")
        || media_type.ends_with("+json")
}

fn default_action(
    reader: &mut Reader,
    node: &Node,
    method: &Method,
    template: &str,
    answers_array: bool,
) -> Option<Action> {
    let ends_in_parameter = Template::parse(template).is_ok_and(|template| template.ends_in_parameter);
    if *method == Method::GET && answers_array && !ends_in_parameter {
        return Some(Action::List);
    }
    let action = action_of(method);
    if action.is_none() && matches!(node.value, Value::Map(_)) {
        reader.error("missing-key", node.at, format!("an operation of method `{method}` needs `{ACTION}`"));
    }
    action
}

mod untold;

#[cfg(test)]
mod bodies;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod validated;
