//! The metrics of the process, all with the prefix `palisade_` and base units.
//!
//! Labels come from the config and from our own vocabulary: a route's id, a class, a code; never from a caller.
//! INVARIANT: what callers send cannot make a series (`callers_cannot_make_series`).
//! Never: on a request's path; [`crate::telemetry::WorkerMetrics`] is.

mod counters;
mod door;
mod endpoints;
mod fetch;
mod quota;
mod ship;

use prometheus::Histogram;
use prometheus::HistogramOpts;
use prometheus::IntCounter;
use prometheus::IntCounterVec;
use prometheus::IntGauge;
use prometheus::IntGaugeVec;
use prometheus::Opts;
use prometheus::Registry;
use prometheus::TextEncoder;

pub use counters::JournalCounters;
pub use counters::LearningCounters;
pub use counters::OriginCounters;
pub use counters::ShadowCounters;
pub use counters::ShipCounters;

use door::OfDoor;
use endpoints::OfEndpoints;
use fetch::OfFetches;
use quota::OfQuota;
use ship::OfShip;

use crate::ids::Digest;
use crate::learn::Over;

/// Bounds of the histogram of whole requests, in seconds.
const REQUEST_SECONDS: &[f64] =
    &[0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];
/// Bounds of the histogram of policy evaluation, in seconds.
const EVALUATION_SECONDS: &[f64] = &[
    0.000_001,
    0.000_002_5,
    0.000_005,
    0.000_01,
    0.000_025,
    0.000_05,
    0.000_1,
    0.000_25,
    0.000_5,
    0.001,
    0.01,
];

/// The metrics of the process. Cloning shares them.
#[derive(Debug, Clone)]
pub struct Metrics {
    registry: Registry,
    pub(super) requests: IntCounterVec,
    pub(super) request_seconds: Histogram,
    pub(super) upstream_seconds: Histogram,
    pub(super) decisions: IntCounterVec,
    pub(super) evaluation_seconds: Histogram,
    policy_errors: IntCounterVec,
    pub(super) redactions: IntCounterVec,
    pub(super) leaked_rows: IntCounterVec,
    pub(super) refusals: IntCounterVec,
    audit_records: IntCounterVec,
    audit_dropped: IntCounter,
    audit_shed: IntCounter,
    audit_bytes: IntCounter,
    audit_batches: IntCounter,
    reloads: IntCounterVec,
    reload_time: IntGauge,
    generation: IntGauge,
    policy_set: IntGaugeVec,
    pub(super) upstream_errors: IntCounterVec,
    pub(super) upstream_connections: IntGauge,
    endpoints: OfEndpoints,
    pub(super) connections: IntGauge,
    shadow_decisions: IntCounterVec,
    shadow_disagreements: IntCounterVec,
    shadow_dropped: IntCounter,
    shadow_unrecorded: IntCounter,
    shadow_active: IntGaugeVec,
    shadow_stops: IntCounterVec,
    shadow_refused: IntCounter,
    bundle: OfBundles,
    learning: OfLearning,
    ship: OfShip,
    fetches: OfFetches,
    quota: OfQuota,
    door: OfDoor,
}

/// What is counted of learning from bodies.
#[derive(Debug, Clone)]
struct OfLearning {
    bodies: IntCounterVec,
    dropped: IntCounter,
    over: IntCounterVec,
    paths: IntGauge,
}

/// What is counted of bundles.
#[derive(Debug, Clone)]
struct OfBundles {
    version: IntGauge,
    contact: IntGauge,
    dead: IntGauge,
    asked: IntCounterVec,
}

/// Makes metrics and registers each.
struct Maker(Registry);

impl Maker {
    fn counter(&self, name: &str, help: &str) -> Result<IntCounter, prometheus::Error> {
        let metric = IntCounter::new(name, help)?;
        self.0.register(Box::new(metric.clone()))?;
        Ok(metric)
    }

    fn counters(&self, name: &str, help: &str, labels: &[&str]) -> Result<IntCounterVec, prometheus::Error> {
        let metric = IntCounterVec::new(Opts::new(name, help), labels)?;
        self.0.register(Box::new(metric.clone()))?;
        Ok(metric)
    }

    fn gauge(&self, name: &str, help: &str) -> Result<IntGauge, prometheus::Error> {
        let metric = IntGauge::new(name, help)?;
        self.0.register(Box::new(metric.clone()))?;
        Ok(metric)
    }

    fn gauges(&self, name: &str, help: &str, labels: &[&str]) -> Result<IntGaugeVec, prometheus::Error> {
        let metric = IntGaugeVec::new(Opts::new(name, help), labels)?;
        self.0.register(Box::new(metric.clone()))?;
        Ok(metric)
    }

    fn histogram(&self, name: &str, help: &str, bounds: &[f64]) -> Result<Histogram, prometheus::Error> {
        let metric = Histogram::with_opts(HistogramOpts::new(name, help).buckets(bounds.to_vec()))?;
        self.0.register(Box::new(metric.clone()))?;
        Ok(metric)
    }
}

const AUDIT_RECORDS: &str = "Records of the decision log.";
const POLICY_ERRORS: &str = "Evaluations that ended in an error, and so denied.";
const UPSTREAM_ERRORS: &str = "Failures towards the app.";
const RELOADED: &str = "When the live snapshot went live.";
const LEAKED_ROWS: &str = "Rows of somebody else in the app's answers, which no client got.";

impl Metrics {
    /// Makes all metrics; there is one set of them in a process.
    ///
    /// # Errors
    /// Never with the names in this file, which a test holds; the library does not know that.
    pub fn new(version: &str) -> Result<Self, prometheus::Error> {
        let registry = Registry::new_custom(Some("palisade".to_owned()), None)?;
        let make = Maker(registry.clone());
        make.gauges("build_info", "The version that runs.", &["version"])?
            .get_metric_with_label_values(&[version])?
            .set(1);
        Ok(Self {
            requests: make.counters("requests_total", "Requests answered.", &["route", "code"])?,
            request_seconds: make.histogram(
                "request_duration_seconds",
                "From a request's head to its response's end.",
                REQUEST_SECONDS,
            )?,
            upstream_seconds: make.histogram(
                "upstream_duration_seconds",
                "From forwarding to the app's response head.",
                REQUEST_SECONDS,
            )?,
            decisions: make.counters("decisions_total", "Decisions made.", &["decision", "reason"])?,
            evaluation_seconds: make.histogram(
                "policy_eval_duration_seconds",
                "Evaluating the policies for one request.",
                EVALUATION_SECONDS,
            )?,
            policy_errors: make.counters("policy_errors_total", POLICY_ERRORS, &["policy"])?,
            redactions: make.counters("redactions_total", "Values hidden.", &["class", "mask"])?,
            leaked_rows: make.counters("leaked_rows_total", LEAKED_ROWS, &["route"])?,
            refusals: make.counters("refusals_total", "Requests refused.", &["code"])?,
            audit_records: make.counters("audit_records_total", AUDIT_RECORDS, &["sink", "result"])?,
            audit_dropped: make.counter("audit_dropped_total", "Records that are in no decision log.")?,
            audit_shed: make.counter("audit_shed_total", "Requests' records that were shed.")?,
            audit_bytes: make.counter("audit_bytes_total", "Bytes of the decision log.")?,
            audit_batches: make.counter("audit_batches_total", "Writes to the decision log.")?,
            reloads: make.counters("reload_total", "Edits tried.", &["result"])?,
            reload_time: make.gauge("last_reload_success_timestamp_seconds", RELOADED)?,
            generation: make.gauge("snapshot_generation", "The generation of the live snapshot.")?,
            policy_set: make.gauges("policy_set_info", "The digest of the live snapshot.", &["digest"])?,
            upstream_errors: make.counters("upstream_errors_total", UPSTREAM_ERRORS, &["reason"])?,
            upstream_connections: make.gauge("upstream_connections", "Open connections to the app.")?,
            endpoints: OfEndpoints::new(&make)?,
            connections: make.gauge("connections", "Open connections of callers.")?,
            shadow_decisions: make.counters(
                "shadow_decisions_total",
                "Decisions looked at with policies that decide nothing.",
                &["origin", "result"],
            )?,
            shadow_disagreements: make.counters(
                "shadow_disagreements_total",
                "In what such decisions would have been others.",
                &["origin", "direction"],
            )?,
            shadow_dropped: make.counter("shadow_dropped_total", "Decisions that there was no room for.")?,
            shadow_unrecorded: make
                .counter("shadow_unrecorded_total", "Disagreements that there was no room for in the log.")?,
            shadow_active: make.gauges("shadow_active", "Is anything looked at?", &["origin"])?,
            shadow_stops: make.counters("shadow_stops_total", "Looking stopped by itself.", &["origin"])?,
            shadow_refused: make.counter("shadow_refused_total", "Candidates that were broken.")?,
            bundle: Self::of_bundles(&make)?,
            learning: Self::of_learning(&make)?,
            ship: OfShip::new(&make)?,
            fetches: OfFetches::new(&make)?,
            quota: OfQuota::new(&make)?,
            door: OfDoor::new(&make)?,
            registry,
        })
    }

    fn of_bundles(make: &Maker) -> Result<OfBundles, prometheus::Error> {
        let said = "When the bundle's source last answered.";
        Ok(OfBundles {
            version: make.gauge("bundle_version", "The version of the live bundle; 0: files.")?,
            contact: make.gauge("bundle_contact_timestamp_seconds", said)?,
            dead: make.gauge("bundle_thread_died", "Did the thread die that asks the bundle's source?")?,
            asked: make.counters("bundle_asked_total", "Times that its source was asked.", &["result"])?,
        })
    }

    fn of_learning(make: &Maker) -> Result<OfLearning, prometheus::Error> {
        let over = "What there was no room for in what is learned.";
        Ok(OfLearning {
            bodies: make.counters("learning_bodies_total", "Bodies learned from.", &["result"])?,
            dropped: make.counter("learning_dropped_total", "Requests that were not learned from.")?,
            over: make.counters("learning_over_bounds_total", over, &["bound"])?,
            paths: make.gauge("learning_paths", "Paths of bodies that counts are kept of.")?,
        })
    }

    /// The counters for the journal's writer.
    ///
    /// # Errors
    /// Never, as for [`Metrics::new`].
    pub fn journal(&self) -> Result<JournalCounters, prometheus::Error> {
        let records = |sink, result| self.audit_records.get_metric_with_label_values(&[sink, result]);
        Ok(JournalCounters {
            store_written: records("store", "written")?,
            file_written: records("file", "written")?,
            file_failed: records("file", "failed")?,
            stdout_written: records("stdout", "written")?,
            stdout_failed: records("stdout", "failed")?,
            file_left_out: records("file", "left_out")?,
            stdout_left_out: records("stdout", "left_out")?,
            dropped: self.audit_dropped.clone(),
            shed: self.audit_shed.clone(),
            bytes: self.audit_bytes.clone(),
            batches: self.audit_batches.clone(),
        })
    }

    /// The counters of what is looked at with policies of these origins, each with the words for its directions.
    ///
    /// # Errors
    /// Never, as for [`Metrics::new`].
    pub fn shadow(&self, origins: &[&str], directions: &[&str]) -> Result<ShadowCounters, prometheus::Error> {
        let of = |origin: &&str| {
            let result = |result| self.shadow_decisions.get_metric_with_label_values(&[*origin, result]);
            let direction = |direction: &&str| {
                self.shadow_disagreements.get_metric_with_label_values(&[*origin, *direction])
            };
            Ok(OriginCounters {
                agreed: result("agreed")?,
                disagreed: result("disagreed")?,
                unknown: result("unknown")?,
                directions: directions.iter().map(direction).collect::<Result<_, _>>()?,
                active: self.shadow_active.get_metric_with_label_values(&[*origin])?,
                stops: self.shadow_stops.get_metric_with_label_values(&[*origin])?,
            })
        };
        Ok(ShadowCounters {
            origins: origins.iter().map(of).collect::<Result<_, prometheus::Error>>()?,
            dropped: self.shadow_dropped.clone(),
            unrecorded: self.shadow_unrecorded.clone(),
        })
    }

    /// The counters of learning from bodies.
    ///
    /// # Errors
    /// Never, as for [`Metrics::new`].
    pub fn learning(&self) -> Result<LearningCounters, prometheus::Error> {
        let bodies = |result| self.learning.bodies.get_metric_with_label_values(&[result]);
        let over = |(bound, _)| self.learning.over.get_metric_with_label_values(&[bound]);
        Ok(LearningCounters {
            learned: bodies("learned")?,
            unread: bodies("unread")?,
            no_room: bodies("no_room")?,
            dropped: self.learning.dropped.clone(),
            over: Over::default().each().into_iter().map(over).collect::<Result<_, _>>()?,
            paths: self.learning.paths.clone(),
        })
    }

    /// Are policies of this origin looked at?
    pub fn shadow_active(&self, origin: &str, active: bool) {
        if let Ok(gauge) = self.shadow_active.get_metric_with_label_values(&[origin]) {
            gauge.set(active.into());
        }
    }

    /// A candidate was broken.
    pub fn shadow_refused(&self) {
        self.shadow_refused.inc();
    }

    /// A snapshot went live, at `now` in seconds since 1970.
    pub fn reload_applied(&self, digest: &Digest, generation: u64, now: u64) {
        count(&self.reloads, &["applied"]);
        self.reload_time.set(i64::try_from(now).unwrap_or(i64::MAX));
        self.generation.set(i64::try_from(generation).unwrap_or(i64::MAX));
        self.policy_set.reset();
        if let Ok(info) = self.policy_set.get_metric_with_label_values(&[digest.to_string()]) {
            info.set(1);
        }
    }

    /// An edit was bad.
    pub fn reload_refused(&self) {
        count(&self.reloads, &["refused"]);
    }

    /// So many connections of callers are open.
    pub fn connections(&self, open: usize) {
        self.connections.set(i64::try_from(open).unwrap_or(i64::MAX));
    }

    /// How the bundle stands: its version, when its source last answered in milliseconds since 1970, whether the thread that
    /// asks it died, and how often it was asked with which result.
    pub fn bundle(
        &self,
        version: u64,
        contact_ms: u64,
        is_dead: bool,
        asked: impl Iterator<Item = (&'static str, u64)>,
    ) {
        let wide = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
        self.bundle.version.set(wide(version));
        self.bundle.contact.set(wide(contact_ms / 1_000));
        self.bundle.dead.set(i64::from(is_dead));
        for (result, total) in asked {
            if let Some(counter) = child(&self.bundle.asked, &[result]) {
                counter.inc_by(total.saturating_sub(counter.get()));
            }
        }
    }

    /// A policy could not be evaluated. Rare enough to be looked up each time; the id comes from a policy file.
    pub fn policy_error(&self, policy_id: &str) {
        count(&self.policy_errors, &[policy_id]);
    }

    /// All metrics in Prometheus' text format.
    #[must_use]
    pub fn text(&self) -> String {
        // Encoding fails only for a family without metrics, and `gather` leaves those out.
        TextEncoder::new().encode_to_string(&self.registry.gather()).unwrap_or_default()
    }
}

fn count(counters: &IntCounterVec, labels: &[&str]) {
    if let Some(counter) = child(counters, labels) {
        counter.inc();
    }
}

/// The counter with these labels. `None` only where their number is wrong, which the tests would show.
pub(super) fn child(counters: &IntCounterVec, labels: &[&str]) -> Option<IntCounter> {
    counters.get_metric_with_label_values(labels).ok()
}

#[cfg(test)]
mod tests;
