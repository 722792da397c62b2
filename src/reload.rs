//! Watches the files of the live snapshot, and makes the next one of them when they change.
//!
//! The system's watcher says quickly that something happened; comparing content says whether anything changed, and
//! also finds what watchers miss (a ConfigMap's swap, a network file system). One thread does it, with helpers while files
//! are checked, and another asks for bundles where there is a source of them; so no worker ever waits. A bad edit never takes effect: the last good snapshot stays, and what is wrong with the edit is kept
//! for `/readyz?verbose`, logged and told to `on_change`.
//! Never: publishes what has not been checked, or keeps quiet about what could not be.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::sync::mpsc::SyncSender;
use std::sync::mpsc::sync_channel;
use std::time::Duration;
use std::time::SystemTime;

use arc_swap::ArcSwap;

use crate::background;
use crate::config::Files;
use crate::ids::Digest;
use crate::model::Model;
use crate::problem::Problem;
use crate::snapshot::Changes;
use crate::snapshot::Checked;
use crate::snapshot::Draft;
use crate::snapshot::Live;
use crate::snapshot::Settings;
use crate::snapshot::Snapshot;

use fetch::Fetches;
use fetch::Fetching;

mod beside;
mod expiring;
mod fetch;
mod follow;
mod hands;
mod log;
mod read;
mod retired;
mod status;
mod supply;
mod watch;
mod worker;

pub use beside::Cause;
pub use beside::Shadowing;
pub use fetch::FETCHED;
pub use fetch::Fetched;
pub use follow::FOLLOW_POLL;
pub use follow::Follow;
pub use hands::Threads;
pub use read::Candidate;
pub use read::Reading;
pub use read::Unsaved;
pub use read::read;
pub use read::read_candidate;
pub use read::read_tests;
pub use read::read_tests_with;
pub use read::read_with;
pub use status::Refused;
pub use status::Status;
pub use supply::ASKED;
pub use supply::Supplied;

use supply::Supply;
use worker::Worker;

/// What happened to the live snapshot.
#[derive(Debug, Clone)]
pub enum Change {
    /// An edit is live.
    Applied {
        /// The digest that was live before.
        before: Digest,
        /// The digest that is live now.
        after: Digest,
        /// The generation that is live now.
        generation: u64,
        /// Why it is live.
        cause: Cause,
        /// The bundle that brought it, `name@version`, and the digest of its manifest.
        bundle: Option<(String, Digest)>,
        /// The policies that differ.
        changes: Changes,
        /// What is worth a look in the files.
        warnings: Vec<Problem>,
    },
    /// An edit is broken; what was live stays live.
    Refused {
        /// The digest that stays live.
        live: Digest,
        /// What is wrong, at most [`crate::limits::PROBLEMS_KEPT_MAX`].
        problems: Vec<Problem>,
    },
    /// A broken edit was taken back: the files are again what is live.
    Restored {
        /// The digest that is live.
        live: Digest,
    },
    /// Something happened beside the live snapshot, which stays as it is.
    Beside(Shadowing),
}

/// Reads and checks all files once: what `run` starts with and `check` reports.
///
/// The second is an error with every problem of every file. Where what a bundle's source has is bad and a good one is kept,
/// that is what it starts with.
pub fn first(files: &Files, settings: &Arc<Settings>) -> (Reading, Result<Checked, Vec<Problem>>) {
    let mut reading = read(files);
    // After the fingerprint was made: that a source is away is no edit.
    reading.problems.extend(reading.supply.as_ref().and_then(|supply| supply.away()));
    reading.problems.extend(reading.fetches.iter().flat_map(|fetches| fetches.away()));
    let checked = checked(&reading, settings);
    match checked {
        Err(problems) => supply::instead(files, settings, reading, problems),
        Ok(checked) => (reading, Ok(checked)),
    }
}

/// The model among the files of a reading that is broken elsewhere, where it has no problem itself.
#[must_use]
pub fn model(reading: &Reading, settings: &Arc<Settings>) -> Option<Model> {
    draft(reading, settings).model_alone()
}

fn draft(reading: &Reading, settings: &Arc<Settings>) -> Draft {
    let (sources, problems) = (reading.sources.clone(), reading.problems.clone());
    Draft { sources, settings: Arc::clone(settings), problems }
}

/// Checks all files of a reading.
///
/// # Errors
/// Every problem of every file.
pub fn checked(reading: &Reading, settings: &Arc<Settings>) -> Result<Checked, Vec<Problem>> {
    checked_after(None, reading, settings)
}

/// The same, at the cost of what changed since the snapshot before.
///
/// # Errors
/// Every problem of every file.
pub fn checked_after(
    before: Option<&Snapshot>,
    reading: &Reading,
    settings: &Arc<Settings>,
) -> Result<Checked, Vec<Problem>> {
    draft(reading, settings).check_after(before, &Threads, now_ms())
}

fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// The thread that reloads, and what can be asked of it. Dropping the last handle ends the thread.
#[derive(Debug, Clone)]
pub struct Reloader {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    wake: SyncSender<Wake>,
    /// Wakes the thread that asks a bundle's source, which ends with this.
    ask: Option<SyncSender<()>>,
    supply: Option<Arc<Supply>>,
    fetches: Option<Arc<Fetches>>,
    /// The threads that fetch, which end with this.
    fetching: Vec<Fetching>,
    stop: Arc<AtomicBool>,
    status: Arc<ArcSwap<Status>>,
}

impl Drop for Shared {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        // Full means that it wakes anyway.
        self.wake.try_send(Wake::Now).ok();
    }
}

/// Why the thread wakes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wake {
    /// Something was written; more may follow.
    Written,
    /// Somebody asks for it.
    Now,
}

impl Reloader {
    /// Starts the thread. `reading` is what `live` was made from; `on_change` is called on the thread.
    ///
    /// # Errors
    /// When the system gives no thread.
    pub fn start(
        files: Files,
        settings: Arc<Settings>,
        live: Arc<Live>,
        reading: &Reading,
        poll: Duration,
        on_change: impl Fn(&Change) + Send + 'static,
    ) -> std::io::Result<Self> {
        // One waiting wake is enough: it says "look", and looking sees everything.
        let (wake, woken) = sync_channel(1);
        let current = live.current();
        let status = Arc::new(ArcSwap::from_pointee(Status {
            live: current.digest(),
            generation: current.generation(),
            loaded_at_ms: current.loaded_at_ms(),
            refused: None,
            candidate_problems: Vec::new(),
            applied_total: 0,
            refused_total: 0,
        }));
        let stop = Arc::new(AtomicBool::new(false));
        let (supply, fetches) = (reading.supply.clone(), reading.fetches.clone());
        let ask = supply.as_ref().map(|supply| supply::start(supply, reading, wake.clone())).transpose()?;
        let fetching = fetches.as_ref().map(|fetches| fetch::start(fetches, &settings, &wake)).transpose()?;
        let parts = (files, settings, live, Arc::clone(&status));
        let mut worker = Worker::new(parts, reading, wake.clone(), Box::new(on_change));
        let stopped = Arc::clone(&stop);
        background::start("reload", move || worker.run(&woken, &stopped, poll))?;
        let fetching = fetching.unwrap_or_default();
        Ok(Self { shared: Arc::new(Shared { wake, ask, supply, fetches, fetching, stop, status }) })
    }

    /// Looks at the files now (SIGHUP). Returns at once; the result shows in [`Self::status`].
    pub fn now(&self) {
        // A full queue means that a look is due anyway.
        self.shared.wake.try_send(Wake::Now).ok();
        self.shared.ask.as_ref().and_then(|ask| ask.try_send(()).ok());
        self.shared.fetching.iter().for_each(Fetching::ask);
    }

    /// How the bundle stands that the files come from; `None` where they are files.
    #[must_use]
    pub fn supplied(&self) -> Option<Supplied> {
        self.shared.supply.as_ref().map(|supply| supply.told())
    }

    /// How everything stands that is fetched.
    #[must_use]
    pub fn fetched(&self) -> Vec<Fetched> {
        self.shared.fetches.as_ref().map_or_else(Vec::new, |fetches| fetches.told())
    }

    /// How reloading stands.
    #[must_use]
    pub fn status(&self) -> Arc<Status> {
        self.shared.status.load_full()
    }
}

#[cfg(test)]
mod tests;
