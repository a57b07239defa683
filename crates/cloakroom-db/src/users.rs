//! The user table: `auth_user` (A01), or the one that `AUTH_USER_MODEL` names (A17).

use std::sync::Arc;

use cloakroom_core::clock::Timestamp;
use cloakroom_core::keys::UserId;
use cloakroom_core::models::{EncodedHash, User};
use cloakroom_core::near::Touched;
use cloakroom_core::user_model::{ColumnKind, ColumnValue, Slot, UserTable};

use crate::database::{Backend, Database};
use crate::error::DbError;
use crate::mysql;
use crate::options::{Durability, Updated};
use crate::postgres;
use crate::sqlite;
use crate::user_table::{Dialect, KeyKind, Layout};

/// What a new user's row holds. Names and address are stored as given: normalising them is policy (A13, A14).
#[derive(Clone, Debug)]
pub struct NewUser {
    /// The name to sign in with.
    pub username: String,
    /// The password column.
    pub password: EncodedHash,
    /// The address, or empty.
    pub email: String,
    /// The first name, or empty.
    pub first_name: String,
    /// The last name, or empty.
    pub last_name: String,
    /// Whether the user may use the admin.
    pub is_staff: bool,
    /// Whether the account is open.
    pub is_active: bool,
    /// Whether the user has every permission.
    pub is_superuser: bool,
    /// When the account is made.
    pub date_joined: Timestamp,
    /// The primary key, where the database does not count it up.
    pub id: Option<UserId>,
    /// Columns that Django's own table does not have, by their names (A17).
    pub extra: Vec<(String, ColumnValue)>,
}

impl NewUser {
    /// An open account with this name and password; the rest is empty or false.
    #[must_use]
    pub fn new(username: impl Into<String>, password: EncodedHash, date_joined: Timestamp) -> Self {
        Self {
            username: username.into(),
            password,
            email: String::new(),
            first_name: String::new(),
            last_name: String::new(),
            is_staff: false,
            is_active: true,
            is_superuser: false,
            date_joined,
            id: None,
            extra: Vec::new(),
        }
    }
}

/// Whether a username was free.
#[derive(Clone, Debug)]
#[must_use = "a name that is taken made no user"]
#[non_exhaustive]
pub enum Created {
    /// It was; this is the new row.
    Yes(User),
    /// It was not; nothing was written.
    UsernameTaken,
}

/// Whether a new username was free.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "a name that is taken was not given"]
#[non_exhaustive]
pub enum Renamed {
    /// It was, and the user has it.
    Yes,
    /// Another user has it; nothing was written.
    UsernameTaken,
    /// There is no such user.
    Gone,
}

/// What a compare-and-swap of a password met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "a password that has changed was not written"]
#[non_exhaustive]
pub enum Swapped {
    /// The expected one; it is replaced.
    Yes,
    /// Another one; nothing was written.
    Changed,
    /// There is no such user.
    Gone,
}

/// Columns to change; `None` leaves one alone.
#[derive(Clone, Debug, Default)]
pub struct Profile {
    /// The first name.
    pub first_name: Option<String>,
    /// The last name.
    pub last_name: Option<String>,
    /// The address.
    pub email: Option<String>,
}

/// A yes-or-no column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Flag {
    /// `is_active`.
    Active,
    /// `is_staff`.
    Staff,
    /// `is_superuser`.
    Superuser,
}

impl Flag {
    pub(crate) const fn slot(self) -> Slot {
        match self {
            Self::Active => Slot::Active,
            Self::Staff => Slot::Staff,
            Self::Superuser => Slot::Superuser,
        }
    }
}

/// Returns the user with this primary key.
///
/// # Errors
///
/// Any [`DbError`] of the machinery; [`DbError::Corrupt`] if the row cannot be read.
pub async fn by_id(db: &Database, id: &UserId) -> Result<Option<User>, DbError> {
    match db.backend() {
        Backend::Sqlite(s) => {
            let users = s.users()?;
            s.read(|c| sqlite::users::by_id(c, users, id)).await
        }
        Backend::Postgres(p) => postgres::users::by_id(p, id).await,
        Backend::MySql(m) => mysql::users::by_id(m, id).await,
    }
}

/// Returns the user with exactly this name: case counts, nothing is normalised (A12).
///
/// # Errors
///
/// As [`by_id`].
pub async fn by_username(db: &Database, username: &str) -> Result<Option<User>, DbError> {
    match db.backend() {
        Backend::Sqlite(s) => {
            let users = s.users()?;
            s.read(|c| sqlite::users::by_username(c, users, username)).await
        }
        Backend::Postgres(p) => postgres::users::by_username(p, username).await,
        Backend::MySql(m) => mysql::users::by_username(m, username).await,
    }
}

/// Returns the users with this address in the sense of Django's `iexact`, in the order of their keys. On SQLite only
/// ASCII letters fold (G04). Who of them may get mail is policy (A105).
///
/// # Errors
///
/// As [`by_id`].
pub async fn by_email_iexact(db: &Database, email: &str) -> Result<Vec<User>, DbError> {
    match db.backend() {
        Backend::Sqlite(s) => {
            let users = Arc::clone(s.users()?);
            let email = email.to_owned();
            s.read_much(move |c| sqlite::users::by_email_iexact(c, &users, &email)).await
        }
        Backend::Postgres(p) => postgres::users::by_email_iexact(p, email).await,
        Backend::MySql(m) => mysql::users::by_email_iexact(m, email).await,
    }
}

/// Whether a user has exactly this name.
///
/// # Errors
///
/// Any [`DbError`] of the machinery.
pub async fn exists_username(db: &Database, username: &str) -> Result<bool, DbError> {
    match db.backend() {
        Backend::Sqlite(s) => {
            let users = s.users()?;
            s.read(|c| sqlite::users::exists_username(c, users, username)).await
        }
        Backend::Postgres(p) => postgres::users::exists_username(p, username).await,
        Backend::MySql(m) => mysql::users::exists_username(m, username).await,
    }
}

/// Whether a user has this name in the sense of Django's `iexact`. On SQLite only ASCII letters fold (G04, A99).
///
/// # Errors
///
/// Any [`DbError`] of the machinery.
pub async fn exists_username_iexact(db: &Database, username: &str) -> Result<bool, DbError> {
    match db.backend() {
        Backend::Sqlite(s) => {
            let users = Arc::clone(s.users()?);
            let username = username.to_owned();
            s.read_much(move |c| sqlite::users::exists_username_iexact(c, &users, &username)).await
        }
        Backend::Postgres(p) => postgres::users::exists_username_iexact(p, username).await,
        Backend::MySql(m) => mysql::users::exists_username_iexact(m, username).await,
    }
}

/// Makes a user if the name is free.
///
/// # Errors
///
/// Any [`DbError`] of the machinery.
pub async fn create(db: &Database, user: NewUser) -> Result<Created, DbError> {
    match db.backend() {
        Backend::Sqlite(s) => {
            let users = Arc::clone(s.users()?);
            s.write(Durability::Full, move |c| sqlite::users::create(c, &users, &user)).await
        }
        Backend::Postgres(p) => postgres::users::create(p, &user).await,
        Backend::MySql(m) => mysql::users::create(m, &user).await,
    }
}

/// Sets the password column.
///
/// # Errors
///
/// Any [`DbError`] of the machinery.
pub async fn set_password(db: &Database, id: &UserId, password: &EncodedHash) -> Result<Updated, DbError> {
    match db.backend() {
        Backend::Sqlite(s) => {
            let users = Arc::clone(s.users()?);
            let (id, password) = (id.clone(), password.clone());
            let touched = Touched::User(id.clone());
            s.write_touching(Durability::Full, touched, move |c| sqlite::users::set_password(c, &users, &id, &password))
                .await
        }
        Backend::Postgres(p) => postgres::users::set_password(p, id, password).await,
        Backend::MySql(m) => mysql::users::set_password(m, id, password).await,
    }
}

/// Sets the password column if it still is `old`: a hash upgrade must not undo a change of password made meanwhile (A42).
///
/// # Errors
///
/// Any [`DbError`] of the machinery.
pub async fn set_password_if(
    db: &Database,
    id: &UserId,
    old: &EncodedHash,
    new: &EncodedHash,
) -> Result<Swapped, DbError> {
    match db.backend() {
        Backend::Sqlite(s) => {
            let users = Arc::clone(s.users()?);
            let (id, old, new) = (id.clone(), old.clone(), new.clone());
            let touched = Touched::User(id.clone());
            s.write_touching(Durability::Full, touched, move |c| {
                sqlite::users::set_password_if(c, &users, &id, &old, &new)
            })
            .await
        }
        Backend::Postgres(p) => postgres::users::set_password_if(p, id, old, new).await,
        Backend::MySql(m) => mysql::users::set_password_if(m, id, old, new).await,
    }
}

/// Sets when the user last signed in.
///
/// # Errors
///
/// Any [`DbError`] of the machinery.
pub async fn set_last_login(db: &Database, id: &UserId, at: Timestamp) -> Result<Updated, DbError> {
    match db.backend() {
        Backend::Sqlite(s) => {
            let users = Arc::clone(s.users()?);
            let id = id.clone();
            let touched = Touched::User(id.clone());
            s.write_touching(Durability::Normal, touched, move |c| sqlite::users::set_last_login(c, &users, &id, at))
                .await
        }
        Backend::Postgres(p) => postgres::users::set_last_login(p, id, at).await,
        Backend::MySql(m) => mysql::users::set_last_login(m, id, at).await,
    }
}

/// Changes names and address.
///
/// # Errors
///
/// Any [`DbError`] of the machinery.
pub async fn update_profile(db: &Database, id: &UserId, profile: Profile) -> Result<Updated, DbError> {
    match db.backend() {
        Backend::Sqlite(s) => {
            let users = Arc::clone(s.users()?);
            let (id, update) = (id.clone(), users.layout.update_profile(Dialect::Sqlite, &profile));
            let touched = Touched::User(id.clone());
            s.write_touching(Durability::Full, touched, move |c| sqlite::users::update(c, &users, &id, update.as_ref()))
                .await
        }
        Backend::Postgres(p) => {
            let update = p.users()?.layout.update_profile(Dialect::Postgres, &profile);
            postgres::users::update(p, id, update.as_ref()).await
        }
        Backend::MySql(m) => {
            let update = m.users()?.layout.update_profile(Dialect::MySql, &profile);
            mysql::users::update(m, id, update.as_ref()).await
        }
    }
}

/// Changes columns by their names: those that Django's own table does not have (A17).
///
/// # Errors
///
/// [`DbError::UserModel`] where the table has no such column.
pub async fn set_columns(db: &Database, id: &UserId, values: &[(String, ColumnValue)]) -> Result<Updated, DbError> {
    match db.backend() {
        Backend::Sqlite(s) => {
            let users = Arc::clone(s.users()?);
            let (id, update) = (id.clone(), users.layout.update_columns(Dialect::Sqlite, values)?);
            let touched = Touched::User(id.clone());
            s.write_touching(Durability::Full, touched, move |c| sqlite::users::update(c, &users, &id, update.as_ref()))
                .await
        }
        Backend::Postgres(p) => {
            let update = p.users()?.layout.update_columns(Dialect::Postgres, values)?;
            postgres::users::update(p, id, update.as_ref()).await
        }
        Backend::MySql(m) => {
            let update = m.users()?.layout.update_columns(Dialect::MySql, values)?;
            mysql::users::update(m, id, update.as_ref()).await
        }
    }
}

/// Which table the users are in.
pub fn table(db: &Database) -> &UserTable {
    match db.backend() {
        Backend::Sqlite(s) => s.declared_users(),
        Backend::Postgres(p) => p.declared_users(),
        Backend::MySql(m) => m.declared_users(),
    }
}

/// Looks whether the users' table is there, and as its model says (A17). With Django's own there is nothing to ask.
///
/// A table that was made after the database was opened is read by this.
///
/// # Errors
///
/// [`DbError::UserModel`] says in one line which table or column is missing, or what is wrong with it.
pub async fn check(db: &Database) -> Result<(), DbError> {
    match db.backend() {
        Backend::Sqlite(s) => s.look_for_users().await?,
        Backend::Postgres(p) => p.look_for_users().await?,
        Backend::MySql(m) => m.look_for_users().await?,
    }
    layout(db).map(drop)
}

/// What kind of primary key the users have.
///
/// # Errors
///
/// [`DbError::UserModel`] if the table was not there when the database was opened.
pub fn key_kind(db: &Database) -> Result<KeyKind, DbError> {
    layout(db).map(Layout::key_kind)
}

/// What a column of the table holds; `None` if there is none of that name.
///
/// # Errors
///
/// As [`key_kind`].
pub fn column_kind(db: &Database, column: &str) -> Result<Option<ColumnKind>, DbError> {
    Ok(layout(db)?.named(column).map(|found| found.stored.kind()))
}

/// Whether the name to sign in with is the mail address.
#[must_use]
pub fn signs_in_by_email(db: &Database) -> bool {
    let table = table(db);
    table.username_field() == table.email_field()
}

fn layout(db: &Database) -> Result<&Layout, DbError> {
    Ok(match db.backend() {
        Backend::Sqlite(s) => &s.users()?.layout,
        Backend::Postgres(p) => &p.users()?.layout,
        Backend::MySql(m) => &m.users()?.layout,
    })
}

/// Gives the user another name if it is free.
///
/// # Errors
///
/// Any [`DbError`] of the machinery.
pub async fn rename(db: &Database, id: &UserId, username: &str) -> Result<Renamed, DbError> {
    match db.backend() {
        Backend::Sqlite(s) => {
            let users = Arc::clone(s.users()?);
            let (id, username) = (id.clone(), username.to_owned());
            let touched = Touched::User(id.clone());
            s.write_touching(Durability::Full, touched, move |c| sqlite::users::rename(c, &users, &id, &username)).await
        }
        Backend::Postgres(p) => postgres::users::rename(p, id, username).await,
        Backend::MySql(m) => mysql::users::rename(m, id, username).await,
    }
}

/// Sets a yes-or-no column.
///
/// # Errors
///
/// Any [`DbError`] of the machinery.
pub async fn set_flag(db: &Database, id: &UserId, flag: Flag, value: bool) -> Result<Updated, DbError> {
    match db.backend() {
        Backend::Sqlite(s) => {
            let users = Arc::clone(s.users()?);
            let id = id.clone();
            let touched = Touched::User(id.clone());
            s.write_touching(Durability::Full, touched, move |c| sqlite::users::set_flag(c, &users, &id, flag, value))
                .await
        }
        Backend::Postgres(p) => postgres::users::set_flag(p, id, flag, value).await,
        Backend::MySql(m) => mysql::users::set_flag(m, id, flag, value).await,
    }
}

/// Deletes the user; whether there was one. Memberships, permissions, admin log entries and REST framework's token go
/// first, all in one transaction (G36). Sessions stay, as Django leaves them (A75).
///
/// # Errors
///
/// [`DbError::Integrity`] if rows of a table that is not Django's refer to the user: nothing was deleted.
pub async fn delete(db: &Database, id: &UserId) -> Result<bool, DbError> {
    match db.backend() {
        Backend::Sqlite(s) => {
            let users = Arc::clone(s.users()?);
            let id = id.clone();
            s.write(Durability::Full, move |c| sqlite::users::delete(c, &users, &id)).await
        }
        Backend::Postgres(p) => postgres::users::delete(p, id).await,
        Backend::MySql(m) => mysql::users::delete(m, id).await,
    }
}

/// Counts the users.
///
/// # Errors
///
/// Any [`DbError`] of the machinery.
pub async fn count(db: &Database) -> Result<u64, DbError> {
    match db.backend() {
        Backend::Sqlite(s) => {
            let users = Arc::clone(s.users()?);
            s.read_much(move |c| sqlite::users::count(c, &users)).await
        }
        Backend::Postgres(p) => postgres::users::count(p).await,
        Backend::MySql(m) => mysql::users::count(m).await,
    }
}

/// Whether any user may do everything.
///
/// # Errors
///
/// Any [`DbError`] of the machinery.
pub async fn has_superuser(db: &Database) -> Result<bool, DbError> {
    match db.backend() {
        Backend::Sqlite(s) => {
            let users = Arc::clone(s.users()?);
            s.read_much(move |c| sqlite::users::has_superuser(c, &users)).await
        }
        Backend::Postgres(p) => postgres::users::has_superuser(p).await,
        Backend::MySql(m) => mysql::users::has_superuser(m).await,
    }
}

/// Returns up to `limit` users in the order of their keys, those after `after`. Ask again with the last key until fewer
/// than `limit` come.
///
/// # Errors
///
/// As [`by_id`].
pub async fn list(db: &Database, after: Option<&UserId>, limit: usize) -> Result<Vec<User>, DbError> {
    match db.backend() {
        Backend::Sqlite(s) => {
            let users = s.users()?;
            s.read(|c| sqlite::users::list(c, users, after, limit)).await
        }
        Backend::Postgres(p) => postgres::users::list(p, after, limit).await,
        Backend::MySql(m) => mysql::users::list(m, after, limit).await,
    }
}
