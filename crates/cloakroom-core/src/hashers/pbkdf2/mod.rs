//! `pbkdf2_sha256` and `pbkdf2_sha1` (A30, A31).
//!
//! Each iteration costs two compressions: the states after the key's inner and outer pad are computed once, and the
//! block that carries a digest keeps its padding (D9). Of SHA-256, several derivations run side by side: [`derivation`].

mod chain;
mod derivation;
#[cfg(target_arch = "x86_64")]
mod x86;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha1::{Digest, Sha1};
use zeroize::Zeroize;

pub use self::derivation::Derivation;
pub(super) use self::derivation::Plan;
use super::algorithm::Algorithm;
use super::check_salt;
use super::decoded::{Decoded, Field, Number};
use super::error::HashError;
use crate::secret::ct_eq;

/// The most iterations that are worth an answer: more than six times Django's 1.5 million (A14).
pub(super) const MAX_ITERATIONS: u32 = 10_000_000;

const TOO_COSTLY: HashError = HashError::TooCostly("PBKDF2 iterations");

pub(super) struct Parts<'a> {
    pub(super) iterations: Number,
    pub(super) salt: &'a str,
    hash: &'a str,
}

impl<'a> Parts<'a> {
    pub(super) fn parse(encoded: &'a str) -> Result<Self, HashError> {
        let mut parts = encoded.splitn(4, '$').skip(1);
        let (Some(iterations), Some(salt), Some(hash)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(HashError::Malformed("PBKDF2 has four parts"));
        };
        let iterations = Number::parse(iterations).ok_or(HashError::Malformed("iterations"))?;
        Ok(Self { iterations, salt, hash })
    }

    pub(super) fn decoded(self, algorithm: Algorithm) -> Decoded {
        Decoded::new(
            algorithm,
            vec![
                ("iterations", Field::Number(self.iterations)),
                ("salt", Field::Text(self.salt.to_owned())),
                ("hash", Field::Text(self.hash.to_owned())),
            ],
        )
    }
}

pub(super) fn encode(algorithm: Algorithm, password: &[u8], salt: &str, iterations: u32) -> Result<String, HashError> {
    check(salt, iterations)?;
    match algorithm {
        Algorithm::Pbkdf2Sha1 => {
            Ok(text(algorithm, salt, iterations, &pbkdf2_sha1(password, salt.as_bytes(), iterations)))
        }
        _ => {
            let mut derivation = plan(salt, iterations, 0)?.start(password);
            Derivation::run_all(&mut [&mut derivation]);
            encode_derived(salt, iterations, &derivation)
        }
    }
}

/// What [`encode`] writes, of a derivation that is through.
pub(super) fn encode_derived(salt: &str, iterations: u32, derivation: &Derivation) -> Result<String, HashError> {
    let key = derivation.key().ok_or(HashError::Malformed("the derivation is not through"))?;
    Ok(text(Algorithm::Pbkdf2Sha256, salt, iterations, key))
}

/// How a new SHA-256 hash, or the check of an old one, is derived; for as many iterations as `at_least`.
pub(super) fn plan(salt: &str, iterations: u32, at_least: u32) -> Result<Plan, HashError> {
    check(salt, iterations)?;
    Plan::new(salt, iterations, at_least).ok_or(TOO_COSTLY)
}

/// The salt and the iterations of `encoded`, fit for use. `default` is the hasher's own count.
pub(super) fn costs(encoded: &str, default: u32) -> Result<(&str, u32), HashError> {
    let parts = Parts::parse(encoded)?;
    check_salt(parts.salt)?;
    let iterations = match parts.iterations.to_i64() {
        // Python's `or`: no iterations means the default count.
        Some(0) => default,
        Some(n) if n < 0 => return Err(HashError::Malformed("iterations below zero")),
        Some(n) => u32::try_from(n).map_err(|_| HashError::OutOfRange)?,
        None => return Err(HashError::OutOfRange),
    };
    Ok((parts.salt, iterations))
}

/// Compares the whole text, so that an iteration count in another spelling never matches (A41).
pub(super) fn verify(algorithm: Algorithm, password: &[u8], encoded: &str, default: u32) -> Result<bool, HashError> {
    let (salt, iterations) = costs(encoded, default)?;
    let ours = encode(algorithm, password, salt, iterations)?;
    Ok(ct_eq(ours.as_bytes(), encoded.as_bytes()))
}

/// As [`verify`], by a derivation that is through.
pub(super) fn verify_derived(encoded: &str, default: u32, derivation: &Derivation) -> Result<bool, HashError> {
    let (salt, iterations) = costs(encoded, default)?;
    let ours = encode_derived(salt, iterations, derivation)?;
    Ok(ct_eq(ours.as_bytes(), encoded.as_bytes()))
}

fn check(salt: &str, iterations: u32) -> Result<(), HashError> {
    check_salt(salt)?;
    if iterations > MAX_ITERATIONS { Err(TOO_COSTLY) } else { Ok(()) }
}

fn text(algorithm: Algorithm, salt: &str, iterations: u32, key: &[u8]) -> String {
    format!("{}${iterations}${salt}${}", algorithm.name(), STANDARD.encode(key))
}

fn pbkdf2_sha1(password: &[u8], salt: &[u8], iterations: u32) -> [u8; 20] {
    const INIT: [u32; 5] = [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476, 0xc3d2_e1f0];
    let mut key = block_key(password, |long| Sha1::digest(long).to_vec());
    let padded = |pad: u8| {
        let mut state = INIT;
        sha1::block_api::compress(&mut state, &[key.map(|b| b ^ pad)]);
        state
    };
    let (inner, outer) = (padded(0x36), padded(0x5c));
    let mut mac = <Hmac<Sha1> as KeyInit>::new_from_slice(&key).expect("HMAC takes keys of any length");
    key.zeroize();
    mac.update(salt);
    mac.update(&1_u32.to_be_bytes());

    // A digest as the one message block after the pad's, with SHA's own padding behind it.
    let mut block = [[0_u8; 64]];
    block[0][..20].copy_from_slice(&mac.finalize().into_bytes());
    block[0][20] = 0x80;
    block[0][56..].copy_from_slice(&(8 * (64_u64 + 20)).to_be_bytes());
    let mut sum = read_words::<5>(&block[0]);
    for _ in 1..iterations {
        for mut state in [inner, outer] {
            sha1::block_api::compress(&mut state, &block);
            write_words(&state, &mut block[0][..20]);
        }
        for (s, u) in sum.iter_mut().zip(read_words::<5>(&block[0])) {
            *s ^= u;
        }
    }
    block.zeroize();
    let mut out = [0; 20];
    write_words(&sum, &mut out);
    out
}

/// HMAC's key, filled up to a block; a longer one is hashed first (RFC 2104).
fn block_key(password: &[u8], hash: impl Fn(&[u8]) -> Vec<u8>) -> [u8; 64] {
    let mut key = [0; 64];
    if password.len() > key.len() {
        let mut digest = hash(password);
        key[..digest.len()].copy_from_slice(&digest);
        digest.zeroize();
    } else {
        key[..password.len()].copy_from_slice(password);
    }
    key
}

#[inline]
fn write_words(words: &[u32], out: &mut [u8]) {
    for (bytes, word) in out.chunks_exact_mut(4).zip(words) {
        bytes.copy_from_slice(&word.to_be_bytes());
    }
}

fn read_words<const N: usize>(bytes: &[u8]) -> [u32; N] {
    let mut words = [0; N];
    for (word, b) in words.iter_mut().zip(bytes.chunks_exact(4)) {
        *word = u32::from_be_bytes([b[0], b[1], b[2], b[3]]);
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pbkdf2_sha256(password: &[u8], salt: &[u8], iterations: u32) -> [u8; 32] {
        let salt = std::str::from_utf8(salt).unwrap();
        let mut derivation = Plan::new(salt, iterations, 0).unwrap().start(password);
        Derivation::run_all(&mut [&mut derivation]);
        *derivation.key().unwrap()
    }

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|b| format!("{b:02x}")).collect()
    }

    /// RFC 6070, cases 1 to 3.
    #[test]
    fn sha1_gives_the_published_keys() {
        let key = |n| hex(&pbkdf2_sha1(b"password", b"salt", n));
        assert_eq!(key(1), "0c60c80f961f0e71f3a9b524af6012062fe037a6");
        assert_eq!(key(2), "ea6c014dc72d6f8ccd1ed92ace1d41f0d8de8957");
        assert_eq!(key(4096), "4b007901b765489abead49d926f721d065a429c1");
    }

    /// RFC 7914, section 11, and a key of more than one block.
    #[test]
    fn sha256_gives_the_published_keys() {
        assert_eq!(
            hex(&pbkdf2_sha256(b"passwd", b"salt", 1)),
            "55ac046e56e3089fec1691c22544b605f94185216dde0465e68b9d57c20dacbc"
        );
        assert_eq!(
            hex(&pbkdf2_sha256(b"Password", b"NaCl", 80_000)),
            "4ddcd8f60b98be21830cee5ef22701f9641a4418d04c0414aeff08876b34ab56"
        );
    }

    /// A02: every byte of a long password counts.
    #[test]
    fn long_passwords_differ() {
        for len in [64, 65, 72, 256, 1000] {
            let (a, b) = ([vec![b'x'; len], vec![b'a']].concat(), [vec![b'x'; len], vec![b'b']].concat());
            assert_ne!(pbkdf2_sha256(&a, b"salt", 2), pbkdf2_sha256(&b, b"salt", 2));
        }
    }
}
