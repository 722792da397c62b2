//! What a route of `routes.yaml` says of GraphQL: where its schema is, and what that does not say itself.
//!
//! Never: reads a schema.

use crate::ids::Action;
use crate::model::body;
use crate::model::classes::Classes;
use crate::model::routes_file;
use crate::model::rows;
use crate::model::rows::Rows;
use crate::model::tree::Node;
use crate::model::tree::Reader;
use crate::problem::Place;
use crate::problem::Problem;
use crate::redact::ClassIx;
use crate::redact::Mode;

const KEYS: [&str; 6] = ["schema", "classes", "mode", "mutation", "introspection", "rows"];
const OF_ROWS: [&str; 3] = ["data_key", "tenant", "foreign"];

/// The part of a route.
#[derive(Debug, Clone)]
pub(in crate::model) struct Written {
    /// The file of the schema, and where it is named.
    pub(in crate::model) schema: (String, Place),
    /// What else is of which class: `Patient.name`.
    pub(in crate::model) classes: Vec<(String, Place, ClassIx)>,
    pub(in crate::model) mode: Mode,
    /// What a mutation attempts.
    pub(in crate::model) mutation: Action,
    /// May the schema itself be asked for?
    pub(in crate::model) introspection: bool,
    pub(in crate::model) rows: Option<WrittenRows>,
}

/// Which objects of an answer are rows that say whose they are.
#[derive(Debug, Clone)]
pub(in crate::model) struct WrittenRows {
    pub(in crate::model) rows: Rows,
    /// The type, its place, and the field below it that names the owner, with its place.
    pub(in crate::model) owners: Vec<(String, Place, String, Place)>,
}

fn read_rows(reader: &mut Reader, node: &Node) -> Option<WrittenRows> {
    reader.fields(node, "rows of GraphQL", &OF_ROWS);
    let (key, named_by) = rows::read_named_by(reader, node)?;
    let foreign = rows::read_foreign(reader, node)?;
    let mut owners = Vec::new();
    for (of, path) in node.get(key).map_or(&[][..], |all| reader.map(all, &format!("`{key}`"))) {
        if let Some(text) = reader.text(path, "a field") {
            owners.push((of.text.clone(), reader.place(of.at), text.to_owned(), reader.place(path.at)));
        }
    }
    if owners.is_empty() {
        reader.add(node.at, |place| {
            let message =
                "rows of GraphQL need the types that are rows, and by which field each names its owner";
            Problem::error("missing-key", place, message).hint("`data_key: {Claim: owner}`")
        });
        return None;
    }
    Some(WrittenRows { rows: Rows { named_by, foreign }, owners })
}

/// Reads the part. `mode` is what the file says of all answers.
pub(in crate::model) fn read(
    reader: &mut Reader,
    node: &Node,
    known: &Classes,
    mode: Mode,
) -> Option<Written> {
    reader.fields(node, "GraphQL", &KEYS);
    let mut classes = Vec::new();
    let paths = node.get("classes").map_or(&[][..], |paths| reader.map(paths, "`classes`"));
    for (key, node) in paths {
        let Some(name) = reader.text(node, "a data class") else { continue };
        match known.find(name) {
            Some(class) => classes.push((key.text.clone(), reader.place(key.at), class)),
            None => reader.unknown("unknown-class", node.at, "a data class", name, known.names()),
        }
    }
    let mode = node.get("mode").map_or(mode, |node| body::read_mode(reader, node, known));
    let mutation = node.get("mutation").and_then(|node| routes_file::action(reader, node));
    let introspection = node.get("introspection").is_none_or(|node| reader.flag(node, "`introspection`"));
    let rows = node.get("rows").and_then(|node| read_rows(reader, node));
    let Some(schema) = node.get("schema") else {
        reader.error("missing-key", node.at, "GraphQL needs a key `schema`");
        return None;
    };
    let schema = (reader.text(schema, "`schema`")?.to_owned(), reader.place(schema.at));
    let mutation = mutation.unwrap_or(Action::Update);
    Some(Written { schema, classes, mode, mutation, introspection, rows })
}
