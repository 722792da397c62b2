//! What a verification found: each thing that is wrong with the records that it concerns, the first cause first.
//!
//! Never: counts what follows from a cause as a cause of its own where it can tell.

use crate::limits;

/// What is wrong, or worth knowing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// Records are not those that were committed to.
    Modified,
    /// Records are not there.
    Missing,
    /// Records stand in another place than their numbers say, or twice.
    OutOfOrder,
    /// The log ends before its newest checkpoint.
    Truncated,
    /// Two histories were signed.
    Forked,
    /// The log is an older one than somebody has seen before.
    RolledBack,
    /// A write was cut off at the end of the log, as a crash does it.
    Torn,
    /// No checkpoint covers the newest records yet.
    Unsigned,
    /// A whole segment is not there.
    MissingSegment,
    /// A checkpoint is no checkpoint of this log, or no known key signed it.
    BadCheckpoint,
    /// Records were taken away by a rule, and a record says so.
    Pruned,
    /// Records could not be written at the time, and a record says so.
    Gap,
    /// The log of readings is not what was put on record of it.
    Reads,
    /// A hold stands on record and not in the file that those go by who take records away.
    Hold,
}

impl What {
    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Modified => "MODIFIED",
            Self::Missing => "MISSING",
            Self::OutOfOrder => "OUT-OF-ORDER",
            Self::Truncated => "TRUNCATED",
            Self::Forked => "FORKED",
            Self::RolledBack => "ROLLED-BACK",
            Self::Torn => "TORN",
            Self::Unsigned => "UNSIGNED",
            Self::MissingSegment => "MISSING-SEGMENT",
            Self::BadCheckpoint => "BAD-CHECKPOINT",
            Self::Pruned => "PRUNED",
            Self::Gap => "GAP",
            Self::Reads => "READS",
            Self::Hold => "HOLD",
        }
    }

    const fn class(self) -> Class {
        match self {
            Self::Modified
            | Self::OutOfOrder
            | Self::Forked
            | Self::RolledBack
            | Self::BadCheckpoint
            | Self::Reads
            | Self::Hold => Class::Integrity,
            Self::Missing | Self::Truncated | Self::MissingSegment => Class::Incomplete,
            Self::Unsigned => Class::Unsigned,
            Self::Torn | Self::Pruned | Self::Gap => Class::Sound,
        }
    }
}

/// How bad it is; the worst last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// Nothing is wrong; it is worth knowing.
    Sound,
    /// Records have gone without a signature for too long.
    Unsigned,
    /// Records are not there.
    Incomplete,
    /// What is there is not what was committed to.
    Integrity,
}

impl Class {
    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Sound => "ok",
            Self::Unsigned => "unsigned",
            Self::Incomplete => "incomplete",
            Self::Integrity => "integrity",
        }
    }
}

/// One thing that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What it is.
    pub what: What,
    /// How bad that is here.
    pub class: Class,
    /// The first record that it concerns.
    pub first: u64,
    /// The last one; before the first where it concerns none.
    pub last: u64,
    /// More about it: which file, which bundle, which key.
    pub detail: String,
    /// How many further checks failed because of it.
    pub follow_ups: u64,
}

/// The outcome of a verification.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// The log that was read.
    pub origin: String,
    /// The number of the first record that was read.
    pub from: u64,
    /// How many records the log has, those included that were not read.
    pub size: u64,
    /// How many of them the newest checkpoint covers that holds.
    pub signed: u64,
    /// How many records were read.
    pub records: u64,
    /// How many segments were read.
    pub segments: u64,
    /// How many seals were held against the books' trees.
    pub seals: u64,
    /// How many checkpoints were held against the log.
    pub checkpoints: u64,
    /// How many checkpoints could not be held against it: what they cover is damaged or was not read.
    pub unchecked: u64,
    /// How many heads from elsewhere agree with the log.
    pub anchors: u64,
    /// The key that signed the newest checkpoint, as a C2SP verifier key.
    pub key: Option<String>,
    /// Was that key, or one that announced it, brought from outside?
    pub key_trusted: bool,
    /// What was found, the first cause first.
    pub findings: Vec<Finding>,
    /// How many more findings there were than are kept.
    pub more: u64,
}

impl Report {
    /// The worst of what was found.
    #[must_use]
    pub fn class(&self) -> Class {
        self.findings.iter().map(|finding| finding.class).max().unwrap_or(Class::Sound)
    }

    /// Adds a finding, or widens the one before where this goes on with it.
    pub(super) fn add(&mut self, what: What, first: u64, last: u64, detail: impl Into<String>) {
        let detail = detail.into();
        if let Some(before) = self.findings.last_mut() {
            let goes_on = before.what == what && before.last.wrapping_add(1) == first && first <= last;
            if goes_on && matches!(what, What::Modified | What::Missing) {
                before.last = last;
                return;
            }
        }
        if self.findings.len() >= limits::FINDINGS_MAX {
            self.more += 1;
            return;
        }
        self.findings.push(Finding { what, class: what.class(), first, last, detail, follow_ups: 0 });
    }

    /// Adds what is worth knowing and not wrong.
    pub(super) fn tell(&mut self, what: What, first: u64, last: u64, detail: String) {
        self.findings.push(Finding { what, class: Class::Sound, first, last, detail, follow_ups: 0 });
    }

    /// Counts a failed check for the newest finding that concerns any of these records. `false` if there is none.
    pub(super) fn follows(&mut self, first: u64, last: u64) -> bool {
        let of = |finding: &&mut Finding| {
            let wrong = matches!(finding.class, Class::Integrity | Class::Incomplete);
            wrong && finding.first <= last && first <= finding.last
        };
        let cause = self.findings.iter_mut().rev().find(of);
        cause.is_some_and(|cause| {
            cause.follow_ups += 1;
            true
        })
    }
}
