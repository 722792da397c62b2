//! What is counted of tenants' limits.
//!
//! Never: shows more tenants than it is given, or one that it is not given any more.

use prometheus::GaugeVec;
use prometheus::IntCounterVec;
use prometheus::IntGauge;
use prometheus::Opts;

use super::Maker;
use super::Metrics;
use super::child;

/// What is counted of tenants' limits.
#[derive(Debug, Clone)]
pub(super) struct OfQuota {
    used: GaugeVec,
    near: IntCounterVec,
    shared: IntGauge,
    settled: IntCounterVec,
}

impl OfQuota {
    pub(super) fn new(make: &Maker) -> Result<Self, prometheus::Error> {
        let used = Opts::new("tenant_limit_used_ratio", "The share of a tenant's limit that is used.");
        let used = GaugeVec::new(used, &["tenant", "limit"])?;
        make.0.register(Box::new(used.clone()))?;
        let near = "Times that a tenant had used four fifths of a limit.";
        Ok(Self {
            used,
            near: make.counters("tenant_limit_warnings_total", near, &["limit"])?,
            shared: make.gauge("limits_shared", "Do the replicas count together?")?,
            settled: make.counters(
                "limits_settled_total",
                "Times that they told each other.",
                &["result"],
            )?,
        })
    }
}

impl Metrics {
    /// How much these tenants have used of these limits, in percent. Others are shown no more.
    pub fn limits_used<'a>(&self, used: impl Iterator<Item = (&'a str, &'a str, u64)>) {
        self.quota.used.reset();
        for (tenant, limit, percent) in used {
            let percent = u32::try_from(percent).unwrap_or(u32::MAX);
            if let Ok(gauge) = self.quota.used.get_metric_with_label_values(&[tenant, limit]) {
                gauge.set(f64::from(percent) / 100.0);
            }
        }
    }

    /// Do the replicas count together now?
    pub fn limits_shared(&self, well: bool) {
        self.quota.shared.set(well.into());
    }

    /// This replica told the others what came, or could not.
    pub fn limits_settled(&self, well: bool) {
        if let Some(counter) = child(&self.quota.settled, &[if well { "ok" } else { "failed" }]) {
            counter.inc();
        }
    }

    /// A tenant came near a limit.
    pub fn near_limit(&self, limit: &str) {
        if let Some(counter) = child(&self.quota.near, &[limit]) {
            counter.inc();
        }
    }
}
