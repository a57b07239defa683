//! Django's keyed hash: HMAC under a key derived from a purpose and the secret (K20).
//!
//! The purpose (`key_salt`) and the secret are joined without a separator, so purposes must be prefix-safe (G46).

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use md5::Md5;
use sha1::Sha1;
use sha2::{Digest, Sha224, Sha256, Sha384, Sha512};

/// The hash inside an HMAC. Only what Django's callers and settings can name is here (T01).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Algorithm {
    /// `md5`, for texts of other software alone (T07).
    Md5,
    /// `sha1`: what Django signed with before 3.1.
    Sha1,
    /// `sha224`.
    Sha224,
    /// `sha256`: what everything signs with.
    #[default]
    Sha256,
    /// `sha384`.
    Sha384,
    /// `sha512`.
    Sha512,
}

impl Algorithm {
    /// The algorithm that Python's `hashlib` has under `name`; `None` is Django's `InvalidAlgorithm`.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "md5" => Self::Md5,
            "sha1" => Self::Sha1,
            "sha224" => Self::Sha224,
            "sha256" => Self::Sha256,
            "sha384" => Self::Sha384,
            "sha512" => Self::Sha512,
            _ => return None,
        })
    }

    /// The name in Python's `hashlib`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Md5 => "md5",
            Self::Sha1 => "sha1",
            Self::Sha224 => "sha224",
            Self::Sha256 => "sha256",
            Self::Sha384 => "sha384",
            Self::Sha512 => "sha512",
        }
    }
}

/// A derived key, ready to authenticate many texts without deriving it again.
#[derive(Clone)]
pub struct MacKey(State);

#[derive(Clone)]
enum State {
    Md5(Hmac<Md5>),
    Sha1(Hmac<Sha1>),
    Sha224(Hmac<Sha224>),
    Sha256(Hmac<Sha256>),
    Sha384(Hmac<Sha384>),
    Sha512(Hmac<Sha512>),
}

fn keyed<D: Digest, M: KeyInit>(key_salt: &[u8], secret: &[u8]) -> M {
    let key = D::new().chain_update(key_salt).chain_update(secret).finalize();
    M::new_from_slice(&key).expect("HMAC takes a key of any length")
}

fn finish<M: Mac>(mut mac: M, parts: &[&[u8]]) -> Vec<u8> {
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().to_vec()
}

impl MacKey {
    /// Derives the key `H(key_salt ‖ secret)` (K20).
    #[must_use]
    pub fn derive(key_salt: &[u8], secret: &[u8], algorithm: Algorithm) -> Self {
        Self(match algorithm {
            Algorithm::Md5 => State::Md5(keyed::<Md5, _>(key_salt, secret)),
            Algorithm::Sha1 => State::Sha1(keyed::<Sha1, _>(key_salt, secret)),
            Algorithm::Sha224 => State::Sha224(keyed::<Sha224, _>(key_salt, secret)),
            Algorithm::Sha256 => State::Sha256(keyed::<Sha256, _>(key_salt, secret)),
            Algorithm::Sha384 => State::Sha384(keyed::<Sha384, _>(key_salt, secret)),
            Algorithm::Sha512 => State::Sha512(keyed::<Sha512, _>(key_salt, secret)),
        })
    }

    /// The HMAC of `parts` joined.
    #[must_use]
    pub fn mac(&self, parts: &[&[u8]]) -> Vec<u8> {
        match &self.0 {
            State::Md5(m) => finish(m.clone(), parts),
            State::Sha1(m) => finish(m.clone(), parts),
            State::Sha224(m) => finish(m.clone(), parts),
            State::Sha256(m) => finish(m.clone(), parts),
            State::Sha384(m) => finish(m.clone(), parts),
            State::Sha512(m) => finish(m.clone(), parts),
        }
    }
}

impl fmt::Debug for MacKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MacKey(***)")
    }
}

/// Returns `HMAC(H(key_salt ‖ secret), value)` (K20). Source: `salted_hmac`, `django/utils/crypto.py`.
///
/// ```
/// use cloakroom_core::crypto::{hex, salted_hmac, Algorithm};
///
/// let mac = salted_hmac(b"", b"", b"", Algorithm::Sha1);
/// assert_eq!(hex(&mac), "43baf8f1307761ba1a5d0a2bd90cd7916573ed2a");
/// ```
#[must_use]
pub fn salted_hmac(key_salt: &[u8], value: &[u8], secret: &[u8], algorithm: Algorithm) -> Vec<u8> {
    MacKey::derive(key_salt, secret, algorithm).mac(&[value])
}

/// Writes bytes as lower-case hexadecimal digits.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut out = String::with_capacity(bytes.len() * 2);
    for &b in bytes {
        out.push(char::from(DIGITS[usize::from(b >> 4)]));
        out.push(char::from(DIGITS[usize::from(b & 15)]));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// G46: the purpose and the secret are joined without a separator.
    #[test]
    fn salt_and_secret_are_joined() {
        let one = salted_hmac(b"ab", b"value", b"c", Algorithm::Sha256);
        assert_eq!(one, salted_hmac(b"a", b"value", b"bc", Algorithm::Sha256));
        assert_ne!(one, salted_hmac(b"a", b"value", b"b", Algorithm::Sha256));
    }

    #[test]
    fn every_algorithm_is_found_by_its_name() {
        use Algorithm::{Md5, Sha1, Sha224, Sha256, Sha384, Sha512};
        for a in [Md5, Sha1, Sha224, Sha256, Sha384, Sha512] {
            assert_eq!(Algorithm::from_name(a.name()), Some(a));
        }
        assert_eq!(Algorithm::from_name("nope"), None);
    }
}
