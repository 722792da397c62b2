//! What a route says of a body: which classes stand where in it, and how what no class names is taken.
//!
//! Never: looks at a body, or lets a misspelt key leave data unclassified.

use std::sync::Arc;

use crate::model::classes::Classes;
use crate::model::messages;
use crate::model::rows;
use crate::model::rows::Rows;
use crate::model::tree::Node;
use crate::model::tree::Reader;
use crate::problem::Problem;
use crate::redact::Descriptors;
use crate::redact::MediaRange;
use crate::redact::Mode;
use crate::redact::PathError;
use crate::redact::Shape;
use crate::redact::ShapeBuilder;

/// The keys of the body of requests.
pub(super) const OF_REQUEST: [&str; 8] =
    ["classes", "mode", "json", "protobuf", "unknown_fields", "opaque", "denied", "schema"];
/// The keys of the body of answers.
pub(super) const OF_RESPONSE: [&str; 7] =
    ["classes", "mode", "json", "protobuf", "unknown_fields", "opaque", "rows"];
const MODES: [&str; 3] = ["open", "guarded", "closed"];

/// What a body may name.
#[derive(Clone, Copy)]
pub(super) struct Known<'a> {
    pub(super) classes: &'a Classes,
    pub(super) messages: &'a [Arc<Descriptors>],
}

/// Reads a body of `routes.yaml`. `mode` is what the file says of all bodies.
pub(super) fn read(
    reader: &mut Reader,
    body: &Node,
    known: Known<'_>,
    mode: Mode,
    keys: &[&str],
) -> (Option<Arc<Shape>>, Option<Rows>) {
    let classes = known.classes;
    reader.fields(body, "a body", keys);
    let mut shape = ShapeBuilder::new();
    if let Some(node) = body.get("protobuf") {
        messages::message(reader, node, classes, known.messages, &mut shape);
    }
    if let Some(node) = body.get("unknown_fields") {
        messages::unknown_fields(reader, node, body, &mut shape);
    }
    let paths = body.get("classes").map_or(&[][..], |paths| reader.map(paths, "`classes`"));
    for (key, node) in paths {
        let Some(name) = reader.text(node, "a data class") else { continue };
        let Some(class) = classes.find(name) else {
            reader.unknown("unknown-class", node.at, "a data class", name, classes.names());
            continue;
        };
        if let Err(error) = shape.path(&key.text, class) {
            reader.error("bad-body-path", key.at_byte(error.at), error.message);
        }
    }
    if let Some(node) = body.get("json") {
        for (path, at) in reader.texts(node, "a path to strings that hold JSON") {
            match shape.select(path) {
                Ok(node) => shape.json(node),
                Err(PathError { message, .. }) => reader.error("bad-body-path", at, message),
            }
        }
    }
    let mode = body.get("mode").map_or(mode, |node| read_mode(reader, node, classes));
    let rows = body.get("rows").and_then(|node| rows::read(reader, node, &mut shape));
    let opaque = body.get("opaque").map(|node| opaque(reader, node)).unwrap_or_default();
    if let Some(node) = body.get("opaque").filter(|_| rows.is_some()) {
        opaque.iter().for_each(|range| rows::warn_of_untold(reader, node.at, &range.to_string()));
    }
    (finish(reader, classes, body, shape, mode).map(|shape| let_pass(shape, opaque)), rows)
}

/// Content types that pass unread.
pub(super) fn opaque(reader: &mut Reader, node: &Node) -> Vec<MediaRange> {
    let mut ranges = Vec::new();
    for (text, at) in reader.texts(node, "a content type") {
        match MediaRange::parse(text) {
            Ok(range) => ranges.push(range),
            Err(error) => reader.error("bad-content-type", at, format!("`{}` {error}", text.escape_debug())),
        }
    }
    ranges
}

/// The shape of a body of which these types pass unread.
pub(super) fn let_pass(shape: Arc<Shape>, ranges: Vec<MediaRange>) -> Arc<Shape> {
    if ranges.is_empty() { shape } else { Arc::new(Shape::clone(&shape).with_opaque(ranges)) }
}

/// What becomes of what no class names. Where the word is wrong nothing is said twice: the file is refused.
pub(super) fn read_mode(reader: &mut Reader, node: &Node, classes: &Classes) -> Mode {
    match reader.text(node, "a mode") {
        Some("guarded") => Mode::Guarded,
        Some("closed") => match classes.unclassified() {
            Some(class) => Mode::Closed(class),
            None => {
                reader.add(node.at, |place| {
                    let message = "in a closed body, what no class names is of the data class for it, and there is none";
                    let hint = "say `unclassified: true` of one class of the classes file";
                    Problem::error("no-unclassified-class", place, message).hint(hint)
                });
                Mode::Guarded
            }
        },
        Some("open") | None => Mode::Open,
        Some(text) => {
            reader.unknown("unknown-mode", node.at, "a mode", text, MODES);
            Mode::Open
        }
    }
}

/// The finished shape; `None` where there is nothing to look for.
pub(super) fn finish(
    reader: &mut Reader,
    classes: &Classes,
    body: &Node,
    mut shape: ShapeBuilder,
    mode: Mode,
) -> Option<Arc<Shape>> {
    shape.mode(mode);
    for (kind, class) in classes.detected() {
        shape.detect(kind, class);
    }
    // Pseudonyms go by the class's name, so that they outlive a renumbering.
    for (class, data) in classes.iter() {
        shape.name_class(class, data.name.as_str());
    }
    match shape.build() {
        Ok(shape) if shape.is_empty() => None,
        Ok(shape) => Some(Arc::new(shape)),
        Err(error) => {
            let message = error.to_string();
            reader.add(body.at, |place| {
                Problem::error("shape-too-large", place, message)
                    .hint("use fewer `..` and `*`, or classify higher up")
            });
            None
        }
    }
}
