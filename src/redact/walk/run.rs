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
use crate::redact::walk::Within;
use crate::redact::walk::index::Index;
use crate::redact::walk::nest::Known;
use crate::redact::walk::scalar::literal;
use crate::redact::walk::scalar::number;

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

    /// The next token.
    fn next(&self) -> Option<usize> {
        self.take().map(|([next], _)| next)
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
                && !self.top.rows()
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
                if self.top.rows() {
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
        let (from, state) = (ahead.from, self.top.state);
        let window = bytes.get(from..).unwrap_or_default();
        let mut passes = self.passes(plan, ahead);
        while let Some(([open, close, colon, value], rest)) = near(ahead.tokens) {
            let (Some([b'"', raw @ ..]), Some(b':')) = (window.get(open..close), window.get(colon)) else {
                break;
            };
            if raw.len() > limits::JSON_KEY_BYTES_MAX || index.is_odd(open, close) {
                break;
            }
            let first = window.get(value).copied().unwrap_or_default();
            let Some((end, rest)) = part(window, rest, value, first) else { break };
            let may_name = state != DEAD && plan.shape.may_name(raw);
            if let (true, false, Some(end)) = (passes, may_name, end) {
                let Some(([next], others)) = near(rest) else { break };
                match window.get(next) {
                    Some(b',') => {
                        (at, ahead.tokens) = (from + next + 1, others);
                        if self.top.holds {
                            self.output.hold_from(Some(from + next));
                        }
                        self.place = Place::Key;
                        continue;
                    }
                    Some(b'}') => {
                        ahead.tokens = rest;
                        self.output.hold_from(None);
                        self.place = Place::After;
                        return Ok(Step::To(from + end));
                    }
                    _ => break,
                }
            }
            ahead.tokens = rest;
            self.next = if state == DEAD { DEAD } else { plan.shape.member(state, raw) };
            if plan.finds {
                let key = (open + 1, close);
                self.find_in_key(plan, bytes, index.may_hold(key.0, key.1), from + key.0, from + key.1)?;
            }
            let value = (from + value, end.map(|end| from + end));
            if !self.run_value(plan, bytes, index, value, first)? {
                return Ok(Step::To(value.0 + 1));
            }
            let end = value.1.unwrap_or(at);
            match near(ahead.tokens) {
                Some(([next], rest)) if window.get(next) == Some(&b',') => {
                    self.place = Place::Key;
                    (at, ahead.tokens) = (from + next + 1, rest);
                    if self.top.holds {
                        self.output.hold(from + next, true);
                    }
                }
                Some(_) | None => return Ok(Step::To(end)),
            }
            passes = self.passes(plan, ahead);
        }
        Ok(Step::Stop(at))
    }

    /// Is nothing done with a text, a number or a literal that comes next in what is on top, but for a member with a key of
    /// the shape's?
    #[inline(always)]
    fn passes(&self, plan: &Plan, ahead: &Ahead<'_>) -> bool {
        self.top.within == Within::Little
            && !plan.looks
            && !plan.finds
            // Of a member that is the first to stay the comma may have to go.
            && (!self.top.holds
                || self.top.kept && ahead.next().is_some_and(|next| self.output.holds_little(next)))
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
        let from = ahead.from;
        let window = bytes.get(from..).unwrap_or_default();
        let is_array = self.top.kind == Kind::Array && !self.top.rows();
        let passes = is_array && self.passes(plan, ahead);
        while let Some(([value], rest)) = near(ahead.tokens) {
            let first = window.get(value).copied().unwrap_or_default();
            let Some((end, rest)) = part(window, rest, value, first) else { break };
            ahead.tokens = rest;
            match end {
                Some(_) if passes => self.place = Place::After,
                _ => {
                    let value = (from + value, end.map(|end| from + end));
                    if !self.run_value(plan, bytes, index, value, first)? {
                        return Ok(Step::To(value.0 + 1));
                    }
                }
            }
            match near(ahead.tokens) {
                Some(([next], rest)) if is_array && window.get(next) == Some(&b',') => {
                    self.next = self.top.state;
                    self.place = Place::Value;
                    (at, ahead.tokens) = (from + next + 1, rest);
                }
                Some(_) | None => return Ok(Step::To(from + end.unwrap_or_default())),
            }
        }
        Ok(Step::Stop(at))
    }

    /// A value, to its end or into what it opens. Is it whole?
    #[inline(always)]
    fn run_value(
        &mut self,
        plan: &Plan,
        bytes: &[u8],
        index: &Index,
        (at, end): (usize, Option<usize>),
        first: u8,
    ) -> Result<bool, Malformed> {
        let Known { act, set, inner } = self.look_up(plan, first);
        let Some(end) = end else {
            self.begin(plan, (act, set), bytes, at)?;
            let kind = if first == b'{' { Kind::Object } else { Kind::Array };
            self.open(plan, kind, inner, bytes, at)?;
            return Ok(false);
        };
        if act != 0 && self.hide_at_once(plan, (act, set), bytes, at..end, first)? {
            self.place = Place::After;
            return Ok(true);
        }
        self.begin(plan, (act, set), bytes, at)?;
        if plan.looks || plan.finds || self.captured.is_some() {
            self.run_inside(plan, bytes, index, at, end, first);
        }
        self.value_end(plan, bytes, end)?;
        Ok(true)
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

/// The next so many tokens, all of them or none.
#[inline(always)]
fn near<const N: usize>(tokens: &[u16]) -> Option<([usize; N], &[u16])> {
    let (next, rest) = tokens.split_first_chunk::<N>()?;
    Some((next.map(usize::from), rest))
}

/// Where the value at a token ends, nowhere if it opens another, and the tokens behind it. Nothing if it is not whole, of
/// the usual length, and followed by what may follow.
#[inline(always)]
fn part<'i>(bytes: &[u8], tokens: &'i [u16], at: usize, first: u8) -> Option<(Option<usize>, &'i [u16])> {
    let end = match first {
        b'"' => {
            let (close, rest) = tokens.split_first()?;
            return Some((Some(usize::from(*close) + 1), rest));
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
