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
use crate::redact::walk::NOWHERE;
use crate::redact::walk::Place;
use crate::redact::walk::Walk;
use crate::redact::walk::Within;
use crate::redact::walk::index::Index;
use crate::redact::walk::index::WINDOW;
use crate::redact::walk::nest::Known;
use crate::redact::walk::scalar::scalar;

/// What comes next. All places are counted from where the index begins.
pub(super) struct Ahead<'i> {
    pub(super) from: usize,
    pub(super) window: &'i [u8],
    pub(super) tokens: &'i [u16],
}

impl<'i> Ahead<'i> {
    fn new(bytes: &'i [u8], index: &'i Index, at: usize) -> Self {
        let rest = bytes.get(index.from..).unwrap_or_default();
        // A token that is none stands beyond it.
        let window = rest.get(..2 * WINDOW).unwrap_or(rest);
        Self { from: index.from, window, tokens: index.tokens(at) }
    }

    pub(super) fn byte(&self, at: usize) -> Option<u8> {
        self.window.get(at).copied()
    }

    /// The next token.
    fn next(&self) -> Option<usize> {
        near(self.tokens).map(|([next], _)| next).filter(|next| *next < self.window.len())
    }

    /// Is the next token the end of an object or of an array?
    fn closes(&self) -> bool {
        self.next().and_then(|next| self.byte(next)).is_some_and(|byte| matches!(byte, b'}' | b']'))
    }

    /// What follows a value that ends before `at`: where and what. Nothing where that is nothing which may follow one.
    #[inline(always)]
    fn behind(&mut self, at: usize) -> Option<(usize, u8)> {
        let byte = self.byte(at)?;
        let is_silent = matches!(byte, b',' | b'}' | b']');
        if !is_silent && !matches!(byte, b' ' | b'\n' | b'\r' | b'\t') {
            return None;
        }
        let ([next], rest) = near(self.tokens)?;
        if is_silent {
            if next == at {
                self.tokens = rest;
            }
            return Some((at, byte));
        }
        let byte = self.byte(next)?;
        self.tokens = rest;
        Some((next, byte))
    }
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
    #[inline(never)]
    pub(super) fn run<'i>(
        &mut self,
        plan: &'i Plan,
        bytes: &'i [u8],
        index: &'i Index,
        from: usize,
    ) -> Result<usize, Malformed> {
        let mut ahead = Ahead::new(bytes, index, from);
        let mut at = from - index.from;
        // What follows a number or a literal without anything between would be part of it to the index.
        let is_known = match ahead.byte(at) {
            Some(b' ' | b'\n' | b'\r' | b'\t') => true,
            Some(b',' | b'}' | b']') if matches!(self.place, Place::After) => true,
            _ => ahead.next() == Some(at),
        };
        if !is_known {
            return Ok(from);
        }
        loop {
            if matches!(self.place, Place::FirstKey | Place::FirstItem) && ahead.closes() && !self.top.rows()
            {
                // As after the last value, though there is none.
                self.place = Place::After;
            }
            if self.passes(plan, &ahead) {
                at = match plan.finds {
                    false => self.pass::<false>(plan, bytes, index, &mut ahead, at),
                    true if self.finds_only() => self.pass::<true>(plan, bytes, index, &mut ahead, at),
                    true => at,
                };
            }
            let next = match self.place {
                Place::After => self.run_after(plan, bytes, &mut ahead, at)?,
                Place::Key | Place::FirstKey => self.member(plan, bytes, index, &mut ahead)?,
                Place::Value | Place::FirstItem => self.item(plan, bytes, index, &mut ahead)?,
                Place::Start
                | Place::Mark(_)
                | Place::InKey
                | Place::Colon
                | Place::InString
                | Place::InNumber
                | Place::InLiteral(_) => None,
            };
            let Some(next) = next else { break };
            at = next;
        }
        Ok(index.from + at)
    }

    /// What follows a value. Nothing where that has to be looked at byte by byte.
    #[inline(always)]
    fn run_after(
        &mut self,
        plan: &Plan,
        bytes: &[u8],
        ahead: &mut Ahead<'_>,
        at: usize,
    ) -> Result<Option<usize>, Malformed> {
        let Some((at, byte)) = ahead.behind(at) else { return Ok(None) };
        let (here, kind) = (ahead.from + at, self.top.kind);
        match (byte, kind) {
            (b',', Kind::Object) => {
                if self.top.holds {
                    self.output.hold(here, true);
                }
                self.place = Place::Key;
            }
            (b',', Kind::Array) => {
                if self.top.rows() {
                    self.output.pend(bytes, here);
                }
                self.next = self.top.state;
                self.place = Place::Value;
            }
            (b'}', Kind::Object) | (b']', Kind::Array) => {
                self.close(plan, bytes, here, kind)?;
            }
            _ => return Err(self.not_json(here)),
        }
        Ok(Some(at + 1))
    }

    /// A member of an object, to the end of its value or into what that opens; where that is. Nothing is done with one that is
    /// not whole here, or whose key is odd: with it the walk byte by byte goes on, as with what is wrong.
    #[inline(always)]
    fn member(
        &mut self,
        plan: &Plan,
        bytes: &[u8],
        index: &Index,
        ahead: &mut Ahead<'_>,
    ) -> Result<Option<usize>, Malformed> {
        let (from, state, window) = (ahead.from, self.top.state, ahead.window);
        let Some(([open, close], mut rest)) = near(ahead.tokens) else { return Ok(None) };
        let Some([b'"', raw @ ..]) = window.get(open..close) else { return Ok(None) };
        if raw.len() > limits::JSON_KEY_BYTES_MAX || index.is_odd(open, close) {
            return Ok(None);
        }
        match window.get(close + 1) {
            Some(b':') => {}
            Some(b' ' | b'\n' | b'\r' | b'\t') => match near(rest) {
                Some(([colon], others)) if window.get(colon) == Some(&b':') => rest = others,
                Some(_) | None => return Ok(None),
            },
            Some(_) | None => return Ok(None),
        }
        let Some((value, first, end, rest)) = part(window, rest) else { return Ok(None) };
        ahead.tokens = rest;
        self.next = if state == DEAD { DEAD } else { plan.shape.member(state, raw) };
        if plan.finds {
            let key = (open + 1, close);
            self.find_in_key(plan, bytes, index.may_hold(key.0, key.1), from + key.0, from + key.1)?;
        }
        self.run_value(plan, bytes, index, (from + value, from + end), first)?;
        Ok(Some(end))
    }

    /// An item of an array, or the value of a member without its key, to its end or into what it opens; where that is.
    #[inline(always)]
    fn item(
        &mut self,
        plan: &Plan,
        bytes: &[u8],
        index: &Index,
        ahead: &mut Ahead<'_>,
    ) -> Result<Option<usize>, Malformed> {
        let Some((value, first, end, rest)) = part(ahead.window, ahead.tokens) else { return Ok(None) };
        ahead.tokens = rest;
        self.run_value(plan, bytes, index, (ahead.from + value, ahead.from + end), first)?;
        Ok(Some(end))
    }

    /// Is nothing done with a text, a number or a literal that comes next in what is on top, but for a member with a key of
    /// the shape's?
    #[inline(always)]
    fn passes(&self, plan: &Plan, ahead: &Ahead<'_>) -> bool {
        let is_next = match self.place {
            Place::Key | Place::FirstKey => true,
            Place::Value | Place::FirstItem => self.top.kind == Kind::Array,
            Place::After
            | Place::Start
            | Place::Mark(_)
            | Place::InKey
            | Place::Colon
            | Place::InString
            | Place::InNumber
            | Place::InLiteral(_) => false,
        };
        let Some(next) = ahead.next().filter(|_| is_next) else { return false };
        self.top.within == Within::Little
            && (!plan.looks || plan.finds)
            // Of a member that is the first to stay the comma may have to go.
            && (!self.top.holds || self.top.kept && self.output.holds_little(ahead.from + next))
    }

    /// Is nothing done with the texts that come next, but what is done with all?
    fn finds_only(&self) -> bool {
        self.hidden_at == NOWHERE && self.captured.is_none() && self.row.is_none()
    }

    /// A value, to its end or into what it opens.
    #[inline(always)]
    fn run_value(
        &mut self,
        plan: &Plan,
        bytes: &[u8],
        index: &Index,
        (at, end): (usize, usize),
        first: u8,
    ) -> Result<(), Malformed> {
        let Known { act, set, inner } = self.look_up(plan, first);
        if matches!(first, b'{' | b'[') {
            self.begin(plan, (act, set), bytes, at)?;
            let kind = if first == b'{' { Kind::Object } else { Kind::Array };
            self.open(plan, kind, inner, bytes, at)?;
            return Ok(());
        }
        if act != 0 && self.hide_at_once(plan, (act, set), bytes, at..end, first)? {
            self.place = Place::After;
            return Ok(());
        }
        self.begin(plan, (act, set), bytes, at)?;
        if plan.looks || plan.finds || self.captured.is_some() {
            self.run_inside(plan, bytes, index, at, end, first);
        }
        self.value_end(plan, bytes, end)
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
pub(super) fn near<const N: usize>(tokens: &[u16]) -> Option<([usize; N], &[u16])> {
    let (next, rest) = tokens.split_first_chunk::<N>()?;
    Some((next.map(usize::from), rest))
}

/// The value at the next token: where it begins, its first byte, where it ends, and the tokens behind it; of one that opens
/// another, where that begins. Nothing if it is not whole, of the usual length, and followed by what may follow.
#[inline(always)]
fn part<'i>(window: &[u8], tokens: &'i [u16]) -> Option<(usize, u8, usize, &'i [u16])> {
    let ([at], rest) = near(tokens)?;
    let first = *window.get(at)?;
    let (end, rest) = match first {
        b'"' => {
            let ([close], rest) = near(rest)?;
            (close + 1, rest)
        }
        b'{' | b'[' => return Some((at, first, at + 1, rest)),
        _ => (scalar(window, at, first)?, rest),
    };
    matches!(window.get(end)?, b',' | b'}' | b']' | b' ' | b'\n' | b'\r' | b'\t')
        .then_some((at, first, end, rest))
}
