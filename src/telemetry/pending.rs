//! Counters of one worker: added to without a lock or a hash, handed on to the shared ones by `flush`.
//!
//! Never: shared between threads; that is what makes them cheap.

use std::cell::Cell;
use std::cell::RefCell;

use prometheus::IntCounter;

use crate::limits;

/// A count that is not handed on yet.
#[derive(Debug)]
pub(super) struct Pending {
    count: Cell<u64>,
    shared: Option<IntCounter>,
}

impl Pending {
    pub(super) const fn new(shared: Option<IntCounter>) -> Self {
        Self { count: Cell::new(0), shared }
    }

    pub(super) fn add(&self, count: u64) {
        self.count.set(self.count.get().saturating_add(count));
    }

    pub(super) fn flush(&self) {
        let count = self.count.take();
        if let Some(shared) = self.shared.as_ref().filter(|_| count > 0) {
            shared.inc_by(count);
        }
    }
}

/// Counters by a key of which there are few: a status, a code. Found by looking at each.
#[derive(Debug)]
pub(super) struct Few<K>(RefCell<Vec<(K, Pending)>>);

impl<K> Default for Few<K> {
    fn default() -> Self {
        Self(RefCell::default())
    }
}

impl<K: PartialEq> Few<K> {
    /// Adds to the counter of `key`; `resolve` finds the shared one, the first time.
    pub(super) fn add(&self, key: K, count: u64, resolve: impl FnOnce(&K) -> Option<IntCounter>) {
        let mut entries = self.0.borrow_mut();
        if let Some((_, pending)) = entries.iter().find(|(known, _)| *known == key) {
            return pending.add(count);
        }
        let pending = Pending::new(resolve(&key));
        pending.add(count);
        entries.push((key, pending));
    }

    pub(super) fn flush(&self) {
        self.0.borrow().iter().for_each(|(_, pending)| pending.flush());
    }
}

/// Counters by the index of a thing of a snapshot (a route, a class) and a key of which there are few.
///
/// An index means something else in the next snapshot, so each generation has its own table; requests of the last few
/// are told apart, and the oldest table goes when there are more.
#[derive(Debug)]
pub(super) struct Indexed<K>(RefCell<Vec<Table<K>>>);

#[derive(Debug)]
struct Table<K> {
    generation: u64,
    rows: Vec<Few<K>>,
}

impl<K> Default for Indexed<K> {
    fn default() -> Self {
        Self(RefCell::default())
    }
}

impl<K: PartialEq> Indexed<K> {
    /// Adds to the counter of `index` in `generation` and `key`; `resolve` finds the shared one, the first time.
    pub(super) fn add(
        &self,
        generation: u64,
        index: usize,
        key: K,
        count: u64,
        resolve: impl FnOnce(&K) -> Option<IntCounter>,
    ) {
        let mut tables = self.0.borrow_mut();
        let at = match tables.iter().position(|table| table.generation == generation) {
            Some(at) => at,
            None => {
                if tables.len() >= limits::METRIC_GENERATIONS_MAX
                    && let Some(oldest) =
                        (0..tables.len()).min_by_key(|at| tables.get(*at).map(|table| table.generation))
                {
                    tables.swap_remove(oldest).flush();
                }
                tables.push(Table { generation, rows: Vec::new() });
                tables.len() - 1
            }
        };
        let Some(table) = tables.get_mut(at) else { return };
        if table.rows.len() <= index {
            table.rows.resize_with(index + 1, Few::default);
        }
        if let Some(row) = table.rows.get(index) {
            row.add(key, count, resolve);
        }
    }

    pub(super) fn flush(&self) {
        self.0.borrow().iter().for_each(Table::flush);
    }
}

impl<K: PartialEq> Table<K> {
    fn flush(&self) {
        self.rows.iter().for_each(Few::flush);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_lost_when_old_generations_go_and_come_back() {
        let shared = IntCounter::new("test", "test").unwrap();
        let counters = Indexed::default();
        for generation in (0..20).chain(0..20) {
            for index in [0, 3] {
                counters.add(generation, index, 200_u16, 1, |_| Some(shared.clone()));
            }
            assert!(counters.0.borrow().len() <= limits::METRIC_GENERATIONS_MAX);
        }
        counters.flush();
        counters.flush();
        assert_eq!(shared.get(), 80);
    }

    #[test]
    fn a_key_is_resolved_once() {
        let few = Few::default();
        let mut resolved = 0;
        for _ in 0..3 {
            few.add("code", 1, |_| {
                resolved += 1;
                None
            });
        }
        assert_eq!(resolved, 1);
    }
}
