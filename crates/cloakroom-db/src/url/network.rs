//! URLs of database servers.

use std::path::PathBuf;
use std::time::Duration;

use cloakroom_core::secret::Secret;
use cloakroom_core::urls::percent_decode;

use super::UrlError;
use crate::network::{Address, Endpoint, Server, TlsMode};

/// Reads what follows `scheme://`.
pub(super) fn parse(server: Server, rest: &str) -> Result<Address, UrlError> {
    let reader = Reader { server };
    let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
    if query.contains('@') {
        // The `?` most likely is one of a password's characters, and no error may name what follows it.
        return Err(reader.unreadable("password"));
    }
    // A password may hold an `@`, a host cannot.
    let (login, rest) = rest.rsplit_once('@').unwrap_or(("", rest));
    let (place, database) = rest.split_once('/').unwrap_or((rest, ""));
    let (user, password) = match login.split_once(':') {
        Some((user, password)) => (user, Some(reader.decode("password", password)?)),
        None => (login, None),
    };
    let options = Options::read(reader, query)?;
    let endpoint = reader.endpoint(place, &options)?;
    let user = reader.decode("user", user)?;
    let database = reader.decode("database", database)?;
    for (part, text) in [("user", &user), ("database", &database)] {
        if text.is_empty() {
            return Err(UrlError::Lacks { scheme: server.scheme(), part });
        }
    }
    Ok(Address {
        server,
        endpoint,
        user,
        password: password.map(Secret::new),
        database,
        tls: options.tls.unwrap_or(TlsMode::Prefer),
        root_certificates: options.root_certificates,
        connect_timeout: options.connect_timeout,
    })
}

#[derive(Clone, Copy)]
struct Reader {
    server: Server,
}

impl Reader {
    fn decode(self, part: &'static str, text: &str) -> Result<String, UrlError> {
        let text = String::from_utf8(percent_decode(text).into_owned());
        match text {
            Ok(text) if !text.contains('\0') => Ok(text),
            _ => Err(self.unreadable(part)),
        }
    }

    fn endpoint(self, place: &str, options: &Options) -> Result<Endpoint, UrlError> {
        let (host, port) = match place.strip_prefix('[') {
            Some(rest) => {
                let (host, after) = rest.split_once(']').ok_or(self.unreadable("host"))?;
                match after {
                    "" => (host, None),
                    _ => (host, Some(after.strip_prefix(':').ok_or(self.unreadable("host"))?)),
                }
            }
            None => match place.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (place, None),
            },
        };
        let port = match port {
            Some(port) => port.parse().ok().filter(|port| *port != 0).ok_or(self.unreadable("port"))?,
            None => options.port.unwrap_or(self.server.default_port()),
        };
        let host = match (self.decode("host", host)?, &options.host) {
            (host, None) => host,
            (host, Some(other)) if host.is_empty() => other.clone(),
            _ => return Err(self.unreadable("host")),
        };
        if host.is_empty() {
            return Err(UrlError::Lacks { scheme: self.server.scheme(), part: "host" });
        }
        if host.starts_with('/') {
            return Ok(Endpoint::Unix { path: PathBuf::from(host), port });
        }
        if host.contains(|c: char| c.is_whitespace() || c.is_control() || matches!(c, ',' | '@' | '/')) {
            return Err(self.unreadable("host"));
        }
        Ok(Endpoint::Tcp { host, port })
    }

    fn unreadable(self, part: &'static str) -> UrlError {
        UrlError::Unreadable { scheme: self.server.scheme(), part }
    }
}

/// What follows the `?`.
#[derive(Default)]
struct Options {
    tls: Option<TlsMode>,
    root_certificates: Option<PathBuf>,
    connect_timeout: Option<Duration>,
    host: Option<String>,
    port: Option<u16>,
}

impl Options {
    fn read(reader: Reader, query: &str) -> Result<Self, UrlError> {
        let mut options = Self::default();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let (name, value) = (reader.decode("options", name)?, reader.decode("options", value)?);
            options.take(reader.server, &name, value)?;
        }
        Ok(options)
    }

    fn take(&mut self, server: Server, name: &str, value: String) -> Result<(), UrlError> {
        match name {
            "sslmode" | "ssl-mode" | "ssl_mode" => self.tls = Some(tls_mode(&value)?),
            "sslrootcert" | "ssl-ca" | "ssl_ca" if value == "system" => self.root_certificates = None,
            "sslrootcert" | "ssl-ca" | "ssl_ca" => {
                let expected = "the path of a PEM file, or system";
                self.root_certificates = Some(not_empty(value, "sslrootcert", expected)?.into());
            }
            "connect_timeout" => {
                let seconds = value.parse().ok().filter(|seconds| (1..=3600).contains(seconds));
                let expected = "whole seconds from 1 to 3600";
                let seconds = seconds.ok_or(UrlError::BadOption { option: "connect_timeout", expected })?;
                self.connect_timeout = Some(Duration::from_secs(seconds));
            }
            "host" | "unix_socket" => {
                self.host = Some(not_empty(value, "host", "a host, or the path of a Unix socket")?);
            }
            "port" => {
                let port = value.parse().ok().filter(|port| *port != 0);
                let expected = "a number from 1 to 65535";
                self.port = Some(port.ok_or(UrlError::BadOption { option: "port", expected })?);
            }
            "charset" if server == Server::MySql => {
                if value != "utf8mb4" {
                    return Err(UrlError::BadOption { option: "charset", expected: "utf8mb4" });
                }
            }
            _ => {
                let known = match server {
                    Server::Postgres => "sslmode, sslrootcert, connect_timeout, host, port",
                    Server::MySql => "sslmode, sslrootcert, connect_timeout, unix_socket, host, port, charset",
                };
                return Err(UrlError::UnknownOption { option: name.to_owned(), known });
            }
        }
        Ok(())
    }
}

fn tls_mode(value: &str) -> Result<TlsMode, UrlError> {
    Ok(match value.to_ascii_lowercase().as_str() {
        "disable" | "disabled" => TlsMode::Disable,
        "prefer" | "preferred" => TlsMode::Prefer,
        "require" | "required" => TlsMode::Require,
        "verify-ca" | "verify_ca" => TlsMode::VerifyCa,
        "verify-full" | "verify_identity" => TlsMode::VerifyFull,
        _ => {
            let expected = "disable, prefer, require, verify-ca or verify-full";
            return Err(UrlError::BadOption { option: "sslmode", expected });
        }
    })
}

fn not_empty(value: String, option: &'static str, expected: &'static str) -> Result<String, UrlError> {
    if value.is_empty() { Err(UrlError::BadOption { option, expected }) } else { Ok(value) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::url::{DatabaseUrl, Target};

    fn address(text: &str) -> Address {
        match DatabaseUrl::parse(text).unwrap().target() {
            Target::Postgres(address) | Target::MySql(address) => address.clone(),
            Target::Sqlite(_) => panic!("{text} is read as a file"),
        }
    }

    fn tcp(host: &str, port: u16) -> Endpoint {
        Endpoint::Tcp { host: host.to_owned(), port }
    }

    #[test]
    fn every_part_is_read_and_decoded() {
        let read = address("postgresql://al%40ice:p%2F%3A@d%21@db.example:6543/my%20site?sslmode=verify-full");
        assert_eq!((read.server, read.endpoint), (Server::Postgres, tcp("db.example", 6543)));
        assert_eq!((read.user.as_str(), read.database.as_str()), ("al@ice", "my site"));
        assert_eq!(read.password.unwrap().expose(), "p/:@d!");
        assert_eq!(read.tls, TlsMode::VerifyFull);
    }

    #[test]
    fn what_is_not_said_is_as_usual() {
        let read = address("mariadb://alice@localhost/site");
        assert_eq!((read.server, read.endpoint), (Server::MySql, tcp("localhost", 3306)));
        assert!(read.password.is_none() && read.root_certificates.is_none() && read.connect_timeout.is_none());
        assert_eq!(read.tls, TlsMode::Prefer);
        assert_eq!(address("postgres://a@[::1]/b").endpoint, tcp("::1", 5432));
        assert_eq!(address("postgres://a@[::1]:7/b").to_string(), "postgres://a@[::1]:7/b");
    }

    #[test]
    fn a_unix_socket_is_a_host_that_is_a_path() {
        let socket = |path: &str, port| Endpoint::Unix { path: path.into(), port };
        assert_eq!(address("postgres://a@/b?host=/run/pg").endpoint, socket("/run/pg", 5432));
        assert_eq!(address("postgres://a@%2Frun%2Fpg:6000/b").endpoint, socket("/run/pg", 6000));
        assert_eq!(address("postgres://a@/b?host=/run/pg&port=9").endpoint, socket("/run/pg", 9));
        assert_eq!(address("mysql://a@/b?unix_socket=/run/my.sock").endpoint, socket("/run/my.sock", 3306));
    }

    #[test]
    fn options_go_by_the_names_of_both_servers() {
        let read =
            address("mysql://a@h/b?ssl-mode=VERIFY_IDENTITY&ssl-ca=/etc/ca.pem&connect_timeout=3&charset=utf8mb4");
        assert_eq!((read.tls, read.connect_timeout), (TlsMode::VerifyFull, Some(Duration::from_secs(3))));
        assert_eq!(read.root_certificates, Some("/etc/ca.pem".into()));
        assert_eq!(address("postgres://a@h/b?sslrootcert=system").root_certificates, None);
    }

    #[test]
    fn what_cannot_be_understood_is_refused_without_showing_a_password() {
        for (text, part) in [
            ("postgres://u:hunter2@h:x/d", "port"),
            ("postgres://u:hunter2@h:0/d", "port"),
            ("postgres://u:hunter2@/d", "host"),
            ("postgres://u:hunter2@h1,h2/d", "host"),
            ("postgres://u:hunter2@[::1/d", "host"),
            ("postgres://u:hunter2@h?host=i", "host"),
            ("postgres://u:hunter2@h/", "database"),
            ("postgres://u:hunter2%FF@h/d", "password"),
            ("postgres://u:x?hunter2@h/d", "password"),
            ("postgres://u:hunter2%00@h/d", "password"),
            ("postgres://:hunter2@h/d", "user"),
            ("mysql://h/d", "user"),
            ("postgres://u:hunter2@h/d?sslmode=hunter2", "sslmode"),
            ("postgres://u:hunter2@h/d?connect_timeout=0", "connect_timeout"),
            ("postgres://u:hunter2@h/d?sslrootcert=", "sslrootcert"),
            ("postgres://u:hunter2@h/d?charset=utf8mb4", "charset"),
            ("mysql://u:hunter2@h/d?charset=latin1", "charset"),
            ("postgres://u:hunter2@h/d?sslcert=x", "sslcert"),
        ] {
            let error = DatabaseUrl::parse(text).unwrap_err().to_string();
            assert!(error.contains(part) && !error.contains("hunter2") && !error.contains('\n'), "{text}: {error}");
        }
    }

    #[test]
    fn an_address_prints_without_its_password() {
        let read = address("postgres://u:hunter2@h/d");
        assert_eq!(format!("{read} {read:?} {}", read.place()).matches("hunter2").count(), 0);
        assert_eq!(read.to_string(), "postgres://u:***@h:5432/d");
        assert_ne!(read, address("postgres://u:other@h/d"));
    }
}
