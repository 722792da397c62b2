//! The body of the app's answer, and the connection that it comes on.
//!
//! Never: gives a connection back before the answer on it has been read to its end.

use std::pin::Pin;
use std::task::Context;
use std::task::Poll;

use bytes::Bytes;
use http_body::Body;
use http_body::Frame;
use http_body::SizeHint;
use hyper::body::Incoming;

use crate::net::vigil::Vigil;
use crate::request::Broken;

use super::endpoint::Turn;
use super::link::Link;
use super::trunk::Lane;

/// What an answer comes on.
#[derive(Debug)]
pub(super) enum Held {
    /// A connection of its own.
    Link(Link),
    /// A place on one that it shares. Its stream is reset when its body is dropped before its end.
    Lane(Lane),
}

/// A connection in use. Given back only when its answer was read to the end; closed otherwise.
#[derive(Debug)]
pub(super) struct Lease {
    held: Option<Held>,
    turn: Turn,
}

impl Lease {
    pub(super) fn new(held: Held, turn: Turn) -> Self {
        Self { held: Some(held), turn }
    }

    fn give_back(&mut self) {
        match self.held.take() {
            Some(Held::Link(link)) => self.turn.endpoint().give_back(link),
            Some(Held::Lane(_)) | None => {}
        }
    }

    fn cut(&mut self) {
        match self.held.take() {
            Some(Held::Link(link)) => link.cut(),
            Some(Held::Lane(_)) | None => {}
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
    /// The whole call must be over by then, where its caller says so.
    deadline: Option<Box<Vigil>>,
}

impl Answer {
    pub(super) fn begun(body: Incoming, lease: Lease, vigil: Vigil) -> Self {
        let mut answer = Self { body, lease, vigil, deadline: None };
        if answer.body.is_end_stream() {
            answer.lease.give_back();
        }
        answer
    }

    pub(super) fn ends_by(&mut self, deadline: Option<Vigil>) {
        self.deadline = deadline.map(Box::new);
    }

    fn waits(&mut self, cx: &Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        let is_over = self.deadline.as_mut().is_some_and(|deadline| deadline.waits(cx));
        if !self.vigil.waits(cx) && !is_over {
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
