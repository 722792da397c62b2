//! What one tenant has used, and those below it: a few atomic numbers.
//!
//! Never: knows a limit. It is told one with each question, so that an edit holds from the next request on.

use std::sync::atomic::AtomicU32;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

use crate::ids::TenantPath;
use crate::limits;
use crate::model::Quota;
use crate::model::Rate;
use crate::quota::Limit;
use crate::quota::Times;
use crate::quota::gcra;
use crate::quota::gcra::Room;
use crate::quota::gcra::Wait;

/// What one tenant has used. On lines of memory of its own: tenants do not slow each other.
#[derive(Debug)]
#[repr(align(128))]
pub struct Meter {
    tenant: TenantPath,
    /// See [`gcra`].
    arrival_ns: AtomicU64,
    /// The rate that this number is in: the time from one request to the next.
    emission_ns: AtomicU64,
    running: AtomicU32,
    /// The day, from 1970 on, above the [`BYTES_BITS`] of its bytes.
    day_bytes: AtomicU64,
    /// What the other replicas have not been told: requests that came, and bytes.
    untold: [AtomicU64; 2],
    /// Since when each limit is nearly reached; 0 where it is not.
    near_since: [AtomicU64; 3],
}

const BYTES_BITS: u32 = 48;

const _: () = assert!(limits::QUOTA_BYTES_MAX < 1 << BYTES_BITS);

impl Meter {
    /// Of a tenant that has used nothing.
    #[must_use]
    pub fn new(tenant: TenantPath) -> Self {
        Self {
            tenant,
            arrival_ns: AtomicU64::new(0),
            emission_ns: AtomicU64::new(0),
            running: AtomicU32::new(0),
            day_bytes: AtomicU64::new(0),
            untold: Default::default(),
            near_since: Default::default(),
        }
    }

    /// Whose it is.
    #[must_use]
    pub const fn tenant(&self) -> &TenantPath {
        &self.tenant
    }

    /// This rate holds from now on. As many requests are gone of it as were of the one before.
    pub fn follow(&self, rate: Rate, now_ns: u64) {
        let new = rate.emission_ns();
        let old = self.emission_ns.swap(new, Relaxed);
        if old == new || old == 0 {
            return;
        }
        let rescaled = |arrival_ns: u64| {
            let ahead = u128::from(arrival_ns.saturating_sub(now_ns)) * u128::from(new) / u128::from(old);
            now_ns.saturating_add(u64::try_from(ahead).unwrap_or(u64::MAX))
        };
        let mut known = self.arrival_ns.load(Relaxed);
        while let Err(now) = self.arrival_ns.compare_exchange_weak(known, rescaled(known), Relaxed, Relaxed) {
            known = now;
        }
    }

    /// Takes one request of a rate.
    ///
    /// # Errors
    /// It may not come yet; then nothing is taken.
    pub fn take(&self, rate: Rate, now_ns: u64) -> Result<Room, Wait> {
        let mut known = self.arrival_ns.load(Relaxed);
        loop {
            let room = gcra::take(rate, known, now_ns)?;
            match self.arrival_ns.compare_exchange_weak(known, room.arrival_ns, Relaxed, Relaxed) {
                Ok(_) => {
                    let [requests, _] = &self.untold;
                    requests.fetch_add(1, Relaxed);
                    return Ok(room);
                }
                Err(now) => known = now,
            }
        }
    }

    /// Gives back one that was taken a moment ago, for a request that was refused after all.
    pub fn give_back(&self, rate: Rate) {
        // What was taken is in the number still, so that this cannot go below zero.
        self.arrival_ns.fetch_sub(rate.emission_ns(), Relaxed);
        let [requests, _] = &self.untold;
        // Told already, where the others heard of it in between: then they hear of one too many.
        requests.try_update(Relaxed, Relaxed, |known| known.checked_sub(1)).unwrap_or_default();
    }

    /// One more request runs; says how many do, with it.
    pub fn enter(&self) -> u32 {
        self.running.fetch_add(1, Relaxed).saturating_add(1)
    }

    /// One of them is over.
    pub fn leave(&self) {
        self.running.fetch_sub(1, Relaxed);
    }

    /// So many bytes passed.
    pub fn spend(&self, bytes: u64, times: Times) {
        let bytes = bytes.min(limits::QUOTA_BYTES_MAX);
        let [_, untold] = &self.untold;
        untold.fetch_add(bytes, Relaxed);
        let mut known = self.day_bytes.load(Relaxed);
        loop {
            // A clock that goes back a day makes no new one.
            let (day, before) = if times.day() > known >> BYTES_BITS {
                (times.day(), 0)
            } else {
                (known >> BYTES_BITS, known & limits::QUOTA_BYTES_MAX)
            };
            let next = day << BYTES_BITS | before.saturating_add(bytes).min(limits::QUOTA_BYTES_MAX);
            match self.day_bytes.compare_exchange_weak(known, next, Relaxed, Relaxed) {
                Ok(_) => return,
                Err(now) => known = now,
            }
        }
    }

    /// How many bytes passed today.
    #[must_use]
    pub fn spent(&self, times: Times) -> u64 {
        let known = self.day_bytes.load(Relaxed);
        if times.day() > known >> BYTES_BITS { 0 } else { known & limits::QUOTA_BYTES_MAX }
    }

    /// What came since this was last asked: requests, and bytes. It is for the others to know.
    #[must_use]
    pub fn untold(&self) -> [u64; 2] {
        self.untold.each_ref().map(|count| count.swap(0, Relaxed))
    }

    /// They could not be told of so much.
    pub fn still_untold(&self, counts: [u64; 2]) {
        for (count, more) in self.untold.iter().zip(counts) {
            count.fetch_add(more, Relaxed);
        }
    }

    /// All replicas together are so far ahead of a rate. What this one knows is never taken back.
    pub fn learn_requests(&self, ahead_ns: u64, now_ns: u64) {
        self.arrival_ns.fetch_max(now_ns.saturating_add(ahead_ns), Relaxed);
    }

    /// All replicas together have spent so many bytes of a day.
    pub fn learn_bytes(&self, day: u64, bytes: u64) {
        // The day stands above its bytes, so that a later one is more than any of an earlier one.
        self.day_bytes.fetch_max(day << BYTES_BITS | bytes.min(limits::QUOTA_BYTES_MAX), Relaxed);
    }

    /// How much of a limit is used, in percent; nothing where the quota has none.
    #[must_use]
    pub fn used_percent(&self, limit: Limit, quota: &Quota, times: Times) -> Option<u64> {
        let share = |used: u64, most: u64| used.saturating_mul(100) / most.max(1);
        match limit {
            Limit::Requests => {
                let arrival_ns = self.arrival_ns.load(Relaxed);
                quota.requests.map(|rate| gcra::used_percent(rate, arrival_ns, times.now_ns))
            }
            Limit::Concurrent => {
                let running = self.running.load(Relaxed);
                quota.concurrent.map(|most| share(running.into(), most.into()))
            }
            Limit::Bytes => quota.bytes.map(|most| share(self.spent(times), most)),
        }
    }

    /// Notes how much of a limit is used. Is that worth a warning now? It is when it comes near, once.
    pub fn comes_near(&self, limit: Limit, percent: u64, now_ns: u64) -> bool {
        let [requests, concurrent, bytes] = &self.near_since;
        let since = match limit {
            Limit::Requests => requests,
            Limit::Concurrent => concurrent,
            Limit::Bytes => bytes,
        };
        let known = since.load(Relaxed);
        if percent >= limits::QUOTA_WARN_PERCENT {
            return known == 0 && since.compare_exchange(0, now_ns.max(1), Relaxed, Relaxed).is_ok();
        }
        let is_calm = percent < limits::QUOTA_CALM_PERCENT;
        if known != 0 && is_calm && now_ns.saturating_sub(known) >= limits::QUOTA_WARN_NANOS {
            since.store(0, Relaxed);
        }
        false
    }

    /// How many requests run now.
    #[must_use]
    pub fn running(&self) -> u32 {
        self.running.load(Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY_MS: u64 = 86_400_000;

    fn meter() -> Meter {
        Meter::new(TenantPath::parse("acme").unwrap())
    }

    fn at(wall_ms: u64) -> Times {
        Times { now_ns: wall_ms * 1_000_000, wall_ms }
    }

    #[test]
    fn bytes_are_of_their_day_and_a_clock_that_goes_back_makes_no_new_one() {
        let meter = meter();
        let noon = 20_000 * DAY_MS + DAY_MS / 2;
        meter.spend(700, at(noon));
        meter.spend(300, at(noon + 1));
        assert_eq!(meter.spent(at(noon + 2)), 1_000);
        meter.spend(5, at(noon - DAY_MS));
        assert_eq!((meter.spent(at(noon - DAY_MS)), meter.spent(at(noon))), (1_005, 1_005));
        assert_eq!(meter.spent(at(noon + DAY_MS)), 0);
        meter.spend(1, at(noon + DAY_MS));
        assert_eq!(meter.spent(at(noon + DAY_MS)), 1);
        meter.spend(u64::MAX, at(noon + DAY_MS));
        meter.spend(u64::MAX, at(noon + DAY_MS));
        assert_eq!(meter.spent(at(noon + DAY_MS)), limits::QUOTA_BYTES_MAX);
        assert_eq!(at(noon).until_tomorrow_s(), 43_200);
        assert_eq!(at(20_000 * DAY_MS - 1).until_tomorrow_s(), 1);
    }

    #[test]
    fn what_others_are_told_is_what_came_and_what_they_say_is_never_less_than_what_is_known_here() {
        let (meter, rate) = (meter(), Rate::parse("10/s", None).unwrap());
        for _ in 0..3 {
            meter.take(rate, 1_000).unwrap();
        }
        meter.give_back(rate);
        meter.spend(700, at(20_000 * DAY_MS));
        assert_eq!((meter.untold(), meter.untold()), ([2, 700], [0, 0]));
        meter.still_untold([2, 700]);
        assert_eq!(meter.untold(), [2, 700]);
        // Told already, it cannot be taken back of what was told.
        meter.give_back(rate);
        assert_eq!(meter.untold(), [0, 0]);
        let left = |now_ns| meter.take(rate, now_ns).map(|room| room.remaining);
        meter.learn_requests(500_000_000, 1_000);
        assert_eq!(left(1_000), Ok(4));
        meter.learn_requests(100_000_000, 1_000);
        assert_eq!(left(1_000), Ok(3));
        for (day, bytes, known) in
            [(20_000, 900, 900), (20_000, 800, 900), (19_999, 5_000, 900), (20_001, 1, 1)]
        {
            meter.learn_bytes(day, bytes);
            assert_eq!(meter.spent(at(20_000 * DAY_MS)), known, "{day}");
        }
    }

    #[test]
    fn what_is_given_back_can_be_taken_again() {
        let (meter, rate) = (meter(), Rate::parse("2/s", None).unwrap());
        meter.take(rate, 10).unwrap();
        meter.take(rate, 10).unwrap();
        assert_eq!(meter.take(rate, 10), Err(Wait { wait_ns: 500_000_000 }));
        meter.give_back(rate);
        assert_eq!(meter.take(rate, 10).unwrap().remaining, 0);
    }

    #[test]
    fn a_crossing_is_warned_of_once_and_again_after_a_calm() {
        let meter = meter();
        let near = |percent, second: u64| meter.comes_near(Limit::Requests, percent, second * 1_000_000_000);
        assert!(!near(79, 1));
        assert!(near(80, 2) && !near(81, 3) && !near(100, 300));
        assert!(!near(60, 301) && !near(95, 302));
        assert!(!near(49, 303) && near(80, 304));
        // Up and down within a minute is one crossing.
        assert!(!near(0, 305) && !near(90, 306) && !near(0, 363) && !near(90, 363));
        assert!(!near(0, 364) && near(90, 365));
    }

    #[test]
    fn many_threads_never_take_more_than_the_rate_gives() {
        let (meter, rate) = (meter(), Rate::parse("1000/s", Some(100)).unwrap());
        let taken: usize = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..4)
                .map(|_| {
                    scope.spawn(|| (0..1_000).filter(|step| meter.take(rate, step * 100_000).is_ok()).count())
                })
                .collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        // A tenth of a second: a burst, and a tenth of the rate.
        assert!((199..=200).contains(&taken), "{taken}");
    }
}
