//! The words of a text, runs of letters and digits, found for 64 bytes at a time.
//!
//! INVARIANT: they are those that a search byte by byte finds (tested).

use super::glance::Start;

/// A run of letters and digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Word {
    pub(super) from: usize,
    pub(super) to: usize,
    pub(super) digits: usize,
}

impl Word {
    pub(super) const fn len(&self) -> usize {
        self.to - self.from
    }
}

/// Finds words, from any place on, but never before one where a word was found.
pub(super) struct Words<'t> {
    text: &'t [u8],
    /// Where the 64 bytes begin that are told of.
    base: usize,
    told: Start,
}

impl<'t> Words<'t> {
    pub(super) const fn new(text: &'t [u8], told: Start) -> Self {
        Self { text, base: 0, told }
    }

    /// The next word from a place on.
    #[inline]
    pub(super) fn next(&mut self, mut at: usize) -> Option<Word> {
        loop {
            let until = self.base + self.told.length;
            if at >= until {
                let rest = self.text.get(at..).filter(|rest| !rest.is_empty())?;
                (self.base, self.told) = (at, Start::of(rest));
                continue;
            }
            let rest = self.told.word >> (at - self.base);
            if rest == 0 {
                at = until;
                continue;
            }
            let from = at + rest.trailing_zeros() as usize;
            let bit = from - self.base;
            let run = (self.told.word >> bit).trailing_ones();
            let to = from + run as usize;
            let mask = u64::MAX >> (64 - run);
            let digits = (self.told.digit >> bit & mask).count_ones() as usize;
            let word = Word { from, to, digits };
            return Some(if to == until { self.longer(word) } else { word });
        }
    }

    /// A word that may go on beyond what is told.
    #[cold]
    fn longer(&self, mut word: Word) -> Word {
        for byte in self.text.get(word.to..).unwrap_or_default() {
            if !byte.is_ascii_alphanumeric() {
                break;
            }
            word.digits += usize::from(byte.is_ascii_digit());
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
                    Word { from, to: from + run.len(), digits: run.iter().filter(|byte| byte.is_ascii_digit()).count() }
                });
                let found = words.next(at);
                prop_assert_eq!(found, expected);
                let Some(found) = found else { break };
                at = (found.to + skip).min(bytes.len());
            }
        }
    }
}
