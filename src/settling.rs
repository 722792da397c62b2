//! The thread that settles tenants' limits with other replicas, through a Redis that all of them share.
//!
//! Requests are decided by what this process knows, and wait for nobody. Many times a second it adds what came here to what all
//! together count, and learns how far that is: one script, one round trip, whatever number of tenants.
//! Never: takes part in a request. Where the store is away each replica holds to the limits by itself, and tells what
//! came meanwhile once it is back.

mod store;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering;
use std::sync::mpsc;
use std::sync::mpsc::RecvTimeoutError;
use std::thread::JoinHandle;
use std::time::Duration;
use std::time::Instant;

pub use store::Settings;

use crate::background;
use crate::limits;
use crate::quota::Meters;
use crate::quota::Times;
use crate::quota::Untold;
use crate::snapshot::Live;
use crate::telemetry::Metrics;

use store::Store;

/// The thread, and how it stands.
#[derive(Debug)]
pub struct Settling {
    is_up: Arc<AtomicBool>,
    shown: String,
    stop: Option<mpsc::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// What the thread works with.
struct Settler {
    store: Store,
    live: Arc<Live>,
    meters: Arc<Meters>,
    metrics: Metrics,
    times: Box<dyn Fn() -> Times + Send>,
    is_up: Arc<AtomicBool>,
    /// Until then the store is left alone.
    pause: Option<Instant>,
}

impl Settling {
    /// Begins to settle what these meters count. `times` is the clock that they are asked with.
    ///
    /// # Errors
    /// The system gives no thread, or the address is none.
    pub fn start(
        settings: Settings,
        live: Arc<Live>,
        meters: Arc<Meters>,
        metrics: Metrics,
        times: Box<dyn Fn() -> Times + Send>,
    ) -> Result<Self, String> {
        let is_up = Arc::new(AtomicBool::new(true));
        let (shown, every) = (settings.shown(), settings.every);
        let store = Store::new(settings)?;
        let (stop, stopped) = mpsc::channel();
        metrics.limits_shared(true);
        let mut settler =
            Settler { store, live, meters, metrics, times, is_up: Arc::clone(&is_up), pause: None };
        let thread = background::start("limits", move || {
            while matches!(stopped.recv_timeout(every), Err(RecvTimeoutError::Timeout)) {
                settler.settle();
            }
            // What came last is for the others to know, if they can be told at once.
            settler.settle();
        });
        let thread = thread.map_err(|error| format!("cannot start settling limits: {error}"))?;
        Ok(Self { is_up, shown, stop: Some(stop), thread: Some(thread) })
    }

    /// How it stands, as a line for people.
    #[must_use]
    pub fn line(&self) -> (bool, String) {
        let is_up = self.is_up.load(Ordering::Relaxed);
        let said = if is_up { "" } else { ": away, and each replica counts for itself" };
        (is_up, format!("limits shared through {}{said}", self.shown))
    }

    /// Tells the others what they do not know yet, and ends.
    pub fn close(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the thread that settles limits died");
        }
    }
}

impl Settler {
    fn settle(&mut self) {
        if self.pause.is_some_and(|until| Instant::now() < until) {
            return;
        }
        let snapshot = self.live.current();
        let untold = self.meters.untold(&snapshot.model().tenants);
        let mut some = untold.chunks(limits::SETTLED_TENANTS_MAX);
        // With nothing to tell, it is still asked whether it is there, once it was not.
        let first = if self.pause.is_some() { some.next().or(Some(&[])) } else { some.next() };
        for few in first.into_iter().chain(&mut some) {
            match self.tell(few) {
                Ok(()) => self.went(true, ""),
                Err(error) => {
                    few.iter().chain(some.flatten()).for_each(Untold::put_back);
                    return self.went(false, &error);
                }
            }
        }
    }

    fn tell(&mut self, untold: &[Untold]) -> Result<(), String> {
        let day = (self.times)().day();
        let totals = self.store.settle(untold, day)?;
        // Asked only now: the answer took its time, and what is ahead is ahead of the time when it was given.
        let now_ns = (self.times)().now_ns;
        for (one, total) in untold.iter().zip(totals) {
            if let Some(ahead_ns) = total.ahead_ns {
                one.meter.learn_requests(ahead_ns, now_ns);
            }
            if let Some(bytes) = total.bytes {
                one.meter.learn_bytes(day, bytes);
            }
        }
        Ok(())
    }

    fn went(&mut self, well: bool, error: &str) {
        self.metrics.limits_settled(well);
        let was_up = self.is_up.swap(well, Ordering::Relaxed);
        self.pause = (!well).then(|| Instant::now() + Duration::from_millis(limits::SETTLING_PAUSE_MS));
        if was_up != well {
            self.metrics.limits_shared(well);
            if well {
                tracing::info!("limits are shared with the other replicas again");
            } else {
                tracing::warn!(
                    error,
                    "limits cannot be shared; each replica counts for itself until they can"
                );
            }
        }
    }
}
