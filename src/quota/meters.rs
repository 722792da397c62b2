//! The meters of all tenants that are limited, by path: the workers of a process share them, and snapshots come and go.
//!
//! Never: grows past the tenants that a snapshot limits, or is asked twice by a worker for one tenant of one snapshot.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;

use crate::ids::TenantPath;
use crate::limits;
use crate::model::Rate;
use crate::model::Tenants;
use crate::quota::Limit;
use crate::quota::Meter;
use crate::quota::Times;

/// A tenant came near a limit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Near {
    /// Whose limit.
    pub tenant: TenantPath,
    /// Which.
    pub limit: Limit,
}

/// What the other replicas do not know of a tenant.
#[derive(Debug, Clone)]
pub struct Untold {
    /// What counts it.
    pub meter: Arc<Meter>,
    /// Requests that came, with the rate that they are held to.
    pub requests: Option<(Rate, u64)>,
    /// Bytes that passed.
    pub bytes: u64,
}

impl Untold {
    /// They could not be told.
    pub fn put_back(&self) {
        self.meter.still_untold([self.requests.map_or(0, |(_, count)| count), self.bytes]);
    }
}

/// The meters of a process.
#[derive(Debug, Default)]
pub struct Meters {
    by_path: Mutex<HashMap<TenantPath, Arc<Meter>>>,
    near: Mutex<Vec<Near>>,
}

impl Meters {
    /// The meter of a tenant. Takes a lock: a worker asks once for each tenant and snapshot.
    #[must_use]
    pub fn of(&self, tenant: &TenantPath) -> Arc<Meter> {
        let mut meters = held(&self.by_path);
        let new = || Arc::new(Meter::new(tenant.clone()));
        Arc::clone(meters.entry(tenant.clone()).or_insert_with(new))
    }

    /// Forgets tenants that are gone; to be called when a snapshot went live. What runs still ends on its own meter.
    pub fn keep(&self, tenants: &Tenants) {
        held(&self.by_path).retain(|path, _| tenants.find(path.as_str()).is_some());
    }

    /// What the other replicas have not been told, of tenants that are limited by these.
    #[must_use]
    pub fn untold(&self, tenants: &Tenants) -> Vec<Untold> {
        let quotas = tenants.quotas();
        let mut all = Vec::new();
        for (path, meter) in held(&self.by_path).iter() {
            let [requests, bytes] = meter.untold();
            if requests == 0 && bytes == 0 {
                continue;
            }
            let own = tenants.find(path.as_str()).and_then(|tenant| {
                let nearest = quotas.chain(quotas.nearest(tenant)?).next()?;
                (nearest.tenant == tenant).then_some(nearest.quota)
            });
            // Who has no such limit now is told to nobody.
            let quota = own.unwrap_or_default();
            let requests = quota.requests.map(|rate| (rate, requests)).filter(|(_, count)| *count > 0);
            let bytes = if quota.bytes.is_some() { bytes } else { 0 };
            if requests.is_some() || bytes > 0 {
                all.push(Untold { meter: Arc::clone(meter), requests, bytes });
            }
        }
        all
    }

    /// A tenant came near a limit.
    pub(super) fn warn(&self, tenant: &TenantPath, limit: Limit) {
        let mut near = held(&self.near);
        if near.len() < limits::QUOTA_WARNINGS_MAX {
            near.push(Near { tenant: tenant.clone(), limit });
        }
    }

    /// Who came near a limit since this was last asked.
    #[must_use]
    pub fn warnings(&self) -> Vec<Near> {
        std::mem::take(&mut held(&self.near))
    }

    /// How much is used of each limit, in percent, of the tenants that are nearest to one: at most `most` of them.
    #[must_use]
    pub fn used(&self, tenants: &Tenants, times: Times, most: usize) -> Vec<(TenantPath, [Option<u64>; 3])> {
        let quotas = tenants.quotas();
        let mut used = Vec::new();
        {
            let meters = held(&self.by_path);
            for account in quotas.accounts() {
                let Some(meter) = meters.get(tenants.get(account.tenant).path.as_str()) else { continue };
                let shares = Limit::ALL.map(|limit| meter.used_percent(limit, &account.quota, times));
                let highest = shares.iter().flatten().copied().max().unwrap_or(0);
                used.push((highest, meter.tenant().clone(), shares));
            }
        }
        used.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
        used.truncate(most);
        used.into_iter().map(|(_, tenant, shares)| (tenant, shares)).collect()
    }
}

/// A thread that panics with it leaves numbers that are still numbers.
fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
