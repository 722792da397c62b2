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
pub(in crate::redact::detect) struct Signs {
    pub(super) at: u64,
    pub(super) colon: u64,
    pub(super) hyphen: u64,
    pub(super) underscore: u64,
    pub(super) digit: u64,
    /// Letters, digits, `_` and `-`.
    pub(super) name: u64,
    /// Characters begin with it that are read as others (see [`plain`]).
    pub(in crate::redact::detect) odd: u64,
}

/// What is told of each block.
pub(in crate::redact::detect) trait Each {
    fn block(&mut self, signs: Signs);
}

trait Read: Copy {
    fn signs(self, block: &[u8; 64]) -> Signs;
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
        each.block(read.signs(block));
    }
    if !last.is_empty() {
        let mut padded = [b' '; 64];
        if let Some(part) = padded.get_mut(..last.len()) {
            part.copy_from_slice(last);
        }
        each.block(read.signs(&padded));
    }
    each
}

/// Any machine.
#[derive(Debug, Clone, Copy)]
struct ByteByByte;

impl Read for ByteByByte {
    fn signs(self, block: &[u8; 64]) -> Signs {
        let mut all = Signs::default();
        for (bit, byte) in (0..64).map(|at| 1_u64 << at).zip(block) {
            match byte {
                b'@' => all.at |= bit,
                b':' => all.colon |= bit,
                b'-' => all.hyphen |= bit,
                b'_' => all.underscore |= bit,
                b'0'..=b'9' => all.digit |= bit,
                byte if plain::is_odd(*byte) => all.odd |= bit,
                _ => {}
            }
            if byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-') {
                all.name |= bit;
            }
        }
        all
    }
}

#[cfg(target_arch = "x86_64")]
impl Read for V3 {
    #[inline(always)]
    fn signs(self, block: &[u8; 64]) -> Signs {
        let (low, high) = block.split_at(32);
        let (low, high) = (avx2::half(self, low), avx2::half(self, high));
        let both = |low: u32, high: u32| u64::from(low) | u64::from(high) << 32;
        Signs {
            at: both(low.at, high.at),
            colon: both(low.colon, high.colon),
            hyphen: both(low.hyphen, high.hyphen),
            underscore: both(low.underscore, high.underscore),
            digit: both(low.digit, high.digit),
            name: both(low.name, high.name),
            odd: both(low.odd, high.odd),
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod avx2 {
    use pulp::x86::V3;

    use crate::redact::vectors;

    // What a byte is says what its two halves have in common: a bit for each row of the table of ASCII, and for those
    // that stand alone in theirs.
    const HYPHEN: u8 = 1;
    const DIGIT: u8 = 2;
    const FOUR_OR_SIX: u8 = 4;
    const FIVE: u8 = 8;
    const SEVEN: u8 = 16;
    const COLON: u8 = 32;
    const AT: u8 = 64;
    const LETTERS: u8 = FOUR_OR_SIX | FIVE | SEVEN;
    const UPPER_HALF: [u8; 16] =
        [0, 0, HYPHEN, DIGIT | COLON, FOUR_OR_SIX | AT, FIVE, FOUR_OR_SIX, SEVEN, 0, 0, 0, 0, 0, 0, 0, 0];
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
        LETTERS | COLON,
        FOUR_OR_SIX,
        FOUR_OR_SIX,
        FOUR_OR_SIX | HYPHEN,
        FOUR_OR_SIX,
        FOUR_OR_SIX | FIVE,
    ];
    // The same for the bytes that characters begin with which are read as others: rows C to F.
    const ODD_UPPER: [u8; 16] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 4, 8];
    const ODD_LOWER: [u8; 16] = [4 | 8, 4, 1 | 4, 8, 0, 0, 0, 0, 0, 2, 0, 2, 0, 1, 0, 4];

    /// The bits of half a block.
    pub(super) struct Half {
        pub(super) at: u32,
        pub(super) colon: u32,
        pub(super) hyphen: u32,
        pub(super) underscore: u32,
        pub(super) digit: u32,
        pub(super) name: u32,
        pub(super) odd: u32,
    }

    #[inline(always)]
    pub(super) fn half(simd: V3, bytes: &[u8]) -> Half {
        let bytes = vectors::load(bytes);
        let avx2 = simd.avx2;
        let upper = avx2._mm256_and_si256(avx2._mm256_srli_epi16::<4>(bytes), vectors::splat(0x0f));
        // A byte that is not ASCII takes nothing from the lower table, whose places it is beyond.
        let common = avx2._mm256_and_si256(
            avx2._mm256_shuffle_epi8(vectors::twice(UPPER_HALF), upper),
            avx2._mm256_shuffle_epi8(vectors::twice(LOWER_HALF), bytes),
        );
        let (at, colon) = (
            vectors::equal(simd, common, vectors::splat(AT)),
            vectors::equal(simd, common, vectors::splat(COLON)),
        );
        let nothing = vectors::equal(simd, common, vectors::splat(0));
        let mut odd = 0;
        if vectors::mask(simd, bytes) != 0 {
            let lower = avx2._mm256_and_si256(bytes, vectors::splat(0x0f));
            let both = avx2._mm256_and_si256(
                avx2._mm256_shuffle_epi8(vectors::twice(ODD_UPPER), upper),
                avx2._mm256_shuffle_epi8(vectors::twice(ODD_LOWER), lower),
            );
            odd = !vectors::equal(simd, both, vectors::splat(0));
        }
        Half {
            at,
            colon,
            hyphen: vectors::equal(simd, common, vectors::splat(HYPHEN)),
            underscore: vectors::equal(simd, bytes, vectors::splat(b'_')),
            digit: vectors::equal(simd, common, vectors::splat(DIGIT)),
            name: !(nothing | at | colon),
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
                assert_eq!(signs, ByteByByte.signs(&self.0), "{:?}", self.0);
            }
        }
        for byte in 0..=u8::MAX {
            for (at, other) in (0..64).zip(b"a@: -_9\x80\xe2Z".iter().cycle()) {
                let mut block = [*other; 64];
                block[at] = byte;
                each(&block, Same(block));
            }
        }
    }
}
