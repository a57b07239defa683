//! `auth_permission` and its holders on PostgreSQL.

use cloakroom_core::keys::UserId;
use cloakroom_core::models::User;

use super::Postgres;
use crate::error::DbError;
use crate::permissions::{Effective, Granted, Holder, Permission, WithPerm};

pub(crate) async fn all(db: &Postgres) -> Result<Vec<Permission>, DbError> {
    todo!()
}

pub(crate) async fn all_labels(db: &Postgres) -> Result<Vec<String>, DbError> {
    todo!()
}

pub(crate) async fn of_user(db: &Postgres, user: &UserId) -> Result<Vec<String>, DbError> {
    todo!()
}

pub(crate) async fn of_user_groups(db: &Postgres, user: &UserId) -> Result<Vec<String>, DbError> {
    todo!()
}

pub(crate) async fn effective(db: &Postgres, user: &UserId) -> Result<Effective, DbError> {
    todo!()
}

pub(crate) async fn grant(db: &Postgres, holder: &Holder, app_label: &str, codename: &str) -> Result<Granted, DbError> {
    todo!()
}

pub(crate) async fn revoke(db: &Postgres, holder: &Holder, app_label: &str, codename: &str) -> Result<bool, DbError> {
    todo!()
}

pub(crate) async fn users_with_perm(
    db: &Postgres,
    app_label: &str,
    codename: &str,
    which: WithPerm,
) -> Result<Vec<User>, DbError> {
    todo!()
}

pub(crate) async fn ensure(
    db: &Postgres,
    app_label: &str,
    model: &str,
    codename: &str,
    name: &str,
) -> Result<i64, DbError> {
    todo!()
}
