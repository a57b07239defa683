//! What can go wrong inside a query, and what callers are told.

use std::time::Duration;

use mysql_async::{DriverError, Error, ServerError};

use crate::error::DbError;
use crate::network::Address;

/// A failure on its way out.
pub(crate) enum Fault {
    /// One that is named already.
    Db(DbError),
    /// The server refused a statement, and did nothing of it.
    Server(ServerError),
    /// The connection broke.
    Broken { source: Error, sent: Sent },
}

/// Whether the server may have executed what was being asked when the connection broke.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sent {
    /// It may have.
    Perhaps,
    /// It surely did not, or it took back what it had done.
    No,
}

impl Fault {
    pub(super) fn of(error: Error, sent: Sent) -> Self {
        match error {
            // The server's own word that it is going down, or that it does not know the prepared statement (any more):
            // another connection helps.
            Error::Server(e) if matches!(e.code, SERVER_SHUTDOWN | CONNECTION_KILLED) => {
                Self::Broken { source: Error::Server(e), sent }
            }
            Error::Server(e) if matches!(e.code, UNKNOWN_STATEMENT | NEED_REPREPARE) => {
                Self::Broken { source: Error::Server(e), sent: Sent::No }
            }
            Error::Server(e) => Self::Server(e),
            source => Self::Broken { source, sent },
        }
    }

    /// Whether a unique key whose name holds `column` was to get a value twice. Django has named keys differently over
    /// the years, and MySQL 8 puts the table's name before.
    pub(super) fn is_duplicate_of(&self, column: &str) -> bool {
        let Self::Server(error) = self else { return false };
        error.code == DUPLICATE
            && error.message.rsplit_once(" for key ").is_some_and(|(_, key)| key.to_ascii_lowercase().contains(column))
    }

    /// Whether a row that was to be referred to is not there.
    pub(super) fn is_without_parent(&self) -> bool {
        matches!(self, Self::Server(error) if error.code == NO_PARENT)
    }

    /// Whether the server took everything back because of another transaction.
    pub(super) fn is_deadlock(&self) -> bool {
        matches!(self, Self::Server(error) if error.code == DEADLOCK)
    }

    /// Names the failure. `waited` is how long the call took until then.
    pub(super) fn into_error(self, address: &Address, waited: Duration) -> DbError {
        let error = match self {
            Self::Db(error) => return error,
            Self::Broken { source, .. } => return DbError::Unavailable { source: source.into() },
            Self::Server(error) => error,
        };
        match error.code {
            LOCK_WAIT | DEADLOCK => DbError::Busy { waited },
            STATEMENT_TIME | EXECUTION_TIME | INTERRUPTED => DbError::TimedOut { waited },
            NO_TABLE => DbError::NotMigrated { table: table_in(&error.message).to_owned() },
            NO_COLUMN => DbError::Schema { detail: error.message },
            DUPLICATE | NO_PARENT | HAS_CHILDREN | NOT_NULL | CHECK_MARIADB | CHECK_MYSQL => {
                DbError::Integrity { source: Error::Server(error).into() }
            }
            TOO_LONG | BAD_STRING | OUT_OF_RANGE | BAD_VALUE => {
                DbError::Unstorable { source: Error::Server(error).into() }
            }
            DENIED | DENIED_DATABASE | DENIED_TABLE | DENIED_COLUMN | DENIED_SPECIAL | DENIED_SOCKET | DENIED_HOST => {
                DbError::Denied {
                    server: address.place(),
                    user: address.user.clone(),
                    source: Error::Server(error).into(),
                }
            }
            NO_DATABASE => DbError::NoDatabase { server: address.place(), name: address.database.clone() },
            _ => DbError::Unavailable { source: Error::Server(error).into() },
        }
    }
}

impl From<DbError> for Fault {
    fn from(error: DbError) -> Self {
        Self::Db(error)
    }
}

/// Why no connection came about. Errors that a person must mend keep their name.
pub(super) fn of_connecting(error: Error, address: &Address) -> DbError {
    match Fault::of(error, Sent::No) {
        Fault::Broken { source, .. } => DbError::Unreachable { server: address.place(), source: source.into() },
        fault => match fault.into_error(address, Duration::ZERO) {
            // Too many connections, say.
            DbError::Unavailable { source } => DbError::Unreachable { server: address.place(), source },
            error => error,
        },
    }
}

/// Whether the server answered, and cannot encrypt.
pub(super) fn is_without_tls(error: &Error) -> bool {
    matches!(error, Error::Driver(DriverError::NoClientSslFlagFromServer))
}

/// `Table 'site.auth_user' doesn't exist`
fn table_in(message: &str) -> &str {
    let name = message.split('\'').nth(1).unwrap_or(message);
    name.rsplit_once('.').map_or(name, |(_, table)| table)
}

const DENIED_DATABASE: u16 = 1044;
const DENIED: u16 = 1045;
const NOT_NULL: u16 = 1048;
const NO_DATABASE: u16 = 1049;
const SERVER_SHUTDOWN: u16 = 1053;
const NO_COLUMN: u16 = 1054;
const DUPLICATE: u16 = 1062;
const DENIED_HOST: u16 = 1130;
const DENIED_TABLE: u16 = 1142;
const DENIED_COLUMN: u16 = 1143;
const NO_TABLE: u16 = 1146;
const LOCK_WAIT: u16 = 1205;
const DEADLOCK: u16 = 1213;
const DENIED_SPECIAL: u16 = 1227;
const UNKNOWN_STATEMENT: u16 = 1243;
const OUT_OF_RANGE: u16 = 1264;
const BAD_VALUE: u16 = 1292;
const INTERRUPTED: u16 = 1317;
const BAD_STRING: u16 = 1366;
const TOO_LONG: u16 = 1406;
const HAS_CHILDREN: u16 = 1451;
const NO_PARENT: u16 = 1452;
const NEED_REPREPARE: u16 = 1615;
const DENIED_SOCKET: u16 = 1698;
const CONNECTION_KILLED: u16 = 1927;
const STATEMENT_TIME: u16 = 1969;
const EXECUTION_TIME: u16 = 3024;
const CHECK_MYSQL: u16 = 3819;
const CHECK_MARIADB: u16 = 4025;

#[cfg(test)]
mod tests {
    use super::*;

    fn server(code: u16, message: &str) -> Fault {
        Fault::of(Error::Server(ServerError { code, message: message.into(), state: "HY000".into() }), Sent::Perhaps)
    }

    #[test]
    fn a_duplicate_is_known_by_the_name_of_its_key() {
        for message in [
            "Duplicate entry 'alice' for key 'username'",
            "Duplicate entry 'alice' for key 'auth_user.username'",
            "Duplicate entry 'x for key y' for key 'auth_user_username_6821ab7c_uniq'",
        ] {
            assert!(server(DUPLICATE, message).is_duplicate_of("username"), "{message}");
        }
        assert!(!server(DUPLICATE, "Duplicate entry 'username' for key 'PRIMARY'").is_duplicate_of("username"));
        assert!(!server(DEADLOCK, "Duplicate entry 'a' for key 'username'").is_duplicate_of("username"));
    }

    #[test]
    fn a_missing_table_is_named_without_its_database() {
        assert_eq!(table_in("Table 'site.auth_user' doesn't exist"), "auth_user");
    }

    #[test]
    fn a_server_that_goes_down_is_a_broken_connection() {
        assert!(matches!(server(SERVER_SHUTDOWN, ""), Fault::Broken { sent: Sent::Perhaps, .. }));
        assert!(matches!(server(NEED_REPREPARE, ""), Fault::Broken { sent: Sent::No, .. }));
        assert!(matches!(server(LOCK_WAIT, ""), Fault::Server(_)));
    }
}
