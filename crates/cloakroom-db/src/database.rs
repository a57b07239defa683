//! [`Database`]: one handle over every kind of database.

use std::fmt;
use std::sync::Arc;

use cloakroom_core::near::{Line, Stamp};

use crate::error::DbError;
use crate::freshness::Freshness;
use crate::mysql::MySql;
use crate::options::Options;
use crate::postgres::Postgres;
use crate::sqlite::Sqlite;
use crate::url::{DatabaseUrl, Target};

/// An open database. Clones share it; the last one to go waits until every write handed over is done.
#[derive(Clone)]
pub struct Database(Backend);

/// The kinds of database. Each public query matches on it once.
#[derive(Clone)]
pub(crate) enum Backend {
    Sqlite(Arc<Sqlite>),
    Postgres(Arc<Postgres>),
    MySql(Arc<MySql>),
}

impl Database {
    /// Opens the database and looks whether it is one that can be worked with. Its tables may be missing still:
    /// [`migrations::migrate`](crate::migrations::migrate) makes them.
    ///
    /// A SQLite file is put in WAL mode. Of a server's connections one is made, to see that it answers.
    ///
    /// # Errors
    ///
    /// For a file: [`DbError::Missing`], [`NoFolder`](DbError::NoFolder), [`NotWritable`](DbError::NotWritable),
    /// [`NetworkFileSystem`](DbError::NetworkFileSystem), [`NotADatabase`](DbError::NotADatabase), [`Damaged`](DbError::Damaged), [`Busy`](DbError::Busy). For a server:
    /// [`Unreachable`](DbError::Unreachable), [`Denied`](DbError::Denied), [`NoDatabase`](DbError::NoDatabase). For
    /// both: [`NewerDjango`](DbError::NewerDjango). Nothing was changed.
    pub async fn open(url: &DatabaseUrl, options: Options) -> Result<Self, DbError> {
        match url.target() {
            Target::Sqlite(path) => {
                let path = path.clone();
                let sqlite = tokio::task::spawn_blocking(move || Sqlite::open(&path, &options))
                    .await
                    .map_err(|e| DbError::Unavailable { source: e.into() })??;
                Ok(Self(Backend::Sqlite(Arc::new(sqlite))))
            }
            Target::Postgres(address) => {
                Ok(Self(Backend::Postgres(Arc::new(Postgres::open(address, &options).await?))))
            }
            Target::MySql(address) => Ok(Self(Backend::MySql(Arc::new(MySql::open(address, &options).await?)))),
        }
    }

    /// Waits until every write handed over so far is done, and closes the database: later calls fail with
    /// [`DbError::Closed`], those of other clones too.
    pub async fn close(&self) {
        match &self.0 {
            Backend::Sqlite(sqlite) => sqlite.close().await,
            Backend::Postgres(postgres) => postgres.close().await,
            Backend::MySql(mysql) => mysql.close().await,
        }
    }

    /// Returns where the database's history stands: as long as later marks are equal to this one, nobody, in this
    /// process or another, has committed anything since. `None` if that cannot be told, as always with a server.
    ///
    /// To keep what a query gave, take the mark before the query. Costs one small read of a file, no query (D5).
    #[must_use]
    pub fn mark(&self) -> Option<Mark> {
        match &self.0 {
            Backend::Sqlite(sqlite) => sqlite.mark().map(Mark),
            Backend::Postgres(_) | Backend::MySql(_) => None,
        }
    }

    /// The present moment in the database's history, if this process knows of every commit up to now, whoever made it: then
    /// copies that [hold](Line::holds) at this moment are what a query would give. `None` if it does not: ask the database.
    ///
    /// Take the stamp before the query whose answer is to be kept. On SQLite this costs a look at the mapped WAL index, some
    /// nanoseconds (D5). `None` with a server, unless [`Options::with_bound`] has PostgreSQL tell of changes: then commits of
    /// others up to the bound ago are known.
    #[must_use]
    pub fn stamp(&self) -> Option<Stamp> {
        match &self.0 {
            Backend::Sqlite(sqlite) => sqlite.stamp(),
            Backend::Postgres(postgres) => postgres.stamp(),
            Backend::MySql(_) => None,
        }
    }

    /// The history of this database as far as it is known here. Every write of this process touches what it changed.
    #[must_use]
    pub fn line(&self) -> &Arc<Line> {
        match &self.0 {
            Backend::Sqlite(sqlite) => sqlite.line(),
            Backend::Postgres(postgres) => postgres.line(),
            Backend::MySql(mysql) => mysql.line(),
        }
    }

    /// How old what this process serves from memory can be.
    #[must_use]
    pub fn freshness(&self) -> Freshness {
        match &self.0 {
            Backend::Sqlite(sqlite) if sqlite.is_mapped() => Freshness::StrictByIndex,
            Backend::Sqlite(_) => Freshness::StrictByVersion,
            Backend::Postgres(postgres) => postgres.bound().map_or(Freshness::StrictByQuery, Freshness::Bounded),
            Backend::MySql(_) => Freshness::StrictByQuery,
        }
    }

    /// How often the database was asked since it was opened: on a server each time is a round trip. For tests and metrics.
    #[must_use]
    pub fn round_trips(&self) -> u64 {
        match &self.0 {
            Backend::Sqlite(sqlite) => sqlite.round_trips(),
            Backend::Postgres(postgres) => postgres.round_trips(),
            Backend::MySql(mysql) => mysql.round_trips(),
        }
    }

    /// Whether a column holds longer texts than it was declared for, as SQLite's do.
    #[must_use]
    pub const fn ignores_lengths(&self) -> bool {
        matches!(self.0, Backend::Sqlite(_))
    }

    pub(crate) const fn backend(&self) -> &Backend {
        &self.0
    }
}

/// A point in a database's history; see [`Database::mark`]. Marks of different databases cannot be compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark([u64; 6]);

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Backend::Sqlite(sqlite) => f.debug_tuple("Database").field(&sqlite.path()).finish(),
            Backend::Postgres(postgres) => f.debug_tuple("Database").field(postgres.address()).finish(),
            Backend::MySql(mysql) => f.debug_tuple("Database").field(mysql.address()).finish(),
        }
    }
}
