//! `auth_user` on PostgreSQL.

use cloakroom_core::clock::Timestamp;
use cloakroom_core::keys::UserId;
use cloakroom_core::models::{EncodedHash, User};

use super::Postgres;
use crate::error::DbError;
use crate::options::Updated;
use crate::users::{Created, Flag, NewUser, Profile, Renamed, Swapped};

pub(crate) async fn by_id(db: &Postgres, id: &UserId) -> Result<Option<User>, DbError> {
    todo!()
}

pub(crate) async fn by_username(db: &Postgres, username: &str) -> Result<Option<User>, DbError> {
    todo!()
}

pub(crate) async fn by_email_iexact(db: &Postgres, email: &str) -> Result<Vec<User>, DbError> {
    todo!()
}

pub(crate) async fn exists_username(db: &Postgres, username: &str) -> Result<bool, DbError> {
    todo!()
}

pub(crate) async fn exists_username_iexact(db: &Postgres, username: &str) -> Result<bool, DbError> {
    todo!()
}

pub(crate) async fn create(db: &Postgres, user: &NewUser) -> Result<Created, DbError> {
    todo!()
}

pub(crate) async fn set_password(db: &Postgres, id: &UserId, password: &EncodedHash) -> Result<Updated, DbError> {
    todo!()
}

pub(crate) async fn set_password_if(
    db: &Postgres,
    id: &UserId,
    old: &EncodedHash,
    new: &EncodedHash,
) -> Result<Swapped, DbError> {
    todo!()
}

pub(crate) async fn set_last_login(db: &Postgres, id: &UserId, at: Timestamp) -> Result<Updated, DbError> {
    todo!()
}

pub(crate) async fn update_profile(db: &Postgres, id: &UserId, profile: &Profile) -> Result<Updated, DbError> {
    todo!()
}

pub(crate) async fn rename(db: &Postgres, id: &UserId, username: &str) -> Result<Renamed, DbError> {
    todo!()
}

pub(crate) async fn set_flag(db: &Postgres, id: &UserId, flag: Flag, value: bool) -> Result<Updated, DbError> {
    todo!()
}

pub(crate) async fn delete(db: &Postgres, id: &UserId) -> Result<bool, DbError> {
    todo!()
}

pub(crate) async fn count(db: &Postgres) -> Result<u64, DbError> {
    todo!()
}

pub(crate) async fn has_superuser(db: &Postgres) -> Result<bool, DbError> {
    todo!()
}

pub(crate) async fn list(db: &Postgres, after: Option<&UserId>, limit: usize) -> Result<Vec<User>, DbError> {
    todo!()
}
