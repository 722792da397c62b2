//! The walk over one JSON body (RFC 8259), a push parser that may be stopped at any byte.
//!
//! Beside the grammar it follows the shape's automaton: each value is looked up before its first byte can leave.
//!
//! Never: recurses, buffers more than a key and one masked value, or lets out anything after what is not JSON.

mod index;
mod run;
mod tokens;

use bytes::Bytes;

use crate::limits;
use crate::redact::automaton::DEAD;
use crate::redact::automaton::StateIx;
use crate::redact::malformed::Malformed;
use crate::redact::mask;
use crate::redact::output::Output;
use crate::redact::plan::Plan;
use crate::redact::plan::Rule;
use crate::redact::text;
use crate::redact::text::Number;
use crate::redact::text::Owed;
use index::Index;

/// What the next byte belongs to.
#[derive(Debug, Clone, Copy)]
enum Place {
    Start,
    /// The rest of a byte order mark.
    Mark(&'static [u8]),
    Value,
    /// A value or the end of an array that is still empty.
    FirstItem,
    /// A key or the end of an object that is still empty.
    FirstKey,
    Key,
    InKey,
    Colon,
    InString,
    InNumber,
    InLiteral(&'static [u8]),
    /// After a value: a comma, the end of what it stands in, or nothing.
    After,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Body,
    Array,
    Object,
}

/// What surrounds the current value.
#[derive(Debug, Clone, Copy)]
struct Frame {
    kind: Kind,
    /// An object's own state, an array's state for each item.
    state: StateIx,
    /// An object whose members may have to be dropped.
    holds: bool,
    /// Has a member of the object been kept?
    kept: bool,
}

/// What is kept of a value that its mask has to look at.
#[derive(Debug)]
struct Captured {
    rule: u16,
    is_text: bool,
    is_long: bool,
    raw: Vec<u8>,
}

const NOT_HIDING: usize = usize::MAX;

#[derive(Debug)]
pub(super) struct Walk {
    place: Place,
    top: Frame,
    around: Vec<Frame>,
    /// The state of the value that comes next.
    next: StateIx,
    /// How deep the value stands that is being hidden.
    hidden_at: usize,
    captured: Option<Captured>,
    output: Output,
    /// The key so far, as sent, if it began in an earlier piece.
    key: Vec<u8>,
    key_escape: bool,
    owed: Owed,
    number: Number,
    number_bytes: usize,
    /// How many bytes came before this piece.
    before: u64,
    /// How often a value of each set of classes was hidden.
    pub(super) counts: Vec<u64>,
}

impl Walk {
    pub(super) fn new(plan: &Plan) -> Self {
        let start = plan.shape.start;
        let next = if plan.hides(plan.shape.state(start).below) == 0 { DEAD } else { start };
        Self {
            place: Place::Start,
            top: Frame { kind: Kind::Body, state: DEAD, holds: false, kept: false },
            around: Vec::with_capacity(16),
            next,
            hidden_at: NOT_HIDING,
            captured: None,
            output: Output::new(),
            key: Vec::new(),
            key_escape: false,
            owed: Owed::Nothing,
            number: Number::Start,
            number_bytes: 0,
            before: 0,
            counts: Vec::new(),
        }
    }

    /// Walks over the next piece; what may leave. After an error nothing may be asked of it any more.
    pub(super) fn feed(&mut self, plan: &Plan, piece: &Bytes) -> Result<Bytes, Malformed> {
        self.output.begin();
        let bytes: &[u8] = piece;
        let mut at = 0;
        let mut index = Index::new();
        while let Some(byte) = bytes.get(at) {
            if self.place.is_between() && (at < index.until || bytes.len() - at >= index::LEAST) {
                if at >= index.until {
                    index.build(bytes, at);
                }
                let from = at;
                at = self.run(plan, bytes, &index, from)?;
                if at != from {
                    continue;
                }
            }
            at = match self.place {
                Place::After => self.after(plan, bytes, at)?,
                Place::FirstKey | Place::Key => self.key_start(plan, bytes, at)?,
                Place::Value | Place::FirstItem => self.value(plan, bytes, at)?,
                Place::InString => self.string(plan, bytes, at)?,
                Place::InNumber => self.number(plan, bytes, at)?,
                Place::InKey => self.key(plan, bytes, at)?,
                Place::Colon => self.colon(bytes, at)?,
                Place::InLiteral(rest) => self.literal(plan, bytes, at, rest)?,
                Place::Start if *byte == 0xef => {
                    self.output.skip_byte(bytes, at);
                    self.place = Place::Mark(b"\xbb\xbf");
                    at + 1
                }
                Place::Start => self.value(plan, bytes, at)?,
                Place::Mark(rest) => self.mark(bytes, at, rest)?,
            };
        }
        let out = self.output.end(piece).ok_or(Malformed::GapTooLong { at: self.position(at) })?;
        self.before += bytes.len() as u64;
        Ok(out)
    }

    /// The body has ended; what may still leave.
    pub(super) fn finish(&mut self, plan: &Plan) -> Result<Bytes, Malformed> {
        self.output.begin();
        if self.top.kind == Kind::Body && matches!(self.place, Place::InNumber) && self.number.is_whole() {
            self.value_end(plan, &[], 0);
        }
        match (self.place, self.top.kind) {
            (Place::After, Kind::Body) => self.output.end(&Bytes::new()).ok_or(Malformed::Truncated),
            _ => Err(Malformed::Truncated),
        }
    }

    const fn position(&self, at: usize) -> u64 {
        self.before + at as u64
    }

    const fn not_json(&self, at: usize) -> Malformed {
        Malformed::NotJson { at: self.position(at) }
    }

    fn mark(&mut self, bytes: &[u8], at: usize, rest: &'static [u8]) -> Result<usize, Malformed> {
        match rest.split_first() {
            Some((first, rest)) if bytes.get(at) == Some(first) => {
                self.output.skip_byte(bytes, at);
                self.place = if rest.is_empty() { Place::Value } else { Place::Mark(rest) };
                Ok(at + 1)
            }
            Some(_) | None => Err(self.not_json(at)),
        }
    }

    fn value(&mut self, plan: &Plan, bytes: &[u8], at: usize) -> Result<usize, Malformed> {
        let at = text::skip_space(bytes, at);
        let Some(first) = bytes.get(at).copied() else {
            if matches!(self.place, Place::Start) {
                self.place = Place::Value;
            }
            return Ok(at);
        };
        if first == b']' && matches!(self.place, Place::FirstItem) {
            return self.close(plan, bytes, at, Kind::Array);
        }
        let inner = self.enter(plan, bytes, at, first)?;
        match first {
            b'"' => {
                self.place = Place::InString;
                self.owed = Owed::Nothing;
                self.string(plan, bytes, at + 1)
            }
            b'{' => self.open(plan, Kind::Object, inner, at),
            b'[' => self.open(plan, Kind::Array, inner, at),
            b'-' | b'0'..=b'9' => {
                self.place = Place::InNumber;
                self.number = Number::Start;
                self.number_bytes = 0;
                self.number(plan, bytes, at)
            }
            b't' => self.literal(plan, bytes, at + 1, b"rue"),
            b'f' => self.literal(plan, bytes, at + 1, b"alse"),
            b'n' => self.literal(plan, bytes, at + 1, b"ull"),
            _ => Err(self.not_json(at)),
        }
    }

    /// A value begins: what happens to it is decided before its first byte can leave. The state within it.
    #[inline]
    fn enter(&mut self, plan: &Plan, bytes: &[u8], at: usize, first: u8) -> Result<StateIx, Malformed> {
        // The dead state is most of all bodies, and asks no table.
        let (mut rule, mut set, mut inner) = (0, 0, DEAD);
        if self.next != DEAD {
            let state = plan.shape.state(self.next);
            (set, inner) =
                if first == b'[' { (state.array, state.item) } else { (state.other, state.object) };
            rule = plan.hides(set);
        }
        if rule != 0 {
            self.hide(plan, rule, set, bytes, at)?;
        } else if self.output.is_holding() {
            self.keep_member(bytes, at)?;
        }
        Ok(inner)
    }

    #[inline]
    fn keep_member(&mut self, bytes: &[u8], at: usize) -> Result<(), Malformed> {
        if self.output.is_holding() {
            let is_first = !std::mem::replace(&mut self.top.kept, true);
            let too_long = Malformed::GapTooLong { at: self.position(at) };
            return self.output.keep(bytes, at, is_first).ok_or(too_long);
        }
        Ok(())
    }

    fn hide(&mut self, plan: &Plan, rule: u16, set: u16, bytes: &[u8], at: usize) -> Result<(), Malformed> {
        self.hidden_at = self.around.len();
        if self.counts.is_empty() {
            self.counts.resize(plan.shape.sets.len(), 0);
        }
        if let Some(count) = self.counts.get_mut(usize::from(set)) {
            *count += 1;
        }
        let kind = plan.rule(rule);
        if *kind == Rule::Drop && self.output.is_holding() {
            let too_long = Malformed::GapTooLong { at: self.position(at) };
            return self.output.drop_held(bytes, at).ok_or(too_long);
        }
        self.keep_member(bytes, at)?;
        self.output.hide(bytes, at);
        let first = bytes.get(at).copied().unwrap_or_default();
        match kind {
            Rule::Drop => self.output.replacement(bytes).extend(b"null"),
            Rule::Text(text) => self.output.replacement(bytes).extend_from_slice(text),
            Rule::Typed => self.output.replacement(bytes).extend(mask::typed(first)),
            Rule::Made(made) if made.looks_at(first) => {
                let is_text = first == b'"';
                self.captured = Some(Captured { rule, is_text, is_long: false, raw: Vec::new() });
            }
            Rule::Made(_) => self.output.replacement(bytes).extend(mask::quoted(mask::REDACTED)),
        }
        Ok(())
    }

    fn open(&mut self, plan: &Plan, kind: Kind, state: StateIx, at: usize) -> Result<usize, Malformed> {
        if self.around.len() >= limits::JSON_DEPTH_MAX {
            return Err(Malformed::TooDeep { at: self.position(at) });
        }
        // Within a hidden value, and where nothing below is hidden, there is nothing to look up.
        let is_dead =
            state == DEAD || self.hidden_at != NOT_HIDING || plan.hides(plan.shape.state(state).below) == 0;
        let state = if is_dead { DEAD } else { state };
        let holds = kind == Kind::Object && !is_dead && plan.drops;
        self.around.push(std::mem::replace(&mut self.top, Frame { kind, state, holds, kept: false }));
        if kind == Kind::Object {
            self.place = Place::FirstKey;
            if holds {
                self.output.hold(at + 1, false);
            }
        } else {
            self.place = Place::FirstItem;
            self.next = state;
        }
        Ok(at + 1)
    }

    fn close(&mut self, plan: &Plan, bytes: &[u8], at: usize, kind: Kind) -> Result<usize, Malformed> {
        match self.around.pop() {
            Some(outer) if self.top.kind == kind => {
                // An object without any member holds the bytes since its brace.
                self.keep_member(bytes, at)?;
                self.top = outer;
                self.value_end(plan, bytes, at + 1);
                Ok(at + 1)
            }
            Some(_) | None => Err(self.not_json(at)),
        }
    }

    /// A value ends before `at`.
    #[inline]
    fn value_end(&mut self, plan: &Plan, bytes: &[u8], at: usize) {
        self.place = Place::After;
        if self.hidden_at == self.around.len() {
            self.hidden_at = NOT_HIDING;
            if let Some(captured) = self.captured.take() {
                captured.replace(plan, self.output.replacement(bytes));
            }
            self.output.resume(at);
        }
    }

    fn after(&mut self, plan: &Plan, bytes: &[u8], at: usize) -> Result<usize, Malformed> {
        let at = text::skip_space(bytes, at);
        match (bytes.get(at), self.top.kind) {
            (None, _) => Ok(at),
            (Some(b','), Kind::Object) => {
                if self.top.holds {
                    self.output.hold(at, true);
                }
                self.place = Place::Key;
                self.key_start(plan, bytes, at + 1)
            }
            (Some(b','), Kind::Array) => {
                self.next = self.top.state;
                self.place = Place::Value;
                Ok(at + 1)
            }
            (Some(b'}'), Kind::Object) => self.close(plan, bytes, at, Kind::Object),
            (Some(b']'), Kind::Array) => self.close(plan, bytes, at, Kind::Array),
            _ => Err(self.not_json(at)),
        }
    }

    fn key_start(&mut self, plan: &Plan, bytes: &[u8], at: usize) -> Result<usize, Malformed> {
        let at = text::skip_space(bytes, at);
        match bytes.get(at) {
            None => Ok(at),
            Some(b'"') => {
                self.place = Place::InKey;
                self.key.clear();
                self.key_escape = false;
                self.key(plan, bytes, at + 1)
            }
            Some(b'}') if matches!(self.place, Place::FirstKey) => self.close(plan, bytes, at, Kind::Object),
            Some(_) => Err(self.not_json(at)),
        }
    }
}

impl Captured {
    fn add(&mut self, part: &[u8]) {
        self.is_long |= self.raw.len() + part.len() > limits::MASKED_VALUE_BYTES_MAX;
        if self.is_long {
            self.raw = Vec::new();
        } else {
            self.raw.extend_from_slice(part);
        }
    }

    /// Writes what replaces the value. One that is too long, or no text, is hidden whole.
    fn replace(self, plan: &Plan, out: &mut Vec<u8>) {
        let text = if self.is_text { text::unescape(&self.raw) } else { String::from_utf8(self.raw).ok() };
        match (plan.rule(self.rule), text.filter(|_| !self.is_long)) {
            (Rule::Made(made), Some(text)) => made.write(plan.key.as_ref(), &text, out),
            _ => out.extend(mask::quoted(mask::REDACTED)),
        }
    }
}
