//! Is one book whole: does it hold just the records that the newest seal commits to?
//!
//! Only the book's own records are hashed. That its head is the one that was signed follows from the seal's record, which the
//! newest checkpoint covers. What this leaves open is every other book.
//! Never: tells of another book.

use std::ops::Range;
use std::path::Path;

use crate::audit::entry::Entry;
use crate::audit::entry::Value;
use crate::audit::heads::Sealed;
use crate::audit::note::Checkpoint;
use crate::audit::note::KeyKind;
use crate::audit::note::Note;
use crate::audit::note::Signed;
use crate::audit::tree;
use crate::audit::tree::Frontier;

use super::Asked;
use super::folder::Folder;
use super::folder::Unreadable;
use super::prove;
use super::prove::Left;
use super::prove::NotProven;
use super::prove::Records;
use super::prunings::Prunings;
use super::report::Report;
use super::report::What;

/// The book's size and root at a seal.
struct Head {
    seal: u64,
    size: u64,
    root: tree::Hash,
}

/// Verifies one book against its newest head. The report's numbers are those of the book.
///
/// # Errors
/// As for [`super::verify`].
pub fn verify_book(
    log: &Path,
    book: &str,
    asked: &Asked<'_>,
    progress: &mut dyn FnMut(u64),
) -> Result<Report, Unreadable> {
    let folder = Folder::open(log)?;
    let mut report = Report { origin: folder.origin().to_owned(), ..Report::default() };
    let head = match signed(&folder, asked, &mut report) {
        Ok(head) => head,
        Err(NotProven::Unreadable(why)) => return Err(why),
        Err(why) => {
            report.add(What::BadCheckpoint, 0, 0, why.to_string());
            return Ok(report);
        }
    };
    let seals = folder.seals()?;
    let mut proven = None;
    for seal in seals.iter().rev().filter(|seal| **seal < head.size) {
        let Some(Some(sealed)) = folder.heads(*seal)? else { continue };
        let leaf = tree::leaf_hash(&sealed.record);
        let mut records = Records::new(&folder)?;
        let path = match tree::inclusion(&mut records, *seal, head.size).map_err(NotProven::from) {
            Err(NotProven::Unreadable(why)) => return Err(why),
            path => path.unwrap_or_default(),
        };
        if is_seal(&sealed, *seal) && tree::is_included(&leaf, *seal, head.size, &path, &head.root) {
            proven = Some(*seal);
            break;
        }
        let why = format!("the seal in `heads/{seal:020}.heads` is not in the tree that was signed");
        report.add(What::Modified, *seal, *seal, why);
    }
    report.findings.sort_by_key(|finding| finding.first);
    let Some(newest) = proven else {
        report.add(What::Unsigned, 0, 0, "no seal is there that a checkpoint covers: verify the whole log");
        return Ok(report);
    };
    let mut heads = Vec::new();
    for seal in seals.into_iter().filter(|seal| *seal <= newest) {
        let Some(Some(sealed)) = folder.heads(seal)? else { continue };
        if let Some(tree) = sealed.trees.book(book) {
            heads.push(Head { seal, size: tree.size(), root: tree.root() });
        }
    }
    compare((&folder, &head), book, &heads, &mut report, progress)?;
    Ok(report)
}

/// The newest checkpoint, which a known key signed.
fn signed(folder: &Folder, asked: &Asked<'_>, report: &mut Report) -> Result<Checkpoint, NotProven> {
    let (note, head): (Note, Checkpoint) = prove::newest(folder)?;
    let brought: Vec<_> = asked.keys.iter().filter(|key| key.kind() == KeyKind::Note).cloned().collect();
    let keys = if brought.is_empty() { folder.keys()? } else { brought };
    if head.origin != folder.origin() {
        return Err(NotProven::BadCheckpoint("it is of another log"));
    }
    let key = keys.iter().find(|key| matches!(note.signed_by(key), Signed::Yes { .. }));
    let key = key.ok_or(NotProven::BadCheckpoint("no known key signed it"))?;
    report.key = Some(key.to_string());
    report.key_trusted = asked.keys.contains(key);
    report.checkpoints = 1;
    Ok(head)
}

pub(super) fn is_seal(sealed: &Sealed, seal: u64) -> bool {
    Entry::read(&sealed.record).is_ok_and(|entry| {
        entry.seq == seal
            && entry.field("event") == Some(Value::Text("sealed", false))
            && entry.field("heads_root") == Some(Value::Hex(&sealed.trees.heads_root()))
    })
}

fn is_pruning(entry: &Entry<'_>) -> bool {
    entry.book.is_empty() && entry.field("event") == Some(Value::Text("prune", false))
}

/// Is this record, as it stands there, in the tree that was signed?
fn is_in(folder: &Folder, seq: u64, signed: &Checkpoint) -> Result<bool, NotProven> {
    let mut records = Records::new(folder)?;
    let mut leaf = None;
    records.all(seq..seq + 1, &mut |left| {
        leaf = Some(left.leaf());
        false
    })?;
    let path = tree::inclusion(&mut records, seq, signed.size).map_err(NotProven::from)?;
    Ok(leaf.is_some_and(|leaf| tree::is_included(&leaf, seq, signed.size, &path, &signed.root)))
}

fn compare(
    (folder, signed): (&Folder, &Checkpoint),
    book: &str,
    heads: &[Head],
    report: &mut Report,
    progress: &mut dyn FnMut(u64),
) -> Result<(), Unreadable> {
    let (mut tree, mut next, mut behind) = (Frontier::new(), heads.iter().peekable(), 0_u64);
    let Some(last) = heads.last() else {
        report.add(What::Unsigned, 0, 0, format!("the newest seal knows no book `{book}`"));
        return Ok(());
    };
    let records = Records::new(folder)?;
    let from = records.first();
    let mut good = from;
    if from > 0 {
        // What stands before the first segment is as the trees of its seal say.
        let begun = folder.heads(from - 1)?.flatten().map(|sealed| sealed.resume(""));
        tree = begun.and_then(|trees| trees.book(book).cloned()).unwrap_or_default();
        report.from = tree.size();
    }
    while next.next_if(|head| head.seal < from).is_some() {}
    let judge = |tree: &Frontier, head: &Head, good: &mut u64, report: &mut Report| {
        report.seals += 1;
        if (tree.size(), tree.root()) == (head.size, head.root) {
            *good = head.seal + 1;
        } else if !report.follows(0, u64::MAX) {
            let (what, why) = match head.size.checked_sub(tree.size()) {
                Some(0) => (What::Modified, "as many records as the seal has, and others".to_owned()),
                Some(missing) => (What::Missing, format!("{missing} of {} records are not there", head.size)),
                None => (What::Modified, "more records than the seal has".to_owned()),
            };
            report.add(what, *good, head.seal, why);
        }
    };
    let (mut prunings, mut mine) = (Prunings::default(), Vec::new());
    records.all(from..u64::MAX, &mut |left| {
        while let Some(head) = next.next_if(|head| head.seal <= left.seq()) {
            judge(&tree, head, &mut good, report);
        }
        match &left {
            Left::Record(entry, _) if is_pruning(entry) => prunings.said(entry),
            Left::Record(..) => {}
            Left::Withheld(withheld) => {
                prunings.withheld(records.segment_of(withheld.seq), withheld);
                if withheld.book == book {
                    mine.push(withheld.seq);
                }
            }
        }
        if left.book() == book {
            report.records += 1;
            if report.records.is_multiple_of(crate::limits::PROGRESS_RECORDS) {
                progress(report.records);
            }
            if left.seq() > last.seal {
                behind += 1;
            }
            tree.append(left.leaf());
        }
        true
    })?;
    for head in next {
        judge(&tree, head, &mut good, report);
    }
    (report.size, report.signed) = (tree.size(), last.size);
    let of_mine = |range: &Range<u64>| mine.iter().any(|seq| range.contains(seq));
    let mut counts = |seq| is_in(folder, seq, signed).unwrap_or(false);
    prunings.tell(&of_mine, &mut counts, report);
    if behind > 0 {
        let why = format!(
            "{behind} records of the book stand behind the newest seal: verify the whole log for them"
        );
        report.tell(What::Unsigned, last.seal + 1, u64::MAX, why);
    }
    Ok(())
}
