//! `CACHE_URL`: which cache, where, and how long it may take.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use cloakroom_core::secret::Secret;
use cloakroom_core::urls::percent_decode;

use crate::KeyForm;

/// A parsed `CACHE_URL`. Its `Display` and `Debug` name servers only, neither user nor password.
///
/// | form | what it names |
/// |---|---|
/// | `memory://` | this process's memory |
/// | `redis://[USER:PASSWORD@]HOST[:PORT][/DB]` | one Valkey or Redis; `rediss://` by TLS |
/// | `redis-cluster://[USER:PASSWORD@]HOST[:PORT],HOST[:PORT]…` | a cluster; one reachable node is enough to find the others; `rediss-cluster://` by TLS |
/// | `redis-sentinel://[USER:PASSWORD@]HOST[:PORT],HOST[:PORT]…/SERVICE[/DB]` | the master that these sentinels (port 26379) name for `SERVICE`; `rediss-sentinel://` by TLS |
///
/// User and password are percent-encoded. Behind `?`, as `NAME=VALUE&…`:
///
/// | parameter | default | |
/// |---|---|---|
/// | `key_prefix`, `version` | empty, 1 | Django's `KEY_PREFIX` and `VERSION` |
/// | `db` | 0 | as in the path |
/// | `socket_timeout` | 2 | seconds that a call may take, repeated attempts included |
/// | `socket_connect_timeout` | 1 | seconds that making a connection may take |
/// | `ssl_ca_certs` | the system's | file with the certificates to trust, PEM |
/// | `sentinel_username`, `sentinel_password` | none | for the sentinels themselves |
/// | `wait_replicas` | `auto` for clusters and sentinels, else 0 | how many replicas must have a write before it counts: `auto` is one wherever one is connected |
///
/// ```
/// use cloakroom_cache::CacheUrl;
///
/// let url = CacheUrl::parse("redis-sentinel://:hunter2@a,b:26380/mymaster/1?key_prefix=shop").unwrap();
/// assert_eq!(url.to_string(), "redis-sentinel://a:26379,b:26380/mymaster/1");
/// assert!(CacheUrl::parse("http://localhost").is_err());
/// ```
#[derive(Clone)]
pub struct CacheUrl {
    keys: KeyForm,
    redis: Option<RedisUrl>,
}

/// What is wrong with a `CACHE_URL`. Quotes nothing that could be a password.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CacheUrlError {
    /// No cache of this kind is built in.
    #[error("the scheme {scheme} is not built in; use memory, redis, rediss, redis-cluster or redis-sentinel")]
    Scheme {
        /// The scheme, or `(none)`.
        scheme: String,
    },
    /// A host is missing or no host.
    #[error("a host is missing; write redis://HOST:PORT/DB")]
    Host,
    /// Several servers that know nothing of each other.
    #[error("one server goes with redis://; for several write redis-cluster:// or redis-sentinel://")]
    Several,
    /// What stands for a port is none.
    #[error("the port of {host} is none")]
    Port {
        /// The host.
        host: String,
    },
    /// What stands for a database is none, or the layout has but database 0.
    #[error("{0}")]
    Database(&'static str),
    /// The name of the sentinels' service is missing.
    #[error("the name of the service is missing; write redis-sentinel://HOST:PORT/SERVICE/DB")]
    Service,
    /// A parameter that is none, or has a value that it does not take.
    #[error("the parameter {name} {problem}")]
    Parameter {
        /// Its name.
        name: String,
        /// What is wrong.
        problem: &'static str,
    },
    /// A `%` without two hexadecimal digits behind it.
    #[error("user or password are not percent-encoded")]
    Encoding,
}

/// Where a Valkey or Redis is.
#[derive(Clone)]
pub(crate) struct RedisUrl {
    pub(crate) layout: Layout,
    pub(crate) hosts: Vec<Host>,
    pub(crate) tls: Option<Tls>,
    pub(crate) login: Login,
    pub(crate) sentinel_login: Login,
    pub(crate) db: u32,
    pub(crate) deadline: Duration,
    pub(crate) connect_timeout: Duration,
    pub(crate) replicas: Replicas,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Layout {
    Single,
    Cluster,
    Sentinel { service: String },
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Host {
    pub(crate) name: String,
    pub(crate) port: u16,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Tls {
    pub(crate) ca_file: Option<PathBuf>,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Login {
    pub(crate) user: Option<Secret<String>>,
    pub(crate) password: Option<Secret<String>>,
}

/// How many replicas must have a write before it counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Replicas {
    /// One, wherever one is connected.
    OneIfThere,
    /// So many, or the write does not count.
    Exactly(u32),
}

impl CacheUrl {
    /// Reads a `CACHE_URL`.
    ///
    /// # Errors
    ///
    /// What is wrong with it, without its password.
    pub fn parse(text: &str) -> Result<Self, CacheUrlError> {
        let Some((scheme, rest)) = text.split_once("://") else {
            return Err(CacheUrlError::Scheme { scheme: "(none)".into() });
        };
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (kind, tls) = match scheme {
            "memory" => (None, false),
            "redis" => (Some(Kind::Single), false),
            "rediss" => (Some(Kind::Single), true),
            "redis-cluster" => (Some(Kind::Cluster), false),
            "rediss-cluster" => (Some(Kind::Cluster), true),
            "redis-sentinel" => (Some(Kind::Sentinel), false),
            "rediss-sentinel" => (Some(Kind::Sentinel), true),
            other => return Err(CacheUrlError::Scheme { scheme: other.into() }),
        };
        let mut redis = kind.map(|kind| RedisUrl::parse(kind, rest)).transpose()?;
        if let Some(redis) = redis.as_mut().filter(|_| tls) {
            redis.tls = Some(Tls { ca_file: None });
        }
        let (mut prefix, mut version) = (String::new(), 1);
        for pair in query.split('&').filter(|p| !p.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let bad = |problem| CacheUrlError::Parameter { name: name.into(), problem };
            let value = unquote(value).ok_or(bad("is not percent-encoded"))?;
            match (name, &mut redis) {
                ("key_prefix", _) => prefix = value,
                ("version", _) => version = value.parse().map_err(|_| bad("is no whole number"))?,
                (_, Some(redis)) => redis.parameter(name, value)?,
                (_, None) => return Err(bad("is none of memory://")),
            }
        }
        Ok(Self { keys: KeyForm::new(&prefix, version), redis })
    }

    /// Whether the cache is this process's own memory.
    #[must_use]
    pub const fn is_memory(&self) -> bool {
        self.redis.is_none()
    }

    pub(crate) const fn keys(&self) -> &KeyForm {
        &self.keys
    }

    pub(crate) const fn redis(&self) -> Option<&RedisUrl> {
        self.redis.as_ref()
    }
}

impl fmt::Display for CacheUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.redis {
            None => f.write_str("memory://"),
            Some(redis) => redis.fmt(f),
        }
    }
}

impl fmt::Debug for CacheUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CacheUrl({self})")
    }
}

#[derive(Clone, Copy)]
enum Kind {
    Single,
    Cluster,
    Sentinel,
}

impl RedisUrl {
    fn parse(kind: Kind, rest: &str) -> Result<Self, CacheUrlError> {
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        // The last one: a password may hold one that was not encoded.
        let (login, hosts) = match authority.rsplit_once('@') {
            Some((login, hosts)) => (Login::parse(login)?, hosts),
            None => (Login::default(), authority),
        };
        let default_port = if matches!(kind, Kind::Sentinel) { 26_379 } else { 6_379 };
        let hosts = hosts.split(',').map(|h| Host::parse(h, default_port)).collect::<Result<Vec<_>, _>>()?;
        let (layout, db) = match kind {
            Kind::Single if hosts.len() > 1 => return Err(CacheUrlError::Several),
            Kind::Single => (Layout::Single, path),
            Kind::Cluster => (Layout::Cluster, path),
            Kind::Sentinel => {
                let (service, db) = path.split_once('/').unwrap_or((path, ""));
                let service = unquote(service).filter(|s| !s.is_empty()).ok_or(CacheUrlError::Service)?;
                (Layout::Sentinel { service }, db)
            }
        };
        let replicas = if matches!(kind, Kind::Single) { Replicas::Exactly(0) } else { Replicas::OneIfThere };
        let mut url = Self {
            layout,
            hosts,
            tls: None,
            login,
            sentinel_login: Login::default(),
            db: 0,
            deadline: Duration::from_secs(2),
            connect_timeout: Duration::from_secs(1),
            replicas,
        };
        if !db.is_empty() {
            url.set_db(db.trim_end_matches('/'))?;
        }
        Ok(url)
    }

    fn set_db(&mut self, text: &str) -> Result<(), CacheUrlError> {
        self.db = text.parse().map_err(|_| CacheUrlError::Database("the database is no number"))?;
        match self.layout {
            Layout::Cluster if self.db != 0 => Err(CacheUrlError::Database("a cluster has no database but 0")),
            _ => Ok(()),
        }
    }

    fn parameter(&mut self, name: &str, value: String) -> Result<(), CacheUrlError> {
        let bad = |problem| Err(CacheUrlError::Parameter { name: name.into(), problem });
        let seconds = |text: &str| {
            let secs = text.parse::<f64>().ok().filter(|s| (0.001..=3_600.0).contains(s));
            secs.map(Duration::from_secs_f64)
        };
        match name {
            "db" => self.set_db(&value)?,
            "socket_timeout" => match seconds(&value) {
                Some(limit) => self.deadline = limit,
                None => return bad("is no number of seconds from 0.001 to 3600"),
            },
            "socket_connect_timeout" => match seconds(&value) {
                Some(limit) => self.connect_timeout = limit,
                None => return bad("is no number of seconds from 0.001 to 3600"),
            },
            "ssl_ca_certs" => match &mut self.tls {
                Some(tls) => tls.ca_file = Some(value.into()),
                None => return bad("goes with a scheme that begins with rediss"),
            },
            "sentinel_username" | "sentinel_password" if matches!(self.layout, Layout::Sentinel { .. }) => {
                let login = &mut self.sentinel_login;
                let field = if name == "sentinel_username" { &mut login.user } else { &mut login.password };
                *field = Some(Secret::new(value));
            }
            "wait_replicas" => match (value.as_str(), value.parse()) {
                ("auto", _) => self.replicas = Replicas::OneIfThere,
                (_, Ok(count)) => self.replicas = Replicas::Exactly(count),
                _ => return bad("is neither auto nor a number"),
            },
            _ => return bad("is unknown"),
        }
        Ok(())
    }

    /// The servers, as `a:6379,b:6379`.
    pub(crate) fn servers(&self) -> String {
        self.hosts.iter().map(Host::to_string).collect::<Vec<_>>().join(",")
    }
}

impl fmt::Display for RedisUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let s = if self.tls.is_some() { "s" } else { "" };
        let servers = self.servers();
        match &self.layout {
            Layout::Single => write!(f, "redis{s}://{servers}/{}", self.db),
            Layout::Cluster => write!(f, "redis{s}-cluster://{servers}"),
            Layout::Sentinel { service } => write!(f, "redis{s}-sentinel://{servers}/{service}/{}", self.db),
        }
    }
}

impl fmt::Debug for RedisUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Login {
    fn parse(text: &str) -> Result<Self, CacheUrlError> {
        let part = |text: &str| match text {
            "" => Ok(None),
            _ => unquote(text).map(|t| Some(Secret::new(t))).ok_or(CacheUrlError::Encoding),
        };
        let (user, password) = text.split_once(':').unwrap_or((text, ""));
        Ok(Self { user: part(user)?, password: part(password)? })
    }
}

impl Host {
    fn parse(text: &str, default_port: u16) -> Result<Self, CacheUrlError> {
        let (name, port) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((name, rest)) => (name, rest.strip_prefix(':')),
            None => match text.rsplit_once(':') {
                Some((name, port)) => (name, Some(port)),
                None => (text, None),
            },
        };
        if name.is_empty() || name.contains(char::is_whitespace) {
            return Err(CacheUrlError::Host);
        }
        let port = match port {
            None => default_port,
            Some(port) => {
                port.parse().ok().filter(|p| *p != 0).ok_or_else(|| CacheUrlError::Port { host: name.into() })?
            }
        };
        Ok(Self { name: name.into(), port })
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.name.contains(':') {
            write!(f, "[{}]:{}", self.name, self.port)
        } else {
            write!(f, "{}:{}", self.name, self.port)
        }
    }
}

/// Decodes a text in which each `%` begins an escape.
fn unquote(text: &str) -> Option<String> {
    let is_escape = |after: &str| after.bytes().take(2).filter(u8::is_ascii_hexdigit).count() == 2;
    let decoded = text.split('%').skip(1).all(is_escape).then(|| percent_decode(text).into_owned())?;
    String::from_utf8(decoded).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn redis(text: &str) -> RedisUrl {
        CacheUrl::parse(text).unwrap().redis().unwrap().clone()
    }

    #[test]
    fn every_form_is_read() {
        for (text, shown) in [
            ("memory://", "memory://"),
            ("redis://localhost", "redis://localhost:6379/0"),
            ("redis://user:p%40ss@[::1]:7000/3", "redis://[::1]:7000/3"),
            ("rediss://h/?db=2", "rediss://h:6379/2"),
            ("redis-cluster://a:1,b:2,c", "redis-cluster://a:1,b:2,c:6379"),
            ("rediss-sentinel://:pw@a,b/main", "rediss-sentinel://a:26379,b:26379/main/0"),
        ] {
            assert_eq!(CacheUrl::parse(text).unwrap().to_string(), shown);
        }
        let url = redis("redis://user:p%40s%3As@h?socket_timeout=0.5&wait_replicas=2");
        assert_eq!(url.login.user.as_ref().unwrap().expose(), "user");
        assert_eq!(url.login.password.as_ref().unwrap().expose(), "p@s:s");
        assert_eq!((url.deadline, url.replicas), (Duration::from_millis(500), Replicas::Exactly(2)));
        assert_eq!(redis("redis-cluster://a").replicas, Replicas::OneIfThere);
        assert_eq!(redis("redis://a").replicas, Replicas::Exactly(0));
        let keys = CacheUrl::parse("memory://?key_prefix=shop&version=2").unwrap();
        assert_eq!(keys.keys().full("k"), "shop:2:k");
    }

    /// L03: whatever is wrong, what could be a password is not told.
    #[test]
    fn what_is_wrong_is_said_without_the_password() {
        for text in [
            "hunter2",
            "http://u:hunter2@h",
            "redis://u:hunter2@",
            "redis://u:hunter2@h:port",
            "redis://u:hunter2@h:0",
            "redis://u:hunter2@h/x",
            "redis://u:hunter2%@h",
            "redis://u:hunter2%+1@h",
            "redis://u:hunter2%C3@h",
            "redis://u:hunter2@a,b",
            "redis-cluster://u:hunter2@a/1",
            "redis-sentinel://u:hunter2@a",
            "redis://u:hunter2@h?socket_timeout=hunter2",
            "redis://u:hunter2@h?sentinel_password=hunter2",
            "redis://h?what=hunter2",
            "memory://?db=1",
        ] {
            let error = CacheUrl::parse(text).expect_err(text);
            assert!(!format!("{error} {error:?}").contains("hunter2"), "{text}: {error}");
        }
        assert!(!format!("{:?}", redis("redis://u:hunter2@h")).contains("hunter2"));
    }
}
