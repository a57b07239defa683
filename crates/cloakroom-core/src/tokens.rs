//! Password reset links: the token, and the user's key in the path (A90–A94).

use crate::clock::Timestamp;
use crate::crypto::{Algorithm, hex, salted_hmac};
use crate::models::{EncodedHash, User};
use crate::pyint::PyInt;
use crate::secret::{SecretKey, SecretKeys, ct_eq};
use crate::signing::{b64_decode_lenient, b64_encode};

const KEY_SALT: &[u8] = b"django.contrib.auth.tokens.PasswordResetTokenGenerator";

/// 2001-01-01T00:00:00, from which tokens count.
const BASE: Timestamp = Timestamp::from_secs(978_307_200);

/// The most base 36 digits that Django reads (R49).
pub const MAX_BASE36_DIGITS: usize = 13;

/// What a token covers: it dies when any of this changes (A92).
#[derive(Clone, Debug)]
pub struct TokenUser<'a> {
    /// The primary key as text.
    pub pk: String,
    /// The password column.
    pub password: &'a EncodedHash,
    /// When the user last signed in, as the database has it: in UTC (G25).
    pub last_login: Option<Timestamp>,
    /// The e-mail address, empty where there is none.
    pub email: &'a str,
}

impl<'a> From<&'a User> for TokenUser<'a> {
    fn from(user: &'a User) -> Self {
        Self { pk: user.id.to_string(), password: &user.password, last_login: user.last_login, email: &user.email }
    }
}

/// The wall clock of the site, on which tokens are timed: what `datetime.now()` gives with its `TIME_ZONE` (G24).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LocalTime {
    /// The present moment.
    pub now: Timestamp,
    /// What the site's zone adds to UTC at that moment.
    pub utc_offset_secs: i32,
}

impl LocalTime {
    /// The wall clock of a site in UTC.
    #[must_use]
    pub const fn utc(now: Timestamp) -> Self {
        Self { now, utc_offset_secs: 0 }
    }

    /// Whole seconds since 2001 on that clock, cut toward zero.
    const fn secs_since_2001(self) -> i64 {
        (self.now.as_micros() - BASE.as_micros() + self.utc_offset_secs as i64 * 1_000_000) / 1_000_000
    }
}

/// What a token is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
#[non_exhaustive]
pub enum TokenCheck {
    /// It opens the form.
    Valid {
        /// The place in [`SecretKeys::iter`] of the key that it was made with: 0 is the key that signs.
        key: usize,
    },
    /// It has not the form of a token.
    Malformed,
    /// It was made for other facts, or with another key.
    Mismatch,
    /// It is genuine and older than the timeout.
    Expired,
}

impl TokenCheck {
    /// Whether the token opens the form.
    #[must_use]
    pub const fn is_valid(self) -> bool {
        matches!(self, Self::Valid { .. })
    }
}

/// Makes a token for a password reset (A90).
///
/// `None` when the clock stands before 2001, where Django raises `ValueError`.
///
/// ```
/// use cloakroom_core::clock::Timestamp;
/// use cloakroom_core::models::EncodedHash;
/// use cloakroom_core::secret::{SecretKey, SecretKeys};
/// use cloakroom_core::tokens::{LocalTime, TokenUser, check_token, make_token};
///
/// let keys = SecretKeys::new(SecretKey::new("a long secret").expect("it is not empty"), Vec::new());
/// let password = EncodedHash::new("pbkdf2_sha256$…");
/// let user = TokenUser { pk: "1".into(), password: &password, last_login: None, email: "a@example.com" };
/// let now = LocalTime::utc(Timestamp::from_secs(1_767_323_045));
/// let token = make_token(&user, keys.current(), now).expect("it is after 2001");
/// assert!(token.starts_with("d1rcit-"));
/// assert!(check_token(&user, &token, &keys, now, 259_200).is_valid());
/// ```
#[must_use]
pub fn make_token(user: &TokenUser<'_>, key: &SecretKey, at: LocalTime) -> Option<String> {
    token_at(user, at.secs_since_2001().into(), key)
}

/// Checks a token against the user's present facts, under each key in order (A91).
///
/// The age may be exactly `timeout_secs` (`PASSWORD_RESET_TIMEOUT`); a token of the future passes.
pub fn check_token(
    user: &TokenUser<'_>,
    token: &str,
    keys: &SecretKeys,
    at: LocalTime,
    timeout_secs: i64,
) -> TokenCheck {
    let Some((stamp, rest)) = token.split_once('-') else { return TokenCheck::Malformed };
    if rest.contains('-') {
        return TokenCheck::Malformed;
    }
    let Some(stamp) = base36_decode(stamp) else { return TokenCheck::Malformed };
    let matches = |key: &SecretKey| {
        // The whole token is compared: upper case and leading zeros fail.
        token_at(user, stamp, key).is_some_and(|genuine| ct_eq(genuine.as_bytes(), token.as_bytes()))
    };
    let Some(key) = keys.iter().position(matches) else { return TokenCheck::Mismatch };
    if i128::from(at.secs_since_2001()) - stamp > timeout_secs.into() {
        return TokenCheck::Expired;
    }
    TokenCheck::Valid { key }
}

fn token_at(user: &TokenUser<'_>, stamp: i128, key: &SecretKey) -> Option<String> {
    let stamp36 = base36_encode(stamp)?;
    let last_login = user.last_login.map_or_else(String::new, |t| Timestamp::from_secs(t.as_secs()).to_sqlite_text());
    let TokenUser { pk, password, email, .. } = user;
    let facts = format!("{pk}{}{last_login}{stamp}{email}", password.expose());
    let digits = hex(&salted_hmac(KEY_SALT, facts.as_bytes(), key.expose(), Algorithm::Sha256));
    let every_second: String = digits.chars().step_by(2).collect();
    Some(format!("{stamp36}-{every_second}"))
}

/// Writes a number in base 36, lower case; `None` for a negative one, where Django raises `ValueError` (A94).
#[must_use]
pub fn base36_encode(n: i128) -> Option<String> {
    if n < 0 {
        return None;
    }
    let mut rest = n.unsigned_abs();
    let mut digits = Vec::new();
    loop {
        // The remainder is below 36.
        digits.push(char::from_digit((rest % 36) as u32, 36)?);
        rest /= 36;
        if rest == 0 {
            return Some(digits.into_iter().rev().collect());
        }
    }
}

/// Reads a base 36 number of at most 13 characters as Python's `int(text, 36)` does (A94).
#[must_use]
pub fn base36_decode(text: &str) -> Option<i128> {
    if text.chars().nth(MAX_BASE36_DIGITS).is_some() {
        return None;
    }
    PyInt::parse(text, 36)?.to_i128()
}

/// Why the user's part of a reset link names nobody. All look the same to the visitor (A93).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UidError {
    /// Python's `ValueError`.
    #[error("the user's part of the link is no base64")]
    Base64,
    /// Python's `UnicodeDecodeError`.
    #[error("the user's part of the link is no text")]
    Utf8,
    /// Django's `ValidationError`.
    #[error("the user's part of the link is no integer")]
    NoInteger,
}

/// Writes a primary key's text for a link (A93).
#[must_use]
pub fn uid_encode(pk: &str) -> String {
    b64_encode(pk.as_bytes())
}

/// Reads the text of a primary key out of a link, as leniently as Django (A93).
///
/// # Errors
///
/// [`UidError::Base64`] and [`UidError::Utf8`].
pub fn uid_decode(uidb64: &str) -> Result<String, UidError> {
    // Django pads by the length's remainder itself, not by what is missing to four.
    let bytes = b64_decode_lenient(uidb64.as_bytes(), uidb64.len() % 4).map_err(|_| UidError::Base64)?;
    String::from_utf8(bytes).map_err(|_| UidError::Utf8)
}

/// Reads an integer primary key out of a link. It may be out of the column's range: [`PyInt::to_i64`] tells.
///
/// # Errors
///
/// As [`uid_decode`], and [`UidError::NoInteger`].
pub fn uid_decode_int(uidb64: &str) -> Result<PyInt, UidError> {
    PyInt::parse(&uid_decode(uidb64)?, 10).ok_or(UidError::NoInteger)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// G24: a site's zone shifts the stamp, and with it the age.
    #[test]
    fn the_zone_of_the_site_counts() {
        let now = Timestamp::from_secs(1_767_323_045);
        let chicago = LocalTime { now, utc_offset_secs: -6 * 3600 };
        let key = SecretKey::new("key").unwrap();
        let keys = SecretKeys::new(key, Vec::new());
        let password = EncodedHash::new("x");
        let user = TokenUser { pk: "1".into(), password: &password, last_login: None, email: "" };
        let token = make_token(&user, keys.current(), chicago).unwrap();
        assert_eq!(check_token(&user, &token, &keys, chicago, 0), TokenCheck::Valid { key: 0 });
        assert_eq!(check_token(&user, &token, &keys, LocalTime::utc(now), 21_599), TokenCheck::Expired);
        assert_eq!(check_token(&user, &token, &keys, LocalTime::utc(now), 21_600), TokenCheck::Valid { key: 0 });
    }

    /// A91: other spellings of the stamp do not pass.
    #[test]
    fn the_whole_token_is_compared() {
        let keys = SecretKeys::new(SecretKey::new("key").unwrap(), Vec::new());
        let password = EncodedHash::new("x");
        let user = TokenUser { pk: "1".into(), password: &password, last_login: None, email: "" };
        let now = LocalTime::utc(Timestamp::from_secs(1_767_323_045));
        let token = make_token(&user, keys.current(), now).unwrap();
        for other in [token.to_uppercase(), format!("0{token}"), format!(" {token}")] {
            assert_eq!(check_token(&user, &other, &keys, now, 60), TokenCheck::Mismatch, "{other}");
        }
        for bad in ["", "-", "a", "--", "a-b-c", "!-x"] {
            assert_eq!(check_token(&user, bad, &keys, now, 60), TokenCheck::Malformed, "{bad}");
        }
    }
}
