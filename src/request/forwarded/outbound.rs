//! A client's body on its way to the app.
//!
//! Only its parent makes one, and that takes a permit.
//! Never: sends on a byte beyond the bound, a trailer, or the end of a body that broke off.

use std::cell::Cell;
use std::cell::RefCell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::Context;
use std::task::Poll;
use std::task::ready;
use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use http_body::Body;
use http_body::Frame;
use http_body::SizeHint;

use crate::redact::Beginning;
use crate::redact::Hidden;
use crate::redact::Redacted;
use crate::redact::Redactor;
use crate::request;
use crate::request::Watch;
use crate::snapshot::Shard;

/// Why a client's body ended other than well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flawed {
    /// It broke off, or was framed wrongly.
    Broken,
    /// It is larger than allowed.
    TooLarge,
    /// It cannot be read although something in it must be hidden.
    Unreadable,
}

impl std::fmt::Display for Flawed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Broken => "the request's body broke off",
            Self::TooLarge => "the request's body is too large",
            Self::Unreadable => "the request's body cannot be read",
        })
    }
}

impl std::error::Error for Flawed {}

/// What became of the request's body.
#[derive(Clone, Default)]
pub(in crate::request) struct Sent(Rc<Progress>);

/// How far a client's body has come.
#[derive(Default)]
struct Progress {
    bytes: Cell<u64>,
    flaw: Cell<Option<Flawed>>,
    hidden: Cell<Option<Hidden>>,
    /// How the body begins, where it passes unread because of what its client calls it.
    unread: RefCell<Option<Beginning>>,
    /// What takes the bodies of this request, if they are looked at.
    watch: RefCell<Option<Box<dyn Watch>>>,
}

impl Sent {
    /// Word of the bodies of one request, which this takes if they are looked at.
    pub(in crate::request) fn watched(watch: Option<Box<dyn Watch>>) -> Self {
        Self(Rc::new(Progress { watch: RefCell::new(watch), ..Progress::default() }))
    }

    /// A body is described so.
    pub(in crate::request) fn head(&self, of: request::Body, headers: &HeaderMap) {
        if let Some(watch) = self.0.watch.borrow_mut().as_mut() {
            watch.head(of, headers);
        }
    }

    /// This piece of a body passes.
    pub(in crate::request) fn saw(&self, of: request::Body, piece: &[u8]) {
        if let Some(watch) = self.0.watch.borrow_mut().as_mut() {
            watch.piece(of, piece);
        }
    }

    /// Nothing more passes; nobody takes what did where the request was refused after all, or the answer is a part of one.
    pub(in crate::request) fn unwatch(&self) -> Option<Box<dyn Watch>> {
        self.0.watch.borrow_mut().take()
    }

    /// What was taken out of the body on its way, if it came to its end.
    pub(in crate::request) fn hidden(&self) -> Option<Hidden> {
        self.0.hidden.take()
    }

    pub(in crate::request) fn bytes(&self) -> u64 {
        self.0.bytes.get()
    }

    /// So many bytes of the body have been read by now.
    pub(in crate::request) fn count(&self, bytes: u64) {
        self.0.bytes.set(bytes);
    }

    /// The body passes unread, if it begins as it may.
    pub(super) fn passes_unread(&self, beginning: Beginning) {
        self.0.unread.replace(Some(beginning));
    }

    fn is_refused(&self, piece: &[u8]) -> bool {
        self.0.unread.borrow_mut().as_mut().is_some_and(|unread| unread.is_refused(piece))
    }

    /// What was taken out of a body that was held whole.
    pub(in crate::request) fn hid(&self, hidden: Hidden) {
        self.0.hidden.set(Some(hidden));
    }

    pub(super) fn flaw(&self) -> Option<Flawed> {
        self.0.flaw.get()
    }
}

impl std::fmt::Debug for Sent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sent")
            .field("bytes", &self.bytes())
            .field("flaw", &self.flaw())
            .finish_non_exhaustive()
    }
}

/// How many bytes of a client's body have been read, kept up to date.
#[derive(Debug)]
pub struct Read(Sent);

impl Read {
    /// So many by now.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.0.bytes()
    }
}

/// A client's body on its way to the app: redacted, bounded, counted, without its trailers.
#[derive(Debug)]
pub struct Outbound<B> {
    /// `None` where there is nothing to come.
    pub(super) body: Option<B>,
    /// All of it, where it was held whole: then nothing else is sent.
    pub(super) whole: Option<Box<Redacted>>,
    pub(super) redactor: Option<Redactor>,
    pub(super) ended: bool,
    pub(super) sent: Sent,
    /// Bounds what arrives, and what it grows to where it arrives compressed.
    pub(super) bytes_max: u64,
    pub(super) given: u64,
    pub(super) length: Option<u64>,
    pub(super) shard: Shard,
    /// Milliseconds that the whole call may still take; `u32::MAX`: nobody says.
    pub(super) left_ms: u32,
}

impl<B> Outbound<B> {
    /// Where the app runs that it is for, and nowhere else.
    #[must_use]
    pub const fn shard(&self) -> Shard {
        self.shard
    }

    /// How long the whole call may still take, from when it was made, where its caller says so.
    #[must_use]
    pub fn left(&self) -> Option<Duration> {
        (self.left_ms != u32::MAX).then(|| Duration::from_millis(self.left_ms.into()))
    }

    /// The same once more, by the same permit, where it is a body without a byte.
    #[must_use]
    pub fn again(&self) -> Option<Self> {
        let is_empty = self.ended && self.whole.is_none() && self.sent.bytes() == 0;
        is_empty.then(|| Self {
            body: None,
            whole: None,
            redactor: None,
            ended: true,
            sent: self.sent.clone(),
            bytes_max: self.bytes_max,
            given: 0,
            length: None,
            shard: self.shard,
            left_ms: self.left_ms,
        })
    }
}

impl<B: Body<Data = Bytes> + Unpin> Outbound<B> {
    /// How many bytes of the client's body have been read, kept up to date.
    #[must_use]
    pub fn progress(&self) -> Read {
        Read(self.sent.clone())
    }

    fn flawed(&mut self, flaw: Flawed) -> Poll<Option<Result<Frame<Redacted>, Flawed>>> {
        self.ended = true;
        self.sent.0.flaw.set(Some(flaw));
        Poll::Ready(Some(Err(flaw)))
    }

    fn finish(&mut self) -> Poll<Option<Result<Frame<Redacted>, Flawed>>> {
        self.ended = true;
        // Without a byte there is no JSON, and nothing to hide.
        let redactor = self.redactor.take().filter(|_| self.sent.bytes() > 0);
        match redactor.map(Redactor::finish) {
            None => Poll::Ready(None),
            Some(Ok((last, hidden))) => {
                self.sent.0.hidden.set(Some(hidden));
                if last.is_empty() { Poll::Ready(None) } else { self.give(last) }
            }
            Some(Err(_)) => self.flawed(Flawed::Unreadable),
        }
    }

    fn give(&mut self, piece: Redacted) -> Poll<Option<Result<Frame<Redacted>, Flawed>>> {
        self.given = self.given.saturating_add(piece.len() as u64);
        if self.given > self.bytes_max {
            return self.flawed(Flawed::TooLarge);
        }
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }
}

impl<B: Body<Data = Bytes> + Unpin> Body for Outbound<B> {
    type Data = Redacted;
    type Error = Flawed;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Redacted>, Flawed>>> {
        loop {
            if self.ended {
                return Poll::Ready(None);
            }
            if let Some(whole) = self.whole.take() {
                self.ended = true;
                return Poll::Ready(Some(Ok(Frame::data(*whole))));
            }
            let Some(body) = &mut self.body else { return self.finish() };
            let data = match ready!(Pin::new(body).poll_frame(cx)) {
                None => return self.finish(),
                Some(Err(_)) => return self.flawed(Flawed::Broken),
                // Trailers could add what the head was refused for; none is forwarded.
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => data,
                    Err(_) => continue,
                },
            };
            let bytes = self.sent.bytes().saturating_add(data.len() as u64);
            if bytes > self.bytes_max {
                return self.flawed(Flawed::TooLarge);
            }
            self.sent.0.bytes.set(bytes);
            self.sent.saw(request::Body::Request, &data);
            if self.sent.is_refused(&data) {
                return self.flawed(Flawed::Unreadable);
            }
            let Some(redactor) = &mut self.redactor else { return self.flawed(Flawed::Unreadable) };
            match redactor.feed(data) {
                Ok(piece) if piece.is_empty() => {}
                Ok(piece) => return self.give(piece),
                Err(_) => return self.flawed(Flawed::Unreadable),
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.ended
    }

    fn size_hint(&self) -> SizeHint {
        if let Some(whole) = &self.whole {
            return SizeHint::with_exact(whole.len() as u64);
        }
        match (self.ended, self.length) {
            (true, _) => SizeHint::with_exact(0),
            (false, Some(length)) => SizeHint::with_exact(length.saturating_sub(self.sent.bytes())),
            (false, None) => SizeHint::default(),
        }
    }
}
