//! The part of the config about what callers may do, beside what the tenants' file says of each tenant.
//!
//! Never: says what a tenant may do; that belongs to the snapshot.

use crate::limits;
use crate::model::Rate;

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
    }
}
