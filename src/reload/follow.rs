//! Waiting for edits, for somebody who looks on while working: the watcher of the reload thread, without that thread.
//!
//! Never: says what changed. Who waited looks.

use std::sync::mpsc::Receiver;
use std::sync::mpsc::RecvTimeoutError;
use std::sync::mpsc::sync_channel;
use std::time::Duration;

use crate::config::Files;

use super::Reading;
use super::Wake;
use super::watch::Watch;
use super::watch::wait_until_quiet;

/// How long it is waited where the system's watcher says nothing.
pub const FOLLOW_POLL: Duration = Duration::from_secs(1);

/// Waits for edits of the files of a config, and of what stands beside its policies.
pub struct Follow {
    watch: Watch,
    woken: Receiver<Wake>,
}

impl std::fmt::Debug for Follow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Follow").finish_non_exhaustive()
    }
}

impl Follow {
    /// Starts to watch.
    #[must_use]
    pub fn new(files: &Files) -> Self {
        let (wake, woken) = sync_channel(1);
        Self { watch: Watch::new(files, wake), woken }
    }

    /// Waits until something was written and the writing is over, at most [`FOLLOW_POLL`] for its begin.
    pub fn wait(&mut self, reading: &Reading) {
        self.watch.follow(reading.folders());
        match self.woken.recv_timeout(FOLLOW_POLL) {
            Ok(Wake::Written) => wait_until_quiet(&self.woken),
            Ok(Wake::Now) | Err(RecvTimeoutError::Timeout) => {}
            // The watcher is gone; its caller must not spin.
            Err(RecvTimeoutError::Disconnected) => std::thread::sleep(FOLLOW_POLL),
        }
    }
}
