//! Plain text (`text/plain`): nothing in it has a name, so it is only searched for what is found by its form.
//!
//! A line leaves when its end has come; a private key, which goes over many, when its own has.
//! Never: passes a text of which something is hidden by its place: nobody can say where that stands.

use bytes::Bytes;

use crate::limits;
use crate::redact::finds;
use crate::redact::malformed::Malformed;
use crate::redact::plan::Plan;

/// How a private key begins and ends.
const BEGIN: &str = "-----BEGIN ";
const END: &str = "-----END ";
const LABEL: &str = "PRIVATE KEY";

/// The walk over a text.
#[derive(Debug, Default)]
pub(super) struct Lines {
    /// What is kept of a line, or of the lines of a private key.
    held: Vec<u8>,
    /// How much of it is known to have no line's end.
    searched: usize,
    /// Does a private key go on?
    in_key: bool,
    before: u64,
    /// How often a value of each set of classes was hidden.
    pub(super) counts: Vec<u64>,
}

impl Lines {
    /// Takes the next piece; what may leave. After an error nothing may be asked of it any more.
    pub(super) fn feed(&mut self, plan: &Plan, piece: &Bytes) -> Result<Bytes, Malformed> {
        if !plan.reads_text() {
            return Err(Malformed::Unsearchable);
        }
        let mut out = Vec::with_capacity(piece.len());
        let mut rest: &[u8] = piece;
        while let Some(end) = memchr::memchr(b'\n', rest) {
            let (line, after) = rest.split_at_checked(end + 1).unwrap_or((rest, &[]));
            self.take(line)?;
            self.line(plan, &mut out)?;
            rest = after;
        }
        self.take(rest)?;
        Ok(out.into())
    }

    /// The body has ended; what may still leave.
    pub(super) fn finish(&mut self, plan: &Plan) -> Result<Bytes, Malformed> {
        if !plan.reads_text() {
            return Err(Malformed::Unsearchable);
        }
        let mut out = Vec::new();
        self.in_key = false;
        self.leave(plan, &mut out)?;
        Ok(out.into())
    }

    fn take(&mut self, part: &[u8]) -> Result<(), Malformed> {
        if self.held.len() + part.len() > limits::MASKED_VALUE_BYTES_MAX {
            return Err(Malformed::FieldTooLong { at: self.before });
        }
        self.held.extend_from_slice(part);
        self.before += part.len() as u64;
        Ok(())
    }

    /// A line has ended.
    fn line(&mut self, plan: &Plan, out: &mut Vec<u8>) -> Result<(), Malformed> {
        let line = self.held.get(self.searched..).unwrap_or_default();
        let line = str::from_utf8(line).map_err(|_| Malformed::NotText { at: self.before })?;
        self.in_key = if self.in_key {
            !line.contains(END)
        } else {
            line.split_once(BEGIN).is_some_and(|(_, after)| after.contains(LABEL) && !after.contains(END))
        };
        self.searched = self.held.len();
        if self.in_key { Ok(()) } else { self.leave(plan, out) }
    }

    fn leave(&mut self, plan: &Plan, out: &mut Vec<u8>) -> Result<(), Malformed> {
        let text = str::from_utf8(&self.held).map_err(|_| Malformed::NotText { at: self.before })?;
        let line = text.trim_end_matches(['\r', '\n']);
        let ending = text.get(line.len()..).unwrap_or_default();
        let mut sets = Vec::new();
        match finds::masked_text(plan, line, |set| sets.push(set)) {
            Some(masked) => out.extend(masked.bytes().chain(ending.bytes())),
            None => out.extend_from_slice(&self.held),
        }
        for set in sets {
            super::places::count(&mut self.counts, plan, set);
        }
        self.held.clear();
        self.searched = 0;
        Ok(())
    }
}
