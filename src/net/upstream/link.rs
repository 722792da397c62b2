//! A connection to the app as hyper's client has it.
//!
//! Only this file names hyper's client, and it takes nothing but an [`Outbound`], which only a permit can make.
//! Never: carries a second request before the answer to the first has been read whole.

use std::cell::Cell;
use std::net::SocketAddr;
use std::rc::Rc;

use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::task::AbortHandle;

use crate::limits;
use crate::request::Failure;
use crate::request::Outbound;

use super::endpoint::Open;
use super::sips::Sips;
use super::stream::Stream;

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
