//! The records of one segment, one after the other, for who keeps or asks them otherwise.
//!
//! Never: passes over damage without saying so.

use std::io;

use crate::audit::entry::Withheld;

use super::folder::Folder;
use super::folder::Segment;
use super::folder::Unreadable;
use super::segment::Flaw;
use super::segment::Piece;
use super::segment::Reader;

/// The next of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Read<'a> {
    /// A record's bytes; who calls looks whether they are one of a known version.
    Record(&'a [u8]),
    /// What is left of a record that was taken away.
    Withheld(Withheld<'a>),
    /// A write that was cut off, or is under way.
    Torn,
    /// Bytes from this place on that are not what was written.
    Damaged(u64),
}

/// A segment that is being read.
pub struct Records {
    reader: Reader,
    segment: Segment,
    path: std::path::PathBuf,
}

impl std::fmt::Debug for Records {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Records").field("segment", &self.segment).finish_non_exhaustive()
    }
}

impl Records {
    /// Opens a segment. `Ok(None)` if it is no longer there, or none of this log.
    ///
    /// # Errors
    /// When the machine cannot read it.
    pub fn open(folder: &Folder, segment: &Segment) -> Result<Option<Self>, Unreadable> {
        let path = folder.at(&segment.name());
        let failed = |why: io::Error| Unreadable { path: path.clone(), why: why.to_string() };
        let Some((file, compressed)) = folder.segment(segment)? else { return Ok(None) };
        let reader = Reader::new(file, compressed, folder.log_id()).map_err(failed)?;
        Ok(reader.map(|reader| Self { reader, segment: segment.clone(), path }))
    }

    /// The next; `None` at the end.
    ///
    /// # Errors
    /// When the machine cannot read it.
    pub fn read(&mut self) -> Result<Option<Read<'_>>, Unreadable> {
        match self.reader.next(self.segment.first) {
            Ok(Some(Piece::Record(record))) => {
                Ok(Some(Withheld::read(record).map_or(Read::Record(record), Read::Withheld)))
            }
            Ok(Some(Piece::Broken { why: Flaw::Cut, .. })) => Ok(Some(Read::Torn)),
            Ok(Some(Piece::Broken { at, .. })) => Ok(Some(Read::Damaged(at))),
            Ok(None) => Ok(None),
            Err(why) => Err(Unreadable { path: self.path.clone(), why: why.to_string() }),
        }
    }
}
