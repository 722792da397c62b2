//! What is counted of connections before they bring requests.
//!
//! Never: labels anything by who connects.

use prometheus::IntCounterVec;
use prometheus::IntGauge;

use super::Maker;
use super::Metrics;
use super::child;

/// Connections that brought none, and the certificates of listeners.
#[derive(Debug, Clone)]
pub(super) struct OfDoor {
    turned_away: IntCounterVec,
    reloads: IntCounterVec,
    expires: IntGauge,
}

impl OfDoor {
    pub(super) fn new(make: &Maker) -> Result<Self, prometheus::Error> {
        let turned_away = "Connections of callers that brought no request.";
        let expires = "When the certificate of the listener with TLS ends.";
        Ok(Self {
            turned_away: make.counters("connections_turned_away_total", turned_away, &["reason"])?,
            reloads: make.counters("certificate_reload_total", "New certificates tried.", &["result"])?,
            expires: make.gauge("certificate_expiry_timestamp_seconds", expires)?,
        })
    }
}

impl Metrics {
    /// So many connections brought no request, for each reason.
    pub fn turned_away(&self, counts: impl Iterator<Item = (&'static str, u64)>) {
        for (reason, total) in counts {
            set(&self.door.turned_away, reason, total);
        }
    }

    /// How the certificates of listeners stand: when they end, in seconds since 1970, and how often new ones were taken and refused.
    pub fn certificates(&self, expires: u64, applied: u64, refused: u64) {
        self.door.expires.set(i64::try_from(expires).unwrap_or(i64::MAX));
        set(&self.door.reloads, "applied", applied);
        set(&self.door.reloads, "refused", refused);
    }
}

fn set(counters: &IntCounterVec, label: &str, total: u64) {
    if let Some(counter) = child(counters, &[label]) {
        counter.inc_by(total.saturating_sub(counter.get()));
    }
}
