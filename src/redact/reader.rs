//! What a body is, as its headers say: how it is written and how it is encoded; and the reader for it.
//!
//! Never: guesses by the bytes, or reads a body as something laxer than what it is called.

use std::sync::Arc;

use bytes::Bytes;

use crate::redact::csv::Csv;
use crate::redact::events::Events;
use crate::redact::form::Form;
use crate::redact::lines::Lines;
use crate::redact::malformed::Malformed;
use crate::redact::multipart::Boundary;
use crate::redact::multipart::Multipart;
use crate::redact::plan::Plan;
use crate::redact::proto::Proto;
use crate::redact::records::Records;
use crate::redact::walk::Owns;
use crate::redact::walk::Walk;
use crate::redact::xml::Xml;

/// How a body is encoded, on its way in or out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// As it is.
    Identity,
    /// gzip (RFC 1952).
    Gzip,
    /// deflate within zlib (RFC 1950).
    Deflate,
    /// Brotli (RFC 7932).
    Brotli,
    /// Zstandard (RFC 8878).
    Zstd,
}

impl Encoding {
    /// Every one that compresses.
    pub const CODED: [Self; 4] = [Self::Zstd, Self::Gzip, Self::Brotli, Self::Deflate];

    /// Its name in `Content-Encoding`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Identity => "identity",
            Self::Gzip => "gzip",
            Self::Deflate => "deflate",
            Self::Brotli => "br",
            Self::Zstd => "zstd",
        }
    }

    /// The one of that name, in lower case.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        match name {
            // RFC 9110, section 8.4.1.3.
            "x-gzip" => Some(Self::Gzip),
            "identity" => Some(Self::Identity),
            _ => Self::CODED.into_iter().find(|encoding| encoding.name() == name),
        }
    }
}

/// How a body is written, once its encoding is undone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// One JSON document (RFC 8259).
    Json,
    /// JSON documents, one a line (NDJSON, JSON Lines).
    Lines,
    /// JSON documents, each after a record separator (RFC 7464).
    Sequence,
    /// The fields of a form (`application/x-www-form-urlencoded`), each like a member of the document.
    Form,
    /// The parts of a form (`multipart/form-data`), each like a member of the document.
    Multipart(Boundary),
    /// Server-sent events (`text/event-stream`), the data of each a document.
    Events,
    /// A table (RFC 4180), each row like an item of the document.
    Csv {
        /// Does the content type say that the first row names the columns? Else it must name one that is classified.
        is_named: bool,
    },
    /// One XML document, its elements and attributes like members.
    Xml,
    /// Plain text (`text/plain`).
    Text,
    /// One message of Protocol Buffers, of the type that the shape names.
    Protobuf,
    /// Such messages, each behind its length (gRPC), those that say so in this encoding.
    Grpc(Encoding),
    /// It passes as it is, for the route says so of its type: see [`crate::redact::http::readable_in`].
    Opaque,
}

/// A body's format and encoding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Content {
    /// How it is written.
    pub format: Format,
    /// How that is encoded.
    pub encoding: Encoding,
}

impl Format {
    /// Can rows of another owner be told in such a body? Where they cannot, one that has rows is refused.
    pub(super) const fn has_rows(self) -> bool {
        match self {
            Self::Json
            | Self::Lines
            | Self::Sequence
            | Self::Events
            | Self::Csv { .. }
            | Self::Xml
            | Self::Protobuf
            | Self::Grpc(_) => true,
            Self::Form | Self::Multipart(_) | Self::Text | Self::Opaque => false,
        }
    }
}

impl Content {
    /// May its records be worth something before the body ends? Then they are not held back for its sake.
    #[must_use]
    pub const fn is_a_stream(self) -> bool {
        match self.format {
            Format::Lines | Format::Sequence | Format::Events | Format::Text | Format::Grpc(_) => true,
            Format::Json
            | Format::Form
            | Format::Multipart(_)
            | Format::Csv { .. }
            | Format::Xml
            | Format::Protobuf
            | Format::Opaque => false,
        }
    }
}

impl Content {
    /// Does it pass unread, although something may be hidden?
    #[must_use]
    pub const fn is_opaque(self) -> bool {
        matches!(self.format, Format::Opaque)
    }

    /// Are these messages of gRPC, whose status stands in trailers?
    #[must_use]
    pub const fn is_grpc(self) -> bool {
        matches!(self.format, Format::Grpc(_))
    }
}

/// One JSON document.
impl From<Encoding> for Content {
    fn from(encoding: Encoding) -> Self {
        Self { format: Format::Json, encoding }
    }
}

/// The reader of one decoded body. In boxes: most bodies have none.
#[derive(Debug)]
pub(super) enum Reader {
    Json(Box<Walk>),
    Records(Box<Records>),
    Form(Box<Form>),
    Multipart(Box<Multipart>),
    Events(Box<Events>),
    Csv(Box<Csv>),
    Xml(Box<Xml>),
    Text(Box<Lines>),
    Proto(Box<Proto>),
}

impl Reader {
    /// The reader of one body, of which only those rows stay that are this owner's.
    pub(super) fn new(format: Format, plan: &Plan, owner: Option<&Arc<dyn Owns>>) -> Self {
        match format {
            // Nobody reads what is opaque; if somebody did, it would have to be JSON.
            Format::Json | Format::Opaque => Self::Json(Walk::spare(plan, owner)),
            Format::Lines => Self::Records(Box::new(Records::lines(owner.cloned()))),
            Format::Sequence => Self::Records(Box::new(Records::sequence(owner.cloned()))),
            Format::Form => Self::Form(Box::default()),
            Format::Multipart(boundary) => Self::Multipart(Box::new(Multipart::new(&boundary))),
            Format::Events => Self::Events(Box::new(Events::of_owner(owner.cloned()))),
            Format::Csv { is_named } => Self::Csv(Box::new(Csv::new(is_named, owner.cloned()))),
            Format::Text => Self::Text(Box::default()),
            Format::Xml => Self::Xml(Box::new(Xml::new(owner.cloned()))),
            Format::Protobuf => Self::Proto(Box::new(Proto::bare(owner))),
            Format::Grpc(encoding) => Self::Proto(Box::new(Proto::framed(encoding, owner))),
        }
    }

    /// Takes the next piece; what may leave. After an error nothing may be asked of it any more.
    pub(super) fn feed(&mut self, plan: &Plan, piece: &Bytes) -> Result<Bytes, Malformed> {
        match self {
            Self::Json(walk) => walk.feed(plan, piece),
            Self::Records(records) => records.feed(plan, piece),
            Self::Form(form) => form.feed(plan, piece),
            Self::Multipart(parts) => parts.feed(plan, piece),
            Self::Events(events) => events.feed(plan, piece),
            Self::Csv(csv) => csv.feed(plan, piece),
            Self::Xml(xml) => xml.feed(plan, piece),
            Self::Text(lines) => lines.feed(plan, piece),
            Self::Proto(proto) => proto.feed(plan, piece),
        }
    }

    /// The body has ended; what may still leave.
    pub(super) fn finish(&mut self, plan: &Plan) -> Result<Bytes, Malformed> {
        match self {
            Self::Json(walk) => {
                let last = walk.finish(plan)?;
                // A body that was one row of another is no empty body.
                if walk.is_gone { Err(Malformed::ForeignRow { at: 0 }) } else { Ok(last) }
            }
            Self::Records(records) => records.finish(plan),
            Self::Form(form) => form.finish(plan),
            Self::Multipart(parts) => parts.finish(),
            Self::Events(events) => events.finish(plan),
            Self::Csv(csv) => csv.finish(plan),
            Self::Xml(xml) => xml.finish(),
            Self::Text(lines) => lines.finish(plan),
            Self::Proto(proto) => proto.finish(plan),
        }
    }

    /// It has ended, and its memory is for the next.
    pub(super) fn give_back(self) {
        if let Self::Json(walk) = self {
            walk.give_back();
        }
    }

    /// How many rows were another owner's.
    pub(super) fn foreign(&self) -> u64 {
        match self {
            Self::Json(walk) => walk.foreign,
            Self::Records(records) => records.foreign,
            Self::Events(events) => events.foreign,
            Self::Csv(csv) => csv.foreign,
            Self::Xml(xml) => xml.foreign(),
            Self::Proto(proto) => proto.tally.foreign,
            Self::Form(_) | Self::Multipart(_) | Self::Text(_) => 0,
        }
    }

    /// How often a value of each set of classes was hidden.
    pub(super) fn counts(&self) -> &[u64] {
        match self {
            Self::Json(walk) => &walk.counts,
            Self::Records(records) => &records.counts,
            Self::Form(form) => &form.counts,
            Self::Multipart(parts) => &parts.counts,
            Self::Events(events) => &events.counts,
            Self::Csv(csv) => &csv.counts,
            Self::Xml(xml) => &xml.counts,
            Self::Text(lines) => &lines.counts,
            Self::Proto(proto) => &proto.tally.counts,
        }
    }
}

/// Adds what one walk hid to what was hidden before it.
pub(super) fn add_counts(all: &mut Vec<u64>, more: &[u64]) {
    if all.len() < more.len() {
        all.resize(more.len(), 0);
    }
    for (sum, count) in all.iter_mut().zip(more) {
        *sum += count;
    }
}
