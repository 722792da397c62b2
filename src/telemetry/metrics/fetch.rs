//! What is counted of keys: of those that are fetched beside the files, and of API keys that end.
//!
//! Never: named after anything but what the config names.

use prometheus::IntCounterVec;
use prometheus::IntGauge;
use prometheus::IntGaugeVec;

use super::Maker;
use super::Metrics;
use super::child;

/// What is counted of everything that is fetched.
#[derive(Debug, Clone)]
pub(super) struct OfFetches {
    fetches: IntCounterVec,
    fetched: IntGaugeVec,
    usable: IntGaugeVec,
    dead: IntGaugeVec,
    expiring: IntGauge,
}

impl OfFetches {
    pub(super) fn new(make: &Maker) -> Result<Self, prometheus::Error> {
        let fetched = "When the source last had what is used, or something newer.";
        let usable = "Is there something that is not too old?";
        Ok(Self {
            fetches: make.counters("fetches_total", "Fetches from a source.", &["source", "result"])?,
            fetched: make.gauges("fetch_success_timestamp_seconds", fetched, &["source"])?,
            usable: make.gauges("fetched_usable", usable, &["source"])?,
            expiring: make.gauge("api_keys_expiring", "API keys that end soon and have no successor.")?,
            dead: make.gauges("fetch_thread_died", "Did the thread die that fetches?", &["source"])?,
        })
    }
}

impl Metrics {
    /// So many API keys end soon and have no successor.
    pub fn expiring(&self, keys: usize) {
        self.fetches.expiring.set(i64::try_from(keys).unwrap_or(i64::MAX));
    }

    /// How something stands that is fetched: when its source last answered well in milliseconds since 1970, whether it can be
    /// used, whether the thread died, and how often it was fetched with which result.
    pub fn fetched(
        &self,
        source: &str,
        fetched_ms: u64,
        (is_usable, is_dead): (bool, bool),
        counts: impl Iterator<Item = (&'static str, u64)>,
    ) {
        let of = &self.fetches;
        let seconds = i64::try_from(fetched_ms / 1_000).unwrap_or(i64::MAX);
        let values = [(&of.fetched, seconds), (&of.usable, is_usable.into()), (&of.dead, is_dead.into())];
        for (gauges, value) in values {
            if let Ok(gauge) = gauges.get_metric_with_label_values(&[source]) {
                gauge.set(value);
            }
        }
        for (result, total) in counts {
            if let Some(counter) = child(&of.fetches, &[source, result]) {
                counter.inc_by(total.saturating_sub(counter.get()));
            }
        }
    }
}
