//! An S3-compatible store, which gets the log's files as they are: sealed segments, the trees at their seals, checkpoints.
//!
//! What is put there is the log, and can be verified like it; a checkpoint there is an anchor outside of this machine.
//! Never: puts anything in place of another, or a segment that is still written to.

use std::io;

use crate::evidence::Folder;
use crate::evidence::Segment;
use crate::evidence::Unreadable;
use crate::file;
use crate::limits;
use crate::remote;
use crate::remote::Access;
use crate::remote::Once;

use super::Refused;
use super::position::Position;

/// What a step did.
pub(super) enum Did {
    /// Nothing was there to be done.
    Nothing,
    /// So many records are there now.
    Sent(u64),
    /// Records up to (not with) this one will never be there: they were pruned.
    Gone(u64),
}

/// A store, and the log that it gets.
pub(super) struct Store {
    folder: Folder,
    bucket: String,
    prefix: String,
    access: Access,
    /// Is what the log is described by there?
    described: bool,
}

impl Store {
    pub(super) fn new(folder: Folder, bucket: String, prefix: &str, access: Access) -> Self {
        let slash = if prefix.is_empty() || prefix.ends_with('/') { "" } else { "/" };
        let prefix = format!("{prefix}{slash}{}/", super::text_of(folder.log_id()));
        Self { folder, bucket, prefix, access, described: false }
    }

    /// Puts the next thing there.
    pub(super) fn step(&mut self, position: &mut Position, synced: u64) -> Result<Did, Refused> {
        if !self.described {
            self.describe()?;
            self.described = true;
        }
        let segments = self.folder.segments()?;
        let at = segments.partition_point(|segment| segment.first < position.next());
        if let Some(segment) = segments.get(at) {
            if segment.first > position.next() {
                return Ok(Did::Gone(segment.first));
            }
            let after = segments.get(at + 1).map(|after| after.first);
            if let Some(end) = self.end(segment, after)? {
                self.put(&segment.name())?;
                if self.folder.seals()?.binary_search(&(end - 1)).is_ok() {
                    self.put(&format!("heads/{:020}.heads", end - 1))?;
                }
                let records = end.saturating_sub(position.next());
                position.moves_to(end);
                return Ok(Did::Sent(records));
            }
        }
        self.anchor(position, synced)?;
        Ok(Did::Nothing)
    }

    /// The number after a segment's last record, where it is finished: it is compressed, or left behind.
    fn end(&self, segment: &Segment, after: Option<u64>) -> Result<Option<u64>, Unreadable> {
        if !segment.compressed {
            // One that was sealed is about to be compressed; one that was not never will be.
            let sealed = |end: u64| Ok(self.folder.seals()?.binary_search(&end.saturating_sub(1)).is_ok());
            return match after {
                Some(end) if !sealed(end)? => Ok(Some(end)),
                Some(_) | None => Ok(None),
            };
        }
        let seal = || -> Result<Option<u64>, Unreadable> {
            let seals = self.folder.seals()?;
            Ok(seals.into_iter().find(|seal| *seal >= segment.first).map(|seal| seal + 1))
        };
        match after {
            Some(end) => Ok(Some(end)),
            None => seal(),
        }
    }

    /// Puts what the log is called and signed by.
    fn describe(&self) -> Result<(), Refused> {
        self.put("log.json")?;
        for key in self.folder.keys()? {
            self.put(&format!("keys/{:08x}.vkey", key.id()))?;
        }
        Ok(())
    }

    /// Puts the newest checkpoint under its size: whoever may not delete there cannot take it back.
    fn anchor(&mut self, position: &mut Position, synced: u64) -> Result<(), Refused> {
        let Some(text) = self.folder.checkpoint()? else { return Ok(()) };
        let size = text.lines().nth(1).and_then(|size| size.parse::<u64>().ok()).unwrap_or(0);
        if size <= position.checkpoint() || size > synced {
            return Ok(());
        }
        // A key that is new since is there before what it signed.
        self.describe()?;
        self.put_bytes(&format!("anchors/{size:020}"), text.as_bytes())?;
        position.has_checkpoint(size);
        Ok(())
    }

    fn put(&self, name: &str) -> Result<(), Refused> {
        let unread = |why: io::Error| Refused::Later(format!("`{name}`: {why}"));
        let bytes = file::bytes(&self.folder.at(name), limits::LOG_SEGMENT_BYTES_MAX).map_err(unread)?;
        self.put_bytes(name, &bytes)
    }

    fn put_bytes(&self, name: &str, bytes: &[u8]) -> Result<(), Refused> {
        let key = format!("{}{name}", self.prefix);
        match remote::put_once(&self.bucket, &key, &self.access, bytes)? {
            Once::Put | Once::Same => Ok(()),
            Once::Differs => {
                Err(Refused::Later(format!("`{key}` is another one there: somebody else writes this log")))
            }
        }
    }
}
