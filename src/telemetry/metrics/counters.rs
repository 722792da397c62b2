//! The counters that each thread is handed: it adds to them, and knows no other.
//!
//! Never: looked up by a label on a request's path.

use prometheus::IntCounter;
use prometheus::IntGauge;

/// The counters that the journal's writer adds to.
#[derive(Debug, Clone)]
pub struct JournalCounters {
    /// Records that are on the device, in the log's directory.
    pub store_written: IntCounter,
    /// Records that the file took.
    pub file_written: IntCounter,
    /// Records that the file did not take.
    pub file_failed: IntCounter,
    /// Records that standard output took.
    pub stdout_written: IntCounter,
    /// Records that standard output did not take.
    pub stdout_failed: IntCounter,
    /// Lines beside a directory that there was no room for on their way to the file.
    pub file_left_out: IntCounter,
    /// The same, to standard output.
    pub stdout_left_out: IntCounter,
    /// Records that are in no log: the queue was full, or a sink failed.
    pub dropped: IntCounter,
    /// Those of them whose requests went on without.
    pub shed: IntCounter,
    /// Bytes of records written.
    pub bytes: IntCounter,
    /// Batches written.
    pub batches: IntCounter,
}

/// The counters of one place that the decision log is sent to.
#[derive(Debug, Clone)]
pub struct ShipCounters {
    /// Records that are on the device and were not taken there.
    pub lag_records: IntGauge,
    /// How old the oldest of them is, in seconds.
    pub lag_seconds: IntGauge,
    /// Records that were taken.
    pub sent: IntCounter,
    /// Records that will never be there.
    pub unsent: IntCounter,
    /// Times that it failed.
    pub failures: IntCounter,
}

/// The counters of what is looked at with policies that decide nothing.
#[derive(Debug, Clone)]
pub struct ShadowCounters {
    /// By origin.
    pub origins: Vec<OriginCounters>,
    /// Decisions that there was no room to look at.
    pub dropped: IntCounter,
    /// Disagreements that there was no room for in the log.
    pub unrecorded: IntCounter,
}

/// Those of one origin.
#[derive(Debug, Clone)]
pub struct OriginCounters {
    /// Decisions that would be the same.
    pub agreed: IntCounter,
    /// Decisions that would be others.
    pub disagreed: IntCounter,
    /// Decisions of another snapshot.
    pub unknown: IntCounter,
    /// By direction.
    pub directions: Vec<IntCounter>,
    /// Is it looked at?
    pub active: IntGauge,
    /// Looking stopped by itself.
    pub stops: IntCounter,
}

/// The counters of learning from bodies.
#[derive(Debug, Clone)]
pub struct LearningCounters {
    /// Bodies that were learned from.
    pub learned: IntCounter,
    /// Bodies of a type that is not read, or that are not what it says.
    pub unread: IntCounter,
    /// Bodies of routes that there was no room for.
    pub no_room: IntCounter,
    /// Requests whose bodies there was no room for.
    pub dropped: IntCounter,
    /// What there was no room for in the rest, as [`crate::learn::Over::each`] tells it.
    pub over: Vec<IntCounter>,
    /// Paths that are kept.
    pub paths: IntGauge,
}
