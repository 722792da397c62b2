//! The states of an automaton laid out for reading: keys numbered, rows of them over each other, what stands below each.
//!
//! Never: leaves two states a cell in common.

use std::collections::{BTreeSet, HashMap};

use crate::redact::automaton::Cell;
use crate::redact::automaton::DEAD;
use crate::redact::automaton::StateIx;
use crate::redact::automaton::compile::Row;
use crate::redact::classes::ClassSet;
use crate::redact::classes::Sets;
use crate::redact::fold::fold;
use crate::redact::shape::Bounds;
use crate::redact::shape::Node;
use crate::redact::shape::TooLarge;
use crate::redact::symbols::Symbols;

/// Gives each node, for what its keys fold to, all that they lead to. The folded keys, which are numbered from the last
/// key on, and for each key the number of what it folds to.
pub(super) fn fold_keys(nodes: &mut [Node], keys: &[Box<str>]) -> (Vec<String>, Vec<u32>) {
    let mut all: Vec<String> = Vec::new();
    let mut known: HashMap<String, u32> = HashMap::new();
    let numbers: Vec<u32> = keys
        .iter()
        .map(|key| {
            let next = u32::try_from(keys.len() + all.len()).unwrap_or(u32::MAX);
            let folded = fold(key);
            *known.entry(folded).or_insert_with_key(|folded| {
                all.push(folded.clone());
                next
            })
        })
        .collect();
    for node in nodes {
        for (key, to) in &node.members {
            let Some(number) = numbers.get(*key as usize) else { continue };
            node.folded.entry(*number).or_default().extend(to);
        }
    }
    (all, numbers)
}

/// Numbers the keys that lead somewhere of their own; the others need no symbol.
pub(super) fn number_keys(mut rows: Vec<Row>, keys: &[Box<str>], folded: &[String]) -> (Symbols, Vec<Row>) {
    let used: BTreeSet<u32> = rows.iter().flat_map(|row| &row.members).map(|(key, _)| *key).collect();
    let number: HashMap<u32, u32> = used.iter().copied().zip(0..).collect();
    for row in &mut rows {
        for (key, _) in &mut row.members {
            *key = number.get(key).copied().unwrap_or(u32::MAX);
        }
    }
    let exact = used.iter().filter_map(|key| keys.get(*key as usize)).map(|key| key.as_bytes().into());
    let beyond = |key: &u32| (*key as usize).checked_sub(keys.len()).and_then(|at| folded.get(at));
    let folded = used.iter().filter_map(beyond).map(|key| key.as_bytes().into());
    (Symbols::new(exact.collect(), folded.collect()), rows)
}

/// For each state the classes that any value at or below it may have.
pub(super) fn classes_below(rows: &[Row], sets: &Sets, bounds: Bounds) -> Result<Vec<ClassSet>, TooLarge> {
    let mut before: Vec<Vec<StateIx>> = vec![Vec::new(); rows.len()];
    let mut below = Vec::new();
    for (ix, row) in rows.iter().enumerate() {
        let ix = StateIx::try_from(ix).unwrap_or(DEAD);
        let members = row.members.iter().map(|(_, to)| *to);
        for to in members.chain([row.state.item, row.state.inside, row.state.default]) {
            if let Some(before) = before.get_mut(usize::from(to)) {
                before.push(ix);
            }
        }
        let own = [row.state.array, row.state.object, row.state.scalar].map(|set| sets.get(set));
        below.push(own.into_iter().fold(ClassSet::default(), ClassSet::union));
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
            if work > bounds.work_max {
                return Err(TooLarge { what: "steps to compile", max: bounds.work_max });
            }
        }
    }
    Ok(below)
}

/// Lays the keys of a state over those of the others, and says where: the first free place, of the next 64, that fits.
pub(super) fn lay(
    cells: &mut Vec<Cell>,
    free: &mut usize,
    (owner, members): (StateIx, &[(u32, StateIx)]),
    bounds: Bounds,
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
    if end > bounds.cells_max {
        return Err(TooLarge { what: "cells", max: bounds.cells_max });
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
