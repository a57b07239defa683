//! [`Database`]: one handle over every kind of database.

use crate::error::DbError;
use crate::options::Options;
use crate::url::DatabaseUrl;

/// An open database. Clones share it; the last one to go waits until every write handed over is done.
#[derive(Clone, Debug)]
pub struct Database {}

impl Database {
    /// Opens the database and looks whether it is one that can be worked with. Its tables may be missing still:
    /// [`migrations::migrate`](crate::migrations::migrate) makes them.
    ///
    /// A SQLite file is put in WAL mode.
    ///
    /// # Errors
    ///
    /// [`DbError::Missing`], [`NotWritable`](DbError::NotWritable), [`NotADatabase`](DbError::NotADatabase),
    /// [`Damaged`](DbError::Damaged), [`NewerDjango`](DbError::NewerDjango), [`Busy`](DbError::Busy): nothing on disk
    /// was changed.
    pub async fn open(url: &DatabaseUrl, options: Options) -> Result<Self, DbError> {
        let _ = (url, options);
        todo!()
    }

    /// Waits until every write handed over so far is done, and closes the writer: later writes fail with
    /// [`DbError::Closed`]. Other clones see it closed too.
    pub async fn close(&self) {
        todo!()
    }
}
