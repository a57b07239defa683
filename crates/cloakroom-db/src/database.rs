//! [`Database`]: one handle over every kind of database.

use std::fmt;
use std::sync::Arc;

use crate::error::DbError;
use crate::options::Options;
use crate::sqlite::Sqlite;
use crate::url::{DatabaseUrl, Target};

/// An open database. Clones share it; the last one to go waits until every write handed over is done.
#[derive(Clone)]
pub struct Database(Backend);

/// The kinds of database. Each public query matches on it once.
#[derive(Clone)]
pub(crate) enum Backend {
    Sqlite(Arc<Sqlite>),
}

impl Database {
    /// Opens the database and looks whether it is one that can be worked with. Its tables may be missing still:
    /// [`migrations::migrate`](crate::migrations::migrate) makes them.
    ///
    /// A SQLite file is put in WAL mode.
    ///
    /// # Errors
    ///
    /// [`DbError::Missing`], [`NoFolder`](DbError::NoFolder), [`NotWritable`](DbError::NotWritable),
    /// [`NotADatabase`](DbError::NotADatabase), [`Damaged`](DbError::Damaged), [`NewerDjango`](DbError::NewerDjango),
    /// [`Busy`](DbError::Busy): nothing on disk was changed.
    pub async fn open(url: &DatabaseUrl, options: Options) -> Result<Self, DbError> {
        match url.target() {
            Target::Sqlite(path) => {
                let path = path.clone();
                let sqlite = tokio::task::spawn_blocking(move || Sqlite::open(&path, &options))
                    .await
                    .map_err(|e| DbError::Unavailable { source: e.into() })??;
                Ok(Self(Backend::Sqlite(Arc::new(sqlite))))
            }
        }
    }

    /// Waits until every write handed over so far is done, and closes the database: later calls fail with
    /// [`DbError::Closed`], those of other clones too.
    pub async fn close(&self) {
        match &self.0 {
            Backend::Sqlite(sqlite) => sqlite.close().await,
        }
    }

    /// Returns where the database's history stands: as long as later marks are equal to this one, nobody, in this
    /// process or another, has committed anything since. `None` if that cannot be told.
    ///
    /// To keep what a query gave, take the mark before the query. Costs one small read of a file, no query (D5).
    #[must_use]
    pub fn mark(&self) -> Option<Mark> {
        match &self.0 {
            Backend::Sqlite(sqlite) => sqlite.mark().map(Mark),
        }
    }

    pub(crate) const fn backend(&self) -> &Backend {
        &self.0
    }
}

/// A point in a database's history; see [`Database::mark`]. Marks of different databases cannot be compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark([u8; 48]);

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Backend::Sqlite(sqlite) => f.debug_tuple("Database").field(&sqlite.path()).finish(),
        }
    }
}
