//! Waits that are looked over a few times a second, instead of a timer of the runtime for each.
//!
//! A timer costs a request more than its record does, and nobody needs to know to the millisecond that an app has been
//! silent for half a minute. A wait ends late by at most one tick, never early.
//! Never: ends a wait in which something moved.

use std::cell::Cell;
use std::cell::RefCell;
use std::rc::Rc;
use std::task::Context;
use std::task::Waker;
use std::time::Duration;

use crate::net::TICK;

/// All waits of one worker towards the app.
#[derive(Debug, Default)]
pub(super) struct Vigils {
    now: Cell<u32>,
    kept: RefCell<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    places: Vec<Option<Wait>>,
    free: Vec<usize>,
}

#[derive(Debug)]
struct Wait {
    waker: Waker,
    /// The tick after which it is over.
    until: u32,
}

/// How many ticks are surely as long as this.
pub(super) fn ticks(time: Duration) -> u32 {
    u32::try_from(time.as_millis().div_ceil(TICK.as_millis())).unwrap_or(u32::MAX)
}

impl Vigils {
    /// The tick that it is.
    pub(super) fn now(&self) -> u32 {
        self.now.get()
    }

    /// A tick has passed: wakes those whose time is over.
    pub(super) fn tick(&self) {
        let now = self.now.get().saturating_add(1);
        self.now.set(now);
        let kept = self.kept.borrow();
        // Once: who is woken sees that its time is over whenever it looks.
        for wait in kept.places.iter().flatten().filter(|wait| now == wait.until.saturating_add(1)) {
            wait.waker.wake_by_ref();
        }
    }
}

/// One wait that comes and goes: for the head of an answer, for the next piece of its body.
#[derive(Debug)]
pub(super) struct Vigil {
    all: Rc<Vigils>,
    place: Option<usize>,
    patience: u32,
}

impl Vigil {
    /// A wait that is over when nothing has moved for this long.
    pub(super) fn new(all: &Rc<Vigils>, patience: Duration) -> Self {
        Self { all: Rc::clone(all), place: None, patience: ticks(patience) }
    }

    /// There is nothing yet. Begins to wait or goes on; says whether it has waited too long.
    pub(super) fn waits(&mut self, cx: &Context<'_>) -> bool {
        let mut kept = self.all.kept.borrow_mut();
        let kept = &mut *kept;
        if let Some(wait) = self.place.and_then(|at| kept.places.get_mut(at)?.as_mut()) {
            if !wait.waker.will_wake(cx.waker()) {
                wait.waker.clone_from(cx.waker());
            }
            return self.all.now() > wait.until;
        }
        let until = self.all.now().saturating_add(self.patience);
        let wait = Some(Wait { waker: cx.waker().clone(), until });
        let at = kept.free.pop().unwrap_or(kept.places.len());
        match kept.places.get_mut(at) {
            Some(place) => *place = wait,
            None => kept.places.push(wait),
        }
        self.place = Some(at);
        false
    }

    /// Its time runs from now on, and not from when somebody first waits.
    pub(super) fn begins(&mut self) {
        self.waits(&Context::from_waker(Waker::noop()));
    }

    /// Something moved: the next wait begins anew.
    pub(super) fn moved(&mut self) {
        let Some(at) = self.place.take() else { return };
        let mut kept = self.all.kept.borrow_mut();
        if let Some(place) = kept.places.get_mut(at) {
            *place = None;
            kept.free.push(at);
        }
    }
}

impl Drop for Vigil {
    fn drop(&mut self) {
        self.moved();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::AtomicUsize;
    use std::sync::atomic::Ordering;
    use std::task::Wake;

    use super::*;

    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn a_wait_is_over_after_its_time_and_not_before() {
        let (all, count) = (Rc::new(Vigils::default()), Arc::new(Count::default()));
        let waker = Waker::from(Arc::clone(&count));
        let cx = Context::from_waker(&waker);
        let mut vigil = Vigil::new(&all, TICK * 3);
        for _ in 0..=3 {
            assert!(!vigil.waits(&cx));
            all.tick();
        }
        assert_eq!(count.0.load(Ordering::Relaxed), 1, "whoever waits is woken");
        assert!(vigil.waits(&cx));
    }

    #[test]
    fn what_moves_waits_anew() {
        let all = Rc::new(Vigils::default());
        let cx = Context::from_waker(Waker::noop());
        let mut vigil = Vigil::new(&all, TICK);
        for _ in 0..10 {
            assert!(!vigil.waits(&cx));
            all.tick();
            vigil.moved();
        }
    }

    #[test]
    fn places_are_used_again() {
        let all = Rc::new(Vigils::default());
        let cx = Context::from_waker(Waker::noop());
        for _ in 0..100 {
            let (mut one, mut two) = (Vigil::new(&all, TICK), Vigil::new(&all, TICK));
            assert!(!one.waits(&cx) && !two.waits(&cx));
        }
        assert_eq!(all.kept.borrow().places.len(), 2);
    }
}
