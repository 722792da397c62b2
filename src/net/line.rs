//! What the service, the sweeper and the wire of one connection share: in which phase it is, since when, and who waits.
//!
//! Never: touches the connection's bytes.

use std::cell::Cell;
use std::cell::RefCell;
use std::io;
use std::task::Context;
use std::task::Waker;

use crate::request::Flaw;

/// How long a connection may stay in each of its phases, in ticks.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    /// From the first byte of a head to its last.
    pub(super) head: u32,
    /// Between requests.
    pub(super) keep_alive: u32,
    /// Without a byte of a body, either way.
    pub(super) body_idle: u32,
    /// For one request, from its head to the last byte of its answer. 0: no bound.
    pub(super) total: u32,
}

/// What the service, the sweeper and the wire of one connection share.
#[derive(Debug, Default)]
pub(super) struct Line {
    pub(super) flaw: Cell<Option<(u64, Flaw)>>,
    /// Ticks, from the worker's clock.
    pub(super) active: Cell<u32>,
    pub(super) head_since: Cell<Option<u32>>,
    pub(super) writing_since: Cell<Option<u32>>,
    pub(super) reading_body: Cell<bool>,
    pub(super) requests: Cell<u64>,
    pub(super) in_flight: Cell<u32>,
    pub(super) in_flight_since: Cell<u32>,
    pub(super) expired: Cell<bool>,
    /// From this tick on it takes no new request.
    pub(super) leaves: Cell<u32>,
    /// The request that asks for a WebSocket, until it is answered.
    pub(super) asked: Cell<Option<u64>>,
    pub(super) is_socket: Cell<bool>,
    pub(super) waker: RefCell<Option<Waker>>,
    /// Of an answer that waits for the client.
    pub(super) answer: RefCell<Option<Waker>>,
}

impl Line {
    /// The line of a connection that was accepted now.
    pub(super) fn new(now: u32) -> Self {
        let line = Self::default();
        line.active.set(now);
        line.leaves.set(u32::MAX);
        line
    }

    /// Counts a request in; gives the flaw that it stands for, if it does.
    pub(super) fn enter(&self, now: u32) -> Option<Flaw> {
        let number = self.requests.replace(self.requests.get() + 1);
        if self.in_flight.replace(self.in_flight.get() + 1) == 0 {
            self.in_flight_since.set(now);
        }
        self.flaw.get().filter(|(at, _)| *at == number).map(|(_, flaw)| flaw)
    }

    /// Counts a request out.
    pub(super) fn leave(&self, now: u32) {
        self.in_flight.set(self.in_flight.get().saturating_sub(1));
        self.in_flight_since.set(now);
        self.active.set(now);
    }

    /// The request that was counted in last has an answer, which opens a WebSocket.
    pub(super) fn opens(&self) {
        self.is_socket.set(true);
    }

    /// The request that was counted in last has an answer, which opens no WebSocket: if it asked for one, what follows it
    /// are requests.
    pub(super) fn opens_nothing(&self) {
        if self.asked.get().is_some_and(|asked| asked + 1 == self.requests.get()) {
            self.asked.set(None);
        }
    }

    /// Has this connection outstayed its phase? Ends it if so, and says which phase it was.
    pub(super) fn expire(&self, now: u32, patience: &Patience) -> Option<&'static str> {
        let over = |since: u32, limit: u32| now.saturating_sub(since) > limit;
        let phase = match (self.head_since.get(), self.in_flight.get()) {
            // A head that waits behind an answer is not slow: it is read on once that has been sent.
            (Some(since), 0) if over(since.max(self.in_flight_since.get()), patience.head) => "head",
            (None, 0) if over(self.active.get(), patience.keep_alive) => "keep_alive",
            // A second for the answer that said so to be read; HTTP/2 has been told before.
            (None, 0) if self.is_old(now) && over(self.active.get().max(self.leaves.get()), 4) => "age",
            (_, 1..)
                if patience.total > 0
                    && !self.is_socket.get()
                    && over(self.in_flight_since.get(), patience.total) =>
            {
                "total"
            }
            _ if self.writing_since.get().is_some_and(|since| over(since, patience.body_idle)) => "write",
            (_, 1..) if self.reading_body.get() && over(self.active.get(), patience.body_idle) => "body",
            _ => return None,
        };
        self.expired.set(true);
        if let Some(waker) = self.waker.borrow_mut().take() {
            waker.wake();
        }
        Some(phase)
    }

    /// Is it older than a connection of its kind may get?
    pub(super) fn is_old(&self, now: u32) -> bool {
        now >= self.leaves.get()
    }

    /// It may be used until then.
    pub(super) fn leaves_at(&self, tick: u32) {
        self.leaves.set(tick);
    }

    /// Has it brought a request yet?
    pub(super) fn has_asked(&self) -> bool {
        self.requests.get() > 0
    }

    /// Has the connection looked at, although nothing arrives on it.
    pub(super) fn nudge(&self) {
        if let Some(waker) = &*self.waker.borrow() {
            waker.wake_by_ref();
        }
    }

    /// Has the client taken all that was written so far? If not, `cx` is woken once it has taken something. Only the answer that
    /// is being sent may ask.
    pub(super) fn takes(&self, cx: &Context<'_>) -> bool {
        let takes = self.writing_since.get().is_none();
        if !takes {
            *self.answer.borrow_mut() = Some(cx.waker().clone());
        }
        takes
    }

    /// The client has taken what was written.
    pub(super) fn sent(&self) {
        if self.writing_since.take().is_some()
            && let Some(answer) = self.answer.take()
        {
            answer.wake();
        }
    }

    pub(super) fn wait(&self, cx: &Context<'_>) {
        let mut waker = self.waker.borrow_mut();
        if !waker.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
            *waker = Some(cx.waker().clone());
        }
    }

    pub(super) fn check(&self) -> io::Result<()> {
        if self.expired.get() { Err(io::ErrorKind::TimedOut.into()) } else { Ok(()) }
    }
}
