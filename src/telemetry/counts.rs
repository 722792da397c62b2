//! What the steps of a request say, as metrics.
//!
//! Never: labels a metric with anything that a client made up.

use std::time::Duration;

use crate::request::Counts;
use crate::request::Finished;
use crate::telemetry::Label;
use crate::telemetry::WorkerMetrics;

impl Counts for WorkerMetrics {
    fn decided(&self, allowed: bool, code: &'static str, policy_us: Option<u64>) {
        self.decision(allowed, code, policy_us.map(Duration::from_micros));
    }

    fn ended(&self, ended: &Finished<'_>) {
        let generation = ended.generation;
        let route = ended.route.map(|(ix, name)| Label { generation, index: index(ix.0), name });
        self.request(route, ended.status, Duration::from_micros(ended.total_us));
        if let Some(code) = ended.refusal {
            self.refusal(code);
            if matches!(
                code,
                "unreachable"
                    | "upstream_untrusted"
                    | "circuit_open"
                    | "bad_upstream"
                    | "upstream_timeout"
                    | "unredactable"
                    | "foreign_rows"
                    | "not_a_websocket"
            ) {
                self.upstream_error(code);
            }
        }
        if let Some(took) = ended.upstream_us {
            self.upstream_answered(Duration::from_micros(took));
        }
        if let Some(route) = route.filter(|_| ended.foreign_rows > 0) {
            self.leaked_rows(route, ended.foreign_rows);
        }
        for hidden in ended.hidden {
            let (ix, name) = hidden.class;
            let class = Label { generation, index: usize::from(ix.0), name };
            self.redactions(class, hidden.mask, hidden.count);
        }
    }

    fn policy_error(&self, policy_id: &str) {
        WorkerMetrics::policy_error(self, policy_id);
    }
}

fn index(ix: u32) -> usize {
    usize::try_from(ix).unwrap_or(usize::MAX)
}
