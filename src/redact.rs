//! Redaction: bodies of JSON, XML, events, forms and tables stream through, and what the caller may not see is replaced on the way.
//!
//! A [`Shape`] says which data class stands where in a kind of body; it is compiled once per snapshot. A [`Plan`] says
//! which of those classes one caller may not see; it is fixed before the first byte. A [`Redactor`] walks one body:
//! bytes in, [`Redacted`] bytes out, in constant memory, with the same result wherever the input is cut.
//!
//! ```
//! use std::sync::Arc;
//! use bytes::{Buf, Bytes};
//! use palisade::redact::{ClassIx, Encoding, Mask, Plan, Redactor, ShapeBuilder};
//!
//! let mut shape = ShapeBuilder::new();
//! shape.path("$..ssn", ClassIx(0))?;
//! let plan = Plan::new(&Arc::new(shape.build()?), [(ClassIx(0), Mask::Drop)], None);
//!
//! let mut redactor = Redactor::new(Arc::new(plan), Encoding::Identity);
//! let mut start = redactor.feed(Bytes::from_static(br#"{"name":"Ada","s"#))?;
//! assert_eq!(start.copy_to_bytes(start.len()), r#"{"name":"Ada""#);
//! let mut end = redactor.feed(Bytes::from_static(br#"sn":"078-05-1120"}"#))?;
//! assert_eq!(end.copy_to_bytes(end.len()), "}");
//! let (_, hidden) = redactor.finish()?;
//! assert_eq!(hidden.iter().map(|(class, _, count)| (class, count)).collect::<Vec<_>>(), [(ClassIx(0), 1)]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Nobody else can make [`Redacted`] bytes:
//! ```compile_fail,E0423
//! let forged = palisade::redact::Redacted(bytes::Bytes::from_static(b"secret"));
//! ```
//!
//! Never: performs I/O, reads a clock, passes on a body that it cannot read while its plan hides something.

mod accepts;
mod automaton;
mod classes;
mod coding;
mod content_type;
mod csv;
pub mod detect;
mod encode;
mod events;
mod field;
mod finds;
mod fold;
mod form;
pub mod held;
pub mod http;
mod key;
mod lines;
mod malformed;
mod mask;
mod multipart;
mod opaque;
mod output;
mod path;
mod places;
mod plan;
mod proto;
mod reader;
mod records;
mod shape;
mod sixteen;
mod symbols;
mod text;
mod trace;
#[cfg(target_arch = "x86_64")]
mod vectors;
mod walk;
pub mod websocket;
mod xml;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use bytes::Buf;
use bytes::Bytes;

use crate::redact::reader::Reader;

pub use accepts::Accepts;
pub use automaton::Shape;
pub use encode::Encoder;
pub use encode::NotEncoded;
pub use fold::fold as folded;
pub use key::KeyId;
pub use key::PseudonymKey;
pub use malformed::Malformed;
pub use mask::Keyed;
pub use mask::Maker;
pub use mask::Mask;
pub use mask::Scalar;
pub use multipart::Boundary;
pub use opaque::BadRange;
pub use opaque::Beginning;
pub use opaque::MediaRange;
pub use path::PathError;
pub use path::written as path_step;
pub use plan::Hidden;
pub use plan::Plan;
pub use proto::BadDescriptors;
pub use proto::CLASS_OPTION;
pub use proto::Descriptors;
pub use proto::Unknown;
pub use reader::Content;
pub use reader::Encoding;
pub use reader::Format;
pub use shape::ClassIx;
pub use shape::Foreign;
pub use shape::Mode;
pub use shape::NodeIx;
pub use shape::ShapeBuilder;
pub use shape::TooLarge;
pub use trace::Classified;
pub use trace::Spot;
pub use trace::Standing;
pub use walk::Owns;

/// Bytes that have been through a [`Redactor`]. There is no other way to make one.
#[derive(Debug)]
pub struct Redacted(Bytes);

impl Redacted {
    /// How many bytes.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.0.len()
    }

    /// Are there none?
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Buf for Redacted {
    fn remaining(&self) -> usize {
        self.0.remaining()
    }

    fn chunk(&self) -> &[u8] {
        self.0.chunk()
    }

    fn advance(&mut self, count: usize) {
        self.0.advance(count);
    }

    fn copy_to_bytes(&mut self, len: usize) -> Bytes {
        self.0.copy_to_bytes(len)
    }
}

/// Redacted bytes put together, for a body that leaves whole.
#[derive(Debug, Default)]
pub struct Gathered(Pieces);

/// One piece needs no copy.
#[derive(Debug, Default)]
enum Pieces {
    #[default]
    None,
    One(Bytes),
    Many(Vec<u8>),
}

impl Gathered {
    /// Puts a piece at the end.
    pub fn push(&mut self, piece: Redacted) {
        if piece.is_empty() {
            return;
        }
        self.0 = match std::mem::take(&mut self.0) {
            Pieces::None => Pieces::One(piece.0),
            Pieces::One(first) => Pieces::Many([first, piece.0].concat()),
            Pieces::Many(mut all) => {
                all.extend_from_slice(&piece.0);
                Pieces::Many(all)
            }
        };
    }

    /// How many bytes there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        match &self.0 {
            Pieces::None => 0,
            Pieces::One(piece) => piece.len(),
            Pieces::Many(all) => all.len(),
        }
    }

    /// Are there none?
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All of it.
    #[must_use]
    pub fn into_redacted(self) -> Redacted {
        Redacted(match self.0 {
            Pieces::None => Bytes::new(),
            Pieces::One(piece) => piece,
            Pieces::Many(all) => all.into(),
        })
    }
}

/// Whose rows stay where nobody says whose may.
#[derive(Debug)]
struct Nobody;

impl Owns for Nobody {
    fn owns(&self, _text: &str) -> bool {
        false
    }
}

/// The redaction of one body, of a response or of a request.
#[derive(Debug)]
pub struct Redactor {
    plan: Arc<Plan>,
    way: Way,
}

#[derive(Debug)]
enum Way {
    /// The plan hides nothing: the body is not even read.
    Bypass,
    Plain(Reader),
    Coded(Reader, Box<coding::Inflate>),
    /// Nothing leaves after an error.
    Broken(Malformed),
}

impl Redactor {
    /// What is hidden.
    #[must_use]
    pub const fn plan(&self) -> &Arc<Plan> {
        &self.plan
    }

    /// The redaction of one body by this plan. An [`Encoding`] alone is JSON in that encoding.
    #[must_use]
    pub fn new(plan: Arc<Plan>, content: impl Into<Content>) -> Self {
        Self::with(plan, content.into(), None)
    }

    /// The redaction of one body of which only this owner's rows may stay. Without an owner no row may.
    #[must_use]
    pub fn of_owner(plan: Arc<Plan>, content: impl Into<Content>, owner: &Arc<dyn Owns>) -> Self {
        Self::with(plan, content.into(), Some(owner))
    }

    fn with(plan: Arc<Plan>, content: Content, owner: Option<&Arc<dyn Owns>>) -> Self {
        let Content { format, encoding } = content;
        let way = if plan.hides_nothing() {
            Way::Bypass
        } else if plan.has_rows() && !format.has_rows() {
            Way::Broken(Malformed::ForeignRow { at: 0 })
        } else if format == Format::Opaque {
            Way::Bypass
        } else {
            let nobody = || Arc::new(Nobody) as Arc<dyn Owns>;
            let owner = plan.has_rows().then(|| owner.map_or_else(nobody, Arc::clone));
            let reader = Reader::new(format, &plan, owner.as_ref());
            match coding::Inflate::new(encoding) {
                None => Way::Plain(reader),
                Some(inflate) => Way::Coded(reader, Box::new(inflate)),
            }
        };
        Self { plan, way }
    }

    /// Takes the next piece of the body, cut anywhere; returns what is safe to send so far, which may be nothing.
    ///
    /// # Errors
    /// When the body cannot be read. What was returned before stays safe, but the body must not be ended as if it
    /// were whole; every later call fails too.
    pub fn feed(&mut self, chunk: Bytes) -> Result<Redacted, Malformed> {
        let result = match &mut self.way {
            Way::Bypass => Ok(chunk),
            Way::Plain(reader) => reader.feed(&self.plan, &chunk),
            Way::Coded(reader, inflate) => inflate.feed(&chunk, |piece| reader.feed(&self.plan, &piece)),
            Way::Broken(error) => Err(*error),
        };
        if let Err(error) = &result {
            self.way = Way::Broken(*error);
        }
        result.map(Redacted)
    }

    /// The body has ended: returns what may still leave, and what was hidden.
    ///
    /// # Errors
    /// When the body was not whole. An empty body is not JSON, but it may be no document, or a form without fields.
    pub fn finish(self) -> Result<(Redacted, Hidden), Malformed> {
        let plan = &self.plan;
        match self.way {
            Way::Bypass => Ok((Redacted(Bytes::new()), Hidden::new(plan, &[], 0))),
            Way::Plain(reader) => finish(reader, plan, Vec::new()),
            Way::Coded(mut reader, inflate) => {
                let out = inflate.finish(|piece| reader.feed(plan, &piece))?;
                finish(reader, plan, out)
            }
            Way::Broken(error) => Err(error),
        }
    }
}

fn finish(mut reader: Reader, plan: &Plan, before: Vec<u8>) -> Result<(Redacted, Hidden), Malformed> {
    let last = reader.finish(plan)?;
    let hidden = Hidden::new(plan, reader.counts(), reader.foreign());
    reader.give_back();
    if before.is_empty() {
        return Ok((Redacted(last), hidden));
    }
    let mut out = before;
    out.extend_from_slice(&last);
    Ok((Redacted(out.into()), hidden))
}
