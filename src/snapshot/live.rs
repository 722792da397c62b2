//! The snapshot that is live now, and how a worker gets at it without a lock.
//!
//! Never: changes a snapshot that is out; in-flight requests finish on theirs.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;

use arc_swap::ArcSwap;
use arc_swap::ArcSwapOption;

use super::Beside;
use super::Checked;
use super::Origin;
use super::Snapshot;

/// The snapshot that is live now.
#[derive(Debug)]
pub struct Live {
    current: Arc<ArcSwap<Snapshot>>,
    /// Policies that are looked at beside it.
    beside: ArcSwapOption<Beside>,
    /// Is anything looked at beside it? All that a request asks where nothing is.
    shadowed: AtomicBool,
    /// Publishing is counting and swapping; two publishers must not give out one generation.
    publishing: Mutex<()>,
}

impl Live {
    /// Starts with a first snapshot, generation 1.
    #[must_use]
    pub fn new(first: Checked) -> Arc<Self> {
        let first = first.into_snapshot(1);
        first.policies.start_counting(None, first.loaded_at_ms);
        let current = Arc::new(ArcSwap::from_pointee(first));
        Arc::new(Self {
            current,
            beside: ArcSwapOption::empty(),
            shadowed: AtomicBool::new(false),
            publishing: Mutex::new(()),
        })
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
        next.policies.start_counting(Some(&before.policies), next.loaded_at_ms);
        self.current.store(Arc::clone(&next));
        (before, next)
    }

    /// Are policies looked at beside the live ones?
    #[must_use]
    pub fn is_shadowed(&self) -> bool {
        self.shadowed.load(Ordering::Relaxed)
    }

    /// The policies that are looked at beside the live ones, or were until they were stopped.
    #[must_use]
    pub fn beside(&self) -> Option<Arc<Beside>> {
        self.beside.load_full()
    }

    /// Looks at these beside the live ones from now on. What was stopped stays so, as long as its text is the same.
    pub fn look_beside(&self, next: Option<Beside>, now_ms: u64) {
        let _alone = self.publishing.lock().unwrap_or_else(PoisonError::into_inner);
        let before = self.beside.load_full();
        if let Some(next) = &next {
            before.iter().for_each(|before| next.keep_stopped(before));
            next.start_counting(before.as_deref(), now_ms);
        }
        let next = next.map(Arc::new);
        self.shadowed.store(next.as_ref().is_some_and(|next| next.is_active()), Ordering::Relaxed);
        self.beside.store(next);
    }

    /// Stops looking at one of them.
    pub fn stop_beside(&self, beside: &Beside, origin: Origin) {
        let _alone = self.publishing.lock().unwrap_or_else(PoisonError::into_inner);
        beside.stop(origin);
        // Another one may have taken its place meanwhile, with the same text or not.
        if let Some(now) = self.beside.load_full() {
            now.keep_stopped(beside);
            self.shadowed.store(now.is_active(), Ordering::Relaxed);
        }
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
