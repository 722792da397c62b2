//! What is put on record about the log itself: how it is closed, lost, cut and kept.
//!
//! Never: says of a record more than its number and its time.

use crate::audit::entry::Pen;
use crate::audit::entry::key;
use crate::audit::keeping::Erased;
use crate::audit::keeping::Hold;
use crate::audit::keeping::Pruned;
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
    /// Records are gone.
    Prune(&'a Pruned),
    /// All that names a person goes.
    Erase {
        /// Whose, and why.
        erased: &'a Erased,
        /// The account of the machine that asked for it.
        uid: u32,
    },
    /// Records are held.
    Hold {
        /// `add`, or `stands` where it is said again.
        action: &'static str,
        /// Which, and why.
        hold: &'a Hold,
        /// The account of the machine that asked for it.
        uid: u32,
    },
    /// They are held no longer.
    Released {
        /// The name of the hold.
        hold: &'a str,
        /// Why.
        reason: &'a str,
        /// Who is said to have asked for it.
        by: &'a str,
        /// The account of the machine that did.
        uid: u32,
    },
    /// What the log of readings was, beside this one.
    Readings {
        /// How many records it had.
        records: u64,
        /// The root of its tree.
        root: &'a Digest,
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
            Self::Prune(Pruned { first, last, reason, count, gone }) => {
                pen.number(key!("first"), *first);
                pen.number(key!("last"), *last);
                pen.text(key!("reason"), reason);
                if let Some(count) = count {
                    pen.number(key!("count"), *count);
                }
                if let Some(gone) = gone.as_deref().and_then(Digest::parse) {
                    pen.digest(key!("gone"), &gone);
                }
            }
            Self::Erase { erased, uid } => {
                pen.text(key!("tenant"), &erased.tenant);
                pen.number(key!("count"), erased.count);
                pen.text(key!("reason"), &erased.reason);
                pen.text(key!("by"), &erased.by);
                pen.number(key!("uid"), (*uid).into());
                pen.list(key!("pseudonyms"), usize::MAX, &erased.pseudonyms, |pen, one| pen.text_value(one));
            }
            Self::Hold { action, hold, uid } => {
                pen.text(key!("action"), action);
                encode_hold(hold, pen);
                pen.number(key!("uid"), (*uid).into());
            }
            Self::Released { hold, reason, by, uid } => {
                pen.text(key!("action"), "release");
                pen.text(key!("hold"), hold);
                pen.text(key!("reason"), reason);
                pen.text(key!("by"), by);
                pen.number(key!("uid"), (*uid).into());
            }
            Self::Readings { records, root } => {
                pen.number(key!("records"), *records);
                pen.digest(key!("root"), root);
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
            Self::Prune(_) => "prune",
            Self::Erase { .. } => "erase",
            Self::Hold { .. } | Self::Released { .. } => "hold",
            Self::Readings { .. } => "readings",
            Self::NotShipped { .. } => "not_shipped",
            Self::RecordsLost { .. } => "records_lost",
        }
    }
}

fn encode_hold(hold: &Hold, pen: &mut Pen<'_>) {
    pen.text(key!("hold"), &hold.hold);
    pen.maybe_text(key!("tenant"), hold.tenant.as_deref());
    pen.maybe_text(key!("class"), hold.class.as_deref());
    for (key, time) in [(key!("since"), hold.since_ms), (key!("until"), hold.until_ms)] {
        if let Some(time) = time {
            pen.time(key, time);
        }
    }
    pen.text(key!("reason"), &hold.reason);
    pen.text(key!("by"), &hold.by);
}
