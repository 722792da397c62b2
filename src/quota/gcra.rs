//! The generic cell rate algorithm (ITU-T I.371): one number tells how much of a rate is left.
//!
//! The number is the theoretical arrival time: when the last request that was let through would have come, had all come
//! evenly. A request may come before it by as much as a burst takes.
//! Never: keeps anything, or reads a clock. The time comes in, a verdict comes out.

use crate::model::Rate;

/// A request may come: what the number is from now on, and what is left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room {
    /// The new number.
    pub arrival_ns: u64,
    /// So many more may come at once.
    pub remaining: u64,
    /// In so many nanoseconds the whole burst is there again.
    pub full_ns: u64,
}

/// A request may not come yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wait {
    /// But in so many nanoseconds, if no other comes before.
    pub wait_ns: u64,
}

/// May one more come at `now_ns`, of which the number says `arrival_ns`?
///
/// # Errors
/// It may not.
pub fn take(rate: Rate, arrival_ns: u64, now_ns: u64) -> Result<Room, Wait> {
    let arrival_ns = arrival_ns.max(now_ns).saturating_add(rate.emission_ns());
    let ahead_ns = arrival_ns - now_ns;
    match rate.refill_ns().checked_sub(ahead_ns) {
        Some(left) => Ok(Room { arrival_ns, remaining: left / rate.emission_ns(), full_ns: ahead_ns }),
        None => Err(Wait { wait_ns: ahead_ns - rate.refill_ns() }),
    }
}

/// How much of a burst is used, in percent.
#[must_use]
pub(super) fn used_percent(rate: Rate, arrival_ns: u64, now_ns: u64) -> u64 {
    let ahead = u128::from(arrival_ns.saturating_sub(now_ns));
    let percent = ahead.saturating_mul(100) / u128::from(rate.refill_ns().max(1));
    u64::try_from(percent).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECOND: u64 = 1_000_000_000;

    fn rate() -> impl Strategy<Value = Rate> {
        (1_u64..2_000, prop::sample::select(vec![1_u64, 60, 3_600]), 1_u64..50)
            .prop_map(|(count, seconds, burst)| Rate::new(count, seconds * SECOND, burst).unwrap())
    }

    /// A bucket in units of a billionth of a nanosecond's worth, so that nothing is rounded: it fills evenly, holds a
    /// burst, and each request takes one emission out of it.
    struct Bucket {
        held: u128,
        at: u64,
    }

    impl Bucket {
        fn take(&mut self, rate: Rate, now: u64) -> bool {
            let most = u128::from(rate.refill_ns());
            self.held = most.min(self.held + u128::from(now - self.at));
            self.at = now;
            match self.held.checked_sub(u128::from(rate.emission_ns())) {
                Some(left) => {
                    self.held = left;
                    true
                }
                None => false,
            }
        }
    }

    proptest! {
        #[test]
        fn it_says_what_a_bucket_says(rate in rate(), pauses in prop::collection::vec(0_u64..3 * SECOND, 1..300)) {
            let (mut arrival, mut now) = (0, 5 * SECOND);
            let mut bucket = Bucket { held: u128::from(rate.refill_ns()), at: now };
            for pause in pauses {
                now += pause / (1 + pause % 1_000);
                match take(rate, arrival, now) {
                    Ok(room) => {
                        prop_assert!(bucket.take(rate, now));
                        prop_assert_eq!(u128::from(room.remaining), bucket.held / u128::from(rate.emission_ns()));
                        prop_assert_eq!(u128::from(room.full_ns), u128::from(rate.refill_ns()) - bucket.held);
                        arrival = room.arrival_ns;
                    }
                    Err(wait) => {
                        prop_assert!(!bucket.take(rate, now));
                        prop_assert!(take(rate, arrival, now + wait.wait_ns - 1).is_err());
                        prop_assert!(take(rate, arrival, now + wait.wait_ns).is_ok());
                    }
                }
            }
        }

        #[test]
        fn in_no_time_come_more_than_a_burst_and_what_the_rate_gives(
            rate in rate(), pauses in prop::collection::vec(0_u64..SECOND / 20, 1..400),
        ) {
            let (mut arrival, mut now, mut came) = (0, 0, Vec::new());
            for pause in pauses {
                now += pause;
                if let Ok(room) = take(rate, arrival, now) {
                    arrival = room.arrival_ns;
                    came.push(now);
                }
            }
            for (first, from) in came.iter().enumerate() {
                for (last, to) in came.iter().enumerate().skip(first) {
                    let most = rate.burst() + (to - from) / rate.emission_ns();
                    prop_assert!((last - first + 1) as u64 <= most);
                }
            }
        }
    }

    #[test]
    fn use_is_the_share_of_the_burst_that_is_gone() {
        let rate = Rate::parse("10/s", Some(20)).unwrap();
        let mut arrival = 0;
        for taken in 1..=20 {
            arrival = take(rate, arrival, SECOND).unwrap().arrival_ns;
            assert_eq!(used_percent(rate, arrival, SECOND), taken * 5);
        }
        assert!(take(rate, arrival, SECOND).is_err());
        assert_eq!(used_percent(rate, arrival, 2 * SECOND), 50);
        assert_eq!(used_percent(rate, arrival, 9 * SECOND), 0);
    }
}
