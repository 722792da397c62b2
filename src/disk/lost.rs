//! Records that are in no log, until that is on record.
//!
//! Never: forgets one before a record of it is on the device.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;

use crate::audit::event::Kept;

/// Why records were lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Why {
    /// There was no room for them.
    Full,
    /// They could not be written.
    Unwritten,
    /// Their requests went on without them.
    Shed,
}

impl Why {
    const ALL: [Self; 3] = [Self::Full, Self::Unwritten, Self::Shed];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Unwritten => "unwritten",
            Self::Shed => "shed",
        }
    }
}

/// Records lost for one reason.
#[derive(Debug, Clone, Copy, Default)]
struct Gap {
    count: u64,
    since_ms: u64,
    until_ms: u64,
}

/// What one place that the log goes to has lost and not yet said.
#[derive(Debug, Default)]
pub(super) struct Lost([Gap; 3]);

impl Lost {
    pub(super) fn add(&mut self, why: Why, count: u64, since_ms: u64, until_ms: u64) {
        let [full, unwritten, shed] = &mut self.0;
        let gap = match why {
            Why::Full => full,
            Why::Unwritten => unwritten,
            Why::Shed => shed,
        };
        if count > 0 {
            gap.since_ms = if gap.count == 0 { since_ms } else { gap.since_ms.min(since_ms) };
            gap.until_ms = gap.until_ms.max(until_ms);
            gap.count = gap.count.saturating_add(count);
        }
    }

    /// Adds what another one has.
    pub(super) fn join(&mut self, other: &Self) {
        for (why, gap) in Why::ALL.into_iter().zip(other.0) {
            self.add(why, gap.count, gap.since_ms, gap.until_ms);
        }
    }

    pub(super) fn is_none(&self) -> bool {
        self.0.iter().all(|gap| gap.count == 0)
    }

    /// Has each reason put on record, as long as that can be; what was moves to `said`.
    ///
    /// # Errors
    /// The first one of `record`. What it was asked for is still here.
    pub(super) fn tell<E>(
        &mut self,
        said: &mut Self,
        mut record: impl FnMut(Kept<'static>) -> Result<(), E>,
    ) -> Result<(), E> {
        for (why, gap) in Why::ALL.into_iter().zip(&mut self.0) {
            let Gap { count, since_ms, until_ms } = *gap;
            if count > 0 {
                record(Kept::RecordsLost { count, reason: why.as_str(), since_ms, until_ms })?;
                *gap = Gap::default();
                said.add(why, count, since_ms, until_ms);
            }
        }
        Ok(())
    }
}

/// Records that workers could not hand over, counted where they stand.
#[derive(Debug, Default)]
pub(super) struct Refused {
    count: AtomicU64,
    since_ms: AtomicU64,
}

impl Refused {
    pub(super) fn add(&self, count: u64, now_ms: u64) {
        // The first one's time; of two at once either is right.
        let _before = self.since_ms.compare_exchange(0, now_ms, Ordering::Relaxed, Ordering::Relaxed);
        self.count.fetch_add(count, Ordering::Relaxed);
    }

    /// How many since this was last asked, and since when.
    pub(super) fn take(&self) -> (u64, u64) {
        let count = self.count.swap(0, Ordering::Relaxed);
        (count, if count == 0 { 0 } else { self.since_ms.swap(0, Ordering::Relaxed) })
    }
}
