//! An open WebSocket on its sockets: bytes of one side go through its [`Tunnel`], and what may leave goes to the other.
//!
//! A side is read only when all that was read of it before has left: nothing queues. Whoever sweeps the worker says when
//! it has to end, for nothing may move on it for long.
//! Never: writes a byte that the tunnel did not hand out, or waits without a bound for either side to hang up.

use std::cell::Cell;
use std::cell::RefCell;
use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::rc::Rc;
use std::task::Context;
use std::task::Poll;
use std::task::Waker;
use std::task::ready;
use std::time::Duration;

use bytes::Buf;
use bytes::Bytes;
use tokio::io::AsyncRead;
use tokio::io::AsyncWrite;
use tokio::io::ReadBuf;

use crate::limits;
use crate::net::Station;
use crate::net::connection::Visit;
use crate::net::stream::Stream;
use crate::net::upstream::Socket;
use crate::net::vigil::ticks;
use crate::net::wire::Wire;
use crate::redact::Redacted;
use crate::request::Flow;
use crate::request::Over;
use crate::request::Tunnel;

/// A WebSocket that is open towards the app, until the client has been told so.
pub(super) struct Opened {
    pub(super) tunnel: Box<Tunnel>,
    pub(super) socket: Socket,
    pub(super) visit: Visit,
}

/// What is looked at in every WebSocket a few times a second.
#[derive(Debug, Clone, Copy)]
pub(super) struct Now {
    pub(super) tick: u32,
    /// Milliseconds since 1970.
    pub(super) wall_ms: u64,
    pub(super) generation: u64,
    pub(super) draining: bool,
    /// Ticks without a byte, and in all.
    pub(super) idle: u32,
    pub(super) total: u32,
}

/// What the sweeper and one WebSocket share.
#[derive(Debug)]
pub(super) struct Watched {
    opened: u32,
    /// The tick in which something moved last.
    moved: Cell<u32>,
    generation: Cell<u64>,
    /// Milliseconds since 1970.
    expires_ms: Cell<u64>,
    /// The tick from which on nobody is waited for any more.
    given_up: Cell<Option<u32>>,
    due: Cell<Option<Over>>,
    waker: RefCell<Option<Waker>>,
}

impl Watched {
    /// Says that it has to end, or to look whether it may go on, where that is so: the latter to so many as there is room for.
    pub(super) fn look(&self, now: &Now, again: &mut usize) {
        let since = |tick: u32| now.tick.saturating_sub(tick);
        let due = match self.given_up.get() {
            Some(tick) => (now.tick >= tick).then_some(Over::Closed),
            None if now.draining => Some(Over::Stopped),
            None if now.wall_ms >= self.expires_ms.get() => Some(Over::Expired),
            None if since(self.opened) > now.total => Some(Over::Outlived),
            None if since(self.moved.get()) > now.idle => Some(Over::Idle),
            None if now.generation != self.generation.get() && *again > 0 => {
                *again -= 1;
                Some(Over::Reloaded)
            }
            None => None,
        };
        if due.is_some() {
            self.due.set(due);
            if let Some(waker) = &*self.waker.borrow() {
                waker.wake_by_ref();
            }
        }
    }

    fn wait(&self, cx: &Context<'_>) {
        let mut waker = self.waker.borrow_mut();
        if !waker.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
            *waker = Some(cx.waker().clone());
        }
    }
}

/// What is on its way to one side.
#[derive(Default)]
struct Lane {
    out: Option<Redacted>,
    /// A close frame of our own, behind all else.
    last: Option<Redacted>,
    is_flushed: bool,
    is_shut: bool,
    /// The other side of this socket has hung up, or it is broken.
    is_gone: bool,
}

impl Lane {
    /// Writes all that there is.
    fn poll_sent<W: AsyncWrite + Unpin>(&mut self, to: &mut W, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        for waiting in [&mut self.out, &mut self.last] {
            while let Some(bytes) = waiting.as_mut().filter(|bytes| !bytes.is_empty()) {
                let written = ready!(Pin::new(&mut *to).poll_write(cx, bytes.chunk()))?;
                if written == 0 {
                    return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
                }
                bytes.advance(written);
                self.is_flushed = false;
            }
            *waiting = None;
        }
        if !self.is_flushed {
            ready!(Pin::new(to).poll_flush(cx))?;
            self.is_flushed = true;
        }
        Poll::Ready(Ok(()))
    }

    /// Writes what there is, hangs up, and waits until the other side has too: bytes that nobody read would reset the
    /// connection, and take away what was said last.
    fn poll_parted<S: AsyncRead + AsyncWrite + Unpin>(
        &mut self,
        socket: &mut S,
        cx: &mut Context<'_>,
    ) -> Poll<()> {
        if !self.is_shut && !self.is_gone {
            match ready!(self.poll_sent(socket, cx)).and(match Pin::new(&mut *socket).poll_shutdown(cx) {
                Poll::Ready(shut) => shut,
                Poll::Pending => return Poll::Pending,
            }) {
                Ok(()) => self.is_shut = true,
                Err(_) => self.is_gone = true,
            }
        }
        while !self.is_gone {
            let read = ready!(poll_read(socket, cx));
            self.is_gone = read.is_none();
        }
        Poll::Ready(())
    }
}

/// The next bytes; nothing at the end, or where the connection broke.
fn poll_read<R: AsyncRead + Unpin>(from: &mut R, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
    let mut space = [MaybeUninit::<u8>::uninit(); limits::WEBSOCKET_READ_BYTES];
    let mut buf = ReadBuf::uninit(&mut space);
    match ready!(Pin::new(from).poll_read(cx, &mut buf)) {
        Ok(()) if !buf.filled().is_empty() => Poll::Ready(Some(Bytes::copy_from_slice(buf.filled()))),
        Ok(()) | Err(_) => Poll::Ready(None),
    }
}

/// How often one WebSocket may go on before others have their turn.
const ROUNDS: usize = 16;

/// One open WebSocket.
struct Pump {
    station: Rc<Station>,
    watched: Rc<Watched>,
    tunnel: Box<Tunnel>,
    client: Wire<Stream>,
    app: Socket,
    to_client: Lane,
    to_app: Lane,
    is_over: bool,
    /// The request that it is: its connection is not idle.
    _visit: Visit,
}

/// Carries messages both ways until it is over, and hangs up.
pub(super) async fn run(opened: Opened, client: Wire<Stream>, station: Rc<Station>) {
    let Opened { tunnel, socket, visit } = opened;
    let now = station.tick.get();
    let watched = Rc::new(Watched {
        opened: now,
        moved: Cell::new(now),
        generation: Cell::new(tunnel.generation()),
        expires_ms: Cell::new(tunnel.expires_ms()),
        given_up: Cell::new(None),
        due: Cell::new(None),
        waker: RefCell::default(),
    });
    station.tunnels.borrow_mut().push(Rc::downgrade(&watched));
    let mut pump = Pump {
        station,
        watched,
        tunnel,
        client,
        app: socket,
        to_client: Lane::default(),
        to_app: Lane::default(),
        is_over: false,
        _visit: visit,
    };
    std::future::poll_fn(|cx| pump.poll(cx)).await;
}

impl Pump {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.watched.wait(cx);
        match self.watched.due.take() {
            Some(_) if self.is_over => return Poll::Ready(()),
            Some(over) => self.is_due(over),
            None => {}
        }
        for _ in 0..ROUNDS {
            if self.is_over {
                let (client, app) = (
                    self.to_client.poll_parted(&mut self.client, cx),
                    self.to_app.poll_parted(&mut self.app, cx),
                );
                return if client.is_ready() && app.is_ready() { Poll::Ready(()) } else { Poll::Pending };
            }
            let moved = [self.read_client(cx), self.read_app(cx)].contains(&true);
            if self.is_over {
                continue;
            }
            if !moved {
                return Poll::Pending;
            }
            self.watched.moved.set(self.station.tick.get());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// The sweeper says that it is time.
    fn is_due(&mut self, over: Over) {
        if over == Over::Reloaded && self.tunnel.goes_on(&self.station.worker) {
            self.watched.generation.set(self.tunnel.generation());
            self.watched.expires_ms.set(self.tunnel.expires_ms());
            return;
        }
        self.end(over);
    }

    fn end(&mut self, over: Over) {
        if std::mem::replace(&mut self.is_over, true) {
            return;
        }
        [self.to_client.last, self.to_app.last] = self.tunnel.last_words(over);
        self.tunnel.end(over);
        self.give_up_soon();
    }

    fn give_up_soon(&self) {
        let patience = ticks(Duration::from_millis(limits::WEBSOCKET_CLOSE_MS_MAX));
        let tick = self.station.tick.get().saturating_add(patience);
        self.watched.given_up.set(Some(tick));
    }

    /// One step of what the client sends. Has anything moved?
    fn read_client(&mut self, cx: &mut Context<'_>) -> bool {
        match self.to_app.poll_sent(&mut self.app, cx) {
            Poll::Pending => return false,
            Poll::Ready(Err(_)) => {
                self.to_app.is_gone = true;
                self.end(if self.tunnel.app_is_over() { Over::Closed } else { Over::UpstreamBroken });
                return false;
            }
            Poll::Ready(Ok(())) => {}
        }
        if self.tunnel.client_is_over() {
            return self.said_so();
        }
        match poll_read(&mut self.client, cx) {
            Poll::Pending => false,
            Poll::Ready(None) => {
                self.to_client.is_gone = true;
                self.end(if self.tunnel.app_is_over() { Over::Closed } else { Over::Aborted });
                false
            }
            Poll::Ready(Some(bytes)) => {
                let Flow { out, over } = self.tunnel.read_client(bytes);
                self.to_app.out = Some(out);
                self.after(over)
            }
        }
    }

    /// One step of what the app sends.
    fn read_app(&mut self, cx: &mut Context<'_>) -> bool {
        if self.is_over {
            return false;
        }
        match self.to_client.poll_sent(&mut self.client, cx) {
            Poll::Pending => return false,
            Poll::Ready(Err(_)) => {
                self.to_client.is_gone = true;
                self.end(if self.tunnel.client_is_over() { Over::Closed } else { Over::Aborted });
                return false;
            }
            Poll::Ready(Ok(())) => {}
        }
        if self.tunnel.app_is_over() {
            return self.said_so();
        }
        match poll_read(&mut self.app, cx) {
            Poll::Pending => false,
            Poll::Ready(None) => {
                self.to_app.is_gone = true;
                self.end(if self.tunnel.client_is_over() { Over::Closed } else { Over::UpstreamBroken });
                false
            }
            Poll::Ready(Some(bytes)) => {
                let Flow { out, over } = self.tunnel.read_app(bytes);
                self.to_client.out = Some(out);
                self.after(over)
            }
        }
    }

    fn after(&mut self, over: Option<Over>) -> bool {
        if let Some(over) = over {
            self.end(over);
        } else if self.tunnel.client_is_over() || self.tunnel.app_is_over() {
            // The other side is to say so too, and not for ever.
            self.give_up_soon();
        }
        true
    }

    /// One side has said that it is over, and the other one has been told. It is, once both have.
    fn said_so(&mut self) -> bool {
        let is_sent = self.to_client.out.is_none() && self.to_app.out.is_none();
        if is_sent && self.tunnel.client_is_over() && self.tunnel.app_is_over() {
            self.end(Over::Closed);
        }
        false
    }
}
