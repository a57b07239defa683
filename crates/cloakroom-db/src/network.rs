//! What the databases behind a network have in common: where they are, how they are reached, and how long one waits.

use std::fmt;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use cloakroom_core::secret::Secret;

use crate::error::DbError;
use crate::options::Options;

/// Where a database server is and how to get in.
#[derive(Clone)]
pub(crate) struct Address {
    pub(crate) server: Server,
    pub(crate) endpoint: Endpoint,
    pub(crate) user: String,
    pub(crate) password: Option<Secret<String>>,
    /// The database's name at the server.
    pub(crate) database: String,
    pub(crate) tls: TlsMode,
    /// A PEM file with the certificates to trust; `None` for those of the system.
    pub(crate) root_certificates: Option<PathBuf>,
    /// What the URL says about it; else [`Options`] decide.
    pub(crate) connect_timeout: Option<Duration>,
}

impl Address {
    pub(crate) fn connect_timeout(&self, options: &Options) -> Duration {
        self.connect_timeout.unwrap_or(options.connect_timeout)
    }

    /// Such as `PostgreSQL at db.example:5432`, for an operator to read: no password, no user.
    pub(crate) fn place(&self) -> String {
        format!("{} at {}", self.server.name(), self.endpoint)
    }

    fn password(&self) -> Option<&str> {
        self.password.as_ref().map(|password| password.expose().as_str())
    }
}

impl PartialEq for Address {
    fn eq(&self, other: &Self) -> bool {
        self.password() == other.password()
            && (self.server, &self.endpoint, &self.user, &self.database)
                == (other.server, &other.endpoint, &other.user, &other.database)
            && (self.tls, &self.root_certificates, self.connect_timeout)
                == (other.tls, &other.root_certificates, other.connect_timeout)
    }
}

impl Eq for Address {}

/// The address as a URL without its password.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let password = if self.password.is_some() { ":***" } else { "" };
        write!(f, "{}://{}{password}@{}/{}", self.server.scheme(), self.user, self.endpoint, self.database)
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A kind of database server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Server {
    Postgres,
    MySql,
}

impl Server {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Postgres => "PostgreSQL",
            Self::MySql => "MySQL",
        }
    }

    pub(crate) const fn scheme(self) -> &'static str {
        match self {
            Self::Postgres => "postgres",
            Self::MySql => "mysql",
        }
    }

    pub(crate) const fn default_port(self) -> u16 {
        match self {
            Self::Postgres => 5432,
            Self::MySql => 3306,
        }
    }
}

/// Where a server listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Endpoint {
    /// A name or an IP address (IPv6 without brackets), and a port.
    Tcp { host: String, port: u16 },
    /// A socket: for PostgreSQL the folder, and the port that is part of the file's name; for MySQL the file.
    Unix { path: PathBuf, port: u16 },
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp { host, port } if host.contains(':') => write!(f, "[{host}]:{port}"),
            Self::Tcp { host, port } => write!(f, "{host}:{port}"),
            Self::Unix { path, .. } => path.display().fmt(f),
        }
    }
}

/// Whether and how the connection is encrypted, in libpq's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TlsMode {
    /// Never.
    Disable,
    /// If the server can; whoever it is.
    Prefer,
    /// Always; whoever the server is, unless root certificates are named: then as [`VerifyCa`](Self::VerifyCa).
    Require,
    /// Always, and the server's certificate is one that a trusted authority signed.
    VerifyCa,
    /// Always, and that certificate names the host.
    VerifyFull,
}

/// The moment at which a call must have its answer (F05).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deadline {
    began: Instant,
    limit: Duration,
}

impl Deadline {
    pub(crate) fn after(limit: Duration) -> Self {
        Self { began: Instant::now(), limit }
    }

    pub(crate) fn waited(self) -> Duration {
        self.began.elapsed()
    }

    pub(crate) fn remaining(self) -> Duration {
        self.limit.saturating_sub(self.waited())
    }

    /// Waits for `answer`, at most until the moment has come: then [`DbError::TimedOut`], which says that the outcome
    /// is not known. Where nothing was sent yet, say [`DbError::Busy`] or [`DbError::Unavailable`] instead.
    pub(crate) async fn within<T>(self, answer: impl Future<Output = T>) -> Result<T, DbError> {
        match tokio::time::timeout(self.remaining(), answer).await {
            Ok(answer) => Ok(answer),
            Err(_) => Err(DbError::TimedOut { waited: self.waited() }),
        }
    }
}

/// What may be done with a statement that got no answer because its connection broke.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Repeat {
    /// It reads, or twice is as once and gives the same answer: send it again, once.
    Safely,
    /// Send it again only if it surely was not executed.
    IfUnsent,
}
