//! Secrets and the tokens that hide them: mask, unmask, compare (C10, C11, C14).

use crate::random::{ALPHANUMERIC, Random, random_string};
use crate::secret::{Secret, ct_eq};

/// Characters of a secret.
pub const SECRET_LEN: usize = 32;

/// Characters of a masked token: the mask, then the secret hidden by it.
pub const TOKEN_LEN: usize = 2 * SECRET_LEN;

/// The form field that carries the token.
pub const FORM_FIELD: &str = "csrfmiddlewaretoken";

/// The session key that holds the secret with `CSRF_USE_SESSIONS` (C05).
pub const SESSION_KEY: &str = "_csrftoken";

/// The secret that a browser's tokens prove to know.
///
/// From a cookie or [`new_secret`] it is [`SECRET_LEN`] letters and digits; a session may hold any text (C13), which
/// no token ever matches.
#[derive(Clone, Debug)]
pub struct CsrfSecret(Secret<String>);

impl CsrfSecret {
    /// Takes a stored text as it is.
    #[must_use]
    pub fn from_stored(text: impl Into<String>) -> Self {
        Self(Secret::new(text.into()))
    }

    /// The text, for cookie or session alone.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose()
    }
}

/// Draws a new secret (C10).
#[must_use]
pub fn new_secret(random: &dyn Random) -> CsrfSecret {
    CsrfSecret::from_stored(random_string(random, SECRET_LEN, ALPHANUMERIC))
}

/// Hides a secret under a fresh mask: the token for a page (C10).
///
/// ```
/// use cloakroom_core::csrf::{mask, matches, new_secret};
/// use cloakroom_core::random::OsRandom;
///
/// let secret = new_secret(&OsRandom);
/// let token = mask(&secret, &OsRandom).unwrap();
/// assert_eq!(token.len(), 64);
/// assert!(matches(&token, &secret));
/// ```
///
/// # Errors
///
/// [`UnmaskableSecret`] when a session holds garbage (C13). Django fails with a 500.
pub fn mask(secret: &CsrfSecret, random: &dyn Random) -> Result<String, UnmaskableSecret> {
    mask_with(secret, &random_string(random, SECRET_LEN, ALPHANUMERIC))
}

/// Hides a secret under a given mask. The shorter of both decides how much is hidden, as in Django.
///
/// # Errors
///
/// [`UnmaskableSecret`] when the secret or the mask has a character other than letters and digits.
pub fn mask_with(secret: &CsrfSecret, mask: &str) -> Result<String, UnmaskableSecret> {
    let mut token = String::with_capacity(mask.len() + SECRET_LEN);
    token.push_str(mask);
    for (s, m) in secret.expose().bytes().zip(mask.bytes()) {
        let sum = index(s).ok_or(UnmaskableSecret)? + index(m).ok_or(UnmaskableSecret)?;
        token.push(char::from(ALPHANUMERIC[sum % ALPHANUMERIC.len()]));
    }
    Ok(token)
}

/// Uncovers the secret in a masked token; `None` unless it is [`TOKEN_LEN`] letters and digits (C10).
#[must_use]
pub fn unmask(token: &str) -> Option<CsrfSecret> {
    if token.len() != TOKEN_LEN {
        return None;
    }
    let (mask, cipher) = token.as_bytes().split_at(SECRET_LEN);
    let secret: Option<String> = cipher
        .iter()
        .zip(mask)
        .map(|(&c, &m)| {
            let difference = index(c)? + ALPHANUMERIC.len() - index(m)?;
            Some(char::from(ALPHANUMERIC[difference % ALPHANUMERIC.len()]))
        })
        .collect();
    secret.map(CsrfSecret::from_stored)
}

/// Checks that a token or stored secret has one of the two lengths, and letters and digits only (C11).
///
/// # Errors
///
/// [`FormatError`]; the length is checked first.
pub fn check_format(token: &str) -> Result<(), FormatError> {
    let length = token.chars().take(TOKEN_LEN + 1).count();
    if length != SECRET_LEN && length != TOKEN_LEN {
        Err(FormatError::Length)
    } else if !token.bytes().all(|b| b.is_ascii_alphanumeric()) {
        Err(FormatError::Characters)
    } else {
        Ok(())
    }
}

/// Whether a token, masked or not, proves to know `secret`; compared in constant time (C14).
///
/// A token that fails [`check_format`] never matches.
#[must_use]
pub fn matches(token: &str, secret: &CsrfSecret) -> bool {
    if check_format(token).is_err() {
        return false;
    }
    // Only 64 characters are unmasked: a 32-character token is the secret itself (csrf.py, _does_token_match).
    match unmask(token) {
        Some(unmasked) => ct_eq(unmasked.expose().as_bytes(), secret.expose().as_bytes()),
        None => ct_eq(token.as_bytes(), secret.expose().as_bytes()),
    }
}

/// What is wrong with a token's form (C11).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FormatError {
    /// Neither 32 nor 64 characters.
    #[error("has incorrect length")]
    Length,
    /// A character other than ASCII letters and digits.
    #[error("has invalid characters")]
    Characters,
}

/// The session holds something that is no secret (C13).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the stored CSRF secret has characters that cannot be masked")]
pub struct UnmaskableSecret;

/// Where a character stands in `a-zA-Z0-9`.
const fn index(b: u8) -> Option<usize> {
    match b {
        b'a'..=b'z' => Some((b - b'a') as usize),
        b'A'..=b'Z' => Some((b - b'A') as usize + 26),
        b'0'..=b'9' => Some((b - b'0') as usize + 52),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::random::OsRandom;

    /// X04: each page gets another token, all of them good.
    #[test]
    fn every_mask_differs() {
        let secret = new_secret(&OsRandom);
        let (a, b) = (mask(&secret, &OsRandom).unwrap(), mask(&secret, &OsRandom).unwrap());
        assert_ne!(a, b);
        assert!(matches(&a, &secret) && matches(&b, &secret));
    }

    /// L03.
    #[test]
    fn a_secret_does_not_print() {
        assert!(!format!("{:?}", CsrfSecret::from_stored("canary")).contains("canary"));
    }

    proptest! {
        #[test]
        fn masking_is_undone(secret in "[a-zA-Z0-9]{32}", mask in "[a-zA-Z0-9]{32}") {
            let secret = CsrfSecret::from_stored(secret);
            let token = mask_with(&secret, &mask).unwrap();
            let unmasked = unmask(&token).unwrap();
            prop_assert_eq!(unmasked.expose(), secret.expose());
            prop_assert!(matches(&token, &secret));
        }

        /// Only the secret and its tokens match; any other text is refused without a panic.
        #[test]
        fn other_texts_do_not_match(token in any::<String>(), stored in any::<String>()) {
            let secret = CsrfSecret::from_stored(stored.clone());
            prop_assert!(!matches(&token, &secret) || token == stored);
            let _ = (unmask(&token), mask_with(&secret, &token));
        }
    }
}
