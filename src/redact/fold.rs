//! Keys that a careless app, or whoever fills its database, may take for one another: `ssn`, `SSN`, `s_s-n`, `ｓｓｎ`.
//!
//! Both sides are folded: compatibility forms and ligatures (NFKC, Unicode UAX 15), then lower case, then without what
//! separates words, without controls and without what is not seen at all. Letters of another script that only look alike
//! are other keys to every client, and stay other keys here.
//!
//! Never: folds a key to nothing.

use unicode_normalization::UnicodeNormalization as _;

/// The form that all keys have which are taken for one another.
#[must_use]
pub fn fold(key: &str) -> String {
    let lower = key.nfkc().flat_map(char::to_lowercase);
    let folded: String = lower.filter(|c| !is_separator(*c) && !is_unseen(*c)).nfkc().collect();
    if folded.is_empty() { key.to_owned() } else { folded }
}

/// What separates the words of a key.
const fn is_separator(c: char) -> bool {
    matches!(c, '_' | '-' | '.' | ':' | '\u{2010}'..='\u{2015}' | '\u{2212}') || c.is_whitespace()
}

/// Controls, and code points that are drawn as nothing (`Default_Ignorable_Code_Point` of Unicode's
/// `DerivedCoreProperties.txt`).
fn is_unseen(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fff8}'
            | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

/// What the byte adds to the sum by which a key is told from most keys that fold to another.
const WEIGHTS: [u64; 256] = weights();
/// Set in the sum of a key with other letters than ASCII, which no sum tells anything of.
const BEYOND_ASCII: u64 = !0 << 48;

const fn weights() -> [u64; 256] {
    let mut weights = [0; 256];
    let mut at = 0_usize;
    while at < weights.len() {
        // Indexing is the only way in a constant function; `at` is below the length.
        #[expect(clippy::indexing_slicing, reason = "below the length, and evaluated when compiled")]
        {
            weights[at] = weight(at as u64);
        }
        at += 1;
    }
    weights
}

const fn weight(byte: u64) -> u64 {
    let byte = if byte >= b'A' as u64 && byte <= b'Z' as u64 { byte + 32 } else { byte };
    if byte >= 0x80 {
        1 << 48
    } else if byte <= b' ' as u64
        || byte == 0x7f
        || byte == b'_' as u64
        || byte == b'-' as u64
        || byte == b'.' as u64
        || byte == b':' as u64
    {
        0
    } else {
        // Not a line: `code` and `race` must not come to the same.
        let mixed = byte.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        ((mixed ^ mixed >> 32).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 32) & 0xffff_ffff
    }
}

/// For each byte of a key its kind, one of 32, if it is a letter or a digit, and no kind if it may not be there when the key
/// is folded, or be another.
const KINDS: [u8; 256] = kinds();
const NO_KIND: u8 = 32;

const fn kinds() -> [u8; 256] {
    let mut kinds = [NO_KIND; 256];
    let mut byte = 0_u8;
    while byte < 0x80 {
        if byte.is_ascii_alphanumeric() {
            #[expect(clippy::indexing_slicing, reason = "below the length, and evaluated when compiled")]
            {
                kinds[byte as usize] = byte & 31;
            }
        }
        byte += 1;
    }
    kinds
}

/// A bit for each two ASCII bytes, the first in the low half.
type Pairs = [u64; PAIRS];
const PAIRS: usize = 0x8000 / 64;

/// With which two bytes keys may begin, of which the second may be the quote behind; and with which they may begin and end.
#[derive(Debug, Clone)]
pub(super) struct Ends {
    beginnings: Pairs,
    both: Pairs,
}

impl Ends {
    /// Of no key.
    pub(super) const NONE: Self = Self { beginnings: [0; PAIRS], both: [0; PAIRS] };

    /// May a key begin with these two bytes, which are ASCII?
    #[inline(always)]
    pub(super) fn may_begin(&self, two: [u8; 2]) -> bool {
        is_among(&self.beginnings, two)
    }

    /// May a key begin with one byte and end with the other?
    #[inline(always)]
    pub(super) fn may_be(&self, first: u8, last: u8) -> bool {
        is_among(&self.both, [first, last])
    }
}

#[inline(always)]
fn is_among(pairs: &Pairs, two: [u8; 2]) -> bool {
    let pair = u16::from_le_bytes(two);
    let bits = pairs.get(usize::from(pair >> 6) % PAIRS);
    bits.is_none_or(|bits| bits >> (pair & 63) & 1 == 1)
}

/// Adds all two bytes of these kinds, and those of which one has no kind.
fn add_pairs(pairs: &mut Pairs, first: u8, second: u8) {
    for (bits, odd) in pairs.iter_mut().zip(ODD_PAIRS) {
        *bits |= odd;
    }
    let of_kind =
        |wanted: u8| (0_u8..0x80).filter(move |byte| wanted == NO_KIND || kind(Some(byte)) == wanted);
    for first in of_kind(first) {
        for second in of_kind(second) {
            let pair = u16::from_le_bytes([first, second]);
            if let Some(bits) = pairs.get_mut(usize::from(pair / 64)) {
                *bits |= 1 << (pair % 64);
            }
        }
    }
}

/// Those with a byte of no kind.
const ODD_PAIRS: Pairs = odd_pairs();

#[expect(clippy::indexing_slicing, reason = "below the length, and evaluated when compiled")]
const fn odd_pairs() -> Pairs {
    let mut all = [0; PAIRS];
    let mut pair = 0_usize;
    while pair < PAIRS * 64 {
        if KINDS[pair & 0xff] == NO_KIND || KINDS[pair >> 8] == NO_KIND {
            all[pair / 64] |= 1 << (pair % 64);
        }
        pair += 1;
    }
    all
}

#[inline]
fn kind(byte: Option<&u8>) -> u8 {
    byte.and_then(|byte| KINDS.get(usize::from(*byte))).copied().unwrap_or(NO_KIND)
}

/// Tells quickly of most keys that they fold to none of a few: by their first two letters and the last, and then by a sum.
#[derive(Debug, Clone)]
pub(super) struct Filter {
    /// For each kind of a first byte a bit for each kind of a second one, and one for each kind of a last one.
    letters: [(u32, u32); NO_KIND as usize],
    /// Does a key begin with another letter than of ASCII? That may be one of ASCII with a mark after it.
    is_odd: bool,
    sums: [u64; WORDS],
    pub(super) ends: Box<Ends>,
}

const WORDS: usize = 64;

impl Default for Filter {
    fn default() -> Self {
        let ends = Box::new(Ends::NONE);
        Self { letters: [(0, 0); NO_KIND as usize], is_odd: false, sums: [0; WORDS], ends }
    }
}

impl Filter {
    /// Adds a folded key.
    pub(super) fn add(&mut self, folded: &str) {
        let (word, bit) = place(sum(folded.as_bytes()));
        if let Some(word) = self.sums.get_mut(word) {
            *word |= 1 << bit;
        }
        let bytes = folded.as_bytes();
        self.is_odd |= bytes.first().is_some_and(|first| !first.is_ascii());
        if let Some((seconds, lasts)) = self.letters.get_mut(usize::from(kind(bytes.first()))) {
            // What is no letter may have been one with a mark after it.
            *seconds |= 1_u32.checked_shl(kind(bytes.get(1)).into()).unwrap_or(u32::MAX);
            *lasts |= 1_u32.checked_shl(kind(bytes.last()).into()).unwrap_or(u32::MAX);
        }
        let [first, second, last] = [bytes.first(), bytes.get(1), bytes.last()].map(kind);
        add_pairs(&mut self.ends.beginnings, first, second);
        add_pairs(&mut self.ends.both, first, last);
        if self.is_odd {
            *self.ends = Ends { beginnings: [u64::MAX; PAIRS], both: [u64::MAX; PAIRS] };
        }
    }

    /// May there be a key that this one folds to, by its first two letters and the last?
    #[inline]
    pub(super) fn may_hold(&self, key: &[u8]) -> bool {
        let (second, last) = (kind(key.get(1)), kind(key.last()));
        match self.letters.get(usize::from(kind(key.first()))) {
            Some((seconds, lasts)) if (second | last) < NO_KIND && !self.is_odd => {
                (seconds >> second) & (lasts >> last) & 1 == 1
            }
            Some(_) | None => true,
        }
    }

    /// May there be one, by the sum of its letters?
    pub(super) fn may_sum_to(&self, key: &[u8]) -> bool {
        let sum = sum(key);
        let (word, bit) = place(sum);
        sum & BEYOND_ASCII != 0 || self.sums.get(word).is_some_and(|word| word >> bit & 1 == 1)
    }
}

/// A sum that neither case, separators nor the order of the letters change.
#[inline]
fn sum(key: &[u8]) -> u64 {
    key.iter()
        .fold(0, |sum: u64, byte| sum.wrapping_add(WEIGHTS.get(usize::from(*byte)).copied().unwrap_or(0)))
}

#[inline]
const fn place(sum: u64) -> (usize, u32) {
    let mixed = sum.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    ((mixed >> 58) as usize, (mixed >> 52 & 63) as u32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_filter_tells_most_keys_apart() {
        let mut filter = Filter::default();
        for key in ["race", "religion", "pin", "token", "mother", "ssn", "email", "phone"] {
            filter.add(key);
        }
        let common = "code sequence net period insurer referral state id url type status display system value name text reference";
        let passed = |way: fn(&Filter, &[u8]) -> bool, filter: &Filter| {
            common.split(' ').filter(|key| way(filter, key.as_bytes())).count()
        };
        assert_eq!(passed(Filter::may_sum_to, &filter), 0);
        assert!(passed(Filter::may_hold, &filter) < 3);
    }

    #[test]
    fn keys_are_taken_for_one_another_that_careless_apps_take_so() {
        for key in [
            "SSN",
            "s_s-n",
            "S.S.N.",
            "s s n",
            "ｓｓｎ",
            "ſsn",
            "s\u{200b}sn",
            "s\u{ad}sn",
            "ss\u{0}n",
            "s\u{2011}sn",
        ] {
            assert_eq!(fold(key), "ssn", "{key:?}");
        }
        for key in ["ѕѕn", "ssn1", "sn", "@ssn"] {
            assert_ne!(fold(key), "ssn", "{key}");
        }
        assert_eq!(fold("_"), "_");
    }

    proptest! {
        #[test]
        fn the_filter_passes_every_key_that_folds_to_one_it_holds(key in "[a-zA-Z_.: @-]{1,6}|\\PC{1,4}|[a-z0-9][\u{300}-\u{310}]?[a-z-]{0,2}[\u{300}-\u{310}]?") {
            let mut filter = Filter::default();
            prop_assert!(!filter.may_hold(b"other") && !filter.may_sum_to(b"other"));
            filter.add(&fold(&key));
            prop_assert!(filter.may_hold(key.as_bytes()) && filter.may_sum_to(key.as_bytes()), "{}", fold(&key));
            let quoted = format!("{key}\"");
            if let ([first, .., last], Some(two)) = (key.as_bytes(), quoted.as_bytes().first_chunk())
                && key.is_ascii()
            {
                prop_assert!(filter.ends.may_begin(*two) && filter.ends.may_be(*first, *last), "{}", fold(&key));
            }
        }

        #[test]
        fn a_folded_key_is_its_own_fold(key in "\\PC{1,6}|[a-zA-Z_.: @-]{1,6}") {
            let once = fold(&key);
            prop_assert_eq!(fold(&once), once);
        }
    }
}
