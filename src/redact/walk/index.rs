//! Where the tokens of a piece of JSON begin, found for 64 bytes at a time before anything is judged.
//!
//! The way of simdjson (Langdale and Lemire, "Parsing Gigabytes of JSON per Second", 2019, section 3.1): a bit for each
//! byte, and what lies within strings from the quotes by carry-less multiplication, here by shifts. The index begins
//! where no token is open, so nothing is carried from one to the next.
//! Never: judges. A string with something in it that may not stand there is left out, with all that follows, for the
//! walk that looks at every byte and says what is wrong.

mod bits;
mod escapes;

use std::cell::Cell;
use std::hint::black_box;

use crate::redact::detect::Glance;
use crate::redact::detect::Map;
use crate::redact::detect::Seen;
use crate::redact::detect::Sight;

use bits::Classify;
use escapes::escapes;
use escapes::is_escape;
use escapes::whole_characters;

/// Bytes of one index.
pub(super) const WINDOW: usize = BLOCKS * 64;
const BLOCKS: usize = 64;
const _: () = assert!(WINDOW.is_power_of_two());
/// So many places are written at once, of which the last may be none.
pub(super) const AT_ONCE: usize = 8;
/// A shorter rest is not worth an index.
pub(super) const LEAST: usize = 48;

/// A window and what is read ahead of its end. A place is 16 bits, so that every place is in it, and none has to be compared
/// with its length.
pub(super) type Window = [u8; (1 << 16) + AHEAD];
/// So many bytes behind any place are read at once at most.
pub(super) const AHEAD: usize = 64;

/// Where tokens are. Longer than it has to be, so that a number of its own length says nothing of how many there are.
pub(super) type Tokens = [u16; 2 * WINDOW + AT_ONCE];

/// The tokens of a window of bytes: brackets, commas and colons, both quotes of a string, the first byte of all else.
///
/// What stands right behind a string, a number or a literal is none of its own: whoever ends one looks at the byte after it.
#[derive(Debug)]
pub(super) struct Index {
    pub(super) from: usize,
    /// One past the last byte that is indexed.
    pub(super) until: usize,
    /// How far each token is from `from`, and how many there are. Behind the last stand some that are [`NOWHERE`].
    places: Tokens,
    count: usize,
    /// The bytes of the window and some behind, and then [`AHEAD`] zeros. What follows is of earlier windows.
    window: Box<Window>,
    /// Bytes that make a key more than its bytes: backslashes and what is not ASCII.
    odd: [u64; BLOCKS],
    any_odd: bool,
    /// What may hold something that is found by its form.
    glance: Glance,
    /// Bytes of strings that have to be looked at before the string may stay, where something is to be found: what a glance
    /// sees, digits, backslashes, and what a document may begin with.
    eyed: Map,
    /// Bytes of strings, with the quote before.
    inside: [u64; BLOCKS],
}

/// Adds the tokens of the block from this place on behind so many others; how many there are then.
// Part of the function that may use the instructions that the block was classified with. Without a branch for each: of eight
// places those are overwritten by the next block that are none.
#[inline(always)]
fn add(all: &mut Tokens, from: u16, count: usize, mut tokens: u64) -> usize {
    let (mut at, end) = (count, count.wrapping_add(tokens.count_ones() as usize));
    while at < end
        && let Some(places) = all.get_mut(at..).and_then(|rest| rest.first_chunk_mut::<AT_ONCE>())
    {
        for place in places {
            // At most 64, where none is left.
            *place = from.wrapping_add(tokens.trailing_zeros().to_le_bytes()[0].into());
            tokens &= tokens.wrapping_sub(1);
        }
        at += AT_ONCE;
    }
    end
}

/// The place of a token that is none: no window is as long.
const NOWHERE: u16 = u16::MAX;

thread_local! {
    /// An index is long, and most bodies are short. What is left in it of the one before is not read: there are zeros before it.
    static SPARE: Cell<Option<Box<Index>>> = const { Cell::new(None) };
}

/// What one block leaves to the next.
#[derive(Debug, Default)]
struct Carry {
    /// All ones within a string.
    in_string: u64,
    /// One, if the first byte is escaped.
    escaped: u64,
    /// One, if the byte before belongs to a number or a literal, or ends a string.
    end: u64,
    /// One, if the byte before is a quote.
    quote: u64,
}

impl Index {
    /// An index of nothing.
    pub(super) fn new() -> Self {
        Self {
            from: 0,
            until: 0,
            places: [NOWHERE; 2 * WINDOW + AT_ONCE],
            count: 0,
            window: zeros(),
            odd: [0; BLOCKS],
            any_odd: false,
            glance: Glance::new(),
            eyed: Map::NONE,
            inside: [0; BLOCKS],
        }
    }

    /// An index of nothing that this thread has used before, if it has one to spare.
    pub(super) fn spare() -> Box<Self> {
        let spare = SPARE.take();
        let mut index = spare.unwrap_or_else(|| Box::new(Self::new()));
        (index.from, index.until, index.count) = (0, 0, 0);
        index
    }

    /// Is this place so far into the index that one which begins here tells more of what follows?
    pub(super) const fn ends_early(&self, bytes: &[u8], at: usize) -> bool {
        at - self.from >= WINDOW / 2 && self.until < bytes.len() && bytes.len() - at >= LEAST
    }

    /// Keeps it for the next body.
    pub(super) fn give_back(self: Box<Self>) {
        SPARE.set(Some(self));
    }

    /// Indexes what follows from `from` on, where no token is open; with a glance, if something is to be found.
    #[inline(never)]
    pub(super) fn build(&mut self, bytes: &[u8], from: usize, finds: bool) {
        if finds {
            bits::dispatch(Build::<true> { index: self, bytes, from });
        } else {
            bits::dispatch(Build::<false> { index: self, bytes, from });
        }
    }

    /// Copies the window, with what comes behind it as far as it may be read.
    fn copy(&mut self, rest: &[u8]) {
        let bytes = rest.get(..WINDOW + AHEAD).unwrap_or(rest);
        if let Some((begin, behind)) = self.window.split_at_mut_checked(bytes.len()) {
            begin.copy_from_slice(bytes);
            if let Some(zeros) = behind.first_chunk_mut() {
                *zeros = [0; AHEAD];
            }
        }
    }

    /// The bytes of the window, by the places of tokens.
    pub(super) fn window(&self) -> &Window {
        &self.window
    }

    // Part of the function that may use the instructions that `classify` does.
    #[inline(always)]
    fn built<const EYES: bool>(&mut self, classify: impl Classify, bytes: &[u8], from: usize) {
        let rest = bytes.get(from..).unwrap_or_default();
        self.copy(rest);
        let mut window = rest.get(..WINDOW).unwrap_or(rest);
        let (mut carry, mut high, mut any_odd, mut count, mut bad) = (Carry::default(), 0, false, 0, None);
        let mut place = 0_u16;
        // Behind the last byte stand zeros, or what comes next: neither changes what is before it.
        let (blocks, _) = self.window.as_chunks::<64>();
        for number in 0..window.len().div_ceil(64).min(BLOCKS) {
            let Some(block) = blocks.get(number) else { break };
            // Else the compiler keeps vectors, and asks them for the bits again where those are used.
            let bits = black_box(classify.bits(block));
            if let Some(known) = self.odd.get_mut(number) {
                *known = bits.odd;
            }
            let (mut quote, mut eyed) = (bits.quote, 0);
            if bits.odd | carry.escaped != 0 {
                let backslash = classify.backslashes(block);
                any_odd = true;
                high |= bits.odd & !backslash;
                eyed = backslash;
                quote &= !escapes(backslash, &mut carry.escaped, |at| {
                    if bad.is_none() && !is_escape(window, number * 64 + at) {
                        bad = Some(number * 64 + at);
                    }
                });
            }
            let inside = up_to_each(quote) ^ carry.in_string;
            carry.in_string = if inside >> 63 == 1 { u64::MAX } else { 0 };
            if EYES {
                // What a document may begin with counts only where a string does.
                let first = quote << 1 | carry.quote;
                carry.quote = quote >> 63;
                eyed |= first & (bits.operator | bits.space | bits.odd);
                if let Some((eyes, insides)) = self.eyed.block(number).zip(self.inside.get_mut(number)) {
                    *eyes = (eyed & inside).to_le_bytes();
                    *insides = inside;
                }
            }
            let control = bits.control & inside;
            let outside = !(bits.space | inside);
            let ends = outside & !bits.operator;
            let behind = ends << 1 | carry.end;
            carry.end = ends >> 63;
            count = add(&mut self.places, place, count, outside & !behind | quote);
            place = place.wrapping_add(64);
            if control != 0 {
                let at = number * 64 + control.trailing_zeros() as usize;
                bad = Some(bad.map_or(at, |bad: usize| bad.min(at)));
            }
            if bad.is_some() {
                break;
            }
        }
        if EYES {
            self.look(classify, window.len().div_ceil(64));
        }
        if high != 0 {
            window = whole_characters(window);
            let text = window.get(..bad.unwrap_or(window.len())).unwrap_or(window);
            if simdutf8::basic::from_utf8(text).is_err() {
                // It says no more than that, and this is asked once of a body.
                bad = std::str::from_utf8(text).err().map(|error| error.valid_up_to()).or(bad);
            }
        }
        let length = window.len().min(bad.unwrap_or(usize::MAX));
        (self.from, self.until, self.any_odd, self.count) = (from, from + length, any_odd, count);
        // What stands behind is no token, so that nobody has to ask.
        self.count -= self.all().iter().rev().take_while(|place| usize::from(**place) >= length).count();
        if let Some(behind) = self.places.get_mut(self.count..).and_then(|rest| rest.first_chunk_mut()) {
            *behind = [NOWHERE; AT_ONCE];
        }
    }

    /// Looks at so many blocks for what is found by its form.
    // As above, and apart from it, for which the registers would not do.
    #[inline(always)]
    fn look(&mut self, classify: impl Classify, count: usize) {
        let (mut seen, (blocks, _)) = (Seen::default(), self.window.as_chunks::<64>());
        for number in 0..count.min(BLOCKS) {
            let (Some(block), Some(inside), Some(odd), Some(eyes)) =
                (blocks.get(number), self.inside.get(number), self.odd.get(number), self.eyed.block(number))
            else {
                break;
            };
            let found = self.glance.add(number, &classify.signs(block, *odd != 0), *inside, &mut seen);
            *eyes = (u64::from_le_bytes(*eyes) | found).to_le_bytes();
        }
    }

    fn all(&self) -> &[u16] {
        self.places.get(..self.count).unwrap_or_default()
    }

    /// Has any byte between these two places, from [`Self::from`] on, a meaning beyond itself?
    #[inline]
    pub(super) fn is_odd(&self, from: usize, to: usize) -> bool {
        self.any_odd && self.has_odd(from, to)
    }

    fn has_odd(&self, from: usize, to: usize) -> bool {
        let (begins, ends) = (u64::MAX << (from % 64), u64::MAX >> (63 - to % 64));
        match self.odd.get(from / 64..=to / 64) {
            Some([block]) => block & begins & ends != 0,
            Some([first, between @ .., last]) => {
                first & begins != 0 || last & ends != 0 || between.iter().any(|block| *block != 0)
            }
            Some([]) | None => true,
        }
    }

    /// May something be found by its form between these two places, from [`Self::from`] on, of which a glance was taken?
    #[inline]
    pub(super) fn may_hold(&self, from: usize, to: usize) -> bool {
        self.glance.may_hold(from, to)
    }

    /// What a glance saw between these two places.
    #[inline(always)]
    pub(super) fn sight(&self, from: usize, to: usize) -> Sight {
        self.glance.sight(from, to)
    }

    /// The glance that was taken.
    pub(super) const fn glance(&self) -> &Glance {
        &self.glance
    }

    /// Where the first such byte stands from this place on, counted from [`Self::from`].
    pub(super) fn odd_from(&self, from: usize) -> usize {
        if self.any_odd { next(&self.odd, from) } else { usize::MAX }
    }

    /// Where a string has to be looked at next from this place on.
    pub(super) fn eyed_from(&self, from: usize) -> usize {
        self.eyed.next(from)
    }

    /// Has a string between these places to be looked at?
    #[inline(always)]
    pub(super) fn is_eyed(&self, from: usize, to: usize) -> bool {
        self.eyed.any(from, to)
    }

    /// All tokens, and how many there are; behind them some that are nowhere.
    pub(super) const fn places(&self) -> (&Tokens, usize) {
        (&self.places, self.count)
    }

    /// Those behind so many.
    pub(super) fn behind(&self, count: usize) -> &[u16] {
        self.places.get(count..self.count + AT_ONCE).unwrap_or_default()
    }

    /// The tokens from `at` on, by how far each is from [`Self::from`], and behind them some that are nowhere.
    pub(super) fn tokens(&self, at: usize) -> &[u16] {
        let first = self.all().partition_point(|place| self.from + usize::from(*place) < at);
        self.places.get(first..self.count + AT_ONCE).unwrap_or_default()
    }
}

/// The first place from this one on whose bit is set.
#[inline]
fn next(bits: &[u64; BLOCKS], from: usize) -> usize {
    let mut mask = u64::MAX << (from % 64);
    for (number, block) in bits.get(from / 64..).unwrap_or_default().iter().enumerate() {
        let found = block & std::mem::replace(&mut mask, u64::MAX);
        if found != 0 {
            return (from / 64 + number) * 64 + found.trailing_zeros() as usize;
        }
    }
    usize::MAX
}

fn zeros() -> Box<Window> {
    // On the heap from the start.
    vec![0; size_of::<Window>()]
        .into_boxed_slice()
        .try_into()
        .unwrap_or_else(|_| Box::new([0; (1 << 16) + AHEAD]))
}

struct Build<'a, const EYES: bool> {
    index: &'a mut Index,
    bytes: &'a [u8],
    from: usize,
}

impl<const EYES: bool> bits::Work for Build<'_, EYES> {
    #[inline(always)]
    fn with(self, classify: impl Classify) {
        self.index.built::<EYES>(classify, self.bytes, self.from);
    }
}

/// For each bit whether an odd number of the bits up to it is set, itself included.
#[inline]
const fn up_to_each(mut bits: u64) -> u64 {
    bits ^= bits << 1;
    bits ^= bits << 2;
    bits ^= bits << 4;
    bits ^= bits << 8;
    bits ^= bits << 16;
    bits ^ bits << 32
}

#[cfg(test)]
mod tests;
