//! Which data classes stand where in a body that JSON Schema describes, as OpenAPI 3.0 and 3.1 write it.
//!
//! One graph for the whole document: a schema is one node however often it is referred to, so recursion is a cycle.
//! What a body *may* hold counts: all branches of `oneOf`, all heirs of a schema with a `discriminator`; that arrays are
//! transparent is the shape's own rule. Never: follows a reference out of the document.

mod document;

use std::collections::HashMap;
use std::collections::HashSet;
use std::sync::Arc;

use crate::model::body;
use crate::model::classes::Classes;
use crate::model::rows;
use crate::model::rows::Rows;
use crate::model::tree::Node;
use crate::model::tree::Reader;
use crate::model::tree::Value;
use crate::problem::Problem;
use crate::redact::ClassIx;
use crate::redact::Mode;
use crate::redact::Shape;
use crate::redact::ShapeBuilder;
use document::reader_text;

pub(super) use document::Document;

/// Says of a schema of strings that each holds a JSON document.
pub(super) const JSON: &str = "x-palisade-json";
/// One schema of the document.
struct Place<'n> {
    schema: &'n Node,
    classes: Vec<ClassIx>,
    members: Vec<(&'n str, usize)>,
    any: Option<usize>,
    every: Vec<usize>,
    items: Vec<usize>,
    also: Vec<usize>,
    /// Is it a string that holds a JSON document?
    is_json: bool,
    /// Can a class be reached from here? Only such places make it into a shape.
    live: bool,
}

impl Place<'_> {
    fn edges(&self) -> impl Iterator<Item = usize> {
        let members = self.members.iter().map(|(_, to)| to);
        members.chain(&self.any).chain(&self.every).chain(&self.items).chain(&self.also).copied()
    }
}

/// The schemas of a document that bodies can reach.
pub(super) struct Graph<'n> {
    places: Vec<Place<'n>>,
    /// By the address of the schema in the tree, which is borrowed for as long as this graph lives.
    known: HashMap<*const Node, usize>,
    expanded: usize,
    /// Who extends whom by `allOf`, by address.
    heirs: HashMap<*const Node, Vec<&'n Node>>,
    shapes: HashMap<(Vec<usize>, Mode), Option<Arc<Shape>>>,
}

impl<'n> Graph<'n> {
    pub(super) fn new(document: &mut Document<'n>, reader: &mut Reader) -> Self {
        let mut heirs: HashMap<*const Node, Vec<&'n Node>> = HashMap::new();
        let root = document.root;
        let schemas = root.get("components").and_then(|components| components.get("schemas"));
        for (_, schema) in schemas.map_or(&[][..], Node::entries) {
            for base in schema.get("allOf").map_or(&[][..], Node::items) {
                let Some(reference) = base.get("$ref") else { continue };
                let Some(text) = reference.as_text() else { continue };
                if let Some(base) = document.resolve(reader, text, reference.at) {
                    heirs.entry(std::ptr::from_ref(base)).or_default().push(schema);
                }
            }
        }
        Self { places: Vec::new(), known: HashMap::new(), expanded: 0, heirs, shapes: HashMap::new() }
    }

    /// The place of a schema; the same one each time.
    pub(super) fn place(&mut self, schema: &'n Node) -> usize {
        *self.known.entry(std::ptr::from_ref(schema)).or_insert_with(|| {
            self.places.push(Place {
                schema,
                classes: Vec::new(),
                members: Vec::new(),
                any: None,
                every: Vec::new(),
                items: Vec::new(),
                also: Vec::new(),
                is_json: false,
                live: false,
            });
            self.places.len() - 1
        })
    }

    /// Follows all that the places so far lead to, then finds out which of them are live.
    pub(super) fn expand(&mut self, document: &mut Document<'n>, reader: &mut Reader, classes: &Classes) {
        while let Some(schema) = self.places.get(self.expanded).map(|place| place.schema) {
            let mut expansion = Expansion { graph: self, document, reader };
            let edges = expansion.edges(schema, classes);
            if let Some(place) = self.places.get_mut(self.expanded) {
                *place = edges;
            }
            self.expanded += 1;
        }
        let mut into: Vec<Vec<usize>> = vec![Vec::new(); self.places.len()];
        for (from, place) in self.places.iter().enumerate() {
            for to in place.edges() {
                if let Some(into) = into.get_mut(to) {
                    into.push(from);
                }
            }
        }
        let classified = self.places.iter().enumerate().filter(|(_, place)| !place.classes.is_empty());
        let mut waiting: Vec<usize> = classified.map(|(at, _)| at).collect();
        while let Some(at) = waiting.pop() {
            let Some(place) = self.places.get_mut(at).filter(|place| !place.live) else { continue };
            place.live = true;
            waiting.extend(into.get(at).into_iter().flatten());
        }
    }

    /// The shape of a body that may be any of `roots`; `None` where no class stands in it.
    pub(super) fn shape(
        &mut self,
        reader: &mut Reader,
        classes: &Classes,
        body: &Node,
        mut roots: Vec<usize>,
        mode: Mode,
    ) -> Option<Arc<Shape>> {
        roots.retain(|root| self.places.get(*root).is_some_and(|place| place.live));
        roots.sort_unstable();
        roots.dedup();
        if roots.is_empty() && mode == Mode::Open {
            return None;
        }
        let key = (roots, mode);
        if let Some(shape) = self.shapes.get(&key) {
            return shape.clone();
        }
        let shape = body::finish(reader, classes, body, self.draw(&key.0), mode);
        self.shapes.insert(key, shape.clone());
        shape
    }

    /// The same of an operation's answers, with where their rows are, if it says so.
    pub(super) fn answers(
        &mut self,
        reader: &mut Reader,
        classes: &Classes,
        body: &Node,
        mut roots: Vec<usize>,
        mode: Mode,
        rows: Option<&Node>,
    ) -> (Option<Arc<Shape>>, Option<Rows>) {
        let Some(rows) = rows else { return (self.shape(reader, classes, body, roots, mode), None) };
        roots.retain(|root| self.places.get(*root).is_some_and(|place| place.live));
        let mut shape = self.draw(&roots);
        let rows = rows::read(reader, rows, &mut shape);
        (body::finish(reader, classes, body, shape, mode), rows)
    }

    fn draw(&self, roots: &[usize]) -> ShapeBuilder {
        let mut builder = ShapeBuilder::new();
        let mut drawn = HashMap::new();
        let mut done = HashSet::new();
        let nothing = builder.node();
        let top = builder.root();
        let mut waiting = roots.to_vec();
        for root in roots {
            let node = *drawn.entry(*root).or_insert_with(|| builder.node());
            builder.also(top, node);
        }
        while let Some(at) = waiting.pop() {
            let Some(place) = self.places.get(at).filter(|_| done.insert(at)) else { continue };
            let mut node_of = |builder: &mut ShapeBuilder, to: usize| {
                if !self.places.get(to).is_some_and(|place| place.live) {
                    return nothing;
                }
                waiting.push(to);
                *drawn.entry(to).or_insert_with(|| builder.node())
            };
            let node = node_of(&mut builder, at);
            for class in &place.classes {
                builder.class(node, *class);
            }
            if place.is_json {
                builder.json(node);
            }
            for (key, to) in &place.members {
                // A dead member is drawn only to take its key out of `additionalProperties`.
                let to = node_of(&mut builder, *to);
                if to != nothing || place.any.is_some() {
                    builder.member(node, key, to);
                }
            }
            if let Some(to) = place.any {
                let to = node_of(&mut builder, to);
                builder.any_member(node, to);
            }
            for to in &place.every {
                let to = node_of(&mut builder, *to);
                builder.every_member(node, to);
            }
            for to in &place.items {
                let to = node_of(&mut builder, *to);
                builder.item(node, to);
            }
            for to in &place.also {
                let to = node_of(&mut builder, *to);
                builder.also(node, to);
            }
        }
        builder
    }
}

/// Reads the edges of one schema.
struct Expansion<'g, 'd, 'n> {
    graph: &'g mut Graph<'n>,
    document: &'d mut Document<'n>,
    reader: &'d mut Reader,
}

impl<'n> Expansion<'_, '_, 'n> {
    fn edges(&mut self, schema: &'n Node, classes: &Classes) -> Place<'n> {
        let (classes, mut also) = (classes_of(schema, classes), Vec::new());
        let (mut members, mut every, mut items) = (Vec::new(), Vec::new(), Vec::new());
        let (mut any, mut is_json) = (None, false);
        if !matches!(schema.value, Value::Map(_) | Value::Bool(_)) {
            self.reader.map(schema, "a schema");
        }
        for (key, node) in schema.entries() {
            match key.text.as_str() {
                "$ref" => also.extend(self.reference(node)),
                "allOf" | "oneOf" | "anyOf" => also.extend(self.list(node, &key.text)),
                "then" | "else" => also.push(self.graph.place(node)),
                "dependentSchemas" => also.extend(self.map(node, &key.text).into_iter().map(|(_, to)| to)),
                "discriminator" => also.extend(self.heirs(schema, node)),
                "properties" => members = self.map(node, &key.text),
                "additionalProperties" => any = self.schema_or_bool(node),
                "unevaluatedProperties" => every.extend(self.schema_or_bool(node)),
                "patternProperties" => every.extend(self.map(node, &key.text).into_iter().map(|(_, to)| to)),
                "items" if matches!(node.value, Value::List(_)) => items.extend(self.list(node, &key.text)),
                "items" | "contains" | "unevaluatedItems" | "additionalItems" => {
                    items.extend(self.schema_or_bool(node));
                }
                // What the string holds is described as if it stood there itself.
                "contentSchema" => also.push(self.graph.place(node)),
                "contentMediaType" => is_json |= node.as_text().is_some_and(is_json_type),
                JSON => is_json |= self.reader.flag(node, "`x-palisade-json`"),
                "prefixItems" => items.extend(self.list(node, &key.text)),
                "$dynamicRef" | "$recursiveRef" => {
                    let message =
                        format!("`{}` is not understood, and what it names may carry classes", key.text);
                    self.reader.add(key.at, |place| {
                        Problem::error("bad-reference", place, message).hint("use `$ref`")
                    });
                }
                _ => {}
            }
        }
        Place { schema, classes, members, any, every, items, also, is_json, live: false }
    }

    fn reference(&mut self, node: &'n Node) -> Option<usize> {
        let text = reader_text(self.reader, node)?;
        let schema = self.document.resolve(self.reader, text, node.at)?;
        Some(self.graph.place(schema))
    }

    fn list(&mut self, node: &'n Node, key: &str) -> Vec<usize> {
        let items = self.reader.list(node, &format!("`{key}`"));
        items.iter().map(|item| self.graph.place(item)).collect()
    }

    fn map(&mut self, node: &'n Node, key: &str) -> Vec<(&'n str, usize)> {
        let entries = self.reader.map(node, &format!("`{key}`"));
        entries.iter().map(|(key, schema)| (key.text.as_str(), self.graph.place(schema))).collect()
    }

    fn schema_or_bool(&mut self, node: &'n Node) -> Option<usize> {
        (!matches!(node.value, Value::Bool(_))).then(|| self.graph.place(node))
    }

    /// All that a schema with a `discriminator` may turn out to be: what the mapping names, and whatever extends it.
    fn heirs(&mut self, schema: &'n Node, discriminator: &'n Node) -> Vec<usize> {
        let mut also = Vec::new();
        for (_, node) in discriminator.get("mapping").map_or(&[][..], Node::entries) {
            let Some(text) = self.reader.text(node, "a schema's name") else { continue };
            let named = self.document.root.get("components").and_then(|components| components.get("schemas"));
            let found = match named.and_then(|schemas| schemas.get(text)) {
                Some(schema) => Some(schema),
                None => self.document.resolve(self.reader, text, node.at),
            };
            also.extend(found.map(|schema| self.graph.place(schema)));
        }
        let mut seen: HashSet<*const Node> = HashSet::new();
        let mut waiting = vec![schema];
        while let Some(base) = waiting.pop() {
            if seen.insert(std::ptr::from_ref(base)) {
                let heirs = self.graph.heirs.get(&std::ptr::from_ref(base)).cloned().unwrap_or_default();
                also.extend(heirs.iter().map(|heir| self.graph.place(heir)));
                waiting.extend(heirs);
            }
        }
        also
    }
}

/// Is it a type of which Palisade reads strings as JSON?
fn is_json_type(text: &str) -> bool {
    let text = text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    text == "application/json" || text.ends_with("+json")
}

/// The classes that a schema names itself. A wrong name has been reported for the whole document by then.
fn classes_of(schema: &Node, classes: &Classes) -> Vec<ClassIx> {
    let Some(written) = schema.get("x-palisade-class") else { return Vec::new() };
    let texts = written.as_text().into_iter().chain(written.items().iter().filter_map(Node::as_text));
    texts.filter_map(|text| classes.find(text)).collect()
}

#[cfg(test)]
pub(in crate::model) mod tests;
