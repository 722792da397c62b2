//! Bodies of many JSON documents: one a line (NDJSON, JSON Lines), or each after a record separator (RFC 7464).
//!
//! Neither a line feed nor a record separator can stand in a JSON string, so a body is taken apart before it is read.
//!
//! Never: passes anything but white space that is no whole document of its own.

use std::sync::Arc;

use bytes::Bytes;

use crate::redact::malformed::Malformed;
use crate::redact::plan::Counts;
use crate::redact::plan::Plan;
use crate::redact::reader::add_counts;
use crate::redact::text;
use crate::redact::walk::Owns;
use crate::redact::walk::Walk;

const RECORD_SEPARATOR: u8 = 0x1e;

#[derive(Debug)]
pub(super) struct Records {
    separator: u8,
    /// Must a separator come before anything else?
    awaits: bool,
    /// The document that has begun.
    walk: Option<Walk>,
    /// How many bytes came before it.
    began: u64,
    /// How many bytes came before this piece.
    before: u64,
    /// How often a value of each set of classes was hidden.
    pub(super) counts: Vec<u64>,
    /// How many rows were another owner's.
    pub(super) foreign: u64,
    /// Which number of rows has left.
    counted: Counts,
    owner: Option<Arc<dyn Owns>>,
}

impl Records {
    pub(super) const fn lines(owner: Option<Arc<dyn Owns>>) -> Self {
        Self {
            separator: b'\n',
            awaits: false,
            walk: None,
            began: 0,
            before: 0,
            counts: Vec::new(),
            foreign: 0,
            counted: Counts::No,
            owner,
        }
    }

    pub(super) fn sequence(owner: Option<Arc<dyn Owns>>) -> Self {
        Self { separator: RECORD_SEPARATOR, awaits: true, ..Self::lines(owner) }
    }

    /// Takes the next piece; what may leave. After an error nothing may be asked of it any more.
    pub(super) fn feed(&mut self, plan: &Plan, piece: &Bytes) -> Result<Bytes, Malformed> {
        let mut out = Vec::with_capacity(piece.len());
        let mut at = 0;
        while let Some(rest) = piece.get(at..).filter(|rest| !rest.is_empty()) {
            let end = memchr::memchr(self.separator, rest);
            let to = end.map_or(piece.len(), |end| at + end);
            self.part(plan, piece, at, to, &mut out)?;
            at = to;
            if end.is_some() {
                // With a line goes its end; what is left of a sequence is an empty record, which is none.
                if self.end(plan, &mut out)? || self.separator == RECORD_SEPARATOR {
                    out.push(self.separator);
                }
                self.awaits = false;
                at += 1;
            }
        }
        self.before += piece.len() as u64;
        Ok(out.into())
    }

    /// The body has ended; what may still leave.
    pub(super) fn finish(&mut self, plan: &Plan) -> Result<Bytes, Malformed> {
        let mut out = Vec::new();
        self.end(plan, &mut out)?;
        Ok(out.into())
    }

    /// A part of one record.
    fn part(
        &mut self,
        plan: &Plan,
        piece: &Bytes,
        from: usize,
        to: usize,
        out: &mut Vec<u8>,
    ) -> Result<(), Malformed> {
        let mut at = from;
        let walk = match &mut self.walk {
            Some(walk) => walk,
            None => {
                at = text::skip_space(piece.get(..to).unwrap_or_default(), from);
                out.extend_from_slice(piece.get(from..at).unwrap_or_default());
                if at == to {
                    return Ok(());
                }
                self.began = self.before + at as u64;
                if self.awaits {
                    return Err(Malformed::NotJson { at: self.began });
                }
                let walk = Walk::of_owner(plan, self.owner.as_ref());
                self.walk.insert(walk.goes_on((self.foreign, self.counted)))
            }
        };
        let began = self.began;
        out.extend_from_slice(&walk.feed(plan, &piece.slice(at..to)).map_err(|error| error.after(began))?);
        Ok(())
    }

    /// A record has ended, which may be an empty one. Has it left?
    fn end(&mut self, plan: &Plan, out: &mut Vec<u8>) -> Result<bool, Malformed> {
        let Some(mut walk) = self.walk.take() else { return Ok(true) };
        out.extend_from_slice(&walk.finish(plan).map_err(|error| error.after(self.began))?);
        add_counts(&mut self.counts, &walk.counts);
        (self.foreign, self.counted) = walk.so_far();
        Ok(!walk.is_gone)
    }
}
