//! The part of the config about what callers may do, beside what the tenants' file says of each tenant.
//!
//! Never: says what a tenant may do; that belongs to the snapshot.

use std::time::Duration;

use crate::limits;
use crate::model::Rate;
use crate::settling;

use super::check::Checker;
use super::raw;

/// What callers may do, whoever they are.
#[derive(Debug, Clone)]
pub struct Callers {
    /// Most requests that one worker has under way.
    pub requests_in_flight: usize,
    /// How often credentials of one address may fail; `None`: as often as they like.
    pub unidentified: Option<Rate>,
    /// Are callers told what is left of their tenant's limits?
    pub tells: bool,
    /// Tenants whose use is a metric.
    pub tenants_shown: usize,
    /// What replicas count together through; `None`: each counts for itself.
    pub shared: Option<settling::Settings>,
}

pub(super) fn callers(c: &mut Checker<'_>, raw: &raw::Limits) -> Callers {
    let narrow = |n: u64| usize::try_from(n).unwrap_or(usize::MAX);
    let mut rate = None;
    if let Some(unidentified) = &raw.unidentified {
        let (path, hint) = ("limits.unidentified.requests", "`10/s`, `100/min` or `1000/h`");
        if let Some(text) = c.required(path, unidentified.requests.as_ref(), hint) {
            rate = Rate::parse(text, unidentified.burst);
            if rate.is_none() {
                c.bad_value(path, "a rate", hint);
            }
        }
    }
    Callers {
        requests_in_flight: raw.requests_in_flight.map_or(limits::REQUESTS_IN_FLIGHT_MAX, narrow),
        unidentified: rate,
        tells: raw.rate_limit_fields.unwrap_or(true),
        tenants_shown: raw.tenants_shown.map_or(limits::QUOTA_TENANTS_SHOWN, narrow),
        shared: raw.shared.as_ref().and_then(|shared| redis(c, &shared.redis)),
    }
}

fn redis(c: &mut Checker<'_>, raw: &raw::quota::Redis) -> Option<settling::Settings> {
    let (path, hint) =
        ("limits.shared.redis.address", "`redis://host:6379` or `redis+unix:///run/redis.sock`");
    let address = c.required(path, raw.address.as_ref(), hint)?.to_owned();
    // A password stands in a file of its own.
    let is_plain = ["redis://", "redis+unix:///"].iter().any(|start| address.starts_with(start));
    if !is_plain || address.contains(['@', '?', '#']) {
        c.bad_value(path, "the address of a Redis, without user and password", hint);
        return None;
    }
    let every = c.duration("limits.shared.redis.every", raw.every.as_ref(), Duration::from_millis(50));
    let timeout = c.duration("limits.shared.redis.timeout", raw.timeout.as_ref(), Duration::from_millis(500));
    for (key, value) in [("every", every), ("timeout", timeout)] {
        if !(Duration::from_millis(1)..=Duration::from_secs(60)).contains(&value) {
            c.bad_value(&format!("limits.shared.redis.{key}"), "a time from `1ms` to `1m`", "`50ms`");
        }
    }
    let prefix = raw.prefix.clone().unwrap_or_else(|| "palisade:".to_owned());
    let password_file = raw.password_file.as_ref().map(|file| c.path(file));
    Some(settling::Settings {
        address,
        username: raw.username.clone(),
        password_file,
        prefix,
        every,
        timeout,
    })
}
