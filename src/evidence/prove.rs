//! Proofs of single records and of growth, made from a log directory.
//!
//! Never: hands out a proof that does not hold: each is checked before it leaves, against the checkpoint that it is for.

use std::fmt;

use crate::audit::entry::Entry;
use crate::audit::entry::Kind;
use crate::audit::entry::Value;
use crate::audit::entry::Withheld;
use crate::audit::note::Checkpoint;
use crate::audit::note::Note;
use crate::audit::note::TlogProof;
use crate::audit::tree;
use crate::audit::tree::BUNDLE_LEAVES;
use crate::audit::tree::Hash;
use crate::audit::tree::Source;
use crate::audit::tree::Unproven;
use crate::audit::tree::leaf_hash;
use crate::ids::DecisionId;
use crate::limits;

use super::folder::Bundles;
use super::folder::Folder;
use super::folder::Segment;
use super::folder::Unreadable;
use super::read;
use super::read::Read;

/// Why something cannot be proven.
#[derive(Debug)]
pub enum NotProven {
    /// A file cannot be read.
    Unreadable(Unreadable),
    /// There is no such record: it was never there, or it is no longer.
    NoRecord,
    /// What it said was taken away, and only its leaf is left.
    Pruned,
    /// There is no checkpoint, or the newest does not cover the record.
    Unsigned,
    /// What is there is not what the checkpoint commits to: the log must be verified.
    Differs,
    /// The newest checkpoint is no signed note, and why.
    BadCheckpoint(&'static str),
}

impl fmt::Display for NotProven {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(why) => why.fmt(f),
            Self::NoRecord => f.write_str("there is no such record in the log"),
            Self::Pruned => {
                f.write_str("the record was pruned: its hash is still in the trees, and what it said is gone")
            }
            Self::Unsigned => {
                f.write_str("no checkpoint covers it yet: one is signed every minute while `palisade` runs")
            }
            Self::Differs => {
                f.write_str("the records are not those that the newest checkpoint commits to: run `verify`")
            }
            Self::BadCheckpoint(why) => write!(f, "`checkpoint` is none: {why}"),
        }
    }
}

impl std::error::Error for NotProven {}

impl From<Unreadable> for NotProven {
    fn from(why: Unreadable) -> Self {
        Self::Unreadable(why)
    }
}

impl From<Unproven<NotProven>> for NotProven {
    fn from(why: Unproven<Self>) -> Self {
        match why {
            Unproven::Source(why) => why,
            Unproven::Outside => Self::Unsigned,
            Unproven::Short(_) => Self::NoRecord,
        }
    }
}

/// A record with the proof that it is in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proven {
    /// Its bytes: what the leaf is the hash of.
    pub record: Vec<u8>,
    /// Its number, the path, and the checkpoint.
    pub proof: TlogProof,
}

/// A record, or what is left of one.
#[derive(Debug, Clone, Copy)]
pub enum Left<'a> {
    /// A record, with its bytes.
    Record(Entry<'a>, &'a [u8]),
    /// What is left.
    Withheld(Withheld<'a>),
}

impl<'a> Left<'a> {
    /// What these bytes are; `None` where they are no record and nothing that is left of one.
    #[must_use]
    pub fn of(bytes: &'a [u8]) -> Option<Self> {
        let withheld = Withheld::read(bytes).map(Self::Withheld);
        withheld.or_else(|| Some(Self::Record(Entry::read(bytes).ok()?, bytes)))
    }

    /// Its number.
    #[must_use]
    pub const fn seq(&self) -> u64 {
        match self {
            Self::Record(entry, _) => entry.seq,
            Self::Withheld(withheld) => withheld.seq,
        }
    }

    /// When it was made, in milliseconds since 1970.
    #[must_use]
    pub const fn time_ms(&self) -> u64 {
        match self {
            Self::Record(entry, _) => entry.time_ms,
            Self::Withheld(withheld) => withheld.time_ms,
        }
    }

    /// The tenant in whose book it stands.
    #[must_use]
    pub const fn book(&self) -> &'a str {
        match self {
            Self::Record(entry, _) => entry.book,
            Self::Withheld(withheld) => withheld.book,
        }
    }

    /// The hash of its leaf.
    #[must_use]
    pub fn leaf(&self) -> Hash {
        match self {
            Self::Record(_, bytes) => leaf_hash(bytes),
            Self::Withheld(withheld) => withheld.leaf,
        }
    }
}

/// The records of a log directory, as a source of proofs.
pub(super) struct Records<'a> {
    folder: &'a Folder,
    segments: Vec<Segment>,
    bundles: Bundles,
}

impl<'a> Records<'a> {
    pub(super) fn new(folder: &'a Folder) -> Result<Self, Unreadable> {
        Ok(Self { folder, segments: folder.segments()?, bundles: folder.bundles()? })
    }

    /// The first record that is there.
    pub(super) fn first(&self) -> u64 {
        self.segments.first().map_or(0, |segment| segment.first)
    }

    /// The first number of the segment that a record stands in.
    pub(super) fn segment_of(&self, seq: u64) -> u64 {
        let after = self.segments.partition_point(|segment| segment.first <= seq);
        let within = after.checked_sub(1).and_then(|at| self.segments.get(at));
        within.map_or(0, |segment| segment.first)
    }

    /// Hands on each record with a number within the range, in the order in which they stand.
    pub(super) fn each(
        &self,
        range: std::ops::Range<u64>,
        take: &mut dyn FnMut(&Entry<'_>, &[u8]) -> bool,
    ) -> Result<(), Unreadable> {
        self.all(range, &mut |left| match left {
            Left::Record(entry, record) => take(&entry, record),
            Left::Withheld(_) => true,
        })
    }

    /// The same, with what is left of those that were taken away.
    pub(super) fn all(
        &self,
        range: std::ops::Range<u64>,
        take: &mut dyn FnMut(Left<'_>) -> bool,
    ) -> Result<(), Unreadable> {
        let begin = self.segments.iter().rposition(|segment| segment.first <= range.start).unwrap_or(0);
        for segment in self.segments.iter().skip(begin).take_while(|segment| segment.first < range.end) {
            let Some(mut records) = read::Records::open(self.folder, segment)? else { continue };
            while let Some(read) = records.read()? {
                let left = match read {
                    Read::Record(record) => Entry::read(record).ok().map(|entry| Left::Record(entry, record)),
                    Read::Withheld(withheld) => Some(Left::Withheld(withheld)),
                    Read::Torn | Read::Damaged(_) => None,
                };
                let Some(left) = left else { continue };
                let seq = left.seq();
                if range.contains(&seq) && !take(left) {
                    return Ok(());
                }
                if seq >= range.end {
                    return Ok(());
                }
            }
        }
        Ok(())
    }

    /// The number of a decision's record, whole and not its mirror. It is looked for from where the time in its id says, and
    /// everywhere if it is not there: a clock may have been set.
    pub(super) fn find(&self, id: DecisionId) -> Result<Option<u64>, Unreadable> {
        let near = self.begin(id.time_ms().saturating_sub(limits::FIND_SLACK_MS))?;
        for range in [near..u64::MAX, 0..near] {
            let mut found = None;
            self.each(range, &mut |entry, _| {
                let it = entry.kind == Kind::Decision
                    && !entry.mirror
                    && entry.field("decision_id") == Some(Value::Id(id));
                found = it.then_some(entry.seq);
                !it
            })?;
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }

    /// The first record of the last segment that begins no later than then.
    fn begin(&self, time_ms: u64) -> Result<u64, Unreadable> {
        let (mut from, mut to) = (0, self.segments.len());
        while from < to {
            let middle = usize::midpoint(from, to);
            let Some(segment) = self.segments.get(middle) else { break };
            let mut begins = None;
            self.all(segment.first..segment.first + 1, &mut |left| {
                begins = Some(left.time_ms());
                false
            })?;
            if begins.is_some_and(|begins| begins <= time_ms) { from = middle + 1 } else { to = middle }
        }
        let last = from.checked_sub(1).and_then(|at| self.segments.get(at));
        Ok(last.map_or(0, |segment| segment.first))
    }
}

impl Source for Records<'_> {
    type Error = NotProven;

    fn bundle(&mut self, index: u64) -> Result<Hash, NotProven> {
        if let Some(root) = self.bundles.get(index)? {
            return Ok(root);
        }
        let mut tree = tree::Frontier::new();
        for leaf in self.leaves(index)? {
            tree.append(leaf);
        }
        if tree.size() == BUNDLE_LEAVES { Ok(tree.root()) } else { Err(NotProven::NoRecord) }
    }

    fn leaves(&mut self, bundle: u64) -> Result<Vec<Hash>, NotProven> {
        let (first, mut leaves) = (bundle * BUNDLE_LEAVES, Vec::new());
        if self.first() > first {
            let edge = self.folder.edge(self.first())?;
            leaves.extend(edge.into_iter().filter(|(seq, _)| *seq >= first).map(|(_, leaf)| leaf));
        }
        self.all(first..first + BUNDLE_LEAVES, &mut |left| {
            // One that is missing leaves all behind it without a place.
            let next = left.seq() == first + leaves.len() as u64;
            if next {
                leaves.push(left.leaf());
            }
            next
        })?;
        Ok(leaves)
    }
}

/// The newest checkpoint; with what witnesses said of it, where they were asked.
///
/// # Errors
/// When there is none, or it cannot be read.
pub fn newest(folder: &Folder) -> Result<(Note, Checkpoint), NotProven> {
    let plain = folder.checkpoint()?.ok_or(NotProven::Unsigned)?;
    let note = Note::parse(&plain).map_err(NotProven::BadCheckpoint)?;
    let head = Checkpoint::parse(note.text()).map_err(NotProven::BadCheckpoint)?;
    let cosigned = folder.cosigned()?.and_then(|text| Note::parse(&text).ok());
    let cosigned = cosigned.filter(|cosigned| cosigned.text() == note.text());
    Ok((cosigned.unwrap_or(note), head))
}

/// The number of the record of a decision.
///
/// # Errors
/// When there is none, or a file cannot be read.
pub fn find(folder: &Folder, id: DecisionId) -> Result<u64, NotProven> {
    Records::new(folder)?.find(id)?.ok_or(NotProven::NoRecord)
}

/// Proves one record by the newest checkpoint.
///
/// # Errors
/// When it is not there, not signed yet, or not what was signed.
pub fn prove(folder: &Folder, seq: u64) -> Result<Proven, NotProven> {
    let (note, head) = newest(folder)?;
    if seq >= head.size {
        return Err(NotProven::Unsigned);
    }
    let mut records = Records::new(folder)?;
    let mut found = None;
    records.all(seq..seq + 1, &mut |left| {
        found = Some(match left {
            Left::Record(_, record) => Ok(record.to_vec()),
            Left::Withheld(_) => Err(NotProven::Pruned),
        });
        false
    })?;
    let record = found.ok_or(NotProven::NoRecord)??;
    let path = tree::inclusion(&mut records, seq, head.size)?;
    let proof = TlogProof { index: seq, path, note };
    if proof.proves(&record).is_none() {
        return Err(NotProven::Differs);
    }
    Ok(Proven { record, proof })
}

/// The proof that the log of `head` goes on from the one that had `old` records.
///
/// # Errors
/// When a record is not there, or what is there is not what was signed.
pub fn growth(folder: &Folder, old: u64, head: &Checkpoint) -> Result<Vec<Hash>, NotProven> {
    let mut records = Records::new(folder)?;
    let path = tree::consistency(&mut records, old, head.size)?;
    let whole = tree::root(&mut records, head.size)?;
    if whole == head.root && path.len() <= limits::PROOF_HASHES_MAX {
        Ok(path)
    } else {
        Err(NotProven::Differs)
    }
}
