//! Documents in strings, which are read as if they stood where the string does.
//!
//! Never: lets out a string that a lax parser may find a classified member in, or goes deeper than
//! [`limits::JSON_IN_STRINGS_MAX`].

use bytes::Bytes;

use crate::limits;
use crate::redact::automaton::StateIx;
use crate::redact::malformed::Malformed;
use crate::redact::plan::Plan;
use crate::redact::reader::add_counts;
use crate::redact::text;
use crate::redact::walk::Walk;

impl Walk {
    /// Reads the document that a string holds. `None` if it must not leave.
    pub(super) fn document(
        &mut self,
        plan: &Plan,
        from: StateIx,
        is_declared: bool,
        text: String,
        at: usize,
    ) -> Result<Option<Read>, Malformed> {
        if text.trim_start_matches(SPACES).is_empty() || !is_declared && !may_hold_a_document(&text) {
            return Ok(Some(Read::Same));
        }
        if self.level >= limits::JSON_IN_STRINGS_MAX {
            return Ok(None);
        }
        let mut walk = Self::at(plan, from).goes_on(self.so_far());
        walk.level = self.level + 1;
        walk.last_key = self.last_key.of_inner();
        walk.owner.clone_from(&self.owner);
        // Quotes around a text are mostly just that.
        let is_maybe_quoted = !is_declared && !begins_a_document(&text);
        let document = Bytes::from(text);
        let walked = walk.feed(plan, &document).and_then(|out| Ok([out, walk.finish(plan)?].concat()));
        let (foreign, counted) = walk.so_far();
        let is_gone = walk.is_gone;
        let is_refused = matches!(walked, Err(Malformed::ForeignRow { .. }));
        // A row goes with each row that stands in a string of it.
        if let Some(row) = &mut self.row {
            row.is_foreign |= foreign > self.foreign;
        } else if is_refused {
            return Err(Malformed::ForeignRow { at: self.position(at) });
        } else {
            (self.foreign, self.counted) = (foreign, counted);
        }
        Ok(match walked {
            Ok(_) if is_gone => None,
            Ok(out) if *out == *document => Some(Read::Same),
            Ok(out) => {
                let counts = self.row.as_mut().map_or(&mut self.counts, |row| &mut row.counts);
                add_counts(counts, &walk.counts);
                String::from_utf8(out).ok().map(Read::Other)
            }
            // Text that is no JSON stays, unless a lax parser may find something in it.
            Err(_) if is_maybe_quoted || !plan.shape.may_be_named_in(&document) => Some(Read::Same),
            Err(_) => None,
        })
    }
}

/// Does a string that is no text begin like a document? Some would read it all the same.
pub(super) fn may_begin_a_document(raw: &[u8]) -> bool {
    let half = raw.windows(3).position(|bytes| matches!(bytes, [b'\\', b'u', b'd' | b'D']));
    let before = raw.get(..half.unwrap_or(raw.len())).unwrap_or_default();
    text::unescape(before).is_none_or(|text| may_hold_a_document(&text))
}

/// Does a text begin like a document that holds others? A string may hold one that was encoded twice.
pub(in crate::redact) fn may_hold_a_document(text: &str) -> bool {
    text.trim_start_matches(SPACES).starts_with(['{', '[', '"'])
}

/// Does a text begin like an object or an array?
pub(super) fn begins_a_document(text: &str) -> bool {
    text.trim_start_matches(SPACES).starts_with(['{', '['])
}

/// What may stand before a document.
const SPACES: [char; 5] = [' ', '\t', '\n', '\r', '\u{feff}'];

/// What a string is once the document in it is read.
pub(super) enum Read {
    Same,
    Other(String),
}
