//! Sending the decision log on, as the config asks for it.
//!
//! Never: where there is no directory that it is sent from.

use std::sync::Arc;

use crate::config::Config;
use crate::disk::Disk;
use crate::ship::Shipping;
use crate::telemetry::Metrics;

/// Starts to send it, where there is a place to send it to.
pub(super) fn start(
    config: &Config,
    disk: &Arc<Disk>,
    metrics: &Metrics,
) -> Result<Option<Shipping>, String> {
    let Some(store) = config.decision_log.store.as_ref().filter(|_| !config.decision_log.ship.is_empty())
    else {
        return Ok(None);
    };
    let started = Shipping::start(&config.decision_log.ship, &store.dir, disk, metrics);
    started.map(Some).map_err(|error| format!("cannot start to send the decision log on: {error}"))
}
