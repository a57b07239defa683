//! `django_session` on MySQL.

use std::time::{Duration, Instant};

use cloakroom_core::clock::Timestamp;
use cloakroom_core::keys::{SessionKey, UserId};
use cloakroom_core::models::User;
use mysql_async::{Row, Value};

use super::MySql;
use super::fault::Fault;
use super::pool::Done;
use super::rows::{self, Place, moment};
use super::sql::session as sql;
use crate::error::{DbError, Table};
use crate::network::Deadline;
use crate::options::Updated;
use crate::sessions::{Counts, Created, SessionRow, Swapped};

pub(crate) async fn find(db: &MySql, key: &SessionKey, now: Timestamp) -> Result<Option<SessionRow>, DbError> {
    db.first(sql::FIND, (key.expose(), moment(now)), |row| read(row, 0)).await
}

pub(crate) async fn find_with_user(
    db: &MySql,
    key: &SessionKey,
    now: Timestamp,
    guess: &UserId,
) -> Result<Option<(SessionRow, Option<User>)>, DbError> {
    let users = db.users()?;
    let params = (users.id(guess), key.expose(), moment(now));
    db.first(&users.sql.session_with_user, params, |row| {
        let user = match row.as_ref(2) {
            Some(Value::NULL) => None,
            _ => Some(rows::user(users, row, 2)?),
        };
        Ok((read(row, 0)?, user))
    })
    .await
}

pub(crate) async fn exists(db: &MySql, key: &SessionKey) -> Result<bool, DbError> {
    db.any(sql::EXISTS, (key.expose(),)).await
}

pub(crate) async fn create(db: &MySql, key: &SessionKey, row: &SessionRow) -> Result<Created, DbError> {
    let deadline = Deadline::after(db.deadline);
    let params = (&*row.session_data, moment(row.expire_date), key.expose());
    let done = db.try_execute(deadline, sql::CREATE, params).await;
    db.name(deadline, created(done))
}

pub(crate) async fn update(db: &MySql, key: &SessionKey, row: &SessionRow) -> Result<Updated, DbError> {
    let params = (&*row.session_data, moment(row.expire_date), key.expose());
    db.execute(sql::UPDATE, params).await.map(updated)
}

pub(crate) async fn update_if(
    db: &MySql,
    key: &SessionKey,
    expected: &str,
    row: &SessionRow,
) -> Result<Swapped, DbError> {
    let params = (&*row.session_data, moment(row.expire_date), key.expose(), expected);
    if db.execute(sql::UPDATE_IF, params).await?.rows > 0 {
        return Ok(Swapped::Yes);
    }
    let stored = db.first(sql::GET, (key.expose(),), |row| read(row, 0)).await?;
    Ok(stored.map_or(Swapped::Gone, Swapped::Changed))
}

pub(crate) async fn cycle(
    db: &MySql,
    old: &SessionKey,
    new: &SessionKey,
    row: &SessionRow,
) -> Result<Created, DbError> {
    transaction!(db, |call| {
        let params = (&*row.session_data, moment(row.expire_date), new.expose());
        let created = created(call.execute(sql::CREATE, params).await)?;
        if created == Created::Yes && old != new {
            call.execute(sql::DELETE, (old.expose(),)).await?;
        }
        Ok(created)
    })
}

pub(crate) async fn touch(db: &MySql, key: &SessionKey, expire_date: Timestamp) -> Result<Updated, DbError> {
    db.execute(sql::TOUCH, (moment(expire_date), key.expose())).await.map(updated)
}

pub(crate) async fn delete(db: &MySql, key: &SessionKey) -> Result<bool, DbError> {
    Ok(db.execute(sql::DELETE, (key.expose(),)).await?.rows > 0)
}

/// Deletes up to `limit` expired rows: how many, and how long it took.
pub(crate) async fn clear_some(db: &MySql, now: Timestamp, limit: u32) -> Result<(u64, Duration), DbError> {
    let began = Instant::now();
    let done = db.execute(sql::CLEAR, (moment(now), limit)).await?;
    Ok((done.rows, began.elapsed()))
}

pub(crate) async fn count(db: &MySql, now: Timestamp) -> Result<Counts, DbError> {
    let counts = db.first(sql::COUNT, (moment(now),), |row| {
        let number = |at| PLACE.int(row, at, "session_key").map(i64::unsigned_abs);
        Ok(Counts { stored: number(0)?, live: number(1)? })
    });
    Ok(counts.await?.unwrap_or(Counts { stored: 0, live: 0 }))
}

pub(crate) async fn list_live(
    db: &MySql,
    now: Timestamp,
    after: Option<&SessionKey>,
    limit: usize,
) -> Result<Vec<(SessionKey, SessionRow)>, DbError> {
    let mut after = after.map(|key| key.expose().to_owned()).unwrap_or_default();
    let mut found = Vec::new();
    while found.len() < limit {
        let wanted = u64::try_from(limit - found.len()).unwrap_or(u64::MAX);
        let page = db
            .all(sql::LIST, (&after, moment(now), wanted), |row| {
                Ok((PLACE.text(row, 0, "session_key").ok(), read(row, 1)))
            })
            .await?;
        let seen = page.len() as u64;
        let mut last = None;
        for (text, session) in page {
            match (text.as_deref().and_then(SessionKey::parse), session) {
                (Some(key), Ok(session)) => found.push((key, session)),
                // Django gives out no key under eight characters (S11): nobody can hold such a session.
                (None, _) => {}
                (_, Err(_)) => tracing::warn!(table = Table::Session.as_str(), "a session cannot be read"),
            }
            last = text.or(last);
        }
        match last {
            Some(last) if seen == wanted => after = last,
            _ => break,
        }
    }
    Ok(found)
}

pub(crate) async fn newest(db: &MySql, now: Timestamp, limit: u32) -> Result<Vec<SessionKey>, DbError> {
    let keys = db.all(sql::NEWEST, (moment(now), limit), |row| PLACE.text(row, 0, "session_key")).await?;
    Ok(keys.iter().filter_map(|text| SessionKey::parse(text)).collect())
}

/// The row's key is a secret, and there is no other.
const PLACE: Place = Place { table: Table::Session, key: None };

fn created(done: Result<Done, Fault>) -> Result<Created, Fault> {
    match done {
        Ok(_) => Ok(Created::Yes),
        Err(fault) if fault.is_duplicate_of("primary") => Ok(Created::Taken),
        Err(fault) => Err(fault),
    }
}

fn updated(done: Done) -> Updated {
    if done.rows > 0 { Updated::Yes } else { Updated::Gone }
}

/// Reads `session_data` and `expire_date`.
fn read(row: &Row, from: usize) -> Result<SessionRow, Fault> {
    let session_data = PLACE.shared_text(row, from, "session_data")?;
    let expire_date = PLACE.time(row, from + 1, "expire_date")?;
    Ok(SessionRow { session_data, expire_date })
}
