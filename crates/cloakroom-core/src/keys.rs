//! Newtypes for what names a session and a user.

use std::fmt;
use std::sync::Arc;

use crate::random::{LOWERCASE_ALPHANUMERIC, Random, random_string};

/// The ticket: what the browser's cookie carries and what names a row of `django_session`.
///
/// Whoever holds it is signed in, so it never prints.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct SessionKey(Arc<str>);

impl SessionKey {
    /// Characters of a new key (S11).
    pub const NEW_LEN: usize = 32;

    /// Width of Django's column (R40). A longer key is in no database.
    pub const COLUMN_LEN: usize = 40;

    /// Takes a key from outside; `None` if it has fewer than eight characters (S11).
    ///
    /// ```
    /// use cloakroom_core::keys::SessionKey;
    ///
    /// assert!(SessionKey::parse("7 chars").is_none());
    /// assert!(SessionKey::parse("8 chars.").is_some());
    /// ```
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        (text.chars().take(8).count() == 8).then(|| Self(text.into()))
    }

    /// Draws a new key: 32 characters of `a-z0-9`, 165 bits (S01, S11).
    #[must_use]
    pub fn generate(random: &dyn Random) -> Self {
        Self(random_string(random, Self::NEW_LEN, LOWERCASE_ALPHANUMERIC).into())
    }

    /// The key's text, for the store and the cookie alone.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether a store may be asked for the key at all: up to 40 characters, none of them a control character (S13).
    #[must_use]
    pub fn may_be_stored(&self) -> bool {
        self.0.chars().count() <= Self::COLUMN_LEN && !self.0.chars().any(char::is_control)
    }
}

impl fmt::Debug for SessionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionKey(***)")
    }
}

/// A user's primary key: an integer in Django's own table, any text (a UUID, say) in a swapped one (A17).
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum UserId {
    /// An integer key.
    Int(i64),
    /// A key of any other type, as its text.
    Text(Box<str>),
}

impl UserId {
    /// The integer key, if it is one.
    #[must_use]
    pub const fn as_int(&self) -> Option<i64> {
        match self {
            Self::Int(n) => Some(*n),
            Self::Text(_) => None,
        }
    }
}

impl From<i64> for UserId {
    fn from(id: i64) -> Self {
        Self::Int(id)
    }
}

/// The text that the session keeps under `_auth_user_id` (A63).
impl fmt::Display for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Int(n) => n.fmt(f),
            Self::Text(t) => f.write_str(t),
        }
    }
}

impl fmt::Debug for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
