//! As many hands as the machine has cores, for checking files side by side.
//!
//! Never: outlives the work, or takes a core that there is nothing to do for.

use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;

use crate::limits;
use crate::policy::Hands;

/// Threads that live as long as the work does. The caller's own is one of them.
#[derive(Debug, Clone, Copy, Default)]
pub struct Threads;

impl Hands for Threads {
    fn each(&self, count: usize, piece: &(dyn Fn(usize) + Sync)) {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let helpers = cores.min(limits::LOADING_THREADS_MAX).min(count).saturating_sub(1);
        let next = AtomicUsize::new(0);
        let work = || {
            while let Some(at) = Some(next.fetch_add(1, Ordering::Relaxed)).filter(|at| *at < count) {
                piece(at);
            }
        };
        std::thread::scope(|scope| {
            for number in 0..helpers {
                let helper = std::thread::Builder::new()
                    .name(format!("load-{number}"))
                    .stack_size(limits::LOADING_STACK_BYTES);
                // Where the system gives no thread, the others do its work.
                if let Err(error) = helper.spawn_scoped(scope, work) {
                    tracing::warn!(%error, "files are checked by fewer threads");
                }
            }
            work();
        });
    }
}
