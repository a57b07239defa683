//! Sixteen chains by AVX-512, which rotates and combines three vectors in one instruction each.

use core::arch::x86_64::{
    __m512i, _mm_extract_epi32, _mm512_add_epi32, _mm512_extracti32x4_epi32, _mm512_ror_epi32, _mm512_set_epi32,
    _mm512_set1_epi32, _mm512_srli_epi32, _mm512_ternarylogic_epi32, _mm512_xor_si512,
};

use super::super::chain::Chain;
use super::wide::K;

/// Chains side by side.
pub(super) const LANES: usize = 16;

advance_lanes!(__m512i, "avx512f");

#[inline]
#[target_feature(enable = "avx512f")]
fn gather(words: &[u32; LANES]) -> __m512i {
    let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p] = words.map(u32::cast_signed);
    _mm512_set_epi32(p, o, n, m, l, k, j, i, h, g, f, e, d, c, b, a)
}

#[inline]
#[target_feature(enable = "avx512f")]
fn scatter(v: __m512i) -> [u32; LANES] {
    let mut words = [0; LANES];
    let quarters = [
        _mm512_extracti32x4_epi32::<0>(v),
        _mm512_extracti32x4_epi32::<1>(v),
        _mm512_extracti32x4_epi32::<2>(v),
        _mm512_extracti32x4_epi32::<3>(v),
    ];
    for (four, v) in words.chunks_exact_mut(4).zip(quarters) {
        four.copy_from_slice(
            &[
                _mm_extract_epi32::<0>(v),
                _mm_extract_epi32::<1>(v),
                _mm_extract_epi32::<2>(v),
                _mm_extract_epi32::<3>(v),
            ]
            .map(i32::cast_unsigned),
        );
    }
    words
}

#[inline]
#[target_feature(enable = "avx512f")]
fn splat(word: u32) -> __m512i {
    _mm512_set1_epi32(word.cast_signed())
}

#[inline]
#[target_feature(enable = "avx512f")]
fn add(a: __m512i, b: __m512i) -> __m512i {
    _mm512_add_epi32(a, b)
}

#[inline]
#[target_feature(enable = "avx512f")]
fn xor(a: __m512i, b: __m512i) -> __m512i {
    _mm512_xor_si512(a, b)
}

#[inline]
#[target_feature(enable = "avx512f")]
fn rotate<const R: i32, const L: u32>(v: __m512i) -> __m512i {
    _mm512_ror_epi32::<R>(v)
}

#[inline]
#[target_feature(enable = "avx512f")]
fn shift<const R: u32>(v: __m512i) -> __m512i {
    _mm512_srli_epi32::<R>(v)
}

// Each constant is the column of results for the inputs 000 to 111, the last one the highest bit.

#[inline]
#[target_feature(enable = "avx512f")]
fn xor3(a: __m512i, b: __m512i, c: __m512i) -> __m512i {
    _mm512_ternarylogic_epi32::<0b1001_0110>(a, b, c)
}

/// `b` where `a` is set, `c` elsewhere.
#[inline]
#[target_feature(enable = "avx512f")]
fn choose(a: __m512i, b: __m512i, c: __m512i) -> __m512i {
    _mm512_ternarylogic_epi32::<0b1100_1010>(a, b, c)
}

#[inline]
#[target_feature(enable = "avx512f")]
fn majority(a: __m512i, b: __m512i, c: __m512i) -> __m512i {
    _mm512_ternarylogic_epi32::<0b1110_1000>(a, b, c)
}
