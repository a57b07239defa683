//! One to four chains by the SHA extensions.
//!
//! `sha256rnds2` makes two rounds in four cycles and could start every other cycle: one chain is bound by its latency,
//! several fill the gaps. What a chain alone waits for besides is kept to one shuffle between two compressions:
//!
//! - a compression's feed-forward is added to the *next* one's constants instead of to its result;
//! - for the first two words, these constants stand in the halves `G` and `H` of the starting state, which the first
//!   two rounds only add (see [`Start::after`]);
//! - of the message schedule, the one word that comes late is added last.

use core::arch::x86_64::{
    __m128i, _mm_add_epi32, _mm_alignr_epi8, _mm_blend_epi16, _mm_extract_epi32, _mm_set_epi32, _mm_setzero_si128,
    _mm_sha256msg1_epu32, _mm_sha256msg2_epu32, _mm_sha256rnds2_epu32, _mm_shuffle_epi32, _mm_slli_si128,
    _mm_srli_si128, _mm_sub_epi32, _mm_xor_si128,
};

use super::super::chain::Chain;
use super::wide::K;

/// A state as the instructions want it: `A B E F` and `C D G H`, highest lane first.
#[derive(Clone, Copy)]
struct State {
    abef: __m128i,
    cdgh: __m128i,
}

/// Where a compression begins.
#[derive(Clone, Copy)]
struct Start {
    state: State,
    /// `C D G H` for the first two rounds, with what their message words lack.
    first_cdgh: __m128i,
}

/// Adds `links` to each chain.
#[target_feature(enable = "sha,sse2,ssse3,sse4.1")]
pub(super) fn advance<const L: usize>(mut chains: [&mut Chain; L], links: u32) {
    let inner: [Start; L] = std::array::from_fn(|l| Start::after(&chains[l].inner, &chains[l].outer));
    let outer: [Start; L] = std::array::from_fn(|l| Start::after(&chains[l].outer, &chains[l].inner));
    // Results are kept without their feed-forward.
    let mut raw: [State; L] = std::array::from_fn(|l| State::pack(&chains[l].last).sub(outer[l].state));
    let mut sum: [State; L] = std::array::from_fn(|l| State::pack(&chains[l].sum));
    for _ in 0..links {
        raw = compress(&inner, &outer, &raw);
        raw = compress(&outer, &inner, &raw);
        for l in 0..L {
            sum[l] = sum[l].xor(raw[l].add(outer[l].state));
        }
    }
    for (l, chain) in chains.iter_mut().enumerate() {
        chain.last = raw[l].add(outer[l].state).unpack();
        chain.sum = sum[l].unpack();
    }
}

/// Compresses a digest and its padding into `start`. The digest is `raw` plus the state that `before` started from; the
/// result lacks `start`'s.
#[inline]
#[target_feature(enable = "sha,sse2,ssse3,sse4.1")]
fn compress<const L: usize>(start: &[Start; L], before: &[Start; L], raw: &[State; L]) -> [State; L] {
    // The last sixteen words of the message schedule, in fours.
    let mut w = [[_mm_setzero_si128(); L]; 4];
    let mut s: [State; L] = std::array::from_fn(|l| start[l].state);
    for l in 0..L {
        let [abcd, efgh] = raw[l].add(before[l].state).in_order();
        w[0][l] = abcd;
        w[1][l] = efgh;
        w[2][l] = _mm_set_epi32(0, 0, 0, i32::MIN);
        w[3][l] = _mm_set_epi32(768, 0, 0, 0);
    }
    for l in 0..L {
        let first = State { cdgh: start[l].first_cdgh, ..s[l] };
        s[l] = first.two_rounds(_mm_shuffle_epi32(raw[l].abef, 0b00_01_10_11));
    }
    for l in 0..L {
        s[l] = s[l].two_rounds(_mm_shuffle_epi32(_mm_add_epi32(w[0][l], constants(0)), 0b11_10));
    }
    macro_rules! four_rounds {
        ($($n:literal)*) => { $({
            const N: usize = $n;
            if N >= 4 {
                for l in 0..L {
                    let latest = w[(N + 3) % 4][l];
                    let known = _mm_add_epi32(
                        _mm_sha256msg1_epu32(w[N % 4][l], w[(N + 1) % 4][l]),
                        _mm_srli_si128(w[(N + 2) % 4][l], 4),
                    );
                    w[N % 4][l] = _mm_add_epi32(_mm_sha256msg2_epu32(known, latest), _mm_slli_si128(latest, 12));
                }
            }
            for l in 0..L {
                let words = _mm_add_epi32(w[N % 4][l], constants(N));
                s[l] = s[l].two_rounds(words).two_rounds(_mm_shuffle_epi32(words, 0b11_10));
            }
        })* };
    }
    four_rounds!(1 2 3 4 5 6 7 8 9 10 11 12 13 14 15);
    s
}

#[inline]
#[target_feature(enable = "sse2")]
fn constants(n: usize) -> __m128i {
    four([K[4 * n], K[4 * n + 1], K[4 * n + 2], K[4 * n + 3]])
}

/// Four words, the first in the lowest lane.
#[inline]
#[target_feature(enable = "sse2")]
fn four(words: [u32; 4]) -> __m128i {
    let [a, b, c, d] = words.map(u32::cast_signed);
    _mm_set_epi32(d, c, b, a)
}

impl Start {
    /// The start from `state` of a compression whose message is the result of one from `before`.
    ///
    /// That result comes without its feed-forward. Round 0 adds `h` and the word `W0`; round 1 adds what was `g` and
    /// `W1`, and `g` is otherwise used in round 0 alone, between constants: so `h` can stand in for what `W0` lacks, `g`
    /// for what `W1` lacks, and `h` again for what that changes in round 0.
    #[inline]
    #[target_feature(enable = "sha,sse2,ssse3,sse4.1")]
    fn after(state: &[u32; 8], before: &[u32; 8]) -> Self {
        let [a, b, c, d, e, f, g, h] = *state;
        let choose = |g: u32| (e & f) ^ (!e & g);
        let new_g = g.wrapping_add(before[1]).wrapping_add(K[1]);
        let new_h = h.wrapping_add(before[0]).wrapping_add(K[0]).wrapping_add(choose(g)).wrapping_sub(choose(new_g));
        let first_cdgh = State::pack(&[a, b, c, d, e, f, new_g, new_h]).cdgh;
        Self { state: State::pack(state), first_cdgh }
    }
}

impl State {
    #[inline]
    #[target_feature(enable = "sha,sse2,ssse3,sse4.1")]
    fn two_rounds(self, words: __m128i) -> Self {
        Self { abef: _mm_sha256rnds2_epu32(self.cdgh, self.abef, words), cdgh: self.abef }
    }

    #[inline]
    #[target_feature(enable = "sse2")]
    fn add(self, other: Self) -> Self {
        Self { abef: _mm_add_epi32(self.abef, other.abef), cdgh: _mm_add_epi32(self.cdgh, other.cdgh) }
    }

    #[inline]
    #[target_feature(enable = "sse2")]
    fn sub(self, other: Self) -> Self {
        Self { abef: _mm_sub_epi32(self.abef, other.abef), cdgh: _mm_sub_epi32(self.cdgh, other.cdgh) }
    }

    #[inline]
    #[target_feature(enable = "sse2")]
    fn xor(self, other: Self) -> Self {
        Self { abef: _mm_xor_si128(self.abef, other.abef), cdgh: _mm_xor_si128(self.cdgh, other.cdgh) }
    }

    #[inline]
    #[target_feature(enable = "sse2")]
    fn pack(words: &[u32; 8]) -> Self {
        let [a, b, c, d, e, f, g, h] = *words;
        Self { abef: four([f, e, b, a]), cdgh: four([h, g, d, c]) }
    }

    /// The eight words, the first in the lowest lane of the first vector.
    #[inline]
    #[target_feature(enable = "sse2,ssse3,sse4.1")]
    fn in_order(self) -> [__m128i; 2] {
        let feba = _mm_shuffle_epi32(self.abef, 0b00_01_10_11);
        let dchg = _mm_shuffle_epi32(self.cdgh, 0b10_11_00_01);
        [_mm_blend_epi16(feba, dchg, 0b1111_0000), _mm_alignr_epi8(dchg, feba, 8)]
    }

    #[inline]
    #[target_feature(enable = "sse2,ssse3,sse4.1")]
    fn unpack(self) -> [u32; 8] {
        let [x, y] = self.in_order();
        [
            _mm_extract_epi32::<0>(x),
            _mm_extract_epi32::<1>(x),
            _mm_extract_epi32::<2>(x),
            _mm_extract_epi32::<3>(x),
            _mm_extract_epi32::<0>(y),
            _mm_extract_epi32::<1>(y),
            _mm_extract_epi32::<2>(y),
            _mm_extract_epi32::<3>(y),
        ]
        .map(i32::cast_unsigned)
    }
}
