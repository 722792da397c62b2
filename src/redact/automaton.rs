//! The deterministic automaton of a shape: one state per set of nodes, made once per snapshot, read by every body.
//!
//! A state keeps no classes of the values around it: where one of those is hidden the whole value goes, and its
//! inside is never asked about. So states do not multiply with the number of any-depth paths.
//!
//! Never: grows while it is read.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use crate::ids::Digest;
use crate::limits;
use crate::redact::classes::ClassSet;
use crate::redact::classes::Sets;
use crate::redact::shape::ClassIx;
use crate::redact::shape::Node;
use crate::redact::shape::TooLarge;
use crate::redact::symbols::Symbols;

/// A state. 0 is the dead one: nothing here or below is classified.
pub(super) type StateIx = u16;
/// The dead state.
pub(super) const DEAD: StateIx = 0;

#[derive(Debug, Clone, Copy, Default)]
pub(super) struct State {
    /// The classes of an array that stands here.
    pub(super) array: u16,
    /// The classes of any other value that stands here.
    pub(super) other: u16,
    /// The classes that may stand anywhere below.
    pub(super) below: u16,
    /// The state of the items of an array that stands here.
    pub(super) item: StateIx,
    /// The state whose members count for an object that stands here.
    pub(super) object: StateIx,
    /// Where members lead whose key is not in `cells`.
    default: StateIx,
    /// Where in `cells` the keys of this state begin.
    base: u32,
}

/// Rows of keys, laid over each other so that no two of them meet: `base + symbol`, if it is the state's own.
#[derive(Debug, Clone, Copy, Default)]
struct Cell {
    owner: StateIx,
    next: StateIx,
}

/// Which classes stand where in a kind of body, compiled and immutable.
#[derive(Debug)]
pub struct Shape {
    states: Box<[State]>,
    cells: Box<[Cell]>,
    symbols: Symbols,
    pub(super) start: StateIx,
    pub(super) sets: Box<[ClassSet]>,
    classes: Box<[ClassIx]>,
    names: BTreeMap<ClassIx, Box<str>>,
    digest: Digest,
}

impl Shape {
    /// A shape in which nothing is classified.
    pub(super) fn empty() -> Self {
        Self {
            states: Box::new([State::default()]),
            cells: Box::default(),
            symbols: Symbols::new(Box::default()),
            start: DEAD,
            sets: Sets::default().into_all(),
            classes: Box::default(),
            names: BTreeMap::new(),
            digest: Digest::of(b""),
        }
    }

    /// The classes that may stand in such a body, sorted.
    #[must_use]
    pub fn classes(&self) -> &[ClassIx] {
        &self.classes
    }

    /// Is nothing classified?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.classes.is_empty()
    }

    /// Everything that decides what this shape matches.
    pub(super) const fn digest(&self) -> &Digest {
        &self.digest
    }

    pub(super) fn name(&self, class: ClassIx) -> Box<str> {
        self.names.get(&class).cloned().unwrap_or_else(|| class.0.to_string().into())
    }

    #[inline]
    pub(super) fn state(&self, state: StateIx) -> State {
        // A state that is not there has a set that is not there, and that hides.
        let hidden = State { array: u16::MAX, other: u16::MAX, ..State::default() };
        self.states.get(usize::from(state)).copied().unwrap_or(hidden)
    }

    /// Where the member `key` of an object leads, whose state is `from`.
    #[inline]
    pub(super) fn member(&self, from: StateIx, key: &[u8]) -> StateIx {
        let Some(state) = self.states.get(usize::from(from)) else { return DEAD };
        let Some(symbol) = self.symbols.find(key) else { return state.default };
        match self.cells.get((state.base + symbol) as usize) {
            Some(cell) if cell.owner == from => cell.next,
            Some(_) | None => state.default,
        }
    }
}

/// A state before its keys are laid out.
struct Row {
    state: State,
    members: Vec<(u32, StateIx)>,
}

/// Compiles a graph.
pub(super) fn compile(
    nodes: &[Node],
    keys: &[Box<str>],
    names: BTreeMap<ClassIx, Box<str>>,
) -> Result<Shape, TooLarge> {
    let mut sets = Sets::default();
    let (rows, start) = Compiler::new(nodes).run(&mut sets)?;
    let (symbols, rows) = number_keys(rows, keys);
    let below = classes_below(&rows, &sets)?;
    let mut cells = Vec::new();
    let mut states = Vec::new();
    let mut free = 0;
    for (ix, (row, below)) in rows.iter().zip(below).enumerate() {
        let owner = StateIx::try_from(ix).unwrap_or(DEAD);
        let base = lay(&mut cells, &mut free, owner, &row.members)?;
        states.push(State { below: sets.intern(below)?, base, ..row.state });
    }
    let sets = sets.into_all();
    let all = sets.iter().fold(ClassSet::default(), |all, set| all.union(*set));
    let mut written = Vec::new();
    for (state, row) in states.iter().zip(&rows) {
        let fixed = [state.array, state.other, state.item, state.object, state.default];
        written.extend(fixed.iter().flat_map(|part| part.to_be_bytes()));
        written.extend(
            row.members
                .iter()
                .flat_map(|(key, to)| [u64::from(*key), u64::from(*to)])
                .flat_map(u64::to_be_bytes),
        );
        written.extend(u64::MAX.to_be_bytes());
    }
    written.extend(sets.iter().flat_map(|set| set.to_bytes()));
    let parts = std::iter::once(&*written).chain(symbols.keys());
    let digest = Digest::of_parts(parts);
    Ok(Shape {
        states: states.into(),
        cells: cells.into(),
        symbols,
        start,
        sets,
        classes: all.iter().collect(),
        names,
        digest,
    })
}

struct Compiler<'a> {
    nodes: &'a [Node],
    /// Can this node lead to a class at all? Those that cannot are left out of every set.
    useful: Vec<bool>,
    ids: HashMap<Arc<[u32]>, StateIx>,
    found: Vec<Arc<[u32]>>,
    work: usize,
}

impl<'a> Compiler<'a> {
    fn new(nodes: &'a [Node]) -> Self {
        let useful = useful(nodes);
        Self { nodes, useful, ids: HashMap::new(), found: Vec::new(), work: 0 }
    }

    fn run(mut self, sets: &mut Sets) -> Result<(Vec<Row>, StateIx), TooLarge> {
        self.state(Vec::new())?;
        let start = self.state(vec![0])?;
        let mut rows = Vec::new();
        while let Some(set) = self.found.get(rows.len()).cloned() {
            let row = self.row(rows.len(), &set, sets)?;
            rows.push(row);
        }
        Ok((rows, start))
    }

    fn row(&mut self, ix: usize, set: &[u32], sets: &mut Sets) -> Result<Row, TooLarge> {
        let nodes = self.nodes;
        let own = |set: &[u32]| {
            let classes =
                set.iter().filter_map(|node| nodes.get(*node as usize)).flat_map(|node| &node.classes);
            classes.copied().try_fold(ClassSet::default(), ClassSet::with)
        };
        let parts = |set: &[u32], part: fn(&Node) -> &Vec<u32>| -> Vec<u32> {
            let of = set.iter().filter_map(|node| nodes.get(*node as usize)).flat_map(part);
            of.chain(set).copied().collect()
        };
        let mut whole = set.to_vec();
        loop {
            let wider = self.closure(parts(&whole, |node| &node.items))?;
            if wider.len() == whole.len() {
                break;
            }
            whole = wider;
        }
        let mut items = parts(set, |node| &node.items);
        items.extend(parts(set, |node| &node.strict_items));
        let mut state =
            State { array: sets.intern(own(set)?)?, other: sets.intern(own(&whole)?)?, ..State::default() };
        state.item = self.state(items)?;
        state.object = self.state(whole)?;
        let mut members = Vec::new();
        // Only the state that an object's members count from needs to know them.
        if usize::from(state.object) == ix {
            state.default = self.members(set, None)?;
            let keys: BTreeSet<u32> = set
                .iter()
                .filter_map(|node| nodes.get(*node as usize))
                .flat_map(|node| node.members.keys())
                .copied()
                .collect();
            for key in keys {
                let to = self.members(set, Some(key))?;
                if to != state.default {
                    members.push((key, to));
                }
            }
        }
        Ok(Row { state, members })
    }

    /// Where a member leads: by its key, or by none that any node names.
    fn members(&mut self, set: &[u32], key: Option<u32>) -> Result<StateIx, TooLarge> {
        let mut to = Vec::new();
        for node in set.iter().filter_map(|node| self.nodes.get(*node as usize)) {
            let named = key.and_then(|key| node.members.get(&key));
            to.extend(named.unwrap_or(&node.other_members));
            to.extend(&node.every_member);
        }
        self.spend(set.len())?;
        self.state(to)
    }

    /// The state of these nodes and of all that also hold where they do.
    fn state(&mut self, nodes: Vec<u32>) -> Result<StateIx, TooLarge> {
        let set = self.closure(nodes)?;
        if let Some(known) = self.ids.get(&*set) {
            return Ok(*known);
        }
        let max = limits::SHAPE_STATES_MAX;
        let ix = StateIx::try_from(self.found.len()).map_err(|_| TooLarge { what: "states", max })?;
        let set: Arc<[u32]> = set.into();
        self.found.push(Arc::clone(&set));
        self.ids.insert(set, ix);
        Ok(ix)
    }

    fn closure(&mut self, mut todo: Vec<u32>) -> Result<Vec<u32>, TooLarge> {
        let mut set = BTreeSet::new();
        while let Some(node) = todo.pop() {
            if self.useful.get(node as usize) == Some(&true) && set.insert(node) {
                todo.extend(self.nodes.get(node as usize).into_iter().flat_map(|node| &node.also));
            }
            self.spend(1)?;
        }
        Ok(set.into_iter().collect())
    }

    fn spend(&mut self, work: usize) -> Result<(), TooLarge> {
        self.work = self.work.saturating_add(work);
        let max = limits::SHAPE_WORK_MAX;
        if self.work > max { Err(TooLarge { what: "steps to compile", max }) } else { Ok(()) }
    }
}

/// The nodes from which a class can be reached.
fn useful(nodes: &[Node]) -> Vec<bool> {
    let mut before: Vec<Vec<u32>> = vec![Vec::new(); nodes.len()];
    for (ix, node) in nodes.iter().enumerate() {
        let lists = [&node.other_members, &node.every_member, &node.items, &node.strict_items, &node.also];
        for to in lists.into_iter().chain(node.members.values()).flatten() {
            if let Some(before) = before.get_mut(*to as usize) {
                before.push(u32::try_from(ix).unwrap_or(u32::MAX));
            }
        }
    }
    let mut useful = vec![false; nodes.len()];
    let classified = nodes.iter().enumerate().filter(|(_, node)| !node.classes.is_empty());
    let mut todo: Vec<usize> = classified.map(|(ix, _)| ix).collect();
    while let Some(ix) = todo.pop() {
        if let Some(useful) = useful.get_mut(ix).filter(|useful| !**useful) {
            *useful = true;
            todo.extend(before.get(ix).into_iter().flatten().map(|ix| *ix as usize));
        }
    }
    useful
}

/// Numbers the keys that lead somewhere of their own; the others need no symbol.
fn number_keys(mut rows: Vec<Row>, keys: &[Box<str>]) -> (Symbols, Vec<Row>) {
    let used: BTreeSet<u32> = rows.iter().flat_map(|row| &row.members).map(|(key, _)| *key).collect();
    let number: HashMap<u32, u32> = used.iter().copied().zip(0..).collect();
    for row in &mut rows {
        for (key, _) in &mut row.members {
            *key = number.get(key).copied().unwrap_or(u32::MAX);
        }
    }
    let texts = used.iter().filter_map(|key| keys.get(*key as usize)).map(|key| key.as_bytes().into());
    (Symbols::new(texts.collect()), rows)
}

/// For each state the classes that any value at or below it may have.
fn classes_below(rows: &[Row], sets: &Sets) -> Result<Vec<ClassSet>, TooLarge> {
    let mut before: Vec<Vec<StateIx>> = vec![Vec::new(); rows.len()];
    let mut below = Vec::new();
    for (ix, row) in rows.iter().enumerate() {
        let ix = StateIx::try_from(ix).unwrap_or(DEAD);
        let members = row.members.iter().map(|(_, to)| *to);
        for to in members.chain([row.state.item, row.state.object, row.state.default]) {
            if let Some(before) = before.get_mut(usize::from(to)) {
                before.push(ix);
            }
        }
        below.push(sets.get(row.state.array).union(sets.get(row.state.other)));
    }
    let mut todo: Vec<usize> = (0..rows.len()).collect();
    let mut work = 0_usize;
    while let Some(ix) = todo.pop() {
        let Some(mine) = below.get(ix).copied() else { continue };
        for from in before.get(ix).into_iter().flatten().map(|from| usize::from(*from)) {
            if let Some(theirs) = below.get_mut(from) {
                let wider = theirs.union(mine);
                if wider != *theirs {
                    *theirs = wider;
                    todo.push(from);
                }
            }
            work += 1;
            if work > limits::SHAPE_WORK_MAX {
                return Err(TooLarge { what: "steps to compile", max: limits::SHAPE_WORK_MAX });
            }
        }
    }
    Ok(below)
}

/// Lays the keys of a state over those of the others, and says where: the first free place, of the next 64, that fits.
fn lay(
    cells: &mut Vec<Cell>,
    free: &mut usize,
    owner: StateIx,
    members: &[(u32, StateIx)],
) -> Result<u32, TooLarge> {
    let Some(((first, _), (last, _))) = members.first().zip(members.last()) else { return Ok(0) };
    let is_free = |cells: &[Cell], at: usize| cells.get(at).is_none_or(|cell| cell.owner == DEAD);
    while !is_free(cells, *free) {
        *free += 1;
    }
    let fits = |base: &usize| members.iter().all(|(key, _)| is_free(cells, base + *key as usize));
    let low = free.saturating_sub(*first as usize);
    let base = (low..low + 64).find(fits).unwrap_or(cells.len());
    let end = base + *last as usize + 1;
    if end > limits::SHAPE_WORK_MAX {
        return Err(TooLarge { what: "cells", max: limits::SHAPE_WORK_MAX });
    }
    if cells.len() < end {
        cells.resize(end, Cell::default());
    }
    for (key, next) in members {
        if let Some(cell) = cells.get_mut(base + *key as usize) {
            *cell = Cell { owner, next: *next };
        }
    }
    Ok(u32::try_from(base).unwrap_or(u32::MAX))
}
