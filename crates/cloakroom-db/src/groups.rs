//! `auth_group` and who is in them (A02, A04).

use std::sync::Arc;

use cloakroom_core::keys::UserId;
use cloakroom_core::models::Group;

use crate::database::{Backend, Database};
use crate::error::DbError;
use crate::mysql;
use crate::options::Durability;
use crate::postgres;
use crate::sqlite;

/// Whether a group's name was free.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "a name that is taken made no group"]
#[non_exhaustive]
pub enum Created {
    /// It was; this is the new row.
    Yes(Group),
    /// It was not; nothing was written.
    NameTaken,
}

/// Whether somebody is in a group now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "an unknown user or group was not joined"]
#[non_exhaustive]
pub enum Joined {
    /// Yes, by this call.
    Yes,
    /// Yes, and was before.
    Already,
    /// No: there is no such user or group.
    Unknown,
}

/// Returns every group, by name.
///
/// # Errors
///
/// Any [`DbError`] of the machinery.
pub async fn all(db: &Database) -> Result<Vec<Group>, DbError> {
    match db.backend() {
        Backend::Sqlite(s) => s.read(sqlite::groups::all).await,
        Backend::Postgres(p) => postgres::groups::all(p).await,
        Backend::MySql(m) => mysql::groups::all(m).await,
    }
}

/// Returns the group with exactly this name.
///
/// # Errors
///
/// Any [`DbError`] of the machinery.
pub async fn by_name(db: &Database, name: &str) -> Result<Option<Group>, DbError> {
    match db.backend() {
        Backend::Sqlite(s) => s.read(|c| sqlite::groups::by_name(c, name)).await,
        Backend::Postgres(p) => postgres::groups::by_name(p, name).await,
        Backend::MySql(m) => mysql::groups::by_name(m, name).await,
    }
}

/// Returns the groups of a user, by name.
///
/// # Errors
///
/// Any [`DbError`] of the machinery.
pub async fn of_user(db: &Database, user: &UserId) -> Result<Vec<Group>, DbError> {
    match db.backend() {
        Backend::Sqlite(s) => {
            let users = s.users()?;
            s.read(|c| sqlite::groups::of_user(c, users, user)).await
        }
        Backend::Postgres(p) => postgres::groups::of_user(p, user).await,
        Backend::MySql(m) => mysql::groups::of_user(m, user).await,
    }
}

/// Makes a group if the name is free.
///
/// # Errors
///
/// Any [`DbError`] of the machinery.
pub async fn create(db: &Database, name: &str) -> Result<Created, DbError> {
    match db.backend() {
        Backend::Sqlite(s) => {
            let name = name.to_owned();
            s.write(Durability::Full, move |c| sqlite::groups::create(c, &name)).await
        }
        Backend::Postgres(p) => postgres::groups::create(p, name).await,
        Backend::MySql(m) => mysql::groups::create(m, name).await,
    }
}

/// Deletes a group with its memberships and permissions; whether there was one (G36).
///
/// # Errors
///
/// Any [`DbError`] of the machinery.
pub async fn delete(db: &Database, group: i64) -> Result<bool, DbError> {
    match db.backend() {
        Backend::Sqlite(s) => {
            let users = Arc::clone(s.users()?);
            s.write(Durability::Full, move |c| sqlite::groups::delete(c, &users, group)).await
        }
        Backend::Postgres(p) => postgres::groups::delete(p, group).await,
        Backend::MySql(m) => mysql::groups::delete(m, group).await,
    }
}

/// Puts a user into a group.
///
/// # Errors
///
/// Any [`DbError`] of the machinery.
pub async fn add_user(db: &Database, group: i64, user: &UserId) -> Result<Joined, DbError> {
    match db.backend() {
        Backend::Sqlite(s) => {
            let users = Arc::clone(s.users()?);
            let user = user.clone();
            s.write(Durability::Full, move |c| sqlite::groups::add_user(c, &users, group, &user)).await
        }
        Backend::Postgres(p) => postgres::groups::add_user(p, group, user).await,
        Backend::MySql(m) => mysql::groups::add_user(m, group, user).await,
    }
}

/// Takes a user out of a group; whether the user was in it.
///
/// # Errors
///
/// Any [`DbError`] of the machinery.
pub async fn remove_user(db: &Database, group: i64, user: &UserId) -> Result<bool, DbError> {
    match db.backend() {
        Backend::Sqlite(s) => {
            let users = Arc::clone(s.users()?);
            let user = user.clone();
            s.write(Durability::Full, move |c| sqlite::groups::remove_user(c, &users, group, &user)).await
        }
        Backend::Postgres(p) => postgres::groups::remove_user(p, group, user).await,
        Backend::MySql(m) => mysql::groups::remove_user(m, group, user).await,
    }
}
