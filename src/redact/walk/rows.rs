//! The leak guard: rows of which each says whose it is, and of which only the right owner's leave.
//!
//! Never: lets out a byte of a row before all of it has been seen. A row that names no owner, or two, is another's.

use std::fmt;
use std::sync::Arc;

use crate::redact::automaton::StateIx;
use crate::redact::malformed::Malformed;
use crate::redact::plan::Act;
use crate::redact::plan::Counts;
use crate::redact::plan::Plan;
use crate::redact::reader::add_counts;
use crate::redact::shape::Foreign;
use crate::redact::walk::LastKey;
use crate::redact::walk::Walk;

/// Says whose rows may stay.
pub trait Owns: fmt::Debug + Send + Sync {
    /// May a row stay that names its owner by this text, or by this number as it is written?
    fn owns(&self, text: &str) -> bool;
}

/// How a row goes that is another's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Goes {
    /// It is an item of an array of rows, and is taken out.
    Out,
    /// It becomes `null`.
    Null,
    /// The body goes with it.
    WithAll,
}

/// A row that has begun.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) depth: usize,
    goes: Goes,
    /// Has it named an owner?
    is_named: bool,
    /// Has it named another owner than the right one?
    pub(super) is_foreign: bool,
    /// The rows around the current value that stand within this one, the innermost last.
    inner: Vec<Inner>,
    /// How often a value of each set of classes was hidden in it.
    pub(super) counts: Vec<u64>,
}

/// A row within a row. It stays or goes with the one around it.
#[derive(Debug)]
struct Inner {
    depth: usize,
    is_named: bool,
}

impl Row {
    /// The row names its owner.
    pub(super) fn owner(&mut self, text: Option<&str>, owner: Option<&dyn Owns>) {
        *self.inner.last_mut().map_or(&mut self.is_named, |inner| &mut inner.is_named) = true;
        // One is enough, whatever else is said.
        self.is_foreign = self.is_foreign || !text.zip(owner).is_some_and(|(text, owner)| owner.owns(text));
    }
}

impl Row {
    /// How deep the innermost row stands.
    pub(super) fn innermost(&self) -> usize {
        self.inner.last().map_or(self.depth, |inner| inner.depth)
    }

    /// A value at this depth ends: rows within that have named no owner are another's, and so is this one.
    pub(super) fn end_inner(&mut self, depth: usize) {
        while let Some(inner) = self.inner.pop_if(|inner| inner.depth == depth) {
            self.is_foreign = self.is_foreign || !inner.is_named;
        }
    }
}

/// Is a value that begins with this byte no row, although one may stand there?
const fn is_none(act: &Act, first: u8) -> bool {
    act.nullable && first == b'n'
}

impl Walk {
    /// The walk over a document of which only those rows stay that are this owner's.
    pub(in crate::redact) fn of_owner(plan: &Plan, owner: Option<&Arc<dyn Owns>>) -> Self {
        Self { owner: owner.cloned(), ..Self::new(plan) }
    }

    /// The walk over a text that is a member of this key and stands where this state is, as JSON would write it. Rows in a
    /// document that it holds stay if they are this owner's.
    pub(in crate::redact) fn of_text(
        plan: &Plan,
        state: StateIx,
        key: &str,
        owner: Option<&Arc<dyn Owns>>,
    ) -> Self {
        Self { owner: owner.cloned(), last_key: LastKey::of(key), ..Self::at(plan, state) }
    }

    /// The same, after documents of the same body in which so many rows were another's, and this number of rows has left.
    pub(in crate::redact) fn goes_on(self, (foreign, counted): (u64, Counts)) -> Self {
        Self { foreign, counted, ..self }
    }

    /// What [`Self::goes_on`] asks for.
    pub(in crate::redact) const fn so_far(&self) -> (u64, Counts) {
        (self.foreign, self.counted)
    }

    /// A row begins within a row, if the value that comes next is one.
    pub(super) fn begin_inner_row(&mut self, act: &Act, first: u8) {
        let depth = self.around.len();
        if act.row
            && !is_none(act, first)
            && let Some(row) = &mut self.row
        {
            row.inner.push(Inner { depth, is_named: false });
            self.watch();
        }
    }

    /// Are the items rows that stand in an array whose items are at this state?
    pub(super) fn are_rows(&self, plan: &Plan, items: StateIx) -> bool {
        let is_row = |set| match plan.act_of(set) {
            0 => false,
            number => plan.act(number).row,
        };
        self.owner.is_some() && self.row.is_none() && is_row(plan.shape.state(items).object)
    }

    /// A row begins, if the value at `at` is one.
    pub(super) fn begin_row(&mut self, act: &Act, bytes: &[u8], at: usize) -> Result<(), Malformed> {
        let is_item = self.top.rows();
        if self.row.is_some() || self.owner.is_none() || !is_item && !act.row {
            return Ok(());
        }
        if !is_item {
            self.keep_member(bytes, at)?;
            self.output.pend(bytes, at);
        }
        self.watch();
        let depth = self.around.len();
        let counts = Vec::new();
        // What is `null` in place of a row says nothing of anybody.
        let is_named = is_none(act, bytes.get(at).copied().unwrap_or_default());
        let goes = match act.nullable {
            _ if is_item => Goes::Out,
            true => Goes::Null,
            false => Goes::WithAll,
        };
        self.row = Some(Row { depth, goes, is_named, is_foreign: false, inner: Vec::new(), counts });
        Ok(())
    }

    /// So many rows are another's. None may be taken out once a number of them has left.
    pub(super) const fn add_foreign(&mut self, rows: u64, at: usize) -> Result<(), Malformed> {
        self.foreign += rows;
        if rows > 0 && !matches!(self.counted, Counts::No) {
            return Err(Malformed::ForeignRow { at: self.position(at) });
        }
        Ok(())
    }

    /// The row ends before `at`.
    pub(super) fn end_row(&mut self, plan: &Plan, bytes: &[u8], at: usize) -> Result<(), Malformed> {
        let Some(row) = self.row.take() else { return Ok(()) };
        if row.is_named && !row.is_foreign {
            add_counts(&mut self.counts, &row.counts);
            let is_first = row.goes == Goes::Out && !std::mem::replace(&mut self.top.kept, true);
            return self.output.keep_row(bytes, at, is_first).map_err(|why| self.too_much(why, at));
        }
        self.add_foreign(1, at)?;
        let is_whole = self.top.kind.is_body();
        if plan.shape.foreign == Foreign::Refuse || row.goes == Goes::WithAll && !is_whole {
            return Err(Malformed::ForeignRow { at: self.position(at) });
        }
        self.output.drop_row(bytes, at).map_err(|why| self.too_much(why, at))?;
        if row.goes == Goes::Null {
            self.output.replacement(bytes).extend(b"null");
        } else if is_whole {
            self.is_gone = true;
            self.output.hide(bytes, at);
        }
        Ok(())
    }
}
