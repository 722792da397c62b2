//! From documents to the shape of their answer.
//!
//! A selection set is a node, a field of it an edge by the key that it has in the answer, a fragment one node that every
//! spread of it leads to. What two selections call the same is of both. A key that nothing selects is of all that the
//! documents ask for: an app that sends it does not run the document that was judged.
//! Never: takes a condition (`@skip`, `@include`) for kept, or leaves out what an interface or a union may be.

use std::collections::BTreeSet;
use std::collections::HashMap;
use std::sync::Arc;

use crate::limits;
use crate::model::graphql::Asked;
use crate::model::graphql::Does;
use crate::model::graphql::Flaw;
use crate::model::graphql::GraphQl;
use crate::model::graphql::Operation;
use crate::model::graphql::Set;
use crate::model::graphql::document::Document;
use crate::model::graphql::document::Field;
use crate::model::graphql::document::Fragment;
use crate::model::graphql::document::Operation as Written;
use crate::model::graphql::document::Selection;
use crate::model::graphql::input::Inputs;
use crate::model::graphql::reader::Directive;
use crate::model::graphql::rows::Memo;
use crate::model::graphql::rows::Owed;
use crate::model::graphql::schema::TypeIx;
use crate::model::graphql::tokens::Bad;
use crate::model::graphql::tokens::Why;
use crate::redact::ClassIx;
use crate::redact::Mode;
use crate::redact::NodeIx;
use crate::redact::ShapeBuilder;

/// How the names begin that GraphQL itself defines.
const OF_GRAPHQL: &str = "__";

pub(super) fn compile(graph: &GraphQl, all: &[Asked<'_>]) -> Result<Operation, Flaw> {
    let bytes: usize = all.iter().map(|asked| asked.document.len()).sum();
    if bytes > limits::GRAPHQL_DOCUMENT_BYTES_MAX || all.len() > limits::GRAPHQL_BATCH_MAX {
        return Err(Flaw::TooLarge);
    }
    let mut tokens = limits::GRAPHQL_TOKENS_MAX;
    let documents = all.iter().map(|asked| Document::read(asked.document, &mut tokens));
    let documents = documents.collect::<Result<Vec<_>, _>>().map_err(flaw)?;
    let mut compiler = Compiler::new(graph);
    let mut inputs = Inputs::new(graph);
    let mut does = None;
    for (asked, document) in all.iter().zip(&documents) {
        let operation = document.operation(asked.operation).ok_or(Flaw::Operation)?;
        // One request is one action.
        if *does.get_or_insert(operation.does) != operation.does {
            return Err(Flaw::Operation);
        }
        Selections {
            compiler: &mut compiler,
            inputs: &mut inputs,
            fragments: document.fragments.iter().map(|one| (one.name, (one, Made::Not))).collect(),
            depth: 0,
            known: Memo::default(),
        }
        .operation(operation)?;
    }
    let does = does.ok_or(Flaw::Operation)?;
    finish(graph, compiler, inputs, does, Asked::digest(all))
}

const fn flaw(bad: Bad) -> Flaw {
    match bad.why {
        Why::Syntax => Flaw::Syntax,
        Why::TwoReadings => Flaw::Unclear,
        Why::TooLarge => Flaw::TooLarge,
    }
}

fn finish(
    graph: &GraphQl,
    compiler: Compiler<'_>,
    inputs: Inputs<'_, '_>,
    does: Does,
    digest: crate::ids::Digest,
) -> Result<Operation, Flaw> {
    let flaw = compiler.flaw.or(inputs.flaw);
    let (response, request, sets) = if flaw.is_some() {
        (Arc::clone(&graph.response), graph.request.clone(), Vec::new())
    } else {
        let response = compiler.build().map_err(|_| Flaw::TooLarge)?;
        let (request, sets) = inputs.build().map_err(|_| Flaw::TooLarge)?;
        (Arc::new(response), request.map(Arc::new), sets)
    };
    let request = request.filter(|_| does == Does::Mutation);
    let written = request.iter().flat_map(|shape| shape.classes()).copied();
    let request_classes: BTreeSet<ClassIx> = written.chain(sets.iter().map(|set| set.class)).collect();
    let classes: BTreeSet<ClassIx> = request_classes.iter().chain(response.classes()).copied().collect();
    let shapes = [Some(&response), request.as_ref()].into_iter().flatten().map(|shape| shape.weight());
    let weight = shapes.chain(sets.iter().map(Set::weight)).sum();
    Ok(Operation {
        does,
        response,
        request,
        classes: classes.into_iter().collect(),
        request_classes: request_classes.into_iter().collect(),
        sets,
        flaw,
        digest,
        weight,
    })
}

/// The shape of the answer, as far as it is made.
pub(super) struct Compiler<'g> {
    pub(super) graph: &'g GraphQl,
    pub(super) shape: ShapeBuilder,
    /// Of all classes that the documents ask for.
    everything: NodeIx,
    /// The same, of what nobody asked for. Where rows are told it is one that names nobody.
    stray: NodeIx,
    /// The same, of texts that a reader must find.
    told: NodeIx,
    /// Of no class, with all that is in it.
    pub(super) plain: NodeIx,
    data: NodeIx,
    classes: BTreeSet<ClassIx>,
    flaw: Option<Flaw>,
    selected: usize,
}

impl<'g> Compiler<'g> {
    fn new(graph: &'g GraphQl) -> Self {
        let mut shape = graph.bounded(graph.mode);
        let root = shape.root();
        let [everything, stray, told, plain, data, error, of_error, location, guarded] =
            [(); 9].map(|()| shape.node());
        shape.plain(plain);
        shape.kept(told);
        shape.also(stray, everything);
        if graph.schema.has_rows() {
            shape.row(stray, false, graph.foreign);
            shape.stray_members(root, stray);
            shape.stray_members(data, stray);
        }
        // A text where the specification has an object is none that was asked for, as members are.
        for (node, odd) in [(root, everything), (data, everything), (error, told), (location, told)] {
            shape.stray_members(node, everything);
            if graph.mode != Mode::Guarded || odd == everything {
                shape.stray_scalars(node, odd);
            }
        }
        shape.member(root, "data", data);
        shape.member(root, "errors", error);
        // What an app tells of an error may be a value. Only where values are looked for by their form it is left to that.
        let text = if graph.mode == Mode::Guarded { guarded } else { told };
        shape.member(error, "message", text);
        shape.member(error, "path", plain);
        shape.member(error, "locations", location);
        shape.member(location, "line", plain);
        shape.member(location, "column", plain);
        shape.member(error, "extensions", of_error);
        shape.member(of_error, "code", plain);
        if graph.mode != Mode::Guarded {
            shape.stray_members(of_error, everything);
            shape.stray_scalars(of_error, told);
        }
        shape.member(root, "extensions", if graph.mode == Mode::Guarded { guarded } else { everything });
        let classes = graph.unclassified().into_iter().collect();
        Self { graph, shape, everything, stray, told, plain, data, classes, flaw: None, selected: 0 }
    }

    fn build(mut self) -> Result<crate::redact::Shape, crate::redact::TooLarge> {
        for class in &self.classes {
            self.shape.class(self.everything, *class);
            self.shape.class(self.told, *class);
        }
        self.shape.build()
    }

    pub(super) fn flawed(&mut self, flaw: Flaw) {
        self.flaw.get_or_insert(flaw);
    }

    fn classify(&mut self, node: NodeIx, classes: &BTreeSet<ClassIx>) {
        for class in classes {
            self.shape.class(node, *class);
            self.classes.insert(*class);
        }
    }
}

/// One document on its way into the shape.
pub(super) struct Selections<'a, 'g, 'd> {
    pub(super) compiler: &'a mut Compiler<'g>,
    inputs: &'a mut Inputs<'g, 'd>,
    /// The fragments by their names.
    pub(super) fragments: HashMap<&'d str, (&'d Fragment<'d>, Made)>,
    depth: usize,
    /// Which fragments ask whose a row is.
    pub(super) known: Memo<'d>,
}

/// The node of a fragment.
#[derive(Clone, Copy)]
pub(super) enum Made {
    Not,
    Begun,
    Done(NodeIx),
}

impl<'d> Selections<'_, '_, 'd> {
    fn operation(mut self, operation: &'d Written<'d>) -> Result<(), Flaw> {
        let root = match operation.does {
            Does::Query => 0,
            Does::Mutation => 1,
            Does::Subscription => 2,
        };
        let graph = self.compiler.graph;
        self.inputs.begin(operation);
        self.directives(&operation.directives);
        operation.variables.iter().for_each(|variable| self.directives(&variable.directives));
        let Some(root) = graph.schema.root(root) else {
            self.compiler.flawed(Flaw::Mismatch);
            return Ok(());
        };
        let data = self.compiler.data;
        if let Some(of) = graph.schema.get(root) {
            self.compiler.classify(data, &of.classes);
        }
        self.selection(data, root, &operation.selects, &[])
    }

    fn directives(&mut self, all: &'d [Directive<'d>]) {
        let graph = self.compiler.graph;
        for directive in all {
            match directive.name.text {
                "skip" | "include" => {}
                "defer" | "stream" => self.compiler.flawed(Flaw::Incremental),
                name => match graph.schema.directives.get(name) {
                    Some(known) => self.inputs.directive(directive, known),
                    None => self.compiler.flawed(Flaw::Mismatch),
                },
            }
        }
    }

    /// Follows what nests, within the bound: what is spread nests in what spreads it.
    pub(super) fn deeper(&mut self, follow: impl FnOnce(&mut Self) -> Result<(), Flaw>) -> Result<(), Flaw> {
        self.depth += 1;
        if self.depth > limits::GRAPHQL_SPREAD_DEPTH_MAX {
            return Err(Flaw::TooLarge);
        }
        follow(self)?;
        self.depth -= 1;
        Ok(())
    }

    fn selection(
        &mut self,
        node: NodeIx,
        of: TypeIx,
        all: &'d [Selection<'d>],
        owed: &[Owed],
    ) -> Result<(), Flaw> {
        self.deeper(|selections| selections.selected(node, of, all, owed))
    }

    fn selected(
        &mut self,
        node: NodeIx,
        of: TypeIx,
        all: &'d [Selection<'d>],
        owed: &[Owed],
    ) -> Result<(), Flaw> {
        for one in all {
            self.compiler.selected += 1;
            if self.compiler.selected > limits::GRAPHQL_SELECTED_MAX {
                return Err(Flaw::TooLarge);
            }
            match one {
                Selection::Field(field) => {
                    self.directives(&field.directives);
                    self.field(node, of, field, owed)?;
                }
                Selection::Spread(name, directives) => {
                    self.directives(directives);
                    if let Some(fragment) = self.fragment(name)? {
                        self.compiler.shape.also(node, fragment);
                    }
                    self.spread_owed(node, name, owed)?;
                }
                Selection::Inline(on, directives, selects) => {
                    self.directives(directives);
                    self.within(node, on.map_or(Ok(of), |on| self.condition(on)), selects, owed)?;
                }
            }
        }
        Ok(())
    }

    /// The type that a fragment is of; nothing where it is one of GraphQL's own.
    pub(super) fn condition(&self, on: &str) -> Result<TypeIx, Option<Flaw>> {
        let schema = &self.compiler.graph.schema;
        let found = schema.find(on).filter(|ix| schema.get(*ix).is_some_and(|of| of.is_composite()));
        found.ok_or_else(|| if on.starts_with(OF_GRAPHQL) { None } else { Some(Flaw::Mismatch) })
    }

    /// What is selected of a value that is of this type.
    pub(super) fn within(
        &mut self,
        node: NodeIx,
        of: Result<TypeIx, Option<Flaw>>,
        all: &'d [Selection<'d>],
        owed: &[Owed],
    ) -> Result<(), Flaw> {
        match of {
            Ok(of) => self.selection(node, of, all, owed),
            // Of the schema, whose own fields have been led to what is plain.
            Err(None) => self.spreads(all),
            Err(Some(flaw)) => {
                self.compiler.flawed(flaw);
                Ok(())
            }
        }
    }

    pub(super) fn fragment(&mut self, name: &str) -> Result<Option<NodeIx>, Flaw> {
        let Some((fragment, made)) = self.fragments.get_mut(name) else {
            self.compiler.flawed(Flaw::Mismatch);
            return Ok(None);
        };
        match made {
            Made::Done(node) => return Ok(Some(*node)),
            // It contains itself.
            Made::Begun => return Err(Flaw::Syntax),
            Made::Not => *made = Made::Begun,
        }
        let fragment = *fragment;
        self.directives(&fragment.directives);
        let node = self.compiler.shape.node();
        // A key of no class is a key that was asked for all the same.
        let stray = self.compiler.stray;
        self.compiler.shape.stray_members(node, stray);
        let of = self.condition(fragment.on);
        self.within(node, of, &fragment.selects, &[])?;
        self.fragments.insert(fragment.name, (fragment, Made::Done(node)));
        Ok(Some(node))
    }

    fn field(&mut self, node: NodeIx, of: TypeIx, field: &'d Field<'d>, owed: &[Owed]) -> Result<(), Flaw> {
        let graph = self.compiler.graph;
        if field.name.starts_with(OF_GRAPHQL) {
            return self.of_graphql(node, of, field);
        }
        let found = graph.schema.get(of).and_then(|of| of.fields.get(field.name));
        let Some((known, gives)) = found.and_then(|known| Some((known, graph.schema.get(known.of)?))) else {
            self.compiler.flawed(Flaw::Mismatch);
            return Ok(());
        };
        self.inputs.field(field, known);
        let to = self.compiler.shape.node();
        self.compiler.shape.member(node, field.key, to);
        self.compiler.classify(to, &known.classes);
        self.compiler.classify(to, &gives.classes);
        let owed = self.owed(to, of, field.name, owed);
        if gives.is_composite() == field.selects.is_empty() {
            self.compiler.flawed(Flaw::Mismatch);
            return Ok(());
        }
        if gives.is_composite() {
            let (everything, stray) = (self.compiler.everything, self.compiler.stray);
            self.compiler.shape.stray_members(to, stray);
            self.compiler.shape.stray_scalars(to, everything);
            self.row(to, known, field);
            self.selection(to, known.of, &field.selects, &owed)?;
        }
        Ok(())
    }
}
