//! The tokens of the walk: keys, strings, numbers, literals. Each goes on where the piece before it ended.
//!
//! Never: decides what is hidden.

use crate::limits;
use crate::redact::automaton::DEAD;
use crate::redact::malformed::Malformed;
use crate::redact::plan::Plan;
use crate::redact::text;
use crate::redact::text::Number;
use crate::redact::text::Owed;
use crate::redact::walk::Place;
use crate::redact::walk::Walk;

impl Walk {
    /// The rest of a byte order mark.
    pub(super) fn mark(&mut self, bytes: &[u8], at: usize, rest: &'static [u8]) -> Result<usize, Malformed> {
        match rest.split_first() {
            Some((first, rest)) if bytes.get(at) == Some(first) => {
                self.output.skip_byte(bytes, at);
                self.place = if rest.is_empty() { Place::Value } else { Place::Mark(rest) };
                Ok(at + 1)
            }
            Some(_) | None => Err(self.not_json(at)),
        }
    }

    pub(super) fn key(&mut self, plan: &Plan, bytes: &[u8], from: usize) -> Result<usize, Malformed> {
        let end = text::plain_run(bytes, from);
        let raw = bytes.get(from..end).unwrap_or_default();
        // A piece may end before the first byte of a key: then the key is held, though nothing of it has come.
        let is_whole = self.key.is_empty() && !self.key_escape && self.last_key.held.is_none();
        let is_plain = is_whole && bytes.get(end) == Some(&b'"');
        if !is_plain {
            return self.odd_key(plan, bytes, from);
        }
        if raw.len() > limits::JSON_KEY_BYTES_MAX {
            return Err(Malformed::KeyTooLong { at: self.position(end) });
        }
        self.next = if self.top.state == DEAD { DEAD } else { plan.shape.member(self.top.state, raw) };
        if plan.finds {
            self.find_in_key(plan, bytes, plan.detectors.may_hold(bytes, from, end), from, end)?;
        }
        self.place = Place::Colon;
        if bytes.get(end + 1) == Some(&b':') {
            self.place = Place::Value;
            return Ok(end + 2);
        }
        Ok(end + 1)
    }

    /// A key with an escape, with other letters than ASCII, or in several pieces.
    fn odd_key(&mut self, plan: &Plan, bytes: &[u8], from: usize) -> Result<usize, Malformed> {
        let rest = bytes.get(from..).unwrap_or_default();
        let end = rest.iter().position(|byte| {
            let is_end = *byte == b'"' && !self.key_escape;
            self.key_escape = *byte == b'\\' && !self.key_escape;
            is_end
        });
        let raw = rest.get(..end.unwrap_or(rest.len())).unwrap_or_default();
        let at = from + raw.len();
        if self.key.len() + raw.len() > limits::JSON_KEY_BYTES_MAX {
            return Err(Malformed::KeyTooLong { at: self.position(at) });
        }
        self.key.extend_from_slice(raw);
        if end.is_none() {
            if plan.finds {
                self.hold_key(from);
            }
            return Ok(at);
        }
        let bad = Malformed::BadKey { at: self.position(at) };
        let key = text::unescape(&self.key).ok_or(bad)?;
        self.next = DEAD;
        if self.top.state != DEAD {
            self.next = plan.shape.member(self.top.state, key.as_bytes());
            // Clients written in C end the key at its first NUL. Where that would be another field, nobody can say
            // which of the two this value is.
            if let Some((before, _)) = key.split_once('\0')
                && plan.shape.member(self.top.state, before.as_bytes()) != self.next
            {
                return Err(bad);
            }
        }
        if plan.finds {
            self.find_in_odd_key(plan, bytes, &key, from, at)?;
        }
        self.place = Place::Colon;
        Ok(at + 1)
    }

    pub(super) fn colon(&mut self, bytes: &[u8], at: usize) -> Result<usize, Malformed> {
        let at = text::skip_space(bytes, at);
        match bytes.get(at) {
            None => Ok(at),
            Some(b':') => {
                self.place = Place::Value;
                Ok(at + 1)
            }
            Some(_) => Err(self.not_json(at)),
        }
    }

    pub(super) fn string(&mut self, plan: &Plan, bytes: &[u8], from: usize) -> Result<usize, Malformed> {
        let mut at = from;
        if self.look_later && from < bytes.len() {
            self.look_later = false;
            self.look(plan, bytes, from);
        }
        loop {
            if self.owed == Owed::Nothing {
                at = text::plain_run(bytes, at);
            }
            match bytes.get(at) {
                None => {
                    if plan.finds && !self.look_later {
                        self.keep_back(bytes, from);
                    }
                    self.capture(bytes, from, at);
                    return Ok(at);
                }
                Some(b'"') if self.owed == Owed::Nothing => {
                    self.capture(bytes, from, at);
                    if plan.finds {
                        self.find(plan, bytes, from, at);
                    }
                    self.value_end(plan, bytes, at + 1)?;
                    return Ok(at + 1);
                }
                Some(byte) => self.owed = self.owed.after(*byte).ok_or(self.not_json(at))?,
            }
            at += 1;
        }
    }

    pub(super) fn number(&mut self, plan: &Plan, bytes: &[u8], from: usize) -> Result<usize, Malformed> {
        let mut at = from;
        let mut number = self.number;
        let mut ended = false;
        while let Some(byte) = bytes.get(at) {
            match number.after(*byte) {
                Some(next) => {
                    number = next;
                    if matches!(number, Number::Whole | Number::Fraction) {
                        // Most of a number is digits, after which it is where it was.
                        while bytes.get(at + 1).is_some_and(u8::is_ascii_digit) {
                            at += 1;
                        }
                    }
                }
                None if number.is_whole() => {
                    ended = true;
                    break;
                }
                None => return Err(self.not_json(at)),
            }
            at += 1;
        }
        self.number = number;
        self.number_bytes += at - from;
        if self.number_bytes > limits::JSON_NUMBER_BYTES_MAX {
            return Err(Malformed::NumberTooLong { at: self.position(at) });
        }
        self.capture(bytes, from, at);
        if ended {
            self.value_end(plan, bytes, at)?;
        }
        Ok(at)
    }

    pub(super) fn literal(
        &mut self,
        plan: &Plan,
        bytes: &[u8],
        mut at: usize,
        mut rest: &'static [u8],
    ) -> Result<usize, Malformed> {
        while let Some((first, others)) = rest.split_first() {
            match bytes.get(at) {
                Some(byte) if byte == first => at += 1,
                Some(_) => return Err(self.not_json(at)),
                None => {
                    self.place = Place::InLiteral(rest);
                    return Ok(at);
                }
            }
            rest = others;
        }
        self.value_end(plan, bytes, at)?;
        Ok(at)
    }

    /// Keeps a part of the value that a mask has to look at.
    #[inline]
    pub(super) fn capture(&mut self, bytes: &[u8], from: usize, to: usize) {
        if let Some(captured) = &mut self.captured {
            captured.add(bytes.get(from..to).unwrap_or_default());
        }
    }
}
