//! The pass over values with which nothing is done: most of all bodies.
//!
//! It goes into the objects and arrays that nothing is done with, and out of them again, up to a key that may be one of the
//! shape's, to where a value ends that something is done with, or to what is not whole and plain.
//! Never: passes over anything that it has not found to be JSON, or over a key that may be one of the shape's.

use std::ops::Range;

use crate::limits;
use crate::redact::automaton::DEAD;
use crate::redact::fold::Beginnings;
use crate::redact::fold::begins_with;
use crate::redact::plan::Plan;
use crate::redact::walk::Frame;
use crate::redact::walk::Kind;
use crate::redact::walk::NOWHERE;
use crate::redact::walk::Place;
use crate::redact::walk::Walk;
use crate::redact::walk::Within;
use crate::redact::walk::index::Index;
use crate::redact::walk::nest::Known;
use crate::redact::walk::run::Ahead;
use crate::redact::walk::run::near;
use crate::redact::walk::scalar::scalar;

/// Why a pass over members or items ended.
enum End {
    /// The next one has to be looked at.
    Stop,
    /// The next one's value opens another, of this kind, at this place.
    Opens(Kind, usize),
    /// What they stand in ends with the bracket at the pass's place.
    Closes,
}

/// A pass over what comes next.
struct Pass<'i> {
    index: &'i Index,
    window: &'i [u8],
    tokens: &'i [u16],
    /// Behind the last bracket or comma.
    at: usize,
    /// The next byte that makes a key more than its bytes, if it is not one before `at`.
    odd: usize,
}

impl Walk {
    /// Passes on from a key or an item, from `at` on; to where. `self.place` says what comes there.
    #[inline(never)]
    pub(super) fn pass<'i>(
        &mut self,
        plan: &Plan,
        bytes: &[u8],
        index: &'i Index,
        ahead: &mut Ahead<'i>,
        from: usize,
    ) -> usize {
        let (window, tokens) = (ahead.window, ahead.tokens);
        let mut pass = Pass { index, window, tokens, at: from, odd: index.odd_from(from) };
        let place = loop {
            let end = match self.top.kind {
                Kind::Object => pass
                    .members(plan.shape.beginnings(self.top.state), &mut |key, value, first| {
                        self.passes_named(plan, bytes, index.from, key, value, first)
                    }),
                Kind::Array | Kind::Body => pass.items(),
            };
            let went_on = match end {
                End::Stop => Err(if self.top.kind == Kind::Object { Place::Key } else { Place::Value }),
                End::Opens(kind, at) => self.pass_into(plan, &mut pass, kind, at),
                End::Closes => self.pass_out(plan, &mut pass),
            };
            if let Err(place) = went_on {
                break place;
            }
        };
        self.place = place;
        self.next = self.top.state;
        ahead.tokens = pass.tokens;
        if self.top.holds && pass.at != from {
            let is_key = matches!(place, Place::Key);
            self.output.hold_from(is_key.then(|| ahead.from + pass.at - 1));
        }
        pass.at
    }

    /// Passes over a text, a number or a literal, whose key may be one of the shape's: if it is, and its value is only hidden,
    /// what hides it is written. Says no where there is more to do. Of a value that opens another it only says whether its key
    /// leads where those do that are none of the shape's.
    #[inline(never)]
    fn passes_named(
        &mut self,
        plan: &Plan,
        bytes: &[u8],
        from: usize,
        key: &[u8],
        value: Range<usize>,
        first: u8,
    ) -> bool {
        let Some(key) = key.get(1..key.len().saturating_sub(2)) else { return false };
        let state = plan.shape.member(self.top.state, key);
        if matches!(first, b'{' | b'[') {
            return state == plan.shape.others(self.top.state);
        }
        let Known { act, set, .. } = Self::known(plan, state, first);
        if act == 0 {
            return true;
        }
        if self.output.is_holding() {
            return false;
        }
        let value = from + value.start..from + value.end;
        self.hide_at_once(plan, (act, set), bytes, value, first).is_ok_and(|is_hidden| is_hidden)
    }

    /// May objects and arrays be passed over in one of this state? Where members may have to be dropped, or something is done
    /// at the end of one around them, they may not.
    #[inline(always)]
    fn passes_within(&self, plan: &Plan, frame: &Frame) -> bool {
        self.watched_at == NOWHERE && (!plan.drops || frame.state == DEAD)
    }

    /// Passes into a value that opens another, and out again if that is empty.
    #[inline(always)]
    fn pass_into(&mut self, plan: &Plan, pass: &mut Pass<'_>, kind: Kind, at: usize) -> Result<(), Place> {
        let is_object = self.top.kind == Kind::Object;
        let stay = if is_object { Place::Key } else { Place::Value };
        if !self.passes_within(plan, &self.top) || self.around.len() >= limits::JSON_DEPTH_MAX {
            return Err(stay);
        }
        let state = plan
            .shape
            .state_ref(self.top.state)
            .and_then(|state| state.quiet(is_object, kind == Kind::Object));
        let Some(state) = state else { return Err(stay) };
        let opened = Frame { kind, state, within: Within::Little, holds: false, kept: false };
        self.around.push(std::mem::replace(&mut self.top, opened));
        // The token of the bracket, and those of the key.
        pass.skip(if is_object { 3 } else { 1 });
        pass.at = at + 1;
        let first = if kind == Kind::Object { Place::FirstKey } else { Place::FirstItem };
        let Some(([next], rest)) = near(pass.tokens) else { return Err(first) };
        match pass.window.get(next) {
            None => Err(first),
            Some(b'}') if kind == Kind::Object => {
                (pass.at, pass.tokens) = (next, rest);
                self.pass_out(plan, pass)
            }
            Some(b']') if kind == Kind::Array => {
                (pass.at, pass.tokens) = (next, rest);
                self.pass_out(plan, pass)
            }
            Some(_) => Ok(()),
        }
    }

    /// Passes out of what ends at the pass's place.
    #[inline(always)]
    fn pass_out(&mut self, plan: &Plan, pass: &mut Pass<'_>) -> Result<(), Place> {
        while let Some(outer) = self.around.last().copied() {
            if outer.within != Within::Little
                || outer.holds
                || !self.passes_within(plan, &outer)
                || outer.kind == Kind::Body
            {
                break;
            }
            self.around.pop();
            self.top = outer;
            pass.at += 1;
            let Some(([next], rest)) = near(pass.tokens) else { break };
            match (pass.window.get(next), outer.kind) {
                (Some(b','), _) => {
                    (pass.at, pass.tokens) = (next + 1, rest);
                    return Ok(());
                }
                (Some(b'}'), Kind::Object) | (Some(b']'), Kind::Array) => {
                    (pass.at, pass.tokens) = (next, rest);
                }
                _ => break,
            }
        }
        Err(Place::After)
    }
}

impl Pass<'_> {
    #[inline(always)]
    fn skip(&mut self, count: usize) {
        self.tokens = self.tokens.get(count..).unwrap_or_default();
    }

    /// Passes over members, up to one that has to be looked at.
    #[inline(always)]
    fn members(
        &mut self,
        beginnings: &Beginnings,
        passes_named: &mut impl FnMut(&[u8], Range<usize>, u8) -> bool,
    ) -> End {
        let window = self.window;
        while let Some(([open, close, value, last], _)) = near(self.tokens) {
            let Some(key @ [b'"', a, b, .., b':']) = window.get(open..close + 2) else { break };
            if key.len() > limits::JSON_KEY_BYTES_MAX + 3 || close >= self.odd && self.is_odd(open, close) {
                break;
            }
            let may_name = begins_with(beginnings, [*a, *b]);
            let Some(first) = window.get(value).copied() else { break };
            let (end, count) = match first {
                b'"' => (last + 1, 4),
                b'{' | b'[' if may_name && !passes_named(key, value..value, first) => break,
                b'{' => return End::Opens(Kind::Object, value),
                b'[' => return End::Opens(Kind::Array, value),
                _ => match scalar(window, value, first) {
                    Some(end) => (end, 3),
                    None => break,
                },
            };
            if may_name && (!self.is_followed(end, count) || !passes_named(key, value..end, first)) {
                break;
            }
            if let Some(end) = self.goes_on(end, count, b'}') {
                return end;
            }
        }
        End::Stop
    }

    /// Does such a value end before `end`, so that nothing has to be taken back once it is hidden?
    #[inline(always)]
    fn is_followed(&self, end: usize, count: usize) -> bool {
        match self.window.get(end) {
            Some(b',' | b'}') => true,
            Some(b' ' | b'\n' | b'\r' | b'\t') => {
                let next = self.tokens.get(count).and_then(|next| self.window.get(usize::from(*next)));
                matches!(next, Some(b',' | b'}'))
            }
            Some(_) | None => false,
        }
    }

    /// Passes over items, up to one that has to be looked at.
    #[inline(always)]
    fn items(&mut self) -> End {
        let window = self.window;
        while let Some(([value, last], _)) = near(self.tokens) {
            let Some(first) = window.get(value).copied() else { break };
            let (end, count) = match first {
                b'"' => (last + 1, 2),
                b'{' => return End::Opens(Kind::Object, value),
                b'[' => return End::Opens(Kind::Array, value),
                _ => match scalar(window, value, first) {
                    Some(end) => (end, 1),
                    None => break,
                },
            };
            if let Some(end) = self.goes_on(end, count, b']') {
                return end;
            }
        }
        End::Stop
    }

    /// Passes over a value that ends before `end` and so many tokens, and over the comma behind it. Otherwise why not.
    #[inline(always)]
    fn goes_on(&mut self, end: usize, count: usize, bracket: u8) -> Option<End> {
        let Some(byte) = self.window.get(end).copied() else { return Some(End::Stop) };
        if byte == b',' {
            self.at = end + 1;
            self.skip(count);
            return None;
        }
        if byte == bracket {
            self.at = end;
            self.skip(count);
            return Some(End::Closes);
        }
        let behind = near(self.tokens.get(count..).unwrap_or_default());
        let Some(([next], rest)) = behind.filter(|_| matches!(byte, b' ' | b'\n' | b'\r' | b'\t')) else {
            return Some(End::Stop);
        };
        let is_comma = match self.window.get(next) {
            Some(b',') => true,
            Some(byte) if *byte == bracket => false,
            Some(_) | None => return Some(End::Stop),
        };
        self.tokens = rest;
        self.at = next + usize::from(is_comma);
        if is_comma { None } else { Some(End::Closes) }
    }

    /// Does a byte of a key make it more than its bytes?
    #[cold]
    fn is_odd(&mut self, open: usize, close: usize) -> bool {
        self.odd = self.index.odd_from(open);
        self.odd < close
    }
}
