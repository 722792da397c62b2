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

/// A connection in use. Given back only when its answer was read to the end; closed otherwise.
#[derive(Debug)]
pub(super) struct Lease {
    link: Option<Link>,
    turn: Turn,
}

impl Lease {
    pub(super) fn new(link: Link, turn: Turn) -> Self {
        Self { link: Some(link), turn }
    }

    fn give_back(&mut self) {
        if let Some(link) = self.link.take() {
            self.turn.endpoint().give_back(link);
        }
    }

    fn cut(&mut self) {
        if let Some(link) = self.link.take() {
            link.cut();
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
    pub(super) fn begun(body: Incoming, lease: Lease, vigil: Vigil) -> Self {
        let mut answer = Self { body, lease, vigil };
        if answer.body.is_end_stream() {
            answer.lease.give_back();
        }
        answer
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
