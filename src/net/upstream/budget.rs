//! How many requests may be sent again: a share of those that are sent at all, so that an app in trouble does not get more of it.
//!
//! Never: allows more at once than it has gathered, or gathers without end.

use std::cell::Cell;

use crate::limits;

/// What has been gathered, in hundredths of a request.
#[derive(Debug)]
pub(super) struct Budget(Cell<u32>);

/// As much as one request sent again takes.
const ONE: u32 = 100;

impl Default for Budget {
    fn default() -> Self {
        Self(Cell::new(limits::RETRIES_A_SECOND * ONE))
    }
}

impl Budget {
    fn add(&self, hundredths: u32) {
        self.0.set(self.0.get().saturating_add(hundredths).min(limits::RETRIES_KEPT_MAX * ONE));
    }

    /// A request is sent for the first time.
    pub(super) fn sent(&self) {
        self.add(limits::RETRIES_PERCENT);
    }

    /// A quarter of a second has passed: a few are allowed where there are hardly any requests.
    pub(super) fn tick(&self) {
        if self.0.get() < limits::RETRIES_A_SECOND * ONE {
            self.add(limits::RETRIES_A_SECOND * ONE / 4);
        }
    }

    /// May one be sent again?
    pub(super) fn take(&self) -> bool {
        let left = self.0.get().checked_sub(ONE);
        self.0.set(left.unwrap_or(self.0.get()));
        left.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(budget: &Budget) -> u32 {
        std::iter::repeat_with(|| budget.take()).take_while(|may| *may).map(|_| 1).sum()
    }

    #[test]
    fn one_in_five_may_be_sent_again_and_ten_a_second_anyway() {
        let budget = Budget::default();
        assert_eq!(all(&budget), 10);
        for _ in 0..100 {
            budget.sent();
        }
        assert_eq!(all(&budget), 20);
        for _ in 0..4 {
            budget.tick();
        }
        assert_eq!(all(&budget), 10);
    }

    #[test]
    fn what_is_gathered_has_an_end() {
        let budget = Budget::default();
        for _ in 0..1_000_000 {
            budget.sent();
            budget.tick();
        }
        assert_eq!(all(&budget), limits::RETRIES_KEPT_MAX);
    }
}
