//! Proofs of single records and of growth, made from a log directory.
//!
//! Never: hands out a proof that does not hold: each is checked before it leaves, against the checkpoint that it is for.

use std::fmt;

use crate::audit::entry::Entry;
use crate::audit::entry::Kind;
use crate::audit::entry::Value;
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
use super::segment::Piece;
use super::segment::Reader;

/// Why something cannot be proven.
#[derive(Debug)]
pub enum NotProven {
    /// A file cannot be read.
    Unreadable(Unreadable),
    /// There is no such record: it was never there, or it is no longer.
    NoRecord,
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

    /// Hands on each record with a number within the range, in the order in which they stand.
    pub(super) fn each(
        &self,
        range: std::ops::Range<u64>,
        take: &mut dyn FnMut(&Entry<'_>, &[u8]) -> bool,
    ) -> Result<(), Unreadable> {
        let begin = self.segments.iter().rposition(|segment| segment.first <= range.start).unwrap_or(0);
        for segment in self.segments.iter().skip(begin).take_while(|segment| segment.first < range.end) {
            let failed = |why: std::io::Error| self.folder.unreadable(&segment.name(), &why);
            let Some((file, compressed)) = self.folder.segment(segment)? else { continue };
            let reader = Reader::new(file, compressed, self.folder.log_id()).map_err(failed)?;
            let Some(mut reader) = reader else { continue };
            while let Some(piece) = reader.next(segment.first).map_err(failed)? {
                let Piece::Record(record) = piece else { continue };
                let Ok(entry) = Entry::read(record) else { continue };
                if range.contains(&entry.seq) && !take(&entry, record) {
                    return Ok(());
                }
                if entry.seq >= range.end {
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
            self.each(segment.first..segment.first + 1, &mut |entry, _| {
                begins = Some(entry.time_ms);
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
        self.each(first..first + BUNDLE_LEAVES, &mut |entry, record| {
            // One that is missing leaves all behind it without a place.
            let next = entry.seq == first + leaves.len() as u64;
            if next {
                leaves.push(leaf_hash(record));
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
    records.each(seq..seq + 1, &mut |_, record| {
        found = Some(record.to_vec());
        false
    })?;
    let record = found.ok_or(NotProven::NoRecord)?;
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
