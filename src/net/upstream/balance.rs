//! Which of several endpoints a request goes to: of two that are drawn, the one with less to do.
//!
//! Never: leaves a request without an endpoint because all of them fail; then they are all that there is.

/// What is known of one endpoint.
#[derive(Debug, Clone, Copy)]
pub(super) struct Look {
    /// Is it in use, as far as anybody knows?
    pub(super) is_up: bool,
    /// Requests of this worker that it has to answer.
    pub(super) busy: usize,
}

/// Chooses one of `count` endpoints. Where fewer than `panic_percent` of them are up, all are taken for up: then it is more likely that what
/// is known is wrong than that the rest could do the work.
pub(super) fn choose(count: usize, random: u64, panic_percent: u32, look: impl Fn(usize) -> Look) -> usize {
    if count < 2 {
        return 0;
    }
    let (one, other) = two(count, random);
    let (first, second) = (look(one), look(other));
    if first.is_up && second.is_up {
        return if second.busy < first.busy { other } else { one };
    }
    let up = (0..count).filter(|at| look(*at).is_up);
    let ups = up.clone().count();
    let share = u64::try_from(ups.saturating_mul(100)).unwrap_or(u64::MAX);
    let least = u64::try_from(count).unwrap_or(u64::MAX).saturating_mul(u64::from(panic_percent));
    if ups == 0 || share < least {
        return if second.busy < first.busy { other } else { one };
    }
    let (one, other) = two(ups, random);
    let nth = |at: usize| up.clone().nth(at).unwrap_or(0);
    let (one, other) = (nth(one), nth(other));
    if look(other).busy < look(one).busy { other } else { one }
}

/// Two numbers below `count`, which are two where there are two.
fn two(count: usize, random: u64) -> (usize, usize) {
    let (high, low) = (random >> 32, random & u64::from(u32::MAX));
    let below = |n: u64, bound: usize| {
        let bound = u64::try_from(bound.max(1)).unwrap_or(u64::MAX);
        usize::try_from(n % bound).unwrap_or(0)
    };
    let one = below(low, count);
    let step = below(high, count.saturating_sub(1)).saturating_add(1);
    (one, one.saturating_add(step) % count.max(1))
}

/// The next number that looks drawn at random (xorshift); `seed` is not zero.
pub(super) const fn drawn(seed: u64) -> u64 {
    let mut next = seed;
    next ^= next << 13;
    next ^= next >> 7;
    next ^= next << 17;
    next
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn who_is_chosen_is_up_unless_too_few_are(
            ups in proptest::collection::vec(any::<bool>(), 1..40), random: u64, percent in 0_u32..=100
        ) {
            let at = choose(ups.len(), random, percent, |at| Look { is_up: ups[at], busy: at });
            prop_assert!(at < ups.len());
            let up = ups.iter().filter(|up| **up).count();
            let panics = up == 0 || up * 100 < ups.len() * usize::try_from(percent).unwrap();
            prop_assert!(ups.len() == 1 || panics || ups[at], "{at}");
        }
    }

    /// Requests that never end, spread over endpoints of which these are up.
    fn spread(ups: &[bool], requests: usize) -> Vec<usize> {
        let (mut busy, mut random) = (vec![0; ups.len()], 7);
        for _ in 0..requests {
            random = drawn(random);
            let at = choose(ups.len(), random, 50, |at| Look { is_up: ups[at], busy: busy[at] });
            busy[at] += 1;
        }
        busy
    }

    #[test]
    fn requests_are_spread_evenly_over_what_is_up() {
        let busy = spread(&[true; 5], 1_000);
        assert!(busy.iter().all(|busy| (195..=205).contains(busy)), "{busy:?}");
        let busy = spread(&[true, false, true, true, true], 1_000);
        assert_eq!(busy[1], 0);
        assert!(busy.iter().enumerate().all(|(at, busy)| at == 1 || (235..=265).contains(busy)), "{busy:?}");
    }

    #[test]
    fn where_most_are_down_all_are_used() {
        let busy = spread(&[false, false, true], 999);
        assert!(busy.iter().all(|busy| (323..=343).contains(busy)), "{busy:?}");
    }

    #[test]
    fn of_two_the_one_with_less_to_do_is_chosen() {
        for random in [1, 2, 0x1_0000_0000, u64::MAX] {
            let busy = [3, 2];
            assert_eq!(choose(2, random, 50, |at| Look { is_up: true, busy: busy[at] }), 1);
        }
    }
}
