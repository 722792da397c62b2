//! The messages of Protocol Buffers that bodies may be of: descriptor sets, with the data classes that their fields name.
//!
//! Never: takes a set whose fields name a class that there is not.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::model::classes::Classes;
use crate::model::tree::Node;
use crate::model::tree::Reader;
use crate::problem::Place;
use crate::problem::Problem;
use crate::problem::nearest;
use crate::redact::Descriptors;
use crate::redact::ShapeBuilder;
use crate::redact::Unknown;

const UNKNOWN: [(&str, Unknown); 2] = [("drop", Unknown::Drop), ("refuse", Unknown::Refuse)];

/// Reads a descriptor set in base64.
pub(super) fn read(file: &str, text: &str, classes: &Classes) -> Result<Descriptors, Vec<Problem>> {
    let place = Place::file(file);
    let bytes = STANDARD.decode(text.trim()).unwrap_or_default();
    let descriptors = Descriptors::parse(&bytes).map_err(|error| {
        vec![Problem::error(
            "bad-descriptors",
            place.clone(),
            format!("the descriptor set is not sound: {error}"),
        )]
    })?;
    let mut problems = Vec::new();
    for (field, named) in descriptors.classified() {
        for name in named.iter().filter(|name| classes.find(name).is_none()) {
            let message = format!("the option of `{field}` names `{name}`, which is not a data class");
            let problem = Problem::error("unknown-class", place.clone(), message);
            problems.push(match nearest(name, classes.names()) {
                Some(near) => problem.hint(format!("did you mean `{near}`?")),
                None => problem,
            });
        }
    }
    if problems.is_empty() { Ok(descriptors) } else { Err(problems) }
}

/// Reads the key of a body that says of which message it is, where it is one of Protocol Buffers.
pub(super) fn message(
    reader: &mut Reader,
    node: &Node,
    classes: &Classes,
    all: &[Arc<Descriptors>],
    shape: &mut ShapeBuilder,
) {
    let Some(name) = reader.text(node, "the name of a message") else { return };
    match all.iter().find_map(|descriptors| Some((descriptors, descriptors.find(name)?))) {
        // Classes that fields name were looked at where the set was read.
        Some((descriptors, message)) => drop(shape.protobuf(descriptors, message, |name| classes.find(name))),
        None if all.is_empty() => {
            reader.add(node.at, |place| {
                let message = "no descriptors are there that know of a message";
                Problem::error("unknown-message", place, message)
                    .hint("name a descriptor set in `model.descriptors`")
            });
        }
        None => {
            let names = all.iter().flat_map(|descriptors| descriptors.names());
            reader.unknown("unknown-message", node.at, "a message", name, names);
        }
    }
}

/// Reads the key of a body that says what becomes of fields that the descriptors do not know.
pub(super) fn unknown_fields(reader: &mut Reader, node: &Node, body: &Node, shape: &mut ShapeBuilder) {
    let Some(text) = reader.text(node, "what becomes of a field that is not known") else { return };
    let Some((_, unknown)) = UNKNOWN.into_iter().find(|(word, _)| *word == text) else {
        let words = UNKNOWN.map(|(word, _)| word);
        return reader.unknown("unknown-word", node.at, "`drop` or `refuse`", text, words);
    };
    if body.get("protobuf").is_none() {
        let message = "`unknown_fields` says nothing of a body without `protobuf`";
        reader.error("missing-key", node.at, message);
    }
    shape.unknown_fields(unknown);
}
