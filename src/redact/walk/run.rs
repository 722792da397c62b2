//! The walk from token to token, where the index says where they are.
//!
//! It does what the walk byte by byte does, for tokens that are whole and plain; before one that is not it stops, and that
//! walk goes on. So both give the same output and the same errors wherever a body is cut (`tests::laws`).
//! Never: passes over a byte that the index has not looked at.

use crate::limits;
use crate::redact::automaton::DEAD;
use crate::redact::malformed::Malformed;
use crate::redact::plan::Plan;
use crate::redact::walk::Kind;
use crate::redact::walk::Place;
use crate::redact::walk::Walk;
use crate::redact::walk::index::Index;
use crate::redact::walk::index::Tokens;

/// How a step ended.
enum Step {
    /// Whole; what follows begins here.
    To(usize),
    /// Not taken: the walk byte by byte goes on here.
    Stop(usize),
}

impl Place {
    /// Is no token open here?
    #[inline]
    pub(super) const fn is_between(self) -> bool {
        matches!(self, Self::After | Self::Key | Self::FirstKey | Self::Value | Self::FirstItem)
    }
}

impl Walk {
    /// Walks from `from`, where no token is open, as far as tokens are whole and plain; where it stopped.
    pub(super) fn run(
        &mut self,
        plan: &Plan,
        bytes: &[u8],
        index: &Index,
        from: usize,
    ) -> Result<usize, Malformed> {
        // What follows a number or a literal without anything between would be part of it to the index.
        if !matches!(bytes.get(from), Some(b' ' | b'\n' | b'\r' | b'\t'))
            && index.tokens(from).next() != Some(from)
        {
            return Ok(from);
        }
        let mut tokens = index.tokens(from);
        let mut at = from;
        while let Some(next) = tokens.next()
            && let Some(first) = bytes.get(next).copied()
        {
            let step = match self.place {
                Place::After => self.run_after(plan, bytes, next, first)?,
                Place::Key | Place::FirstKey => self.run_key(plan, bytes, index, &mut tokens, next)?,
                Place::Value | Place::FirstItem => {
                    self.run_value(plan, bytes, index, &mut tokens, next, first)?
                }
                Place::Start
                | Place::Mark(_)
                | Place::InKey
                | Place::Colon
                | Place::InString
                | Place::InNumber
                | Place::InLiteral(_) => return Ok(at),
            };
            match step {
                Step::To(end) => at = end,
                Step::Stop(here) => return Ok(here),
            }
        }
        Ok(at)
    }

    #[inline]
    fn run_after(&mut self, plan: &Plan, bytes: &[u8], at: usize, first: u8) -> Result<Step, Malformed> {
        match (first, self.top.kind) {
            (b',', Kind::Object) => {
                if self.top.holds {
                    self.output.hold(at, true);
                }
                self.place = Place::Key;
                Ok(Step::To(at + 1))
            }
            (b',', Kind::Array) => {
                if self.top.rows {
                    self.output.pend(bytes, at);
                }
                self.next = self.top.state;
                self.place = Place::Value;
                Ok(Step::To(at + 1))
            }
            (b'}', Kind::Object) => self.close(plan, bytes, at, Kind::Object).map(Step::To),
            (b']', Kind::Array) => self.close(plan, bytes, at, Kind::Array).map(Step::To),
            _ => Err(self.not_json(at)),
        }
    }

    /// A key and its colon. The end of an empty object, and what is wrong, is left to the walk byte by byte.
    #[inline]
    fn run_key(
        &mut self,
        plan: &Plan,
        bytes: &[u8],
        index: &Index,
        tokens: &mut Tokens<'_>,
        at: usize,
    ) -> Result<Step, Malformed> {
        if bytes.get(at) != Some(&b'"') {
            return Ok(Step::Stop(at));
        }
        let Some(close) = tokens.next() else { return Ok(Step::Stop(at)) };
        let raw = bytes.get(at + 1..close).unwrap_or_default();
        if raw.len() > limits::JSON_KEY_BYTES_MAX || index.is_odd(at, close) {
            return Ok(Step::Stop(at));
        }
        self.next = if self.top.state == DEAD { DEAD } else { plan.shape.member(self.top.state, raw) };
        if plan.finds {
            self.find_in_key(plan, bytes, index.may_hold(at + 1, close), at + 1, close)?;
        }
        let Some(colon) = tokens.next() else {
            self.place = Place::Colon;
            return Ok(Step::Stop(close + 1));
        };
        if bytes.get(colon) != Some(&b':') {
            return Err(self.not_json(colon));
        }
        self.place = Place::Value;
        Ok(Step::To(colon + 1))
    }

    #[inline]
    fn run_value(
        &mut self,
        plan: &Plan,
        bytes: &[u8],
        index: &Index,
        tokens: &mut Tokens<'_>,
        at: usize,
        first: u8,
    ) -> Result<Step, Malformed> {
        let end = match first {
            b'{' => {
                let inner = self.enter(plan, bytes, at, first)?;
                return self.open(plan, Kind::Object, inner, bytes, at).map(Step::To);
            }
            b'[' => {
                let inner = self.enter(plan, bytes, at, first)?;
                return self.open(plan, Kind::Array, inner, bytes, at).map(Step::To);
            }
            b'"' => {
                let Some(close) = tokens.next() else { return Ok(Step::Stop(at)) };
                self.enter(plan, bytes, at, first)?;
                if plan.looks {
                    self.look(plan, bytes, at + 1);
                }
                if plan.finds {
                    self.find_indexed(plan, bytes, index, at + 1, close);
                }
                self.capture(bytes, at + 1, close);
                close + 1
            }
            _ => {
                let Some(end) = scalar_end(bytes, at, first) else { return Ok(Step::Stop(at)) };
                self.enter(plan, bytes, at, first)?;
                self.capture_number(bytes, at, end, first);
                end
            }
        };
        self.value_end(plan, bytes, end)?;
        Ok(Step::To(end))
    }

    #[inline]
    fn capture_number(&mut self, bytes: &[u8], from: usize, to: usize, first: u8) {
        if first <= b'9' {
            self.capture(bytes, from, to);
        }
    }
}

/// Where a number or a literal ends; nothing unless it is whole, of the usual length, and followed by what may follow.
#[inline]
fn scalar_end(bytes: &[u8], from: usize, first: u8) -> Option<usize> {
    let rest = bytes.get(from..)?;
    let end = from
        + match first {
            b't' if rest.starts_with(b"true") => 4,
            b'n' if rest.starts_with(b"null") => 4,
            b'f' if rest.starts_with(b"false") => 5,
            b'-' | b'0'..=b'9' => number(rest).filter(|length| *length <= limits::JSON_NUMBER_BYTES_MAX)?,
            _ => return None,
        };
    matches!(bytes.get(end)?, b',' | b'}' | b']' | b' ' | b'\n' | b'\r' | b'\t').then_some(end)
}

/// How long the number is that `bytes` begin with.
#[inline]
fn number(bytes: &[u8]) -> Option<usize> {
    let at = usize::from(*bytes.first()? == b'-');
    let mut at = match bytes.get(at)? {
        b'0' => at + 1,
        b'1'..=b'9' => digits(bytes, at + 1),
        _ => return None,
    };
    if bytes.get(at) == Some(&b'.') {
        at = some_digits(bytes, at + 1)?;
    }
    if matches!(bytes.get(at), Some(b'e' | b'E')) {
        at += 1;
        at += usize::from(matches!(bytes.get(at), Some(b'+' | b'-')));
        at = some_digits(bytes, at)?;
    }
    Some(at)
}

fn some_digits(bytes: &[u8], at: usize) -> Option<usize> {
    Some(digits(bytes, at)).filter(|end| *end > at)
}

/// Where the digits from `at` on end: eight at a time.
#[inline]
fn digits(bytes: &[u8], mut at: usize) -> usize {
    const ZEROS: u64 = u64::from_le_bytes([b'0'; 8]);
    const HIGH: u64 = u64::from_le_bytes([0xf0; 8]);
    const SIXES: u64 = u64::from_le_bytes([6; 8]);
    while let Some(eight) = bytes.get(at..).and_then(|rest| rest.first_chunk::<8>()) {
        // A digit is 3x, and still is after 6 is added.
        let word = u64::from_le_bytes(*eight);
        let other = (word & HIGH ^ ZEROS) | ((word & !HIGH).wrapping_add(SIXES) & HIGH);
        if other != 0 {
            return at + (other.trailing_zeros() / 8) as usize;
        }
        at += 8;
    }
    at + bytes.get(at..).unwrap_or_default().iter().take_while(|byte| byte.is_ascii_digit()).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn digits_end_where_a_search_byte_by_byte_says(
            bytes in prop::collection::vec(prop_oneof![9 => b'0'..=b'9', 1 => any::<u8>()], 0..40),
        ) {
            let naive = bytes.iter().take_while(|byte| byte.is_ascii_digit()).count();
            prop_assert_eq!(digits(&bytes, 0), naive);
        }

        #[test]
        fn a_number_is_as_long_as_the_grammar_says(text in "-?(0|[1-9][0-9]{0,20}|[.eE+-]){1,4}(\\.[0-9]{0,9})?([eE][+-]?[0-9]{0,3})?[ ,x]") {
            use crate::redact::text::Number;
            let (mut state, mut end) = (Number::Start, 0);
            for byte in text.bytes() {
                let Some(next) = state.after(byte) else { break };
                (state, end) = (next, end + 1);
            }
            let expected = state.is_whole().then_some(end);
            prop_assert_eq!(number(text.as_bytes()).filter(|_| state.is_whole()), expected, "{}", text);
        }
    }
}
