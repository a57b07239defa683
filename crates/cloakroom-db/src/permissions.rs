//! `auth_permission` and who has them (A03, A04, A80–A88).
//!
//! What a superuser or a closed account may do is policy and not decided here (A81, A82).

use std::sync::Arc;

use cloakroom_core::keys::UserId;
use cloakroom_core::models::User;

use crate::database::{Backend, Database};
use crate::error::DbError;
use crate::mysql;
use crate::options::Durability;
use crate::postgres;
use crate::sqlite;

/// A row of `auth_permission` with its content type.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Permission {
    /// The primary key. Differs from database to database: look permissions up by name (A11).
    pub id: i64,
    /// The app's label.
    pub app_label: String,
    /// The model's class name in lower case.
    pub model: String,
    /// Such as `add_user`.
    pub codename: String,
    /// Such as `Can add user`.
    pub name: String,
}

impl Permission {
    /// `app_label.codename` (A80).
    #[must_use]
    pub fn label(&self) -> String {
        format!("{}.{}", self.app_label, self.codename)
    }
}

/// A user's own permissions and those of the user's groups, as `app_label.codename`, each sorted and once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Effective {
    /// Given to the user.
    pub of_user: Vec<String>,
    /// Given to a group that the user is in.
    pub of_groups: Vec<String>,
}

/// To whom a permission is given.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Holder {
    /// A user.
    User(UserId),
    /// A group, by its primary key.
    Group(i64),
}

/// Whether a permission is held now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "an unknown permission was not granted"]
#[non_exhaustive]
pub enum Granted {
    /// Yes, by this call.
    Yes,
    /// Yes, and was before.
    Already,
    /// No: there is no such permission, or no such holder.
    Unknown,
}

/// Which users [`users_with_perm`] looks at (A88).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WithPerm {
    /// Only users whose `is_active` is this; `None` for all.
    pub is_active: Option<bool>,
    /// Whether superusers count.
    pub superusers: Superusers,
}

/// Whether superusers have a permission that nobody gave them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Superusers {
    /// They do.
    Included,
    /// Only what was given counts.
    ByGrant,
}

/// Returns every permission in Django's default order: app label, model, codename (A03).
///
/// # Errors
///
/// Any [`DbError`] of the machinery.
pub async fn all(db: &Database) -> Result<Vec<Permission>, DbError> {
    match db.backend() {
        Backend::Sqlite(s) => s.read(sqlite::permissions::all).await,
        Backend::Postgres(p) => postgres::permissions::all(p).await,
        Backend::MySql(m) => mysql::permissions::all(m).await,
    }
}

/// Returns the `app_label.codename` of every permission, sorted and once.
///
/// # Errors
///
/// Any [`DbError`] of the machinery.
pub async fn all_labels(db: &Database) -> Result<Vec<String>, DbError> {
    match db.backend() {
        Backend::Sqlite(s) => s.read(sqlite::permissions::all_labels).await,
        Backend::Postgres(p) => postgres::permissions::all_labels(p).await,
        Backend::MySql(m) => mysql::permissions::all_labels(m).await,
    }
}

/// Returns what was given to the user, as `app_label.codename`, sorted and once.
///
/// # Errors
///
/// Any [`DbError`] of the machinery.
pub async fn of_user(db: &Database, user: &UserId) -> Result<Vec<String>, DbError> {
    match db.backend() {
        Backend::Sqlite(s) => {
            let users = s.users()?;
            s.read(|c| sqlite::permissions::of_user(c, users, user)).await
        }
        Backend::Postgres(p) => postgres::permissions::of_user(p, user).await,
        Backend::MySql(m) => mysql::permissions::of_user(m, user).await,
    }
}

/// Returns what was given to the user's groups, as `app_label.codename`, sorted and once.
///
/// # Errors
///
/// Any [`DbError`] of the machinery.
pub async fn of_user_groups(db: &Database, user: &UserId) -> Result<Vec<String>, DbError> {
    match db.backend() {
        Backend::Sqlite(s) => {
            let users = s.users()?;
            s.read(|c| sqlite::permissions::of_user_groups(c, users, user)).await
        }
        Backend::Postgres(p) => postgres::permissions::of_user_groups(p, user).await,
        Backend::MySql(m) => mysql::permissions::of_user_groups(m, user).await,
    }
}

/// Returns both in one statement.
///
/// # Errors
///
/// Any [`DbError`] of the machinery.
pub async fn effective(db: &Database, user: &UserId) -> Result<Effective, DbError> {
    match db.backend() {
        Backend::Sqlite(s) => {
            let users = s.users()?;
            s.read(|c| sqlite::permissions::effective(c, users, user)).await
        }
        Backend::Postgres(p) => postgres::permissions::effective(p, user).await,
        Backend::MySql(m) => mysql::permissions::effective(m, user).await,
    }
}

/// Gives the permission `app_label.codename`: every one of that label, where several models of the app share a codename.
///
/// # Errors
///
/// Any [`DbError`] of the machinery.
pub async fn grant(db: &Database, holder: &Holder, app_label: &str, codename: &str) -> Result<Granted, DbError> {
    match db.backend() {
        Backend::Sqlite(s) => {
            let users = Arc::clone(s.users()?);
            let holder = holder.clone();
            let app_label = app_label.to_owned();
            let codename = codename.to_owned();
            s.write(Durability::Full, move |c| sqlite::permissions::grant(c, &users, &holder, &app_label, &codename))
                .await
        }
        Backend::Postgres(p) => postgres::permissions::grant(p, holder, app_label, codename).await,
        Backend::MySql(m) => mysql::permissions::grant(m, holder, app_label, codename).await,
    }
}

/// Takes the permission `app_label.codename` away; whether it was held.
///
/// # Errors
///
/// Any [`DbError`] of the machinery.
pub async fn revoke(db: &Database, holder: &Holder, app_label: &str, codename: &str) -> Result<bool, DbError> {
    match db.backend() {
        Backend::Sqlite(s) => {
            let users = Arc::clone(s.users()?);
            let holder = holder.clone();
            let app_label = app_label.to_owned();
            let codename = codename.to_owned();
            s.write(Durability::Full, move |c| sqlite::permissions::revoke(c, &users, &holder, &app_label, &codename))
                .await
        }
        Backend::Postgres(p) => postgres::permissions::revoke(p, holder, app_label, codename).await,
        Backend::MySql(m) => mysql::permissions::revoke(m, holder, app_label, codename).await,
    }
}

/// Returns the users who have the permission, themselves or by a group, in the order of their keys (A88).
///
/// # Errors
///
/// Any [`DbError`] of the machinery.
pub async fn users_with_perm(
    db: &Database,
    app_label: &str,
    codename: &str,
    which: WithPerm,
) -> Result<Vec<User>, DbError> {
    match db.backend() {
        Backend::Sqlite(s) => {
            let users = Arc::clone(s.users()?);
            let app_label = app_label.to_owned();
            let codename = codename.to_owned();
            s.read_much(move |c| sqlite::permissions::users_with_perm(c, &users, &app_label, &codename, which)).await
        }
        Backend::Postgres(p) => postgres::permissions::users_with_perm(p, app_label, codename, which).await,
        Backend::MySql(m) => mysql::permissions::users_with_perm(m, app_label, codename, which).await,
    }
}

/// Makes the permission, and its content type, unless they are there. Returns its primary key.
///
/// # Errors
///
/// Any [`DbError`] of the machinery.
pub async fn ensure(db: &Database, app_label: &str, model: &str, codename: &str, name: &str) -> Result<i64, DbError> {
    match db.backend() {
        Backend::Sqlite(s) => {
            let app_label = app_label.to_owned();
            let model = model.to_owned();
            let codename = codename.to_owned();
            let name = name.to_owned();
            s.write(Durability::Full, move |c| sqlite::permissions::ensure(c, &app_label, &model, &codename, &name))
                .await
        }
        Backend::Postgres(p) => postgres::permissions::ensure(p, app_label, model, codename, name).await,
        Backend::MySql(m) => mysql::permissions::ensure(m, app_label, model, codename, name).await,
    }
}
