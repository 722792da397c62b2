//! Thirty-two bytes at a time: what the readers of blocks share, by vector instructions that the machine was asked for.
//!
//! Whatever is not part of the one function that may use these instructions calls them one by one, at many times the
//! cost: hence no closures, and `inline(always)` all the way.
//! Never: is called without proof that the machine has them (`V3`).

use std::arch::x86_64::__m256i;

use pulp::x86::V3;

/// The same byte everywhere.
#[inline(always)]
pub(super) fn splat(byte: u8) -> __m256i {
    pulp::cast([byte; 32])
}

/// A table for each half: what shuffles look up goes by halves.
#[inline(always)]
pub(super) fn twice(half: [u8; 16]) -> __m256i {
    pulp::cast([half, half])
}

/// The first thirty-two bytes, or spaces.
#[inline(always)]
pub(super) fn load(bytes: &[u8]) -> __m256i {
    pulp::cast(*bytes.first_chunk::<32>().unwrap_or(&[b' '; 32]))
}

/// The highest bit of each byte.
#[inline(always)]
pub(super) fn mask(simd: V3, bytes: __m256i) -> u32 {
    simd.avx2._mm256_movemask_epi8(bytes).cast_unsigned()
}

/// A bit for each byte that both have.
#[inline(always)]
pub(super) fn equal(simd: V3, a: __m256i, b: __m256i) -> u32 {
    mask(simd, simd.avx2._mm256_cmpeq_epi8(a, b))
}
