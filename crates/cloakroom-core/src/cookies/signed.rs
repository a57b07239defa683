//! Signed cookies: Django's `set_signed_cookie` and `get_signed_cookie` (K40–K42).

use crate::clock::Timestamp;
use crate::secret::SecretKeys;
use crate::signing::{MaxAge, SigningError, TimestampSigner, Unsigned, cookie_keys};

/// Signs the values of cookies, bound to the cookie's name and a salt.
///
/// ```
/// use cloakroom_core::clock::Timestamp;
/// use cloakroom_core::cookies::{CookieSigner, LegacySalt};
/// use cloakroom_core::secret::{SecretKey, SecretKeys};
///
/// let keys = SecretKeys::new(SecretKey::new("a long secret").unwrap(), Vec::new());
/// let signer = CookieSigner::new(&keys, LegacySalt::Refuse);
/// let now = Timestamp::from_secs(1_767_323_045);
/// let signed = signer.sign("lang", "", "fr", now);
/// assert_eq!(signer.unsign("lang", "", &signed, None, now).unwrap().value, "fr");
/// assert!(signer.unsign("theme", "", &signed, None, now).is_err());
/// ```
#[derive(Clone, Debug)]
pub struct CookieSigner {
    keys: SecretKeys,
    legacy: LegacySalt,
}

/// Whether cookies signed before Django 5.2.15 and 6.0.6 are accepted: `SIGNED_COOKIE_LEGACY_SALT_FALLBACK` (V02, C11).
///
/// Their salt is name and salt joined, so the cookie `ab` with salt `c` can be passed off as `a` with salt `bc`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LegacySalt {
    /// They are not, as in 6.1.
    #[default]
    Refuse,
    /// They are, as in 5.2.
    Accept,
}

impl CookieSigner {
    /// A signer with the site's keys.
    #[must_use]
    pub fn new(keys: &SecretKeys, legacy: LegacySalt) -> Self {
        Self { keys: cookie_keys(keys), legacy }
    }

    /// Returns `value` with the time and a signature (K40).
    #[must_use]
    pub fn sign(&self, name: &str, salt: &str, value: &str, now: Timestamp) -> String {
        self.signer(&bound_salt(name, salt)).sign(value, now)
    }

    /// Returns the value inside a cookie signed at most `max_age` ago (K42).
    ///
    /// # Errors
    ///
    /// As [`TimestampSigner::unsign`].
    pub fn unsign<'a>(
        &self,
        name: &str,
        salt: &str,
        signed: &'a str,
        max_age: Option<MaxAge>,
        now: Timestamp,
    ) -> Result<Unsigned<'a>, SigningError> {
        match self.signer(&bound_salt(name, salt)).unsign(signed, now, max_age) {
            Err(SigningError::NoSignature | SigningError::Mismatch) if self.legacy == LegacySalt::Accept => {
                self.signer(&format!("{name}{salt}")).unsign(signed, now, max_age)
            }
            answer => answer,
        }
    }

    fn signer(&self, salt: &str) -> TimestampSigner {
        TimestampSigner::new(&self.keys, salt)
    }
}

/// The salt of version 2 (K41): the length in front keeps name and salt apart.
fn bound_salt(name: &str, salt: &str) -> String {
    format!("django.http.cookies.v2:{}:{salt}{name}", salt.chars().count())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::SecretKey;

    const NOW: Timestamp = Timestamp::from_secs(1_767_323_045);

    fn keys(current: &str, fallbacks: &[&str]) -> SecretKeys {
        let key = |text: &str| SecretKey::new(text).unwrap();
        SecretKeys::new(key(current), fallbacks.iter().map(|t| key(t)).collect())
    }

    /// C11: name and salt cannot be shifted against each other.
    #[test]
    fn names_and_salts_do_not_collide() {
        let signer = CookieSigner::new(&keys("k", &[]), LegacySalt::Accept);
        let signed = signer.sign("k", "salt", "v", NOW);
        assert_eq!(signer.unsign("ksalt", "", &signed, None, NOW), Err(SigningError::Mismatch));
        assert_eq!(signer.unsign("lt", "ksa", &signed, None, NOW), Err(SigningError::Mismatch));
    }

    /// K40, D10: an older key still verifies, and says that it is older.
    #[test]
    fn fallback_keys_verify() {
        let signed = CookieSigner::new(&keys("old", &[]), LegacySalt::Refuse).sign("k", "", "v", NOW);
        let signer = CookieSigner::new(&keys("new", &["old"]), LegacySalt::Refuse);
        assert_eq!(signer.unsign("k", "", &signed, None, NOW).map(|u| (u.value, u.key)), Ok(("v", 1)));
        let stranger = CookieSigner::new(&keys("new", &[]), LegacySalt::Refuse);
        assert_eq!(stranger.unsign("k", "", &signed, None, NOW), Err(SigningError::Mismatch));
    }
}
