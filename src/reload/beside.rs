//! What is looked at beside the live snapshot: a candidate's policies and those in shadow mode, made anew when either
//! the candidate or the live snapshot changes.
//!
//! Never: changes the live snapshot, or keeps it from being changed.

use std::sync::Arc;

use crate::config::Files;
use crate::ids::Digest;
use crate::limits;
use crate::problem::Problem;
use crate::snapshot::Beside;
use crate::snapshot::Changes;
use crate::snapshot::Live;
use crate::snapshot::Origin;
use crate::snapshot::Snapshot;

use super::Threads;
use super::read::Candidate;
use super::read::read_candidate;
use super::worker::RESTLESS_MAX;

/// What happened beside the live snapshot.
#[derive(Debug, Clone)]
pub enum Shadowing {
    /// Policies are looked at from now on.
    Started {
        /// Where they come from.
        origin: Origin,
        /// The digest that is live.
        live: Digest,
        /// The digest of what is looked at: for a candidate, the one that would be live with it.
        candidate: Digest,
        /// The policies that differ from the enforced ones.
        changes: Changes,
    },
    /// The candidate is broken: it is not looked at, and nor is the one before it.
    Refused {
        /// The digest that is live.
        live: Digest,
        /// What is wrong, at most [`limits::PROBLEMS_KEPT_MAX`].
        problems: Vec<Problem>,
    },
    /// The broken candidate was taken away.
    Withdrawn,
    /// Policies are no longer looked at: they are gone, broken, or live.
    Ended {
        /// Where they came from.
        origin: Origin,
        /// Their digest.
        candidate: Digest,
    },
}

impl Shadowing {
    /// What is wrong with the candidate from now on; `None` where this says nothing of it.
    pub(super) fn candidate_problems(&self) -> Option<&[Problem]> {
        match self {
            Self::Refused { problems, .. } => Some(problems),
            Self::Started { origin: Origin::Candidate, .. } | Self::Withdrawn => Some(&[]),
            Self::Started { origin: Origin::Mode, .. } | Self::Ended { .. } => None,
        }
    }
}

/// Why a snapshot went live.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// Its files were edited.
    Edit,
    /// It is what the candidate was.
    Promotion,
    /// It was live before, in this process.
    Rollback,
}

impl Cause {
    /// `edit`, `promotion` or `rollback`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Edit => "edit",
            Self::Promotion => "promotion",
            Self::Rollback => "rollback",
        }
    }
}

/// What the reload thread knows of what is looked at beside the live snapshot.
#[derive(Debug, Default)]
pub(super) struct Aside {
    /// The live generation and the candidate's fingerprint that were looked at last.
    seen: Option<(u64, Option<Digest>)>,
    /// What is looked at.
    told: Vec<(Origin, Digest)>,
    /// What is wrong with the candidate.
    refused: Vec<Problem>,
    restless: u32,
    /// Digests that were live, the last one last.
    earlier: Vec<Digest>,
}

impl Aside {
    /// Reads the candidate, where a folder is configured for one.
    pub(super) fn read(files: &Files) -> Option<Candidate> {
        files.candidate.as_ref().map(|folder| read_candidate(files, folder))
    }

    /// Why this digest goes live in place of that one.
    pub(super) fn cause(&mut self, before: Digest, after: Digest) -> Cause {
        let cause = if self.told.contains(&(Origin::Candidate, after)) {
            Cause::Promotion
        } else if self.earlier.contains(&after) {
            Cause::Rollback
        } else {
            Cause::Edit
        };
        self.earlier.retain(|earlier| *earlier != before);
        if self.earlier.len() >= limits::EARLIER_DIGESTS_MAX {
            self.earlier.remove(0);
        }
        self.earlier.push(before);
        cause
    }

    /// Looks whether there is anything else to look at than before, and hands it to the workers.
    pub(super) fn look(&mut self, live: &Live, candidate: Option<&Candidate>) -> Vec<Shadowing> {
        let current = live.current();
        self.restless = match candidate {
            Some(candidate) if !candidate.settled => self.restless + 1,
            Some(_) | None => 0,
        };
        if self.restless > 0 && self.restless < RESTLESS_MAX {
            return Vec::new();
        }
        let now = (current.generation(), candidate.map(|candidate| candidate.fingerprint));
        if self.seen == Some(now) {
            return Vec::new();
        }
        self.seen = Some(now);
        let (candidate, problems) = match candidate.filter(|candidate| candidate.is_there()) {
            None => (None, Vec::new()),
            Some(candidate) => match checked(live, &current, candidate) {
                Ok(snapshot) => (Some(Arc::new(snapshot)), Vec::new()),
                Err(problems) => (None, problems),
            },
        };
        let beside = Beside::new(&current, candidate);
        let mut changes = self.changes(&current, beside.as_ref());
        live.look_beside(beside, super::now_ms());
        let mended = changes.iter().any(|change| change.candidate_problems().is_some());
        if !problems.is_empty() && problems != self.refused {
            changes.push(Shadowing::Refused { live: current.digest(), problems: problems.clone() });
        } else if problems.is_empty() && !self.refused.is_empty() && !mended {
            changes.push(Shadowing::Withdrawn);
        }
        self.refused = problems;
        changes
    }

    fn changes(&mut self, live: &Snapshot, beside: Option<&Beside>) -> Vec<Shadowing> {
        let all = beside.map_or(&[][..], |beside| &beside.all);
        let now: Vec<_> = all.iter().map(|one| (one.origin, one.snapshot.digest())).collect();
        let gone = self.told.iter().filter(|told| !now.contains(told));
        let mut changes: Vec<Shadowing> = gone
            .map(|(origin, candidate)| Shadowing::Ended { origin: *origin, candidate: *candidate })
            .collect();
        let new = all.iter().filter(|one| !self.told.contains(&(one.origin, one.snapshot.digest())));
        changes.extend(new.map(|one| Shadowing::Started {
            origin: one.origin,
            live: live.digest(),
            candidate: one.snapshot.digest(),
            changes: live.changes(&one.snapshot),
        }));
        self.told = now;
        changes
    }
}

fn checked(live: &Live, current: &Snapshot, candidate: &Candidate) -> Result<Snapshot, Vec<Problem>> {
    let before = live.beside();
    let before = before.as_ref().and_then(|beside| beside.of(Origin::Candidate));
    let before = before.map(|shadowed| &*shadowed.snapshot);
    let mut problems = match current.with_policies_after(before, &Threads, &candidate.files) {
        Ok(snapshot) if candidate.problems.is_empty() => return Ok(snapshot),
        Ok(_) => Vec::new(),
        Err(problems) => problems,
    };
    problems.extend(candidate.problems.iter().cloned());
    problems.sort_by_key(|problem| std::cmp::Reverse(problem.severity));
    problems.truncate(limits::PROBLEMS_KEPT_MAX);
    Err(problems)
}
