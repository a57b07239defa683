//! How a database is opened, and the small words that several tables' queries share.

use std::time::Duration;

use cloakroom_core::user_model::UserTable;

/// How [`Database::open`](crate::Database::open) opens a database.
#[derive(Clone, Debug)]
#[must_use]
pub struct Options {
    pub(crate) busy_timeout: Duration,
    pub(crate) readers: usize,
    pub(crate) if_missing: IfMissing,
    pub(crate) connections: usize,
    pub(crate) connect_timeout: Duration,
    pub(crate) deadline: Duration,
    pub(crate) bound: Option<Duration>,
    pub(crate) user_table: UserTable,
}

impl Options {
    /// How long a call waits for another process's lock, as in the reference site.
    pub const DEFAULT_BUSY_TIMEOUT: Duration = Duration::from_secs(20);

    /// Connections to a server at most.
    pub const DEFAULT_CONNECTIONS: usize = 16;

    /// How long making a connection to a server may take.
    pub const DEFAULT_CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

    /// How long a server may take to answer a call, the wait for a connection included (F05).
    pub const DEFAULT_DEADLINE: Duration = Duration::from_secs(10);

    /// Sets how long a call waits for a lock that another process holds, before it fails with
    /// [`DbError::Busy`](crate::DbError::Busy). At least 10 ms.
    pub fn with_busy_timeout(mut self, timeout: Duration) -> Self {
        self.busy_timeout = timeout.max(Duration::from_millis(10));
        self
    }

    /// Sets how many connections read at once; at least one. More than there are threads has no effect.
    pub fn with_readers(mut self, readers: usize) -> Self {
        self.readers = readers.max(1);
        self
    }

    /// Sets how many connections to a server are open at most; at least one. Without effect on SQLite.
    pub fn with_connections(mut self, connections: usize) -> Self {
        self.connections = connections.max(1);
        self
    }

    /// Sets how long making a connection to a server may take, where the URL does not say it. Without effect on SQLite.
    pub fn with_connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout.max(Duration::from_millis(10));
        self
    }

    /// Sets when a call to a server gives up, whatever it waits for: a connection, its making, the answer. At least
    /// 10 ms. Without effect on SQLite.
    pub fn with_deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline.max(Duration::from_millis(10));
        self
    }

    /// Looks for the users in this table (`AUTH_USER_MODEL`, A17). Its columns are read when the database is opened.
    pub fn with_user_table(mut self, table: UserTable) -> Self {
        self.user_table = table;
        self
    }

    /// Lets PostgreSQL tell of changes, so that copies of sessions, users and permissions can be used without asking it; a
    /// change by another process is then seen within this time, at least 100 ms ([`Freshness`](crate::Freshness)). Makes
    /// triggers on their tables, which the tables' owner alone may. Without effect on SQLite, where copies are never old, and on
    /// MySQL, which cannot tell.
    pub fn with_bound(mut self, bound: Duration) -> Self {
        self.bound = Some(bound.max(Duration::from_millis(100)));
        self
    }

    /// Sets what happens where there is no database yet.
    pub fn with_if_missing(mut self, if_missing: IfMissing) -> Self {
        self.if_missing = if_missing;
        self
    }
}

/// Waits 20 s for locks, reads with as many connections as there are processors (two to eight), and makes a database
/// that is missing. To a server it makes at most 16 connections, each within 5 s, and waits 10 s for an answer.
impl Default for Options {
    fn default() -> Self {
        let processors = std::thread::available_parallelism().map_or(2, usize::from);
        Self {
            busy_timeout: Self::DEFAULT_BUSY_TIMEOUT,
            readers: processors.clamp(2, 8),
            if_missing: IfMissing::Create,
            connections: Self::DEFAULT_CONNECTIONS,
            connect_timeout: Self::DEFAULT_CONNECT_TIMEOUT,
            deadline: Self::DEFAULT_DEADLINE,
            bound: None,
            user_table: UserTable::stock(),
        }
    }
}

/// What opening does where there is no database yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum IfMissing {
    /// Make an empty file, readable by its owner alone (F09). A server's databases are made by its administrator.
    Create,
    /// Fail with [`DbError::Missing`](crate::DbError::Missing).
    Refuse,
}

/// What a write survives once it is acknowledged. Either way it is atomic, and every other connection sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Durability {
    /// The end of the process. A power cut may undo the last moments, in order: nothing earlier is lost alone.
    Normal,
    /// A power cut too. For log-ins, log-outs, and passwords. It makes earlier [`Normal`](Self::Normal) writes durable.
    Full,
}

/// Whether an update met its row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "a row that is gone was not updated"]
#[non_exhaustive]
pub enum Updated {
    /// The row is as asked.
    Yes,
    /// There is no such row; nothing was written.
    Gone,
}
