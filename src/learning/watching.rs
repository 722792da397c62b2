//! One request's bodies, copied as they pass, on their way to the thread.
//!
//! Never: holds more than its share of the budget, or waits.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering;
use std::sync::mpsc::SyncSender;

use bytes::Bytes;
use http::HeaderMap;
use http::HeaderName;
use http::header;
use prometheus::IntCounter;

use crate::compare::beside::spread;
use crate::ids::DecisionId;
use crate::learn::Side;
use crate::learn::format_of;
use crate::limits;
use crate::redact::Encoding;
use crate::redact::Format;
use crate::request;
use crate::request::Body;
use crate::request::Watch;

use super::Message;
use super::Settings;

/// The bytes that all copies together may have.
#[derive(Debug, Default)]
pub(super) struct Budget(AtomicUsize);

impl Budget {
    fn take(&self, bytes: usize) -> bool {
        let before = self.0.fetch_add(bytes, Ordering::Relaxed);
        let fits = before.saturating_add(bytes) <= limits::LEARNING_HELD_BYTES_MAX;
        if !fits {
            self.give_back(bytes);
        }
        fits
    }

    fn give_back(&self, bytes: usize) {
        self.0.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// How many are taken.
    #[cfg(test)]
    pub(super) fn taken(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

/// One worker's way to the thread.
pub(super) struct End {
    pub(super) queue: SyncSender<Message>,
    pub(super) settings: Arc<Settings>,
    pub(super) budget: Arc<Budget>,
    pub(super) dropped: IntCounter,
}

impl request::Learner for End {
    fn watch(&self, id: DecisionId, route: &str) -> Option<Box<dyn Watch>> {
        let Settings { percent, routes, body_bytes, file: _ } = &*self.settings;
        let is_chosen = routes.is_empty() || routes.iter().any(|one| **one == *route);
        (is_chosen && spread(id) % 100 < *percent).then(|| {
            Box::new(Watching {
                route: route.into(),
                request: Copied::default(),
                response: Copied::default(),
                is_whole: false,
                body_bytes: *body_bytes,
                taken: 0,
                is_lost: false,
                queue: self.queue.clone(),
                budget: Arc::clone(&self.budget),
                dropped: self.dropped.clone(),
            }) as Box<dyn Watch>
        })
    }
}

/// A body as far as it is copied.
#[derive(Default)]
pub(super) struct Copied {
    /// Did a byte of it pass?
    is_there: bool,
    /// How it is written, where that can be read.
    pub(super) format: Option<Format>,
    /// How it is encoded, where that is known.
    pub(super) encoding: Option<Encoding>,
    copy: Vec<u8>,
    /// Is there more of it than the copy?
    pub(super) is_cut: bool,
}

impl Copied {
    pub(super) fn bytes(&self) -> Bytes {
        Bytes::copy_from_slice(&self.copy)
    }
}

/// The bodies of one request.
pub(super) struct Watching {
    pub(super) route: Box<str>,
    request: Copied,
    response: Copied,
    /// Did the answer come to its end?
    pub(super) is_whole: bool,
    body_bytes: usize,
    /// Bytes of the budget.
    taken: usize,
    /// There was no room for a piece: nothing is handed on.
    is_lost: bool,
    queue: SyncSender<Message>,
    budget: Arc<Budget>,
    dropped: IntCounter,
}

impl Watching {
    /// The bodies of which there was anything.
    pub(super) fn bodies(&self) -> impl Iterator<Item = (Side, &Copied)> {
        [(Side::Request, &self.request), (Side::Response, &self.response)]
            .into_iter()
            .filter(|(_, body)| body.is_there)
    }

    const fn copied(&mut self, body: Body) -> &mut Copied {
        match body {
            Body::Request => &mut self.request,
            Body::Response => &mut self.response,
        }
    }

    fn lose(&mut self) {
        self.is_lost = true;
        self.request.copy = Vec::new();
        self.response.copy = Vec::new();
        self.budget.give_back(std::mem::take(&mut self.taken));
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        self.budget.give_back(self.taken);
    }
}

/// The one value of a header.
fn one(headers: &HeaderMap, name: HeaderName) -> Option<&str> {
    let mut lines = headers.get_all(name).iter();
    let first = lines.next()?;
    if lines.next().is_some() { None } else { first.to_str().ok() }
}

impl Watch for Watching {
    fn head(&mut self, body: Body, headers: &HeaderMap) {
        let body = self.copied(body);
        body.format = one(headers, header::CONTENT_TYPE).and_then(format_of);
        body.encoding = if headers.contains_key(header::CONTENT_ENCODING) {
            one(headers, header::CONTENT_ENCODING)
                .and_then(|name| Encoding::named(&name.trim().to_ascii_lowercase()))
        } else {
            Some(Encoding::Identity)
        };
    }

    fn piece(&mut self, body: Body, piece: &[u8]) {
        if piece.is_empty() || self.is_lost {
            return;
        }
        let most = self.body_bytes;
        let copied = self.copied(body);
        copied.is_there = true;
        // What cannot be read is counted, and not copied.
        if copied.format.is_none() || copied.encoding.is_none() {
            return;
        }
        let room = most.saturating_sub(copied.copy.len());
        copied.is_cut |= piece.len() > room;
        let piece = piece.get(..room.min(piece.len())).unwrap_or_default();
        if !self.budget.take(piece.len()) {
            self.lose();
            return;
        }
        self.taken += piece.len();
        self.copied(body).copy.extend_from_slice(piece);
    }

    fn end(mut self: Box<Self>, is_whole: bool) {
        self.is_whole = is_whole;
        if self.is_lost {
            self.dropped.inc();
        } else if self.bodies().next().is_some() {
            let (queue, dropped) = (self.queue.clone(), self.dropped.clone());
            if queue.try_send(Message::Ended(self)).is_err() {
                dropped.inc();
            }
        }
    }
}
