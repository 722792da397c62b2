//! The metrics of one worker: what a request adds costs no lock, no hash and no shared cache line.
//!
//! The worker calls [`WorkerMetrics::flush`] a few times a second; [`WorkerMetrics::keep_flushing`] does so.
//! Never: shared between threads.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use prometheus::local::LocalHistogram;

use crate::telemetry::metrics::Metrics;
use crate::telemetry::metrics::child;
use crate::telemetry::pending::Few;
use crate::telemetry::pending::Indexed;

/// How often a worker's counts are handed on.
const FLUSH_EVERY: Duration = Duration::from_millis(250);

/// The metrics of one worker.
#[derive(Debug)]
pub struct WorkerMetrics {
    shared: Metrics,
    requests: Indexed<u16>,
    unrouted: Few<u16>,
    decisions: Few<(&'static str, &'static str)>,
    refusals: Few<&'static str>,
    redactions: Indexed<&'static str>,
    leaked_rows: Indexed<&'static str>,
    /// Leaks that have not been logged yet, by route: answers and rows.
    leaks: RefCell<BTreeMap<Box<str>, (u64, u64)>>,
    upstream_errors: Few<&'static str>,
    request_seconds: LocalHistogram,
    upstream_seconds: LocalHistogram,
    evaluation_seconds: LocalHistogram,
}

/// A thing of a snapshot that has a name and an index: a route, a class.
#[derive(Debug, Clone, Copy)]
pub struct Label<'a> {
    /// The snapshot's generation: the index means nothing in another one.
    pub generation: u64,
    /// The index in it.
    pub index: usize,
    /// The name, for the label.
    pub name: &'a str,
}

impl WorkerMetrics {
    /// The metrics of one more worker.
    #[must_use]
    pub fn new(metrics: &Metrics) -> Self {
        Self {
            shared: metrics.clone(),
            requests: Indexed::default(),
            unrouted: Few::default(),
            decisions: Few::default(),
            refusals: Few::default(),
            redactions: Indexed::default(),
            leaked_rows: Indexed::default(),
            leaks: RefCell::default(),
            upstream_errors: Few::default(),
            request_seconds: metrics.request_seconds.local(),
            upstream_seconds: metrics.upstream_seconds.local(),
            evaluation_seconds: metrics.evaluation_seconds.local(),
        }
    }

    /// A request was answered with this status. Its route is `none` where none was found.
    pub fn request(&self, route: Option<Label<'_>>, status: u16, took: Duration) {
        // An app may answer with any three digits.
        let status = if (100..600).contains(&status) { status } else { 0 };
        let resolve = |name: &str| child(&self.shared.requests, &[name, &status_label(status)]);
        match route {
            Some(route) => {
                self.requests.add(route.generation, route.index, status, 1, |_| resolve(route.name))
            }
            None => self.unrouted.add(status, 1, |_| resolve("none")),
        }
        self.request_seconds.observe(took.as_secs_f64());
    }

    /// A decision was made; `reason` is the refusal's code, `allowed` or `public`. `evaluation` is how long policies took,
    /// where they were asked.
    pub fn decision(&self, allowed: bool, reason: &'static str, evaluation: Option<Duration>) {
        let decision = if allowed { "allow" } else { "deny" };
        self.decisions.add((decision, reason), 1, |_| child(&self.shared.decisions, &[decision, reason]));
        if let Some(evaluation) = evaluation {
            self.evaluation_seconds.observe(evaluation.as_secs_f64());
        }
    }

    /// A request was refused, before or after its decision.
    pub fn refusal(&self, code: &'static str) {
        self.refusals.add(code, 1, |_| child(&self.shared.refusals, &[code]));
    }

    /// Values of a class were hidden by a kind of mask.
    pub fn redactions(&self, class: Label<'_>, mask: &'static str, count: u64) {
        let resolve = |_: &&str| child(&self.shared.redactions, &[class.name, mask]);
        self.redactions.add(class.generation, class.index, mask, count, resolve);
    }

    /// An answer of the app held so many rows of somebody else.
    pub fn leaked_rows(&self, route: Label<'_>, rows: u64) {
        let resolve = |_: &&str| child(&self.shared.leaked_rows, &[route.name]);
        self.leaked_rows.add(route.generation, route.index, "", rows, resolve);
        let mut leaks = self.leaks.borrow_mut();
        let known = leaks.entry(route.name.into()).or_default();
        *known = (known.0 + 1, known.1.saturating_add(rows));
    }

    /// Says which routes leaked since this was last said: one line a route, however many answers there were.
    fn log_leaks(&self) {
        for (route, (answers, rows)) in std::mem::take(&mut *self.leaks.borrow_mut()) {
            tracing::error!(%route, answers, rows, "the app answered with rows of somebody else; no client got them");
        }
    }

    /// The app's response head came.
    pub fn upstream_answered(&self, took: Duration) {
        self.upstream_seconds.observe(took.as_secs_f64());
    }

    /// Something failed towards the app.
    pub fn upstream_error(&self, reason: &'static str) {
        self.upstream_errors.add(reason, 1, |_| child(&self.shared.upstream_errors, &[reason]));
    }

    /// A policy could not be evaluated.
    pub fn policy_error(&self, policy_id: &str) {
        self.shared.policy_error(policy_id);
    }

    /// A connection to the app was opened (`1`) or closed (`-1`).
    pub fn upstream_connections(&self, change: i64) {
        self.shared.upstream_connections.add(change);
    }

    /// The process's metrics.
    #[must_use]
    pub const fn shared(&self) -> &Metrics {
        &self.shared
    }

    /// Hands all counts on to the process's metrics.
    pub fn flush(&self) {
        self.requests.flush();
        self.unrouted.flush();
        self.decisions.flush();
        self.refusals.flush();
        self.redactions.flush();
        self.leaked_rows.flush();
        self.log_leaks();
        self.upstream_errors.flush();
        self.request_seconds.flush();
        self.upstream_seconds.flush();
        self.evaluation_seconds.flush();
    }

    /// Flushes four times a second, until nobody else holds the metrics.
    pub async fn keep_flushing(self: Rc<Self>) {
        let mut ticks = tokio::time::interval(FLUSH_EVERY);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        while Rc::strong_count(&self) > 1 {
            ticks.tick().await;
            self.flush();
        }
    }
}

impl Drop for WorkerMetrics {
    fn drop(&mut self) {
        self.flush();
    }
}

fn status_label(status: u16) -> String {
    if status == 0 { "other".to_owned() } else { status.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::Digest;

    const TOOK: Duration = Duration::from_millis(3);

    fn has(text: &str, line: &str) {
        assert!(text.lines().any(|known| known == line), "`{line}` is missing in\n{text}");
    }

    #[test]
    fn what_workers_count_is_in_the_text_under_the_published_names() {
        let metrics = Metrics::new("1.2.3").unwrap();
        for _ in 0..2 {
            let worker = WorkerMetrics::new(&metrics);
            let route = Label { generation: 1, index: 7, name: "GET /patients/{id}" };
            worker.request(Some(route), 200, TOOK);
            worker.request(None, 404, TOOK);
            worker.decision(true, "permit", Some(TOOK));
            worker.decision(false, "denied", Some(TOOK));
            worker.refusal("denied");
            worker.redactions(Label { generation: 1, index: 2, name: "pii.name" }, "drop", 5);
            worker.upstream_answered(TOOK);
            worker.upstream_error("connect");
            worker.policy_error("p1");
            metrics.connections(7);
            worker.upstream_connections(1);
        }
        let journal = metrics.journal().unwrap();
        journal.file_written.inc();
        journal.dropped.inc();
        metrics.reload_applied(&Digest::of(b"old"), 1, 10);
        metrics.reload_applied(&Digest::of(b"abc"), 2, 1_700_000_000);
        metrics.reload_refused();
        let text = metrics.text();
        for line in [
            "palisade_requests_total{code=\"200\",route=\"GET /patients/{id}\"} 2",
            "palisade_requests_total{code=\"404\",route=\"none\"} 2",
            "palisade_request_duration_seconds_count 4",
            "palisade_decisions_total{decision=\"allow\",reason=\"permit\"} 2",
            "palisade_decisions_total{decision=\"deny\",reason=\"denied\"} 2",
            "palisade_policy_eval_duration_seconds_count 4",
            "palisade_policy_errors_total{policy=\"p1\"} 2",
            "palisade_redactions_total{class=\"pii.name\",mask=\"drop\"} 10",
            "palisade_refusals_total{code=\"denied\"} 2",
            "palisade_audit_records_total{result=\"written\",sink=\"file\"} 1",
            "palisade_audit_dropped_total 1",
            "palisade_reload_total{result=\"applied\"} 2",
            "palisade_reload_total{result=\"refused\"} 1",
            "palisade_last_reload_success_timestamp_seconds 1700000000",
            "palisade_snapshot_generation 2",
            "palisade_policy_set_info{digest=\"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\"} 1",
            "palisade_upstream_duration_seconds_count 2",
            "palisade_upstream_errors_total{reason=\"connect\"} 2",
            "palisade_upstream_connections 2",
            "palisade_connections 7",
            "palisade_build_info{version=\"1.2.3\"} 1",
        ] {
            has(&text, line);
        }
        assert_eq!(text.matches("policy_set_info{").count(), 1, "only the live snapshot is shown");
    }

    #[test]
    fn callers_cannot_make_series() {
        let metrics = Metrics::new("1").unwrap();
        let worker = WorkerMetrics::new(&metrics);
        for status in 0..u16::MAX {
            worker.request(None, status, TOOK);
        }
        worker.flush();
        assert_eq!(metrics.text().matches("palisade_requests_total{").count(), 501);
    }

    #[tokio::test]
    async fn counts_are_handed_on_while_the_worker_lives() {
        let metrics = Metrics::new("1").unwrap();
        let worker = Rc::new(WorkerMetrics::new(&metrics));
        let flushing = Rc::clone(&worker).keep_flushing();
        worker.refusal("denied");
        tokio::select! {
            () = flushing => panic!("the worker lives"),
            () = tokio::time::sleep(Duration::from_millis(20)) => {}
        }
        has(&metrics.text(), "palisade_refusals_total{code=\"denied\"} 1");
    }
}
