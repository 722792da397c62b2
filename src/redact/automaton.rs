//! The deterministic automaton of a shape: one state per set of nodes, made once per snapshot, read by every body.
//!
//! A state keeps no classes of the values around it: where one of those is hidden the whole value goes, and its
//! inside is never asked about. So states do not multiply with the number of any-depth paths.
//!
//! Never: grows while it is read.

mod compile;
mod layout;

use std::collections::BTreeMap;

use crate::ids::Digest;
use crate::redact::classes::ClassSet;
use crate::redact::classes::Mark;
use crate::redact::classes::Sets;
use crate::redact::detect::Kind;
use crate::redact::fold::Ends;
use crate::redact::opaque::MediaRange;
use crate::redact::proto::Messages;
use crate::redact::shape::ClassIx;
use crate::redact::shape::Foreign;
use crate::redact::symbols::Symbols;

pub(super) use compile::compile;

/// A state. 0 is the dead one: nothing here or below is classified.
pub(super) type StateIx = u16;
/// The dead state.
pub(super) const DEAD: StateIx = 0;

/// No key has an end that one may have which is no state's.
static NO_ENDS: Ends = Ends::NONE;

/// The state within a value that something may be done with.
const LOUD: StateIx = StateIx::MAX;

#[derive(Debug, Clone, Copy, Default)]
pub(super) struct State {
    /// The classes of an array that stands here.
    pub(super) array: u16,
    /// The classes of an object that stands here.
    pub(super) object: u16,
    /// The classes of any other value that stands here.
    pub(super) scalar: u16,
    /// The classes of a `null` that stands here: nothing is told by one where another value should stand.
    pub(super) null: u16,
    /// The classes that may stand anywhere below.
    pub(super) below: u16,
    /// The state of the items of an array that stands here.
    pub(super) item: StateIx,
    /// The state whose members count for an object that stands here.
    pub(super) inside: StateIx,
    /// The classes of a member of an object that stands here, whose key is not in `cells`, if it is a text, a number or a
    /// literal.
    pub(super) of_others: u16,
    /// The state within an object, and within an array, that nothing is done with: of a member whose key is not in
    /// `cells`, and of an item. [`LOUD`] where something may be done with it, or with a text, a number or a literal in it.
    quiet_members: [StateIx; 2],
    quiet_items: [StateIx; 2],
    /// Where members lead whose key is not in `cells`.
    default: StateIx,
    /// Where in `cells` the keys of this state begin.
    base: u32,
}

impl State {
    /// A state that is not there has a set that is not there, and that hides.
    const UNKNOWN: Self = Self {
        array: u16::MAX,
        object: u16::MAX,
        scalar: u16::MAX,
        null: u16::MAX,
        below: 0,
        item: DEAD,
        inside: DEAD,
        of_others: u16::MAX,
        quiet_members: [LOUD; 2],
        quiet_items: [LOUD; 2],
        default: DEAD,
        base: 0,
    };

    /// The classes of a value that stands here and begins with this byte, and the state within it.
    #[inline]
    pub(super) const fn of(self, first: u8) -> (u16, StateIx) {
        match first {
            b'[' => (self.array, self.item),
            b'{' => (self.object, self.inside),
            b'n' => (self.null, self.inside),
            _ => (self.scalar, self.inside),
        }
    }
}

impl State {
    /// The state within an object or an array in this one, if nothing is done with it: in one that stands here as the
    /// member of an object whose key has no cell, or as the item of an array whose items have this state.
    #[inline]
    pub(super) fn quiet(&self, in_object: bool, is_object: bool) -> Option<StateIx> {
        let [object, array] = if in_object { self.quiet_members } else { self.quiet_items };
        Some(if is_object { object } else { array }).filter(|state| *state != LOUD)
    }
}

/// Rows of keys, laid over each other so that no two of them meet: `base + symbol`, if it is the state's own.
#[derive(Debug, Clone, Copy, Default)]
struct Cell {
    owner: StateIx,
    next: StateIx,
}

/// Which classes stand where in a kind of body, compiled and immutable.
#[derive(Debug, Clone)]
pub struct Shape {
    states: Box<[State]>,
    cells: Box<[Cell]>,
    symbols: Symbols,
    pub(super) start: StateIx,
    /// The state of what no class names, where that has a class; else the dead one.
    pub(super) rest: StateIx,
    pub(super) sets: Box<[ClassSet]>,
    classes: Box<[ClassIx]>,
    names: BTreeMap<ClassIx, Box<str>>,
    /// The class of what is found by its form, and the set that is only it, by kind.
    pub(super) detected: [Option<(ClassIx, u16)>; Kind::ALL.len()],
    /// Is a string that looks like JSON read as if its document stood there?
    pub(super) looks_into_strings: bool,
    /// The class of what no class names, where that has one.
    pub(super) unclassified: Option<ClassIx>,
    /// Is there a place of which each member is classified, whatever its key?
    classifies_any_member: bool,
    pub(super) has_rows: bool,
    pub(super) foreign: Foreign,
    /// The type of bodies of Protocol Buffers, if the route names one.
    pub(super) protobuf: Option<Messages>,
    /// Content types that pass unread.
    opaque: Box<[MediaRange]>,
    digest: Digest,
}

impl Shape {
    /// A shape in which nothing is classified.
    pub(super) fn empty() -> Self {
        Self {
            states: Box::new([State::default()]),
            cells: Box::default(),
            symbols: Symbols::default(),
            start: DEAD,
            rest: DEAD,
            sets: Sets::default().into_all(),
            classes: Box::default(),
            names: BTreeMap::new(),
            detected: [None; Kind::ALL.len()],
            looks_into_strings: false,
            unclassified: None,
            classifies_any_member: false,
            has_rows: false,
            foreign: Foreign::Refuse,
            protobuf: None,
            opaque: Box::default(),
            digest: Digest::of(b""),
        }
    }

    /// The same, of which bodies of Protocol Buffers are this message.
    pub(super) fn with_protobuf(mut self, protobuf: Option<Messages>) -> Self {
        if let Some(messages) = &protobuf {
            let (root, unknown) = (messages.root.to_be_bytes(), [messages.unknown as u8]);
            let descriptors = messages.descriptors.digest.as_bytes();
            self.digest = Digest::of_parts([self.digest.as_bytes(), descriptors, &root[..], &unknown]);
        }
        self.protobuf = protobuf;
        self
    }

    /// The same, of which bodies of these types pass unread.
    #[must_use]
    pub fn with_opaque(mut self, ranges: Vec<MediaRange>) -> Self {
        for range in &ranges {
            self.digest = Digest::of_parts([self.digest.as_bytes(), range.to_string().as_bytes()]);
        }
        self.opaque = ranges.into();
        self
    }

    /// May a body of this content type, in lower case and without parameters, pass unread?
    pub(super) fn lets_pass(&self, media_type: &str) -> bool {
        self.opaque.iter().any(|range| range.holds(media_type))
    }

    /// The classes that may stand in such a body, sorted.
    #[must_use]
    pub fn classes(&self) -> &[ClassIx] {
        &self.classes
    }

    /// Is there nothing to look for: no class, and no row?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.classes.is_empty() && !self.has_rows
    }

    /// About how many bytes it takes to keep.
    #[must_use]
    pub fn weight(&self) -> u64 {
        let parts = size_of_val(&*self.states) + size_of_val(&*self.cells) + size_of_val(&*self.sets);
        let keys: usize = self.symbols.keys().map(|key| key.len() + 64).sum();
        let keys = keys + size_of::<Ends>();
        u64::try_from(parts + keys).unwrap_or(u64::MAX)
    }

    /// Everything that decides what this shape matches.
    pub(super) const fn digest(&self) -> &Digest {
        &self.digest
    }

    pub(super) fn name(&self, class: ClassIx) -> Box<str> {
        self.names.get(&class).cloned().unwrap_or_else(|| class.0.to_string().into())
    }

    #[inline]
    pub(super) fn state(&self, state: StateIx) -> State {
        self.states.get(usize::from(state)).copied().unwrap_or(State::UNKNOWN)
    }

    /// A state, if it is there.
    #[inline]
    pub(super) fn state_ref(&self, state: StateIx) -> Option<&State> {
        self.states.get(usize::from(state))
    }

    /// May a lax parser find a classified member in a text that is no JSON? Where keys do not matter it may; else if
    /// any key stands in it, in whatever case, or something is spelt by escapes.
    pub(super) fn may_be_named_in(&self, text: &[u8]) -> bool {
        if self.classifies_any_member || text.contains(&b'\\') {
            return true;
        }
        let text = String::from_utf8_lossy(text);
        self.symbols.stands_in(&text)
    }

    /// May a string hold a document in which something has a class, in a body in which all else stays?
    pub(super) fn reads_strings(&self) -> bool {
        self.looks_into_strings && self.unclassified.is_none()
            || self.sets.iter().any(|set| set.has(Mark::Json))
    }

    /// The members of this state that have keys of their own.
    pub(super) fn named(&self, from: StateIx) -> impl Iterator<Item = (String, StateIx)> {
        let base = self.states.get(usize::from(from)).map_or(0, |state| state.base);
        (0..).zip(self.symbols.exact()).filter_map(move |(symbol, key)| {
            let cell =
                self.cells.get((base + symbol) as usize).filter(|cell| from != DEAD && cell.owner == from)?;
            Some((String::from_utf8_lossy(key).into_owned(), cell.next))
        })
    }

    /// Where members lead that have no key of their own there.
    pub(super) fn others(&self, from: StateIx) -> StateIx {
        self.states.get(usize::from(from)).map_or(DEAD, |state| state.default)
    }

    /// Has an object of this state a member of this key, or one like it?
    pub(super) fn names(&self, from: StateIx, key: &[u8]) -> bool {
        let base = self.states.get(usize::from(from)).map_or(0, |state| state.base);
        let is_own = |symbol: u32| {
            self.cells.get((base + symbol) as usize).is_some_and(|cell| from != DEAD && cell.owner == from)
        };
        self.symbols.find(key).is_some_and(is_own) || self.symbols.find_folded(key).is_some_and(is_own)
    }

    /// Where the member `key` of an object leads, whose state is `from`. A key that is no member's own leads where the
    /// members do whose keys differ from it only as a careless app's may ([`super::fold`]).
    #[inline]
    pub(super) fn member(&self, from: StateIx, key: &[u8]) -> StateIx {
        let Some(state) = self.states.get(usize::from(from)) else { return DEAD };
        if self.symbols.may_hold(key) { self.by_name(from, state, key) } else { state.default }
    }

    /// Where the member of an object leads that has a key of its own of at most sixteen bytes, which are these, the rest zeros.
    #[inline(always)]
    pub(super) fn short_member(&self, from: StateIx, key: u128) -> Option<StateIx> {
        let base = self.states.get(usize::from(from))?.base;
        let cell = self.cells.get((base.wrapping_add(self.symbols.find_short(key)?)) as usize)?;
        (cell.owner == from).then_some(cell.next)
    }

    /// How a key may begin and end that a member has of its own somewhere, where it is asked for in this state.
    #[inline]
    pub(super) fn ends(&self, state: StateIx) -> &Ends {
        if state == DEAD { &NO_ENDS } else { self.symbols.ends() }
    }

    #[inline(never)]
    fn by_name(&self, from: StateIx, state: &State, key: &[u8]) -> StateIx {
        let cell = |symbol: u32| {
            let cell = self.cells.get((state.base + symbol) as usize);
            cell.filter(|cell| cell.owner == from).map(|cell| cell.next)
        };
        let own = self.symbols.find(key).and_then(cell);
        own.or_else(|| self.symbols.find_folded(key).and_then(cell)).unwrap_or(state.default)
    }
}
