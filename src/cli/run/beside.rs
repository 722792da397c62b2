//! What looks at requests beside those who serve them.
//!
//! Never: serves.

use std::sync::Arc;

use crate::compare::beside::Chosen;
use crate::compare::beside::StopRule;
use crate::config;
use crate::config::Config;
use crate::disk::Disk;
use crate::learning;
use crate::learning::Learning;
use crate::shadow::Shadow;
use crate::snapshot::Live;
use crate::telemetry::Metrics;

pub(super) fn start_shadow(
    config: &Config,
    live: &Arc<Live>,
    disk: &Arc<Disk>,
    metrics: &Metrics,
) -> Result<Shadow, String> {
    let config::Shadow { tenants, percent, stop_after } = &config.shadow;
    let chosen = Chosen { tenants: tenants.clone(), percent: *percent };
    let rule = StopRule {
        new_denials: stop_after.new_denials,
        percent: stop_after.percent,
        window_ms: u64::try_from(stop_after.window.as_millis()).unwrap_or(u64::MAX),
    };
    Shadow::start(Arc::clone(live), Arc::clone(disk), metrics, chosen, rule)
        .map_err(|error| format!("cannot start looking at decisions: {error}"))
}

pub(super) fn start_learning(
    config: &Config,
    live: &Live,
    metrics: &Metrics,
) -> Result<Option<Arc<Learning>>, String> {
    let config::Learning { percent, routes, body_bytes, file } = config.learning.clone();
    if percent == 0 {
        return Ok(None);
    }
    let current = live.current();
    for route in &routes {
        if !current.model().routes.iter().any(|(_, known)| known.id == *route) {
            tracing::warn!(%route, "there is no route of this id: nothing is learned of it");
        }
    }
    let settings = learning::Settings { percent, routes, body_bytes, file };
    let started = Learning::start(settings, metrics);
    started.map(|one| Some(Arc::new(one))).map_err(|error| format!("cannot start learning: {error}"))
}
