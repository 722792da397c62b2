//! What all workers of a process hold callers to, and what is told of it.
//!
//! Never: refuses anybody.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;

use crate::config::Callers;
use crate::net::MachineClock;
use crate::quota::Admission;
use crate::quota::Guesses;
use crate::quota::Limit;
use crate::quota::Meters;
use crate::quota::Times;
use crate::request::Clock;
use crate::request::Throttle;
use crate::settling::Settling;
use crate::snapshot::Live;
use crate::telemetry::Metrics;

/// What all workers hold callers to.
pub(super) struct Throttling {
    callers: Callers,
    meters: Arc<Meters>,
    guesses: Option<Arc<Guesses>>,
    settling: Mutex<Option<Settling>>,
}

impl Throttling {
    pub(super) fn new(callers: &Callers) -> Self {
        let guesses = callers.unidentified.map(|rate| Arc::new(Guesses::new(rate)));
        Self { callers: callers.clone(), meters: Arc::default(), guesses, settling: Mutex::default() }
    }

    /// Begins to count together with other replicas, where that is asked for.
    pub(super) fn share(&self, live: &Arc<Live>, metrics: &Metrics) -> Result<(), String> {
        let Some(settings) = self.callers.shared.clone() else { return Ok(()) };
        let clock = MachineClock::default();
        let times = Box::new(move || times(&clock));
        let (live, meters) = (Arc::clone(live), Arc::clone(&self.meters));
        *self.settling() = Some(Settling::start(settings, live, meters, metrics.clone(), times)?);
        Ok(())
    }

    fn settling(&self) -> MutexGuard<'_, Option<Settling>> {
        self.settling.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How that goes, as lines for people.
    pub(super) fn lines(&self) -> Vec<(bool, String)> {
        self.settling().iter().map(Settling::line).collect()
    }

    /// The other replicas are told what came last.
    pub(super) fn close(&self) {
        if let Some(mut settling) = self.settling().take() {
            settling.close();
        }
    }

    /// One worker's part.
    pub(super) fn worker(&self) -> Throttle {
        let mut throttle = Throttle::default();
        throttle.admission = Admission::new(Arc::clone(&self.meters));
        throttle.guesses = self.guesses.clone();
        throttle.tells = self.callers.tells;
        throttle.most = self.callers.requests_in_flight;
        throttle
    }

    /// A snapshot went live.
    pub(super) fn loaded(&self, live: &Live) {
        self.meters.keep(&live.current().model().tenants);
    }

    /// Tells who came near a limit.
    pub(super) fn warn(&self, metrics: &Metrics) {
        for near in self.meters.warnings() {
            metrics.near_limit(near.limit.as_str());
            tracing::warn!(
                tenant = %near.tenant, limit = near.limit.as_str(),
                "a tenant has used four fifths of what it may"
            );
        }
    }

    /// Shows how much is used, of the tenants that are nearest to a limit.
    pub(super) fn show(&self, live: &Live, metrics: &Metrics) {
        let times = times(&MachineClock::default());
        let snapshot = live.current();
        let used = self.meters.used(&snapshot.model().tenants, times, self.callers.tenants_shown);
        metrics.limits_used(used.iter().flat_map(|(tenant, shares)| {
            let each = Limit::ALL.into_iter().zip(shares);
            each.filter_map(|(limit, share)| Some((tenant.as_str(), limit.as_str(), (*share)?)))
        }));
    }
}

fn times(clock: &MachineClock) -> Times {
    let now_ns = clock.nanos();
    Times { now_ns, wall_ms: clock.wall_ms(now_ns) }
}
