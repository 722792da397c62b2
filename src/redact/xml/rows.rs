//! The leak guard in XML: an element that is a row leaves only if each owner that it names is the right one.
//!
//! An element whose child elements are the rows (`$.items[*]`) is no row itself, unless it has attributes: then it may as well
//! be one of several rows of that name.
//!
//! Never: lets out a byte of a row before all of it has been seen. A row that names no owner, or two of which one is another,
//! is another's.

use std::sync::Arc;

use super::Xml;
use super::names;
use super::tag;
use super::tag::Start;
use crate::limits;
use crate::redact::malformed::Malformed;
use crate::redact::places::Places;
use crate::redact::plan::Counts;
use crate::redact::plan::Plan;
use crate::redact::reader::add_counts;
use crate::redact::shape::Foreign;
use crate::redact::walk::Owns;

/// What is known of a body's rows.
#[derive(Debug)]
pub(super) struct Guard {
    owner: Arc<dyn Owns>,
    row: Option<Row>,
    /// White space before what may be a row: it goes with it, so that nothing tells how many went.
    space: String,
    /// How many rows were another owner's.
    pub(super) foreign: u64,
    /// Which number of rows has left.
    counted: Counts,
}

/// A row that has begun.
#[derive(Debug)]
struct Row {
    /// How many elements stand around it.
    depth: usize,
    /// Where in what leaves of this piece it begins, and what is held of it from earlier ones.
    from: usize,
    held: String,
    is_named: bool,
    is_foreign: bool,
    /// The rows around this place that stand within it, the innermost last. They stay or go with it.
    inner: Vec<Inner>,
    /// The element that says whose it is, where one has begun.
    owner: Option<Owner>,
    /// How often a value of each set of classes was hidden in it.
    counts: Vec<u64>,
}

#[derive(Debug)]
struct Inner {
    depth: usize,
    is_named: bool,
}

#[derive(Debug)]
struct Owner {
    depth: usize,
    /// Its text; nothing if that is too long.
    text: Option<String>,
}

impl Row {
    fn name(&mut self, text: Option<&str>, owner: &dyn Owns) {
        *self.inner.last_mut().map_or(&mut self.is_named, |inner| &mut inner.is_named) = true;
        // One is enough, whatever else is said.
        self.is_foreign |= !text.is_some_and(|text| owner.owns(text.trim_matches(tag::is_space)));
    }
}

impl Guard {
    pub(super) fn new(owner: Arc<dyn Owns>) -> Self {
        Self { owner, row: None, space: String::new(), foreign: 0, counted: Counts::No }
    }

    /// A number of rows leaves. It must still be true in the end.
    fn counts(&mut self, counts: Counts, at: u64) -> Result<(), Malformed> {
        if counts != Counts::No && self.counted != Counts::All {
            self.counted = counts;
        }
        if counts == Counts::All && self.foreign > 0 { Err(Malformed::ForeignRow { at }) } else { Ok(()) }
    }
}

/// Is an element a list of rows, as far as its place says?
fn may_be_list(plan: &Plan, places: &Places) -> bool {
    places.are_lists_of_rows(plan)
}

impl Xml {
    /// What is held of the row that goes on from the piece before.
    pub(super) fn begin_piece(&mut self) -> String {
        match self.guard.as_mut().and_then(|guard| guard.row.as_mut()) {
            Some(row) => {
                row.from = 0;
                std::mem::take(&mut row.held)
            }
            None => String::new(),
        }
    }

    /// Holds what may not leave yet of a piece.
    pub(super) fn end_piece(&mut self, out: &mut String) -> Result<(), Malformed> {
        let at = self.before;
        if let Some(row) = self.guard.as_mut().and_then(|guard| guard.row.as_mut()) {
            row.held = out.split_off(row.from);
            if row.held.len() > limits::ROW_BYTES_MAX {
                return Err(Malformed::RowTooLong { at });
            }
        }
        Ok(())
    }

    /// Has a row begun that has not ended?
    pub(super) fn is_in_row(&self) -> bool {
        self.guard.as_ref().is_some_and(|guard| guard.row.is_some())
    }

    /// An element begins that may be a row, or say whose one is. Is it a list of rows?
    pub(super) fn begin_element(
        &mut self,
        plan: &Plan,
        places: &Places,
        start: &Start<'_>,
        out: &mut String,
    ) -> bool {
        let depth = self.open.len();
        let Some(guard) = &mut self.guard else { return false };
        let is_bare = start.attributes.iter().all(tag::Attribute::is_declaration);
        let is_list = is_bare && may_be_list(plan, places);
        if !is_list && places.are_rows(plan) {
            match &mut guard.row {
                Some(row) => row.inner.push(Inner { depth, is_named: false }),
                None => {
                    guard.row = Some(Row {
                        depth,
                        from: out.len(),
                        held: String::new(),
                        is_named: false,
                        is_foreign: false,
                        inner: Vec::new(),
                        owner: None,
                        counts: Vec::new(),
                    });
                    out.push_str(&std::mem::take(&mut guard.space));
                }
            }
        }
        let Some(row) = &mut guard.row else { return is_list };
        // What says whose the row is must say it plainly.
        row.is_foreign |= row.owner.is_some();
        for attribute in start.attributes.iter().filter(|attribute| !attribute.is_declaration()) {
            if names::of_attribute(plan, places, attribute.name).is_owner(plan) {
                row.name(Some(&attribute.value), &*guard.owner);
            }
        }
        if row.owner.is_none() && places.is_owner(plan) {
            row.owner = Some(Owner { depth, text: Some(String::new()) });
        }
        is_list
    }

    /// More text of the innermost element, which may be a list of rows.
    pub(super) fn row_text(&mut self, text: &str) -> Result<(), Malformed> {
        let (at, is_blank) = (self.before, text.chars().all(tag::is_space));
        let is_list = self.open.last().is_some_and(|open| open.is_list);
        let Some(guard) = &mut self.guard else { return Ok(()) };
        let Some(row) = &mut guard.row else {
            if is_list && !is_blank {
                guard.foreign += 1;
                return Err(Malformed::ForeignRow { at });
            }
            return Ok(());
        };
        row.is_foreign |= is_list && !is_blank;
        if let Some(Owner { text: known, .. }) = &mut row.owner {
            let bytes = known.as_ref().map_or(0, String::len) + text.len();
            if bytes > limits::MASKED_VALUE_BYTES_MAX {
                *known = None;
            }
            if let Some(known) = known {
                known.push_str(text);
            }
        }
        Ok(())
    }

    /// The element ends that has so many around it, and of which all has been written.
    pub(super) fn end_element(
        &mut self,
        plan: &Plan,
        depth: usize,
        out: &mut String,
    ) -> Result<(), Malformed> {
        let at = self.before;
        let Some(guard) = &mut self.guard else { return Ok(()) };
        let Some(row) = &mut guard.row else { return Ok(()) };
        if let Some(owner) = row.owner.take_if(|owner| owner.depth == depth) {
            row.name(owner.text.as_deref(), &*guard.owner);
        }
        if let Some(inner) = row.inner.pop_if(|inner| inner.depth == depth) {
            row.is_foreign |= !inner.is_named;
        }
        let Some(row) = guard.row.take_if(|row| row.depth == depth) else { return Ok(()) };
        if out.len().saturating_sub(row.from) > limits::ROW_BYTES_MAX {
            return Err(Malformed::RowTooLong { at });
        }
        if row.is_named && !row.is_foreign {
            add_counts(&mut self.counts, &row.counts);
            return Ok(());
        }
        guard.foreign += 1;
        // Without its root a document is none, and a number of rows that has left must stay true.
        if plan.shape.foreign == Foreign::Refuse || depth == 0 || guard.counted != Counts::No {
            return Err(Malformed::ForeignRow { at });
        }
        out.truncate(row.from);
        Ok(())
    }

    /// Writes what leaves. White space waits for what follows it.
    pub(super) fn put(&mut self, raw: &str, out: &mut String) {
        let Some(guard) = self.guard.as_mut().filter(|guard| guard.row.is_none()) else {
            out.push_str(raw);
            return;
        };
        let shown = raw.trim_end_matches(tag::is_space);
        if !shown.is_empty() {
            out.push_str(&std::mem::take(&mut guard.space));
            out.push_str(shown);
        }
        guard.space.push_str(raw.get(shown.len()..).unwrap_or_default());
        // Of much only the end waits, wherever it is cut.
        let excess = guard.space.len().saturating_sub(limits::JSON_HELD_BYTES_MAX);
        out.extend(guard.space.drain(..excess));
    }

    /// Nothing is a row that follows the white space that waits.
    pub(super) fn flush(&mut self, out: &mut String) {
        if let Some(guard) = &mut self.guard {
            out.push_str(&std::mem::take(&mut guard.space));
        }
    }

    /// How often a value of each set of classes was hidden, in the row or around it.
    pub(super) fn counts_here(&mut self) -> &mut Vec<u64> {
        match self.guard.as_mut().and_then(|guard| guard.row.as_mut()) {
            Some(row) => &mut row.counts,
            None => &mut self.counts,
        }
    }

    /// How many rows were taken out, if a number of them stands here that is not hidden.
    ///
    /// # Errors
    /// It cannot be corrected.
    pub(super) fn taken_of(&mut self, plan: &Plan, places: &Places) -> Result<Option<u64>, Malformed> {
        let at = self.before;
        let Some(guard) = &mut self.guard else { return Ok(None) };
        let counts = places.counts(plan);
        guard.counts(counts, at)?;
        Ok((counts == Counts::These && guard.foreign > 0).then_some(guard.foreign))
    }

    /// How many rows were another owner's.
    pub(in crate::redact) fn foreign(&self) -> u64 {
        self.guard.as_ref().map_or(0, |guard| guard.foreign)
    }
}
