//! What is counted of the endpoints of the app.
//!
//! Never: named after anything but what is configured.

use prometheus::IntCounterVec;
use prometheus::IntGaugeVec;

use super::Maker;
use super::Metrics;

/// What is counted of each endpoint.
#[derive(Debug, Clone)]
pub(super) struct OfEndpoints {
    up: IntGaugeVec,
    ejections: IntCounterVec,
    asked: IntCounterVec,
}

impl OfEndpoints {
    pub(super) fn new(make: &Maker) -> Result<Self, prometheus::Error> {
        let labels = ["upstream", "endpoint"];
        Ok(Self {
            up: make.gauges("upstream_endpoint_up", "Is an endpoint of the app in use?", &labels)?,
            ejections: make.counters(
                "upstream_ejections_total",
                "Times that an endpoint failed and was left alone.",
                &labels,
            )?,
            asked: make.counters(
                "upstream_health_checks_total",
                "Times that an endpoint was asked whether it is well.",
                &["upstream", "endpoint", "result"],
            )?,
        })
    }
}

impl Metrics {
    /// How an endpoint fares: the name of its place and its address, whether it is in use, how often it was left alone, how often it was
    /// asked with a good answer and without.
    pub fn endpoint(&self, labels: [&str; 2], is_up: bool, ejections: u64, asked: [u64; 2]) {
        let [upstream, endpoint] = labels;
        for (result, total) in ["well", "unwell"].into_iter().zip(asked) {
            if let Ok(counter) =
                self.endpoints.asked.get_metric_with_label_values(&[upstream, endpoint, result])
            {
                counter.inc_by(total.saturating_sub(counter.get()));
            }
        }
        if let Ok(gauge) = self.endpoints.up.get_metric_with_label_values(&labels) {
            gauge.set(is_up.into());
        }
        if let Ok(counter) = self.endpoints.ejections.get_metric_with_label_values(&labels) {
            counter.inc_by(ejections.saturating_sub(counter.get()));
        }
    }
}
