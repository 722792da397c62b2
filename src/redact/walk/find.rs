//! Strings and keys of which nothing is said: what is found in them by its form is replaced.
//!
//! A string that is whole in its piece is looked at where it stands; one that is cut is kept back to its end. Both are
//! hidden whole beyond the bound of what is looked at, so that the cuts change nothing.
//! Never: looks into what is hidden already.

use crate::limits;
use crate::redact::finds;
use crate::redact::malformed::Malformed;
use crate::redact::mask;
use crate::redact::plan::Plan;
use crate::redact::walk::NOWHERE;
use crate::redact::walk::Walk;
use crate::redact::walk::index::Index;

/// The last key of the document: values are judged by it as well.
#[derive(Debug, Default)]
pub(super) struct LastKey {
    /// Where it stands in this piece; nowhere if it ended in an earlier one.
    pub(super) at: Option<(usize, usize)>,
    pub(super) text: Vec<u8>,
    /// How many bytes were held before it, if it began in an earlier piece, and whether only for its own sake.
    pub(super) held: Option<(usize, bool)>,
}

impl LastKey {
    pub(super) fn raw<'k>(&'k self, bytes: &'k [u8]) -> &'k [u8] {
        let here = |(from, to)| bytes.get(from..to).unwrap_or_default();
        self.at.map_or(self.text.as_slice(), here)
    }

    /// It stands between these places of the piece.
    pub(super) const fn stands_at(&mut self, from: usize, to: usize) {
        self.at = Some((from, to));
    }

    /// A key that stands in no document.
    pub(super) fn of(key: &str) -> Self {
        Self { at: None, text: key.as_bytes().to_vec(), held: None }
    }

    /// What the document in a string knows of the keys around it.
    pub(super) fn of_inner(&self) -> Self {
        Self { at: None, text: self.text.clone(), held: None }
    }

    /// The piece ends; the key is kept.
    pub(super) fn keep(&mut self, bytes: &[u8]) {
        if let Some((from, to)) = self.at.take() {
            self.text.clear();
            self.text.extend_from_slice(bytes.get(from..to).unwrap_or_default());
        }
    }
}

impl Walk {
    /// Looks at a string that stands whole between these places, which the index has seen.
    #[inline]
    pub(super) fn find_indexed(&mut self, plan: &Plan, bytes: &[u8], index: &Index, from: usize, to: usize) {
        let (near, far) = (from - index.from, to - index.from);
        if self.hidden_at == NOWHERE
            && self.may_hold(plan, bytes, index.may_hold(near, far), index.is_odd(near, far), from, to)
        {
            self.find_in(plan, bytes, from, to);
        }
    }

    /// Looks at a string that stands whole between these places.
    pub(super) fn find(&mut self, plan: &Plan, bytes: &[u8], from: usize, to: usize) {
        if self.hidden_at == NOWHERE {
            let glance = plan.detectors.may_hold(bytes, from, to);
            if self.may_hold(plan, bytes, glance, true, from, to) {
                self.find_in(plan, bytes, from, to);
            }
        }
    }

    /// May something be found that a glance does not see, or did it see something?
    #[inline]
    fn may_hold(
        &self,
        plan: &Plan,
        bytes: &[u8],
        glance: bool,
        is_odd: bool,
        from: usize,
        to: usize,
    ) -> bool {
        let text = bytes.get(from..to).unwrap_or_default();
        glance
            || text.len() > limits::MASKED_VALUE_BYTES_MAX
            || is_odd && memchr::memchr(b'\\', text).is_some()
            || plan.detectors.may_be_secret(text, self.last_key.raw(bytes))
    }

    /// Looks into a string that stands whole between these places.
    #[cold]
    pub(super) fn find_in(&mut self, plan: &Plan, bytes: &[u8], from: usize, to: usize) {
        let text = bytes.get(from..to).unwrap_or_default();
        if let Some(masked) = self.found_in(plan, bytes, text, text.len() > limits::MASKED_VALUE_BYTES_MAX) {
            self.output.hide(bytes, from);
            self.output.replacement(bytes).extend_from_slice(&masked);
            self.output.resume(to);
        }
    }

    /// What replaces the inside of a string, if something is found in it or it is too long to be looked at.
    pub(super) fn found_in(
        &mut self,
        plan: &Plan,
        bytes: &[u8],
        text: &[u8],
        is_long: bool,
    ) -> Option<Vec<u8>> {
        let mut sets = Vec::new();
        let masked = if is_long {
            sets.push(plan.detected_most());
            Some(mask::REDACTED.as_bytes().to_vec())
        } else {
            finds::masked(plan, text, self.last_key.raw(bytes), |set| sets.push(set))
        };
        for set in sets {
            self.count(plan, set);
        }
        masked
    }

    /// A key stands whole between these places.
    #[inline]
    pub(super) fn find_in_key(
        &mut self,
        plan: &Plan,
        bytes: &[u8],
        glance: bool,
        from: usize,
        to: usize,
    ) -> Result<(), Malformed> {
        self.last_key.at = Some((from, to));
        if !glance || self.hidden_at != NOWHERE {
            return Ok(());
        }
        let text = bytes.get(from..to).unwrap_or_default();
        self.end_key(plan, bytes, text, from, to)
    }

    /// A key goes on in the next piece: what follows from `from` on is held until it ends.
    pub(super) fn hold_key(&mut self, from: usize) {
        if self.hidden_at == NOWHERE && self.last_key.held.is_none() {
            let is_own = !self.output.is_holding();
            if is_own {
                self.output.hold(from, false);
            }
            self.last_key.held = Some((self.output.held_before(from), is_own));
        }
    }

    /// A key with escapes or from several pieces ends before `to`; of this piece it has what follows from `from` on.
    pub(super) fn find_in_odd_key(
        &mut self,
        plan: &Plan,
        bytes: &[u8],
        key: &str,
        from: usize,
        to: usize,
    ) -> Result<(), Malformed> {
        self.last_key.at = None;
        self.last_key.text.clear();
        self.last_key.text.extend_from_slice(key.as_bytes());
        if self.hidden_at != NOWHERE {
            return Ok(());
        }
        let raw = std::mem::take(&mut self.key);
        let ended = self.end_key(plan, bytes, &raw, from, to);
        self.key = raw;
        ended
    }

    fn end_key(
        &mut self,
        plan: &Plan,
        bytes: &[u8],
        raw: &[u8],
        from: usize,
        to: usize,
    ) -> Result<(), Malformed> {
        let mut sets = Vec::new();
        let masked = finds::masked(plan, raw, b"", |set| sets.push(set));
        for set in sets {
            self.count(plan, set);
        }
        if masked.is_some() {
            self.hold_key(from);
        }
        let Some((before, is_own)) = self.last_key.held.take() else { return Ok(()) };
        if let Some(masked) = masked {
            self.output.rewrite_held(bytes, before, to, &masked);
        }
        if is_own {
            return self.output.keep(bytes, to, false).map_err(|why| self.too_much(why, to));
        }
        Ok(())
    }
}
