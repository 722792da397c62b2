//! The one body type that a connection is given: redacted bytes, and how their end is told.
//!
//! Never: ends a broken body cleanly, or hands on bytes that have not been through the redactor.

use std::pin::Pin;
use std::sync::Arc;
use std::task::Context;
use std::task::Poll;
use std::task::ready;

use bytes::Bytes;
use http::HeaderMap;
use http_body::Body;
use http_body::Frame;
use http_body::SizeHint;

use crate::redact::Encoder;
use crate::redact::Malformed;
use crate::redact::Redacted;
use crate::redact::Redactor;
use crate::request::ending::Ended;
use crate::request::ending::Ending;
use crate::request::forwarded::Broken;
use crate::request::forwarded::remove;
use crate::request::refusal::Refusal;
use crate::request::released::Cut;
use crate::request::released::encoded;
use crate::request::released::grpc;
use crate::request::released::is_ours;

/// The one body type that a connection is given.
#[derive(Debug)]
pub enum Answer<U> {
    /// All there is, with its exact length.
    Whole {
        /// The bytes, until they are sent.
        body: Option<Redacted>,
    },
    /// What the app sends, through the redactor.
    Stream {
        /// The app's body.
        body: U,
        /// `None` once it has finished.
        redactor: Option<Redactor>,
        /// What was redacted before the head left, until it is sent.
        first: Option<Redacted>,
        /// Encodes what was redacted, where the client takes that.
        encoder: Option<Box<Encoder>>,
        /// Nothing is hidden, so length and trailers pass as well.
        passes: bool,
        /// What of the trailers leaves otherwise.
        status: Trailers,
        /// How it ended is told to this.
        ending: Box<Ending>,
    },
}

/// What of trailers leaves where something is hidden.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trailers {
    /// Nothing.
    None,
    /// The status of gRPC.
    Passes,
    /// The same; and of a body that cannot end well a status tells it, for trailers are sure to arrive.
    Tells,
}

type Next = Poll<Option<Result<Frame<Redacted>, Cut>>>;

impl<U: Body<Data = Bytes, Error = Broken> + Unpin> Body for Answer<U> {
    type Data = Redacted;
    type Error = Cut;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Next {
        match self.get_mut() {
            Self::Whole { body } => Poll::Ready(body.take().map(|body| Ok(Frame::data(body)))),
            Self::Stream { body, redactor, first, encoder, passes, status, ending } => {
                if let Some(piece) = first.take().filter(|piece| !piece.is_empty()) {
                    ending.sent(piece.len());
                    return Poll::Ready(Some(Ok(Frame::data(piece))));
                }
                stream(body, (redactor, encoder), (*passes, *status), ending, cx)
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole { body } => body.as_ref().is_none_or(Redacted::is_empty),
            Self::Stream { body, passes, .. } => *passes && body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole { body } => SizeHint::with_exact(body.as_ref().map_or(0, Redacted::len) as u64),
            Self::Stream { body, passes: true, .. } => body.size_hint(),
            Self::Stream { passes: false, .. } => SizeHint::default(),
        }
    }
}

/// How a body goes through the redactor.
#[derive(Debug)]
pub(super) struct Flow {
    /// What was redacted before the head left.
    pub(super) first: Option<Redacted>,
    pub(super) encoder: Option<Encoder>,
    pub(super) passes: bool,
    pub(super) status: Trailers,
}

impl Flow {
    /// Nothing is hidden: it passes as the app sends it.
    pub(super) const PASSES: Self = Self { first: None, encoder: None, passes: true, status: Trailers::None };
    /// Messages of gRPC, which have encodings of their own. Their status stands in trailers, and may be all there is.
    pub(super) const CALL: Self =
        Self { first: None, encoder: None, passes: false, status: Trailers::Passes };
    /// Something may be hidden, also in trailers.
    pub(super) const REDACTED: Self =
        Self { first: None, encoder: None, passes: false, status: Trailers::None };
}

impl<U> Answer<U> {
    /// What the app sends, through the redactor.
    pub(super) fn stream(body: U, redactor: Redactor, flow: Flow, ending: Box<Ending>) -> Self {
        let Flow { first, encoder, passes, status } = flow;
        let (redactor, encoder) = (Some(redactor), encoder.map(Box::new));
        Self::Stream { body, redactor, first, encoder, passes, status, ending }
    }
}

fn stream<U: Body<Data = Bytes, Error = Broken> + Unpin>(
    body: &mut U,
    (redactor, encoder): (&mut Option<Redactor>, &mut Option<Box<Encoder>>),
    (passes, tail): (bool, Trailers),
    ending: &mut Ending,
    cx: &mut Context<'_>,
) -> Next {
    loop {
        let Some(open) = redactor.as_mut() else { return Poll::Ready(None) };
        let data = match ready!(Pin::new(&mut *body).poll_frame(cx)) {
            Some(Ok(frame)) => match frame.into_data() {
                Ok(data) => data,
                Err(frame) if passes => {
                    if let Ok(mut trailers) = frame.into_trailers() {
                        remove(&mut trailers, is_ours);
                        // Nothing follows trailers, and hyper does not ask.
                        ending.end(Ended::Complete);
                        return Poll::Ready(Some(Ok(Frame::trailers(trailers))));
                    }
                    continue;
                }
                Err(frame) if tail != Trailers::None => match frame.into_trailers() {
                    Ok(trailers) => return status(redactor, trailers, tail, ending),
                    Err(_) => continue,
                },
                Err(_) => continue,
            },
            Some(Err(broken)) => {
                *redactor = None;
                ending.end(Ended::UpstreamBroken);
                let refusal = match broken {
                    Broken::Idle => Refusal::UpstreamTimeout,
                    Broken::Cut => Refusal::BadUpstream,
                };
                return cut(Cut::Upstream(broken), &refusal, tail);
            }
            None => return last(redactor, encoder, tail, ending),
        };
        ending.saw(&data);
        let fed = if passes {
            open.feed(data).map_err(Some)
        } else {
            ending.timed(|| {
                let piece = open.feed(data).map_err(Some)?;
                encoded(encoder.as_deref_mut(), piece).map_err(|_| None)
            })
        };
        match fed {
            Ok(piece) if piece.is_empty() => {}
            Ok(piece) => {
                ending.sent(piece.len());
                // hyper does not ask again for what it knows to be the end, so the end is noted here.
                if passes && body.is_end_stream() {
                    ending.end(Ended::Complete);
                }
                return Poll::Ready(Some(Ok(Frame::data(piece))));
            }
            Err(why) => {
                *redactor = None;
                return broken(why, tail, ending);
            }
        }
    }
}

/// The body ends here, and not well.
fn broken(why: Option<Malformed>, tail: Trailers, ending: &mut Ending) -> Next {
    let (refusal, ended) = why.map_or((Refusal::Unredactable, Ended::Unredactable), |why| ending.broken(why));
    ending.end(ended);
    cut(Cut::Unredactable, &refusal, tail)
}

/// How the client is told that this is no end.
fn cut(cut: Cut, refusal: &Refusal, tail: Trailers) -> Next {
    Poll::Ready(Some(match tail {
        Trailers::Tells => Ok(Frame::trailers(grpc::told(&refusal.row()))),
        Trailers::None | Trailers::Passes => Err(cut),
    }))
}

/// The trailers of a gRPC answer, of which the status and its message leave: details could say anything.
fn status(
    redactor: &mut Option<Redactor>,
    mut trailers: HeaderMap,
    tail: Trailers,
    ending: &mut Ending,
) -> Next {
    let Some(open) = redactor.take() else { return Poll::Ready(None) };
    let plan = Arc::clone(open.plan());
    match open.finish() {
        // Messages leave when they are whole, so that nothing is left of them.
        Ok((rest, hidden)) if rest.is_empty() => {
            ending.hid(hidden);
            ending.end(Ended::Complete);
            grpc::status_only(&mut trailers, &plan);
            Poll::Ready(Some(Ok(Frame::trailers(trailers))))
        }
        Ok(_) => broken(None, tail, ending),
        Err(why) => broken(Some(why), tail, ending),
    }
}

fn last(
    redactor: &mut Option<Redactor>,
    encoder: &mut Option<Box<Encoder>>,
    tail: Trailers,
    ending: &mut Ending,
) -> Next {
    let Some(redactor) = redactor.take() else { return Poll::Ready(None) };
    let ended = ending.timed(|| {
        let (piece, hidden) = redactor.finish().map_err(Some)?;
        let piece = match encoder.take() {
            Some(encoder) => encoder.finish(&piece).map_err(|_| None)?,
            None => piece,
        };
        Ok((piece, hidden))
    });
    match ended {
        Ok((piece, hidden)) => {
            ending.hid(hidden);
            ending.sent(piece.len());
            ending.end(Ended::Complete);
            Poll::Ready((!piece.is_empty()).then(|| Ok(Frame::data(piece))))
        }
        Err(why) => broken(why, tail, ending),
    }
}
