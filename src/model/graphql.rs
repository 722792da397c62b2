//! GraphQL: a schema says of which class each field is, and a caller's document what each field is called in its answer.
//!
//! A path cannot say where classes stand in such an answer: `{ id: ssn }` gives a social security number the name `id`. So
//! each document is compiled to a shape of its own: key by key, what may stand there by the schema.
//! Never: sees a body, or an answer. It is given documents.

mod compile;
mod document;
mod input;
mod own;
mod reader;
mod rows;
mod schema;
mod sdl;
mod tokens;
mod written;

use std::sync::Arc;

use crate::ids::Action;
use crate::ids::Digest;
use crate::limits;
use crate::model::classes::Classes;
use crate::redact::ClassIx;
use crate::redact::Foreign;
use crate::redact::Mode;
use crate::redact::Shape;
use crate::redact::ShapeBuilder;
use crate::redact::TooLarge;
use crate::redact::detect::Kind;

pub use document::Does;
pub use schema::Schema;
pub(super) use written::Written;
pub(super) use written::read;

/// Why a document is not sent to the app. The first ones are so whoever calls; the last ones only where something is hidden
/// from the caller, or is not to be set by it, or rows have to be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Flaw {
    /// It cannot be read.
    Syntax,
    /// Readers of other kinds or years read it otherwise.
    Unclear,
    /// It is longer, deeper or wider than its bounds.
    TooLarge,
    /// It is not clear which of its operations is meant, or a batch means several kinds.
    Operation,
    /// It asks for the schema itself, and the route says that nobody may.
    Introspection,
    /// It asks for its answer in parts.
    Incremental,
    /// It names what the schema does not have.
    Mismatch,
    /// It does not ask of a row whose it is.
    Ownerless,
}

/// A document, and which of its operations is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asked<'a> {
    /// The document.
    pub document: &'a str,
    /// The name of the operation, where one was given.
    pub operation: Option<&'a str>,
}

impl Asked<'_> {
    /// A name of these documents, and of nothing else.
    #[must_use]
    pub fn digest(all: &[Self]) -> Digest {
        let parts = |asked: &Self| {
            let is_named = if asked.operation.is_some() { "1" } else { "0" };
            [asked.document.to_owned(), is_named.to_owned(), asked.operation.unwrap_or_default().to_owned()]
        };
        let parts: Vec<String> = all.iter().flat_map(parts).collect();
        Digest::of_parts(parts.iter().map(String::as_bytes))
    }
}

/// Something that a mutation sets by a value in its document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Set {
    /// Its class.
    pub class: ClassIx,
    /// Where it stands: `/query`, the field and the argument, by the names of the schema.
    pub pointer: Box<str>,
    /// The value as a JSON text, where it is one text, number or word.
    pub value: Option<Box<str>>,
}

impl Set {
    /// About how many bytes it keeps.
    fn weight(&self) -> u64 {
        let value = self.value.as_ref().map_or(0, |value| value.len());
        u64::try_from(size_of::<Self>() + self.pointer.len() + value).unwrap_or(u64::MAX)
    }
}

/// What one document, or all of a batch, asks for.
#[derive(Debug)]
pub struct Operation {
    /// What it does.
    pub does: Does,
    /// Which classes stand where in its answer.
    pub response: Arc<Shape>,
    /// Which classes stand where in what is sent with it: in its variables.
    pub request: Option<Arc<Shape>>,
    /// All that its answer may carry and that it may set, sorted.
    pub classes: Vec<ClassIx>,
    /// What it may set, sorted.
    pub request_classes: Vec<ClassIx>,
    /// What it sets by values in the document itself.
    pub sets: Vec<Set>,
    /// Why it cannot be judged field by field. Then it is taken to ask for everything.
    pub flaw: Option<Flaw>,
    /// The digest of its documents.
    pub digest: Digest,
    /// About how many bytes it takes to keep.
    pub weight: u64,
}

/// What a route of GraphQL says.
#[derive(Debug)]
pub struct GraphQl {
    schema: Schema,
    mode: Mode,
    names: Vec<(ClassIx, Box<str>)>,
    detected: Vec<(Kind, ClassIx)>,
    introspection: bool,
    mutation: Action,
    /// What becomes of a row that is somebody else's, where its schema has rows.
    foreign: Foreign,
    /// Of an operation that is not known, or not judged field by field: all that the schema has.
    pub(super) response: Arc<Shape>,
    pub(super) request: Option<Arc<Shape>>,
}

impl GraphQl {
    /// A route's schema with all that the route adds.
    ///
    /// # Errors
    /// When there is too much in it.
    pub(super) fn new(schema: Schema, written: &Written, classes: &Classes) -> Result<Self, TooLarge> {
        let nothing = Arc::new(ShapeBuilder::new().build()?);
        let mut made = Self {
            schema: schema.spread(unclassified(written.mode)),
            mode: written.mode,
            // Pseudonyms go by the class's name, so that they outlive a renumbering.
            names: classes.iter().map(|(class, data)| (class, data.name.as_str().into())).collect(),
            detected: classes.detected().collect(),
            introspection: written.introspection,
            mutation: written.mutation,
            foreign: written.rows.as_ref().map_or(Foreign::Refuse, |rows| rows.rows.foreign),
            response: nothing,
            request: None,
        };
        let (shown, set) = made.schema.carried();
        let whole = |mut shape: ShapeBuilder, has_rows: bool, all: &mut dyn Iterator<Item = ClassIx>| {
            let root = shape.root();
            all.for_each(|class| shape.class(root, class));
            if has_rows {
                // Nobody's, so that it never leaves.
                shape.row(root, false, Foreign::Refuse);
            }
            shape.build().map(Arc::new)
        };
        let has_rows = made.schema.has_rows();
        let mut shown = shown.into_iter().chain(made.unclassified());
        made.response = whole(made.builder(made.mode), has_rows, &mut shown)?;
        if !set.is_empty() {
            made.request = Some(whole(made.builder(Mode::Open), false, &mut set.into_iter())?);
        }
        Ok(made)
    }

    /// What is attempted by an operation that does this; nothing where it is what the route itself says.
    #[must_use]
    pub fn action(&self, does: Does) -> Option<Action> {
        (does == Does::Mutation).then_some(self.mutation)
    }

    /// What is attempted by mutations.
    #[must_use]
    pub const fn mutation(&self) -> Option<Action> {
        Some(self.mutation)
    }

    /// What these documents ask for, which are sent together: one, or a batch.
    ///
    /// # Errors
    /// Why that cannot be said, whoever asks.
    pub fn operation(&self, all: &[Asked<'_>]) -> Result<Operation, Flaw> {
        compile::compile(self, all)
    }

    const fn unclassified(&self) -> Option<ClassIx> {
        unclassified(self.mode)
    }

    /// The same for what a caller's document says.
    fn bounded(&self, mode: Mode) -> ShapeBuilder {
        let mut shape = self.builder(mode);
        shape.bound(limits::GRAPHQL_STATES_MAX, limits::GRAPHQL_WORK_MAX, limits::GRAPHQL_CELLS_MAX);
        shape
    }

    /// An empty shape that knows what is to be known of classes.
    fn builder(&self, mode: Mode) -> ShapeBuilder {
        let mut shape = ShapeBuilder::new();
        shape.mode(mode);
        self.detected.iter().for_each(|(kind, class)| shape.detect(*kind, *class));
        self.names.iter().for_each(|(class, name)| shape.name_class(*class, name));
        shape
    }
}

/// The class of what no class names, where that has one.
const fn unclassified(mode: Mode) -> Option<ClassIx> {
    match mode {
        Mode::Closed(class) => Some(class),
        Mode::Open | Mode::Guarded => None,
    }
}

#[cfg(test)]
mod tests;
