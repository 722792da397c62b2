//! Texts of a message of which nothing is hidden as such: the document that one may hold, and what is found by its form.
//!
//! Each is read as JSON would write it where it stands, by the walk over JSON, so that both agree.
//!
//! Never: changes a text in which nothing is hidden.

use std::borrow::Cow;

use bytes::Bytes;

use crate::limits;
use crate::redact::automaton::StateIx;
use crate::redact::field::spelled;
use crate::redact::finds;
use crate::redact::malformed::Malformed;
use crate::redact::mask;
use crate::redact::reader::add_counts;
use crate::redact::walk::Walk;

use super::rewrite::Here;
use super::rewrite::Rewrite;

impl Rewrite<'_> {
    /// What a text, or bytes that may be one, becomes; `None` where it stays.
    pub(super) fn searched(&mut self, bytes: &[u8], here: Here<'_>) -> Result<Option<Vec<u8>>, Malformed> {
        let plan = self.plan;
        let may_find = || {
            plan.detectors.may_hold(bytes, 0, bytes.len())
                || bytes.len() > limits::MASKED_VALUE_BYTES_MAX
                || plan.detectors.may_be_secret(bytes, here.key.as_bytes())
        };
        let is_read = here.places.reads(plan) || plan.looks && may_begin_a_document(bytes);
        if self.is_hidden || !(is_read || plan.finds && may_find()) {
            return Ok(None);
        }
        let text = String::from_utf8_lossy(bytes);
        let mut left: Option<String> = None;
        for state in here.places.states() {
            if let Some(next) = self.walked(*state, here.key, left.as_deref().unwrap_or(&text))? {
                left = Some(next);
            }
        }
        Ok(left.map(|left| match text {
            Cow::Borrowed(_) => left.into_bytes(),
            // Bytes that are no text have no part that could stay.
            Cow::Owned(_) => Vec::new(),
        }))
    }

    /// What a text becomes by one reading of where it stands.
    fn walked(&mut self, state: StateIx, key: &str, text: &str) -> Result<Option<String>, Malformed> {
        let mut walk = Walk::of_text(self.plan, state, key, self.owner);
        let document = Bytes::from(mask::quoted(text));
        let walked = walk.feed(self.plan, &document).and_then(|out| {
            let last = walk.finish(self.plan)?;
            Ok(if last.is_empty() { out } else { [out, last].concat().into() })
        });
        self.tally.foreign += walk.foreign;
        self.disown(walk.foreign > 0);
        let out = match walked {
            Ok(out) => out,
            // The row around it goes, and this with it.
            Err(Malformed::ForeignRow { .. }) if self.row.is_some() => return Ok(None),
            Err(Malformed::ForeignRow { .. }) => return Err(Malformed::ForeignRow { at: self.at }),
            Err(_) => return Err(self.bad()),
        };
        if out == document {
            return Ok(None);
        }
        let counts = self.row.as_mut().map_or(&mut self.tally.counts, |row| &mut row.counts);
        add_counts(counts, &walk.counts);
        Ok(Some(spelled(&out)))
    }

    /// The key of a map, but for what is found in it.
    pub(super) fn key(&mut self, text: &str) -> Option<String> {
        if !self.plan.finds || self.is_hidden {
            return None;
        }
        let mut sets = Vec::new();
        let left = finds::masked_text(self.plan, text, |set| sets.push(set));
        sets.into_iter().for_each(|set| self.count(set));
        left
    }
}

/// Do bytes begin like a document that holds others?
fn may_begin_a_document(mut bytes: &[u8]) -> bool {
    loop {
        bytes = match bytes {
            [b' ' | b'\t' | b'\n' | b'\r', rest @ ..] | [0xef, 0xbb, 0xbf, rest @ ..] => rest,
            // What is encoded twice begins with a quote.
            _ => return matches!(bytes.first(), Some(b'{' | b'[' | b'"')),
        };
    }
}
