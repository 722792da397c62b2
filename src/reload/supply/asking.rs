//! The thread that asks a bundle's source, again and again.
//!
//! Never: ends by itself without saying so.

use std::sync::mpsc::Receiver;
use std::sync::mpsc::RecvTimeoutError;
use std::sync::mpsc::SyncSender;
use std::time::Duration;

use super::Supply;
use super::Wake;
use super::now_ms;

/// Longest that the source is left alone after failures, where `bundle.poll` is not longer.
pub(super) const PAUSE_MAX: Duration = Duration::from_secs(300);

impl Supply {
    /// Asks again and again, until the other end of `told` is gone.
    pub(super) fn run(&self, told: &Receiver<()>, wake: &SyncSender<Wake>) {
        let _watched = Watched(self);
        self.say_start();
        let mut failures = 0;
        loop {
            match told.recv_timeout(self.pause(failures)) {
                Ok(()) | Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            self.keep_again();
            if self.ask() {
                // A full queue means that a look is due anyway.
                wake.try_send(Wake::Now).ok();
            }
            failures = if self.told().unreachable.is_some() { failures + 1 } else { 0 };
        }
    }

    fn say_start(&self) {
        let told = self.told();
        let age_s = now_ms().saturating_sub(told.created_ms) / 1_000;
        tracing::info!(bundle = told.title, age_s, source = told.source, "the files come from a bundle");
        if let Some(why) = told.unknown {
            tracing::error!(
                why,
                "no newer bundle is taken until what was taken before can be read, or is removed"
            );
        }
        if let Some(why) = told.unreachable {
            tracing::warn!(
                bundle = told.title,
                age_s,
                why,
                "started with the bundle that was kept: its source gives nothing"
            );
        }
    }

    /// How long to wait before the source is asked again: `bundle.poll`, doubled for each failure up to a bound, and up to a
    /// tenth more by chance, so that a fleet does not ask as one.
    pub(super) fn pause(&self, failures: u32) -> Duration {
        use std::hash::BuildHasher as _;
        let poll = self.config.poll;
        let most = PAUSE_MAX.max(poll);
        let pause = poll.saturating_mul(1 << failures.min(8)).min(most);
        let chance = std::hash::RandomState::new().hash_one(0) % 1_000;
        pause + pause.mul_f64(chance as f64 / 10_000.0)
    }
}

/// Tells of the end of the thread that asks, where that is a panic.
struct Watched<'s>(&'s Supply);

impl Drop for Watched<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.state().told.is_dead = true;
            tracing::error!(source = %self.0.config.source, "the thread that asks the bundle's source died; what is live stays, and nothing newer comes");
        }
    }
}
