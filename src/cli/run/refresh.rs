//! Counts that only a look makes.
//!
//! Never: makes a request wait; the admin listener asks.

use std::sync::Arc;

use super::throttling::Throttling;
use super::upstream;
use crate::cli::check::now_ms;
use crate::door::Certificates;
use crate::limits;
use crate::net::Census;
use crate::net::Fleet;
use crate::reload::ASKED;
use crate::reload::FETCHED;
use crate::reload::Reloader;
use crate::snapshot::Live;
use crate::telemetry::Metrics;

/// Looks at connections, at the endpoints of the app, at the bundle, at API keys that end, and at what is fetched.
pub(super) fn refresh(
    metrics: Metrics,
    census: Arc<Census>,
    fleet: Arc<Fleet>,
    certificates: Option<Arc<Certificates>>,
    reloading: Reloader,
    (throttling, live): (Arc<Throttling>, Arc<Live>),
) -> Box<dyn Fn() + Send + Sync> {
    Box::new(move || {
        metrics.connections(census.open());
        throttling.show(&live, &metrics);
        metrics.turned_away(census.turned_away());
        if let Some(standing) = certificates.as_ref().map(|certificates| certificates.standing()) {
            metrics.certificates(standing.expires, standing.applied_total, standing.refused_total);
        }
        upstream::count(&metrics, &fleet);
        if let Some(bundle) = reloading.supplied() {
            let asked = ASKED.into_iter().zip(bundle.asked);
            let contact_ms = bundle.contacted_ms.unwrap_or(0);
            metrics.bundle(bundle.version, contact_ms, bundle.is_dead, asked);
        }
        let keys = live.current();
        let ending = keys.keyring().expiring_api_keys(now_ms() / 1_000, limits::API_KEY_WARNING_SECONDS);
        metrics.expiring(ending.len());
        for one in reloading.fetched() {
            let counts = FETCHED.into_iter().zip(one.counts);
            metrics.fetched(&one.label, one.fetched_ms.unwrap_or(0), (one.is_usable, one.is_dead), counts);
        }
    })
}
