//! What most texts have none of, seen at a glance: 64 bytes at a time, before anything is looked at closely.
//!
//! Two bits for each byte: that something may end here which a verifier has to look at, and that it is a digit. What is
//! found by its digits has at least [`DIGITS_MIN`] of them; all else has a bit of the first kind in it.
//! INVARIANT: no verifier finds anything in a text of which this says that it cannot hold anything
//! (`tests::what_a_glance_passes_over_holds_nothing`).
//! Never: looks at more of a text than its bytes, so that it may be asked of a piece of a body.

pub(super) mod signs;

use super::token;

use signs::Signs;

/// Fewest digits of anything that is found by its digits.
pub(super) const DIGITS_MIN: u32 = 4;
/// Blocks of 64 bytes that are looked at together.
const BLOCKS: usize = 64;

/// What a glance at up to 4 KiB saw.
#[derive(Debug, Clone)]
pub struct Glance {
    hot: [u64; BLOCKS],
    digits: [u64; BLOCKS],
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
        Self { hot: [0; BLOCKS], digits: [0; BLOCKS] }
    }

    /// Looks at the bytes: at the first 4 KiB of them.
    #[inline(never)]
    pub fn look(&mut self, bytes: &[u8]) {
        signs::each(bytes, Look { glance: self, at: 0, seen: Seen::default() });
    }

    /// Adds, to a bit for each byte, those in strings that a string has to be looked at for: what may end here, and digits.
    pub fn add_to(&self, eyed: &mut [u64; BLOCKS], in_strings: &[u64; BLOCKS]) {
        for (((eyed, inside), hot), digits) in
            eyed.iter_mut().zip(in_strings).zip(&self.hot).zip(&self.digits)
        {
            *eyed |= (hot | digits) & inside;
        }
    }

    /// May anything be found in the text between these places, which are among those that were looked at?
    #[inline]
    #[must_use]
    pub fn may_hold(&self, from: usize, to: usize) -> bool {
        let (first, last) = (from / 64, to / 64);
        let start = u64::MAX << (from % 64);
        let end = !(u64::MAX << (to % 64));
        if first == last {
            let Some((hot, digits)) = self.hot.get(first).zip(self.digits.get(first)) else { return true };
            let within = start & end;
            return hot & within != 0 || has_digits(digits & within);
        }
        self.may_hold_blocks(first, last, start, end)
    }

    fn may_hold_blocks(&self, first: usize, last: usize, start: u64, end: u64) -> bool {
        let mut digits = 0;
        for block in first..=last {
            let within = match block {
                _ if block == first => start,
                _ if block == last => end,
                _ => u64::MAX,
            };
            // A text may end where the last block does.
            let (hot, seen) = match self.hot.get(block).zip(self.digits.get(block)) {
                Some((hot, digits)) => (hot & within, digits & within),
                None if within == 0 => (0, 0),
                None => return true,
            };
            digits += seen.count_ones();
            if hot != 0 || digits >= DIGITS_MIN {
                return true;
            }
        }
        false
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
        self.word = signs.name & !(signs.hyphen | signs.underscore);
        (self.digit, self.at, self.odd) = (signs.digit, signs.at, signs.odd);
    }
}

struct Look<'g> {
    glance: &'g mut Glance,
    at: usize,
    seen: Seen,
}

impl signs::Each for Look<'_> {
    #[inline(always)]
    fn block(&mut self, signs: Signs) {
        if let Some(hot) = self.glance.hot.get_mut(self.at) {
            *hot = self.seen.hot(&signs) | signs.odd;
        }
        if let Some(digits) = self.glance.digits.get_mut(self.at) {
            *digits = signs.digit;
        }
        self.at += 1;
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
        self.hot |= self.seen.hot(&signs) | signs.odd & self.sees_odd;
        self.digits += signs.digit.count_ones();
    }
}

/// What the block before leaves to the next.
#[derive(Debug, Default)]
struct Seen {
    colon: u64,
    hyphen: u64,
    /// The characters of names, and runs of 2, 4 and 8 of them, by where they end.
    runs: [u64; 4],
}

impl Seen {
    /// Where something may end that is not found by its digits.
    #[inline(always)]
    fn hot(&mut self, signs: &Signs) -> u64 {
        let back = |bits: u64, before: u64, by: u32| bits << by | before >> (64 - by);
        // Between two colons of an address stand four digits at most.
        let colon = |by| back(signs.colon, self.colon, by);
        let colons = signs.colon & (colon(1) | colon(2) | colon(3) | colon(4) | colon(5));
        // Five in a row begin a key in PEM; five with two characters between are those of a hardware address.
        let hyphen = |by| back(signs.hyphen, self.hyphen, by);
        let row = hyphen(1) & hyphen(2) & hyphen(3) & hyphen(4);
        let hyphens = signs.hyphen & (row | hyphen(3) & hyphen(6) & hyphen(9) & hyphen(12));
        let [one, two, four, eight] = self.runs;
        let name = signs.name;
        let pairs = name & back(name, one, 1);
        let fours = pairs & back(pairs, two, 2);
        let eights = fours & back(fours, four, 4);
        let runs = eights & back(eights, eight, 8);
        (self.colon, self.hyphen, self.runs) = (signs.colon, signs.hyphen, [name, pairs, fours, eights]);
        signs.at | colons | hyphens | runs
    }
}

const _: () = assert!(token::RUN_MIN == 16);
const _: () = assert!(token::HYPHENS_MIN == 5);
