//! The hash in the session that ties it to the user's password (A72–A74).

use crate::crypto::{Algorithm, hex, salted_hmac};
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
    hex(&salted_hmac(KEY_SALT, password.expose().as_bytes(), key.expose(), Algorithm::Sha256))
}

/// Compares the stored hash with the one under each key, in constant time.
pub fn verify(keys: &SecretKeys, password: &EncodedHash, stored: &str) -> AuthHashMatch {
    let matches = |key: &SecretKey| ct_eq(session_auth_hash(password, key).as_bytes(), stored.as_bytes());
    match keys.iter().position(matches) {
        Some(0) => AuthHashMatch::Current,
        Some(n) => AuthHashMatch::Fallback(n - 1),
        None => AuthHashMatch::Mismatch,
    }
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
        let rotated = SecretKeys::new(new.clone(), vec![new.clone(), old.clone()]);
        assert_eq!(verify(&SecretKeys::new(old, Vec::new()), &password, &stored), AuthHashMatch::Current);
        assert_eq!(verify(&rotated, &password, &stored), AuthHashMatch::Fallback(1));
        assert_eq!(verify(&rotated, &EncodedHash::new("other"), &stored), AuthHashMatch::Mismatch);
        assert_eq!(verify(&SecretKeys::new(new, Vec::new()), &password, &stored), AuthHashMatch::Mismatch);
    }
}
