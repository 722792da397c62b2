//! What a mutation sets: by its variables, and by values in the document itself.
//!
//! A variable is of what it is declared as, and of everything in whose place it stands.
//! Never: looks at a variable's value. It says what stands where in them.

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::collections::HashMap;

use crate::limits;
use crate::model::graphql::Does;
use crate::model::graphql::Flaw;
use crate::model::graphql::GraphQl;
use crate::model::graphql::Set;
use crate::model::graphql::document::Field as Selected;
use crate::model::graphql::document::Operation;
use crate::model::graphql::document::Variable;
use crate::model::graphql::reader::Argument;
use crate::model::graphql::reader::Directive;
use crate::model::graphql::reader::Value;
use crate::model::graphql::schema::Field;
use crate::model::graphql::schema::Input;
use crate::model::graphql::schema::Type;
use crate::model::graphql::schema::TypeIx;
use crate::redact::ClassIx;
use crate::redact::Mode;
use crate::redact::NodeIx;
use crate::redact::Shape;
use crate::redact::ShapeBuilder;
use crate::redact::TooLarge;

/// What the documents of one request set.
pub(super) struct Inputs<'g, 'd> {
    graph: &'g GraphQl,
    shape: ShapeBuilder,
    /// Where the variables stand.
    variables: NodeIx,
    /// Those of this document, and where each stands.
    declared: HashMap<&'d str, (&'d Variable<'d>, NodeIx)>,
    /// Of each type that has been met.
    types: HashMap<TypeIx, NodeIx>,
    sets: Vec<Set>,
    /// How many values have been read, and how many fields of types that variables have.
    values: usize,
    inputs: usize,
    is_mutation: bool,
    pub(super) flaw: Option<Flaw>,
}

impl<'g, 'd> Inputs<'g, 'd> {
    pub(super) fn new(graph: &'g GraphQl) -> Self {
        let mut shape = graph.bounded(Mode::Open);
        let variables = shape.node();
        let root = shape.root();
        shape.member(root, "variables", variables);
        let (declared, types, sets) = (HashMap::new(), HashMap::new(), Vec::new());
        let (values, inputs, is_mutation, flaw) = (0, 0, false, None);
        Self { graph, shape, variables, declared, types, sets, values, inputs, is_mutation, flaw }
    }

    /// The shape of what is sent beside the documents, where anything in it has a class; and what they set themselves.
    pub(super) fn build(self) -> Result<(Option<Shape>, Vec<Set>), TooLarge> {
        let shape = self.shape.build()?;
        Ok(((!shape.is_empty()).then_some(shape), self.sets))
    }

    /// Turns to an operation.
    pub(super) fn begin(&mut self, operation: &'d Operation<'d>) {
        self.is_mutation = operation.does == Does::Mutation;
        self.declared.clear();
        if !self.is_mutation {
            return;
        }
        let graph = self.graph;
        for variable in &operation.variables {
            let node = self.shape.node();
            self.shape.member(self.variables, variable.name, node);
            self.declared.insert(variable.name, (variable, node));
            match graph.schema.find(variable.of.text) {
                Some(of) => self.stands(node, of, &BTreeSet::new()),
                None => self.flaw = self.flaw.or(Some(Flaw::Mismatch)),
            }
        }
    }

    /// What a field is given.
    pub(super) fn field(&mut self, selected: &'d Selected<'d>, known: &Field) {
        self.given("", selected.name, &selected.arguments, &known.arguments);
    }

    /// What a directive is given.
    pub(super) fn directive(&mut self, used: &'d Directive<'d>, known: &BTreeMap<Box<str>, Input>) {
        self.given("@", used.name.text, &used.arguments, known);
    }

    fn given(
        &mut self,
        mark: &str,
        to: &str,
        arguments: &'d [Argument<'d>],
        known: &BTreeMap<Box<str>, Input>,
    ) {
        for (name, value) in arguments {
            match known.get(name.text) {
                Some(input) if self.is_mutation => {
                    let at = format!("/query/{mark}{to}/{}", name.text);
                    self.value(&at, (input.of, &input.classes), value);
                }
                Some(_) => {}
                None => self.flaw = self.flaw.or(Some(Flaw::Mismatch)),
            }
        }
    }

    /// Something of this type and these classes stands at this node.
    fn stands(&mut self, node: NodeIx, of: TypeIx, classes: &BTreeSet<ClassIx>) {
        let graph = self.graph;
        let of_type = graph.schema.get(of).map(|of| &of.classes);
        for class in of_type.into_iter().flatten().chain(classes) {
            self.shape.class(node, *class);
        }
        if let Some(inner) = self.of_type(of) {
            self.shape.also(node, inner);
        }
    }

    /// The node of what values of a type contain; nothing where no class is among it.
    fn of_type(&mut self, of: TypeIx) -> Option<NodeIx> {
        let schema = &self.graph.schema;
        if !schema.sets(of) {
            return None;
        }
        if let Some(known) = self.types.get(&of) {
            return Some(*known);
        }
        let first = self.shape.node();
        self.types.insert(of, first);
        let mut todo = vec![(of, first)];
        while let Some((of, node)) = todo.pop() {
            for (name, field) in schema.get(of).into_iter().flat_map(|of| &of.fields) {
                self.inputs += 1;
                if self.inputs > limits::GRAPHQL_INPUTS_MAX {
                    self.flaw = Some(Flaw::TooLarge);
                    return Some(first);
                }
                let to = self.shape.node();
                self.shape.member(node, name, to);
                let of_type = schema.get(field.of).map(|of| &of.classes);
                for class in of_type.into_iter().flatten().chain(&field.classes) {
                    self.shape.class(to, *class);
                }
                if schema.sets(field.of) {
                    let shape = &mut self.shape;
                    let inner = *self.types.entry(field.of).or_insert_with(|| {
                        let inner = shape.node();
                        todo.push((field.of, inner));
                        inner
                    });
                    self.shape.also(to, inner);
                }
            }
        }
        Some(first)
    }

    fn value(&mut self, at: &str, (of, classes): (TypeIx, &BTreeSet<ClassIx>), value: &'d Value<'d>) {
        // A default is read at each place where its variable stands, so the document's own bound is not enough.
        self.values += 1;
        if self.values > limits::GRAPHQL_TOKENS_MAX {
            self.flaw = Some(Flaw::TooLarge);
            return;
        }
        if let Value::Variable(name) = value {
            let Some((declared, node)) = self.declared.get(name).copied() else {
                self.flaw = self.flaw.or(Some(Flaw::Mismatch));
                return;
            };
            self.stands(node, of, classes);
            // A default has no variables in it.
            if let Some(default) = &declared.default {
                self.value(at, (of, classes), default);
            }
            return;
        }
        if let Value::List(items) = value {
            items.iter().for_each(|item| self.value(at, (of, classes), item));
        }
        let graph = self.graph;
        let known = graph.schema.get(of);
        let told = told(value);
        for class in known.iter().flat_map(|of| &of.classes).chain(classes) {
            self.sets.push(Set { class: *class, pointer: at.into(), value: told.clone() });
        }
        if let Value::Object(fields) = value {
            self.object(at, known, fields);
        }
    }

    fn object(&mut self, at: &str, known: Option<&'g Type>, fields: &'d [Argument<'d>]) {
        // Of a scalar that is an object nothing is known but its own class.
        let Some(known) = known.filter(|of| !of.fields.is_empty()) else { return };
        for (name, value) in fields {
            match known.fields.get(name.text) {
                Some(field) => {
                    let at = format!("{at}/{}", name.text);
                    self.value(&at, (field.of, &field.classes), value);
                }
                None => self.flaw = self.flaw.or(Some(Flaw::Mismatch)),
            }
        }
    }
}

/// A value as a JSON text; nothing for one that contains others.
fn told(value: &Value<'_>) -> Option<Box<str>> {
    match value {
        Value::Word(word) if matches!(*word, "true" | "false" | "null") => Some((*word).into()),
        Value::Word(word) if word.starts_with(|c: char| c == '-' || c.is_ascii_digit()) => {
            Some((*word).into())
        }
        Value::Word(text) | Value::Text(text) => Some(format!("\"{text}\"").into()),
        Value::Block(text) => Some(serde_json::Value::from(text.trim()).to_string().into()),
        Value::Variable(_) | Value::List(_) | Value::Object(_) => None,
    }
}
