//! Chains by the vector units of x86-64, chosen when the program runs.
//!
//! This is the one place of the workspace with `unsafe` in it, and all that it does is to call a kernel after asking
//! the processor for the instructions which the kernel is made of. The kernels themselves are safe code: registers in,
//! registers out, no pointers.
//!
//! Measured on a Zen 5 at 3.7 GHz, in ms of processor time for each derivation of 1.5 million iterations: SHA extensions
//! 109 alone, 78, 70 and 66 with two, three and four side by side; AVX-512 38 with sixteen; AVX2 107 with eight, where
//! plain code takes 620.

#![expect(unsafe_code, reason = "a kernel's instructions must be there, which the call site has just asked for")]

mod sha_ni;
#[macro_use]
mod wide;
mod avx2;
mod avx512;

use super::chain::Chain;

/// Chains that the SHA extensions' latency leaves room for.
const SHA_NI_LANES: usize = 4;

/// From here on sixteen in one go of AVX-512 are cheaper than fours by the SHA extensions, even with lanes left empty.
const WORTH_AVX512: usize = 10;

#[derive(Clone, Copy)]
struct Processor {
    sha_ni: bool,
    avx2: bool,
    avx512: bool,
}

impl Processor {
    /// The standard library asks once and remembers.
    fn this() -> Self {
        Self {
            sha_ni: is_x86_feature_detected!("sha")
                && is_x86_feature_detected!("sse2")
                && is_x86_feature_detected!("ssse3")
                && is_x86_feature_detected!("sse4.1"),
            avx2: is_x86_feature_detected!("avx2"),
            avx512: is_x86_feature_detected!("avx512f"),
        }
    }

    const fn batch_size(self, ready: usize) -> usize {
        match self {
            Self { avx512: true, sha_ni, .. } if ready >= if sha_ni { WORTH_AVX512 } else { 2 } => avx512::LANES,
            Self { sha_ni: true, .. } => SHA_NI_LANES,
            Self { avx2: true, .. } if ready >= 2 => avx2::LANES,
            _ => 1,
        }
    }
}

/// How many of `ready` chains, at most, run side by side at the least cost for each.
pub(super) fn batch_size(ready: usize) -> usize {
    Processor::this().batch_size(ready)
}

/// Adds `links` to the first of `chains`, and returns to how many: none where there is no kernel for this processor.
pub(super) fn advance(chains: &mut [&mut Chain], links: u32) -> usize {
    advance_on(Processor::this(), chains, links)
}

/// `processor` is [`Processor::this`], or less than it.
fn advance_on(processor: Processor, chains: &mut [&mut Chain], links: u32) -> usize {
    let wide = processor.batch_size(chains.len());
    let lanes = wide.min(chains.len());
    let (batch, _) = chains.split_at_mut(lanes);
    if processor.avx512 && wide == avx512::LANES {
        // SAFETY: `avx512f` is there.
        unsafe { avx512::advance(batch, links) }
    } else if processor.sha_ni {
        // SAFETY: `sha`, `sse2`, `ssse3` and `sse4.1` are there.
        unsafe {
            match batch {
                [a] => sha_ni::advance([a], links),
                [a, b] => sha_ni::advance([a, b], links),
                [a, b, c] => sha_ni::advance([a, b, c], links),
                [a, b, c, d] => sha_ni::advance([a, b, c, d], links),
                _ => return 0,
            }
        }
    } else if processor.avx2 && wide == avx2::LANES {
        // SAFETY: `avx2` is there.
        unsafe { avx2::advance(batch, links) }
    } else {
        return 0;
    }
    lanes
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every kernel that this processor has, with every number of chains, gives each chain what `sha2` gives it.
    #[test]
    fn every_lane_of_every_kernel_agrees() {
        let this = Processor::this();
        let none = Processor { sha_ni: false, avx2: false, avx512: false };
        let kernels = [
            Processor { sha_ni: this.sha_ni, ..none },
            Processor { avx2: this.avx2, ..none },
            Processor { avx512: this.avx512, ..none },
            this,
        ];
        for processor in kernels {
            for ready in 1..=avx512::LANES {
                for links in [0, 1, 2, 57] {
                    let chain = |n: usize| Chain::start(&[b'p', n as u8], format!("salt {n} of {ready}").as_bytes());
                    let mut chains: Vec<_> = (0..ready).map(chain).collect();
                    let done = advance_on(processor, &mut chains.iter_mut().collect::<Vec<_>>(), links);
                    assert!(done <= ready);
                    for (n, ours) in chains.iter().enumerate() {
                        let links = if n < done { links } else { 0 };
                        let mut plain = chain(n);
                        plain.advance_plainly(links);
                        assert_eq!(ours.key(), plain.key(), "{n} of {ready}, {links}");
                        assert_eq!(ours.last, plain.last, "{n} of {ready}, {links}");
                    }
                }
            }
        }
    }

    #[test]
    fn the_widest_kernel_waits_for_enough_to_do() {
        let full = Processor { sha_ni: true, avx2: true, avx512: true };
        assert_eq!([1, 4, 9, 10, 40].map(|n| full.batch_size(n)), [4, 4, 4, 16, 16]);
        let old = Processor { sha_ni: false, avx512: false, ..full };
        assert_eq!([1, 2, 40].map(|n| old.batch_size(n)), [1, 8, 8]);
        let server = Processor { sha_ni: false, ..full };
        assert_eq!([1, 2, 40].map(|n| server.batch_size(n)), [1, 16, 16]);
    }
}
