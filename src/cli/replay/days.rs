//! The snapshots of the days that decisions were made on, each read once.
//!
//! Never: holds more than a few of them, or takes another for the one that a record names.

use std::collections::HashMap;

use crate::compare::Asked;
use crate::compare::effect::Outcome;
use crate::disk::Snapshots;
use crate::ids::Digest;
use crate::limits;
use crate::snapshot::Past;

/// What is kept of the log, and the snapshots of it that were asked for last.
#[derive(Debug)]
pub(super) struct Days {
    kept: Snapshots,
    read: HashMap<Digest, Result<Past, String>>,
}

impl Days {
    pub(super) fn of(kept: Snapshots) -> Self {
        Self { kept, read: HashMap::new() }
    }

    /// What the snapshot that decided says once more.
    ///
    /// # Errors
    /// Why it cannot be asked.
    pub(super) fn outcome(&mut self, asked: &Asked) -> Result<Outcome, String> {
        let digest = asked.snapshot.ok_or("the record names no snapshot")?;
        // Decisions of one time are of one snapshot, so that few are read twice.
        if self.read.len() >= limits::REPLAY_SNAPSHOTS_MAX && !self.read.contains_key(&digest) {
            self.read.clear();
        }
        match self.read.entry(digest).or_insert_with(|| past(&self.kept, digest)) {
            Ok(past) => Ok(Outcome::of(past.snapshot(), &asked.question)),
            Err(why) => Err(why.clone()),
        }
    }
}

fn past(kept: &Snapshots, digest: Digest) -> Result<Past, String> {
    let parts = kept.read(&digest).map_err(|why| why.to_string())?;
    let past = Past::of(&parts).map_err(|why| format!("the snapshot {digest}: {why}"))?;
    // It was read by that digest, so another one is a fault of this program and not of the log.
    if past.digest() == digest { Ok(past) } else { Err(format!("the snapshot {digest} is not what it was")) }
}
