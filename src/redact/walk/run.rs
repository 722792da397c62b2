//! The walk from token to token, where the index says where they are.
//!
//! It does what the walk byte by byte does, for tokens that are whole and plain; before one that is not it stops, and that
//! walk goes on. So both give the same output and the same errors wherever a body is cut (`tests::laws`).
//! Never: passes over a byte that the index has not looked at.

use crate::limits;
use crate::redact::automaton::DEAD;
use crate::redact::automaton::StateIx;
use crate::redact::malformed::Malformed;
use crate::redact::plan::Plan;
use crate::redact::walk::Kind;
use crate::redact::walk::Place;
use crate::redact::walk::Walk;
use crate::redact::walk::index::Index;

/// The tokens that come next, and how far they are from where.
struct Ahead<'i> {
    from: usize,
    tokens: &'i [u16],
}

impl<'i> Ahead<'i> {
    /// The next so many tokens, all of them or none.
    #[inline(always)]
    fn take<const N: usize>(&self) -> Option<([usize; N], &'i [u16])> {
        let (next, rest) = self.tokens.split_first_chunk::<N>()?;
        Some((next.map(|place| self.from + usize::from(place)), rest))
    }

    /// Is the next token the end of an object or of an array?
    fn closes(&self, bytes: &[u8]) -> bool {
        let next = self.take().and_then(|([next], _)| bytes.get(next));
        next.is_some_and(|byte| matches!(byte, b'}' | b']'))
    }
}

/// How a walk over some tokens ended.
enum Step {
    /// All that came is done; what follows begins here.
    To(usize),
    /// What comes next was not taken: the walk byte by byte goes on here.
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
        let mut ahead = Ahead { from: index.from, tokens: index.tokens(from) };
        // What follows a number or a literal without anything between would be part of it to the index.
        if !matches!(bytes.get(from), Some(b' ' | b'\n' | b'\r' | b'\t'))
            && ahead.take().is_none_or(|([first], _)| first != from)
        {
            return Ok(from);
        }
        let mut at = from;
        loop {
            if matches!(self.place, Place::FirstKey | Place::FirstItem)
                && ahead.closes(bytes)
                && !self.top.rows
            {
                // As after the last value, though there is none.
                self.place = Place::After;
            }
            let step = match self.place {
                Place::After => self.run_after(plan, bytes, &mut ahead, at)?,
                Place::Key | Place::FirstKey => self.run_members(plan, bytes, index, &mut ahead, at)?,
                Place::Value | Place::FirstItem => self.run_items(plan, bytes, index, &mut ahead, at)?,
                Place::Start
                | Place::Mark(_)
                | Place::InKey
                | Place::Colon
                | Place::InString
                | Place::InNumber
                | Place::InLiteral(_) => Step::Stop(at),
            };
            match step {
                Step::To(end) => at = end,
                Step::Stop(here) => return Ok(here),
            }
        }
    }

    /// What follows a value.
    fn run_after(
        &mut self,
        plan: &Plan,
        bytes: &[u8],
        ahead: &mut Ahead<'_>,
        at: usize,
    ) -> Result<Step, Malformed> {
        let Some(([at], rest)) = ahead.take() else { return Ok(Step::Stop(at)) };
        ahead.tokens = rest;
        match (bytes.get(at), self.top.kind) {
            (Some(b','), Kind::Object) => {
                if self.top.holds {
                    self.output.hold(at, true);
                }
                self.place = Place::Key;
                Ok(Step::To(at + 1))
            }
            (Some(b','), Kind::Array) => {
                if self.top.rows {
                    self.output.pend(bytes, at);
                }
                self.next = self.top.state;
                self.place = Place::Value;
                Ok(Step::To(at + 1))
            }
            (Some(b'}'), Kind::Object) => self.close(plan, bytes, at, Kind::Object).map(Step::To),
            (Some(b']'), Kind::Array) => self.close(plan, bytes, at, Kind::Array).map(Step::To),
            _ => Err(self.not_json(at)),
        }
    }

    /// The members of an object, up to one that opens another value. Nothing is done with a member that is not whole here,
    /// or whose key is odd: with it the walk byte by byte goes on, as with what is wrong.
    #[inline(always)]
    fn run_members(
        &mut self,
        plan: &Plan,
        bytes: &[u8],
        index: &Index,
        ahead: &mut Ahead<'_>,
        mut at: usize,
    ) -> Result<Step, Malformed> {
        let reads = plan.looks || plan.finds;
        while let Some(([open, close, colon, value], rest)) = ahead.take() {
            let (Some([b'"', raw @ ..]), Some(b':')) = (bytes.get(open..close), bytes.get(colon)) else {
                break;
            };
            if raw.len() > limits::JSON_KEY_BYTES_MAX || index.is_odd(open, close) {
                break;
            }
            let first = bytes.get(value).copied().unwrap_or_default();
            let Some((end, rest)) = part(bytes, ahead.from, rest, value, first) else { break };
            ahead.tokens = rest;
            self.next = if self.top.state == DEAD { DEAD } else { plan.shape.member(self.top.state, raw) };
            if plan.finds {
                self.find_in_key(plan, bytes, index.may_hold(open + 1, close), open + 1, close)?;
            }
            let inner = self.enter(plan, bytes, value, first)?;
            let Some(end) = end else { return self.run_open(plan, bytes, inner, value, first) };
            if reads || self.captured.is_some() {
                self.run_inside(plan, bytes, index, value, end, first);
            }
            self.value_end(plan, bytes, end)?;
            match ahead.take() {
                Some(([next], rest)) if bytes.get(next) == Some(&b',') && !self.top.holds => {
                    self.place = Place::Key;
                    (at, ahead.tokens) = (next + 1, rest);
                }
                Some(_) | None => return Ok(Step::To(end)),
            }
        }
        Ok(Step::Stop(at))
    }

    /// The items of an array, up to one that opens another value; or one value of an object, without its key.
    #[inline(always)]
    fn run_items(
        &mut self,
        plan: &Plan,
        bytes: &[u8],
        index: &Index,
        ahead: &mut Ahead<'_>,
        mut at: usize,
    ) -> Result<Step, Malformed> {
        let reads = plan.looks || plan.finds;
        while let Some(([value], rest)) = ahead.take() {
            let first = bytes.get(value).copied().unwrap_or_default();
            let Some((end, rest)) = part(bytes, ahead.from, rest, value, first) else { break };
            ahead.tokens = rest;
            let inner = self.enter(plan, bytes, value, first)?;
            let Some(end) = end else { return self.run_open(plan, bytes, inner, value, first) };
            if reads || self.captured.is_some() {
                self.run_inside(plan, bytes, index, value, end, first);
            }
            self.value_end(plan, bytes, end)?;
            match ahead.take() {
                Some(([next], rest))
                    if bytes.get(next) == Some(&b',') && self.top.kind == Kind::Array && !self.top.rows =>
                {
                    self.next = self.top.state;
                    self.place = Place::Value;
                    (at, ahead.tokens) = (next + 1, rest);
                }
                Some(_) | None => return Ok(Step::To(end)),
            }
        }
        Ok(Step::Stop(at))
    }

    #[inline(always)]
    fn run_open(
        &mut self,
        plan: &Plan,
        bytes: &[u8],
        inner: StateIx,
        at: usize,
        first: u8,
    ) -> Result<Step, Malformed> {
        let kind = if first == b'{' { Kind::Object } else { Kind::Array };
        self.open(plan, kind, inner, bytes, at).map(Step::To)
    }

    /// What a whole value is looked at for, of which all or nothing may leave.
    #[cold]
    #[inline(never)]
    fn run_inside(&mut self, plan: &Plan, bytes: &[u8], index: &Index, from: usize, end: usize, first: u8) {
        if first == b'"' {
            if plan.looks {
                self.look(plan, bytes, from + 1);
            }
            if plan.finds {
                self.find_indexed(plan, bytes, index, from + 1, end - 1);
            }
            self.capture(bytes, from + 1, end - 1);
        } else if first <= b'9' {
            self.capture(bytes, from, end);
        }
    }
}

/// Where the value at a token ends, nowhere if it opens another, and the tokens behind it. Nothing if it is not whole, of
/// the usual length, and followed by what may follow.
#[inline(always)]
fn part<'i>(
    bytes: &[u8],
    from: usize,
    tokens: &'i [u16],
    at: usize,
    first: u8,
) -> Option<(Option<usize>, &'i [u16])> {
    let end = match first {
        b'"' => {
            let (close, rest) = tokens.split_first()?;
            return Some((Some(from + usize::from(*close) + 1), rest));
        }
        b'{' | b'[' => return Some((None, tokens)),
        b't' | b'n' | b'f' => literal(bytes.get(at..)?)?,
        b'-' | b'0'..=b'9' => {
            number(bytes.get(at..)?).filter(|length| *length <= limits::JSON_NUMBER_BYTES_MAX)?
        }
        _ => return None,
    };
    let end = at + end;
    matches!(bytes.get(end)?, b',' | b'}' | b']' | b' ' | b'\n' | b'\r' | b'\t')
        .then_some((Some(end), tokens))
}

/// How long the literal is that `bytes` begin with.
#[inline]
fn literal(bytes: &[u8]) -> Option<usize> {
    let is = |text: &[u8]| bytes.starts_with(text).then_some(text.len());
    is(b"true").or_else(|| is(b"null")).or_else(|| is(b"false"))
}

/// How long the number is that `bytes` begin with.
#[inline]
fn number(bytes: &[u8]) -> Option<usize> {
    let at = usize::from(*bytes.first()? == b'-');
    let mut at = match bytes.get(at)? {
        b'0' => at + 1,
        // Most numbers are short.
        b'1'..=b'9' if !matches!(bytes.get(at + 1), Some(b'0'..=b'9')) => at + 1,
        b'1'..=b'9' => digits(bytes, at + 1),
        _ => return None,
    };
    if !matches!(bytes.get(at), Some(b'.' | b'e' | b'E')) {
        return Some(at);
    }
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
