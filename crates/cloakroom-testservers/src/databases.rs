//! Databases on the servers that the environment names.

use std::fmt;
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// An empty database on PostgreSQL or MariaDB, with a name of its own; dropped with this value, whoever is still
/// connected.
///
/// Works through the command-line clients `psql` and `mariadb`.
///
/// ```no_run
/// use cloakroom_testservers::OwnDatabase;
///
/// let database = OwnDatabase::postgres();
/// assert_eq!(database.query("SELECT 1 + 1"), "2");
/// println!("{}", database.url()); // postgres://cloakroom:…@127.0.0.1:…/test_…
/// ```
pub struct OwnDatabase {
    server: Server,
    name: String,
}

impl OwnDatabase {
    /// A database on the server in `CLOAKROOM_TEST_POSTGRES`.
    ///
    /// # Panics
    ///
    /// When the variable is not set or the server does not make one.
    #[must_use]
    pub fn postgres() -> Self {
        Self::on(Server::of("CLOAKROOM_TEST_POSTGRES", Kind::Postgres))
    }

    /// A database on the server in `CLOAKROOM_TEST_MYSQL`.
    ///
    /// # Panics
    ///
    /// When the variable is not set or the server does not make one.
    #[must_use]
    pub fn mysql() -> Self {
        Self::on(Server::of("CLOAKROOM_TEST_MYSQL", Kind::Mysql))
    }

    fn on(server: Server) -> Self {
        let name = unique_name("test");
        server.run(&server.database, &format!("CREATE DATABASE {name}"));
        Self { server, name }
    }

    /// Its address, password included, as `DATABASE_URL` takes it.
    #[must_use]
    pub fn url(&self) -> String {
        self.url_through(self.server.address)
    }

    /// Its address by way of `proxy`, which stands before [`server`](Self::server).
    #[must_use]
    pub fn url_through(&self, proxy: SocketAddr) -> String {
        let Server { kind, user, password, .. } = &self.server;
        format!("{}://{user}:{password}@{proxy}/{}", kind.scheme(), self.name)
    }

    /// Where the server listens.
    #[must_use]
    pub const fn server(&self) -> SocketAddr {
        self.server.address
    }

    /// The database's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The password in [`url`](Self::url), which nothing may show.
    #[must_use]
    pub fn password(&self) -> &str {
        &self.server.password
    }

    /// Runs statements outside the code under test and returns the rows: a line each, columns apart by a tab.
    ///
    /// # Panics
    ///
    /// When the server refuses them.
    pub fn query(&self, sql: &str) -> String {
        self.server.run(&self.name, sql)
    }
}

impl Drop for OwnDatabase {
    fn drop(&mut self) {
        let name = &self.name;
        let drop = match self.server.kind {
            Kind::Postgres => format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"),
            Kind::Mysql => format!("DROP DATABASE IF EXISTS {name}"),
        };
        if std::thread::panicking() {
            // A second panic would hide the first; the server is thrown away in the end.
            let _ = self.server.try_run(&self.server.database, &drop);
        } else {
            self.server.run(&self.server.database, &drop);
        }
    }
}

impl fmt::Debug for OwnDatabase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OwnDatabase").field("kind", &self.server.kind).field("name", &self.name).finish()
    }
}

/// The Redis that tests share, from `CLOAKROOM_TEST_REDIS`; take a prefix from [`unique_name`] for what is kept there.
///
/// # Panics
///
/// When the variable is not set.
#[must_use]
pub fn redis_url() -> String {
    variable("CLOAKROOM_TEST_REDIS")
}

/// The file with the certificate that PostgreSQL and MariaDB show, from `CLOAKROOM_TEST_CA`; it is good for `127.0.0.1`
/// and `localhost`.
///
/// # Panics
///
/// When the variable is not set.
#[must_use]
pub fn certificate_authority() -> PathBuf {
    variable("CLOAKROOM_TEST_CA").into()
}

/// `prefix`, `_` and 16 hexadecimal digits that no other call has given.
#[must_use]
pub fn unique_name(prefix: &str) -> String {
    format!("{prefix}_{:016x}", RandomState::new().build_hasher().finish())
}

fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set; run this by `cargo xtask services -- COMMAND`"))
}

#[derive(Clone, Copy, Debug)]
enum Kind {
    Postgres,
    Mysql,
}

impl Kind {
    const fn scheme(self) -> &'static str {
        match self {
            Self::Postgres => "postgres",
            Self::Mysql => "mysql",
        }
    }
}

/// A server and the account on it that may make databases.
struct Server {
    kind: Kind,
    user: String,
    password: String,
    address: SocketAddr,
    /// The one to be connected to while others are made.
    database: String,
}

impl Server {
    fn of(name: &str, kind: Kind) -> Self {
        Self::parse(&variable(name), kind)
            .unwrap_or_else(|| panic!("{name} is not SCHEME://USER:PASSWORD@IP:PORT/NAME"))
    }

    fn parse(url: &str, kind: Kind) -> Option<Self> {
        let (_, rest) = url.split_once("://")?;
        let (account, place) = rest.split_once('@')?;
        let (user, password) = account.split_once(':')?;
        let (address, database) = place.split_once('/')?;
        Some(Self {
            kind,
            user: user.into(),
            password: password.into(),
            address: address.parse().ok()?,
            database: database.into(),
        })
    }

    fn run(&self, database: &str, sql: &str) -> String {
        self.try_run(database, sql)
            .unwrap_or_else(|said| panic!("{said}\n{}", sql.chars().take(2_000).collect::<String>()))
    }

    fn try_run(&self, database: &str, sql: &str) -> Result<String, String> {
        let (ip, port) = (self.address.ip().to_string(), self.address.port().to_string());
        let mut command = match self.kind {
            Kind::Postgres => {
                let mut psql = Command::new("psql");
                psql.args(["-X", "-q", "-A", "-t", "-F", "\t", "-v", "ON_ERROR_STOP=1", "-h", &ip, "-p", &port]);
                psql.args(["-U", &self.user, "-d", database, "-f", "-"]).env("PGPASSWORD", &self.password);
                psql
            }
            Kind::Mysql => {
                let mut mariadb = Command::new("mariadb");
                mariadb.args(["--no-defaults", "--batch", "--skip-column-names", "--default-character-set=utf8mb4"]);
                mariadb.args(["-h", &ip, "-P", &port, "-u", &self.user, "-D", database]);
                mariadb.env("MYSQL_PWD", &self.password);
                mariadb
            }
        };
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut client = command.spawn().map_err(|e| format!("{command:?}: {e}"))?;
        let mut input = client.stdin.take().ok_or("the client has no input")?;
        // The client may answer before it has read all.
        let output = std::thread::scope(|scope| {
            scope.spawn(move || input.write_all(sql.as_bytes()));
            client.wait_with_output()
        });
        match output {
            Ok(output) if output.status.success() => {
                let text = String::from_utf8_lossy(&output.stdout);
                Ok(text.strip_suffix('\n').unwrap_or(&text).to_owned())
            }
            Ok(output) => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
            Err(e) => Err(format!("{command:?}: {e}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_read_from_its_url() {
        let server = Server::parse("postgres://me:secret@127.0.0.1:5433/postgres", Kind::Postgres).unwrap();
        assert_eq!((server.user.as_str(), server.password.as_str()), ("me", "secret"));
        assert_eq!((server.address.port(), server.database.as_str()), (5433, "postgres"));
        assert!(Server::parse("postgres://127.0.0.1/x", Kind::Postgres).is_none());
    }

    #[test]
    fn names_are_names_and_differ() {
        let (one, other) = (unique_name("test"), unique_name("test"));
        assert_ne!(one, other);
        assert_eq!(one.len(), 21);
    }
}
