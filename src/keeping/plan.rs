//! What goes of a log by now, segment by segment.
//!
//! Never: writes.

use std::collections::BTreeMap;

use crate::audit::entry::Entry;
use crate::audit::entry::Kind;
use crate::audit::keeping;
use crate::audit::keeping::Act;
use crate::audit::keeping::Fate;
use crate::audit::keeping::Holds;
use crate::audit::keeping::Pruned;
use crate::audit::tree::Frontier;
use crate::evidence::Folder;
use crate::evidence::Read;
use crate::evidence::Records;
use crate::evidence::Segment;
use crate::ids::Digest;

use super::NotPruned;
use super::Rules;

/// What goes of one segment.
#[derive(Debug, Clone)]
pub struct Goes {
    /// Which.
    pub segment: Segment,
    /// How many records go now.
    pub records: u64,
    /// The number of the last that does.
    last: u64,
    /// All that are gone of it then.
    gone: Frontier,
}

/// What goes.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    /// Segments of which some records go, their leaves stay.
    pub within: Vec<Goes>,
    /// Segments that go whole: the oldest.
    pub whole: Vec<Segment>,
    /// How many records go with them that are still there.
    pub whole_records: u64,
    /// The number of the first record that stays in its place, where segments go whole.
    pub boundary: u64,
    /// How many records go of each book.
    pub books: BTreeMap<String, u64>,
    /// How many records past their time each hold keeps.
    pub held: BTreeMap<String, u64>,
    /// The holds whose record goes with a segment.
    again: Vec<String>,
}

/// One segment as it was read.
struct Looked {
    goes: Goes,
    books: BTreeMap<String, u64>,
    /// How many records stay.
    stay: u64,
    /// Are all of its events of the program past their time?
    past: bool,
    holds: Vec<String>,
}

impl Plan {
    /// Is there nothing that goes?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.within.is_empty() && self.whole.is_empty()
    }

    /// How many records go.
    #[must_use]
    pub fn records(&self) -> u64 {
        self.whole_records + self.within.iter().map(|goes| goes.records).sum::<u64>()
    }

    /// What is put on record before any of it goes.
    #[must_use]
    pub fn acts(&self, holds: &Holds, reason: &str) -> Vec<Act> {
        let again = self.again.iter().filter_map(|name| holds.get(name).cloned().map(Act::Stands));
        let within = self.within.iter().map(|goes| {
            Act::Prune(Pruned {
                first: goes.segment.first,
                last: goes.last,
                reason: reason.to_owned(),
                count: Some(goes.gone.size()),
                gone: Some(Digest::from_bytes(goes.gone.root()).to_string()),
            })
        });
        let whole = self.boundary.checked_sub(1).map(|last| {
            let reason = reason.to_owned();
            Act::Prune(Pruned { first: 0, last, reason, count: None, gone: None })
        });
        again.chain(within).chain(whole).collect()
    }
}

/// Reads the log, and says what of it goes. `progress` is told how many records were read, now and then.
///
/// # Errors
/// When it cannot be read, or is not what was written.
pub fn plan(folder: &Folder, rules: &Rules, progress: &mut dyn FnMut(u64)) -> Result<Plan, NotPruned> {
    let (segments, seals) = (folder.segments()?, folder.seals()?);
    // Whose name goes takes no record of others along.
    let (mut plan, mut read, mut oldest) = (Plan::default(), 0, rules.person.is_none());
    for (at, segment) in segments.iter().enumerate().filter(|(_, segment)| segment.compressed) {
        let Some(looked) = look(folder, segment, rules, &mut plan.held)? else { continue };
        read += looked.stay + looked.goes.gone.size();
        progress(read);
        let next = segments.get(at + 1).map(|next| next.first);
        // Whoever reads on begins with the trees of the seal at its end.
        let resumes = next.and_then(|next| next.checked_sub(1)).filter(|seal| seals.contains(seal));
        let Looked { goes, books, stay, past, holds } = looked;
        oldest = oldest && stay == 0 && past && resumes.is_some();
        if oldest {
            plan.whole_records += goes.records;
            plan.whole.push(goes.segment);
            plan.boundary = next.unwrap_or(0);
            plan.again.extend(holds.into_iter().filter(|name| rules.holds.get(name).is_some()));
        } else if goes.records > 0 {
            plan.within.push(goes);
        }
        for (book, records) in books {
            *plan.books.entry(book).or_default() += records;
        }
    }
    plan.again.sort();
    plan.again.dedup();
    Ok(plan)
}

/// Reads one segment; `None` where it is no longer there.
fn look(
    folder: &Folder,
    segment: &Segment,
    rules: &Rules,
    held: &mut BTreeMap<String, u64>,
) -> Result<Option<Looked>, NotPruned> {
    let damaged = || NotPruned::Damaged(segment.name());
    let Some(mut records) = Records::open(folder, segment)? else { return Ok(None) };
    let goes = Goes { segment: segment.clone(), records: 0, last: segment.first, gone: Frontier::new() };
    let mut looked = Looked { goes, books: BTreeMap::new(), stay: 0, past: true, holds: Vec::new() };
    while let Some(read) = records.read()? {
        let record = match read {
            Read::Record(record) => record,
            Read::Withheld(withheld) => {
                looked.gone(withheld.seq);
                continue;
            }
            Read::Torn | Read::Damaged(_) => return Err(damaged()),
        };
        let entry = Entry::read(record).map_err(|_| damaged())?;
        match rules.fate(record).map_err(|_| damaged())? {
            Fate::Due => {
                looked.gone(entry.seq);
                looked.goes.records += 1;
                *looked.books.entry(entry.book.to_owned()).or_default() += 1;
            }
            Fate::Held(hold) => {
                *held.entry(hold.to_owned()).or_default() += 1;
                looked.stay += 1;
            }
            Fate::Kept if entry.kind == Kind::Event && entry.book.is_empty() => looked.event(&entry, rules),
            Fate::Kept => looked.stay += 1,
        }
    }
    Ok(Some(looked))
}

impl Looked {
    fn gone(&mut self, seq: u64) {
        self.goes.gone.append(keeping::number_leaf(seq));
        self.goes.last = seq;
    }

    fn event(&mut self, entry: &Entry<'_>, rules: &Rules) {
        self.past &= rules.retention.is_past(entry.time_ms, rules.now_ms);
        let mut one = Holds::default();
        if one.saw(entry) {
            self.holds.extend(one.0.into_iter().map(|hold| hold.hold));
        }
    }
}
