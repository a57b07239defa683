//! `auth_group` and `auth_user_groups` on MySQL.

use cloakroom_core::keys::UserId;
use cloakroom_core::models::Group;

use super::MySql;
use crate::error::DbError;
use crate::groups::{Created, Joined};

pub(crate) async fn all(db: &MySql) -> Result<Vec<Group>, DbError> {
    todo!()
}

pub(crate) async fn by_name(db: &MySql, name: &str) -> Result<Option<Group>, DbError> {
    todo!()
}

pub(crate) async fn of_user(db: &MySql, user: &UserId) -> Result<Vec<Group>, DbError> {
    todo!()
}

pub(crate) async fn create(db: &MySql, name: &str) -> Result<Created, DbError> {
    todo!()
}

pub(crate) async fn delete(db: &MySql, group: i64) -> Result<bool, DbError> {
    todo!()
}

pub(crate) async fn add_user(db: &MySql, group: i64, user: &UserId) -> Result<Joined, DbError> {
    todo!()
}

pub(crate) async fn remove_user(db: &MySql, group: i64, user: &UserId) -> Result<bool, DbError> {
    todo!()
}
