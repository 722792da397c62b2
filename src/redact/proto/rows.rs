//! The leak guard in messages: a message that is a row stays only if each owner that it names is the right one.
//!
//! Never: lets a row out that names no owner, or two of which one is another.

use crate::redact::malformed::Malformed;
use crate::redact::places;
use crate::redact::places::Places;
use crate::redact::plan::Counts;
use crate::redact::reader::add_counts;
use crate::redact::shape::Foreign;

use super::descriptor::Kind;
use super::rewrite::Rewrite;
use super::value;
use super::wire::Value;

/// A row that has begun.
#[derive(Debug, Default)]
pub(super) struct Row {
    is_named: bool,
    is_foreign: bool,
    /// How often a value of each set of classes was hidden in it.
    pub(super) counts: Vec<u64>,
}

impl Rewrite<'_> {
    /// Writes a value that stands here, which may be a row. Does it stay? One of a list, or of a stream of messages, can
    /// be taken out; any other refuses the body if it is somebody else's.
    pub(super) fn in_row(
        &mut self,
        places: &Places,
        is_item: bool,
        write: impl FnOnce(&mut Self) -> Result<(), Malformed>,
    ) -> Result<bool, Malformed> {
        if self.owner.is_none() || !places.are_rows(self.plan) {
            return write(self).map(|()| true);
        }
        if let Some(around) = &mut self.row {
            let is_named = std::mem::replace(&mut around.is_named, false);
            write(self)?;
            if let Some(around) = &mut self.row {
                // A row within a row stays or goes with it.
                around.is_foreign |= !around.is_named;
                around.is_named = is_named;
            }
            return Ok(true);
        }
        self.row = Some(Row::default());
        let written = write(self);
        let row = self.row.take().unwrap_or_default();
        written?;
        if row.is_named && !row.is_foreign {
            add_counts(&mut self.tally.counts, &row.counts);
            return Ok(true);
        }
        self.tally.foreign += 1;
        if self.plan.shape.foreign == Foreign::Refuse || !is_item {
            return Err(Malformed::ForeignRow { at: self.at });
        }
        Ok(false)
    }

    /// Writes what goes nowhere, of which only the owner of the row around it is to be known.
    pub(super) fn unseen(
        &mut self,
        write: impl FnOnce(&mut Self, &mut Vec<u8>) -> Result<(), Malformed>,
    ) -> Result<(), Malformed> {
        if self.row.is_none() {
            return Ok(());
        }
        let around = std::mem::replace(&mut self.is_hidden, true);
        let written = write(self, &mut Vec::new());
        self.is_hidden = around;
        written
    }

    /// Is what stands here a number of rows that is no longer true? One of more rows than these refuses the message.
    pub(super) fn is_number_of_rows(&mut self, places: &Places) -> Result<bool, Malformed> {
        let counts = if self.owner.is_some() { places.counts(self.plan) } else { Counts::No };
        self.is_counted |= counts != Counts::No;
        match counts {
            Counts::All if self.taken > 0 => Err(Malformed::ForeignRow { at: self.at }),
            Counts::All | Counts::No => Ok(false),
            Counts::These => Ok(self.taken > 0),
        }
    }

    /// A value stands here that may say whose the row is.
    pub(super) fn note_owner(&mut self, places: &Places, kind: Kind, found: Value<'_>) {
        let Some(row) = self.row.as_mut().filter(|_| places.is_owner(self.plan)) else { return };
        let text = value::owner_text(kind, found);
        row.is_named = true;
        let owner = self.owner.filter(|owner| text.as_ref().is_some_and(|text| owner.owns(text)));
        row.is_foreign |= owner.is_none();
    }

    /// The row around this place is another's, if it is so: a list or a map that should say whose it is says so of nobody, and
    /// a row goes with each that stands in a text of it.
    pub(super) fn disown(&mut self, is_so: bool) {
        if let Some(row) = &mut self.row {
            row.is_foreign |= is_so;
        }
    }

    /// A value of these classes is hidden.
    pub(super) fn count(&mut self, set: u16) {
        if !self.is_hidden {
            let counts = self.row.as_mut().map_or(&mut self.tally.counts, |row| &mut row.counts);
            places::count(counts, self.plan, set);
        }
    }
}
