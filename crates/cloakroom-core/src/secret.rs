//! Secrets that do not leak by accident: [`Secret`], the site's [`SecretKeys`], comparison in constant time.

use std::fmt;

use subtle::ConstantTimeEq;
use zeroize::Zeroize;

/// A value that prints as `***`, has no `==`, and is wiped when dropped. [`expose`](Self::expose) is the only way in.
///
/// ```
/// use cloakroom_core::secret::Secret;
///
/// let s = Secret::new(String::from("hunter2"));
/// assert_eq!(format!("{s:?}"), "***");
/// assert_eq!(s.expose(), "hunter2");
/// ```
#[derive(Clone)]
pub struct Secret<T: Zeroize>(T);

impl<T: Zeroize> Secret<T> {
    /// Wraps a value.
    pub const fn new(value: T) -> Self {
        Self(value)
    }

    /// Shows the value.
    pub const fn expose(&self) -> &T {
        &self.0
    }
}

impl<T: Zeroize> Drop for Secret<T> {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl<T: Zeroize> fmt::Debug for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl<T: Zeroize> From<T> for Secret<T> {
    fn from(value: T) -> Self {
        Self(value)
    }
}

/// One `SECRET_KEY`: its UTF-8 bytes. Never empty.
#[derive(Clone)]
pub struct SecretKey(Secret<Vec<u8>>);

impl SecretKey {
    /// Makes a key of any length; `None` for an empty one (K30).
    #[must_use]
    pub fn new(bytes: impl Into<Vec<u8>>) -> Option<Self> {
        let bytes = bytes.into();
        (!bytes.is_empty()).then(|| Self(Secret::new(bytes)))
    }

    /// The key's bytes.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        self.0.expose()
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// `SECRET_KEY` and `SECRET_KEY_FALLBACKS`: the first signs, all verify, in this order (K30, D10).
#[derive(Clone, Debug)]
pub struct SecretKeys {
    current: SecretKey,
    fallbacks: Vec<SecretKey>,
}

impl SecretKeys {
    /// Keys where `current` signs and `fallbacks` only verify.
    #[must_use]
    pub const fn new(current: SecretKey, fallbacks: Vec<SecretKey>) -> Self {
        Self { current, fallbacks }
    }

    /// The key that signs.
    #[must_use]
    pub const fn current(&self) -> &SecretKey {
        &self.current
    }

    /// The keys that only verify.
    #[must_use]
    pub fn fallbacks(&self) -> &[SecretKey] {
        &self.fallbacks
    }

    /// All keys, the signing one first.
    pub fn iter(&self) -> impl Iterator<Item = &SecretKey> {
        std::iter::once(&self.current).chain(&self.fallbacks)
    }
}

/// Compares two byte strings in time that depends on their lengths alone (K27, A15).
#[must_use]
pub fn ct_eq(a: &[u8], b: &[u8]) -> bool {
    a.ct_eq(b).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// L03, T03: a key is nowhere in a debug print.
    #[test]
    fn secrets_do_not_print() {
        let keys = SecretKeys::new(SecretKey::new("canary").unwrap(), vec![SecretKey::new("older-canary").unwrap()]);
        assert!(!format!("{keys:?}").contains("canary"));
    }
}
