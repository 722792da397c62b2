//! The pass over values with which nothing is done: most of all bodies.
//!
//! It goes into the objects and arrays that nothing is done with, and out of them again, up to a key that may be one of the
//! shape's, to where a value ends that something is done with, or to what is not whole and plain.
//! Never: passes over anything that it has not found to be JSON, or over a key that may be one of the shape's.

use crate::limits;
use crate::redact::automaton::DEAD;
use crate::redact::detect::Detectors;
use crate::redact::fold::Ends;
use crate::redact::plan::Plan;
use crate::redact::symbols::SHORT;
use crate::redact::walk::Frame;
use crate::redact::walk::Kind;
use crate::redact::walk::NOWHERE;
use crate::redact::walk::Place;
use crate::redact::walk::Walk;
use crate::redact::walk::Within;
use crate::redact::walk::index::Index;
use crate::redact::walk::index::WINDOW;
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

/// What came of a member with a key that may be one of the shape's.
enum Named {
    /// It has to be looked at.
    Stop,
    /// It leads where those lead whose keys are none of the shape's.
    AsOthers,
    /// It and its comma, and so many tokens, are passed over.
    Passed { at: usize, count: usize },
    /// It and so many tokens are, and there stands the end of the object.
    Closes { at: usize, count: usize },
}

/// For each length of a short key its bytes, of sixteen.
const MASKS: [u128; SHORT + 1] = masks();

#[expect(clippy::indexing_slicing, reason = "below the length, and evaluated when compiled")]
const fn masks() -> [u128; SHORT + 1] {
    let mut masks = [0; SHORT + 1];
    let mut length = 1;
    while length <= SHORT {
        masks[length] = masks[length - 1] << 8 | 0xff;
        length += 1;
    }
    masks
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
    /// Finds, where that is asked for, what is found in texts by its form.
    detectors: &'i Detectors,
    /// May a text hold a document?
    looks: bool,
    /// Where the last key stands, unless that is the one before the pass.
    key: Option<(usize, usize)>,
    before: &'i [u8],
}

/// No text in an index is too long to be looked at.
const _: () = assert!(2 * WINDOW <= limits::MASKED_VALUE_BYTES_MAX);

impl Walk {
    /// Passes on from a key or an item, which comes `from` there on, below this key; to where. `self.place` says what comes there.
    /// `FINDS` where texts are searched.
    #[inline(never)]
    pub(super) fn pass<'i, const FINDS: bool>(
        &mut self,
        plan: &'i Plan,
        bytes: &[u8],
        index: &'i Index,
        ahead: &mut Ahead<'i>,
        (from, before): (usize, &'i [u8]),
    ) -> usize {
        let (window, tokens) = (ahead.window, ahead.tokens);
        let (detectors, looks, odd) = (&plan.detectors, plan.looks, index.odd_from(from));
        let mut pass = Pass { index, window, tokens, at: from, odd, detectors, looks, key: None, before };
        let place = loop {
            let end = match self.top.kind {
                Kind::Object => pass.members::<FINDS>(plan.shape.ends(self.top.state), &mut |tokens| {
                    self.pass_named(plan, bytes, index.from, (window, tokens))
                }),
                Kind::Array | Kind::Body => pass.items::<FINDS>(),
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
        if let Some((open, close)) = pass.key {
            self.last_key.stands_at(index.from + open, index.from + close);
        }
        ahead.tokens = pass.tokens;
        if self.top.holds && pass.at != from {
            let is_key = matches!(place, Place::Key);
            self.output.hold_from(is_key.then(|| ahead.from + pass.at - 1));
        }
        pass.at
    }

    /// Passes over a member whose key may be one of the shape's: if it is, and its value is only hidden, what hides it is
    /// written. The key, its colon and the first byte of the value are known to stand there.
    #[inline(never)]
    fn pass_named(
        &mut self,
        plan: &Plan,
        bytes: &[u8],
        from: usize,
        (window, tokens): (&[u8], &[u16]),
    ) -> Named {
        let Some(([open, close, value, last], _)) = near(tokens) else { return Named::Stop };
        let Some(key) = window.get(open + 1..close) else { return Named::Stop };
        let (shape, beyond) = (&plan.shape, window.get(open + 1..).unwrap_or_default());
        let sixteen = beyond.first_chunk().copied().map(u128::from_le_bytes);
        let own = sixteen.zip(MASKS.get(key.len()));
        let own = own.and_then(|(sixteen, mask)| shape.short_member(self.top.state, sixteen & mask));
        let state = own.unwrap_or_else(|| shape.member(self.top.state, key));
        let Some(first) = window.get(value).copied() else { return Named::Stop };
        let (end, count) = match first {
            b'"' => (last + 1, 4),
            b'{' | b'[' if state == shape.others(self.top.state) => return Named::AsOthers,
            b'{' | b'[' => return Named::Stop,
            _ => match scalar(window, value, first) {
                Some(end) => (end, 3),
                None => return Named::Stop,
            },
        };
        // So that nothing has to be taken back once it is hidden.
        let passed = match window.get(end) {
            Some(b',') => Named::Passed { at: end + 1, count },
            Some(b'}') => Named::Closes { at: end, count },
            Some(b' ' | b'\n' | b'\r' | b'\t') => {
                let Some(next) = tokens.get(count).copied().map(usize::from) else { return Named::Stop };
                match window.get(next) {
                    Some(b',') => Named::Passed { at: next + 1, count: count + 1 },
                    Some(b'}') => Named::Closes { at: next, count: count + 1 },
                    Some(_) | None => return Named::Stop,
                }
            }
            Some(_) | None => return Named::Stop,
        };
        let Known { act, set, .. } = Self::known(plan, state, first);
        if act == 0 && !(plan.finds && first == b'"') {
            return passed;
        }
        if act == 0 || self.output.is_holding() {
            return Named::Stop;
        }
        match self.hide_at_once(plan, (act, set), bytes, from + value..from + end, first) {
            Ok(true) => passed,
            Ok(false) | Err(_) => Named::Stop,
        }
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

impl<'i> Pass<'i> {
    #[inline(always)]
    fn skip(&mut self, count: usize) {
        self.tokens = self.tokens.get(count..).unwrap_or_default();
    }

    /// Passes over members, up to one that has to be looked at.
    #[inline(always)]
    fn members<const FINDS: bool>(
        &mut self,
        ends: &Ends,
        pass_named: &mut impl FnMut(&[u16]) -> Named,
    ) -> End {
        const LEAST: usize = b"\"\":".len() + 1;
        const MOST: usize = b"\"\":".len() + limits::JSON_KEY_BYTES_MAX;
        let window = self.window;
        while let Some(([open, close, value, last], rest)) = near(self.tokens) {
            let Some(key @ [b'"', a, b, .., b':']) = window.get(open..close + 2) else { break };
            if !(LEAST..=MOST).contains(&key.len()) || close >= self.odd && self.is_odd(open, close) {
                break;
            }
            if FINDS {
                if self.index.may_hold(open + 1, close) {
                    break;
                }
                self.key = Some((open + 1, close));
            }
            let Some(first) = window.get(value).copied() else { break };
            if ends.may_begin([*a, *b]) && ends.may_be(*a, window.get(close - 1).copied().unwrap_or_default())
            {
                match pass_named(self.tokens) {
                    Named::Stop => break,
                    Named::AsOthers => {}
                    Named::Passed { at, count } => {
                        (self.at, self.tokens) = (at, self.tokens.get(count..).unwrap_or_default());
                        continue;
                    }
                    Named::Closes { at, count } => {
                        (self.at, self.tokens) = (at, self.tokens.get(count..).unwrap_or_default());
                        return End::Closes;
                    }
                }
            }
            let goes_on = if first == b'"' {
                if FINDS && !self.stays(value, last) {
                    break;
                }
                self.goes_on(last + 1, rest, b'}')
            } else if first == b'{' {
                return End::Opens(Kind::Object, value);
            } else if first == b'[' {
                return End::Opens(Kind::Array, value);
            } else if let Some(end) = scalar(window, value, first) {
                self.goes_on(end, self.tokens.get(3..).unwrap_or_default(), b'}')
            } else {
                break;
            };
            if let Some(end) = goes_on {
                return end;
            }
        }
        End::Stop
    }

    /// Passes over items, up to one that has to be looked at.
    #[inline(always)]
    fn items<const FINDS: bool>(&mut self) -> End {
        let window = self.window;
        while let Some(([value, last], rest)) = near(self.tokens) {
            let Some(first) = window.get(value).copied() else { break };
            let goes_on = if first == b'"' {
                if FINDS && !self.stays(value, last) {
                    break;
                }
                self.goes_on(last + 1, rest, b']')
            } else if first == b'{' {
                return End::Opens(Kind::Object, value);
            } else if first == b'[' {
                return End::Opens(Kind::Array, value);
            } else if let Some(end) = scalar(window, value, first) {
                self.goes_on(end, self.tokens.get(1..).unwrap_or_default(), b']')
            } else {
                break;
            };
            if let Some(end) = goes_on {
                return end;
            }
        }
        End::Stop
    }

    /// Passes over a value that ends before `end` and before these tokens, and over the comma behind it. Otherwise why not.
    #[inline(always)]
    fn goes_on(&mut self, end: usize, rest: &'i [u16], bracket: u8) -> Option<End> {
        let Some(byte) = self.window.get(end).copied() else { return Some(End::Stop) };
        if byte == b',' {
            (self.at, self.tokens) = (end + 1, rest);
            return None;
        }
        if byte == bracket {
            (self.at, self.tokens) = (end, rest);
            return Some(End::Closes);
        }
        let behind = near(rest).filter(|_| matches!(byte, b' ' | b'\n' | b'\r' | b'\t'));
        let Some(([next], rest)) = behind else { return Some(End::Stop) };
        let is_comma = match self.window.get(next) {
            Some(b',') => true,
            Some(byte) if *byte == bracket => false,
            Some(_) | None => return Some(End::Stop),
        };
        self.tokens = rest;
        self.at = next + usize::from(is_comma);
        if is_comma { None } else { Some(End::Closes) }
    }

    /// Is nothing found in the text between these quotes, and no document?
    #[inline(always)]
    fn stays(&mut self, open: usize, close: usize) -> bool {
        let Some(text) = self.window.get(open + 1..close) else { return false };
        if self.looks && matches!(text.first(), Some(b'{' | b'[' | b'\\' | b' ' | 0xef))
            || self.index.may_hold(open + 1, close)
        {
            return false;
        }
        if close >= self.odd && self.is_odd(open, close) && memchr::memchr(b'\\', text).is_some() {
            return false;
        }
        !self.detectors.may_be_secret(text, self.last_key())
    }

    #[inline(always)]
    fn last_key(&self) -> &'i [u8] {
        let here = |(from, to)| self.window.get(from..to).unwrap_or_default();
        self.key.map_or(self.before, here)
    }

    /// Does a byte of a key make it more than its bytes?
    #[cold]
    fn is_odd(&mut self, open: usize, close: usize) -> bool {
        self.odd = self.index.odd_from(open);
        self.odd < close
    }
}
