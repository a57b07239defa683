//! What can go wrong with a statement, and what callers are told.

use std::time::Duration;

use tokio_postgres::Error;
use tokio_postgres::error::SqlState;

use crate::error::DbError;
use crate::network::{Address, Repeat};

/// A statement that failed.
pub(super) struct Failure {
    error: Error,
    sent: bool,
}

impl Failure {
    /// The statement was not sent yet.
    pub(super) const fn before(error: Error) -> Self {
        Self { error, sent: false }
    }

    /// The statement may have been sent.
    pub(super) const fn after(error: Error) -> Self {
        Self { error, sent: true }
    }

    /// Whether another connection may do better: this one is lost, or what it has prepared is of a past that is no more.
    pub(super) fn is_of_the_connection(&self) -> bool {
        self.is_connection_lost() || self.is_stale_plan()
    }

    fn is_connection_lost(&self) -> bool {
        match self.error.code() {
            Some(code) => {
                matches!(*code, SqlState::ADMIN_SHUTDOWN | SqlState::CRASH_SHUTDOWN | SqlState::CANNOT_CONNECT_NOW)
                    || code.code().starts_with("08")
                    // The server has become a standby: a new connection may find its successor.
                    || *code == SqlState::READ_ONLY_SQL_TRANSACTION
            }
            None => !self.is_ours(),
        }
    }

    /// Whether the statement was prepared in a past that is no more.
    fn is_stale_plan(&self) -> bool {
        self.error
            .code()
            .is_some_and(|code| matches!(*code, SqlState::INVALID_SQL_STATEMENT_NAME | SqlState::FEATURE_NOT_SUPPORTED))
    }

    /// Whether sending the statement again is right, and may help.
    pub(super) fn may_be_repeated(&self, repeat: Repeat) -> bool {
        let Some(code) = self.error.code() else {
            return !self.is_ours() && (!self.sent || repeat == Repeat::Safely);
        };
        // Each of these says that the transaction, which a statement alone is, came to nothing.
        self.is_stale_plan()
            || matches!(
                *code,
                SqlState::T_R_SERIALIZATION_FAILURE
                    | SqlState::T_R_DEADLOCK_DETECTED
                    | SqlState::ADMIN_SHUTDOWN
                    | SqlState::CANNOT_CONNECT_NOW
                    | SqlState::READ_ONLY_SQL_TRANSACTION
            )
            || (*code == SqlState::CRASH_SHUTDOWN && repeat == Repeat::Safely)
    }

    /// Names the failure.
    pub(super) fn name(self, address: &Address, repeat: Repeat, waited: Duration) -> DbError {
        let lost = self.sent && self.error.code().is_none() && !self.is_ours();
        if lost && repeat == Repeat::IfUnsent {
            return DbError::Lost { source: self.error.into() };
        }
        statement(self.error, address, waited)
    }

    /// Whether the error arose on this side of the connection, which is as good as before.
    fn is_ours(&self) -> bool {
        // The library tells its kinds of errors by their texts alone.
        let text = self.error.to_string();
        ["error serializing", "error deserializing", "invalid column", "expected "].iter().any(|s| text.starts_with(s))
    }
}

/// Names what went wrong while a connection was made.
pub(super) fn connecting(error: Error, address: &Address) -> DbError {
    let server = address.place();
    match error.code() {
        Some(code) if *code == SqlState::INVALID_CATALOG_NAME => {
            DbError::NoDatabase { server, name: address.database.clone() }
        }
        Some(code) if code.code().starts_with("28") || *code == SqlState::INSUFFICIENT_PRIVILEGE => {
            DbError::Denied { server, user: address.user.clone(), source: error.into() }
        }
        // A server that wants a password, and none is given.
        None if error.to_string().contains("password missing") => {
            DbError::Denied { server, user: address.user.clone(), source: error.into() }
        }
        _ => DbError::Unreachable { server, source: error.into() },
    }
}

/// Names what a statement met.
pub(super) fn statement(error: Error, address: &Address, waited: Duration) -> DbError {
    let Some(db) = error.as_db_error() else {
        return DbError::Unavailable { source: error.into() };
    };
    match *db.code() {
        SqlState::UNDEFINED_TABLE => DbError::NotMigrated { table: quoted(db.message()).to_owned() },
        SqlState::UNDEFINED_COLUMN => DbError::Schema { detail: db.message().to_owned() },
        SqlState::QUERY_CANCELED => DbError::TimedOut { waited },
        SqlState::LOCK_NOT_AVAILABLE => DbError::Busy { waited },
        SqlState::INSUFFICIENT_PRIVILEGE => {
            DbError::Denied { server: address.place(), user: address.user.clone(), source: error.into() }
        }
        _ => match db.code().code().get(..2) {
            Some("22") => DbError::Unstorable { source: error.into() },
            Some("23") => DbError::Integrity { source: error.into() },
            _ => DbError::Unavailable { source: error.into() },
        },
    }
}

/// Whether a unique column was to get a value twice.
pub(super) fn is_duplicate(error: &DbError) -> bool {
    let DbError::Integrity { source } = error else { return false };
    let code = source.downcast_ref::<Error>().and_then(Error::code);
    code.is_some_and(|code| *code == SqlState::UNIQUE_VIOLATION)
}

/// What stands between quotation marks in a message, or all of it: the server's language decides how they look.
fn quoted(message: &str) -> &str {
    let mut parts = message.split(['"', '«', '»', '„', '“', '”', '「', '」']);
    match (parts.next(), parts.next(), parts.next()) {
        (Some(_), Some(name), Some(_)) => name,
        _ => message,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_named_in_any_language() {
        assert_eq!(quoted(r#"relation "auth_user" does not exist"#), "auth_user");
        assert_eq!(quoted("Relation »auth_user« existiert nicht"), "auth_user");
        assert_eq!(quoted("no such thing"), "no such thing");
    }
}
