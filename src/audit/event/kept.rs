//! What is put on record about the log itself: how it is closed, lost, cut and kept.
//!
//! Never: says of a record more than its number and its time.

use crate::audit::entry::Pen;
use crate::audit::entry::key;
use crate::ids::Digest;

/// Something that happened to the log.
#[derive(Debug, Clone, Copy)]
pub enum Kept<'a> {
    /// Nothing did, for as long as checkpoints are apart: a quiet time is on record too.
    Idle,
    /// A segment is closed: this is its last record.
    Sealed {
        /// The number of its first record.
        first: u64,
        /// How many stand before this one.
        records: u64,
        /// The root of the tree over all books' trees, as they are before this record.
        heads_root: &'a Digest,
        /// How many books there are.
        tenants: u64,
    },
    /// The program ended without closing the log.
    Crash {
        /// The number of the last record that it left.
        last: u64,
    },
    /// The clock was set back by more than a second.
    ClockStepped {
        /// The time of the record before, in milliseconds since 1970.
        before_ms: u64,
        /// The time that the clock says now.
        after_ms: u64,
    },
    /// Another key signs from the next checkpoint on; the next one after this record is signed by the key before.
    KeyRotated {
        /// The new key, as a verifier key.
        key: &'a str,
    },
    /// The oldest records are gone.
    Prune {
        /// The number of the first.
        first: u64,
        /// The number of the last.
        last: u64,
        /// `size` or `retention`.
        reason: &'static str,
    },
    /// Records will not come to a place that they are sent to.
    NotShipped {
        /// The name of that place.
        sink: &'a str,
        /// The number of the first.
        first: u64,
        /// The number of the last.
        last: u64,
        /// How many of them.
        count: u64,
        /// `pruned`, `damaged` or `refused`.
        reason: &'static str,
    },
    /// Records were not written.
    RecordsLost {
        /// How many.
        count: u64,
        /// `full`, `unwritten` or `shed`; of the last only it is true that their requests were answered.
        reason: &'static str,
        /// When the first was lost, in milliseconds since 1970.
        since_ms: u64,
        /// When the last was.
        until_ms: u64,
    },
}

impl Kept<'_> {
    pub(super) fn encode(&self, pen: &mut Pen<'_>) {
        match self {
            Self::Idle => {}
            Self::Sealed { first, records, heads_root, tenants } => {
                pen.number(key!("first"), *first);
                pen.number(key!("records"), *records);
                pen.digest(key!("heads_root"), heads_root);
                pen.number(key!("tenants"), *tenants);
            }
            Self::Crash { last } => pen.number(key!("last"), *last),
            Self::ClockStepped { before_ms, after_ms } => {
                pen.time(key!("before"), *before_ms);
                pen.time(key!("after"), *after_ms);
            }
            Self::KeyRotated { key } => pen.text(key!("key"), key),
            Self::Prune { first, last, reason } => {
                pen.number(key!("first"), *first);
                pen.number(key!("last"), *last);
                pen.text(key!("reason"), reason);
            }
            Self::NotShipped { sink, first, last, count, reason } => {
                pen.text(key!("sink"), sink);
                pen.number(key!("first"), *first);
                pen.number(key!("last"), *last);
                pen.number(key!("count"), *count);
                pen.text(key!("reason"), reason);
            }
            Self::RecordsLost { count, reason, since_ms, until_ms } => {
                pen.number(key!("count"), *count);
                pen.text(key!("reason"), reason);
                pen.time(key!("since"), *since_ms);
                pen.time(key!("until"), *until_ms);
            }
        }
    }

    pub(super) const fn name(&self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Sealed { .. } => "sealed",
            Self::Crash { .. } => "crash",
            Self::ClockStepped { .. } => "clock_stepped",
            Self::KeyRotated { .. } => "key_rotated",
            Self::Prune { .. } => "prune",
            Self::NotShipped { .. } => "not_shipped",
            Self::RecordsLost { .. } => "records_lost",
        }
    }
}
