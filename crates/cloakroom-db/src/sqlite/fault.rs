//! What can go wrong inside a query, and what callers are told.

use std::path::Path;
use std::time::Duration;

use rusqlite::ErrorCode;

use crate::error::DbError;

/// A failure on its way out: SQLite's own, or one that is named already.
pub(crate) enum Fault {
    Sqlite(rusqlite::Error),
    Db(DbError),
}

impl Fault {
    /// Whether another process's lock is in the way.
    pub(super) fn is_busy(&self) -> bool {
        matches!(
            self.code(),
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked | ErrorCode::FileLockingProtocolFailed)
        )
    }

    /// Whether the unique column `table.column` was to get a value twice.
    pub(super) fn is_duplicate_of(&self, column: &str) -> bool {
        let Self::Sqlite(rusqlite::Error::SqliteFailure(error, Some(message))) = self else { return false };
        error.code == ErrorCode::ConstraintViolation
            && message.strip_prefix("UNIQUE constraint failed: ").is_some_and(|columns| columns == column)
    }

    pub(super) fn code(&self) -> Option<ErrorCode> {
        match self {
            Self::Sqlite(error) => error.sqlite_error_code(),
            Self::Db(_) => None,
        }
    }

    /// Names the failure. `waited` is how long the caller has been waiting for a lock.
    pub(super) fn into_error(self, path: &Path, waited: Duration) -> DbError {
        if self.is_busy() {
            return DbError::Busy { waited };
        }
        let error = match self {
            Self::Db(error) => return error,
            Self::Sqlite(error) => error,
        };
        let path = path.to_owned();
        match error.sqlite_error_code() {
            Some(ErrorCode::NotADatabase) => DbError::NotADatabase { path },
            Some(ErrorCode::DatabaseCorrupt) => DbError::Damaged { path, source: error.into() },
            Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => {
                DbError::NotWritable { path, source: error.into() }
            }
            Some(ErrorCode::ConstraintViolation) => DbError::Integrity { source: error.into() },
            Some(ErrorCode::Unknown) => schema_error(error),
            _ => DbError::Unavailable { source: error.into() },
        }
    }
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

impl From<DbError> for Fault {
    fn from(error: DbError) -> Self {
        Self::Db(error)
    }
}

/// SQLite has one code for all that a statement can ask in vain; its text tells which.
fn schema_error(error: rusqlite::Error) -> DbError {
    let message = match &error {
        rusqlite::Error::SqlInputError { msg, .. } => msg.clone(),
        other => other.to_string(),
    };
    if let Some(table) = message.strip_prefix("no such table: ") {
        let table = table.strip_prefix("main.").unwrap_or(table);
        return DbError::NotMigrated { table: table.to_owned() };
    }
    if message.starts_with("no such column") || message.contains(" has no column named ") {
        return DbError::Schema { detail: message };
    }
    DbError::Unavailable { source: error.into() }
}

/// The same failure again: one that meets a whole transaction is told to each of its jobs.
pub(super) fn duplicate(error: &rusqlite::Error) -> rusqlite::Error {
    match error {
        rusqlite::Error::SqliteFailure(code, message) => rusqlite::Error::SqliteFailure(*code, message.clone()),
        other => rusqlite::Error::ToSqlConversionFailure(other.to_string().into()),
    }
}
