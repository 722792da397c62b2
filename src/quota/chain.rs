//! Whether a tenant's request may come: every limit of it and of those above it is asked, and all must have room.
//!
//! Never: takes of one limit for a request that another one refuses, or keeps a place for one that is over.

use std::cell::RefCell;
use std::fmt;
use std::rc::Rc;
use std::sync::Arc;

use crate::ids::TenantPath;
use crate::model::AccountIx;
use crate::model::Quota;
use crate::model::TenantIx;
use crate::model::Tenants;
use crate::quota::Limit;
use crate::quota::Meter;
use crate::quota::Meters;
use crate::quota::Times;

/// One worker's way to the meters.
#[derive(Default)]
pub struct Admission {
    meters: Arc<Meters>,
    kept: RefCell<Kept>,
}

/// The chains of one snapshot that were asked for.
#[derive(Default)]
struct Kept {
    generation: u64,
    chains: Vec<Option<Rc<Chain>>>,
}

/// An account and those above it, nearest first.
struct Chain {
    links: Vec<Link>,
    meters: Arc<Meters>,
}

struct Link {
    meter: Arc<Meter>,
    quota: Quota,
}

/// What is left of one limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share {
    /// All that there is of it in its window.
    pub most: u64,
    /// The window, in seconds.
    pub window_s: u64,
    /// What is left.
    pub remaining: u64,
    /// In so many seconds there is more: all of it, or after a refusal one.
    pub reset_s: u64,
}

/// What is left, of the limits that have least.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Left {
    /// Requests.
    pub requests: Option<Share>,
    /// Bytes of the day.
    pub bytes: Option<Share>,
}

/// A request is one too many.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limited {
    /// For what.
    pub limit: Limit,
    /// Whose limit it is: the caller's tenant, or one above it.
    pub tenant: TenantPath,
    /// After so many seconds another may come.
    pub retry_s: u64,
    /// What is left of it.
    pub left: Left,
}

/// A request that may come, until it is over.
pub struct Admitted {
    chain: Rc<Chain>,
    /// What was left when it came.
    pub left: Left,
}

impl fmt::Debug for Admission {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Admission").finish_non_exhaustive()
    }
}

impl fmt::Debug for Admitted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Admitted").field("left", &self.left).finish_non_exhaustive()
    }
}

impl Drop for Admitted {
    fn drop(&mut self) {
        self.chain.leave();
    }
}

const DAY_S: u64 = 86_400;

impl Admission {
    /// A worker's way to these meters.
    #[must_use]
    pub fn new(meters: Arc<Meters>) -> Self {
        Self { meters, kept: RefCell::default() }
    }

    /// May a request of this tenant come? Nothing where the tenant is not limited. `times` is asked only where it is.
    ///
    /// # Errors
    /// It is one too many for a limit of the tenant, or of one above it.
    pub fn admit(
        &self,
        tenants: &Tenants,
        generation: u64,
        tenant: TenantIx,
        times: impl FnOnce() -> Times,
    ) -> Result<Option<Box<Admitted>>, Box<Limited>> {
        let quotas = tenants.quotas();
        if quotas.is_empty() {
            return Ok(None);
        }
        let Some(account) = quotas.nearest(tenant) else { return Ok(None) };
        let times = times();
        let chain = self.chain(tenants, generation, account, times);
        let left = chain.enter(times)?;
        Ok(Some(Box::new(Admitted { chain, left })))
    }

    fn chain(&self, tenants: &Tenants, generation: u64, account: AccountIx, times: Times) -> Rc<Chain> {
        let mut kept = self.kept.borrow_mut();
        if kept.generation != generation {
            // A request that began under the one before may make it be kept again: that costs time, and nothing else.
            *kept = Kept { generation, chains: Vec::new() };
        }
        let at = usize::try_from(account.0).unwrap_or(usize::MAX);
        if let Some(Some(chain)) = kept.chains.get(at) {
            return Rc::clone(chain);
        }
        let link = |account: &crate::model::Account| {
            let meter = self.meters.of(&tenants.get(account.tenant).path);
            if let Some(rate) = account.quota.requests {
                meter.follow(rate, times.now_ns);
            }
            Link { meter, quota: account.quota }
        };
        let links = tenants.quotas().chain(account).map(link).collect();
        let chain = Rc::new(Chain { links, meters: Arc::clone(&self.meters) });
        if at >= kept.chains.len() {
            kept.chains.resize(at.saturating_add(1), None);
        }
        if let Some(place) = kept.chains.get_mut(at) {
            *place = Some(Rc::clone(&chain));
        }
        chain
    }
}

impl Admitted {
    /// So many bytes of the request's or of the answer's body passed.
    pub fn spend(&self, bytes: u64, times: Times) {
        for link in &self.chain.links {
            let Some(most) = link.quota.bytes else { continue };
            link.meter.spend(bytes, times);
            self.chain.note(link, Limit::Bytes, percent(link.meter.spent(times), most), times);
        }
    }

    /// Are bytes counted?
    #[must_use]
    pub fn counts_bytes(&self) -> bool {
        self.chain.links.iter().any(|link| link.quota.bytes.is_some())
    }
}

impl Chain {
    fn enter(&self, times: Times) -> Result<Left, Box<Limited>> {
        let mut left = Left::default();
        for (at, link) in self.links.iter().enumerate() {
            match link.enter(times) {
                Ok((requests, bytes, running)) => {
                    left.requests = least(left.requests, requests);
                    left.bytes = least(left.bytes, bytes);
                    if let Some(most) = link.quota.concurrent {
                        self.note(link, Limit::Concurrent, percent(running.into(), most.into()), times);
                    }
                }
                Err(limited) => {
                    for entered in self.links.iter().take(at) {
                        entered.meter.leave();
                        if let Some(rate) = entered.quota.requests {
                            entered.meter.give_back(rate);
                        }
                    }
                    return Err(limited);
                }
            }
        }
        for link in self.links.iter().filter(|link| link.quota.requests.is_some()) {
            let used = link.meter.used_percent(Limit::Requests, &link.quota, times);
            self.note(link, Limit::Requests, used.unwrap_or(0), times);
        }
        Ok(left)
    }

    fn leave(&self) {
        for link in &self.links {
            link.meter.leave();
        }
    }

    fn note(&self, link: &Link, limit: Limit, percent: u64, times: Times) {
        if link.meter.comes_near(limit, percent, times.now_ns) {
            self.meters.warn(link.meter.tenant(), limit);
        }
    }
}

type Entered = (Option<Share>, Option<Share>, u32);

impl Link {
    fn enter(&self, times: Times) -> Result<Entered, Box<Limited>> {
        let bytes = self.quota.bytes.map(|most| Share {
            most,
            window_s: DAY_S,
            remaining: most.saturating_sub(self.meter.spent(times)),
            reset_s: times.until_tomorrow_s(),
        });
        if let Some(share) = bytes.filter(|share| share.remaining == 0) {
            return Err(self.limited(Limit::Bytes, share.reset_s, Left { bytes, ..Left::default() }));
        }
        // All that run are counted, so that a limit that comes by an edit knows of them.
        let running = self.meter.enter();
        if self.quota.concurrent.is_some_and(|most| running > most) {
            self.meter.leave();
            return Err(self.limited(Limit::Concurrent, 1, Left::default()));
        }
        let Some(rate) = self.quota.requests else { return Ok((None, bytes, running)) };
        let share = |remaining, reset_ns: u64| Share {
            most: rate.burst(),
            window_s: seconds(rate.refill_ns()),
            remaining,
            reset_s: seconds(reset_ns),
        };
        match self.meter.take(rate, times.now_ns) {
            Ok(room) => Ok((Some(share(room.remaining, room.full_ns)), bytes, running)),
            Err(wait) => {
                self.meter.leave();
                let requests = Some(share(0, wait.wait_ns));
                Err(self.limited(Limit::Requests, seconds(wait.wait_ns), Left { requests, bytes }))
            }
        }
    }

    fn limited(&self, limit: Limit, retry_s: u64, left: Left) -> Box<Limited> {
        Box::new(Limited { limit, tenant: self.meter.tenant().clone(), retry_s, left })
    }
}

/// Whole seconds, at least one.
fn seconds(ns: u64) -> u64 {
    ns.div_ceil(1_000_000_000).max(1)
}

fn percent(used: u64, most: u64) -> u64 {
    used.saturating_mul(100) / most.max(1)
}

fn least(one: Option<Share>, other: Option<Share>) -> Option<Share> {
    match (one, other) {
        (Some(one), Some(other)) => Some(if other.remaining < one.remaining { other } else { one }),
        (one, other) => one.or(other),
    }
}

#[cfg(test)]
mod tests;
