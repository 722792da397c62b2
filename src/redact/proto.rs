//! Protocol Buffers: one message (`application/x-protobuf`), or those of gRPC, each behind its length.
//!
//! A message is looked up field by field, as its JSON would be: by its names and by what its descriptor says of it.
//! It leaves when it is whole, for its length may change. Fields that the descriptors do not know are left out.
//!
//! Never: passes a field that it does not know, a group, or bytes that are no message.

mod again;
mod descriptor;
mod entry;
mod rewrite;
mod rows;
mod shape;
mod text;
mod value;
mod wire;

use std::sync::Arc;

use bytes::Bytes;

use crate::limits;
use crate::redact::coding::Inflate;
use crate::redact::malformed::Malformed;
use crate::redact::plan::Plan;
use crate::redact::reader::Encoding;
use crate::redact::reader::add_counts;
use crate::redact::walk::Owns;
use rewrite::Rewrite;

pub use descriptor::BadDescriptors;
pub use descriptor::CLASS_OPTION;
pub use descriptor::Descriptors;
pub(super) use descriptor::Messages;
pub use descriptor::Unknown;

/// The flag and the length before a message of gRPC.
const PREFIX_BYTES: usize = 5;

/// What was hidden in messages.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// How often a value of each set of classes was hidden.
    pub(super) counts: Vec<u64>,
    /// How many rows were another owner's.
    pub(super) foreign: u64,
}

#[derive(Debug)]
pub(super) struct Proto {
    /// Of messages behind their lengths, how those are encoded that say so.
    framed: Option<Encoding>,
    /// Whose rows may stay. Without it no row is looked at.
    owner: Option<Arc<dyn Owns>>,
    /// What has come and is not yet gone.
    held: Vec<u8>,
    /// How many bytes came before it.
    before: u64,
    pub(super) tally: Tally,
}

impl Proto {
    /// One message that is the whole body.
    pub(super) fn bare(owner: Option<&Arc<dyn Owns>>) -> Self {
        Self { framed: None, owner: owner.cloned(), held: Vec::new(), before: 0, tally: Tally::default() }
    }

    /// Messages of gRPC.
    pub(super) fn framed(encoding: Encoding, owner: Option<&Arc<dyn Owns>>) -> Self {
        Self { framed: Some(encoding), ..Self::bare(owner) }
    }

    /// Takes the next piece; what may leave. After an error nothing may be asked of it any more.
    pub(super) fn feed(&mut self, plan: &Plan, piece: &Bytes) -> Result<Bytes, Malformed> {
        self.held.extend_from_slice(piece);
        let Some(encoding) = self.framed else {
            self.bounded(self.held.len())?;
            return Ok(Bytes::new());
        };
        let (mut out, mut at) = (Vec::new(), 0);
        let mut held = std::mem::take(&mut self.held);
        while let Some(([flag, length @ ..], rest)) =
            held.get(at..).and_then(|rest| rest.split_first_chunk::<PREFIX_BYTES>())
        {
            let length = usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX);
            self.bounded(length)?;
            let Some(message) = rest.get(..length) else { break };
            let left = match flag {
                0 => self.rewritten(plan, message)?,
                1 => self.rewritten(plan, &self.inflated(encoding, message)?)?,
                _ => return Err(self.bad()),
            };
            if let Some(left) = left {
                // What leaves is not compressed.
                out.push(0);
                out.extend_from_slice(&u32::try_from(left.len()).map_err(|_| self.bad())?.to_be_bytes());
                out.extend_from_slice(&left);
                if out.len() > limits::PROTOBUF_REWRITTEN_MAX {
                    return Err(Malformed::MessageTooLong { at: self.before });
                }
            }
            let gone = PREFIX_BYTES + length;
            at += gone;
            self.before += gone as u64;
        }
        held.drain(..at);
        self.held = held;
        Ok(out.into())
    }

    /// The body has ended; what may still leave.
    pub(super) fn finish(&mut self, plan: &Plan) -> Result<Bytes, Malformed> {
        let held = std::mem::take(&mut self.held);
        match self.framed {
            None => Ok(self.rewritten(plan, &held)?.unwrap_or_default().into()),
            Some(_) if held.is_empty() => Ok(Bytes::new()),
            Some(_) => Err(Malformed::Truncated),
        }
    }

    const fn bad(&self) -> Malformed {
        Malformed::NotProtobuf { at: self.before }
    }

    fn bounded(&self, length: usize) -> Result<(), Malformed> {
        let at = self.before;
        if length > limits::PROTOBUF_BYTES_MAX { Err(Malformed::MessageTooLong { at }) } else { Ok(()) }
    }

    fn inflated(&self, encoding: Encoding, message: &[u8]) -> Result<Vec<u8>, Malformed> {
        let mut inflate = Inflate::new(encoding).ok_or(self.bad())?;
        let mut plain = Vec::new();
        let mut add = |piece: Bytes| {
            plain.extend_from_slice(&piece);
            if plain.len() > limits::PROTOBUF_BYTES_MAX { Err(Malformed::Inflates) } else { Ok(Bytes::new()) }
        };
        inflate.feed(message, &mut add)?;
        inflate.finish(&mut add)?;
        Ok(plain)
    }

    /// A message as it may be seen; `None` where it is another owner's, and one of many.
    fn rewritten(&mut self, plan: &Plan, message: &[u8]) -> Result<Option<Vec<u8>>, Malformed> {
        // Without descriptors nothing can be told of a message.
        let messages = plan.shape.protobuf.as_ref().ok_or(self.bad())?;
        let (owner, at) = (self.owner.as_ref(), self.before);
        let mut tally = Tally::default();
        let mut rewrite = Rewrite::new(plan, messages, owner, at, &mut tally);
        let is_item = self.framed.is_some();
        let mut left = rewrite.root(message, is_item)?;
        if rewrite.is_counted && tally.foreign > 0 {
            // Only now is known how many rows each number counts too many, wherever it stands.
            let taken = std::mem::take(&mut tally).foreign;
            let mut rewrite = Rewrite::new(plan, messages, owner, at, &mut tally);
            rewrite.taken = taken;
            left = rewrite.root(message, is_item)?;
        }
        add_counts(&mut self.tally.counts, &tally.counts);
        self.tally.foreign += tally.foreign;
        Ok(left)
    }
}
