//! Which data class stands where in a kind of body: a graph that is built by hand or from a schema, then compiled.
//!
//! A node stands for "a value here". Arrays are transparent: what is said of a node also holds for the items of an
//! array that stands there, and what is said of a node's items also holds for a single value that stands there.
//! A careless app sends one where the document says the other; over-matching hides, under-matching leaks.
//!
//! Never: looks at a body.

use std::collections::{BTreeMap, HashMap};
use std::fmt;

use crate::limits;
use crate::redact::automaton;
use crate::redact::automaton::Shape;
use crate::redact::classes::Mark;
use crate::redact::detect::Kind;
use crate::redact::path;
use crate::redact::path::PathError;
use crate::redact::path::Step;
use crate::redact::proto::Messages;
use crate::redact::proto::Unknown;

/// The index of a data class in the snapshot's classes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ClassIx(pub u16);

/// A node of the [`ShapeBuilder`] that made it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct NodeIx(u32);

/// The shape is too large to compile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooLarge {
    /// What there is too much of.
    pub what: &'static str,
    /// The bound that was passed.
    pub max: usize,
}

impl fmt::Display for TooLarge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the body's shape needs more than {} {}", self.max, self.what)
    }
}

impl std::error::Error for TooLarge {}

/// Where the edges of one node lead, by number of node and key.
#[derive(Debug, Default)]
pub(super) struct Node {
    pub(super) classes: Vec<ClassIx>,
    /// One bit for each [`Mark`].
    pub(super) marks: u8,
    pub(super) members: BTreeMap<u32, Vec<u32>>,
    /// By what the keys of `members` fold to. Filled when the shape is compiled.
    pub(super) folded: BTreeMap<u32, Vec<u32>>,
    pub(super) other_members: Vec<u32>,
    pub(super) every_member: Vec<u32>,
    /// Where members lead whose key no node names that stands here.
    pub(super) stray_members: Vec<u32>,
    /// Of what a value is that is neither object nor array nor `null`.
    pub(super) stray_scalars: Vec<u32>,
    /// No class names what is here, and that is known.
    pub(super) is_plain: bool,
    pub(super) items: Vec<u32>,
    /// Items as a wildcard means them: the value itself is not one of them when it is no array.
    pub(super) strict_items: Vec<u32>,
    pub(super) also: Vec<u32>,
}

/// What a shape is compiled from.
#[derive(Debug)]
pub(super) struct Graph {
    pub(super) nodes: Vec<Node>,
    pub(super) keys: Vec<Box<str>>,
    pub(super) names: BTreeMap<ClassIx, Box<str>>,
    pub(super) detected: [Option<ClassIx>; Kind::ALL.len()],
}

/// Builds a [`Shape`].
#[derive(Debug)]
pub struct ShapeBuilder {
    nodes: Vec<Node>,
    keys: HashMap<Box<str>, u32>,
    names: BTreeMap<ClassIx, Box<str>>,
    mode: Mode,
    detected: [Option<ClassIx>; Kind::ALL.len()],
    foreign: Foreign,
    protobuf: Option<Messages>,
    bounds: Bounds,
}

/// How far a shape may grow while it is compiled.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    pub(super) states_max: usize,
    pub(super) work_max: usize,
    pub(super) cells_max: usize,
}

/// What becomes of a row that is another owner's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Foreign {
    /// It goes, if it is an item of an array or a whole document; else the body is refused.
    Drop,
    /// The body is refused.
    #[default]
    Refuse,
}

/// What becomes of what no class names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Mode {
    /// It stays.
    #[default]
    Open,
    /// It stays, but for what is found in it: a string that looks like a JSON document is read as if that stood there.
    Guarded,
    /// It is of this class, each value that is neither object nor array for itself. What is found in the rest is hidden
    /// as where it is guarded.
    Closed(ClassIx),
}

impl Default for ShapeBuilder {
    fn default() -> Self {
        Self::new()
    }
}

impl ShapeBuilder {
    /// A shape in which nothing is classified.
    #[must_use]
    pub fn new() -> Self {
        Self {
            nodes: vec![Node::default()],
            keys: HashMap::new(),
            names: BTreeMap::new(),
            mode: Mode::Open,
            detected: [None; Kind::ALL.len()],
            foreign: Foreign::Refuse,
            protobuf: None,
            bounds: Bounds {
                states_max: limits::SHAPE_STATES_MAX,
                work_max: limits::SHAPE_WORK_MAX,
                cells_max: limits::SHAPE_WORK_MAX,
            },
        }
    }

    /// Bounds what it takes to compile it and to keep it by less than what holds for every shape.
    pub fn bound(&mut self, states_max: usize, work_max: usize, cells_max: usize) {
        self.bounds = Bounds {
            states_max: states_max.min(limits::SHAPE_STATES_MAX),
            work_max: work_max.min(limits::SHAPE_WORK_MAX),
            cells_max: cells_max.min(limits::SHAPE_WORK_MAX),
        };
    }

    /// What is found of this kind by its form is of this class, where the mode is not [`Mode::Open`].
    pub fn detect(&mut self, kind: Kind, class: ClassIx) {
        if let Some(detected) = self.detected.get_mut(kind as usize) {
            *detected = Some(class);
        }
    }

    /// Says what becomes of what no class names.
    pub const fn mode(&mut self, mode: Mode) {
        self.mode = mode;
    }

    /// The body itself.
    #[must_use]
    pub const fn root(&self) -> NodeIx {
        NodeIx(0)
    }

    /// A new node.
    pub fn node(&mut self) -> NodeIx {
        let ix = u32::try_from(self.nodes.len()).unwrap_or(u32::MAX);
        self.nodes.push(Node::default());
        NodeIx(ix)
    }

    /// Says the stable name of a class. It goes into pseudonyms, so that they stay the same when classes are
    /// renumbered; without it the number does.
    pub fn name_class(&mut self, class: ClassIx, name: &str) {
        self.names.insert(class, name.into());
    }

    /// The value at `node` is of this class, with all that it contains.
    pub fn class(&mut self, node: NodeIx, class: ClassIx) {
        self.edit(node, |node| node.classes.push(class));
    }

    /// A string at `node` holds a JSON document: what is said of `node`, and of what is below it, holds there.
    pub fn json(&mut self, node: NodeIx) {
        self.edit(node, |node| node.marks |= Mark::Json as u8);
    }

    /// The values at `rows` are rows of one owner each, which the texts or numbers at `owner` below each name.
    ///
    /// # Errors
    /// When a text is no path; says at which byte.
    pub fn rows(&mut self, rows: &str, owner: &str, foreign: Foreign) -> Result<(), PathError> {
        self.foreign = foreign;
        let row = self.lead(self.root(), path::parse(rows)?);
        self.edit(row, |node| node.marks |= Mark::Row as u8);
        let owner = self.lead(row, path::parse(owner)?);
        self.edit(owner, |node| node.marks |= Mark::Owner as u8);
        Ok(())
    }

    /// Each value at `node` is a row of one owner, which [`Self::owner`] values below it name. If it is another's it becomes
    /// `null`, where it may, and is taken out of an array.
    pub fn row(&mut self, node: NodeIx, is_nullable: bool, foreign: Foreign) {
        self.foreign = foreign;
        let nullable = if is_nullable { Mark::Nullable as u8 } else { 0 };
        self.edit(node, |node| node.marks |= Mark::Row as u8 | nullable);
    }

    /// The text or number at `node` says whose the row is that it stands in.
    pub fn owner(&mut self, node: NodeIx) {
        self.edit(node, |node| node.marks |= Mark::Owner as u8);
    }

    /// The numbers at this path count rows. Where rows were taken out, a number of `these` becomes less by them; one of
    /// more than these refuses the body.
    ///
    /// # Errors
    /// When the text is no path; says at which byte.
    pub fn row_count(&mut self, path: &str, these: bool) -> Result<(), PathError> {
        let node = self.lead(self.root(), path::parse(path)?);
        let mark = if these { Mark::Count } else { Mark::Total };
        self.edit(node, |node| node.marks |= mark as u8);
        Ok(())
    }

    /// The member `key` of an object at `node` leads to `to`.
    pub fn member(&mut self, node: NodeIx, key: &str, to: NodeIx) {
        let next = u32::try_from(self.keys.len()).unwrap_or(u32::MAX);
        let key = *self.keys.entry(key.into()).or_insert(next);
        self.edit(node, |node| node.members.entry(key).or_default().push(to.0));
    }

    /// Members whose key has no edge by [`Self::member`] from this same node lead to `to` (`additionalProperties`).
    pub fn any_member(&mut self, node: NodeIx, to: NodeIx) {
        self.edit(node, |node| node.other_members.push(to.0));
    }

    /// All members lead to `to`, whatever their key.
    pub fn every_member(&mut self, node: NodeIx, to: NodeIx) {
        self.edit(node, |node| node.every_member.push(to.0));
    }

    /// Members whose key has no edge by [`Self::member`] from any node that stands where this one does lead to `to`.
    pub fn stray_members(&mut self, node: NodeIx, to: NodeIx) {
        self.edit(node, |node| node.stray_members.push(to.0));
    }

    /// A value at `node` that is neither object nor array nor `null` is of what is said of `to` itself.
    pub fn stray_scalars(&mut self, node: NodeIx, to: NodeIx) {
        self.edit(node, |node| node.stray_scalars.push(to.0));
    }

    /// What stands at `node` has no class, with all that it contains, also where what no class names has one.
    pub fn plain(&mut self, node: NodeIx) {
        self.edit(node, |node| node.is_plain = true);
    }

    /// A value at `node` is never taken out or told in part: where it is hidden, the fixed text stands in its place.
    pub fn kept(&mut self, node: NodeIx) {
        self.edit(node, |node| node.marks |= Mark::Kept as u8);
    }

    /// The items of an array at `node` lead to `to`.
    pub fn item(&mut self, node: NodeIx, to: NodeIx) {
        self.edit(node, |node| node.items.push(to.0));
    }

    /// What is said of `other` also holds for `node` (`allOf`, `oneOf`, `anyOf`, `$ref`; cycles are fine).
    pub fn also(&mut self, node: NodeIx, other: NodeIx) {
        self.edit(node, |node| node.also.push(other.0));
    }

    /// What a path of the supported part of RFC 9535 selects is of this class: `$.a.b`, `a[*].b`, `..ssn`, `a.*`,
    /// `a['b c']`.
    ///
    /// # Errors
    /// When the text is no such path; says at which byte.
    pub fn path(&mut self, path: &str, class: ClassIx) -> Result<(), PathError> {
        let node = self.select(path)?;
        self.class(node, class);
        Ok(())
    }

    /// The node of what a path selects.
    ///
    /// # Errors
    /// When the text is no path; says at which byte.
    pub fn select(&mut self, path: &str) -> Result<NodeIx, PathError> {
        Ok(self.lead(self.root(), path::parse(path)?))
    }

    fn lead(&mut self, from: NodeIx, steps: Vec<Step>) -> NodeIx {
        let mut node = from;
        for step in steps {
            let to = self.node();
            match step {
                Step::Member(key) => self.member(node, &key, to),
                Step::Items => self.item(node, to),
                Step::Children => {
                    self.every_member(node, to);
                    self.edit(node, |node| node.strict_items.push(to.0));
                }
                Step::Deeper => {
                    // A node that its own children lead back to. Items do by transparency.
                    self.also(node, to);
                    self.every_member(to, to);
                }
            }
            node = to;
        }
        node
    }

    /// Compiles the shape.
    ///
    /// # Errors
    /// When it would need too many states or too much work, or names a class beyond the bound.
    pub fn build(self) -> Result<Shape, TooLarge> {
        let mut keys: Vec<(u32, Box<str>)> = self.keys.into_iter().map(|(key, ix)| (ix, key)).collect();
        keys.sort_unstable();
        let keys: Vec<Box<str>> = keys.into_iter().map(|(_, key)| key).collect();
        let graph = Graph { nodes: self.nodes, keys, names: self.names, detected: self.detected };
        let shape = automaton::compile(graph, self.mode, self.foreign, self.bounds)?;
        Ok(shape.with_protobuf(self.protobuf))
    }

    /// Says what becomes of fields that the descriptors of [`Self::protobuf`] do not know.
    pub const fn unknown_fields(&mut self, unknown: Unknown) {
        if let Some(messages) = &mut self.protobuf {
            messages.unknown = unknown;
        }
    }

    /// Says of which message bodies of Protocol Buffers are.
    pub(super) fn set_protobuf(&mut self, messages: Messages) {
        self.protobuf = Some(messages);
    }

    fn edit(&mut self, node: NodeIx, change: impl FnOnce(&mut Node)) {
        if let Some(node) = self.nodes.get_mut(node.0 as usize) {
            change(node);
        }
    }
}
