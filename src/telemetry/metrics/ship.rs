//! What is counted of the decision log on its way to others.
//!
//! Never: named after anything but the configured places.

use prometheus::IntCounterVec;
use prometheus::IntGaugeVec;

use super::Maker;
use super::Metrics;
use super::ShipCounters;

/// What is counted of the log on its way to others.
#[derive(Debug, Clone)]
pub(super) struct OfShip {
    lag_records: IntGaugeVec,
    lag_seconds: IntGaugeVec,
    sent: IntCounterVec,
    unsent: IntCounterVec,
    failures: IntCounterVec,
}

impl OfShip {
    pub(super) fn new(make: &Maker) -> Result<Self, prometheus::Error> {
        let (behind, old) = ("Records not yet sent on.", "The age of the oldest of them, in seconds.");
        let unsent = "Records that will never be sent on.";
        Ok(Self {
            lag_records: make.gauges("ship_lag_records", behind, &["sink"])?,
            lag_seconds: make.gauges("ship_lag_seconds", old, &["sink"])?,
            sent: make.counters("ship_sent_total", "Records sent on.", &["sink"])?,
            unsent: make.counters("ship_unsent_total", unsent, &["sink"])?,
            failures: make.counters("ship_failures_total", "Times that sending failed.", &["sink"])?,
        })
    }
}

impl Metrics {
    /// The counters of one place that the decision log is sent to.
    ///
    /// # Errors
    /// Never, as for [`Metrics::new`].
    pub fn ship(&self, sink: &str) -> Result<ShipCounters, prometheus::Error> {
        Ok(ShipCounters {
            lag_records: self.ship.lag_records.get_metric_with_label_values(&[sink])?,
            lag_seconds: self.ship.lag_seconds.get_metric_with_label_values(&[sink])?,
            sent: self.ship.sent.get_metric_with_label_values(&[sink])?,
            unsent: self.ship.unsent.get_metric_with_label_values(&[sink])?,
            failures: self.ship.failures.get_metric_with_label_values(&[sink])?,
        })
    }
}
