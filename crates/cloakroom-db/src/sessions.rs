//! `django_session` (A06): queries as Django's `db` engine asks them (S45–S49).

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use cloakroom_core::clock::Timestamp;
use cloakroom_core::keys::{SessionKey, UserId};
use cloakroom_core::models::User;
use cloakroom_core::near::{Stamp, Touched};

use crate::database::{Backend, Database};
use crate::error::DbError;
use crate::mysql;
use crate::options::{Durability, Updated};
use crate::postgres;
use crate::sqlite;

/// What is stored under a session key.
#[derive(Clone, PartialEq, Eq)]
pub struct SessionRow {
    /// The signed text of the session's data (S30).
    pub session_data: Arc<str>,
    /// When the session ends.
    pub expire_date: Timestamp,
}

/// Does not show the data.
impl fmt::Debug for SessionRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionRow").field("expire_date", &self.expire_date).finish_non_exhaustive()
    }
}

/// Whether a key was free.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "a key that is taken names somebody else's session"]
#[non_exhaustive]
pub enum Created {
    /// It was, and the row is stored.
    Yes,
    /// It was not; nothing was written.
    Taken,
}

/// What a compare-and-swap met.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "a row that has changed was not written"]
#[non_exhaustive]
pub enum Swapped {
    /// The expected data; the row is as asked.
    Yes,
    /// Other data, which is given; nothing was written.
    Changed(SessionRow),
    /// No row; nothing was written.
    Gone,
}

/// How many sessions there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counts {
    /// Rows, expired ones included.
    pub stored: u64,
    /// Rows that are live.
    pub live: u64,
}

/// Returns the session under `key` if it is live: `expire_date` later than `now` (S45).
///
/// # Errors
///
/// Any [`DbError`] of the machinery; [`DbError::Corrupt`] if the row cannot be read.
pub async fn find(db: &Database, key: &SessionKey, now: Timestamp) -> Result<Option<SessionRow>, DbError> {
    match db.backend() {
        Backend::Sqlite(s) => s.read(|c| sqlite::sessions::find(c, key, now)).await,
        Backend::Postgres(p) => postgres::sessions::find(p, key, now).await,
        Backend::MySql(m) => mysql::sessions::find(m, key, now).await,
    }
}

/// As [`find`], and in the same statement the user `guess` if there is one: who was seen with this session before.
///
/// # Errors
///
/// As [`find`].
pub async fn find_with_user(
    db: &Database,
    key: &SessionKey,
    now: Timestamp,
    guess: &UserId,
) -> Result<Option<(SessionRow, Option<User>)>, DbError> {
    match db.backend() {
        Backend::Sqlite(s) => {
            let users = s.users()?;
            s.read(|c| sqlite::sessions::find_with_user(c, users, key, now, guess)).await
        }
        Backend::Postgres(p) => postgres::sessions::find_with_user(p, key, now, guess).await,
        Backend::MySql(m) => mysql::sessions::find_with_user(m, key, now, guess).await,
    }
}

/// Whether there is a row under `key`, live or expired (S47).
///
/// # Errors
///
/// Any [`DbError`] of the machinery.
pub async fn exists(db: &Database, key: &SessionKey) -> Result<bool, DbError> {
    match db.backend() {
        Backend::Sqlite(s) => s.read(|c| sqlite::sessions::exists(c, key)).await,
        Backend::Postgres(p) => postgres::sessions::exists(p, key).await,
        Backend::MySql(m) => mysql::sessions::exists(m, key).await,
    }
}

/// Stores a new row if `key` is free, in one atomic step (S46, F02).
///
/// # Errors
///
/// Any [`DbError`] of the machinery.
pub async fn create(
    db: &Database,
    key: &SessionKey,
    row: SessionRow,
    durability: Durability,
) -> Result<Created, DbError> {
    match db.backend() {
        Backend::Sqlite(s) => {
            let key = key.clone();
            let touched = Touched::Session(key.clone());
            s.write_touching(durability, touched, move |c| sqlite::sessions::create(c, &key, &row)).await
        }
        Backend::Postgres(p) => postgres::sessions::create(p, key, &row).await,
        Backend::MySql(m) => mysql::sessions::create(m, key, &row).await,
    }
}

/// Overwrites the row under `key` if there is one, live or expired (S46). Never makes one (D6).
///
/// # Errors
///
/// Any [`DbError`] of the machinery.
pub async fn update(
    db: &Database,
    key: &SessionKey,
    row: SessionRow,
    durability: Durability,
) -> Result<Updated, DbError> {
    match db.backend() {
        Backend::Sqlite(s) => {
            let key = key.clone();
            let touched = Touched::Session(key.clone());
            s.write_touching(durability, touched, move |c| sqlite::sessions::update(c, &key, &row)).await
        }
        Backend::Postgres(p) => postgres::sessions::update(p, key, &row).await,
        Backend::MySql(m) => mysql::sessions::update(m, key, &row).await,
    }
}

/// Overwrites the row under `key` if its data still is `expected`; tells what it is otherwise (D6).
///
/// # Errors
///
/// Any [`DbError`] of the machinery.
pub async fn update_if(
    db: &Database,
    key: &SessionKey,
    expected: &str,
    row: SessionRow,
    durability: Durability,
) -> Result<Swapped, DbError> {
    Ok(update_if_stamped(db, key, expected, row, durability).await?.0)
}

/// As [`update_if`]; gives, too, the stamp by which a copy of what was written holds, where the database tells it.
///
/// # Errors
///
/// Any [`DbError`] of the machinery.
pub async fn update_if_stamped(
    db: &Database,
    key: &SessionKey,
    expected: &str,
    row: SessionRow,
    durability: Durability,
) -> Result<(Swapped, Option<Stamp>), DbError> {
    let swapped = match db.backend() {
        Backend::Sqlite(s) => {
            let (key, expected) = (key.clone(), expected.to_owned());
            let touched = Touched::Session(key.clone());
            let job = move |c: &_| sqlite::sessions::update_if(c, &key, &expected, &row);
            let (swapped, written) = s.write_stamped(durability, touched, job).await?;
            let written = (swapped == Swapped::Yes).then_some(written);
            return Ok((swapped, written));
        }
        // In boxes: who writes into SQLite needs no room for these.
        Backend::Postgres(p) => Box::pin(postgres::sessions::update_if(p, key, expected, &row)).await?,
        Backend::MySql(m) => Box::pin(mysql::sessions::update_if(m, key, expected, &row)).await?,
    };
    Ok((swapped, None))
}

/// Stores `row` under the free key `new` and deletes the row under `old`, both or neither. An absent `old` is no error.
///
/// # Errors
///
/// Any [`DbError`] of the machinery.
pub async fn cycle(
    db: &Database,
    old: &SessionKey,
    new: &SessionKey,
    row: SessionRow,
    durability: Durability,
) -> Result<Created, DbError> {
    match db.backend() {
        Backend::Sqlite(s) => {
            let (old, new) = (old.clone(), new.clone());
            let touched = Touched::Sessions(old.clone(), new.clone());
            s.write_touching(durability, touched, move |c| sqlite::sessions::cycle(c, &old, &new, &row)).await
        }
        Backend::Postgres(p) => postgres::sessions::cycle(p, old, new, &row).await,
        Backend::MySql(m) => mysql::sessions::cycle(m, old, new, &row).await,
    }
}

/// Moves the end of the session and leaves its data alone (D15).
///
/// # Errors
///
/// Any [`DbError`] of the machinery.
pub async fn touch(db: &Database, key: &SessionKey, expire_date: Timestamp) -> Result<Updated, DbError> {
    match db.backend() {
        Backend::Sqlite(s) => {
            let key = key.clone();
            let touched = Touched::Session(key.clone());
            s.write_touching(Durability::Normal, touched, move |c| sqlite::sessions::touch(c, &key, expire_date)).await
        }
        Backend::Postgres(p) => postgres::sessions::touch(p, key, expire_date).await,
        Backend::MySql(m) => mysql::sessions::touch(m, key, expire_date).await,
    }
}

/// Deletes the row under `key`; whether there was one (S47).
///
/// # Errors
///
/// Any [`DbError`] of the machinery.
pub async fn delete(db: &Database, key: &SessionKey, durability: Durability) -> Result<bool, DbError> {
    match db.backend() {
        Backend::Sqlite(s) => {
            let key = key.clone();
            let touched = Touched::Session(key.clone());
            s.write_touching(durability, touched, move |c| sqlite::sessions::delete(c, &key)).await
        }
        Backend::Postgres(p) => postgres::sessions::delete(p, key).await,
        Backend::MySql(m) => mysql::sessions::delete(m, key).await,
    }
}

/// How long one step of [`clear_expired`] aims to keep other writes waiting.
const CLEAR_STEP: Duration = Duration::from_millis(20);

/// Rows that the first step of [`clear_expired`] deletes, and rows that any step does at most.
const CLEAR_START: u32 = 256;
const CLEAR_MOST: u32 = 16_384;

/// Deletes rows whose `expire_date` is earlier than `now` (S48), in steps that let other writes in between. `progress`
/// is told the number so far after each step. Returns how many were deleted.
///
/// # Errors
///
/// Any [`DbError`] of the machinery; what earlier steps deleted stays deleted.
pub async fn clear_expired(
    db: &Database,
    now: Timestamp,
    progress: &mut (dyn FnMut(u64) + Send),
) -> Result<u64, DbError> {
    let (mut cleared, mut limit) = (0, CLEAR_START);
    loop {
        let (deleted, took) = match db.backend() {
            Backend::Sqlite(s) => {
                let touched = Touched::SessionsBefore(now);
                s.write_touching(Durability::Normal, touched, move |c| sqlite::sessions::clear_some(c, now, limit))
                    .await?
            }
            Backend::Postgres(p) => postgres::sessions::clear_some(p, now, limit).await?,
            Backend::MySql(m) => mysql::sessions::clear_some(m, now, limit).await?,
        };
        cleared += deleted;
        progress(cleared);
        if deleted < u64::from(limit) {
            return Ok(cleared);
        }
        if took > CLEAR_STEP {
            limit = (limit / 2).max(1);
        } else if took < CLEAR_STEP / 4 {
            limit = (limit * 2).min(CLEAR_MOST);
        }
    }
}

/// Counts the rows. Reads a whole index: not for a request's path.
///
/// # Errors
///
/// Any [`DbError`] of the machinery.
pub async fn count(db: &Database, now: Timestamp) -> Result<Counts, DbError> {
    match db.backend() {
        Backend::Sqlite(s) => s.read_much(move |c| sqlite::sessions::count(c, now)).await,
        Backend::Postgres(p) => postgres::sessions::count(p, now).await,
        Backend::MySql(m) => mysql::sessions::count(m, now).await,
    }
}

/// Returns up to `limit` live sessions in the order of their keys, those after `after`. Ask again with the last key
/// until fewer than `limit` come.
///
/// # Errors
///
/// Any [`DbError`] of the machinery. A row that cannot be read is left out and logged, as one bad row must not hide the rest.
pub async fn list_live(
    db: &Database,
    now: Timestamp,
    after: Option<&SessionKey>,
    limit: usize,
) -> Result<Vec<(SessionKey, SessionRow)>, DbError> {
    match db.backend() {
        Backend::Sqlite(s) => {
            let after = after.cloned();
            s.read_much(move |c| sqlite::sessions::list_live(c, now, after.as_ref(), limit)).await
        }
        Backend::Postgres(p) => postgres::sessions::list_live(p, now, after, limit).await,
        Backend::MySql(m) => mysql::sessions::list_live(m, now, after, limit).await,
    }
}

/// Returns the keys of up to `limit` live sessions, those that end last first: mostly those that were saved last. Without
/// those that no cookie can name.
///
/// # Errors
///
/// Any [`DbError`] of the machinery.
pub async fn newest(db: &Database, now: Timestamp, limit: u32) -> Result<Vec<SessionKey>, DbError> {
    match db.backend() {
        Backend::Sqlite(s) => s.read(|c| sqlite::sessions::newest(c, now, limit)).await,
        Backend::Postgres(p) => postgres::sessions::newest(p, now, limit).await,
        Backend::MySql(m) => mysql::sessions::newest(m, now, limit).await,
    }
}
