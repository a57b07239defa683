//! A chain in each lane of a wide vector: SHA-256 as FIPS 180-4 has it, in ordinary vector instructions.

/// The round constants (FIPS 180-4, 4.2.2).
pub(super) const K: [u32; 64] = [
    0x428a_2f98,
    0x7137_4491,
    0xb5c0_fbcf,
    0xe9b5_dba5,
    0x3956_c25b,
    0x59f1_11f1,
    0x923f_82a4,
    0xab1c_5ed5,
    0xd807_aa98,
    0x1283_5b01,
    0x2431_85be,
    0x550c_7dc3,
    0x72be_5d74,
    0x80de_b1fe,
    0x9bdc_06a7,
    0xc19b_f174,
    0xe49b_69c1,
    0xefbe_4786,
    0x0fc1_9dc6,
    0x240c_a1cc,
    0x2de9_2c6f,
    0x4a74_84aa,
    0x5cb0_a9dc,
    0x76f9_88da,
    0x983e_5152,
    0xa831_c66d,
    0xb003_27c8,
    0xbf59_7fc7,
    0xc6e0_0bf3,
    0xd5a7_9147,
    0x06ca_6351,
    0x1429_2967,
    0x27b7_0a85,
    0x2e1b_2138,
    0x4d2c_6dfc,
    0x5338_0d13,
    0x650a_7354,
    0x766a_0abb,
    0x81c2_c92e,
    0x9272_2c85,
    0xa2bf_e8a1,
    0xa81a_664b,
    0xc24b_8b70,
    0xc76c_51a3,
    0xd192_e819,
    0xd699_0624,
    0xf40e_3585,
    0x106a_a070,
    0x19a4_c116,
    0x1e37_6c08,
    0x2748_774c,
    0x34b0_bcb5,
    0x391c_0cb3,
    0x4ed8_aa4a,
    0x5b9c_ca4f,
    0x682e_6ff3,
    0x748f_82ee,
    0x78a5_636f,
    0x84c8_7814,
    0x8cc7_0208,
    0x90be_fffa,
    0xa450_6ceb,
    0xbef9_a3f7,
    0xc671_78f2,
];

/// Unrolls a loop of 64, so that an array indexed by its counter stays in registers.
macro_rules! sixty_four {
    ($body:ident) => {
        sixty_four!($body 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31
            32 33 34 35 36 37 38 39 40 41 42 43 44 45 46 47 48 49 50 51 52 53 54 55 56 57 58 59 60 61 62 63);
    };
    ($body:ident $($n:literal)*) => { $( $body!($n); )* };
}

/// Writes `advance`, which adds links to as many chains as there are lanes or fewer.
///
/// In scope must be: `LANES`; `gather` and `scatter` between words and a vector; `splat`, `add`, `xor`; `xor3`, `choose`
/// and `majority` of three; `rotate::<R, L>` to the right by `R = 32 - L` bits, and `shift::<R>`. A macro, as no
/// function can be generic over the instructions it may use.
macro_rules! advance_lanes {
    ($vector:ty, $features:literal) => {
        /// Adds `links` to each of at most [`LANES`] chains.
        #[target_feature(enable = $features)]
        pub(super) fn advance(chains: &mut [&mut Chain], links: u32) {
            let all = |part: fn(&Chain) -> &[u32; 8]| -> [$vector; 8] {
                std::array::from_fn(|i| {
                    let mut words = [0; LANES];
                    for (word, chain) in words.iter_mut().zip(chains.iter()) {
                        *word = part(chain)[i];
                    }
                    gather(&words)
                })
            };
            let (inner, outer) = (all(|c| &c.inner), all(|c| &c.outer));
            let (mut last, mut sum) = (all(|c| &c.last), all(|c| &c.sum));
            for _ in 0..links {
                last = compress(&inner, &last);
                last = compress(&outer, &last);
                for i in 0..8 {
                    sum[i] = xor(sum[i], last[i]);
                }
            }
            for i in 0..8 {
                let (last, sum) = (scatter(last[i]), scatter(sum[i]));
                for (l, chain) in chains.iter_mut().enumerate().take(LANES) {
                    chain.last[i] = last[l];
                    chain.sum[i] = sum[l];
                }
            }
        }

        /// Compresses a digest and its padding into `start`.
        #[inline]
        #[target_feature(enable = $features)]
        fn compress(start: &[$vector; 8], digest: &[$vector; 8]) -> [$vector; 8] {
            let mut w = [splat(0); 16];
            w[..8].copy_from_slice(digest);
            w[8] = splat(0x8000_0000);
            w[15] = splat(768);
            let [mut a, mut b, mut c, mut d, mut e, mut f, mut g, mut h] = *start;
            macro_rules! round {
                ($t:literal) => {{
                    if $t >= 16 {
                        let (x, y) = (w[($t + 1) % 16], w[($t + 14) % 16]);
                        let x = xor3(rotate::<7, 25>(x), rotate::<18, 14>(x), shift::<3>(x));
                        let y = xor3(rotate::<17, 15>(y), rotate::<19, 13>(y), shift::<10>(y));
                        w[$t % 16] = add(add(w[$t % 16], w[($t + 9) % 16]), add(x, y));
                    }
                    let word = add(w[$t % 16], splat(K[$t]));
                    let sigma = xor3(rotate::<6, 26>(e), rotate::<11, 21>(e), rotate::<25, 7>(e));
                    let one = add(add(add(h, word), sigma), choose(e, f, g));
                    let sigma = xor3(rotate::<2, 30>(a), rotate::<13, 19>(a), rotate::<22, 10>(a));
                    let two = add(sigma, majority(a, b, c));
                    (h, g, f, e, d, c, b, a) = (g, f, e, add(d, one), c, b, a, add(one, two));
                }};
            }
            sixty_four!(round);
            let end = [a, b, c, d, e, f, g, h];
            std::array::from_fn(|i| add(end[i], start[i]))
        }
    };
}
