//! The body of an answer: all of it, or lines as they come.
//!
//! Never: holds more lines than a few that its reader has not taken.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::Context;
use std::task::Poll;

use bytes::Bytes;
use http_body::Body;
use http_body::Frame;
use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::mpsc::Receiver;

/// So many bytes are handed on at once: those after them stay here until the ones before are written.
const PIECE: usize = 64 << 10;

/// An answer's body.
#[derive(Debug)]
pub(super) enum Sent {
    /// All of it; nothing once it is taken. Its place among the answers that are in memory goes with it.
    Whole { bytes: Bytes, _place: Option<OwnedSemaphorePermit> },
    /// What comes.
    Lines(Receiver<Bytes>),
}

impl Body for Sent {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match self.get_mut() {
            Self::Whole { bytes, .. } if bytes.is_empty() => Poll::Ready(None),
            Self::Whole { bytes, .. } => {
                Poll::Ready(Some(Ok(Frame::data(bytes.split_to(PIECE.min(bytes.len()))))))
            }
            Self::Lines(lines) => lines.poll_recv(context).map(|line| line.map(|line| Ok(Frame::data(line)))),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            // The place is given back once the body is dropped, and that is when all of it is written.
            Self::Whole { bytes, .. } => bytes.is_empty(),
            Self::Lines(_) => false,
        }
    }

    fn size_hint(&self) -> http_body::SizeHint {
        match self {
            Self::Whole { bytes, .. } => http_body::SizeHint::with_exact(bytes.len() as u64),
            Self::Lines(_) => http_body::SizeHint::default(),
        }
    }
}
