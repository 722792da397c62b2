//! Snapshots that were live: kept until nobody else has them, so that none is taken apart while a request waits.
//!
//! A snapshot of many policies takes milliseconds to free. Workers give theirs up in the middle of requests; as long
//! as it is held here too, that costs them nothing, and this thread frees it.
//! Never: holds a snapshot that nobody uses for longer than [`SWEEP`], or more than
//! [`limits::SNAPSHOTS_RETIRED_MAX`].

use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::sync::mpsc::RecvTimeoutError;
use std::time::Duration;
use std::time::Instant;

use crate::limits;
use crate::snapshot::Snapshot;

use super::Wake;

/// So often it is looked whether any can go.
const SWEEP: Duration = Duration::from_millis(500);

/// The snapshots before the live one that somebody may still have.
#[derive(Default)]
pub(super) struct Retired(Vec<Arc<Snapshot>>);

impl Retired {
    /// Takes in one that is no longer live. With too many the oldest is left to whoever still has it.
    pub(super) fn take(&mut self, before: Arc<Snapshot>) {
        self.sweep();
        if self.0.len() >= limits::SNAPSHOTS_RETIRED_MAX {
            self.0.remove(0);
        }
        self.0.push(before);
    }

    /// Waits that long for a wake. Meanwhile what nobody else has any more is freed.
    pub(super) fn wait(&mut self, woken: &Receiver<Wake>, time: Duration) -> Result<Wake, RecvTimeoutError> {
        let due = Instant::now() + time;
        loop {
            let left = due.saturating_duration_since(Instant::now());
            let patience = if self.0.is_empty() { left } else { left.min(SWEEP) };
            match woken.recv_timeout(patience) {
                Err(RecvTimeoutError::Timeout) if Instant::now() < due => self.sweep(),
                woken => return woken,
            }
        }
    }

    fn sweep(&mut self) {
        self.0.retain(|one| Arc::strong_count(one) > 1);
    }
}
