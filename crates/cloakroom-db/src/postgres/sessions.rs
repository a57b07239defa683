//! `django_session` on PostgreSQL.

use std::time::{Duration, Instant};

use cloakroom_core::clock::Timestamp;
use cloakroom_core::keys::{SessionKey, UserId};
use cloakroom_core::models::User;
use cloakroom_core::near::Touched;
use tokio_postgres::Row;

use super::Postgres;
use super::rows::{self, Moment, Place, Sought};
use super::sql::session as sql;
use crate::error::{DbError, Table};
use crate::options::Updated;
use crate::sessions::{Counts, Created, SessionRow, Swapped};

pub(crate) async fn find(db: &Postgres, key: &SessionKey, now: Timestamp) -> Result<Option<SessionRow>, DbError> {
    let found = db.read_shared(sql::FIND, &[&Sought(key.expose()), &Moment(now)]).await?;
    rows::first(&found, |row| read(row, 0))
}

pub(crate) async fn find_with_user(
    db: &Postgres,
    key: &SessionKey,
    now: Timestamp,
    guess: &UserId,
) -> Result<Option<(SessionRow, Option<User>)>, DbError> {
    let users = db.users()?;
    let params: super::Params<'_> = &[&Sought(key.expose()), &Moment(now), &users.id(guess)];
    let found = db.read_shared(&users.sql.session_with_user, params).await?;
    rows::first(&found, |row| {
        let user = if rows::has_user(row, 2) { Some(rows::user(users, row, 2)?) } else { None };
        Ok((read(row, 0)?, user))
    })
}

pub(crate) async fn exists(db: &Postgres, key: &SessionKey) -> Result<bool, DbError> {
    Ok(!db.read_shared(sql::EXISTS, &[&Sought(key.expose())]).await?.is_empty())
}

pub(crate) async fn create(db: &Postgres, key: &SessionKey, row: &SessionRow) -> Result<Created, DbError> {
    let made = db
        .execute_touching(of(key), sql::CREATE, &[&key.expose(), &&*row.session_data, &Moment(row.expire_date)])
        .await?;
    Ok(created(made > 0))
}

pub(crate) async fn update(db: &Postgres, key: &SessionKey, row: &SessionRow) -> Result<Updated, DbError> {
    let params: super::Params<'_> = &[&Sought(key.expose()), &&*row.session_data, &Moment(row.expire_date)];
    db.execute_touching(of(key), sql::UPDATE, params).await.map(updated)
}

pub(crate) async fn update_if(
    db: &Postgres,
    key: &SessionKey,
    expected: &str,
    row: &SessionRow,
) -> Result<Swapped, DbError> {
    let touched = of(key);
    let key = Sought(key.expose());
    let params: super::Params<'_> = &[&key, &&*row.session_data, &Moment(row.expire_date), &Sought(expected)];
    if db.execute_touching(touched, sql::UPDATE_IF, params).await? > 0 {
        return Ok(Swapped::Yes);
    }
    let stored = db.read(sql::GET, &[&key]).await?;
    Ok(rows::first(&stored, |row| read(row, 0))?.map_or(Swapped::Gone, Swapped::Changed))
}

pub(crate) async fn cycle(
    db: &Postgres,
    old: &SessionKey,
    new: &SessionKey,
    row: &SessionRow,
) -> Result<Created, DbError> {
    if old == new {
        return create(db, new, row).await;
    }
    let touched = Touched::Sessions(old.clone(), new.clone());
    let old = Sought(old.expose());
    let params: super::Params<'_> = &[&new.expose(), &&*row.session_data, &Moment(row.expire_date), &old];
    let answer = db.write_touching(touched, sql::CYCLE, params).await?;
    Ok(created(rows::first(&answer, |row| PLACE.flag(row, 0, "session_key"))?.unwrap_or(false)))
}

pub(crate) async fn touch(db: &Postgres, key: &SessionKey, expire_date: Timestamp) -> Result<Updated, DbError> {
    db.execute_touching(of(key), sql::TOUCH, &[&Sought(key.expose()), &Moment(expire_date)]).await.map(updated)
}

pub(crate) async fn delete(db: &Postgres, key: &SessionKey) -> Result<bool, DbError> {
    Ok(db.execute_touching(of(key), sql::DELETE, &[&Sought(key.expose())]).await? > 0)
}

/// Deletes up to `limit` expired rows: how many, and how long it took.
pub(crate) async fn clear_some(db: &Postgres, now: Timestamp, limit: u32) -> Result<(u64, Duration), DbError> {
    let began = Instant::now();
    let deleted =
        db.execute_touching(Touched::SessionsBefore(now), sql::CLEAR, &[&Moment(now), &i64::from(limit)]).await?;
    Ok((deleted, began.elapsed()))
}

pub(crate) async fn count(db: &Postgres, now: Timestamp) -> Result<Counts, DbError> {
    let counted = db.read(sql::COUNT, &[&Moment(now)]).await?;
    let counts = rows::first(&counted, |row| {
        let stored = PLACE.int(row, 0, "session_key")?.unsigned_abs();
        Ok(Counts { stored, live: PLACE.int(row, 1, "session_key")?.unsigned_abs() })
    })?;
    Ok(counts.unwrap_or(Counts { stored: 0, live: 0 }))
}

pub(crate) async fn list_live(
    db: &Postgres,
    now: Timestamp,
    after: Option<&SessionKey>,
    limit: usize,
) -> Result<Vec<(SessionKey, SessionRow)>, DbError> {
    let mut after = after.map(|key| key.expose().to_owned()).unwrap_or_default();
    let mut found = Vec::new();
    while found.len() < limit {
        let wanted = limit - found.len();
        let most = i64::try_from(wanted).unwrap_or(i64::MAX);
        let rows = db.read(sql::LIST, &[&Sought(&after), &Moment(now), &most]).await?;
        for row in &rows {
            let key = PLACE.text(row, 0, "session_key")?;
            match (SessionKey::parse(&key), read(row, 1)) {
                (Some(key), Ok(session)) => found.push((key, session)),
                // Django gives out no key under eight characters (S11): nobody can hold such a session.
                (None, _) => {}
                (_, Err(error)) => tracing::warn!(%error, "a session cannot be read"),
            }
            after = key;
        }
        if rows.len() < wanted {
            break;
        }
    }
    Ok(found)
}

pub(crate) async fn newest(db: &Postgres, now: Timestamp, limit: u32) -> Result<Vec<SessionKey>, DbError> {
    let rows = db.read(sql::NEWEST, &[&Moment(now), &i64::from(limit)]).await?;
    let keys = rows.iter().map(|row| PLACE.text(row, 0, "session_key"));
    keys.filter_map(|key| key.map(|key| SessionKey::parse(&key)).transpose()).collect()
}

/// A session's key is a secret, and its row has no other name.
const PLACE: Place = Place { table: Table::Session, key: None };

fn of(key: &SessionKey) -> Touched {
    Touched::Session(key.clone())
}

fn created(made: bool) -> Created {
    if made { Created::Yes } else { Created::Taken }
}

fn updated(rows: u64) -> Updated {
    if rows > 0 { Updated::Yes } else { Updated::Gone }
}

/// Reads `session_data` and `expire_date`.
fn read(row: &Row, from: usize) -> Result<SessionRow, DbError> {
    let session_data = PLACE.shared_text(row, from, "session_data")?;
    Ok(SessionRow { session_data, expire_date: PLACE.time(row, from + 1, "expire_date")? })
}
