//! One client connection as hyper sees it: guarded bytes in, bytes out, and a clock that nobody can hold still.
//!
//! A head reaches the parser whole and sound, or not at all: in its place the parser is given a small sound request,
//! and [`Line::flaw`] tells the service that it stands for a refused one. So each refusal is a decision with a record
//! and an answer, like every other.
//! Never: changes a byte of a sound request, or holds more than one head.

use std::cell::Cell;
use std::cell::RefCell;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::Context;
use std::task::Poll;
use std::task::Waker;
use std::task::ready;

use tokio::io::AsyncRead;
use tokio::io::AsyncWrite;
use tokio::io::ReadBuf;

use crate::request::Flaw;
use crate::request::Guard;
use crate::request::GuardBounds;

/// What the parser gets in place of a refused head. It closes: nothing after a flaw has a meaning.
const STAND_IN: &[u8] = b"GET / HTTP/1.1\r\nhost: refused\r\nconnection: close\r\n\r\n";

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
    flaw: Cell<Option<(u64, Flaw)>>,
    /// Ticks, from the worker's clock.
    active: Cell<u32>,
    head_since: Cell<Option<u32>>,
    writing_since: Cell<Option<u32>>,
    reading_body: Cell<bool>,
    requests: Cell<u64>,
    in_flight: Cell<u32>,
    in_flight_since: Cell<u32>,
    expired: Cell<bool>,
    /// The request that asks for a WebSocket, until it is answered.
    asked: Cell<Option<u64>>,
    is_socket: Cell<bool>,
    waker: RefCell<Option<Waker>>,
    /// Of an answer that waits for the client.
    answer: RefCell<Option<Waker>>,
}

impl Line {
    /// The line of a connection that was accepted now.
    pub(super) fn new(now: u32) -> Self {
        let line = Self::default();
        line.active.set(now);
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

    fn wait(&self, cx: &Context<'_>) {
        let mut waker = self.waker.borrow_mut();
        if !waker.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
            *waker = Some(cx.waker().clone());
        }
    }

    fn check(&self) -> io::Result<()> {
        if self.expired.get() { Err(io::ErrorKind::TimedOut.into()) } else { Ok(()) }
    }
}

/// A stream with a guard in front of its reader.
#[derive(Debug)]
pub(super) struct Wire<S> {
    stream: S,
    /// `None` for HTTP/2, whose frames have their own guard in hyper.
    guard: Option<Guard>,
    /// The start of a head that has not arrived whole.
    held: Vec<u8>,
    /// Bytes that passed and did not fit yet.
    ready: Vec<u8>,
    ready_at: usize,
    closing: bool,
    line: Rc<Line>,
    tick: Rc<Cell<u32>>,
}

impl<S> Wire<S> {
    /// A wire over `stream`; `start` has been read from it already.
    pub(super) fn new(
        stream: S,
        bounds: Option<GuardBounds>,
        start: &[u8],
        line: Rc<Line>,
        tick: Rc<Cell<u32>>,
    ) -> Self {
        line.active.set(tick.get());
        let mut wire = Self {
            stream,
            guard: bounds.map(Guard::new),
            held: Vec::new(),
            ready: Vec::new(),
            ready_at: 0,
            closing: false,
            line,
            tick,
        };
        match &wire.guard {
            Some(_) if !start.is_empty() => {
                wire.held.extend_from_slice(start);
                wire.judge_held();
            }
            Some(_) | None => wire.ready.extend_from_slice(start),
        }
        wire
    }

    /// A WebSocket is open on it: what follows the head that asked for it are no requests. None of it has been read so far but
    /// what is held here.
    pub(super) fn open(mut self) -> Self {
        self.guard = None;
        (self.ready, self.ready_at) = (std::mem::take(&mut self.held), 0);
        self.line.head_since.set(None);
        self.line.reading_body.set(false);
        self
    }

    /// Goes on behind a head that asked for a WebSocket and opened none.
    fn goes_on(&mut self) -> bool {
        let Some(guard) = self.guard.as_mut().filter(|guard| guard.is_asked()) else { return false };
        if self.line.asked.get().is_some() {
            return false;
        }
        guard.go_on();
        self.judge_held();
        true
    }

    fn is_asked(&self) -> bool {
        self.guard.as_ref().is_some_and(Guard::is_asked)
    }

    fn deliver(&mut self, buf: &mut ReadBuf<'_>) -> bool {
        let waiting = self.ready.get(self.ready_at..).unwrap_or_default();
        if waiting.is_empty() {
            return false;
        }
        let (now, _) = waiting.split_at(waiting.len().min(buf.remaining()));
        buf.put_slice(now);
        self.ready_at += now.len();
        if self.ready_at == self.ready.len() {
            self.ready.clear();
            self.ready_at = 0;
        }
        true
    }

    /// Judges what has just been read into `buf` from `start` on, and leaves in it what passes.
    fn judge_read(&mut self, buf: &mut ReadBuf<'_>, start: usize) {
        let Some(guard) = &mut self.guard else { return };
        let read = buf.filled().get(start..).unwrap_or_default();
        if !self.held.is_empty() {
            self.held.extend_from_slice(read);
            buf.set_filled(start);
            self.judge_held();
            return;
        }
        let passed = guard.advance(read);
        if passed.bytes < read.len() && passed.flaw.is_none() {
            self.held.extend_from_slice(read.get(passed.bytes..).unwrap_or_default());
        }
        buf.set_filled(start + passed.bytes);
        self.after(passed.flaw);
    }

    fn judge_held(&mut self) {
        let Some(guard) = &mut self.guard else { return };
        let passed = guard.advance(&self.held);
        self.ready.extend(self.held.drain(..passed.bytes));
        self.after(passed.flaw);
    }

    fn after(&mut self, flaw: Option<Flaw>) {
        let Some(guard) = &self.guard else { return };
        if let Some(flaw) = flaw {
            // In the middle of a body there is no head to stand in for: the body breaks off.
            if guard.broken_in_head() {
                self.line.flaw.set(Some((guard.heads(), flaw)));
                self.ready.extend_from_slice(STAND_IN);
            }
            self.held = Vec::new();
            self.closing = true;
        }
        let line = &self.line;
        line.asked.set(guard.is_asked().then(|| guard.heads().saturating_sub(1)));
        match (self.held.is_empty(), line.head_since.get()) {
            (true, _) => line.head_since.set(None),
            (false, None) => line.head_since.set(Some(self.tick.get())),
            (false, Some(_)) => {}
        }
        line.reading_body.set(!guard.between_requests() && flaw.is_none());
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Wire<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let wire = &mut *self;
        wire.line.check()?;
        loop {
            if wire.deliver(buf) {
                return Poll::Ready(Ok(()));
            }
            if wire.goes_on() {
                continue;
            }
            if wire.is_asked() {
                wire.line.wait(cx);
                return Poll::Pending;
            }
            if wire.closing {
                let broken = wire.line.flaw.get().is_none();
                return Poll::Ready(if broken { Err(io::ErrorKind::InvalidData.into()) } else { Ok(()) });
            }
            let start = buf.filled().len();
            match Pin::new(&mut wire.stream).poll_read(cx, buf) {
                Poll::Pending => {
                    wire.line.wait(cx);
                    return Poll::Pending;
                }
                Poll::Ready(result) => result?,
            }
            if buf.filled().len() == start {
                return Poll::Ready(Ok(()));
            }
            wire.line.active.set(wire.tick.get());
            wire.judge_read(buf, start);
            if buf.filled().len() > start {
                return Poll::Ready(Ok(()));
            }
        }
    }
}

impl<S: AsyncWrite + Unpin> Wire<S> {
    fn written(&self, cx: &Context<'_>, result: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        let line = &self.line;
        if result.is_pending() {
            if line.writing_since.get().is_none() {
                line.writing_since.set(Some(self.tick.get()));
            }
            line.wait(cx);
            return Poll::Pending;
        }
        let written = ready!(result)?;
        line.active.set(self.tick.get());
        if line.writing_since.take().is_some()
            && let Some(answer) = line.answer.take()
        {
            answer.wake();
        }
        Poll::Ready(Ok(written))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Wire<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.line.check()?;
        let result = Pin::new(&mut self.stream).poll_write(cx, buf);
        self.written(cx, result)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.line.check()?;
        let result = Pin::new(&mut self.stream).poll_write_vectored(cx, bufs);
        self.written(cx, result)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // hyper flushes whenever it looks at the connection, so that an end is seen while nothing is read or written.
        self.line.check()?;
        self.line.wait(cx);
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests;
