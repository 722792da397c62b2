//! From a graph of nodes to the automaton, by the subset construction.
//!
//! Never: goes on past its bounds of states and work. What does not fit is an error of the file.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use crate::ids::Digest;
use crate::redact::automaton::DEAD;
use crate::redact::automaton::LOUD;
use crate::redact::automaton::Shape;
use crate::redact::automaton::State;
use crate::redact::automaton::StateIx;
use crate::redact::automaton::layout::classes_below;
use crate::redact::automaton::layout::fold_keys;
use crate::redact::automaton::layout::lay;
use crate::redact::automaton::layout::number_keys;
use crate::redact::classes::ClassSet;
use crate::redact::classes::Mark;
use crate::redact::classes::Sets;
use crate::redact::detect::Kind;
use crate::redact::shape::Bounds;
use crate::redact::shape::ClassIx;
use crate::redact::shape::Foreign;
use crate::redact::shape::Graph;
use crate::redact::shape::Mode;
use crate::redact::shape::Node;
use crate::redact::shape::TooLarge;

/// The marks that must be met wherever they stand.
const WATCHED: u8 =
    Mark::Json as u8 | Mark::Row as u8 | Mark::Owner as u8 | Mark::Count as u8 | Mark::Total as u8;

/// A state before its keys are laid out.
pub(super) struct Row {
    pub(super) state: State,
    pub(super) members: Vec<(u32, StateIx)>,
}

/// Compiles a graph.
pub(in crate::redact) fn compile(
    graph: Graph,
    mode: Mode,
    foreign: Foreign,
    bounds: Bounds,
) -> Result<Shape, TooLarge> {
    let Graph { mut nodes, keys, names, detected } = graph;
    let keys = &*keys;
    let mut sets = Sets::default();
    let (folded, folds) = fold_keys(&mut nodes, keys);
    let unclassified = match mode {
        Mode::Open | Mode::Guarded => None,
        Mode::Closed(class) => Some(Unclassified::new(&mut nodes, class)),
    };
    let compiler = Compiler::new(&nodes, &folds, unclassified, bounds);
    let (rows, start, rest) = compiler.run(&mut sets)?;
    let (symbols, rows) = number_keys(rows, keys, &folded);
    let below = classes_below(&rows, &sets, bounds)?;
    let mut cells = Vec::new();
    let mut states = Vec::new();
    let mut free = 0;
    for (ix, (row, below)) in rows.iter().zip(below).enumerate() {
        let owner = StateIx::try_from(ix).unwrap_or(DEAD);
        let base = lay(&mut cells, &mut free, (owner, &row.members), bounds)?;
        states.push(State { below: sets.intern(below)?, base, ..row.state });
    }
    note_others(&mut states);
    let is_classified = |set: u16| !sets.get(set).is_unclassified();
    let classifies_any_member = states.iter().any(|state| {
        let member = states.get(usize::from(state.default));
        member.is_some_and(|to| [to.array, to.object, to.scalar].into_iter().any(is_classified))
    });
    let detected = detected_sets(mode, &detected, &mut sets)?;
    let sets = sets.into_all();
    let all = sets.iter().fold(ClassSet::default(), |all, set| all.union(*set));
    let looks_into_strings = mode != Mode::Open;
    let mut written = vec![u8::from(looks_into_strings)];
    for (state, row) in states.iter().zip(&rows) {
        let fixed = [state.array, state.object, state.scalar, state.item, state.inside, state.default];
        written.extend(fixed.iter().flat_map(|part| part.to_be_bytes()));
        written.extend(
            row.members
                .iter()
                .flat_map(|(key, to)| [u64::from(*key), u64::from(*to)])
                .flat_map(u64::to_be_bytes),
        );
        written.extend(u64::MAX.to_be_bytes());
    }
    for (ix, state) in (0_u64..).zip(&states).filter(|(_, state)| state.null != state.scalar) {
        written.extend(ix.to_be_bytes().into_iter().chain(state.null.to_be_bytes()));
    }
    written.extend(sets.iter().flat_map(|set| set.to_bytes()));
    written.extend(detected.iter().flat_map(|found| found.map_or(0, |(_, set)| set).to_be_bytes()));
    let parts = std::iter::once(&*written).chain(symbols.keys());
    let digest = Digest::of_parts(parts);
    Ok(Shape {
        states: states.into(),
        cells: cells.into(),
        symbols,
        start,
        rest,
        sets,
        classes: all.iter().collect(),
        names,
        detected,
        looks_into_strings,
        unclassified: unclassified.map(|un| un.class),
        classifies_any_member,
        has_rows: all.has(Mark::Row),
        foreign,
        protobuf: None,
        opaque: Box::default(),
        digest,
    })
}

/// Notes beside each state the classes of what has no key of its own there, and where nothing is done.
fn note_others(states: &mut [State]) {
    let scalars: Vec<u16> = states.iter().map(|state| state.scalar).collect();
    for state in &mut *states {
        state.of_others = scalars.get(usize::from(state.default)).copied().unwrap_or(u16::MAX);
    }
    let known = states.to_vec();
    let within = |ix: StateIx| known.get(usize::from(ix)).copied().unwrap_or(State::UNKNOWN);
    // Of the empty set, 0, is what nothing is done with, whoever asks.
    let quiet = |ix: StateIx| {
        let State { object, array, inside, item, .. } = within(ix);
        let loud = object != 0 || within(inside).of_others != 0;
        let loud_array = array != 0 || within(item).scalar != 0 || within(item).object != 0;
        [if loud { LOUD } else { inside }, if loud_array { LOUD } else { item }]
    };
    for (ix, state) in (0..).zip(states) {
        (state.quiet_members, state.quiet_items) = (quiet(state.default), quiet(ix));
    }
}

/// The sets of what is found by its form: each of one class.
fn detected_sets(
    mode: Mode,
    detected: &[Option<ClassIx>; Kind::ALL.len()],
    sets: &mut Sets,
) -> Result<[Option<(ClassIx, u16)>; Kind::ALL.len()], TooLarge> {
    let mut all = [None; Kind::ALL.len()];
    if mode == Mode::Open {
        return Ok(all);
    }
    for (place, class) in all.iter_mut().zip(detected) {
        if let Some(class) = class {
            *place = Some((*class, sets.intern(ClassSet::default().with(*class)?)?));
        }
    }
    Ok(all)
}

/// What stands for all that no class names.
#[derive(Debug, Clone, Copy)]
struct Unclassified {
    class: ClassIx,
    /// A value of the class, with all that is in it.
    whole: u32,
    /// Whatever stands here is part of a value that has a class.
    covered: u32,
}

impl Unclassified {
    fn new(nodes: &mut Vec<Node>, class: ClassIx) -> Self {
        let whole = u32::try_from(nodes.len()).unwrap_or(u32::MAX);
        let covered = whole.saturating_add(1);
        nodes.push(Node { classes: vec![class], ..Node::default() });
        for plain in nodes.iter_mut().filter(|node| node.is_plain) {
            plain.also.push(covered);
        }
        nodes.push(Node { every_member: vec![covered], items: vec![covered], ..Node::default() });
        Self { class, whole, covered }
    }
}

struct Compiler<'a> {
    nodes: &'a [Node],
    /// For each key that is not folded the number of what it folds to.
    folds: &'a [u32],
    unclassified: Option<Unclassified>,
    /// Can this node lead to a class at all? Those that cannot are left out of every set.
    useful: Vec<bool>,
    ids: HashMap<Arc<[u32]>, StateIx>,
    found: Vec<Arc<[u32]>>,
    work: usize,
    bounds: Bounds,
}

impl<'a> Compiler<'a> {
    fn new(nodes: &'a [Node], folds: &'a [u32], unclassified: Option<Unclassified>, bounds: Bounds) -> Self {
        let mut useful = useful(nodes);
        if let Some(unclassified) = unclassified {
            let plain = nodes.iter().enumerate().filter(|(_, node)| node.is_plain).map(|(ix, _)| ix);
            for ix in plain.chain([unclassified.covered as usize]) {
                if let Some(useful) = useful.get_mut(ix) {
                    *useful = true;
                }
            }
        }
        let (ids, found) = (HashMap::new(), Vec::new());
        Self { nodes, folds, unclassified, useful, ids, found, work: 0, bounds }
    }

    fn run(mut self, sets: &mut Sets) -> Result<(Vec<Row>, StateIx, StateIx), TooLarge> {
        self.number(Vec::new())?;
        let start = self.state(vec![0])?;
        let rest = self.state(Vec::new())?;
        let mut rows = Vec::new();
        while let Some(set) = self.found.get(rows.len()).cloned() {
            let row = self.row(rows.len(), &set, sets)?;
            rows.push(row);
        }
        Ok((rows, start, rest))
    }

    fn row(&mut self, ix: usize, set: &[u32], sets: &mut Sets) -> Result<Row, TooLarge> {
        if ix == usize::from(DEAD) {
            return Ok(Row { state: State::default(), members: Vec::new() });
        }
        let parts = |set: &[u32], part: fn(&Node) -> &Vec<u32>| -> Vec<u32> {
            let of = set.iter().filter_map(|node| self.nodes.get(*node as usize)).flat_map(part);
            of.chain(set).copied().collect()
        };
        let mut whole = set.to_vec();
        let mut items = parts(set, |node| &node.items);
        items.extend(parts(set, |node| &node.strict_items));
        loop {
            let more =
                whole.iter().filter_map(|node| self.nodes.get(*node as usize)).flat_map(|node| &node.items);
            let wider: Vec<u32> = more.chain(&whole).copied().collect();
            let wider = self.closure(wider)?;
            if wider.len() == whole.len() {
                break;
            }
            whole = wider;
        }
        let (array, other) = (self.classes(set)?, self.classes(&whole)?);
        let mut scalar = other;
        if let Some(unclassified) = self.unclassified {
            let is_covered = |set: &[u32]| set.contains(&unclassified.covered);
            if !set.is_empty() && other.is_unclassified() && !is_covered(&whole) {
                scalar = other.with(unclassified.class)?;
            }
            // All that a value of a class contains is of that class.
            if !array.is_unclassified() {
                items.push(unclassified.covered);
            }
            if !other.is_unclassified() && !is_covered(&whole) {
                whole.push(unclassified.covered);
            }
        }
        let mut state = State {
            array: sets.intern(array)?,
            object: sets.intern(other)?,
            null: sets.intern(scalar)?,
            scalar: sets.intern(scalar.union(self.stray_scalars(&whole)?))?,
            ..State::default()
        };
        state.item = self.state(items)?;
        state.inside = self.state(whole)?;
        let mut members = Vec::new();
        // Only the state that an object's members count from needs to know them.
        if usize::from(state.inside) == ix {
            state.default = self.members(set, None)?;
            members = self.named(set, state.default)?;
        }
        Ok(Row { state, members })
    }

    /// Where the keys lead that do not lead where all others do.
    fn named(&mut self, set: &[u32], default: StateIx) -> Result<Vec<(u32, StateIx)>, TooLarge> {
        let nodes = self.nodes;
        let here = || set.iter().filter_map(|node| nodes.get(*node as usize));
        let keys: BTreeSet<u32> = here().flat_map(|node| node.members.keys()).copied().collect();
        let folded: BTreeSet<u32> = here().flat_map(|node| node.folded.keys()).copied().collect();
        let mut members = Vec::new();
        for key in keys.into_iter().chain(folded) {
            // A key that leads where all others do is said all the same where one that folds to the same does not.
            let to = self.members(set, Some(key))?;
            members.push((key, to));
        }
        if members.iter().all(|(_, to)| *to == default) {
            members.clear();
        }
        Ok(members)
    }

    /// What is said of values that are neither objects nor arrays, where one of these should stand.
    fn stray_scalars(&mut self, set: &[u32]) -> Result<ClassSet, TooLarge> {
        let nodes = set.iter().filter_map(|node| self.nodes.get(*node as usize));
        let strays: Vec<u32> = nodes.flat_map(|node| &node.stray_scalars).copied().collect();
        if strays.is_empty() {
            return Ok(ClassSet::default());
        }
        let strays = self.closure(strays)?;
        self.classes(&strays)
    }

    fn classes(&self, set: &[u32]) -> Result<ClassSet, TooLarge> {
        let mut all = ClassSet::default();
        for node in set.iter().filter_map(|node| self.nodes.get(*node as usize)) {
            all = node.classes.iter().copied().try_fold(all.marked(node.marks), ClassSet::with)?;
        }
        Ok(all)
    }

    /// Where a member leads: by its key, or by none that any node names.
    fn members(&mut self, set: &[u32], key: Option<u32>) -> Result<StateIx, TooLarge> {
        let mut to = Vec::new();
        for node in set.iter().filter_map(|node| self.nodes.get(*node as usize)) {
            let fold = key.map(|key| self.folds.get(key as usize).copied().unwrap_or(key));
            let folded = fold.and_then(|fold| node.folded.get(&fold));
            to.extend(folded.into_iter().flatten());
            // Only the very key is no other member.
            if !key.is_some_and(|key| node.members.contains_key(&key)) {
                to.extend(&node.other_members);
            }
            to.extend(&node.every_member);
            // What is asked for by a key is named by some node here.
            if key.is_none() {
                to.extend(&node.stray_members);
            }
        }
        self.spend(set.len())?;
        self.state(to)
    }

    /// The state of these nodes and of all that also hold where they do.
    fn state(&mut self, nodes: Vec<u32>) -> Result<StateIx, TooLarge> {
        let mut set = self.closure(nodes)?;
        if let Some(unclassified) = self.unclassified {
            if set.is_empty() {
                set.push(unclassified.whole);
            } else if set == [unclassified.covered] {
                return Ok(DEAD);
            }
        }
        self.number(set)
    }

    fn number(&mut self, set: Vec<u32>) -> Result<StateIx, TooLarge> {
        if let Some(known) = self.ids.get(&*set) {
            return Ok(*known);
        }
        let max = self.bounds.states_max;
        let ix = StateIx::try_from(self.found.len()).ok().filter(|ix| usize::from(*ix) < max);
        let ix = ix.ok_or(TooLarge { what: "states", max })?;
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
        let max = self.bounds.work_max;
        if self.work > max { Err(TooLarge { what: "steps to compile", max }) } else { Ok(()) }
    }
}

/// The nodes from which a class or a row can be reached.
fn useful(nodes: &[Node]) -> Vec<bool> {
    let mut before: Vec<Vec<u32>> = vec![Vec::new(); nodes.len()];
    for (ix, node) in nodes.iter().enumerate() {
        // What is folded leads nowhere else than the members do.
        let (strays, members) = (&node.stray_members, [&node.other_members, &node.every_member]);
        let lists = [strays, &node.stray_scalars, &node.items, &node.strict_items, &node.also];
        let lists = lists.into_iter().chain(members);
        for to in lists.chain(node.members.values()).flatten() {
            if let Some(before) = before.get_mut(*to as usize) {
                before.push(u32::try_from(ix).unwrap_or(u32::MAX));
            }
        }
    }
    let mut useful = vec![false; nodes.len()];
    let classified =
        nodes.iter().enumerate().filter(|(_, node)| !node.classes.is_empty() || node.marks & WATCHED != 0);
    let mut todo: Vec<usize> = classified.map(|(ix, _)| ix).collect();
    while let Some(ix) = todo.pop() {
        if let Some(useful) = useful.get_mut(ix).filter(|useful| !**useful) {
            *useful = true;
            todo.extend(before.get(ix).into_iter().flatten().map(|ix| *ix as usize));
        }
    }
    useful
}
