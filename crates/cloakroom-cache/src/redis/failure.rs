//! Why a call failed, and whether the server may have done it all the same.

use std::fmt;
use std::io;
use std::sync::Arc;

use redis::{RedisError, ServerError, ServerErrorKind};

use crate::CacheError;
use crate::url::Host;

/// Why the cache cannot be used: which server, and what it or the system said. Never a password.
#[derive(Clone, Debug, thiserror::Error)]
#[error("the cache at {server} cannot be used: {problem}")]
pub struct Unreachable {
    server: String,
    problem: String,
}

impl Unreachable {
    pub(super) fn new(server: impl fmt::Display, problem: impl fmt::Display) -> Self {
        Self { server: server.to_string(), problem: problem.to_string() }
    }
}

/// Why one attempt failed.
#[derive(Clone, Debug)]
pub(super) struct Failure {
    pub(super) kind: Kind,
    /// Whether the server may have carried the command out.
    pub(super) executed: Executed,
    server: String,
    message: Arc<str>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Executed {
    No,
    Maybe,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// No connection, or none any more.
    Connection,
    /// No answer in time.
    Deadline,
    /// The server lives and cannot now: loading, failing over.
    Later,
    /// Another server has the key.
    Moved { slot: u16, to: Host },
    /// Another server is being given the key.
    Ask { to: Host },
    /// A replica was asked to write.
    ReadOnly,
    /// The server does not know the script yet.
    NoScript,
    /// Too few replicas have the write.
    Unconfirmed,
    /// The server says no.
    Refused,
}

impl Failure {
    pub(super) fn connection(server: impl fmt::Display, message: impl fmt::Display) -> Self {
        Self::new(Kind::Connection, Executed::No, server, message)
    }

    pub(super) fn deadline(server: impl fmt::Display, executed: Executed) -> Self {
        Self::new(Kind::Deadline, executed, server, "no answer in time")
    }

    /// The same for who comes later and sends nothing.
    pub(super) fn deadline_again(failure: &Self) -> Self {
        Self { executed: Executed::No, ..failure.clone() }
    }

    pub(super) fn unconfirmed(server: impl fmt::Display) -> Self {
        Self::new(Kind::Unconfirmed, Executed::Maybe, server, "too few replicas have the write")
    }

    pub(super) fn odd(server: impl fmt::Display) -> Self {
        Self::new(Kind::Refused, Executed::Maybe, server, "an answer of another form")
    }

    pub(super) fn refused(server: impl fmt::Display, message: impl fmt::Display) -> Self {
        Self::new(Kind::Refused, Executed::No, server, message)
    }

    pub(super) fn later(server: impl fmt::Display, message: impl fmt::Display) -> Self {
        Self::new(Kind::Later, Executed::No, server, message)
    }

    pub(super) fn read_only(server: impl fmt::Display) -> Self {
        Self::new(Kind::ReadOnly, Executed::No, server, "it is a replica")
    }

    /// What a connection said after a command was handed to it.
    pub(super) fn broken(server: impl fmt::Display, error: &RedisError) -> Self {
        Self::new(Kind::Connection, Executed::Maybe, server, error)
    }

    /// What a server said in place of an answer: it did nothing, but for an error in mid-script.
    pub(super) fn said(server: &Host, error: &ServerError) -> Self {
        let detail = error.details().unwrap_or_default();
        let kind = match error.kind() {
            Some(ServerErrorKind::Moved) => match redirect(detail, server) {
                Some((slot, to)) => Kind::Moved { slot, to },
                None => Kind::Later,
            },
            Some(ServerErrorKind::Ask) => match redirect(detail, server) {
                Some((_, to)) => Kind::Ask { to },
                None => Kind::Later,
            },
            Some(
                ServerErrorKind::BusyLoading
                | ServerErrorKind::TryAgain
                | ServerErrorKind::ClusterDown
                | ServerErrorKind::MasterDown,
            ) => Kind::Later,
            Some(ServerErrorKind::ReadOnly) => Kind::ReadOnly,
            Some(ServerErrorKind::NoScript) => Kind::NoScript,
            _ => match error.code() {
                "UNBLOCKED" | "BUSY" => Kind::Later,
                _ => Kind::Refused,
            },
        };
        // What a server says may quote what it was sent, so its code is told, and of its text what holds no data.
        let message = match kind {
            Kind::Refused if error.code() != "OOM" => format!("it answers {}", error.code()),
            Kind::Refused => "it answers OOM: its memory is full (see maxmemory and maxmemory-policy)".to_owned(),
            _ => format!("it answers {} {detail}", error.code()),
        };
        Self::new(kind, Executed::No, server, message)
    }

    pub(super) fn maybe_executed(mut self) -> Self {
        self.executed = Executed::Maybe;
        self
    }

    fn new(kind: Kind, executed: Executed, server: impl fmt::Display, message: impl fmt::Display) -> Self {
        Self { kind, executed, server: server.to_string(), message: message.to_string().into() }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.server, self.message)
    }
}

impl std::error::Error for Failure {}

impl From<Failure> for Unreachable {
    fn from(failure: Failure) -> Self {
        Self { server: failure.server, problem: failure.message.to_string() }
    }
}

impl From<Failure> for CacheError {
    fn from(failure: Failure) -> Self {
        let kind = match failure.kind {
            Kind::Deadline => io::ErrorKind::TimedOut,
            Kind::Connection => io::ErrorKind::NotConnected,
            _ => io::ErrorKind::Other,
        };
        Self::Unavailable(io::Error::new(kind, failure))
    }
}

/// `SLOT HOST:PORT`; an empty host is the server that said so.
fn redirect(detail: &str, server: &Host) -> Option<(u16, Host)> {
    let (slot, address) = detail.split_once(' ')?;
    let (name, port) = address.trim().rsplit_once(':')?;
    let name = if name.is_empty() { server.name.clone() } else { name.trim_matches(['[', ']']).to_owned() };
    Some((slot.parse().ok()?, Host { name, port: port.parse().ok()? }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_redirect_may_leave_the_host_out() {
        let server = Host { name: "10.0.0.1".into(), port: 7000 };
        let at = |name: &str, port| Host { name: name.into(), port };
        assert_eq!(redirect("3999 10.0.0.2:7001", &server), Some((3999, at("10.0.0.2", 7001))));
        assert_eq!(redirect("3999 :7001", &server), Some((3999, at("10.0.0.1", 7001))));
        assert_eq!(redirect("3999 [::1]:7001", &server), Some((3999, at("::1", 7001))));
        assert_eq!(redirect("hello", &server), None);
    }
}
