//! Valkey and Redis: one server, the master that sentinels name, or a cluster.
//!
//! Each call has a deadline. What a server said it did not do is tried again within it; what it may have done is tried
//! again only where twice is once (reads, `set`, `delete`), never a comparison with what was there.
//!
//! In a cluster and behind sentinels a master may die before its replica has the last writes. So a write counts only
//! when a replica has it, wherever one is connected (`WAIT` on the same connection); otherwise the call fails, and the
//! value may be stored or not. A master without a replica is believed alone: nobody could take over from it. What is
//! left: a master that is cut off from its replica **and** has noticed, and from which we are not, may count a write
//! in the seconds until it stops by itself (`cluster-node-timeout`). `wait_replicas=1` rules that out, and refuses
//! writes while a replica is down.

pub(crate) mod bytes;
mod cluster;
mod failure;
mod link;
mod node;
mod script;
mod sentinel;
mod track;

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use redis::{Cmd, Value};
use tokio::time::{Instant, sleep_until, timeout_at};

use self::cluster::Cluster;
pub use self::failure::Unreachable;
use self::failure::{Executed, Failure, Kind};
use self::link::Dial;
use self::node::{Asking, Node, Use};
use self::script::{Known, Script};
use self::sentinel::Sentinels;
pub(crate) use self::track::Tracking;
use crate::url::{Host, Layout, RedisUrl, Replicas};
use crate::watch::Heard;
use crate::{Added, CacheError, CacheValue, Looked, Replaced, Stamp, Stamped, Timeout};

/// How often one call is tried, redirects included.
const MAX_ATTEMPTS: u32 = 8;

/// The pause before the second attempt; it doubles.
const FIRST_PAUSE: Duration = Duration::from_millis(10);

/// The longest time that a server is asked for; Redis counts milliseconds in 64 bits from 1970.
const MAX_SECS: f64 = 1e12;

/// A Valkey or Redis as Django's `RedisCache` uses it: same keys, same bytes, same times.
pub(crate) struct RedisCache {
    url: RedisUrl,
    /// Why nothing can be asked at all: certificates that cannot be read.
    servers: Result<Arc<Servers>, Failure>,
    replace_if: Script,
    touch_if: Script,
}

enum Servers {
    Single(Arc<Node>),
    Cluster(Cluster),
    Sentinel(Arc<Sentinels>),
}

/// Whether doing it twice is doing it once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Again {
    Fine,
    Never,
}

impl RedisCache {
    pub(crate) fn new(url: RedisUrl) -> Self {
        let servers = Servers::new(&url).map(Arc::new);
        Self { url, servers, replace_if: Script::replace_if(), touch_if: Script::touch_if() }
    }

    /// Asks for a key that is not there, the way in which sessions are asked for.
    pub(crate) async fn check(&self) -> Result<(), Unreachable> {
        let unreachable = |failure: Failure| match (failure.kind.clone(), &self.url.layout) {
            (Kind::Moved { .. }, Layout::Single) => {
                Unreachable::new(self.url.servers(), "it is one of a cluster; write redis-cluster:// in CACHE_URL")
            }
            (Kind::Refused, Layout::Cluster) => {
                Unreachable::new(self.url.servers(), format!("{failure} to CLUSTER SLOTS; is it a cluster?"))
            }
            _ => failure.into(),
        };
        let probe = "cloakroom.check";
        self.script(&self.touch_if, probe, &[b"", b"1"], Again::Fine).await.map_err(unreachable)?;
        if self.url.replicas == Replicas::OneIfThere
            && let Ok(Servers::Cluster(cluster)) = self.servers.as_deref()
        {
            for master in cluster.masters() {
                let limit = Instant::now() + self.url.deadline;
                master.ask(&["ROLE"], limit).await?;
            }
        }
        Ok(())
    }

    /// Has the servers tell of changes, once it is started.
    pub(crate) fn track(&self, heard: Arc<Heard>) -> Tracking {
        Tracking::new(self.servers.clone(), self.url.deadline, heard)
    }

    /// Has the servers tell of a change, to see whether they do.
    pub(crate) async fn check_tracking(&self, heard: Arc<Heard>) -> Result<(), Unreachable> {
        Ok(self.track(heard).try_once().await?)
    }

    pub(crate) async fn get(&self, key: &str) -> Result<Option<Stamped>, CacheError> {
        match self.run(key, Use::Read, Again::Fine, |_| words(&[b"GET", key.as_bytes()])).await? {
            Value::Nil => Ok(None),
            Value::BulkString(bytes) => Ok(Some(stamped(bytes))),
            _ => Err(self.odd()),
        }
    }

    pub(crate) async fn get_unless(&self, key: &str, seen: &Stamp) -> Result<Looked, CacheError> {
        match self.run(key, Use::Read, Again::Fine, |_| words(&[b"GET", key.as_bytes()])).await? {
            Value::Nil => Ok(Looked::Absent),
            Value::BulkString(bytes) if seen.as_bytes() == Some(&*bytes) => Ok(Looked::Same),
            Value::BulkString(bytes) => Ok(Looked::Other(stamped(bytes))),
            _ => Err(self.odd()),
        }
    }

    pub(crate) async fn has(&self, key: &str) -> Result<bool, CacheError> {
        match self.run(key, Use::Read, Again::Fine, |_| words(&[b"EXISTS", key.as_bytes()])).await? {
            Value::Int(count) => Ok(count > 0),
            _ => Err(self.odd()),
        }
    }

    pub(crate) async fn set(&self, key: &str, value: &CacheValue, timeout: Timeout) -> Result<Stamp, CacheError> {
        let bytes = bytes::encode(value)?;
        match seconds(timeout) {
            Seconds::None => self.delete(key).await?,
            time => {
                let command = |_| store(key, &bytes, time);
                self.run(key, Use::Write, Again::Fine, command).await?;
            }
        }
        Ok(Stamp::bytes(bytes.into()))
    }

    pub(crate) async fn add(&self, key: &str, value: &CacheValue, timeout: Timeout) -> Result<Added, CacheError> {
        let bytes = bytes::encode(value)?;
        let time = seconds(timeout);
        let command = |_| {
            let mut command = store(key, &bytes, time);
            command.arg("NX");
            command
        };
        match self.run(key, Use::Write, Again::Never, command).await? {
            Value::Nil => return Ok(Added::Taken),
            Value::Okay => {}
            _ => return Err(self.odd()),
        }
        if matches!(time, Seconds::None) {
            self.delete(key).await?;
        }
        Ok(Added::Yes(Stamp::bytes(bytes.into())))
    }

    pub(crate) async fn replace_if(
        &self,
        key: &str,
        seen: &Stamp,
        value: &CacheValue,
        timeout: Timeout,
    ) -> Result<Replaced, CacheError> {
        let bytes = bytes::encode(value)?;
        let time = seconds(timeout).text();
        // The stamp of another store is that of no value here, and no pickle is empty.
        let seen = seen.as_bytes().unwrap_or_default();
        match self.script(&self.replace_if, key, &[seen, &bytes, time.as_bytes()], Again::Never).await? {
            Value::Int(1) => Ok(Replaced::Yes(Stamp::bytes(bytes.into()))),
            Value::Nil => Ok(Replaced::Gone),
            Value::BulkString(bytes) => Ok(Replaced::Differs(stamped(bytes))),
            _ => Err(self.odd()),
        }
    }

    pub(crate) async fn touch_if(&self, key: &str, seen: &Stamp, timeout: Timeout) -> Result<bool, CacheError> {
        let time = seconds(timeout).text();
        let seen = seen.as_bytes().unwrap_or_default();
        match self.script(&self.touch_if, key, &[seen, time.as_bytes()], Again::Fine).await? {
            Value::Int(done) => Ok(done == 1),
            _ => Err(self.odd()),
        }
    }

    pub(crate) async fn delete(&self, key: &str) -> Result<(), CacheError> {
        self.run(key, Use::Write, Again::Fine, |_| words(&[b"DEL", key.as_bytes()])).await?;
        Ok(())
    }

    async fn script(&self, script: &Script, key: &str, arguments: &[&[u8]], again: Again) -> Result<Value, Failure> {
        self.run(key, Use::Write, again, |known| script.call(known, key, arguments)).await
    }

    /// Runs one command where `key` is, as often as it takes and may.
    ///
    /// In a box, since whoever waits for it is deep enough without it for the compiler.
    fn run<'a>(
        &'a self,
        key: &'a str,
        purpose: Use,
        again: Again,
        command: impl Fn(Known) -> Cmd + Send + Sync + 'a,
    ) -> Pin<Box<dyn Future<Output = Result<Value, Failure>> + Send + 'a>> {
        Box::pin(async move {
            let deadline = Instant::now() + self.url.deadline;
            // Every wait inside ends by the deadline but those for each other, of which a single server needs none.
            if let Ok(Servers::Single(_)) = self.servers.as_deref() {
                return self.attempts(key, purpose, again, command, deadline).await;
            }
            let work = Box::pin(self.attempts(key, purpose, again, command, deadline));
            match timeout_at(deadline + Duration::from_millis(50), work).await {
                Ok(done) => done,
                Err(_) => Err(Failure::deadline(self.url.servers(), Executed::Maybe)),
            }
        })
    }

    async fn attempts(
        &self,
        key: &str,
        purpose: Use,
        again: Again,
        command: impl Fn(Known) -> Cmd + Send + Sync,
        deadline: Instant,
    ) -> Result<Value, Failure> {
        let servers = self.servers.as_deref().map_err(Failure::clone)?;
        let (mut known, mut asking, mut redirected) = (Known::Yes, Asking::No, None);
        let mut pause = FIRST_PAUSE;
        let mut attempt = 0;
        loop {
            attempt += 1;
            let tried = match redirected.take() {
                Some(node) => Ok(node),
                None => servers.node(key, deadline).await,
            };
            let tried = match tried {
                Ok(node) => node.call(command(known), purpose, asking, deadline).await,
                Err(failure) => Err(failure),
            };
            asking = Asking::No;
            let failure = match tried {
                Ok(value) => return Ok(value),
                Err(failure) => failure,
            };
            let repeatable = failure.executed == Executed::No || again == Again::Fine;
            if !repeatable || attempt == MAX_ATTEMPTS || !servers.may_mend(&failure) {
                return Err(failure);
            }
            match (&failure.kind, servers) {
                (Kind::NoScript, _) => {
                    known = Known::No;
                    continue;
                }
                (Kind::Moved { to, .. }, Servers::Cluster(cluster)) => {
                    Box::pin(cluster.refresh(deadline)).await.ok();
                    redirected = Some(cluster.at(to));
                    continue;
                }
                (Kind::Ask { to }, Servers::Cluster(cluster)) => {
                    asking = Asking::Yes;
                    redirected = Some(cluster.at(to));
                    continue;
                }
                _ => {}
            }
            if attempt > 1 || !matches!(servers, Servers::Single(_)) {
                sleep_until(deadline.min(Instant::now() + pause)).await;
                pause *= 2;
            }
            Box::pin(servers.refresh(deadline)).await;
        }
    }

    fn odd(&self) -> CacheError {
        Failure::odd(self.url.servers()).into()
    }
}

impl fmt::Debug for RedisCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RedisCache({})", self.url)
    }
}

impl Servers {
    fn new(url: &RedisUrl) -> Result<Self, Failure> {
        let tls = url.tls.as_ref().map(link::tls).transpose();
        let tls = tls.map_err(|problem| Failure::refused(url.servers(), problem))?;
        let dial = Arc::new(Dial::new(&url.login, url.db, tls.clone()));
        let (timeout, replicas) = (url.connect_timeout, url.replicas);
        let make = move |host: Host| Node::new(host, Arc::clone(&dial), timeout, replicas);
        Ok(match &url.layout {
            Layout::Single => Self::Single(Arc::new(make(url.hosts[0].clone()))),
            Layout::Cluster => Self::Cluster(Cluster::new(url.hosts.clone(), Box::new(make))),
            Layout::Sentinel { service } => {
                let dial = Arc::new(Dial::new(&url.sentinel_login, 0, tls));
                let sentinel = |host: &Host| Node::new(host.clone(), Arc::clone(&dial), timeout, Replicas::Exactly(0));
                let sentinels = url.hosts.iter().map(sentinel).collect();
                Self::Sentinel(Arc::new(Sentinels::new(service.clone(), sentinels, Box::new(make))))
            }
        })
    }

    async fn node(&self, key: &str, deadline: Instant) -> Result<Arc<Node>, Failure> {
        match self {
            Self::Single(node) => Ok(Arc::clone(node)),
            // Each in a box: a single server's way need not have room for theirs.
            Self::Cluster(cluster) => Box::pin(cluster.node(key, deadline)).await,
            Self::Sentinel(sentinels) => Box::pin(sentinels.node(deadline)).await,
        }
    }

    /// Whether another attempt may do better.
    fn may_mend(&self, failure: &Failure) -> bool {
        match failure.kind {
            Kind::NoScript | Kind::Later => true,
            // A broken connection can be made again; one that could not be made was just tried.
            Kind::Connection => !matches!(self, Self::Single(_)) || failure.executed == Executed::Maybe,
            Kind::Moved { .. } | Kind::Ask { .. } => matches!(self, Self::Cluster(_)),
            Kind::ReadOnly => !matches!(self, Self::Single(_)),
            // A server that made no connection in time: perhaps another took over.
            Kind::Deadline => !matches!(self, Self::Single(_)) && failure.executed == Executed::No,
            Kind::Unconfirmed | Kind::Refused => false,
        }
    }

    /// The servers that keep keys of this beginning, as they are now, each with an ending that makes such a key one of its own.
    async fn places(&self, beginning: &str, limit: Duration) -> Result<Vec<(Arc<Node>, String)>, Failure> {
        let now = Instant::now();
        match self {
            Self::Single(node) => Ok(vec![(Arc::clone(node), String::new())]),
            Self::Sentinel(sentinels) => Ok(vec![(sentinels.node_since(now, now + limit).await?, String::new())]),
            Self::Cluster(cluster) => {
                cluster.refresh(now + limit).await?;
                Ok(cluster.places(beginning))
            }
        }
    }

    /// Fails unless these are the servers that answer for what is stored, as of this moment or later.
    async fn are_still<'a>(
        &self,
        mut hosts: impl Iterator<Item = &'a Host> + Send,
        moment: Instant,
        deadline: Instant,
    ) -> Result<(), Failure> {
        match self {
            Self::Single(_) => Ok(()),
            Self::Sentinel(sentinels) => {
                let node = sentinels.node_since(moment, deadline).await?;
                if hosts.all(|host| host == node.host()) { Ok(()) } else { Err(Failure::read_only(node.host())) }
            }
            // A master that is one no more refuses the beat.
            Self::Cluster(_) => Ok(()),
        }
    }

    /// Finds out who is responsible now. Failing is no matter: the next attempt fails then.
    async fn refresh(&self, deadline: Instant) {
        match self {
            Self::Single(_) => {}
            Self::Cluster(cluster) => drop(cluster.refresh(deadline).await),
            Self::Sentinel(sentinels) => drop(sentinels.refresh(deadline).await),
        }
    }
}

/// How long a value stays, in Redis's whole seconds, as `RedisCache.get_backend_timeout` counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Seconds {
    ForGood,
    None,
    Some(u64),
}

impl Seconds {
    fn text(self) -> String {
        match self {
            Self::ForGood => String::new(),
            Self::None => "0".into(),
            Self::Some(secs) => secs.to_string(),
        }
    }
}

fn seconds(timeout: Timeout) -> Seconds {
    match timeout {
        Timeout::Never => Seconds::ForGood,
        Timeout::After(secs) if secs >= 1.0 => Seconds::Some(secs.min(MAX_SECS) as u64),
        Timeout::After(_) => Seconds::None,
    }
}

fn store(key: &str, bytes: &[u8], time: Seconds) -> Cmd {
    let mut command = words(&[b"SET", key.as_bytes(), bytes]);
    if let Seconds::Some(secs) = time {
        command.arg("EX").arg(secs);
    }
    command
}

fn words(words: &[&[u8]]) -> Cmd {
    let mut command = Cmd::new();
    for word in words {
        command.arg(*word);
    }
    command
}

fn stamped(bytes: Vec<u8>) -> Stamped {
    Stamped { value: bytes::decode(&bytes), stamp: Stamp::bytes(bytes.into()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As Django's `max(0, int(timeout))`.
    #[test]
    fn times_are_whole_seconds() {
        for (secs, text) in [(60.0, "60"), (1.9, "1"), (0.9, "0"), (0.0, "0"), (-5.0, "0"), (f64::NAN, "0")] {
            assert_eq!(seconds(Timeout::After(secs)).text(), text);
        }
        assert_eq!(seconds(Timeout::After(1e300)).text(), "1000000000000");
        assert_eq!(seconds(Timeout::Never).text(), "");
    }
}
