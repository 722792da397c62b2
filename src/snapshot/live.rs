//! The snapshot that is live now, and how a worker gets at it without a lock.
//!
//! Never: changes a snapshot that is out; in-flight requests finish on theirs.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;

use arc_swap::ArcSwap;

use super::Checked;
use super::Snapshot;

/// The snapshot that is live now.
#[derive(Debug)]
pub struct Live {
    current: Arc<ArcSwap<Snapshot>>,
    /// Publishing is counting and swapping; two publishers must not give out one generation.
    publishing: Mutex<()>,
}

impl Live {
    /// Starts with a first snapshot, generation 1.
    #[must_use]
    pub fn new(first: Checked) -> Arc<Self> {
        let current = Arc::new(ArcSwap::from_pointee(first.into_snapshot(1)));
        Arc::new(Self { current, publishing: Mutex::new(()) })
    }

    /// The snapshot that is live now.
    #[must_use]
    pub fn current(&self) -> Arc<Snapshot> {
        self.current.load_full()
    }

    /// Makes a checked snapshot the live one; gives back the one before and the one now.
    pub fn publish(&self, next: Checked) -> (Arc<Snapshot>, Arc<Snapshot>) {
        let _alone = self.publishing.lock().unwrap_or_else(PoisonError::into_inner);
        let before = self.current.load_full();
        let next = Arc::new(next.into_snapshot(before.generation.saturating_add(1)));
        self.current.store(Arc::clone(&next));
        (before, next)
    }

    /// A worker's own view: while nothing changes, asking it costs one comparison.
    #[must_use]
    pub fn reader(&self) -> Reader {
        Reader(arc_swap::Cache::new(Arc::clone(&self.current)))
    }
}

/// A worker's own view of what is live.
#[derive(Debug, Clone)]
pub struct Reader(arc_swap::Cache<Arc<ArcSwap<Snapshot>>, Arc<Snapshot>>);

impl Reader {
    /// The snapshot that is live now. A request asks once and keeps what it got.
    pub fn current(&mut self) -> &Arc<Snapshot> {
        self.0.load()
    }
}
