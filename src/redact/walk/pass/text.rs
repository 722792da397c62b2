//! What is searched of keys and texts in a pass: those in which nothing is found stay, and what is found is replaced.
//!
//! Never: passes over a text that may hold a document.

use crate::redact::walk::Walk;
use crate::redact::walk::pass::Pass;

impl<'i> Pass<'i> {
    /// Is nothing found in the key between these quotes?
    #[inline(never)]
    pub(super) fn key_stays(&mut self, walk: &mut Walk, open: usize, close: usize) -> bool {
        self.eyed = self.index.eyed_from(open + 1);
        if self.eyed >= close || !self.index.may_hold(open + 1, close) {
            return true;
        }
        let key = self.window.get(open + 1..close).unwrap_or_default();
        walk.is_quiet_key(self.plan, key)
    }

    /// Is the text between these quotes passed over, and what is found in it replaced? It has so many tokens, with those
    /// before it, and stands in what this bracket ends.
    #[inline(never)]
    pub(super) fn text_stays(
        &mut self,
        walk: &mut Walk,
        (open, close): (usize, usize),
        may_be_secret: bool,
        (tokens, bracket): (usize, u8),
    ) -> bool {
        self.eyed = self.index.eyed_from(open + 1);
        let Some(text) = self.window.get(open + 1..close) else { return false };
        if self.plan.looks && matches!(text.first(), Some(b'{' | b'[' | b'\\' | b' ' | 0xef)) {
            return false;
        }
        let is_eyed = || {
            self.index.may_hold(open + 1, close)
                || self.index.is_odd(open, close) && memchr::memchr(b'\\', text).is_some()
        };
        if !may_be_secret && (self.eyed >= close || !is_eyed()) {
            return true;
        }
        // What is changed must be passed over at once.
        let is_end = |byte: u8| byte == b',' || byte == bracket;
        let byte = self.byte(close + 1);
        if walk.output.is_holding() || !is_end(byte) && !is_end(self.byte(self.behind(byte, tokens))) {
            return false;
        }
        let from = self.index.from;
        if let Some((open, close)) = self.key {
            walk.last_key.stands_at(from + open, from + close);
        }
        walk.find_in(self.plan, self.bytes, from + open + 1, from + close);
        // It is passed, and looked at no more.
        self.eyed = self.index.eyed_from(close);
        true
    }

    /// May the text between these quotes be a secret that its key speaks of? No glance sees that.
    #[inline(always)]
    pub(super) fn may_be_secret(&self, open: usize, close: usize) -> bool {
        let text = self.window.get(open + 1..close).unwrap_or_default();
        self.plan.detectors.may_be_secret(text, self.last_key())
    }

    #[inline(always)]
    fn last_key(&self) -> &'i [u8] {
        let here = |(from, to)| self.window.get(from..to).unwrap_or_default();
        self.key.map_or(self.before, here)
    }
}
