//! `auth_permission` and its holders on MySQL.

use cloakroom_core::keys::UserId;
use cloakroom_core::models::User;

use super::MySql;
use crate::error::DbError;
use crate::permissions::{Effective, Granted, Holder, Permission, WithPerm};

pub(crate) async fn all(db: &MySql) -> Result<Vec<Permission>, DbError> {
    todo!()
}

pub(crate) async fn all_labels(db: &MySql) -> Result<Vec<String>, DbError> {
    todo!()
}

pub(crate) async fn of_user(db: &MySql, user: &UserId) -> Result<Vec<String>, DbError> {
    todo!()
}

pub(crate) async fn of_user_groups(db: &MySql, user: &UserId) -> Result<Vec<String>, DbError> {
    todo!()
}

pub(crate) async fn effective(db: &MySql, user: &UserId) -> Result<Effective, DbError> {
    todo!()
}

pub(crate) async fn grant(db: &MySql, holder: &Holder, app_label: &str, codename: &str) -> Result<Granted, DbError> {
    todo!()
}

pub(crate) async fn revoke(db: &MySql, holder: &Holder, app_label: &str, codename: &str) -> Result<bool, DbError> {
    todo!()
}

pub(crate) async fn users_with_perm(
    db: &MySql,
    app_label: &str,
    codename: &str,
    which: WithPerm,
) -> Result<Vec<User>, DbError> {
    todo!()
}

pub(crate) async fn ensure(
    db: &MySql,
    app_label: &str,
    model: &str,
    codename: &str,
    name: &str,
) -> Result<i64, DbError> {
    todo!()
}
