//! A connection to the app as hyper's client has it.
//!
//! Only this file names hyper's client, and it takes nothing but an [`Outbound`], which only a permit can make; but for the question
//! whether the app is well, which is of nobody and the same each time.
//! Never: carries a second request of HTTP/1.1 before the answer to the first has been read whole.

use std::cell::Cell;
use std::net::SocketAddr;
use std::rc::Rc;

use http::HeaderValue;
use http::header;
use http::uri::Authority;
use http::uri::PathAndQuery;
use http::uri::Scheme;
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::client::conn::http2;
use hyper_util::rt::TokioIo;
use hyper_util::rt::TokioTimer;
use tokio::task::AbortHandle;

use crate::limits;
use crate::request::Failure;
use crate::request::Outbound;

use super::Protocol;
use super::endpoint::Open;
use super::sips::Sips;
use super::stream::Stream;
use super::trunk::Trunk;

/// A permitted request.
pub(super) type Request = http::Request<Outbound<Incoming>>;

/// A request that was not answered.
#[derive(Debug)]
pub(super) struct Missed {
    pub(super) failure: Failure,
    /// It came back: not a byte of it was sent.
    pub(super) unsent: Option<Box<Request>>,
    /// Not a byte of an answer came either.
    pub(super) unheard: bool,
}

impl From<Failure> for Missed {
    fn from(failure: Failure) -> Self {
        Self { failure, unsent: None, unheard: false }
    }
}

impl Missed {
    /// A request for which there is no connection.
    pub(super) fn before(failure: Failure, request: Box<Request>) -> Self {
        Self { failure, unsent: Some(request), unheard: true }
    }
}

/// What a connection was made by: it is used as long as that stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Made {
    /// The address, where it is one that may change.
    pub(super) to: Option<SocketAddr>,
    /// The state of what is trusted.
    pub(super) trust: u32,
}

/// A connection to the app: where a request goes in, and the task that carries it.
#[derive(Debug)]
pub(super) struct Link {
    sender: http1::SendRequest<Outbound<Incoming>>,
    task: AbortHandle,
    pub(super) made: Made,
    heard: Rc<Cell<u32>>,
}

impl Link {
    /// Begins to speak on a connection.
    pub(super) async fn begin(stream: Sips<Stream>, open: Open, made: Made) -> Result<Self, Failure> {
        let heard = stream.heard();
        let handshake = builder().handshake(TokioIo::new(stream)).await;
        let (sender, connection) = handshake.map_err(|_| Failure::Unreachable)?;
        let task = tokio::task::spawn_local(async move {
            // How it ended is told to the request that was on it, if there was one.
            drop(connection.await);
            drop(open);
        });
        Ok(Self { sender, task: task.abort_handle(), made, heard })
    }

    /// Can it take a request at once?
    pub(super) fn is_ready(&self) -> bool {
        self.sender.is_ready()
    }

    pub(super) fn is_closed(&self) -> bool {
        self.sender.is_closed()
    }

    /// Waits until it can take a request; false where it never will.
    pub(super) async fn ready(&mut self) -> bool {
        self.sender.ready().await.is_ok()
    }

    pub(super) async fn send(&mut self, request: Box<Request>) -> Result<http::Response<Incoming>, Missed> {
        let heard = self.heard.get();
        match self.sender.try_send_request(*request).await {
            Ok(response) => Ok(response),
            Err(mut error) => {
                let unsent = error.take_message();
                let failure = if unsent.is_some() { Failure::Unreachable } else { failure(error.error()) };
                let unheard = self.heard.get() == heard && failure == Failure::Unreachable;
                Err(Missed { failure, unsent: unsent.map(Box::new), unheard })
            }
        }
    }

    /// Closes the connection at once, with whatever of the request's body has not been sent.
    pub(super) fn cut(&self) {
        self.task.abort();
    }
}

/// Where requests go in that share a connection.
pub(super) type Many = http2::SendRequest<Outbound<Incoming>>;

/// Spawns what a connection needs on the worker's own thread.
#[derive(Debug, Clone, Copy)]
struct Here;

impl<F: Future + 'static> hyper::rt::Executor<F> for Here
where
    F::Output: 'static,
{
    fn execute(&self, future: F) {
        drop(tokio::task::spawn_local(future));
    }
}

/// Begins to speak HTTP/2 on a connection.
pub(super) async fn begin_many(stream: Sips<Stream>, open: Open, made: Made) -> Result<Trunk, Failure> {
    let heard = stream.heard();
    let scheme = if stream.is_tls() { Scheme::HTTPS } else { Scheme::HTTP };
    let window = limits::UPSTREAM_WINDOW_BYTES;
    let streams = u32::try_from(limits::UPSTREAM_STREAMS_MAX).unwrap_or(u32::MAX);
    let mut builder = http2::Builder::new(Here);
    builder
        .timer(TokioTimer::new())
        .initial_stream_window_size(window)
        // So that clients which do not read hold up nobody else's answers.
        .initial_connection_window_size(window.saturating_mul(streams))
        .max_header_list_size(u32::try_from(limits::UPSTREAM_BUFFER_BYTES).unwrap_or(u32::MAX))
        .max_send_buf_size(limits::UPSTREAM_BUFFER_BYTES)
        // Whoever went without a word is found out, or every request on the connection would wait for its own time.
        .keep_alive_interval(limits::UPSTREAM_PING_EVERY)
        .keep_alive_timeout(limits::UPSTREAM_PING_EVERY);
    let handshake = builder.handshake(TokioIo::new(stream)).await;
    let (sender, connection) = handshake.map_err(|_| Failure::Unreachable)?;
    let task = tokio::task::spawn_local(async move {
        drop(connection.await);
        drop(open);
    });
    Ok(Trunk::new((sender, task.abort_handle()), made, heard, scheme))
}

/// Sends a request on a connection that it shares with others.
pub(super) async fn send_many(
    trunk: &Trunk,
    mut request: Box<Request>,
) -> Result<http::Response<Incoming>, Missed> {
    let mut sender = trunk.sender.clone();
    if sender.ready().await.is_err() {
        return Err(Missed::before(Failure::Unreachable, request));
    }
    if as_http2(&mut request, &trunk.scheme).is_none() {
        return Err(Failure::Request.into());
    }
    let heard = trunk.heard.get();
    match sender.try_send_request(*request).await {
        Ok(mut response) => {
            *response.version_mut() = http::Version::HTTP_11;
            Ok(response)
        }
        Err(mut error) => {
            let unsent = error.take_message().map(|mut request| {
                as_http1(&mut request);
                Box::new(request)
            });
            let failure = if unsent.is_some() { Failure::Unreachable } else { failure(error.error()) };
            let unheard = trunk.heard.get() == heard && failure == Failure::Unreachable;
            Err(Missed { failure, unsent, unheard })
        }
    }
}

/// The same request as HTTP/2 says it: the host is part of the target (RFC 9113 section 8.3.1).
fn as_http2(request: &mut Request, scheme: &Scheme) -> Option<()> {
    let host = request.headers_mut().remove(header::HOST)?;
    let mut parts = std::mem::take(request.uri_mut()).into_parts();
    parts.scheme = Some(scheme.clone());
    parts.authority = Some(Authority::try_from(host.as_bytes()).ok()?);
    *request.uri_mut() = http::Uri::from_parts(parts).ok()?;
    *request.version_mut() = http::Version::HTTP_2;
    let kind = request.headers().get(header::CONTENT_TYPE);
    if kind.is_some_and(|kind| kind.as_bytes().starts_with(b"application/grpc")) {
        // Servers of gRPC ask for it: their status stands in trailers.
        request.headers_mut().insert(header::TE, HeaderValue::from_static("trailers"));
    }
    Some(())
}

/// The same request as HTTP/1.1 says it.
fn as_http1(request: &mut Request) {
    let mut parts = std::mem::take(request.uri_mut()).into_parts();
    let host = parts.authority.take().and_then(|host| HeaderValue::from_str(host.as_str()).ok());
    parts.scheme = None;
    *request.uri_mut() = http::Uri::from_parts(parts).unwrap_or_default();
    *request.version_mut() = http::Version::HTTP_11;
    request.headers_mut().remove(header::TE);
    request.headers_mut().extend(host.map(|host| (header::HOST, host)));
}

/// Sends a request on a connection of its own, and gives the head of its answer; with what becomes of the connection if that is a
/// 101.
pub(super) async fn switch(stream: Stream, request: Request) -> Result<http::Response<Incoming>, Failure> {
    let handshake = builder().handshake(TokioIo::new(stream)).await;
    let (mut sender, connection) = handshake.map_err(|_| Failure::Unreachable)?;
    let task = tokio::task::spawn_local(async move { drop(connection.with_upgrades().await) });
    let carried = Carried(Some(task.abort_handle()));
    let response = sender.send_request(request).await.map_err(|error| failure(&error))?;
    if response.status() == http::StatusCode::SWITCHING_PROTOCOLS {
        carried.goes_on();
    }
    Ok(response)
}

/// Asks whether the app is well: for a path that the configuration names, and nothing else. Gives the status.
pub(super) async fn ask(
    stream: Stream,
    protocol: Protocol,
    host: &str,
    path: PathAndQuery,
) -> Option<http::StatusCode> {
    let is_http2 = is_http2(protocol, &stream);
    let is_tls = matches!(stream, Stream::Tls(_));
    let mut request = http::Request::new(http_body_util::Empty::<bytes::Bytes>::new());
    request.headers_mut().insert(header::USER_AGENT, HeaderValue::from_static("palisade"));
    let mut target = http::uri::Parts::default();
    target.path_and_query = Some(path);
    if is_http2 {
        target.scheme = Some(if is_tls { Scheme::HTTPS } else { Scheme::HTTP });
        target.authority = Some(Authority::try_from(host).ok()?);
        *request.version_mut() = http::Version::HTTP_2;
    } else {
        request.headers_mut().insert(header::HOST, HeaderValue::from_str(host).ok()?);
        request.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    *request.uri_mut() = http::Uri::from_parts(target).ok()?;
    if is_http2 {
        let (mut sender, connection) = http2::handshake(Here, TokioIo::new(stream)).await.ok()?;
        let task = tokio::task::spawn_local(async move { drop(connection.await) });
        let _carried = Carried(Some(task.abort_handle()));
        return Some(sender.send_request(request).await.ok()?.status());
    }
    let (mut sender, connection) = builder().handshake(TokioIo::new(stream)).await.ok()?;
    let task = tokio::task::spawn_local(async move { drop(connection.await) });
    let _carried = Carried(Some(task.abort_handle()));
    Some(sender.send_request(request).await.ok()?.status())
}

/// Is HTTP/2 spoken on it?
pub(super) fn is_http2(protocol: Protocol, stream: &Stream) -> bool {
    match protocol {
        Protocol::Http1 => false,
        Protocol::H2c => true,
        Protocol::Auto => stream.agreed() == Some(b"h2"),
    }
}

/// Ends the task that carries a connection, unless that is to give the connection away.
struct Carried(Option<AbortHandle>);

impl Carried {
    fn goes_on(mut self) {
        self.0 = None;
    }
}

impl Drop for Carried {
    fn drop(&mut self) {
        if let Some(task) = &self.0 {
            task.abort();
        }
    }
}

fn builder() -> http1::Builder {
    let mut builder = http1::Builder::new();
    // A head and the start of its body in one piece: copied, it costs less than a list of pieces.
    builder.writev(false).max_buf_size(limits::UPSTREAM_BUFFER_BYTES);
    builder
}

/// What went wrong, where the app may have seen the request.
pub(super) fn failure(error: &hyper::Error) -> Failure {
    if error.is_user() {
        Failure::Request
    } else if error.is_parse() {
        Failure::Invalid
    } else {
        Failure::Unreachable
    }
}
