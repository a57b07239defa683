//! `auth_user` on MySQL.

use cloakroom_core::clock::Timestamp;
use cloakroom_core::keys::UserId;
use cloakroom_core::models::{EncodedHash, User};

use super::MySql;
use crate::error::DbError;
use crate::options::Updated;
use crate::users::{Created, Flag, NewUser, Profile, Renamed, Swapped};

pub(crate) async fn by_id(db: &MySql, id: &UserId) -> Result<Option<User>, DbError> {
    todo!()
}

pub(crate) async fn by_username(db: &MySql, username: &str) -> Result<Option<User>, DbError> {
    todo!()
}

pub(crate) async fn by_email_iexact(db: &MySql, email: &str) -> Result<Vec<User>, DbError> {
    todo!()
}

pub(crate) async fn exists_username(db: &MySql, username: &str) -> Result<bool, DbError> {
    todo!()
}

pub(crate) async fn exists_username_iexact(db: &MySql, username: &str) -> Result<bool, DbError> {
    todo!()
}

pub(crate) async fn create(db: &MySql, user: &NewUser) -> Result<Created, DbError> {
    todo!()
}

pub(crate) async fn set_password(db: &MySql, id: &UserId, password: &EncodedHash) -> Result<Updated, DbError> {
    todo!()
}

pub(crate) async fn set_password_if(
    db: &MySql,
    id: &UserId,
    old: &EncodedHash,
    new: &EncodedHash,
) -> Result<Swapped, DbError> {
    todo!()
}

pub(crate) async fn set_last_login(db: &MySql, id: &UserId, at: Timestamp) -> Result<Updated, DbError> {
    todo!()
}

pub(crate) async fn update_profile(db: &MySql, id: &UserId, profile: &Profile) -> Result<Updated, DbError> {
    todo!()
}

pub(crate) async fn rename(db: &MySql, id: &UserId, username: &str) -> Result<Renamed, DbError> {
    todo!()
}

pub(crate) async fn set_flag(db: &MySql, id: &UserId, flag: Flag, value: bool) -> Result<Updated, DbError> {
    todo!()
}

pub(crate) async fn delete(db: &MySql, id: &UserId) -> Result<bool, DbError> {
    todo!()
}

pub(crate) async fn count(db: &MySql) -> Result<u64, DbError> {
    todo!()
}

pub(crate) async fn has_superuser(db: &MySql) -> Result<bool, DbError> {
    todo!()
}

pub(crate) async fn list(db: &MySql, after: Option<&UserId>, limit: usize) -> Result<Vec<User>, DbError> {
    todo!()
}
