//! The chain of HMACs that PBKDF2-SHA256 is, and running several of them side by side (D9).
//!
//! One block of output is all that Django asks for, so that a derivation is one [`Chain`]: two SHA-256 compressions a
//! link, each waiting for the one before. A processor has room for more than one such chain at a time; [`advance`]
//! fills it.

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use zeroize::Zeroize;

use super::{block_key, read_words, write_words};

/// SHA-256's state before any block.
const INIT: [u32; 8] =
    [0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19];

/// A derivation at some link. Wiped when dropped; what a kernel holds of it in registers and spills is not.
#[derive(Clone, Default)]
pub(super) struct Chain {
    /// The states after the key's inner and outer pad.
    pub(super) inner: [u32; 8],
    pub(super) outer: [u32; 8],
    /// The last link, and all links so far by exclusive or.
    pub(super) last: [u32; 8],
    pub(super) sum: [u32; 8],
}

impl Chain {
    /// The chain of one link: the HMAC of the salt and the block number one.
    pub(super) fn start(password: &[u8], salt: &[u8]) -> Self {
        let mut key = block_key(password, |long| Sha256::digest(long).to_vec());
        let padded = |pad: u8| {
            let mut state = INIT;
            let mut block = [key.map(|b| b ^ pad)];
            sha2::block_api::compress256(&mut state, &block);
            block.zeroize();
            state
        };
        let (inner, outer) = (padded(0x36), padded(0x5c));
        let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(&key).expect("HMAC takes keys of any length");
        key.zeroize();
        mac.update(salt);
        mac.update(&1_u32.to_be_bytes());
        let first = read_words(&mac.finalize().into_bytes());
        Self { inner, outer, last: first, sum: first }
    }

    /// What a chain of so many links derives.
    pub(super) fn key(&self) -> [u8; 32] {
        let mut out = [0; 32];
        write_words(&self.sum, &mut out);
        out
    }

    /// Adds links by the block function of `sha2`.
    pub(super) fn advance_plainly(&mut self, links: u32) {
        // A digest as the one message block after the pad's, with SHA's own padding behind it.
        let mut block = [[0_u8; 64]];
        block[0][32] = 0x80;
        block[0][56..].copy_from_slice(&(8 * (64_u64 + 32)).to_be_bytes());
        for _ in 0..links {
            for start in [self.inner, self.outer] {
                write_words(&self.last, &mut block[0][..32]);
                self.last = start;
                sha2::block_api::compress256(&mut self.last, &block);
            }
            for (sum, word) in self.sum.iter_mut().zip(self.last) {
                *sum ^= word;
            }
        }
        block.zeroize();
    }
}

impl Drop for Chain {
    fn drop(&mut self) {
        for words in [&mut self.inner, &mut self.outer, &mut self.last, &mut self.sum] {
            words.zeroize();
        }
    }
}

/// Adds `links` to each chain, side by side as far as the processor can.
pub(super) fn advance(mut chains: &mut [&mut Chain], links: u32) {
    while !chains.is_empty() {
        #[cfg(target_arch = "x86_64")]
        let done = super::x86::advance(chains, links);
        #[cfg(not(target_arch = "x86_64"))]
        let done = 0;
        if done == 0 {
            chains[0].advance_plainly(links);
        }
        chains = &mut chains[done.max(1)..];
    }
}

/// How many of `ready` chains to run side by side for the least work each.
pub(super) fn batch_size(ready: usize) -> usize {
    #[cfg(target_arch = "x86_64")]
    let widest = super::x86::batch_size(ready);
    #[cfg(not(target_arch = "x86_64"))]
    let widest = 1;
    ready.min(widest)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn ours(jobs: &[(Vec<u8>, Vec<u8>)], iterations: u32) -> Vec<[u8; 32]> {
        let mut chains: Vec<_> = jobs.iter().map(|(password, salt)| Chain::start(password, salt)).collect();
        advance(&mut chains.iter_mut().collect::<Vec<_>>(), iterations - 1);
        chains.iter().map(Chain::key).collect()
    }

    fn theirs(jobs: &[(Vec<u8>, Vec<u8>)], iterations: u32) -> Vec<[u8; 32]> {
        let derive =
            |(password, salt): &(Vec<u8>, Vec<u8>)| pbkdf2::pbkdf2_hmac_array::<Sha256, 32>(password, salt, iterations);
        jobs.iter().map(derive).collect()
    }

    /// A30: the `pbkdf2` crate's keys, for every length of password around a block, and salts and counts beside it.
    #[test]
    fn every_length_gives_the_crates_keys() {
        let text = |len: usize, from: u8| (from..=u8::MAX).cycle().take(len).collect::<Vec<u8>>();
        for len in 0..=200 {
            let jobs: Vec<_> = [0, 1, 22, 51, 52, 64, 119, 200].map(|salt| (text(len, 7), text(salt, 33))).into();
            for iterations in [1, 2, 3, 10] {
                assert_eq!(ours(&jobs, iterations), theirs(&jobs, iterations), "{len} bytes, {iterations}");
            }
        }
    }

    /// As many at a time as any kernel takes, and some more.
    #[test]
    fn every_number_at_a_time_gives_the_crates_keys() {
        for jobs in 0..=37_u8 {
            let jobs: Vec<_> = (0..jobs).map(|n| (vec![n; usize::from(n)], vec![!n; 22])).collect();
            for iterations in [1, 2, 101] {
                assert_eq!(ours(&jobs, iterations), theirs(&jobs, iterations), "{}", jobs.len());
            }
        }
    }

    #[test]
    fn a_batch_has_what_is_ready_and_no_more() {
        assert_eq!(batch_size(0), 0);
        assert_eq!(batch_size(1), 1);
        for ready in 2..100 {
            assert!((1..=ready).contains(&batch_size(ready)));
            assert!(batch_size(ready) >= batch_size(ready - 1));
        }
    }

    proptest! {
        #[test]
        fn random_jobs_give_the_crates_keys(
            jobs in proptest::collection::vec((proptest::collection::vec(any::<u8>(), 0..200), any::<Vec<u8>>()), 1..20),
            iterations in 1_u32..50,
        ) {
            prop_assert_eq!(ours(&jobs, iterations), theirs(&jobs, iterations));
        }
    }
}
