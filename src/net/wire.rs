//! One client connection as hyper sees it: guarded bytes in, bytes out, and a clock that nobody can hold still.
//!
//! A head reaches the parser whole and sound, or not at all: in its place the parser is given a small sound request,
//! and [`Line::flaw`] tells the service that it stands for a refused one. So each refusal is a decision with a record
//! and an answer, like every other.
//! Never: changes a byte of a sound request, or holds more than one head.

use std::cell::Cell;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::Context;
use std::task::Poll;
use std::task::ready;

use tokio::io::AsyncRead;
use tokio::io::AsyncWrite;
use tokio::io::ReadBuf;

use crate::net::line::Line;
use crate::request::Flaw;
use crate::request::Guard;
use crate::request::GuardBounds;

/// What the parser gets in place of a refused head. It closes: nothing after a flaw has a meaning.
const STAND_IN: &[u8] = b"GET / HTTP/1.1\r\nhost: refused\r\nconnection: close\r\n\r\n";

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
    /// Bytes that were written have not left: TLS keeps what the socket does not take.
    unsent: bool,
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
            unsent: false,
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

    /// What came before the first request was not what it has to be: one request stands for that, and is refused.
    pub(super) fn refuse(&mut self, flaw: Flaw) {
        self.line.flaw.set(Some((0, flaw)));
        self.ready = STAND_IN.to_vec();
        self.closing = true;
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
    /// What is on its way to a client counts as written only when it has left: else one that reads nothing would have no bound.
    fn flushing(&mut self, is_pending: bool) {
        self.unsent = is_pending;
        let line = &self.line;
        match (is_pending, line.writing_since.get()) {
            (true, None) => line.writing_since.set(Some(self.tick.get())),
            (true, Some(_)) => {}
            (false, _) => line.sent(),
        }
    }

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
        line.sent();
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
        let wire = &mut *self;
        let flushed = Pin::new(&mut wire.stream).poll_flush(cx);
        if flushed.is_pending() || wire.unsent {
            wire.flushing(flushed.is_pending());
        }
        flushed
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let wire = &mut *self;
        let shut = Pin::new(&mut wire.stream).poll_shutdown(cx);
        if shut.is_pending() {
            // TLS has a last word, and nobody may be waited for without a bound to hear it.
            wire.line.check()?;
            wire.line.wait(cx);
            wire.flushing(true);
        }
        shut
    }
}

#[cfg(test)]
mod tests;
