//! The words of a text, runs of letters and digits, found for 64 bytes at a time.
//!
//! INVARIANT: they are those that a search byte by byte finds (tested).

use super::glance::Glance;
use super::glance::Start;
use super::number;

/// A run of letters and digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Word {
    pub(super) from: usize,
    pub(super) to: usize,
    pub(super) of: Of,
}

/// What a word has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Of {
    Letters,
    Digits,
    Both,
}

impl Word {
    pub(super) const fn len(&self) -> usize {
        self.to - self.from
    }
}

/// Finds words, from any place on, but never before one where a word was found.
pub(super) struct Words<'t> {
    text: &'t [u8],
    /// A glance was taken at it, in which it begins here.
    glance: Option<(&'t Glance, usize)>,
    /// Where the bytes begin that are told of.
    base: usize,
    told: Start,
}

impl<'t> Words<'t> {
    pub(super) const fn new(text: &'t [u8], told: Start) -> Self {
        Self { text, glance: None, base: 0, told }
    }

    /// Those of a text that begins here in what a glance was taken at.
    pub(super) fn seen(text: &'t [u8], glance: &'t Glance, from: usize) -> Self {
        Self { text, glance: Some((glance, from)), base: 0, told: glance.start(from, from + text.len()) }
    }

    /// What is known of the bytes from a place on.
    #[inline(never)]
    fn tell(&self, at: usize) -> Start {
        match self.glance {
            Some((glance, from)) => glance.start(from + at, from + self.text.len()),
            None => Start::of(self.text.get(at..).unwrap_or_default()),
        }
    }

    /// Do any of the places where words begin have this?
    #[inline(always)]
    pub(super) fn any_start(mut self, has: impl Fn(usize) -> bool) -> bool {
        loop {
            // A word that goes on seems to begin again.
            let mut starts = self.told.word & !(self.told.word << 1);
            while starts != 0 {
                if has(self.base + starts.trailing_zeros() as usize) {
                    return true;
                }
                starts &= starts.wrapping_sub(1);
            }
            let until = self.base + self.told.length;
            if until >= self.text.len() {
                return false;
            }
            (self.base, self.told) = (until, self.tell(until));
        }
    }

    /// The next word from a place on.
    #[inline(always)]
    pub(super) fn next(&mut self, mut at: usize) -> Option<Word> {
        loop {
            let passed = at.wrapping_sub(self.base);
            let rest = if passed < 64 { self.told.word & u64::MAX << passed } else { 0 };
            if rest == 0 {
                at = at.max(self.base + self.told.length);
                if at >= self.text.len() {
                    return None;
                }
                (self.base, self.told) = (at, self.tell(at));
                continue;
            }
            let bit = rest.trailing_zeros() as usize;
            // To add one to a run of ones leaves none of them.
            let own = rest & !rest.wrapping_add(1 << bit);
            let of = match self.told.digit & own {
                0 => Of::Letters,
                digits if digits == own => Of::Digits,
                _ => Of::Both,
            };
            let end = 64 - own.leading_zeros() as usize;
            let word = Word { from: self.base + bit, to: self.base + end, of };
            let goes_on = end == self.told.length && word.to < self.text.len();
            return Some(if goes_on { self.longer(word) } else { word });
        }
    }

    /// May so many digits follow from this word on, as the groups of a number do?
    #[inline]
    pub(super) fn are_followed(&self, word: &Word) -> bool {
        let bit = word.from.wrapping_sub(self.base) % 64;
        let digits = self.told.digit >> bit;
        // Whatever else stands between them, a letter does not.
        let others = (self.told.word & !self.told.digit) >> bit;
        let run = others.trailing_zeros();
        if bit + run as usize >= self.told.length {
            // More than is told of may belong to it.
            return self.base + self.told.length < self.text.len() || number::has_digits(digits);
        }
        number::has_digits(digits & !(u64::MAX << run))
    }

    /// A word that may go on beyond what is told.
    #[cold]
    fn longer(&self, mut word: Word) -> Word {
        for byte in self.text.get(word.to..).unwrap_or_default() {
            word.of = match byte {
                b'0'..=b'9' if word.of == Of::Letters => Of::Both,
                byte if byte.is_ascii_alphabetic() && word.of == Of::Digits => Of::Both,
                byte if byte.is_ascii_alphanumeric() => word.of,
                _ => break,
            };
            word.to += 1;
        }
        word
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_words_are_those_that_a_search_byte_by_byte_finds(
            text in "([a-zA-Z0-9]{0,80}[ -~é]{0,3}){0,8}", skips in proptest::collection::vec(0_usize..5, 40)
        ) {
            let (bytes, mut words, mut at) = (text.as_bytes(), Words::new(text.as_bytes(), Start::of(text.as_bytes())), 0);
            for skip in skips {
                let from = (at..bytes.len()).find(|at| bytes[*at].is_ascii_alphanumeric());
                let expected = from.map(|from| {
                    let run: Vec<u8> = bytes[from..].iter().copied().take_while(u8::is_ascii_alphanumeric).collect();
                    let digits = run.iter().filter(|byte| byte.is_ascii_digit()).count();
                    let of = if digits == 0 { Of::Letters } else if digits == run.len() { Of::Digits } else { Of::Both };
                    Word { from, to: from + run.len(), of }
                });
                let found = words.next(at);
                prop_assert_eq!(found, expected);
                let Some(found) = found else { break };
                at = (found.to + skip).min(bytes.len());
            }
        }
    }
}
