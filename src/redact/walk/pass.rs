//! The pass over values with which nothing is done: most of all bodies.
//!
//! It goes into the objects and arrays that nothing is done with, and out of them again, up to a key that may be one of the
//! shape's, to where a value ends that something is done with, or to what is not whole and plain.
//! Never: passes over anything that it has not found to be JSON, or over a key that may be one of the shape's.

mod hit;
mod text;

use crate::limits;
use crate::redact::automaton::DEAD;
use crate::redact::plan::Plan;
use crate::redact::walk::Frame;
use crate::redact::walk::Kind;
use crate::redact::walk::NOWHERE;
use crate::redact::walk::Place;
use crate::redact::walk::Walk;
use crate::redact::walk::Within;
use crate::redact::walk::index::AHEAD;
use crate::redact::walk::index::AT_ONCE;
use crate::redact::walk::index::Index;
use crate::redact::walk::index::Tokens;
use crate::redact::walk::index::WINDOW;
use crate::redact::walk::index::Window;
use crate::redact::walk::run::Ahead;
use crate::redact::walk::scalar::number_or_other;
use crate::redact::walk::scalar::scalar;
use hit::Hit;

pub(super) use hit::Memory;

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
    plan: &'i Plan,
    bytes: &'i [u8],
    index: &'i Index,
    window: &'i Window,
    tokens: &'i Tokens,
    /// How many tokens are passed.
    passed: usize,
    /// May what is only hidden by a short text be written at once? See [`Walk::is_quick`].
    is_quick: bool,
    /// Behind the last bracket or comma.
    at: usize,
    /// The next byte that makes a key more than its bytes, if it is not one before `at`.
    odd: usize,
    /// The same for bytes that a string has to be looked at for.
    eyed: usize,
    /// Where the last key stands, unless that is the one before the pass.
    key: Option<(usize, usize)>,
}

/// No text in an index is too long to be looked at.
const _: () = assert!(2 * WINDOW <= limits::MASKED_VALUE_BYTES_MAX);

impl Walk {
    /// Passes on from a key or an item, which comes `from` there on; to where. `self.place` says what comes there.
    /// `FINDS` where texts are searched.
    #[inline(never)]
    pub(super) fn pass<'i, const FINDS: bool>(
        &mut self,
        plan: &'i Plan,
        bytes: &'i [u8],
        index: &'i Index,
        ahead: &mut Ahead<'i>,
        from: usize,
    ) -> usize {
        let (window, (tokens, count)) = (index.window(), index.places());
        let passed = (count + AT_ONCE).saturating_sub(ahead.tokens.len());
        let is_quick = self.is_quick();
        let eyed = if FINDS { index.eyed_from(from) } else { usize::MAX };
        let odd = index.odd_from(from);
        let mut pass =
            Pass { plan, bytes, index, window, tokens, passed, is_quick, at: from, odd, eyed, key: None };
        let place = loop {
            let end = match self.top.kind {
                Kind::Object => pass.members::<FINDS>(self),
                Kind::Array | Kind::Body => pass.items::<FINDS>(self),
            };
            let went_on = match end {
                End::Stop => Err(if self.top.kind == Kind::Object { Place::Key } else { Place::Value }),
                End::Opens(kind, at) => self.pass_into(&mut pass, kind, at),
                End::Closes => self.pass_out(&mut pass),
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
        ahead.tokens = index.behind(pass.passed);
        if self.top.holds && pass.at != from {
            let is_key = matches!(place, Place::Key);
            self.output.hold_from(is_key.then(|| ahead.from + pass.at - 1));
        }
        pass.at
    }

    /// May objects and arrays be passed over in one of this state? Where members may have to be dropped, or something is done
    /// at the end of one around them, they may not.
    #[inline(always)]
    fn passes_within(&self, plan: &Plan, frame: &Frame) -> bool {
        self.watched_at == NOWHERE && (!plan.drops || frame.state == DEAD)
    }

    /// Passes into a value that opens another, and out again if that is empty.
    #[inline(always)]
    fn pass_into(&mut self, pass: &mut Pass<'_>, kind: Kind, at: usize) -> Result<(), Place> {
        let is_object = self.top.kind == Kind::Object;
        let stay = if is_object { Place::Key } else { Place::Value };
        if !self.passes_within(pass.plan, &self.top) || self.around.len() >= limits::JSON_DEPTH_MAX {
            return Err(stay);
        }
        let state = pass
            .plan
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
        let [next] = pass.next();
        match pass.byte(next) {
            0 => Err(first),
            b'}' if kind == Kind::Object => {
                pass.at = next;
                pass.skip(1);
                self.pass_out(pass)
            }
            b']' if kind == Kind::Array => {
                pass.at = next;
                pass.skip(1);
                self.pass_out(pass)
            }
            _ => Ok(()),
        }
    }

    /// Passes out of what ends at the pass's place.
    #[inline(always)]
    fn pass_out(&mut self, pass: &mut Pass<'_>) -> Result<(), Place> {
        while let Some(outer) = self.around.last().copied() {
            if outer.within != Within::Little
                || outer.holds
                || !self.passes_within(pass.plan, &outer)
                || outer.kind == Kind::Body
            {
                break;
            }
            self.around.pop();
            self.top = outer;
            pass.at += 1;
            let [next] = pass.next();
            match (pass.byte(next), outer.kind) {
                (b',', _) => {
                    pass.at = next + 1;
                    pass.skip(1);
                    return Ok(());
                }
                (b'}', Kind::Object) | (b']', Kind::Array) => {
                    pass.at = next;
                    pass.skip(1);
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
        self.passed = self.passed.wrapping_add(count);
    }

    /// The next so many tokens; those that are not there are nowhere.
    // Of more than there are nobody asks: so the first place is compared with nothing.
    #[inline(always)]
    fn next<const N: usize>(&self) -> [usize; N] {
        let first = self.passed & (2 * WINDOW - 1);
        let next = self.tokens.get(first..first + N).and_then(|next| next.first_chunk::<N>());
        next.copied().unwrap_or([u16::MAX; N]).map(usize::from)
    }

    /// The byte at a token, or a little behind it; 0 where nothing is.
    // A token has 16 bits, and so none is beyond the window: nothing is compared.
    #[inline(always)]
    fn byte(&self, at: usize) -> u8 {
        self.window.get(at).copied().unwrap_or(0)
    }

    /// Passes over members, up to one that has to be looked at.
    #[inline(always)]
    fn members<const FINDS: bool>(&mut self, walk: &mut Walk) -> End {
        let ends = self.plan.shape.ends(walk.top.state);
        loop {
            let [open, close, value, last] = self.next();
            let (a, b) = (self.byte(open + 1), self.byte(open + 2));
            let is_key = self.byte(open) == b'"' && self.byte(close + 1) == b':';
            // Neither empty nor too long.
            let length = close.wrapping_sub(open + 1);
            if !is_key
                || length.wrapping_sub(1) >= limits::JSON_KEY_BYTES_MAX
                || close >= self.odd && self.is_odd(open, close)
            {
                break;
            }
            if FINDS {
                if close >= self.eyed && self.index.is_eyed(open, close) && !self.key_stays(walk, open, close)
                {
                    break;
                }
                self.key = Some((open + 1, close));
            }
            if ends.may_begin([a, b]) && ends.may_be(a, self.byte(close.wrapping_sub(1) & 0xffff)) {
                match walk.hit(self) {
                    Hit::Stop => break,
                    Hit::AsOthers => {}
                    Hit::Passed => continue,
                    Hit::Closes => return End::Closes,
                }
            }
            if let Some(end) = self.value::<FINDS, 2>(walk, value, last, b'}') {
                return end;
            }
        }
        End::Stop
    }

    /// Passes over items, up to one that has to be looked at.
    #[inline(always)]
    fn items<const FINDS: bool>(&mut self, walk: &mut Walk) -> End {
        loop {
            let [value, last] = self.next();
            if let Some(end) = self.value::<FINDS, 0>(walk, value, last, b']') {
                return end;
            }
        }
    }

    /// Passes over a value, which comes after so many tokens, and the comma behind it. Otherwise why not.
    #[inline(always)]
    fn value<const FINDS: bool, const BEFORE: usize>(
        &mut self,
        walk: &mut Walk,
        value: usize,
        last: usize,
        bracket: u8,
    ) -> Option<End> {
        match self.byte(value) {
            b'"' => {
                if FINDS {
                    let may_be_secret = self.may_be_secret(walk, value, last);
                    if (may_be_secret || last >= self.eyed && self.index.is_eyed(value, last))
                        && !self.text_stays(walk, (value, last), may_be_secret, (BEFORE + 2, bracket))
                    {
                        return Some(End::Stop);
                    }
                }
                self.goes_on(last + 1, BEFORE + 2, bracket)
            }
            b'{' => Some(End::Opens(Kind::Object, value)),
            b'[' if !self.is_number(BEFORE + 1) => Some(End::Opens(Kind::Array, value)),
            b'[' => match self.flat::<BEFORE>(walk) {
                // Behind its bracket a comma or another one is a token of its own.
                Some((end, tokens)) => {
                    let is_token = matches!(self.byte(end), b',' | b'}' | b']');
                    self.goes_on(end, tokens + usize::from(is_token), bracket)
                }
                None => Some(End::Opens(Kind::Array, value)),
            },
            first => match scalar(self.window, value, first) {
                Some(end) => self.goes_on(end, BEFORE + 1, bracket),
                None => Some(End::Stop),
            },
        }
    }

    /// Does a number begin at the token after so many?
    #[inline(always)]
    fn is_number(&self, tokens: usize) -> bool {
        let next = self.tokens.get(self.passed + tokens).copied().unwrap_or(u16::MAX);
        matches!(self.byte(usize::from(next)), b'-' | b'0'..=b'9')
    }

    /// Where an array ends that comes after so many tokens and holds nothing but numbers and literals, some of them, without
    /// spaces, or the last of those that follow each other in an array; and how many tokens there are up to there. Only where
    /// nothing is done with an array.
    #[inline(never)]
    fn flat<const BEFORE: usize>(&self, walk: &Walk) -> Option<(usize, usize)> {
        if !walk.passes_within(self.plan, &walk.top) || walk.around.len() >= limits::JSON_DEPTH_MAX {
            return None;
        }
        self.plan.shape.state_ref(walk.top.state)?.quiet(walk.top.kind == Kind::Object, false)?;
        let token = |tokens: usize| self.tokens.get(self.passed + tokens).copied().map(usize::from);
        let (mut tokens, mut whole) = (BEFORE + 1, None);
        let mut value = token(tokens)?;
        loop {
            let first = self.byte(value);
            let end = match BEFORE {
                0 => number_or_other(self.window, value, first),
                // Of one digit, as most are in objects.
                _ if first.is_ascii_digit() && matches!(self.byte(value + 1), b',' | b']') => Some(value + 1),
                _ => scalar(self.window, value, first),
            };
            let Some(end) = end else { return whole };
            tokens += 1;
            // Without a space between them each is a token of its own, and the comma between numbers is none. The place of the
            // next is asked of the index, so that the processor need not wait for the end of this one.
            let next = match self.byte(end) {
                b',' => end + 1,
                b']' => {
                    let behind = self.byte(end + 1);
                    // What is not followed at once may have to be looked at, and those before it have not.
                    if whole.is_none() || matches!(behind, b',' | b']') {
                        whole = Some((end + 1, tokens));
                    }
                    // In an array the next may be another such.
                    if BEFORE != 0 || behind != b',' || self.byte(end + 2) != b'[' {
                        return whole;
                    }
                    tokens += 2;
                    end + 3
                }
                _ => return whole,
            };
            match token(tokens) {
                Some(place) if place == next => value = place,
                Some(_) | None => return whole,
            }
        }
    }

    /// Passes over a value that ends before `end` and has so many tokens, and over the comma behind it. Otherwise why not.
    #[inline(always)]
    fn goes_on(&mut self, end: usize, tokens: usize, bracket: u8) -> Option<End> {
        let byte = self.byte(end);
        if byte == b',' {
            self.at = end + 1;
            self.skip(tokens);
            return None;
        }
        if byte == bracket {
            self.at = end;
            self.skip(tokens);
            return Some(End::Closes);
        }
        self.goes_far(byte, tokens, bracket)
    }

    /// The same where there is space behind the value.
    #[inline(never)]
    fn goes_far(&mut self, byte: u8, tokens: usize, bracket: u8) -> Option<End> {
        let next = self.behind(byte, tokens);
        let is_comma = match self.byte(next) {
            b',' => true,
            byte if byte == bracket => false,
            _ => return Some(End::Stop),
        };
        self.skip(tokens + 1);
        self.at = next + usize::from(is_comma);
        if is_comma { None } else { Some(End::Closes) }
    }

    /// The token that comes after so many, if this byte stands before it and is space; else none.
    fn behind(&self, byte: u8, tokens: usize) -> usize {
        let is_space = matches!(byte, b' ' | b'\n' | b'\r' | b'\t');
        let next = self.tokens.get(self.passed + tokens).filter(|_| is_space);
        next.map_or(usize::from(u16::MAX), |next| usize::from(*next))
    }

    /// Does a byte of a key make it more than its bytes?
    #[cold]
    fn is_odd(&mut self, open: usize, close: usize) -> bool {
        self.odd = self.index.odd_from(open);
        self.odd < close
    }
}

const _: () = assert!(AHEAD >= 32);
