//! Newtypes for what names a session and a user.

use std::fmt;
use std::sync::Arc;

use crate::crypto::hex;
use crate::random::{LOWERCASE_ALPHANUMERIC, Random, random_string};
use crate::secret::{Secret, ct_eq};

/// The ticket: what the browser's cookie carries and what names a row of `django_session`.
///
/// Whoever holds it is signed in, so it never prints.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct SessionKey(Letters);

/// The text of a key. One of the usual length stands in place: there is one in each request and each copy of a session.
#[derive(Clone, PartialEq, Eq, Hash)]
enum Letters {
    /// ASCII.
    Usual([u8; SessionKey::NEW_LEN]),
    /// Of any other length, or with other characters.
    Other(Arc<str>),
}

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
        Self::is_key(text).then(|| Self::of(text))
    }

    /// Whether [`parse`](Self::parse) takes it.
    #[must_use]
    pub fn is_key(text: &str) -> bool {
        text.chars().take(8).count() == 8
    }

    fn of(text: &str) -> Self {
        Self(match text.as_bytes().try_into() {
            Ok(letters) if text.is_ascii() => Letters::Usual(letters),
            _ => Letters::Other(text.into()),
        })
    }

    /// Draws a new key: 32 characters of `a-z0-9`, 165 bits (S01, S11).
    #[must_use]
    pub fn generate(random: &dyn Random) -> Self {
        Self::of(&random_string(random, Self::NEW_LEN, LOWERCASE_ALPHANUMERIC))
    }

    /// The key's text, for the store and the cookie alone.
    #[must_use]
    pub fn expose(&self) -> &str {
        match &self.0 {
            Letters::Usual(letters) => std::str::from_utf8(letters).unwrap_or_default(),
            Letters::Other(text) => text,
        }
    }

    /// Whether a store may be asked for the key at all: up to 40 characters, none of them a control character (S13).
    #[must_use]
    pub fn may_be_stored(&self) -> bool {
        match &self.0 {
            Letters::Usual(letters) => !letters.iter().any(u8::is_ascii_control),
            Letters::Other(text) => text.chars().count() <= Self::COLUMN_LEN && !text.chars().any(char::is_control),
        }
    }
}

impl fmt::Debug for SessionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionKey(***)")
    }
}

/// A token of REST framework's `TokenAuthentication` (D06): whoever shows it is its user, so it never prints.
#[derive(Clone)]
pub struct TokenKey(Secret<String>);

impl TokenKey {
    /// Takes a key that is stored, or one from outside that is to be compared.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(Secret::new(text.into()))
    }

    /// Draws a new key: 20 random bytes as 40 hexadecimal digits.
    #[must_use]
    pub fn generate(random: &dyn Random) -> Self {
        let mut bytes = [0_u8; 20];
        random.fill(&mut bytes);
        Self::new(hex(&bytes))
    }

    /// The key's text, for the store and for the one whose token it is.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose()
    }

    /// Whether `text` is this key, letter for letter, in time that does not tell where they part.
    #[must_use]
    pub fn is(&self, text: &str) -> bool {
        ct_eq(self.expose().as_bytes(), text.as_bytes())
    }
}

impl PartialEq for TokenKey {
    fn eq(&self, other: &Self) -> bool {
        self.is(other.expose())
    }
}

impl Eq for TokenKey {}

impl fmt::Debug for TokenKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenKey(***)")
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

    /// Takes a UUID as Python's `UUID` does, with or without hyphens, braces or `urn:uuid:`, and writes it with hyphens.
    ///
    /// ```
    /// use cloakroom_core::keys::UserId;
    ///
    /// let id = UserId::parse_uuid("{00112233445566778899AABBCCDDEEFF}").unwrap();
    /// assert_eq!(id.to_string(), "00112233-4455-6677-8899-aabbccddeeff");
    /// assert!(UserId::parse_uuid("7").is_none());
    /// ```
    #[must_use]
    pub fn parse_uuid(text: &str) -> Option<Self> {
        let text = text.replace("urn:", "").replace("uuid:", "");
        let digits = text.trim_matches(['{', '}']).replace('-', "");
        let plain = digits.len() == 32 && digits.bytes().all(|b| b.is_ascii_hexdigit());
        plain.then(|| uuid_text(&digits.to_ascii_lowercase()))
    }

    /// Draws a UUID of version 4, Django's usual default for such a key.
    #[must_use]
    pub fn new_uuid4(random: &dyn Random) -> Self {
        let mut bytes = [0; 16];
        random.fill(&mut bytes);
        bytes[6] = bytes[6] & 0x0f | 0x40;
        bytes[8] = bytes[8] & 0x3f | 0x80;
        uuid_text(&format!("{:032x}", u128::from_be_bytes(bytes)))
    }

    /// The 32 digits of a key that is a UUID, as Django stores it where the database has no type for it.
    #[must_use]
    pub fn uuid_digits(&self) -> Option<String> {
        match self {
            Self::Text(text) => Some(text.replace('-', "")).filter(|digits| digits.len() == 32),
            Self::Int(_) => None,
        }
    }
}

/// 32 digits with hyphens between them.
fn uuid_text(digits: &str) -> UserId {
    let parts = [&digits[..8], &digits[8..12], &digits[12..16], &digits[16..20], &digits[20..]];
    UserId::Text(parts.join("-").into())
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::OsRandom;

    /// S11, S13: keys of whatever length are kept as they came.
    #[test]
    fn a_key_is_its_text() {
        let usual = "k3v9x0q2m7d1c8b5n4z6a0s9f8g7h6j5";
        for text in
            [usual, &usual[..31], &usual.repeat(2), "8 chars.", "ééééééééé", &"é".repeat(16), &"\u{7f}".repeat(32)]
        {
            let key = SessionKey::parse(text).unwrap();
            assert_eq!(key.expose(), text);
            assert_eq!(key, SessionKey::parse(text).unwrap());
            let storable = text.chars().count() <= 40 && !text.chars().any(char::is_control);
            assert_eq!(key.may_be_stored(), storable, "{text}");
        }
        assert_ne!(SessionKey::parse(usual), SessionKey::parse(&usual.to_uppercase()));
        assert_eq!(SessionKey::generate(&OsRandom).expose().len(), SessionKey::NEW_LEN);
        assert_eq!(format!("{:?}", SessionKey::parse(usual)), "Some(SessionKey(***))");
    }

    /// D06, L03.
    #[test]
    fn a_token_is_forty_digits_that_do_not_print() {
        let key = TokenKey::generate(&OsRandom);
        assert_eq!(key.expose().len(), 40);
        assert!(key.expose().bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')));
        assert!(key.is(key.expose()) && key != TokenKey::generate(&OsRandom));
        assert_eq!(format!("{key:?}"), "TokenKey(***)");
    }
}
