//! Chance as a parameter: [`Random`], the operating system's generator, and Django's random texts.

use std::fmt;

/// Digits and letters in the order of Django's `RANDOM_STRING_CHARS` (K27): `a-z`, `A-Z`, `0-9`.
pub const ALPHANUMERIC: &[u8; 62] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

/// The alphabet of session keys (S11): `a-z`, `0-9`.
pub const LOWERCASE_ALPHANUMERIC: &[u8; 36] = b"abcdefghijklmnopqrstuvwxyz0123456789";

/// A source of random bytes fit for keys.
pub trait Random: fmt::Debug + Send + Sync + 'static {
    /// Fills `buf` with random bytes.
    ///
    /// # Panics
    ///
    /// When the source fails. Weak keys would be worse than no service (T06).
    fn fill(&self, buf: &mut [u8]);
}

/// The operating system's cryptographic generator.
#[derive(Clone, Copy, Debug, Default)]
pub struct OsRandom;

impl Random for OsRandom {
    #[expect(clippy::disallowed_methods, reason = "the one place where chance is read")]
    fn fill(&self, buf: &mut [u8]) {
        getrandom::fill(buf).expect("the operating system's random source works");
    }
}

/// Returns `len` characters drawn evenly from `alphabet` (K27).
///
/// ```
/// use cloakroom_core::random::{random_string, OsRandom, LOWERCASE_ALPHANUMERIC};
///
/// let key = random_string(&OsRandom, 32, LOWERCASE_ALPHANUMERIC);
/// assert_eq!(key.len(), 32);
/// ```
///
/// # Panics
///
/// When `alphabet` is empty, longer than 256 or not ASCII, or the source fails.
#[must_use]
pub fn random_string(random: &dyn Random, len: usize, alphabet: &[u8]) -> String {
    assert!(!alphabet.is_empty() && alphabet.len() <= 256 && alphabet.is_ascii(), "an ASCII alphabet of 1 to 256");
    // Bytes at or above the largest multiple of the alphabet's size are drawn again, so that none is favoured.
    let limit = 256 - 256 % alphabet.len();
    let mut out = String::with_capacity(len);
    let mut buf = [0_u8; 64];
    while out.len() < len {
        random.fill(&mut buf);
        for &b in &buf {
            if usize::from(b) < limit && out.len() < len {
                out.push(char::from(alphabet[usize::from(b) % alphabet.len()]));
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// S01: even distribution; chi-square with 35 degrees of freedom stays under its 1-in-10^9 bound.
    #[test]
    fn keys_are_drawn_evenly() {
        let text = random_string(&OsRandom, 360_000, LOWERCASE_ALPHANUMERIC);
        let mut counts = [0_f64; 256];
        for b in text.bytes() {
            counts[usize::from(b)] += 1.0;
        }
        let chi: f64 =
            LOWERCASE_ALPHANUMERIC.iter().map(|&b| (counts[usize::from(b)] - 10_000.0).powi(2) / 10_000.0).sum();
        assert!(chi < 110.0, "chi-square {chi}");
    }
}
