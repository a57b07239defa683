//! Why a database gave no answer.

use std::error::Error;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

/// The database gave no answer: nothing is known, and the browser gets 503 (F01).
///
/// Each text is one line: what is wrong, and what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DbError {
    /// There is no file, and none was to be made.
    #[error("there is no database at {path}; check DATABASE_URL, or make one with `cloakroom migrate`")]
    Missing {
        /// Where it should be.
        path: PathBuf,
    },
    /// The folder in which to make the file is missing.
    #[error("the folder {folder} does not exist; make it, or check DATABASE_URL")]
    NoFolder {
        /// The folder.
        folder: PathBuf,
    },
    /// The file or its folder cannot be written.
    #[error("{path} cannot be written; give this process the right to read and write the file and its folder")]
    NotWritable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// The file is where SQLite cannot share memory with the other processes that have it open.
    #[error(
        "{path} is on a network file system ({kind}), where SQLite in WAL mode breaks databases; put the file on a disk of this machine, or use PostgreSQL or MySQL"
    )]
    NetworkFileSystem {
        /// The file.
        path: PathBuf,
        /// The kind of file system.
        kind: String,
    },
    /// The file is something else than a SQLite database.
    #[error("{path} is not a SQLite database; check DATABASE_URL (the file was not changed)")]
    NotADatabase {
        /// The file.
        path: PathBuf,
    },
    /// The file is a SQLite database and broken.
    #[error("the database {path} is damaged; restore a backup, or recover it with `sqlite3 {path} .recover`")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What SQLite said.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// A server does not answer.
    #[error("{server} cannot be reached; check that it runs, and the host and port in DATABASE_URL")]
    Unreachable {
        /// Which kind of server, and its host and port.
        server: String,
        /// What the system said.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// A server does not let us in.
    #[error("{server} does not let {user:?} in; check the user and password in DATABASE_URL, and the user's rights")]
    Denied {
        /// Which kind of server, and its host and port.
        server: String,
        /// The user.
        user: String,
        /// What the server said.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// A server has no such database.
    #[error("{server} has no database {name:?}; create it, or check DATABASE_URL")]
    NoDatabase {
        /// Which kind of server, and its host and port.
        server: String,
        /// The database's name.
        name: String,
    },
    /// A Django later than those known here has changed the tables.
    #[error(
        "the database was migrated by a newer Django ({app}.{name} is unknown); update Cloakroom before using it (nothing was changed)"
    )]
    NewerDjango {
        /// The app's label.
        app: String,
        /// The first migration that is unknown.
        name: String,
    },
    /// A Django earlier than those known here made the tables.
    #[error(
        "the database lacks Django's migration {app}.{name}; run `python manage.py migrate` with Django 5.2 or 6.1"
    )]
    OlderDjango {
        /// The app's label.
        app: String,
        /// The first migration that is missing.
        name: String,
    },
    /// A table is missing.
    #[error("the database has no table {table}; run `cloakroom migrate`")]
    NotMigrated {
        /// The table.
        table: String,
    },
    /// A table is not as Django makes it.
    #[error("the database's tables are not Django's: {detail}; run `python manage.py migrate`, or check DATABASE_URL")]
    Schema {
        /// What differs.
        detail: String,
    },
    /// The user model is not as the database has it, or a row cannot be made by it (A17).
    #[error("AUTH_USER_MODEL is {label}: {detail}")]
    UserModel {
        /// The model's label.
        label: String,
        /// What differs, and what to do.
        detail: String,
    },
    /// Another process held its lock for too long, or too many writes were waiting. Nothing was changed.
    #[error("the database was locked for {waited:?}; find the process that holds a transaction open")]
    Busy {
        /// How long this call waited.
        waited: Duration,
    },
    /// A write was begun and not finished in time. It may still happen.
    #[error("the database did not answer within {waited:?}; check its disk, or its server and the network")]
    TimedOut {
        /// How long this call waited.
        waited: Duration,
    },
    /// The database cannot be reached: its server does not answer, its disk failed or is full, or its file was taken away.
    #[error("the database is unavailable; check its server, or its disk and file")]
    Unavailable {
        /// What failed.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// The connection to the server broke after a write was sent, and before its answer came. It may have happened.
    #[error("the connection to the database broke before it answered; check its server and the network")]
    Lost {
        /// What failed.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// The database was closed by this process.
    #[error("the database was closed; the process is shutting down")]
    Closed,
    /// A write would have broken a constraint. Nothing was changed.
    #[error("the write would break a constraint of the database; look at the rows that refer to what was written")]
    Integrity {
        /// Which constraint.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// The database cannot hold a value: a text too long for its column, or with a character that it does not know.
    /// Nothing was changed.
    #[error("a value does not fit into the database; look at its length, and for NUL characters")]
    Unstorable {
        /// What the database said.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// A stored row cannot be read.
    #[error("column {column} of {table}, row {key}, cannot be read; repair the row")]
    Corrupt {
        /// The table.
        table: Table,
        /// The column.
        column: &'static str,
        /// The row's primary key; for sessions its `rowid`, as their key is a secret.
        key: String,
    },
}

impl DbError {
    /// Whether the same call may succeed later, without anybody's help.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        matches!(self, Self::Busy { .. } | Self::TimedOut { .. } | Self::Unavailable { .. } | Self::Unreachable { .. })
    }

    /// Whether the call may have changed the database although it failed.
    #[must_use]
    pub const fn is_outcome_unknown(&self) -> bool {
        matches!(self, Self::TimedOut { .. } | Self::Lost { .. })
    }

    /// The label in logs and metrics.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Missing { .. } => "missing",
            Self::NoFolder { .. } => "no_folder",
            Self::NotWritable { .. } => "not_writable",
            Self::NetworkFileSystem { .. } => "network_file_system",
            Self::NotADatabase { .. } => "not_a_database",
            Self::Damaged { .. } => "damaged",
            Self::Unreachable { .. } => "unreachable",
            Self::Denied { .. } => "denied",
            Self::NoDatabase { .. } => "no_database",
            Self::NewerDjango { .. } => "newer_django",
            Self::OlderDjango { .. } => "older_django",
            Self::NotMigrated { .. } => "not_migrated",
            Self::Schema { .. } => "schema",
            Self::UserModel { .. } => "user_model",
            Self::Busy { .. } => "busy",
            Self::TimedOut { .. } => "timed_out",
            Self::Unavailable { .. } => "unavailable",
            Self::Lost { .. } => "lost",
            Self::Closed => "closed",
            Self::Integrity { .. } => "integrity",
            Self::Unstorable { .. } => "unstorable",
            Self::Corrupt { .. } => "corrupt",
        }
    }
}

/// One of the tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Table {
    /// `django_admin_log` (A07).
    AdminLog,
    /// `auth_group` (A02).
    AuthGroup,
    /// `auth_permission` (A03).
    AuthPermission,
    /// `authtoken_token` (A09).
    AuthToken,
    /// `auth_user` (A01).
    AuthUser,
    /// `django_content_type` (A05).
    ContentType,
    /// `django_migrations` (A08).
    Migrations,
    /// `django_session` (A06).
    Session,
    /// `cloakroom_session_index` (D13), which is ours.
    SessionIndex,
}

impl Table {
    /// The table's name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AdminLog => "django_admin_log",
            Self::AuthGroup => "auth_group",
            Self::AuthPermission => "auth_permission",
            Self::AuthToken => "authtoken_token",
            Self::AuthUser => "auth_user",
            Self::ContentType => "django_content_type",
            Self::Migrations => "django_migrations",
            Self::Session => "django_session",
            Self::SessionIndex => "cloakroom_session_index",
        }
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
