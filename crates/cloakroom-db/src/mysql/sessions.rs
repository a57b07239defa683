//! `django_session` on MySQL.

use std::time::Duration;

use cloakroom_core::clock::Timestamp;
use cloakroom_core::keys::{SessionKey, UserId};
use cloakroom_core::models::User;

use super::MySql;
use crate::error::DbError;
use crate::options::Updated;
use crate::sessions::{Counts, Created, SessionRow, Swapped};

pub(crate) async fn find(db: &MySql, key: &SessionKey, now: Timestamp) -> Result<Option<SessionRow>, DbError> {
    todo!()
}

pub(crate) async fn find_with_user(
    db: &MySql,
    key: &SessionKey,
    now: Timestamp,
    guess: &UserId,
) -> Result<Option<(SessionRow, Option<User>)>, DbError> {
    todo!()
}

pub(crate) async fn exists(db: &MySql, key: &SessionKey) -> Result<bool, DbError> {
    todo!()
}

pub(crate) async fn create(db: &MySql, key: &SessionKey, row: &SessionRow) -> Result<Created, DbError> {
    todo!()
}

pub(crate) async fn update(db: &MySql, key: &SessionKey, row: &SessionRow) -> Result<Updated, DbError> {
    todo!()
}

pub(crate) async fn update_if(
    db: &MySql,
    key: &SessionKey,
    expected: &str,
    row: &SessionRow,
) -> Result<Swapped, DbError> {
    todo!()
}

pub(crate) async fn cycle(
    db: &MySql,
    old: &SessionKey,
    new: &SessionKey,
    row: &SessionRow,
) -> Result<Created, DbError> {
    todo!()
}

pub(crate) async fn touch(db: &MySql, key: &SessionKey, expire_date: Timestamp) -> Result<Updated, DbError> {
    todo!()
}

pub(crate) async fn delete(db: &MySql, key: &SessionKey) -> Result<bool, DbError> {
    todo!()
}

/// Deletes up to `limit` expired rows: how many, and how long it took.
pub(crate) async fn clear_some(db: &MySql, now: Timestamp, limit: u32) -> Result<(u64, Duration), DbError> {
    todo!()
}

pub(crate) async fn count(db: &MySql, now: Timestamp) -> Result<Counts, DbError> {
    todo!()
}

pub(crate) async fn list_live(
    db: &MySql,
    now: Timestamp,
    after: Option<&SessionKey>,
    limit: usize,
) -> Result<Vec<(SessionKey, SessionRow)>, DbError> {
    todo!()
}
