//! The hash in the session that ties it to the user's password (A72–A74).

use crate::crypto::{Algorithm, MacKey, hex};
use crate::models::EncodedHash;
use crate::secret::{SecretKey, SecretKeys, ct_eq};

const KEY_SALT: &[u8] = b"django.contrib.auth.models.AbstractBaseUser.get_session_auth_hash";

/// How the hash stored in a session compares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum AuthHashMatch {
    /// It is the hash under the current key.
    Current,
    /// It is the hash under this fallback key: Django re-keys the session and stores the current hash (A73).
    Fallback(usize),
    /// The password changed, or the key did and is no fallback: the session ends (A71, A74).
    Mismatch,
}

/// Returns the hash that `login` stores under `_auth_user_hash`: 64 hexadecimal digits over the password column as it is
/// stored (A72, G23).
#[must_use]
pub fn session_auth_hash(password: &EncodedHash, key: &SecretKey) -> String {
    hash(&derive(key), password)
}

/// The keys of the hash, derived from the secret keys once: each request of somebody who is signed in needs them.
///
/// ```
/// use cloakroom_core::auth_hash::{AuthHashKeys, AuthHashMatch, session_auth_hash};
/// use cloakroom_core::models::EncodedHash;
/// use cloakroom_core::secret::{SecretKey, SecretKeys};
///
/// let key = SecretKey::new("a secret").unwrap();
/// let password = EncodedHash::new("pbkdf2_sha256$1$salt$hash");
/// let stored = session_auth_hash(&password, &key);
/// let keys = AuthHashKeys::new(&SecretKeys::new(key, Vec::new()));
/// assert_eq!(keys.verify(&password, &stored), AuthHashMatch::Current);
/// ```
#[derive(Clone, Debug)]
pub struct AuthHashKeys(Vec<MacKey>);

impl AuthHashKeys {
    /// Derives them, for the current key and its fallbacks.
    #[must_use]
    pub fn new(keys: &SecretKeys) -> Self {
        Self(keys.iter().map(derive).collect())
    }

    /// Compares the stored hash with the one under each key, in constant time.
    pub fn verify(&self, password: &EncodedHash, stored: &str) -> AuthHashMatch {
        match self.0.iter().position(|key| ct_eq(hash(key, password).as_bytes(), stored.as_bytes())) {
            Some(0) => AuthHashMatch::Current,
            Some(n) => AuthHashMatch::Fallback(n - 1),
            None => AuthHashMatch::Mismatch,
        }
    }
}

fn derive(key: &SecretKey) -> MacKey {
    MacKey::derive(KEY_SALT, key.expose(), Algorithm::Sha256)
}

fn hash(key: &MacKey, password: &EncodedHash) -> String {
    hex(&key.mac(&[password.expose().as_bytes()]))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A73, A74.
    #[test]
    fn a_session_survives_a_new_key_but_not_a_new_password() {
        let [old, new] = ["old", "new"].map(|k| SecretKey::new(k).unwrap());
        let password = EncodedHash::new("pbkdf2_sha256$1$a$b");
        let stored = session_auth_hash(&password, &old);
        let keys = |current: &SecretKey, fallbacks| AuthHashKeys::new(&SecretKeys::new(current.clone(), fallbacks));
        let rotated = keys(&new, vec![new.clone(), old.clone()]);
        assert_eq!(keys(&old, Vec::new()).verify(&password, &stored), AuthHashMatch::Current);
        assert_eq!(rotated.verify(&password, &stored), AuthHashMatch::Fallback(1));
        assert_eq!(rotated.verify(&EncodedHash::new("other"), &stored), AuthHashMatch::Mismatch);
        assert_eq!(keys(&new, Vec::new()).verify(&password, &stored), AuthHashMatch::Mismatch);
        assert_eq!(format!("{rotated:?}").matches("MacKey(***)").count(), 3);
    }
}
