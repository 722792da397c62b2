//! Whether one endpoint of the app does what it is there for, as all workers saw it.
//!
//! Never: takes a lock while all is well: that is one look at a number that nobody writes.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicU8;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// When an endpoint that fails is left alone.
#[derive(Debug, Clone, Copy)]
pub struct Eject {
    /// After so many failures in a row; zero: never.
    pub failures: u32,
    /// For so long the first time.
    pub base: Duration,
    /// At most for so long.
    pub most: Duration,
}

/// What requests to one endpoint came to.
#[derive(Debug, Default)]
pub(super) struct Health {
    /// In a row, until now.
    failures: AtomicU32,
    state: AtomicU8,
    /// It said itself that it is not well, or nothing.
    is_down: AtomicBool,
    /// How often it was asked: with a good answer, and without.
    asked: [AtomicU64; 2],
    ejections: AtomicU64,
    since: Mutex<Since>,
}

#[derive(Debug, Default)]
struct Since {
    /// How often in a row it was left alone, and failed again at once.
    times: u32,
    /// Until then, in milliseconds.
    until: u64,
}

/// In use.
const UP: u8 = 0;
/// Left alone.
const ALONE: u8 = 1;
/// Its time is over: one request may try it.
const DUE: u8 = 2;
/// One request tries it.
const TRIED: u8 = 3;

impl Health {
    fn state(&self) -> u8 {
        self.state.load(Ordering::Relaxed)
    }

    fn moves(&self, from: u8, to: u8) -> bool {
        self.state.compare_exchange(from, to, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }

    /// Is it in use?
    pub(super) fn is_up(&self) -> bool {
        self.state() == UP && !self.is_down()
    }

    /// Did it say, when it was asked, that it is not well, or nothing?
    pub(super) fn is_down(&self) -> bool {
        self.is_down.load(Ordering::Relaxed)
    }

    /// It was asked whether it is well.
    pub(super) fn asked(&self, is_well: bool) {
        let [well, unwell] = &self.asked;
        if is_well { well } else { unwell }.fetch_add(1, Ordering::Relaxed);
    }

    /// How often it was asked: with a good answer, and without.
    pub(super) fn answers(&self) -> [u64; 2] {
        self.asked.each_ref().map(|count| count.load(Ordering::Relaxed))
    }

    /// By what it said, it is to be used or not.
    pub(super) fn found(&self, is_down: bool) {
        self.is_down.store(is_down, Ordering::Relaxed);
    }

    /// May one request try whether it answers again?
    pub(super) fn is_due(&self) -> bool {
        self.state() == DUE
    }

    /// Lets the first who asks try it; whoever it is tells how that ended, or that it did not.
    pub(super) fn tries(&self) -> bool {
        self.is_due() && self.moves(DUE, TRIED)
    }

    /// Who was to try it has left without knowing.
    pub(super) fn untried(&self) {
        self.moves(TRIED, DUE);
    }

    /// How often it was left alone.
    pub(super) fn ejections(&self) -> u64 {
        self.ejections.load(Ordering::Relaxed)
    }

    /// It answered, whatever it said.
    pub(super) fn answered(&self) {
        if self.failures.load(Ordering::Relaxed) == 0 {
            return;
        }
        let mut since = self.since.lock().unwrap_or_else(PoisonError::into_inner);
        // While it is left alone, an answer to what it was asked before says nothing of now.
        if self.state() != ALONE {
            self.failures.store(0, Ordering::Relaxed);
            self.state.store(UP, Ordering::Relaxed);
            since.times = 0;
        }
    }

    /// It did not answer, or nothing that is one. Says whether it is to be left alone because of that.
    pub(super) fn failed(&self, eject: &Eject, now_ms: u64) -> bool {
        let mut since = self.since.lock().unwrap_or_else(PoisonError::into_inner);
        let failures = self.failures.load(Ordering::Relaxed).saturating_add(1);
        self.failures.store(failures, Ordering::Relaxed);
        if eject.failures == 0 || failures < eject.failures || self.state() == ALONE {
            return false;
        }
        let base = u64::try_from(eject.base.as_millis()).unwrap_or(u64::MAX);
        let most = u64::try_from(eject.most.as_millis()).unwrap_or(u64::MAX);
        let time = base.saturating_mul(1_u64.checked_shl(since.times).unwrap_or(u64::MAX)).min(most);
        *since = Since { times: since.times.saturating_add(1), until: now_ms.saturating_add(time) };
        self.state.store(ALONE, Ordering::Relaxed);
        self.ejections.fetch_add(1, Ordering::Relaxed);
        true
    }

    /// Lets one request try it once its time is over. If that fails too it is left alone for longer; an answer makes all good.
    pub(super) fn tick(&self, now_ms: u64) {
        if self.state() == ALONE {
            let since = self.since.lock().unwrap_or_else(PoisonError::into_inner);
            if now_ms >= since.until {
                self.moves(ALONE, DUE);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EJECT: Eject =
        Eject { failures: 3, base: Duration::from_millis(100), most: Duration::from_millis(350) };

    fn fails(health: &Health, times: u32, now_ms: u64) {
        for _ in 0..times {
            health.failed(&EJECT, now_ms);
        }
    }

    #[test]
    fn failures_in_a_row_eject_and_others_do_not() {
        let health = Health::default();
        for _ in 0..10 {
            fails(&health, 2, 0);
            assert!(health.is_up());
            health.answered();
        }
        fails(&health, 3, 0);
        assert!(!health.is_up() && health.ejections() == 1);
    }

    #[test]
    fn it_is_left_alone_for_longer_each_time_until_it_answers() {
        let (health, mut now) = (Health::default(), 0);
        fails(&health, 3, now);
        for time in [100, 200, 350, 350] {
            health.tick(now + time - 1);
            assert!(!health.tries(), "{time}");
            now += time;
            health.tick(now);
            assert!(!health.is_up() && health.tries(), "{time}");
            fails(&health, 1, now);
            assert!(!health.is_up() && !health.is_due(), "one failure is enough after {time}");
        }
        health.tick(now + 350);
        assert!(health.tries());
        health.answered();
        fails(&health, 2, now);
        assert!(health.is_up(), "it is new again");
        fails(&health, 1, now);
        health.tick(now + 100);
        assert!(health.is_due(), "and its time begins small");
    }

    #[test]
    fn one_request_tries_it_and_another_one_where_that_leaves() {
        let health = Health::default();
        fails(&health, 3, 0);
        health.tick(100);
        assert!(health.tries() && !health.tries() && !health.tries());
        health.untried();
        assert!(health.tries() && !health.tries());
        health.answered();
        health.untried();
        assert!(health.is_up() && !health.tries());
    }

    #[test]
    fn an_answer_from_before_does_not_end_its_time() {
        let health = Health::default();
        fails(&health, 3, 0);
        health.answered();
        health.tick(99);
        assert!(!health.is_up() && !health.is_due());
    }

    #[test]
    fn where_that_is_off_nothing_is_ejected() {
        let (health, eject) = (Health::default(), Eject { failures: 0, ..EJECT });
        for _ in 0..100 {
            assert!(!health.failed(&eject, 0));
        }
    }
}
