//! What most texts have none of, seen at a glance: 64 bytes at a time, before anything is looked at closely.
//!
//! Two bits for each byte: that something may end here which a verifier has to look at, and that it is a digit. What is
//! found by its digits has at least [`DIGITS_MIN`] of them; all else has a bit of the first kind in it.
//! INVARIANT: no verifier finds anything in a text of which this says that it cannot hold anything
//! (`tests::what_a_glance_passes_over_holds_nothing`).
//! Never: looks at more of a text than its bytes, so that it may be asked of a piece of a body.

pub(in crate::redact) mod signs;

use super::plain;
use super::plain::Read;
use super::token;

use signs::Signs;

/// Fewest digits of anything that is found by its digits.
pub(super) const DIGITS_MIN: u32 = 4;
/// Blocks of 64 bytes that are looked at together.
const BLOCKS: usize = 64;

/// A bit for each byte of [`BLOCKS`], so kept that those from any place on are read at once.
#[derive(Debug, Clone)]
pub(in crate::redact) struct Map([u8; BLOCKS * 8 + 8]);

/// So many bits a map tells at once from any place on.
const TOLD: usize = 64 - 7;

impl Map {
    /// No bit.
    pub(in crate::redact) const NONE: Self = Self([0; BLOCKS * 8 + 8]);

    /// The bits of a block, the lowest first.
    #[inline(always)]
    pub(in crate::redact) fn block(&mut self, number: usize) -> Option<&mut [u8; 8]> {
        let (blocks, _) = self.0.as_chunks_mut::<8>();
        blocks.get_mut(number).filter(|_| number < BLOCKS)
    }

    #[inline(always)]
    fn set(&mut self, number: usize, bits: u64) {
        if let Some(block) = self.block(number) {
            *block = bits.to_le_bytes();
        }
    }

    fn bits(&self, number: usize) -> Option<u64> {
        let (blocks, _) = self.0.as_chunks::<8>();
        blocks.get(number).filter(|_| number < BLOCKS).copied().map(u64::from_le_bytes)
    }

    /// The bits from a place on, at least [`TOLD`] of them.
    #[inline(always)]
    fn from(&self, at: usize) -> u64 {
        let bytes = self.0.get(at / 8..).and_then(|rest| rest.first_chunk::<8>());
        // Behind the last place everything may be.
        bytes.map_or(u64::MAX, |bytes| u64::from_le_bytes(*bytes) >> (at % 8))
    }

    /// Is any bit set between these places? It may be said of many that one is.
    #[inline(always)]
    pub(in crate::redact) fn any(&self, from: usize, to: usize) -> bool {
        let length = to.wrapping_sub(from);
        length > TOLD || self.from(from) & !(u64::MAX << length) != 0
    }

    /// The first place from this one on whose bit is set.
    #[inline]
    pub(in crate::redact) fn next(&self, from: usize) -> usize {
        let mut own = u64::MAX << (from % 64);
        for number in from / 64..BLOCKS {
            let found = self.bits(number).unwrap_or_default() & std::mem::replace(&mut own, u64::MAX);
            if found != 0 {
                return number * 64 + found.trailing_zeros() as usize;
            }
        }
        usize::MAX
    }
}

/// What a glance at up to 4 KiB saw.
#[derive(Debug, Clone)]
pub struct Glance {
    /// Something may end here that is not found by its digits, nor by a run.
    hot: Map,
    /// Characters begin here that are read as others.
    odd: Map,
    /// A long run of the characters of names may end here, or has just ended.
    runs: Map,
    digits: Map,
    words: Map,
}

impl Default for Glance {
    fn default() -> Self {
        Self::new()
    }
}

impl Glance {
    /// Of nothing.
    #[must_use]
    pub const fn new() -> Self {
        Self { hot: Map::NONE, odd: Map::NONE, runs: Map::NONE, digits: Map::NONE, words: Map::NONE }
    }

    /// Looks at the next block, of which these bytes stand in texts; where in it something may be found.
    #[inline(always)]
    pub(in crate::redact) fn add(
        &mut self,
        number: usize,
        signs: &Signs,
        inside: u64,
        seen: &mut Seen,
    ) -> u64 {
        let (hot, runs) = (seen.hot(signs, inside), seen.runs(signs));
        self.hot.set(number, hot);
        self.odd.set(number, signs.odd);
        self.runs.set(number, runs);
        self.digits.set(number, signs.digit);
        self.words.set(number, signs.word);
        (hot | runs | signs.digit | signs.odd) & inside
    }

    /// May anything be found in the text between these places, which are among those that were looked at?
    #[inline]
    #[must_use]
    pub fn may_hold(&self, from: usize, to: usize) -> bool {
        self.sight(from, to).may_hold()
    }

    /// What was seen between these places.
    #[inline(always)]
    pub(in crate::redact) fn sight(&self, from: usize, to: usize) -> Sight {
        let length = to.wrapping_sub(from);
        if length > TOLD {
            return self.sight_of_blocks(from, to);
        }
        let own = !(u64::MAX << length);
        let bits = |map: &Map| map.from(from) & own;
        Sight::of([&self.hot, &self.odd, &self.runs].map(bits), has_digits(bits(&self.digits)))
    }

    #[inline(never)]
    fn sight_of_blocks(&self, from: usize, to: usize) -> Sight {
        let (mut hot, mut odd, mut runs) = (0, 0, 0);
        let (last, end) = (to / 64, !(u64::MAX << (to % 64)));
        let (mut own, mut digits) = (u64::MAX << (from % 64), 0);
        for block in from / 64..=last {
            if block == last {
                own &= end;
            }
            // A text may end where the last block does.
            let bits = |map: &Map| map.bits(block).unwrap_or(u64::MAX) & own;
            hot |= bits(&self.hot);
            odd |= bits(&self.odd);
            runs |= bits(&self.runs);
            digits += bits(&self.digits).count_ones();
            own = u64::MAX;
        }
        Sight::of([hot, odd, runs], digits >= DIGITS_MIN)
    }

    /// Have all characters of a text that begins here this, which are read as others, or may be?
    pub(super) fn all_odd(&self, text: &[u8], from: usize, has: impl Fn(Read) -> bool) -> bool {
        for at in (0..text.len()).step_by(TOLD) {
            let own = !(u64::MAX << (text.len() - at).min(TOLD));
            let mut odd = self.odd.from(from + at) & own;
            while odd != 0 {
                if !has(plain::read(text, at + odd.trailing_zeros() as usize)) {
                    return false;
                }
                odd &= odd.wrapping_sub(1);
            }
        }
        true
    }

    /// What is known of the first bytes between these places.
    #[inline(always)]
    pub(super) fn start(&self, from: usize, to: usize) -> Start {
        let length = to.wrapping_sub(from).min(TOLD);
        let own = !(u64::MAX << length);
        Start {
            length,
            word: self.words.from(from) & own,
            digit: self.digits.from(from) & own,
            ..Start::default()
        }
    }
}

#[cfg(test)]
impl Glance {
    /// That of these bytes, all of texts.
    pub(super) fn of(bytes: &[u8]) -> Self {
        struct Look(Glance, usize, Seen);
        impl signs::Each for Look {
            fn block(&mut self, signs: Signs) {
                self.0.add(self.1, &signs, u64::MAX, &mut self.2);
                self.1 += 1;
            }
        }
        signs::each(bytes, Look(Self::new(), 0, Seen::default())).0
    }
}

/// What was seen of a text.
#[derive(Debug, Clone, Copy)]
pub(in crate::redact) struct Sight(u8);

impl Sight {
    const HOT: u8 = 1;
    const ODD: u8 = 2;
    const RUN: u8 = 4;
    const DIGITS: u8 = 8;

    /// By the bits that are set, and whether there are enough digits.
    #[inline(always)]
    fn of([hot, odd, runs]: [u64; 3], digits: bool) -> Self {
        let bit = |is: bool, bit: u8| if is { bit } else { 0 };
        Self(
            bit(hot != 0, Self::HOT)
                | bit(odd != 0, Self::ODD)
                | bit(runs != 0, Self::RUN)
                | bit(digits, Self::DIGITS),
        )
    }

    /// May anything be found in it?
    #[inline(always)]
    pub(in crate::redact) const fn may_hold(self) -> bool {
        self.0 != 0
    }

    /// May something end in it that is found neither by its digits nor by a run?
    #[inline(always)]
    pub(super) const fn is_hot(self) -> bool {
        self.0 & Self::HOT != 0
    }

    /// Do characters begin in it that are read as others?
    #[inline(always)]
    pub(super) const fn is_odd(self) -> bool {
        self.0 & Self::ODD != 0
    }

    /// The same, but that none of its characters is read as another, whatever it begins with.
    #[inline(always)]
    pub(super) const fn read_as_itself(self) -> Self {
        Self(self.0 & !Self::ODD)
    }

    /// Can it be but the key of a service or a signed token?
    #[inline(always)]
    pub(super) const fn is_run(self) -> bool {
        self.0 & !Self::RUN == 0
    }
}

/// Are so many bits set that a number may be there?
#[inline]
const fn has_digits(bits: u64) -> bool {
    // One bit less each time; cheaper than to count them where the processor is not asked what it can do.
    let rest = bits & bits.wrapping_sub(1);
    let rest = rest & rest.wrapping_sub(1);
    rest & rest.wrapping_sub(1) != 0
}

const _: () = assert!(DIGITS_MIN == 4);

/// May anything be found in this text?
pub(super) fn may_hold(text: &[u8]) -> bool {
    look(text, Any { hot: 0, digits: 0, sees_odd: u64::MAX, seen: Seen::default() })
}

/// The same of a text that is plain, whatever its characters begin with.
pub(super) fn may_hold_plain(text: &[u8]) -> bool {
    look(text, Any { hot: 0, digits: 0, sees_odd: 0, seen: Seen::default() })
}

fn look(text: &[u8], mut any: Any) -> bool {
    let mut rest = text;
    while !rest.is_empty() && any.hot == 0 && any.digits < DIGITS_MIN {
        let (window, others) = rest.split_at_checked(BLOCKS * 64).unwrap_or((rest, &[]));
        any = signs::each(window, any);
        rest = others;
    }
    any.hot != 0 || any.digits >= DIGITS_MIN
}

/// What the first 64 bytes of a text are.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Start {
    /// How many bytes these are.
    pub(super) length: usize,
    /// Those that belong to words.
    pub(super) word: u64,
    pub(super) digit: u64,
    pub(super) at: u64,
    /// Those that characters begin with which are read as others.
    pub(super) odd: u64,
}

impl Start {
    #[inline]
    pub(super) fn of(text: &[u8]) -> Self {
        let block = text.get(..64).unwrap_or(text);
        let start = Self { length: block.len(), ..Self::default() };
        signs::each(block, start)
    }
}

impl signs::Each for Start {
    #[inline(always)]
    fn block(&mut self, signs: Signs) {
        self.word = signs.word;
        (self.digit, self.at, self.odd) = (signs.digit, signs.at, signs.odd);
    }
}

struct Any {
    hot: u64,
    digits: u32,
    /// All ones, if the odd bytes count.
    sees_odd: u64,
    seen: Seen,
}

impl signs::Each for Any {
    #[inline(always)]
    fn block(&mut self, signs: Signs) {
        self.hot |= self.seen.hot(&signs, u64::MAX) | self.seen.runs(&signs) | signs.odd & self.sees_odd;
        self.digits += signs.digit.count_ones();
    }
}

/// What the block before leaves to the next.
#[derive(Debug, Default)]
pub(in crate::redact) struct Seen {
    /// One, if its last byte is a mark.
    mark: u64,
    /// How many characters of names it ends with.
    run: u32,
}

impl Seen {
    /// Where something may end that is found neither by its digits nor by a run: an `@`, or two marks near each other. An address
    /// of the network has two colons side by side, or at least five marks between which stand four characters at most, so that
    /// two of them are on one side wherever a block ends; a key in PEM begins with five.
    #[inline(always)]
    fn hot(&mut self, signs: &Signs, inside: u64) -> u64 {
        let mark = signs.mark & inside;
        let near = mark << 2 | mark << 3;
        let marks = mark & (near | near << 2 | mark << 1 | self.mark);
        self.mark = mark >> 63;
        signs.at | marks
    }

    /// Where a run of the characters of names is so long that it may be a key.
    #[inline(always)]
    fn runs(&mut self, signs: &Signs) -> u64 {
        let name = signs.name();
        let pairs = name & name << 1;
        let fours = pairs & pairs << 2;
        let eights = fours & fours << 4;
        let others = !name;
        let joined = u64::from(self.run + others.trailing_zeros() >= RUN_MIN);
        self.run = others.leading_zeros();
        eights & eights << 8 | joined
    }
}

#[expect(clippy::cast_possible_truncation, reason = "sixteen")]
const RUN_MIN: u32 = token::RUN_MIN as u32;
const _: () = assert!(token::RUN_MIN == 16);
const _: () = assert!(token::HYPHENS_MIN == 5);
