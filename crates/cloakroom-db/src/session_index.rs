//! `cloakroom_session_index` (D13): whose sessions there are. Django has no such table and knows nothing of this one.
//!
//! The table is ours, made by [`migrations::migrate`](crate::migrations::migrate) as migration `0001_session_index` of the
//! app `cloakroom`, which Django skips as it skips every app that is not installed. Where it is missing, each function
//! here fails with [`DbError::NotMigrated`] and callers do without.
//!
//! A row says what was last seen of a session; whether the session lives, its own store alone knows.

use std::collections::HashSet;
use std::fmt;

use cloakroom_core::clock::Timestamp;
use cloakroom_core::near::Touched;

use crate::database::{Backend, Database};
use crate::error::DbError;
use crate::migrations::{Migration, OWN_APP};
use crate::mysql;
use crate::options::Durability;
use crate::postgres;
use crate::sqlite;

/// The migration that makes the table.
pub(crate) const MADE: Migration = Migration { app: OWN_APP, name: "0001_session_index" };

/// Recorded once every session that was there before the table is in it.
pub(crate) const FILLED: Migration = Migration { app: OWN_APP, name: "0002_session_index_filled" };

/// The table's name.
pub(crate) const TABLE: &str = "cloakroom_session_index";

/// Most characters of [`Entry::user_id`], [`Entry::sealed_key`], [`Entry::address`], [`Entry::user_agent`].
pub const WIDTHS: [usize; 4] = [255, 255, 45, 256];

/// What is known of one session. No text may be longer than its column ([`WIDTHS`]).
#[derive(Clone, PartialEq, Eq)]
pub struct Entry {
    /// A hash of the session's key, 24 hexadecimal digits: what the session is shown as.
    pub handle: String,
    /// Whose session it is, as the session itself says it.
    pub user_id: String,
    /// The session's key, sealed by a secret that the database does not have.
    pub sealed_key: String,
    /// When the session was first seen.
    pub first_seen: Timestamp,
    /// When it was last seen, give or take the interval at which that is noted.
    pub last_seen: Timestamp,
    /// When it ends, as far as the index knows.
    pub expire_date: Timestamp,
    /// From where it was last used; may be empty.
    pub address: String,
    /// What it was last used with; may be empty.
    pub user_agent: String,
}

/// Shows neither key nor person.
impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entry")
            .field("handle", &self.handle)
            .field("expire_date", &self.expire_date)
            .finish_non_exhaustive()
    }
}

/// A change to the index.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Note {
    /// A session was used. A new one is entered; of a known one all but [`first_seen`](Entry::first_seen) is renewed, an
    /// empty address or agent aside, and its end only if that is [`Known`](End::Known).
    Seen(Entry, End),
    /// A session was found. It is entered, and nothing changes if it is there already.
    Found(Entry),
    /// A session has another key from now on.
    Moved {
        /// The handle that it had.
        old: String,
        /// The handle that it has.
        new: String,
        /// Its new key, sealed.
        sealed_key: String,
    },
    /// A session turned out to end at another time.
    Ends {
        /// Which.
        handle: String,
        /// When.
        expire_date: Timestamp,
    },
    /// A session has ended.
    Gone {
        /// Which.
        handle: String,
    },
}

/// Whether the end of a session is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// It was just stored.
    Known,
    /// It is the latest that it can be.
    AtMost,
}

/// Writes changes, all or none, in their order.
///
/// # Errors
///
/// Any [`DbError`] of the machinery; [`DbError::NotMigrated`] where there is no index.
pub async fn apply(db: &Database, notes: Vec<Note>) -> Result<(), DbError> {
    match db.backend() {
        Backend::Sqlite(s) => {
            s.write_touching(Durability::Normal, Touched::Nothing, move |c| sqlite::session_index::apply(c, &notes))
                .await
        }
        Backend::Postgres(p) => postgres::session_index::apply(p, &notes).await,
        Backend::MySql(m) => mysql::session_index::apply(m, &notes).await,
    }
}

/// The entries of a user, expired ones included, the first seen first.
///
/// # Errors
///
/// Any [`DbError`] of the machinery; [`DbError::NotMigrated`] where there is no index.
pub async fn for_user(db: &Database, user_id: &str) -> Result<Vec<Entry>, DbError> {
    match db.backend() {
        Backend::Sqlite(s) => s.read(|c| sqlite::session_index::for_user(c, user_id)).await,
        Backend::Postgres(p) => postgres::session_index::for_user(p, user_id).await,
        Backend::MySql(m) => mysql::session_index::for_user(m, user_id).await,
    }
}

/// The entry under a handle.
///
/// # Errors
///
/// Any [`DbError`] of the machinery; [`DbError::NotMigrated`] where there is no index.
pub async fn find(db: &Database, handle: &str) -> Result<Option<Entry>, DbError> {
    match db.backend() {
        Backend::Sqlite(s) => s.read(|c| sqlite::session_index::find(c, handle)).await,
        Backend::Postgres(p) => postgres::session_index::find(p, handle).await,
        Backend::MySql(m) => mysql::session_index::find(m, handle).await,
    }
}

/// Those of the handles that have an entry.
///
/// # Errors
///
/// Any [`DbError`] of the machinery; [`DbError::NotMigrated`] where there is no index.
pub async fn known(db: &Database, handles: &[String]) -> Result<HashSet<String>, DbError> {
    match db.backend() {
        Backend::Sqlite(s) => s.read(|c| sqlite::session_index::known(c, handles)).await,
        Backend::Postgres(p) => postgres::session_index::known(p, handles).await,
        Backend::MySql(m) => mysql::session_index::known(m, handles).await,
    }
}

/// Up to `limit` entries, those that end last first.
///
/// # Errors
///
/// Any [`DbError`] of the machinery; [`DbError::NotMigrated`] where there is no index.
pub async fn latest(db: &Database, limit: u32) -> Result<Vec<Entry>, DbError> {
    match db.backend() {
        Backend::Sqlite(s) => s.read(|c| sqlite::session_index::latest(c, limit)).await,
        Backend::Postgres(p) => postgres::session_index::latest(p, limit).await,
        Backend::MySql(m) => mysql::session_index::latest(m, limit).await,
    }
}

/// Up to `limit` entries in the order of their handles, those after `after`. Ask again with the last handle until fewer
/// come.
///
/// # Errors
///
/// Any [`DbError`] of the machinery; [`DbError::NotMigrated`] where there is no index.
pub async fn page(db: &Database, after: &str, limit: u32) -> Result<Vec<Entry>, DbError> {
    match db.backend() {
        Backend::Sqlite(s) => s.read(|c| sqlite::session_index::page(c, after, limit)).await,
        Backend::Postgres(p) => postgres::session_index::page(p, after, limit).await,
        Backend::MySql(m) => mysql::session_index::page(m, after, limit).await,
    }
}

/// Up to `limit` entries that ended before `now` by what the index knows.
///
/// # Errors
///
/// Any [`DbError`] of the machinery; [`DbError::NotMigrated`] where there is no index.
pub async fn expired(db: &Database, now: Timestamp, limit: u32) -> Result<Vec<Entry>, DbError> {
    match db.backend() {
        Backend::Sqlite(s) => s.read(|c| sqlite::session_index::expired(c, now, limit)).await,
        Backend::Postgres(p) => postgres::session_index::expired(p, now, limit).await,
        Backend::MySql(m) => mysql::session_index::expired(m, now, limit).await,
    }
}

/// Whether the sessions that were there before the index are in it.
///
/// # Errors
///
/// Any [`DbError`] of the machinery.
pub async fn is_filled(db: &Database) -> Result<bool, DbError> {
    match db.backend() {
        Backend::Sqlite(s) => s.read(sqlite::session_index::is_filled).await,
        Backend::Postgres(p) => postgres::session_index::is_filled(p).await,
        Backend::MySql(m) => mysql::session_index::is_filled(m).await,
    }
}

/// Records that they are.
///
/// # Errors
///
/// Any [`DbError`] of the machinery.
pub async fn mark_filled(db: &Database, now: Timestamp) -> Result<(), DbError> {
    match db.backend() {
        Backend::Sqlite(s) => {
            s.write_touching(Durability::Normal, Touched::Nothing, move |c| sqlite::session_index::mark_filled(c, now))
                .await
        }
        Backend::Postgres(p) => postgres::session_index::mark_filled(p, now).await,
        Backend::MySql(m) => mysql::session_index::mark_filled(m, now).await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// L03: a log of it tells nobody who they are.
    #[test]
    fn an_entry_does_not_print_itself() {
        let at = Timestamp::UNIX_EPOCH;
        let text = |text: &str| text.to_owned();
        let entry = Entry {
            handle: text("a"),
            user_id: text("user-7"),
            sealed_key: text("sealed"),
            first_seen: at,
            last_seen: at,
            expire_date: at,
            address: text("192.0.2.7"),
            user_agent: text("Browser"),
        };
        let text = format!("{entry:?}");
        assert!(!["sealed", "192.0.2.7", "user-7", "Browser"].iter().any(|secret| text.contains(secret)), "{text}");
    }
}
