//! The walk over one JSON body (RFC 8259), a push parser that may be stopped at any byte.
//!
//! Beside the grammar it follows the shape's automaton: each value is looked up before its first byte can leave.
//!
//! Never: recurses, buffers more than a key and one masked value, or lets out anything after what is not JSON.

mod act;
mod document;
mod find;
mod index;
mod nest;
mod pass;
mod quiet;
mod rows;
mod run;
mod scalar;
mod spare;
mod tokens;

use std::sync::Arc;

use bytes::Bytes;

use crate::redact::automaton::DEAD;
use crate::redact::automaton::StateIx;
use crate::redact::malformed::Malformed;
use crate::redact::output::Output;
use crate::redact::output::TooMuch;
use crate::redact::plan::Counts;
use crate::redact::plan::Plan;
use crate::redact::text;
use crate::redact::text::Number;
use crate::redact::text::Owed;
use act::Captured;
use find::LastKey;
use index::Index;
use pass::Memory;
use quiet::QuietKeys;
use rows::Row;

pub(super) use document::may_hold_a_document;
pub use rows::Owns;
pub(super) use spare::cleared;

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
    within: Within,
    /// An object whose members may have to be dropped.
    holds: bool,
    /// Has a member of the object, or a row of the array, been kept?
    kept: bool,
}

/// What is done with the values in another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Within {
    /// Nothing with a text, a number or a literal, if it has no key of the shape's.
    Little,
    /// Each is looked up.
    Each,
    /// They are rows.
    Rows,
}

impl Frame {
    const BODY: Self =
        Self { kind: Kind::Body, state: DEAD, within: Within::Each, holds: false, kept: false };

    fn rows(&self) -> bool {
        self.within == Within::Rows
    }
}

/// No depth.
const NOWHERE: usize = usize::MAX;

#[derive(Debug)]
pub(super) struct Walk {
    place: Place,
    top: Frame,
    around: Vec<Frame>,
    /// The state of the value that comes next.
    next: StateIx,
    /// How deep the innermost value stands at whose end something is to be done.
    watched_at: usize,
    /// How deep the value stands that is being hidden.
    hidden_at: usize,
    captured: Option<Captured>,
    /// Has a string begun of which no byte has been looked at?
    look_later: bool,
    /// Whose rows may stay. Without it no row is looked at.
    owner: Option<Arc<dyn Owns>>,
    row: Option<Row>,
    /// How many rows were another's.
    pub(super) foreign: u64,
    /// Has a number of rows left that would not be true if another row were taken out?
    counted: Counts,
    /// Was the whole document a row of another?
    pub(super) is_gone: bool,
    /// In how many strings this document stands.
    level: u8,
    output: Output,
    /// The key so far, as sent, if it began in an earlier piece.
    key: Vec<u8>,
    key_escape: bool,
    last_key: LastKey,
    quiet: Option<QuietKeys>,
    memory: Memory,
    owed: Owed,
    number: Number,
    number_bytes: usize,
    /// How many bytes came before this piece.
    before: u64,
    /// How often a value of each set of classes was hidden.
    pub(super) counts: Vec<u64>,
}

impl Walk {
    /// The walk over a document that looks at no rows.
    pub(super) fn new(plan: &Plan) -> Self {
        Self::at(plan, plan.shape.start)
    }

    /// The walk over a document that stands where this state is.
    fn at(plan: &Plan, start: StateIx) -> Self {
        Self::with(plan, start, Vec::with_capacity(16))
    }

    /// The same, with an empty list of what is around a value.
    fn with(plan: &Plan, start: StateIx, around: Vec<Frame>) -> Self {
        let next = if plan.act_of(plan.shape.state(start).below) == 0 { DEAD } else { start };
        Self {
            place: Place::Start,
            top: Frame::BODY,
            around,
            next,
            watched_at: NOWHERE,
            hidden_at: NOWHERE,
            captured: None,
            look_later: false,
            owner: None,
            row: None,
            foreign: 0,
            counted: Counts::No,
            is_gone: false,
            level: 0,
            output: Output::default(),
            key: Vec::new(),
            key_escape: false,
            last_key: LastKey::default(),
            quiet: None,
            memory: Memory::default(),
            owed: Owed::Nothing,
            number: Number::Start,
            number_bytes: 0,
            before: 0,
            counts: Vec::new(),
        }
    }

    /// Walks over the next piece; what may leave. After an error nothing may be asked of it any more.
    pub(super) fn feed(&mut self, plan: &Plan, piece: &Bytes) -> Result<Bytes, Malformed> {
        // Most pieces are records and fields that need none.
        let mut index = None;
        let out = self.feed_with(plan, piece, &mut index);
        if let Some(index) = index {
            index.give_back();
        }
        out
    }

    fn feed_with(
        &mut self,
        plan: &Plan,
        piece: &Bytes,
        index: &mut Option<Box<Index>>,
    ) -> Result<Bytes, Malformed> {
        self.output.begin();
        let bytes: &[u8] = piece;
        let mut at = 0;
        while let Some(byte) = bytes.get(at) {
            let until = index.as_ref().map_or(0, |index| index.until);
            if self.place.is_between() && (at < until || bytes.len() - at >= index::LEAST) {
                let index = index.get_or_insert_with(Index::spare);
                if at >= until {
                    index.build(bytes, at, plan.finds);
                }
                let from = at;
                at = self.run(plan, bytes, index, from)?;
                if at != from {
                    continue;
                }
                if index.ends_early(bytes, at) {
                    // What is not whole in this window may be in the next.
                    index.build(bytes, at, plan.finds);
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
        let out = self.output.end(piece).map_err(|why| self.too_much(why, at))?;
        self.before += bytes.len() as u64;
        self.last_key.keep(bytes);
        Ok(out)
    }

    /// The body has ended; what may still leave.
    pub(super) fn finish(&mut self, plan: &Plan) -> Result<Bytes, Malformed> {
        self.output.begin();
        if self.top.kind == Kind::Body && matches!(self.place, Place::InNumber) && self.number.is_whole() {
            self.value_end(plan, &[], 0)?;
        }
        match (self.place, self.top.kind) {
            (Place::After, Kind::Body) => self.output.end(&Bytes::new()).map_err(|why| self.too_much(why, 0)),
            _ => Err(Malformed::Truncated),
        }
    }

    const fn position(&self, at: usize) -> u64 {
        self.before + at as u64
    }

    const fn too_much(&self, why: TooMuch, at: usize) -> Malformed {
        why.at(self.position(at))
    }

    const fn not_json(&self, at: usize) -> Malformed {
        Malformed::NotJson { at: self.position(at) }
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
                self.look(plan, bytes, at + 1);
                self.string(plan, bytes, at + 1)
            }
            b'{' => self.open(plan, Kind::Object, inner, bytes, at),
            b'[' => self.open(plan, Kind::Array, inner, bytes, at),
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

    /// A value ends before `at`.
    #[inline]
    fn value_end(&mut self, plan: &Plan, bytes: &[u8], at: usize) -> Result<(), Malformed> {
        self.place = Place::After;
        if self.watched_at == self.around.len() {
            return self.ended(plan, bytes, at);
        }
        Ok(())
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
                if self.top.rows() {
                    self.output.pend(bytes, at);
                }
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
