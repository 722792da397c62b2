//! What each of 64 bytes is to JSON, a bit for each, with the vector instructions that the machine has.
//!
//! `pulp` asks the processor once and hands out proof of what it can do, so that nothing here is unsafe.
//! INVARIANT: every way gives the same bits (tested).

#[cfg(target_arch = "x86_64")]
use pulp::Simd;
#[cfg(target_arch = "x86_64")]
use pulp::WithSimd;
#[cfg(target_arch = "x86_64")]
use pulp::x86::V3;

use crate::redact::detect::signs;
use crate::redact::detect::signs::Signs;

/// A bit for each byte of a block.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Bits {
    pub(super) quote: u64,
    /// Backslashes and what is not ASCII.
    pub(super) odd: u64,
    /// `{}[]:,`, and two controls that JSON has nowhere but are no dearer to find with these than to leave out: 0c and 1a.
    pub(super) operator: u64,
    /// Space, tab, line feed, carriage return.
    pub(super) space: u64,
    /// Below 0x20.
    pub(super) control: u64,
}

/// A way to find the bits of a block.
pub(super) trait Classify: signs::Read {
    fn bits(self, block: &[u8; 64]) -> Bits;

    /// Which of them are backslashes: most blocks have none.
    fn backslashes(self, block: &[u8; 64]) -> u64;
}

/// What is to be done with the best way there is.
pub(super) trait Work {
    fn with(self, classify: impl Classify);
}

/// Does it with the best way that this machine has.
pub(super) fn dispatch(work: impl Work) {
    #[cfg(target_arch = "x86_64")]
    if let Some(simd) = V3::try_new() {
        struct On<W>(V3, W);
        impl<W: Work> WithSimd for On<W> {
            type Output = ();

            #[inline(always)]
            fn with_simd<S: Simd>(self, _: S) {
                self.1.with(self.0);
            }
        }
        return Simd::vectorize(simd, On(simd, work));
    }
    work.with(ByteByByte);
}

/// Any machine.
#[derive(Debug, Clone, Copy)]
struct ByteByByte;

impl signs::Read for ByteByByte {
    fn signs(self, block: &[u8; 64], is_odd: bool) -> Signs {
        signs::ByteByByte.signs(block, is_odd)
    }
}

impl Classify for ByteByByte {
    fn bits(self, block: &[u8; 64]) -> Bits {
        let mut all = Bits::default();
        for (bit, byte) in (0..64).map(|at| 1_u64 << at).zip(block) {
            match byte {
                b'"' => all.quote |= bit,
                b'\\' | 0x80.. => all.odd |= bit,
                b'{' | b'}' | b'[' | b']' | b':' | b',' | 0x0c | 0x1a => all.operator |= bit,
                b' ' | b'\t' | b'\n' | b'\r' => all.space |= bit,
                _ => {}
            }
            if *byte < 0x20 {
                all.control |= bit;
            }
        }
        all
    }

    fn backslashes(self, block: &[u8; 64]) -> u64 {
        (0..64).zip(block).fold(0, |all, (at, byte)| all | u64::from(*byte == b'\\') << at)
    }
}

#[cfg(target_arch = "x86_64")]
impl Classify for V3 {
    #[inline(always)]
    fn bits(self, block: &[u8; 64]) -> Bits {
        let (low, high) = block.split_at(32);
        let (low, high) = (avx2::half(self, low), avx2::half(self, high));
        let both = |at: fn(&avx2::Half) -> u32| u64::from(at(&low)) | u64::from(at(&high)) << 32;
        Bits {
            quote: both(|half| half.quote),
            odd: both(|half| half.odd),
            operator: both(|half| half.operator),
            space: both(|half| half.space),
            control: both(|half| half.control),
        }
    }

    #[inline(always)]
    fn backslashes(self, block: &[u8; 64]) -> u64 {
        let (low, high) = block.split_at(32);
        u64::from(avx2::backslashes(self, low)) | u64::from(avx2::backslashes(self, high)) << 32
    }
}

#[cfg(target_arch = "x86_64")]
mod avx2 {
    use pulp::x86::V3;

    use crate::redact::vectors;

    /// For each low nibble the white space that has it; elsewhere a byte that has another.
    const SPACES: [u8; 16] =
        [b' ', 255, 255, 255, 255, 255, 255, 255, 255, b'\t', b'\n', 255, 255, b'\r', 255, 0];
    /// For each low nibble the operator that has it, with bit 5 set, which makes `[` and `{` one.
    const OPERATORS: [u8; 16] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, b':', b'{', b',', b'}', 0, 0];

    /// The bits of half a block.
    pub(super) struct Half {
        pub(super) quote: u32,
        pub(super) odd: u32,
        pub(super) operator: u32,
        pub(super) space: u32,
        pub(super) control: u32,
    }

    #[inline(always)]
    pub(super) fn half(simd: V3, bytes: &[u8]) -> Half {
        let bytes = vectors::load(bytes);
        let avx2 = simd.avx2;
        let small = avx2._mm256_min_epu8(bytes, vectors::splat(0x1f));
        let operators = avx2._mm256_shuffle_epi8(vectors::twice(OPERATORS), bytes);
        let backslashes = avx2._mm256_cmpeq_epi8(bytes, vectors::splat(b'\\'));
        Half {
            quote: vectors::equal(simd, bytes, vectors::splat(b'"')),
            odd: vectors::mask(simd, avx2._mm256_or_si256(bytes, backslashes)),
            operator: vectors::equal(simd, avx2._mm256_or_si256(bytes, vectors::splat(0x20)), operators),
            space: vectors::equal(simd, bytes, avx2._mm256_shuffle_epi8(vectors::twice(SPACES), bytes)),
            control: vectors::equal(simd, bytes, small),
        }
    }

    #[inline(always)]
    pub(super) fn backslashes(simd: V3, bytes: &[u8]) -> u32 {
        vectors::equal(simd, vectors::load(bytes), vectors::splat(b'\\'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_gives_the_same_bits_for_every_byte_at_every_place() {
        struct Both([u8; 64]);
        impl Work for Both {
            fn with(self, classify: impl Classify) {
                assert_eq!(classify.bits(&self.0), ByteByByte.bits(&self.0), "{:?}", self.0);
                assert_eq!(classify.backslashes(&self.0), ByteByByte.backslashes(&self.0), "{:?}", self.0);
            }
        }
        for byte in 0..=u8::MAX {
            for (at, other) in (0..64).zip(b"a\"\\ {\x80\x0c\xff".iter().cycle()) {
                let mut block = [*other; 64];
                block[at] = byte;
                dispatch(Both(block));
            }
        }
    }
}
