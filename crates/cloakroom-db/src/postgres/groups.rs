//! `auth_group` and `auth_user_groups` on PostgreSQL.

use cloakroom_core::keys::UserId;
use cloakroom_core::models::Group;

use super::Postgres;
use crate::error::DbError;
use crate::groups::{Created, Joined};

pub(crate) async fn all(db: &Postgres) -> Result<Vec<Group>, DbError> {
    todo!()
}

pub(crate) async fn by_name(db: &Postgres, name: &str) -> Result<Option<Group>, DbError> {
    todo!()
}

pub(crate) async fn of_user(db: &Postgres, user: &UserId) -> Result<Vec<Group>, DbError> {
    todo!()
}

pub(crate) async fn create(db: &Postgres, name: &str) -> Result<Created, DbError> {
    todo!()
}

pub(crate) async fn delete(db: &Postgres, group: i64) -> Result<bool, DbError> {
    todo!()
}

pub(crate) async fn add_user(db: &Postgres, group: i64, user: &UserId) -> Result<Joined, DbError> {
    todo!()
}

pub(crate) async fn remove_user(db: &Postgres, group: i64, user: &UserId) -> Result<bool, DbError> {
    todo!()
}
