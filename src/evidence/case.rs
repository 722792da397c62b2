//! A stretch of one book with the proof that it is there whole: what a case folder holds.
//!
//! The records of the stretch make, with a few hashes of what stands around them, the root of the book; the book's head is proven
//! in the newest seal, the seal in the log, the log by its signed checkpoint. So whoever has them knows that none was left
//! out and none put in, and sees no record of any other book.
//! Never: hands on a record of another book, or one behind the newest seal, which nothing proves yet.

use std::fmt;
use std::io;
use std::ops::Range;
use std::path::Path;

use crate::audit::heads::HeadProof;
use crate::audit::heads::Sealed;
use crate::audit::tree::Behind;
use crate::audit::tree::Frontier;
use crate::audit::tree::Hash;
use crate::audit::tree::Stretch;

use super::book;
use super::folder::Folder;
use super::folder::Unreadable;
use super::prove;
use super::prove::Left;
use super::prove::NotProven;
use super::prove::Proven;
use super::prove::Records;

/// Why nothing is exported.
#[derive(Debug)]
pub enum NotExported {
    /// It cannot be proven.
    NotProven(NotProven),
    /// No seal that a checkpoint covers knows the book.
    NoBook,
    /// Of the book's records some are not what its head says: the log must be verified.
    Differs,
    /// The records could not be written.
    Unwritten(io::Error),
}

impl fmt::Display for NotExported {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotProven(why) => why.fmt(f),
            Self::NoBook => f.write_str(
                "no seal that is signed knows records of this tenant: a segment is sealed every few minutes, and when `palisade` stops",
            ),
            Self::Differs => f.write_str("the records are not those that the newest seal commits to: run `verify`"),
            Self::Unwritten(why) => write!(f, "the records cannot be written: {why}"),
        }
    }
}

impl std::error::Error for NotExported {}

impl From<NotProven> for NotExported {
    fn from(why: NotProven) -> Self {
        Self::NotProven(why)
    }
}

impl From<Unreadable> for NotExported {
    fn from(why: Unreadable) -> Self {
        Self::NotProven(why.into())
    }
}

/// What proves a stretch of a book.
#[derive(Debug, Clone)]
pub struct Case {
    /// The stretch within the book's tree.
    pub stretch: Stretch,
    /// The head of the book in the seal.
    pub head: HeadProof,
    /// The seal's record with the proof that it is in the log.
    pub seal: Proven,
    /// How many records of the book stand behind the seal, which nothing proves yet.
    pub unsealed: u64,
    /// How many records of the book stood before the first that is there: they were pruned.
    pub pruned: u64,
    /// Of how many records of the stretch only the leaves are left.
    pub withheld: u64,
}

/// Hands on the records of a book from the first of a time on to the last of it, with what is left of those that were pruned, and proves
/// them.
///
/// # Errors
/// When there is no signed seal with the book, when records are not what it says, or when `take` fails.
pub fn case(
    log: &Path,
    book: &str,
    time: Range<u64>,
    take: &mut dyn FnMut(&Left<'_>) -> io::Result<()>,
) -> Result<Case, NotExported> {
    let folder = Folder::open(log)?;
    let (_, newest) = prove::newest(&folder)?;
    let (seal, sealed) = sealed(&folder, newest.size)?;
    let head = sealed.trees.head_proof(book).ok_or(NotExported::NoBook)?;
    let proven = prove::prove(&folder, seal)?;
    let records = Records::new(&folder)?;
    let begun = begun(&folder, records.first(), book)?;
    let (pruned, mut at, mut unsealed) = (begun.size(), begun.size(), 0);
    let mut stretch: Option<Range<u64>> = None;
    records.all(records.first()..u64::MAX, &mut |left| {
        if left.book() == book && left.seq() < seal {
            if time.contains(&left.time_ms()) {
                stretch = Some(stretch.as_ref().map_or(at, |stretch| stretch.start)..at + 1);
            }
            at += 1;
        } else if left.book() == book {
            unsealed += 1;
        }
        true
    })?;
    let stretch = stretch.unwrap_or(at..at);
    let (mut tree, mut before) = (begun, None);
    let (mut behind, mut failed, mut withheld) = (Behind::new(stretch.end, head.size), None, 0);
    records.all(records.first()..seal, &mut |left| {
        if left.book() != book {
            return true;
        }
        let (at, leaf) = (tree.size(), left.leaf());
        if at == stretch.start {
            before = Some(tree.peaks().to_vec());
        }
        if stretch.contains(&at) {
            withheld += u64::from(matches!(left, Left::Withheld(_)));
            failed = take(&left).err();
        } else if at >= stretch.end {
            behind.append(leaf);
        }
        tree.append(leaf);
        failed.is_none()
    })?;
    if let Some(why) = failed {
        return Err(NotExported::Unwritten(why));
    }
    let before: Vec<Hash> = before.unwrap_or_else(|| tree.peaks().to_vec());
    let behind = behind.finish().filter(|_| (tree.size(), tree.root()) == (head.size, head.root));
    let behind = behind.ok_or(NotExported::Differs)?;
    let stretch = Stretch { from: stretch.start, to: stretch.end, size: head.size, before, behind };
    Ok(Case { stretch, head, seal: proven, unsealed, pruned, withheld })
}

/// The newest seal that a checkpoint of so many records covers, with its trees.
fn sealed(folder: &Folder, size: u64) -> Result<(u64, Sealed), NotExported> {
    for seal in folder.seals()?.into_iter().rev().filter(|seal| *seal < size) {
        if let Some(Some(sealed)) = folder.heads(seal)?
            && book::is_seal(&sealed, seal)
        {
            return Ok((seal, sealed));
        }
    }
    Err(NotExported::NoBook)
}

/// The tree of the book as it was before the first record that is there.
fn begun(folder: &Folder, first: u64, book: &str) -> Result<Frontier, NotExported> {
    let Some(seal) = first.checked_sub(1) else { return Ok(Frontier::new()) };
    let trees = folder.heads(seal)?.flatten().map(|sealed| sealed.resume(""));
    Ok(trees.and_then(|trees| trees.book(book).cloned()).unwrap_or_default())
}
