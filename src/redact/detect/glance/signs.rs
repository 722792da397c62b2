//! What each of 64 bytes is to the detectors, a bit for each, with the vector instructions that the machine has.
//!
//! `pulp` asks the processor once and hands out proof of what it can do, so that nothing here is unsafe.
//! INVARIANT: every way gives the same bits (tested).

#[cfg(target_arch = "x86_64")]
use pulp::Simd;
#[cfg(target_arch = "x86_64")]
use pulp::WithSimd;
#[cfg(target_arch = "x86_64")]
use pulp::x86::V3;

use super::super::plain;

/// A bit for each byte of a block.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::redact) struct Signs {
    pub(super) at: u64,
    /// `-` and `:`, and two that are no dearer to find with these than to leave out: `*` and `=`.
    pub(super) mark: u64,
    pub(super) underscore: u64,
    pub(super) digit: u64,
    /// Letters and digits.
    pub(super) word: u64,
    /// Characters begin with it that are read as others (see [`plain`]).
    pub(in crate::redact::detect) odd: u64,
}

impl Signs {
    /// Letters, digits, `_` and the marks.
    #[inline(always)]
    pub(super) const fn name(&self) -> u64 {
        self.word | self.mark | self.underscore
    }
}

/// What is told of each block.
pub(in crate::redact::detect) trait Each {
    fn block(&mut self, signs: Signs);
}

/// A way to find the signs of a block.
pub(in crate::redact) trait Read: Copy {
    /// `is_odd` unless every byte is ASCII.
    fn signs(self, block: &[u8; 64], is_odd: bool) -> Signs;
}

/// Tells the signs of each block of these bytes; the last is filled up with spaces.
#[inline]
pub(in crate::redact::detect) fn each<E: Each>(bytes: &[u8], each: E) -> E {
    #[cfg(target_arch = "x86_64")]
    if let Some(simd) = V3::try_new() {
        struct On<'b, E>(V3, &'b [u8], E);
        impl<E: Each> WithSimd for On<'_, E> {
            type Output = E;

            #[inline(always)]
            fn with_simd<S: Simd>(self, _: S) -> E {
                blocks(self.0, self.1, self.2)
            }
        }
        return Simd::vectorize(simd, On(simd, bytes, each));
    }
    blocks(ByteByByte, bytes, each)
}

#[inline(always)]
fn blocks<E: Each>(read: impl Read, bytes: &[u8], mut each: E) -> E {
    let (blocks, last) = bytes.as_chunks::<64>();
    for block in blocks {
        each.block(read.signs(block, true));
    }
    if !last.is_empty() {
        let mut padded = [b' '; 64];
        if let Some(part) = padded.get_mut(..last.len()) {
            part.copy_from_slice(last);
        }
        each.block(read.signs(&padded, true));
    }
    each
}

/// Any machine.
#[derive(Debug, Clone, Copy)]
pub(in crate::redact) struct ByteByByte;

impl Read for ByteByByte {
    fn signs(self, block: &[u8; 64], is_odd: bool) -> Signs {
        let mut all = Signs::default();
        for (bit, byte) in (0..64).map(|at| 1_u64 << at).zip(block) {
            match byte {
                b'@' => all.at |= bit,
                b':' | b'-' | b'*' | b'=' => all.mark |= bit,
                b'_' => all.underscore |= bit,
                b'0'..=b'9' => all.digit |= bit,
                byte if is_odd && plain::is_odd(*byte) => all.odd |= bit,
                _ => {}
            }
            if byte.is_ascii_alphanumeric() {
                all.word |= bit;
            }
        }
        all
    }
}

#[cfg(target_arch = "x86_64")]
impl Read for V3 {
    #[inline(always)]
    fn signs(self, block: &[u8; 64], is_odd: bool) -> Signs {
        let (low, high) = block.split_at(32);
        let (low, high) = (avx2::half(self, low, is_odd), avx2::half(self, high, is_odd));
        let both = |low: u32, high: u32| u64::from(low) | u64::from(high) << 32;
        Signs {
            at: both(low.at, high.at),
            mark: both(low.mark, high.mark),
            underscore: both(low.underscore, high.underscore),
            digit: both(low.digit, high.digit),
            word: !both(low.others, high.others),
            odd: both(low.odd, high.odd),
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod avx2 {
    use pulp::x86::V3;

    use crate::redact::vectors;

    // What a byte is says what its two halves have in common: a bit for each row of the table of ASCII, or part of one.
    // Where a bit is, so far is it shifted to become the highest.
    const DIGIT: u8 = 1 << 7;
    const MARK: u8 = 1 << 6;
    const AT: u8 = 1 << 5;
    const FOUR_OR_SIX: u8 = 1 << 2;
    const FIVE: u8 = 1 << 1;
    const SEVEN: u8 = 1;
    const LETTERS: u8 = FOUR_OR_SIX | FIVE | SEVEN;
    const UPPER_HALF: [u8; 16] =
        [0, 0, MARK, DIGIT | MARK, FOUR_OR_SIX | AT, FIVE, FOUR_OR_SIX, SEVEN, 0, 0, 0, 0, 0, 0, 0, 0];
    const LOWER_HALF: [u8; 16] = [
        DIGIT | FIVE | SEVEN | AT,
        DIGIT | LETTERS,
        DIGIT | LETTERS,
        DIGIT | LETTERS,
        DIGIT | LETTERS,
        DIGIT | LETTERS,
        DIGIT | LETTERS,
        DIGIT | LETTERS,
        DIGIT | LETTERS,
        DIGIT | LETTERS,
        LETTERS | MARK,
        FOUR_OR_SIX,
        FOUR_OR_SIX,
        FOUR_OR_SIX | MARK,
        FOUR_OR_SIX,
        FOUR_OR_SIX,
    ];
    // The same for the bytes that characters begin with which are read as others: rows C to F.
    const ODD_UPPER: [u8; 16] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 4, 8];
    const ODD_LOWER: [u8; 16] = [4 | 8, 4, 1 | 4, 8, 0, 0, 0, 0, 0, 2, 0, 2, 0, 1, 0, 4];

    /// The bits of half a block.
    pub(super) struct Half {
        pub(super) at: u32,
        pub(super) mark: u32,
        pub(super) underscore: u32,
        pub(super) digit: u32,
        /// What is neither a letter nor a digit.
        pub(super) others: u32,
        pub(super) odd: u32,
    }

    #[inline(always)]
    pub(super) fn half(simd: V3, bytes: &[u8], is_odd: bool) -> Half {
        let bytes = vectors::load(bytes);
        let avx2 = simd.avx2;
        let upper = avx2._mm256_and_si256(avx2._mm256_srli_epi16::<4>(bytes), vectors::splat(0x0f));
        // A byte that is not ASCII takes nothing from the lower table, whose places it is beyond.
        let common = avx2._mm256_and_si256(
            avx2._mm256_shuffle_epi8(vectors::twice(UPPER_HALF), upper),
            avx2._mm256_shuffle_epi8(vectors::twice(LOWER_HALF), bytes),
        );
        let mut odd = 0;
        if is_odd {
            let lower = avx2._mm256_and_si256(bytes, vectors::splat(0x0f));
            let both = avx2._mm256_and_si256(
                avx2._mm256_shuffle_epi8(vectors::twice(ODD_UPPER), upper),
                avx2._mm256_shuffle_epi8(vectors::twice(ODD_LOWER), lower),
            );
            odd = !vectors::equal(simd, both, vectors::splat(0));
        }
        let words = avx2._mm256_and_si256(common, vectors::splat(DIGIT | LETTERS));
        Half {
            at: vectors::mask(simd, avx2._mm256_slli_epi16::<2>(common)),
            mark: vectors::mask(simd, avx2._mm256_slli_epi16::<1>(common)),
            underscore: vectors::equal(simd, bytes, vectors::splat(b'_')),
            digit: vectors::mask(simd, common),
            others: vectors::equal(simd, words, vectors::splat(0)),
            odd,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_gives_the_same_signs_for_every_byte_at_every_place() {
        struct Same([u8; 64]);
        impl Each for Same {
            fn block(&mut self, signs: Signs) {
                assert_eq!(signs, ByteByByte.signs(&self.0, true), "{:?}", self.0);
            }
        }
        for byte in 0..=u8::MAX {
            for (at, other) in (0..64).zip(b"a@:*=- _9\x80\xe2Z".iter().cycle()) {
                let mut block = [*other; 64];
                block[at] = byte;
                each(&block, Same(block));
            }
        }
    }
}
