//! What sixteen bytes are, a bit for each, with the vector instructions that every machine of its kind has: nothing is asked of it.
//!
//! INVARIANT: every way gives the same bits (tested).

/// Which of them are digits.
#[inline(always)]
pub(super) fn digits(bytes: &[u8; 16]) -> u16 {
    #[cfg(target_arch = "x86_64")]
    if let Some(simd) = pulp::core_arch::x86::Sse2::try_new() {
        return sse2::bits(simd, sse2::digits(simd, pulp::cast(*bytes)));
    }
    each(bytes, u8::is_ascii_digit)
}

/// Which of them are hexadecimal digits.
#[inline(always)]
pub(super) fn hex_digits(bytes: &[u8; 16]) -> u16 {
    #[cfg(target_arch = "x86_64")]
    if let Some(simd) = pulp::core_arch::x86::Sse2::try_new() {
        return sse2::bits(simd, sse2::hex_digits(simd, pulp::cast(*bytes)));
    }
    each(bytes, u8::is_ascii_hexdigit)
}

/// Any machine.
fn each(bytes: &[u8; 16], is: fn(&u8) -> bool) -> u16 {
    (0..).zip(bytes).fold(0, |all, (at, byte)| all | u16::from(is(byte)) << at)
}

#[cfg(target_arch = "x86_64")]
mod sse2 {
    use std::arch::x86_64::__m128i;

    use pulp::core_arch::x86::Sse2;

    #[inline(always)]
    fn splat(byte: u8) -> __m128i {
        pulp::cast([byte; 16])
    }

    /// Those from `first` on, so many and one.
    #[inline(always)]
    fn range(simd: Sse2, bytes: __m128i, first: u8, more: u8) -> __m128i {
        let value = simd._mm_sub_epi8(bytes, splat(first));
        simd._mm_cmpeq_epi8(value, simd._mm_min_epu8(value, splat(more)))
    }

    #[inline(always)]
    pub(super) fn digits(simd: Sse2, bytes: __m128i) -> __m128i {
        range(simd, bytes, b'0', 9)
    }

    #[inline(always)]
    pub(super) fn hex_digits(simd: Sse2, bytes: __m128i) -> __m128i {
        let letters = range(simd, simd._mm_or_si128(bytes, splat(0x20)), b'a', 5);
        simd._mm_or_si128(digits(simd, bytes), letters)
    }

    #[inline(always)]
    pub(super) fn bits(simd: Sse2, bytes: __m128i) -> u16 {
        let [low, high, ..] = simd._mm_movemask_epi8(bytes).to_le_bytes();
        u16::from_le_bytes([low, high])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_gives_the_same_bits_for_every_byte_at_every_place() {
        for byte in 0..=u8::MAX {
            for (at, other) in b"0 9afAFgG/:@\x60\x80\xff".iter().enumerate() {
                let mut bytes = [*other; 16];
                bytes[at] = byte;
                assert_eq!(digits(&bytes), each(&bytes, u8::is_ascii_digit), "{bytes:?}");
                assert_eq!(hex_digits(&bytes), each(&bytes, u8::is_ascii_hexdigit), "{bytes:?}");
            }
        }
    }
}
