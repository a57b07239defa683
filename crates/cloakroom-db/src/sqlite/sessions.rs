//! `django_session` on SQLite.

use std::time::{Duration, Instant};

use cloakroom_core::clock::Timestamp;
use cloakroom_core::keys::{SessionKey, UserId};
use cloakroom_core::models::User;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row};

use super::Known;
use super::fault::Fault;
use super::rows::{self, Moment, Place};
use super::sql::session as sql;
use crate::error::{DbError, Table};
use crate::options::Updated;
use crate::sessions::{Counts, Created, SessionRow, Swapped};

pub(crate) fn find(c: &Connection, key: &SessionKey, now: Timestamp) -> Result<Option<SessionRow>, Fault> {
    rows::first(c, sql::FIND, (key.expose(), Moment::from(now)), |row| read(c, row, key))
}

pub(crate) fn find_with_user(
    c: &Connection,
    users: &Known,
    key: &SessionKey,
    now: Timestamp,
    guess: &UserId,
) -> Result<Option<(SessionRow, Option<User>)>, Fault> {
    rows::first(c, &users.sql.session_with_user, (key.expose(), Moment::from(now), users.id(guess)), |row| {
        let session = read(c, row, key)?;
        let user = match row.get_ref(2)? {
            ValueRef::Null => None,
            _ => Some(rows::user(users, row, 2)?),
        };
        Ok((session, user))
    })
}

pub(crate) fn exists(c: &Connection, key: &SessionKey) -> Result<bool, Fault> {
    rows::any(c, sql::EXISTS, (key.expose(),))
}

pub(crate) fn create(c: &Connection, key: &SessionKey, row: &SessionRow) -> Result<Created, Fault> {
    match rows::execute(c, sql::CREATE, (key.expose(), &row.session_data, Moment::from(row.expire_date))) {
        Ok(_) => Ok(Created::Yes),
        Err(fault) if fault.is_duplicate_of("django_session.session_key") => Ok(Created::Taken),
        Err(fault) => Err(fault),
    }
}

pub(crate) fn update(c: &Connection, key: &SessionKey, row: &SessionRow) -> Result<Updated, Fault> {
    rows::execute(c, sql::UPDATE, (key.expose(), &row.session_data, Moment::from(row.expire_date))).map(updated)
}

pub(crate) fn update_if(c: &Connection, key: &SessionKey, expected: &str, row: &SessionRow) -> Result<Swapped, Fault> {
    let params = (key.expose(), &row.session_data, Moment::from(row.expire_date), expected);
    if rows::execute(c, sql::UPDATE_IF, params)? > 0 {
        return Ok(Swapped::Yes);
    }
    let stored = rows::first(c, sql::GET, (key.expose(),), |row| read(c, row, key))?;
    Ok(stored.map_or(Swapped::Gone, Swapped::Changed))
}

pub(crate) fn cycle(c: &Connection, old: &SessionKey, new: &SessionKey, row: &SessionRow) -> Result<Created, Fault> {
    let created = create(c, new, row)?;
    if created == Created::Yes && old != new {
        delete(c, old)?;
    }
    Ok(created)
}

pub(crate) fn touch(c: &Connection, key: &SessionKey, expire_date: Timestamp) -> Result<Updated, Fault> {
    rows::execute(c, sql::TOUCH, (key.expose(), Moment::from(expire_date))).map(updated)
}

pub(crate) fn delete(c: &Connection, key: &SessionKey) -> Result<bool, Fault> {
    Ok(rows::execute(c, sql::DELETE, (key.expose(),))? > 0)
}

/// Deletes up to `limit` expired rows: how many, and how long it took.
pub(crate) fn clear_some(c: &Connection, now: Timestamp, limit: u32) -> Result<(u64, Duration), Fault> {
    let began = Instant::now();
    let deleted = rows::execute(c, sql::CLEAR, (Moment::from(now), limit))?;
    Ok((deleted as u64, began.elapsed()))
}

pub(crate) fn count(c: &Connection, now: Timestamp) -> Result<Counts, Fault> {
    let counts = c.prepare_cached(sql::COUNT)?.query_row((Moment::from(now),), |row| {
        Ok(Counts { stored: row.get::<_, i64>(0)?.unsigned_abs(), live: row.get::<_, i64>(1)?.unsigned_abs() })
    })?;
    Ok(counts)
}

pub(crate) fn list_live(
    c: &Connection,
    now: Timestamp,
    after: Option<&SessionKey>,
    limit: usize,
) -> Result<Vec<(SessionKey, SessionRow)>, Fault> {
    let mut after = after.map(|key| key.expose().to_owned()).unwrap_or_default();
    let mut found = Vec::new();
    while found.len() < limit {
        let wanted = i64::try_from(limit - found.len()).unwrap_or(i64::MAX);
        let mut statement = c.prepare_cached(sql::LIST)?;
        let mut rows = statement.query((&after, Moment::from(now), wanted))?;
        let mut seen = 0;
        let mut last = None;
        while let Some(row) = rows.next()? {
            seen += 1;
            let place = Place { table: Table::Session, key: 3 };
            let text = place.text(row, 0, "session_key").ok();
            match (text.as_deref().and_then(SessionKey::parse), columns(row, 1)) {
                (Some(key), Ok(session)) => found.push((key, session)),
                // Django gives out no key under eight characters (S11): nobody can hold such a session.
                (None, _) => {}
                (_, Err(column)) => tracing::warn!(
                    table = Table::Session.as_str(),
                    column,
                    rowid = row.get::<_, i64>(3).unwrap_or_default(),
                    "a session cannot be read"
                ),
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

pub(crate) fn newest(c: &Connection, now: Timestamp, limit: u32) -> Result<Vec<SessionKey>, Fault> {
    let keys = rows::all(c, sql::NEWEST, (Moment::from(now), limit), |row| {
        Ok(row.get_ref(0)?.as_str().ok().and_then(SessionKey::parse))
    })?;
    Ok(keys.into_iter().flatten().collect())
}

fn updated(rows: usize) -> Updated {
    if rows > 0 { Updated::Yes } else { Updated::Gone }
}

fn read(c: &Connection, row: &Row<'_>, key: &SessionKey) -> Result<SessionRow, Fault> {
    columns(row, 0).map_err(|column| corrupt(c, key, column))
}

/// Reads `session_data` and `expire_date`, or tells which of them cannot be read.
fn columns(row: &Row<'_>, from: usize) -> Result<SessionRow, &'static str> {
    let place = Place { table: Table::Session, key: from };
    let session_data = place.shared_text(row, from, "session_data").map_err(|_| "session_data")?;
    let expire_date = place.time(row, from + 1, "expire_date").map_err(|_| "expire_date")?;
    Ok(SessionRow { session_data, expire_date })
}

#[cold]
fn corrupt(c: &Connection, key: &SessionKey, column: &'static str) -> Fault {
    let rowid = c.query_row(sql::ROWID, (key.expose(),), |row| row.get::<_, i64>(0));
    let key = rowid.map_or_else(|_| "unknown".to_owned(), |id| format!("rowid {id}"));
    Fault::Db(DbError::Corrupt { table: Table::Session, column, key })
}
