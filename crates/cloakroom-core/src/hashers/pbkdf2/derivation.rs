//! A PBKDF2-SHA256 derivation that can run beside others: [`Derivation`].

use std::fmt;

use zeroize::Zeroize;

use super::MAX_ITERATIONS;
use super::chain::{self, Chain};

/// What a derivation is to do, before any work on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::hashers) struct Plan {
    pub(in crate::hashers) salt: String,
    /// Iterations after which the key is taken.
    pub(in crate::hashers) iterations: u32,
    /// Iterations in all: what is beyond the key takes time, so that a cheap hash is not told by it (A43).
    pub(in crate::hashers) whole: u32,
}

impl Plan {
    /// `None` where the count is beyond what is worth an answer (A14).
    pub(in crate::hashers) fn new(salt: &str, iterations: u32, at_least: u32) -> Option<Self> {
        let at_least = if at_least <= MAX_ITERATIONS { at_least } else { 0 };
        let whole = iterations.max(at_least);
        (iterations <= MAX_ITERATIONS).then(|| Self { salt: salt.to_owned(), iterations, whole })
    }

    pub(in crate::hashers) fn start(&self, password: &[u8]) -> Derivation {
        let chain = Chain::start(password, self.salt.as_bytes());
        let mut new = Derivation { chain, done: 1, key_at: self.iterations.max(1), whole: self.whole, key: None };
        new.take_key();
        new
    }
}

/// A PBKDF2-SHA256 derivation under way. Several that are run together cost each less than one alone (D9).
pub struct Derivation {
    chain: Chain,
    done: u32,
    key_at: u32,
    whole: u32,
    key: Option<[u8; 32]>,
}

impl Derivation {
    /// How many of `ready` derivations to run together, for the least work each on this processor.
    #[must_use]
    pub fn batch_size(ready: usize) -> usize {
        chain::batch_size(ready)
    }

    /// Brings each to its end. Their counts may differ; the longer ones go on when the shorter ones are through.
    pub fn run_all(batch: &mut [&mut Self]) {
        while let Some(links) = batch.iter().filter_map(|d| d.to_next_stop()).min() {
            let mut chains: Vec<_> =
                batch.iter_mut().filter(|d| d.to_next_stop().is_some()).map(|d| d.step(links)).collect();
            chain::advance(&mut chains, links);
            for derivation in &mut *batch {
                derivation.take_key();
            }
        }
    }

    /// The key, once it is there.
    pub(in crate::hashers) const fn key(&self) -> Option<&[u8; 32]> {
        self.key.as_ref()
    }

    /// Links until the key is to be taken, or until the end.
    fn to_next_stop(&self) -> Option<u32> {
        let stop = if self.done < self.key_at { self.key_at } else { self.whole };
        stop.checked_sub(self.done).filter(|left| *left > 0)
    }

    fn step(&mut self, links: u32) -> &mut Chain {
        self.done += links;
        &mut self.chain
    }

    fn take_key(&mut self) {
        if self.done == self.key_at && self.key.is_none() {
            self.key = Some(self.chain.key());
        }
    }
}

impl Drop for Derivation {
    fn drop(&mut self) {
        self.key.zeroize();
    }
}

impl fmt::Debug for Derivation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Derivation").field("done", &self.done).field("whole", &self.whole).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use sha2::Sha256;

    use super::*;

    /// D9, A43: derivations of other counts, and with time beyond their key, do not disturb one another.
    #[test]
    fn counts_may_differ() {
        let counts = [(1, 1), (1, 9), (2, 0), (10, 10), (10, 100), (99, 100), (100, 100), (250, 3), (7, 7), (64, 65)];
        for taken in 1..=counts.len() {
            let mut batch: Vec<_> = counts[..taken]
                .iter()
                .enumerate()
                .map(|(n, (iterations, at_least))| {
                    Plan::new(&format!("salt{n}"), *iterations, *at_least).unwrap().start(&[n as u8; 70])
                })
                .collect();
            Derivation::run_all(&mut batch.iter_mut().collect::<Vec<_>>());
            for (n, (derivation, (iterations, at_least))) in batch.iter().zip(counts).enumerate() {
                let salt = format!("salt{n}");
                let theirs = pbkdf2::pbkdf2_hmac_array::<Sha256, 32>(&[n as u8; 70], salt.as_bytes(), iterations);
                assert_eq!(derivation.key(), Some(&theirs), "{n} of {taken}");
                assert_eq!(derivation.done, iterations.max(at_least));
            }
        }
    }

    /// A14: too many iterations are no plan, whoever asks for them.
    #[test]
    fn plans_have_a_limit() {
        assert_eq!(Plan::new("salt", MAX_ITERATIONS + 1, 0), None);
        assert_eq!(Plan::new("salt", 5, MAX_ITERATIONS + 1).unwrap().whole, 5);
    }

    /// L03: neither key nor state is printed.
    #[test]
    fn a_derivation_does_not_print_its_key() {
        let derivation = Plan::new("salt", 1, 0).unwrap().start(b"canary");
        assert!(derivation.key().is_some());
        assert_eq!(format!("{derivation:?}"), "Derivation { done: 1, whole: 1, .. }");
    }
}
