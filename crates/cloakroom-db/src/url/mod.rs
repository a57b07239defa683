//! `DATABASE_URL`: which database.

mod network;

use std::fmt;
use std::path::{Path, PathBuf};

use crate::network::{Address, Server};

/// Which database: what `DATABASE_URL` says.
///
/// ```
/// use cloakroom_db::DatabaseUrl;
/// use std::path::Path;
///
/// let relative = DatabaseUrl::parse("sqlite://db.sqlite3")?;
/// assert_eq!(relative.sqlite_path(), Some(Path::new("db.sqlite3")));
/// let absolute = DatabaseUrl::parse("sqlite:///var/lib/site/db.sqlite3")?;
/// assert_eq!(absolute.sqlite_path(), Some(Path::new("/var/lib/site/db.sqlite3")));
/// let network = DatabaseUrl::parse("postgres://site:s3cret@db.example/site?sslmode=verify-full")?;
/// assert_eq!(network.to_string(), "postgres://site:***@db.example:5432/site");
/// # Ok::<(), cloakroom_db::UrlError>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct DatabaseUrl(Target);

#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Target {
    Sqlite(PathBuf),
    Postgres(Address),
    MySql(Address),
}

impl DatabaseUrl {
    /// Reads `sqlite://PATH`, a plain path, `postgres://USER:PASSWORD@HOST:PORT/NAME` or the same with `mysql`.
    ///
    /// All that follows `sqlite://` is the path, as it stands: nothing is percent-decoded, `?` is a character like
    /// any other, and a path that starts with `/` is absolute.
    ///
    /// `postgresql` and `mariadb` are other names of the two servers. In their URLs every part is percent-decoded.
    /// Options follow `?`, with `&` between them:
    ///
    /// | option | other name | value |
    /// |---|---|---|
    /// | `sslmode` | `ssl-mode` | `disable`, `prefer` (the default), `require`, `verify-ca`, `verify-full`; or MySQL's words |
    /// | `sslrootcert` | `ssl-ca` | a PEM file with the authorities to trust; without it, or `system`, those of the system |
    /// | `connect_timeout` | | whole seconds, at least 1 |
    /// | `host` | `unix_socket` | for PostgreSQL the folder of a Unix socket, for MySQL the socket; or a host |
    /// | `port` | | the port |
    /// | `charset` | | for MySQL: `utf8mb4`, which is used in any case |
    ///
    /// # Errors
    ///
    /// A typed reason, whose text tells what to write instead and never shows a password.
    pub fn parse(text: &str) -> Result<Self, UrlError> {
        let Some((scheme, rest)) = text.split_once("://") else {
            return Self::sqlite(text);
        };
        match scheme.to_ascii_lowercase().as_str() {
            "sqlite" | "sqlite3" => Self::sqlite(rest),
            "postgres" | "postgresql" => network::parse(Server::Postgres, rest).map(Target::Postgres).map(Self),
            "mysql" | "mariadb" => network::parse(Server::MySql, rest).map(Target::MySql).map(Self),
            other => Err(UrlError::UnknownScheme { scheme: other.to_owned() }),
        }
    }

    /// A SQLite file.
    pub fn sqlite_file(path: impl Into<PathBuf>) -> Self {
        Self(Target::Sqlite(path.into()))
    }

    /// The file, if the database is SQLite.
    #[must_use]
    pub fn sqlite_path(&self) -> Option<&Path> {
        match &self.0 {
            Target::Sqlite(path) => Some(path),
            Target::Postgres(_) | Target::MySql(_) => None,
        }
    }

    pub(crate) const fn target(&self) -> &Target {
        &self.0
    }

    fn sqlite(path: &str) -> Result<Self, UrlError> {
        if path.is_empty() {
            return Err(UrlError::NoPath);
        }
        if path == ":memory:" {
            return Err(UrlError::InMemory);
        }
        if path.contains('\0') {
            return Err(UrlError::NulInPath);
        }
        Ok(Self::sqlite_file(path))
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The address for a log: it never holds a password.
impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Target::Sqlite(path) => write!(f, "sqlite://{}", path.display()),
            Target::Postgres(address) | Target::MySql(address) => address.fmt(f),
        }
    }
}

/// Why a `DATABASE_URL` names no database that can be opened.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UrlError {
    /// Nothing follows `sqlite://`.
    #[error("DATABASE_URL names no file; write sqlite://db.sqlite3 or sqlite:///absolute/path")]
    NoPath,
    /// `:memory:`, which several connections cannot share.
    #[error("an in-memory database is not supported; write sqlite://PATH with a file")]
    InMemory,
    /// A NUL character, which no path can hold.
    #[error("DATABASE_URL holds a NUL character; write sqlite://PATH with a file")]
    NulInPath,
    /// A part that a server cannot do without is missing.
    #[error("DATABASE_URL names no {part}; write {scheme}://USER:PASSWORD@HOST:PORT/NAME")]
    Lacks {
        /// The scheme.
        scheme: &'static str,
        /// What is missing.
        part: &'static str,
    },
    /// A part that cannot be read. Its text is not shown: it may be part of a password.
    #[error(
        "the {part} in DATABASE_URL cannot be read; write {scheme}://USER:PASSWORD@HOST:PORT/NAME, special characters percent-encoded"
    )]
    Unreadable {
        /// The scheme.
        scheme: &'static str,
        /// What cannot be read.
        part: &'static str,
    },
    /// An option that is not known.
    #[error("DATABASE_URL has the unknown option {option:?}; known are {known}")]
    UnknownOption {
        /// Its name.
        option: String,
        /// The names that are known.
        known: &'static str,
    },
    /// An option's value that is not known.
    #[error("the option {option} in DATABASE_URL must be {expected}")]
    BadOption {
        /// Its name.
        option: &'static str,
        /// What it may be.
        expected: &'static str,
    },
    /// A scheme that names no database.
    #[error("DATABASE_URL has the unknown scheme {scheme:?}; use sqlite://PATH, postgres://… or mysql://…")]
    UnknownScheme {
        /// What stands before `://`.
        scheme: String,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> PathBuf {
        DatabaseUrl::parse(text).unwrap().sqlite_path().unwrap().to_owned()
    }

    #[test]
    fn the_path_is_all_that_follows_the_scheme() {
        assert_eq!(path("sqlite://db.sqlite3"), Path::new("db.sqlite3"));
        assert_eq!(path("sqlite:///tmp/x.db"), Path::new("/tmp/x.db"));
        assert_eq!(path("sqlite://a%20b?c=d"), Path::new("a%20b?c=d"));
        assert_eq!(path("data/site.db"), Path::new("data/site.db"));
        assert_eq!(path("/srv/site.db"), Path::new("/srv/site.db"));
    }

    #[test]
    fn other_schemes_are_refused_without_showing_a_password() {
        for text in ["mongodb://u:hunter2@h/d", "sqlite://", ""] {
            let error = DatabaseUrl::parse(text).unwrap_err().to_string();
            assert!(!error.contains("hunter2") && error.contains("sqlite://"), "{error}");
        }
        assert_eq!(DatabaseUrl::parse("sqlite://:memory:"), Err(UrlError::InMemory));
    }
}
