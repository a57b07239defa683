//! The secret during one request: read, used, changed, sent (C12, C20–C22).

use super::token::{CsrfSecret, FormatError, TOKEN_LEN, UnmaskableSecret, check_format, mask, new_secret, unmask};
use crate::random::Random;

/// What cookie or session held when the request came.
#[derive(Clone, Debug)]
pub enum Stored {
    /// Nothing.
    Absent,
    /// A cookie that is no secret (C20).
    Malformed(FormatError),
    /// A secret, unmasked if it was stored masked (C12).
    Known(CsrfSecret),
}

impl Stored {
    /// Reads the cookie's value (C12, C20).
    #[must_use]
    pub fn from_cookie(value: Option<&str>) -> Self {
        match value {
            None => Self::Absent,
            Some(text) => match check_format(text) {
                Err(error) => Self::Malformed(error),
                Ok(()) => Self::Known(unmask(text).unwrap_or_else(|| CsrfSecret::from_stored(text))),
            },
        }
    }

    /// Whether the cookie's value would be [`Malformed`](Self::Malformed).
    #[must_use]
    pub fn is_malformed(value: Option<&str>) -> bool {
        value.is_some_and(|text| check_format(text).is_err())
    }

    /// Reads the session's value, which is not checked (C13): garbage matches no token.
    ///
    /// Django fails with a 500 when it has 64 characters and some cannot be unmasked; here it counts as garbage.
    #[must_use]
    pub fn from_session(value: Option<&str>) -> Self {
        match value {
            None => Self::Absent,
            Some(text) if text.len() == TOKEN_LEN => {
                Self::Known(unmask(text).unwrap_or_else(|| CsrfSecret::from_stored(text)))
            }
            Some(text) => Self::Known(CsrfSecret::from_stored(text)),
        }
    }
}

/// The secret that pages of this request get tokens of, and whether it must be sent (C20–C22).
///
/// ```
/// use cloakroom_core::csrf::{Stored, TokenState};
/// use cloakroom_core::random::OsRandom;
///
/// let mut state = TokenState::new(&Stored::Absent, &OsRandom);
/// assert!(state.to_send().is_none());
/// let token = state.token(&OsRandom).unwrap();
/// assert_eq!(token.len(), 64);
/// assert!(state.to_send().is_some());
/// ```
#[derive(Clone, Debug)]
pub struct TokenState {
    secret: Option<CsrfSecret>,
    needs_update: bool,
}

impl TokenState {
    /// Starts with what was stored; a malformed cookie is replaced at once, even if no page asks (C20).
    #[must_use]
    pub fn new(stored: &Stored, random: &dyn Random) -> Self {
        match stored {
            Stored::Absent => Self { secret: None, needs_update: false },
            Stored::Known(secret) => Self { secret: Some(secret.clone()), needs_update: false },
            Stored::Malformed(_) => Self { secret: Some(new_secret(random)), needs_update: true },
        }
    }

    /// Makes a token for a page, and with it the promise to send the secret (C21).
    ///
    /// # Errors
    ///
    /// [`UnmaskableSecret`] when the session holds garbage; [`rotate`](Self::rotate) mends it.
    pub fn token(&mut self, random: &dyn Random) -> Result<String, UnmaskableSecret> {
        self.needs_update = true;
        let secret = self.secret.get_or_insert_with(|| new_secret(random));
        mask(secret, random)
    }

    /// Replaces the secret: after a login (C42).
    pub fn rotate(&mut self, random: &dyn Random) {
        self.secret = Some(new_secret(random));
        self.needs_update = true;
    }

    /// The secret to send with the answer: as a cookie with `Vary: Cookie`, or into the session if it differs from
    /// what is there (C22).
    #[must_use]
    pub fn to_send(&self) -> Option<&CsrfSecret> {
        self.secret.as_ref().filter(|_| self.needs_update)
    }

    /// The secret of this request, if there is one.
    #[must_use]
    pub const fn secret(&self) -> Option<&CsrfSecret> {
        self.secret.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::OsRandom;

    const GARBAGE: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa-";

    /// C20: a bad cookie is replaced without being asked, a missing one is not.
    #[test]
    fn a_malformed_cookie_is_replaced_at_once() {
        for bad in ["", "short", GARBAGE] {
            assert!(Stored::is_malformed(Some(bad)));
            let state = TokenState::new(&Stored::from_cookie(Some(bad)), &OsRandom);
            assert_eq!(state.to_send().unwrap().expose().len(), 32, "{bad}");
        }
        assert!(!Stored::is_malformed(None));
        assert!(TokenState::new(&Stored::from_cookie(None), &OsRandom).to_send().is_none());
    }

    /// C13: garbage in the session cannot be masked; rotating mends it.
    #[test]
    fn garbage_in_a_session_is_mended_by_rotation() {
        for garbage in [GARBAGE, &GARBAGE.repeat(2)] {
            let mut state = TokenState::new(&Stored::from_session(Some(garbage)), &OsRandom);
            assert_eq!(state.token(&OsRandom), Err(UnmaskableSecret));
            state.rotate(&OsRandom);
            assert!(state.token(&OsRandom).is_ok());
        }
    }
}
