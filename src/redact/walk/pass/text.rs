//! What is searched of keys and texts in a pass: those in which nothing is found stay, and what is found is replaced.
//!
//! Never: passes over a text that may hold a document.

use crate::redact::detect::Detectors;
use crate::redact::detect::Hint;
use crate::redact::detect::Key;
use crate::redact::symbols::SHORT;
use crate::redact::walk::Walk;
use crate::redact::walk::pass::Pass;
use crate::redact::walk::pass::hit::MASKS;

impl<'i> Pass<'i> {
    /// Is nothing found in the key between these quotes?
    #[inline(never)]
    pub(super) fn key_stays(&mut self, walk: &mut Walk, open: usize, close: usize) -> bool {
        let length = close.wrapping_sub(open + 1);
        let known = self.window.get(open + 1..).and_then(|rest| rest.first_chunk());
        if known.is_some_and(|window| walk.is_known_quiet(window, length)) {
            return true;
        }
        self.eyed = self.index.eyed_from(close);
        let sight = self.index.sight(open + 1, close);
        if !sight.may_hold() {
            return true;
        }
        let key = self.window.get(open + 1..close).unwrap_or_default();
        let (place, none) = ((self.index.glance(), open + 1), Key::new(b""));
        let is_nothing = self.plan.detectors.is_nothing(key, place, sight, &none);
        walk.is_quiet_key(self.plan, key, is_nothing)
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
        let Some(text) = self.window.get(open + 1..close) else { return false };
        // One that ends in no token is not whole.
        if self.byte(close) != b'"' {
            return false;
        }
        self.eyed = self.index.eyed_from(close);
        if self.plan.looks && matches!(text.first(), Some(b'{' | b'[' | b'\\' | b' ' | 0xef)) {
            return false;
        }
        if !may_be_secret && self.is_nothing(walk, text, (open, close)) {
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
        true
    }

    /// Is nothing found in the text between these quotes, which is no secret?
    #[inline(always)]
    fn is_nothing(&self, walk: &mut Walk, text: &[u8], (open, close): (usize, usize)) -> bool {
        let (sight, is_odd) = (self.index.sight(open + 1, close), self.index.is_odd(open, close));
        if !sight.may_hold() && !is_odd || Detectors::is_common(text) {
            return true;
        }
        // What escapes stand for is found elsewhere.
        if is_odd && memchr::memchr(b'\\', text).is_some() {
            return false;
        }
        // Of a number it is asked more than once.
        let is_number = text.first().is_some_and(u8::is_ascii_digit);
        let says =
            self.short_key().and_then(|key| if is_number { Some(walk.says(key)) } else { walk.said(key) });
        let key = Key::known(self.last_key(walk), says);
        let place = (self.index.glance(), open + 1);
        self.plan.detectors.is_nothing(text, place, sight, &key)
    }

    /// May the text between these quotes be a secret that its key speaks of? No glance sees that.
    #[inline(always)]
    pub(super) fn may_be_secret(&self, walk: &mut Walk, open: usize, close: usize) -> bool {
        let text = self.window.get(open + 1..close).unwrap_or_default();
        self.plan.detectors.may_be_secret_of_some_key(text) && self.is_perhaps_secret(walk, text)
    }

    #[inline(never)]
    fn is_perhaps_secret(&self, walk: &mut Walk, text: &[u8]) -> bool {
        let speaks = match self.short_key() {
            Some(short) => walk.says(short).has(Hint::SECRET),
            None => Key::new(self.last_key(walk)).may_speak_of_secrets(),
        };
        speaks && Detectors::may_be_random(text)
    }

    /// The bytes of the last key, if that is short and not one before the pass.
    #[inline(always)]
    fn short_key(&self) -> Option<u128> {
        let (from, to) = self.key?;
        let sixteen = self.window.get(from..from + SHORT)?.first_chunk()?;
        Some(u128::from_le_bytes(*sixteen) & MASKS.get(to.wrapping_sub(from))?)
    }

    #[inline(always)]
    fn last_key<'k>(&self, walk: &'k Walk) -> &'k [u8]
    where
        'i: 'k,
    {
        match self.key {
            Some((from, to)) => self.window.get(from..to).unwrap_or_default(),
            None => walk.last_key.raw(self.bytes),
        }
    }
}
