//! Eight chains by AVX2, for processors without the SHA extensions.

use core::arch::x86_64::{
    __m256i, _mm256_add_epi32, _mm256_and_si256, _mm256_extract_epi32, _mm256_or_si256, _mm256_set_epi32,
    _mm256_set1_epi32, _mm256_slli_epi32, _mm256_srli_epi32, _mm256_xor_si256,
};

use super::super::chain::Chain;
use super::wide::K;

/// Chains side by side.
pub(super) const LANES: usize = 8;

advance_lanes!(__m256i, "avx2");

#[inline]
#[target_feature(enable = "avx2")]
fn gather(words: &[u32; LANES]) -> __m256i {
    let [a, b, c, d, e, f, g, h] = words.map(u32::cast_signed);
    _mm256_set_epi32(h, g, f, e, d, c, b, a)
}

#[inline]
#[target_feature(enable = "avx2")]
fn scatter(v: __m256i) -> [u32; LANES] {
    [
        _mm256_extract_epi32::<0>(v),
        _mm256_extract_epi32::<1>(v),
        _mm256_extract_epi32::<2>(v),
        _mm256_extract_epi32::<3>(v),
        _mm256_extract_epi32::<4>(v),
        _mm256_extract_epi32::<5>(v),
        _mm256_extract_epi32::<6>(v),
        _mm256_extract_epi32::<7>(v),
    ]
    .map(i32::cast_unsigned)
}

#[inline]
#[target_feature(enable = "avx2")]
fn splat(word: u32) -> __m256i {
    _mm256_set1_epi32(word.cast_signed())
}

#[inline]
#[target_feature(enable = "avx2")]
fn add(a: __m256i, b: __m256i) -> __m256i {
    _mm256_add_epi32(a, b)
}

#[inline]
#[target_feature(enable = "avx2")]
fn xor(a: __m256i, b: __m256i) -> __m256i {
    _mm256_xor_si256(a, b)
}

#[inline]
#[target_feature(enable = "avx2")]
fn rotate<const R: i32, const L: i32>(v: __m256i) -> __m256i {
    _mm256_or_si256(_mm256_srli_epi32::<R>(v), _mm256_slli_epi32::<L>(v))
}

#[inline]
#[target_feature(enable = "avx2")]
fn shift<const R: i32>(v: __m256i) -> __m256i {
    _mm256_srli_epi32::<R>(v)
}

#[inline]
#[target_feature(enable = "avx2")]
fn xor3(a: __m256i, b: __m256i, c: __m256i) -> __m256i {
    xor(a, xor(b, c))
}

/// `b` where `a` is set, `c` elsewhere.
#[inline]
#[target_feature(enable = "avx2")]
fn choose(a: __m256i, b: __m256i, c: __m256i) -> __m256i {
    xor(c, _mm256_and_si256(a, xor(b, c)))
}

#[inline]
#[target_feature(enable = "avx2")]
fn majority(a: __m256i, b: __m256i, c: __m256i) -> __m256i {
    _mm256_or_si256(_mm256_and_si256(a, b), _mm256_and_si256(c, _mm256_or_si256(a, b)))
}
