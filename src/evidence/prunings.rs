//! What was taken away of a log, held against the records that say so: whole segments at its beginning, and within others the records that
//! only their leaves are left of.
//!
//! Never: takes a pruning for said that no signed head covers, that stands before what it takes away, or that counts other records.

use std::collections::HashMap;
use std::ops::Range;

use crate::audit::entry::Entry;
use crate::audit::entry::Value;
use crate::audit::entry::Withheld;
use crate::audit::keeping;
use crate::audit::tree::Frontier;
use crate::audit::tree::Hash;
use crate::limits;

use super::report::Report;
use super::report::What;

/// A record that says what goes.
#[derive(Debug)]
struct Said {
    seq: u64,
    records: Range<u64>,
    /// How many of a segment and which; all where it says nothing of that.
    some: Option<(u64, Hash)>,
}

/// What is left of some records of a segment.
#[derive(Debug)]
struct Within {
    segment: u64,
    records: Range<u64>,
    /// The tree over their numbers.
    gone: Frontier,
}

/// All that was said to go, and all that is gone within segments.
#[derive(Debug, Default)]
pub(super) struct Prunings {
    said: Vec<Said>,
    within: Vec<Within>,
    /// More was said than is kept here.
    more: bool,
}

impl Prunings {
    /// Takes note of a `prune` event.
    pub(super) fn said(&mut self, entry: &Entry<'_>) {
        let number = |name| match entry.field(name) {
            Some(Value::Number(number)) => Some(number),
            _ => None,
        };
        let (Some(first), Some(last)) = (number("first"), number("last")) else { return };
        let gone = match entry.field("gone") {
            Some(Value::Hex(gone)) => Hash::try_from(gone).ok(),
            _ => None,
        };
        if self.said.len() >= limits::PRUNES_MAX {
            self.more = true;
            return;
        }
        let some = number("count").zip(gone);
        self.said.push(Said { seq: entry.seq, records: first..last.saturating_add(1), some });
    }

    /// Takes note of a record that only its leaf is left of, in the segment that begins with this number.
    pub(super) fn withheld(&mut self, segment: u64, withheld: &Withheld<'_>) {
        let seq = withheld.seq;
        if self.within.last().is_none_or(|within| within.segment != segment) {
            self.within.push(Within { segment, records: seq..seq, gone: Frontier::new() });
        }
        if let Some(within) = self.within.last_mut() {
            within.records.end = seq + 1;
            within.gone.append(keeping::number_leaf(seq));
        }
    }

    /// Is every record of a range said to be gone whole, by records that count?
    pub(super) fn is_gone(&self, range: Range<u64>, counts: &mut dyn FnMut(u64) -> bool) -> bool {
        let mut all: Vec<&Said> = self.said.iter().filter(|said| said.some.is_none()).collect();
        all.sort_by_key(|said| said.records.start);
        let mut at = range.start;
        for said in all {
            let goes_on = said.records.start <= at && at < said.records.end && said.records.end <= said.seq;
            if at < range.end && goes_on && counts(said.seq) {
                at = said.records.end;
            }
        }
        at >= range.end
    }

    /// Says of all that is left of records within segments whether a record that counts says that they go. Only what is gone within
    /// these records is told.
    pub(super) fn tell(
        &self,
        of: &dyn Fn(&Range<u64>) -> bool,
        counts: &mut dyn FnMut(u64) -> bool,
        report: &mut Report,
    ) {
        let (mut sound, mut records, mut segments) = (None::<Range<u64>>, 0, 0_u64);
        let mut by_segment: HashMap<u64, Vec<&Said>> = HashMap::new();
        for said in self.said.iter().filter(|said| said.some.is_some()) {
            by_segment.entry(said.records.start).or_default().push(said);
        }
        for within in self.within.iter().filter(|within| of(&within.records)) {
            let what = (within.gone.size(), within.gone.root());
            let is_said = |said: &Said| {
                let behind = said.records.end >= within.records.end && said.records.end <= said.seq;
                said.some == Some(what) && behind
            };
            let of_segment = by_segment.get(&within.segment).map_or(&[][..], Vec::as_slice);
            let Range { start, end } = within.records.clone();
            if of_segment.iter().rev().any(|said| is_said(said) && counts(said.seq)) {
                let first = sound.map_or(start, |sound| sound.start);
                sound = Some(first..end);
                (records, segments) = (records + within.gone.size(), segments + 1);
            } else {
                let why =
                    format!("{} records are withheld, and no signed record says so", within.gone.size());
                report.add(What::Missing, start, end - 1, why);
            }
        }
        if let Some(range) = sound {
            let why = format!(
                "of {records} records in {segments} segments only the leaves are left; records of the log say so"
            );
            report.tell(What::Pruned, range.start, range.end - 1, why);
        }
        if self.more {
            let why = format!("there are more prunings than the {} that are looked at", limits::PRUNES_MAX);
            report.add(What::Missing, 0, 0, why);
        }
    }
}
