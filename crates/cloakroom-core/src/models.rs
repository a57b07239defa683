//! The rows of Django's auth tables (A01–A05), as plain data.

use std::fmt;

use crate::clock::Timestamp;
use crate::keys::UserId;
use crate::user_model::Extra;

/// The text of a password column, such as `pbkdf2_sha256$1500000$…` (A30–A38). It never prints.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct EncodedHash(Box<str>);

impl EncodedHash {
    /// Wraps the text of a password column.
    pub fn new(text: impl Into<Box<str>>) -> Self {
        Self(text.into())
    }

    /// The text, for the store and the hashers alone.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Whether the account can have a password at all: an unusable one starts with `!` (A19, A35).
    #[must_use]
    pub fn is_usable(&self) -> bool {
        !self.0.starts_with('!')
    }
}

impl fmt::Debug for EncodedHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EncodedHash(***)")
    }
}

/// A row of `auth_user` (A01), or of the table that stands in its place (A17): then `username` is what `USERNAME_FIELD` names,
/// columns that the table does not have are empty or false, but `is_active`, which is true, and `date_joined`, which is 1970.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct User {
    /// The primary key.
    pub id: UserId,
    /// The password column.
    pub password: EncodedHash,
    /// When the user last signed in.
    pub last_login: Option<Timestamp>,
    /// Whether the user has every permission (A82).
    pub is_superuser: bool,
    /// The name to sign in with: at most 150 characters, unique, case-sensitive (A12).
    pub username: String,
    /// At most 150 characters.
    pub first_name: String,
    /// At most 150 characters.
    pub last_name: String,
    /// At most 254 characters; may be empty, and several users may share one (G42).
    pub email: String,
    /// Whether the user may use the admin (A86).
    pub is_staff: bool,
    /// Whether the account is open.
    pub is_active: bool,
    /// When the account was made.
    pub date_joined: Timestamp,
    /// The columns that Django's own table does not have.
    pub extra: Extra,
}

impl User {
    /// A user with this key and name; every other column is empty or false but `is_active`, which is true.
    #[must_use]
    pub fn new(id: UserId, username: impl Into<String>, date_joined: Timestamp) -> Self {
        Self {
            id,
            password: EncodedHash::default(),
            last_login: None,
            is_superuser: false,
            username: username.into(),
            first_name: String::new(),
            last_name: String::new(),
            email: String::new(),
            is_staff: false,
            is_active: true,
            date_joined,
            extra: Extra::default(),
        }
    }

    /// Always true: it tells a user from the anonymous one and says nothing of permissions or activity (M20, A17).
    #[must_use]
    pub const fn is_authenticated(&self) -> bool {
        true
    }

    /// `first_name last_name`, without the space where one is empty (A16).
    #[must_use]
    pub fn get_full_name(&self) -> String {
        crate::pytext::strip(&format!("{} {}", self.first_name, self.last_name)).to_owned()
    }

    /// The first name (A16).
    #[must_use]
    pub fn get_short_name(&self) -> &str {
        &self.first_name
    }
}

/// A row of `auth_group` (A02).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Group {
    /// The primary key.
    pub id: i64,
    /// At most 150 characters, unique.
    pub name: String,
}

impl Group {
    /// A group with this key and name.
    #[must_use]
    pub fn new(id: i64, name: impl Into<String>) -> Self {
        Self { id, name: name.into() }
    }
}
