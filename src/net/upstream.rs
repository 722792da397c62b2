//! The way to the app: pooled HTTP/1.1 connections, one pool per worker.
//!
//! Only this file names hyper's client, and it takes nothing but an [`Outbound`], which only a permit can make.
//! Never: sends a request twice unless it was certainly not sent, or keeps a connection whose answer was not read whole.

mod sips;
mod socket;

use std::cell::Cell;
use std::cell::RefCell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::Context;
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use http_body::Body;
use http_body::Frame;
use http_body::SizeHint;
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::task::AbortHandle;

use crate::limits;
use crate::net::TICK;
use crate::net::vigil;
use crate::net::vigil::Vigil;
use crate::net::vigil::Vigils;
use crate::request::Broken;
use crate::request::Failure;
use crate::request::Origin;
use crate::request::Outbound;
use crate::request::Read;

use sips::Sips;

pub use socket::Socket;

/// Where the app is, and how patient to be with it.
#[derive(Debug, Clone)]
pub struct UpstreamSettings {
    /// `host:port`.
    pub address: Box<str>,
    /// For a connection to be made.
    pub connect_timeout: Duration,
    /// From the request to the head of the answer, without a byte of the request's body in between.
    pub response_timeout: Duration,
    /// Without a byte of the answer's body.
    pub body_idle: Duration,
    /// A pooled connection unused for longer is closed. Keep it below the app's own keep-alive.
    pub keep_alive: Duration,
    /// Most idle connections kept.
    pub idle_max: usize,
    /// Most connections, idle or not.
    pub connections_max: usize,
}

/// A connection to the app: where a request goes in, and the task that carries it.
#[derive(Debug)]
struct Link {
    sender: http1::SendRequest<Outbound<Incoming>>,
    task: AbortHandle,
}

/// One worker's connections to the app.
#[derive(Debug)]
pub struct Pool {
    settings: UpstreamSettings,
    /// A connection idle for fewer ticks than this is still open at the app, as far as we are told.
    keep_ticks: u32,
    shared: Rc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    /// Last in, first out: the connection used last is the one most surely open. With each, the tick since when.
    idle: RefCell<Vec<(Link, u32)>>,
    open: Cell<usize>,
    vigils: Rc<Vigils>,
}

impl Pool {
    /// An empty pool.
    #[must_use]
    pub fn new(settings: UpstreamSettings) -> Self {
        // Rounded down: a connection used too long is a request that may be lost.
        let keep_ticks =
            u32::try_from(settings.keep_alive.as_millis() / TICK.as_millis()).unwrap_or(u32::MAX);
        Self { settings, keep_ticks, shared: Rc::default() }
    }

    /// Longest that a request can wait for the app without a sign of life.
    #[must_use]
    pub fn patience(&self) -> Duration {
        let UpstreamSettings { connect_timeout, response_timeout, body_idle, .. } = self.settings;
        let longest = connect_timeout.max(response_timeout).max(body_idle);
        // A wait is over with the tick after its last one.
        TICK.saturating_mul(vigil::ticks(longest).saturating_add(1))
    }

    /// Connections open now.
    #[must_use]
    pub fn open(&self) -> usize {
        self.shared.open.get()
    }

    /// Looks over what waits and what is idle; called once a tick.
    pub fn sweep(&self) {
        self.shared.vigils.tick();
        let now = self.shared.vigils.now();
        let body_idle = vigil::ticks(self.settings.body_idle).saturating_add(1);
        self.shared.idle.borrow_mut().retain(|(Link { sender, task }, since)| {
            // Not ready: the app has answered, and the rest of the request's body is still on its way.
            let patience = if sender.is_ready() { self.keep_ticks } else { body_idle };
            let stays = !sender.is_closed() && now.saturating_sub(*since) < patience;
            if !stays {
                task.abort();
            }
            stays
        });
    }

    /// Closes what is idle: nobody has looked at the time for a while, so how long it was idle is not known. A connection
    /// on which the rest of a request's body is still on its way is not idle.
    pub fn forget_idle(&self) {
        self.shared.idle.borrow_mut().retain(|(link, _)| {
            let idle = link.sender.is_ready();
            if idle {
                link.task.abort();
            }
            !idle
        });
    }

    /// The connection used last of those that can take a request at once: nobody waits for another caller's body.
    fn reuse(&self) -> Option<Link> {
        let mut idle = self.shared.idle.borrow_mut();
        let now = self.shared.vigils.now();
        let usable = |(link, since): &(Link, u32)| {
            link.sender.is_ready() && now.saturating_sub(*since) < self.keep_ticks
        };
        let at = idle.iter().rposition(usable)?;
        Some(idle.remove(at).0)
    }

    async fn dial(&self) -> Result<(TcpStream, Open), Failure> {
        if self.shared.open.get() >= self.settings.connections_max {
            return Err(Failure::Overloaded);
        }
        let lease = Open::new(&self.shared);
        let connecting = TcpStream::connect(&*self.settings.address);
        let stream = match tokio::time::timeout(self.settings.connect_timeout, connecting).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(_)) | Err(_) => return Err(Failure::Unreachable),
        };
        // A delayed segment would cost more than it saves; a socket that refuses the option still works.
        drop(stream.set_nodelay(true));
        Ok((stream, lease))
    }

    async fn connect(&self) -> Result<Link, Failure> {
        let (stream, lease) = self.dial().await?;
        let handshake = builder().handshake(TokioIo::new(Sips::new(stream, &self.shared.vigils))).await;
        let (sender, connection) = handshake.map_err(|_| Failure::Unreachable)?;
        let task = tokio::task::spawn_local(async move {
            // How it ended is told to the request that was on it, if there was one.
            drop(connection.await);
            drop(lease);
        });
        Ok(Link { sender, task: task.abort_handle() })
    }

    async fn send(
        &self,
        request: Box<http::Request<Outbound<Incoming>>>,
    ) -> Result<http::Response<Answer>, Failure> {
        let mut request = request;
        let mut fresh = false;
        loop {
            let mut link = match self.reuse() {
                Some(link) if !fresh => link,
                Some(_) | None => {
                    fresh = true;
                    self.connect().await?
                }
            };
            if link.sender.ready().await.is_err() {
                if fresh {
                    return Err(Failure::Unreachable);
                }
                continue;
            }
            match link.sender.try_send_request(*request).await {
                Ok(response) => {
                    let (shared, idle_max) = (Rc::clone(&self.shared), self.settings.idle_max);
                    let lease = Lease { link: Some(link), shared, idle_max };
                    let vigil = Vigil::new(&self.shared.vigils, self.settings.body_idle);
                    return Ok(response.map(|body| Answer { body, lease, vigil }.begun()));
                }
                Err(mut error) => match error.take_message() {
                    // The request came back: the app closed its idle connection, and has not seen it.
                    Some(unsent) if !fresh => *request = unsent,
                    Some(_) => return Err(Failure::Unreachable),
                    None => return Err(failure(error.error())),
                },
            }
        }
    }
}

fn builder() -> http1::Builder {
    let mut builder = http1::Builder::new();
    // A head and the start of its body in one piece: copied, it costs less than a list of pieces.
    builder.writev(false).max_buf_size(limits::UPSTREAM_BUFFER_BYTES);
    builder
}

fn failure(error: &hyper::Error) -> Failure {
    if error.is_user() {
        Failure::Request
    } else if error.is_parse() {
        Failure::Invalid
    } else {
        Failure::Unreachable
    }
}

impl Origin for Pool {
    type Body = Answer;
    type Client = Incoming;
    type Socket = Socket;

    async fn call(
        &self,
        request: Box<http::Request<Outbound<Incoming>>>,
    ) -> Result<http::Response<Answer>, Failure> {
        let progress = request.body().progress();
        self.within_its_time(progress, self.send(request)).await
    }

    async fn open(
        &self,
        request: Box<http::Request<Outbound<Incoming>>>,
    ) -> Result<(http::response::Parts, Option<Socket>), Failure> {
        let progress = request.body().progress();
        self.within_its_time(progress, self.switch(request)).await
    }
}

impl Pool {
    /// Waits for the head of an answer, as long as an app may take.
    async fn within_its_time<T>(
        &self,
        progress: Read,
        sending: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        let mut before = progress.bytes();
        let mut vigil = Vigil::new(&self.shared.vigils, self.settings.response_timeout);
        let mut sending = std::pin::pin!(sending);
        std::future::poll_fn(|cx| {
            if let Poll::Ready(result) = sending.as_mut().poll(cx) {
                return Poll::Ready(result);
            }
            // The app cannot answer what has not arrived: its time begins anew while the client's body moves.
            let read = progress.bytes();
            if std::mem::replace(&mut before, read) != read {
                vigil.moved();
            }
            if vigil.waits(cx) { Poll::Ready(Err(Failure::Timeout)) } else { Poll::Pending }
        })
        .await
    }
}

/// Counts an open connection for as long as it lives.
#[derive(Debug)]
struct Open(Rc<Shared>);

impl Open {
    fn new(shared: &Rc<Shared>) -> Self {
        shared.open.set(shared.open.get() + 1);
        Self(Rc::clone(shared))
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.open.set(self.0.open.get().saturating_sub(1));
    }
}

/// A connection in use. Given back only when its answer was read to the end; closed otherwise.
#[derive(Debug)]
struct Lease {
    link: Option<Link>,
    shared: Rc<Shared>,
    idle_max: usize,
}

impl Lease {
    fn give_back(&mut self) {
        let Some(link) = self.link.take() else { return };
        let mut idle = self.shared.idle.borrow_mut();
        if !link.sender.is_closed() && idle.len() < self.idle_max {
            idle.push((link, self.shared.vigils.now()));
        } else {
            link.task.abort();
        }
    }

    /// Closes the connection at once, with whatever of the request's body has not been sent.
    fn cut(&mut self) {
        if let Some(link) = self.link.take() {
            link.task.abort();
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.cut();
    }
}

/// The body of an answer.
#[derive(Debug)]
pub struct Answer {
    body: Incoming,
    lease: Lease,
    vigil: Vigil,
}

impl Answer {
    fn begun(mut self) -> Self {
        if self.body.is_end_stream() {
            self.lease.give_back();
        }
        self
    }

    fn waits(&mut self, cx: &Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        if !self.vigil.waits(cx) {
            return Poll::Pending;
        }
        self.lease.cut();
        Poll::Ready(Some(Err(Broken::Idle)))
    }
}

impl Body for Answer {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        match Pin::new(&mut self.body).poll_frame(cx) {
            Poll::Pending => self.waits(cx),
            Poll::Ready(next) => {
                self.vigil.moved();
                match next {
                    Some(Ok(frame)) => {
                        if frame.is_trailers() || self.body.is_end_stream() {
                            self.lease.give_back();
                        }
                        Poll::Ready(Some(Ok(frame)))
                    }
                    Some(Err(_)) => {
                        self.lease.cut();
                        Poll::Ready(Some(Err(Broken::Cut)))
                    }
                    None => {
                        self.lease.give_back();
                        Poll::Ready(None)
                    }
                }
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
