//! Having Valkey or Redis tell of changes: `CLIENT TRACKING` on a connection of its own.
//!
//! By broadcast (`BCAST`), not by what was read: the server remembers no keys of ours, so that none of its limits can be met
//! (`tracking-table-max-keys`), and a read costs it no more than before. It tells of each change to a key with the prefix, also
//! when the key expires or is evicted, and of `FLUSHDB`, to each node.
//!
//! What may be kept is read over the same connection. So it comes from the server that tells of changes, whoever answers on
//! other connections meanwhile: a new master, or what an address means now. In a cluster there is such a connection to each
//! master; a slot's move deletes its keys on one and makes them on the other, which both tell.
//!
//! A beat is a key of this process's, of another name each time, that it sets and of whose change it hears. That the beat of
//! before is still there shows that the database was not exchanged meanwhile (`SWAPDB` tells nothing). Behind sentinels a beat
//! counts when they, asked after it was sent, name the same master.

use std::convert::Infallible;
use std::error::Error;
use std::sync::{Arc, OnceLock, PoisonError, RwLock};
use std::time::{Duration, Instant};

use cloakroom_core::near;
use redis::{Cmd, Pipeline, PushInfo, PushKind, Value};
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use super::failure::{Executed, Failure};
use super::link::Link;
use super::{Servers, stamped, words};
use crate::url::Host;
use crate::watch::{Heard, Kept, Watched};

/// Beats within a bound, so that one that is late does not end the use of copies.
const BEATS: u32 = 4;

/// How long the servers may take to say who they are.
const ASKING: Duration = Duration::from_secs(2);

/// Hears of changes as long as it lives.
pub(crate) struct Tracking {
    tracked: Arc<Tracked>,
    task: OnceLock<JoinHandle<Infallible>>,
}

struct Tracked {
    servers: Result<Arc<Servers>, Failure>,
    deadline: Duration,
    heard: Arc<Heard>,
    /// The connections that tell; none while anything is in doubt.
    ears: RwLock<Arc<[Ear]>>,
}

/// A connection to one server, which tells of changes there.
struct Ear {
    host: Host,
    link: Link,
    /// The last beat that came back.
    heard: watch::Receiver<u64>,
    /// What a beat's key ends with, to be this server's.
    ending: String,
}

impl Tracking {
    pub(super) fn new(servers: Result<Arc<Servers>, Failure>, deadline: Duration, heard: Arc<Heard>) -> Self {
        let ears = RwLock::new(Arc::new([]) as Arc<[Ear]>);
        Self { tracked: Arc::new(Tracked { servers, deadline, heard, ears }), task: OnceLock::new() }
    }

    /// Starts to listen, unless it does; needs a runtime.
    pub(crate) fn is_started(&self) -> bool {
        self.task.get().is_some() || self.start()
    }

    #[cold]
    fn start(&self) -> bool {
        let Ok(runtime) = Handle::try_current() else { return false };
        self.task.get_or_init(|| runtime.spawn(Arc::clone(&self.tracked).listen()));
        true
    }

    /// Listens until the first beat is heard.
    pub(super) async fn try_once(&self) -> Result<(), Failure> {
        let ears = self.tracked.connect().await?;
        self.tracked.beat(&ears, 1, None, ASKING).await
    }

    /// Reads a value where changes of it are told. `None` if that cannot be done at this moment.
    pub(crate) async fn get(&self, read_at: near::Stamp, key: &str) -> Option<Watched> {
        let tracked = &self.tracked;
        let (host, link) = tracked.ear_of(key)?;
        let mut commands = Pipeline::new();
        commands.add_command(words(&[b"GET", key.as_bytes()])).add_command(words(&[b"PTTL", key.as_bytes()]));
        let sent = Instant::now();
        // Whoever waits here in vain is to have time for another question.
        let limit = (tracked.deadline / 2).min(tracked.heard.hearing().bound());
        let answers = timeout(limit, link.send(&host, &commands)).await.ok()?.ok()?;
        match <[Value; 2]>::try_from(answers).ok()? {
            [Value::Nil, _] => Some(Watched { found: None, kept: None }),
            [Value::BulkString(bytes), Value::Int(millis)] => {
                let kept = match u64::try_from(millis) {
                    // The server rounds up to the next millisecond.
                    Ok(millis) => Some(Some(sent + Duration::from_millis(millis.saturating_sub(1)))),
                    // It has no end; else it is gone by now.
                    Err(_) => (millis == -1).then_some(None),
                };
                let kept = kept.map(|until| Kept { read_at, until });
                Some(Watched { found: Some(stamped(bytes)), kept })
            }
            _ => None,
        }
    }
}

impl Drop for Tracking {
    fn drop(&mut self) {
        if let Some(task) = self.task.get() {
            task.abort();
        }
        self.tracked.lose();
    }
}

impl Tracked {
    /// Listens for ever.
    async fn listen(self: Arc<Self>) -> Infallible {
        let mut told = false;
        let mut beat = 0;
        let bound = self.heard.hearing().bound();
        loop {
            let Err(failure) = self.once(&mut beat, &mut told).await;
            // Before anything else: what is read from here on is not to be kept.
            self.lose();
            if told {
                tracing::debug!(error = %failure, "changes of the cache are not heard");
            } else {
                told = true;
                let error: &(dyn Error + 'static) = &failure;
                tracing::warn!(error, "changes of the cache by other processes are not heard: each request asks it");
            }
            sleep(bound / BEATS).await;
        }
    }

    fn lose(&self) {
        self.put(Arc::new([]));
        self.heard.hearing().lose();
    }

    /// Listens until a connection breaks, hangs, or does not tell what it should, or others are the masters.
    async fn once(&self, beat: &mut u64, told: &mut bool) -> Result<Infallible, Failure> {
        let ears: Arc<[Ear]> = self.connect().await?.into();
        let hearing = self.heard.hearing();
        hearing.line().forget();
        self.put(Arc::clone(&ears));
        let mut previous = None;
        loop {
            let sent = Instant::now();
            *beat += 1;
            self.beat(&ears, *beat, previous, hearing.bound()).await?;
            previous = Some(*beat);
            if std::mem::take(told) {
                tracing::info!("changes of the cache by other processes are heard again");
            }
            hearing.believe(sent);
            sleep((hearing.bound() / BEATS).saturating_sub(sent.elapsed())).await;
        }
    }

    /// Makes a connection to each server that keeps such keys, and has it tell.
    async fn connect(&self) -> Result<Vec<Ear>, Failure> {
        let places = self.servers()?.places(&self.heard.beats, ASKING).await?;
        let mut ears = Vec::with_capacity(places.len());
        for (node, ending) in places {
            let (beaten, heard) = watch::channel(0);
            let of = Arc::clone(&self.heard);
            let link = node.connect_hearing(move |told| take_in(&of, told, &beaten)).await?;
            let ear = Ear { host: node.host().clone(), link, heard, ending };
            let mut track = words(&[b"CLIENT", b"TRACKING", b"ON", b"BCAST"]);
            track.arg("PREFIX").arg(&self.heard.full_prefix).arg("PREFIX").arg(&self.heard.beats);
            match timeout(ASKING, ear.ask(&[track])).await {
                Ok(answers) => answers?,
                Err(_) => return Err(Failure::deadline(&ear.host, Executed::Maybe)),
            };
            ears.push(ear);
        }
        Ok(ears)
    }

    /// Sends a beat to each server and hears it.
    async fn beat(&self, ears: &[Ear], beat: u64, previous: Option<u64>, limit: Duration) -> Result<(), Failure> {
        let servers = self.servers()?;
        let sent = tokio::time::Instant::now();
        for ear in ears {
            let left = limit.saturating_sub(sent.elapsed());
            match timeout(left, ear.beat(&self.heard.beats, beat, previous, limit)).await {
                Ok(beaten) => beaten?,
                Err(_) => return Err(Failure::deadline(&ear.host, Executed::Maybe)),
            }
        }
        servers.are_still(ears.iter().map(|ear| &ear.host), sent, sent + limit).await
    }

    /// The connection that tells of changes to `key`.
    fn ear_of(&self, key: &str) -> Option<(Host, Link)> {
        let ears = Arc::clone(&self.ears.read().unwrap_or_else(PoisonError::into_inner));
        let master = match self.servers.as_deref() {
            Ok(Servers::Cluster(cluster)) => Some(cluster.known(key)?),
            _ => None,
        };
        let ear = ears.iter().find(|ear| master.as_ref().is_none_or(|master| *master.host() == ear.host))?;
        Some((ear.host.clone(), ear.link.clone()))
    }

    fn put(&self, ears: Arc<[Ear]>) {
        *self.ears.write().unwrap_or_else(PoisonError::into_inner) = ears;
    }

    fn servers(&self) -> Result<&Servers, Failure> {
        self.servers.as_deref().map_err(Failure::clone)
    }
}

impl Ear {
    async fn beat(&self, beats: &str, beat: u64, previous: Option<u64>, limit: Duration) -> Result<(), Failure> {
        let key = |beat| format!("{beats}{beat}{}", self.ending);
        let mut set = words(&[b"SET", key(beat).as_bytes(), b"1", b"PX"]);
        // The next one is sent, and looks for this one, within the limit and what there is between two.
        set.arg((limit * 2).as_millis() as u64);
        let mut commands = vec![set];
        commands.extend(previous.map(|beat| words(&[b"EXISTS", key(beat).as_bytes()])));
        let answers = self.ask(&commands).await?;
        if answers.get(1).is_some_and(|there| *there != Value::Int(1)) {
            return Err(Failure::later(&self.host, "it has another database than before"));
        }
        let mut heard = self.heard.clone();
        match heard.wait_for(|heard| *heard >= beat).await {
            Ok(_) => Ok(()),
            Err(_) => Err(Failure::connection(&self.host, "the connection broke")),
        }
    }

    async fn ask(&self, commands: &[Cmd]) -> Result<Vec<Value>, Failure> {
        let mut pipeline = Pipeline::new();
        for command in commands {
            pipeline.add_command(command.clone());
        }
        let answers = self.link.send(&self.host, &pipeline).await?;
        for answer in &answers {
            if let Value::ServerError(error) = answer {
                return Err(Failure::said(&self.host, error));
            }
        }
        if answers.len() == commands.len() { Ok(answers) } else { Err(Failure::odd(&self.host)) }
    }
}

/// Takes in what a server tells.
fn take_in(heard: &Heard, told: PushInfo, beaten: &watch::Sender<u64>) {
    match (told.kind, told.data.as_slice()) {
        (PushKind::Invalidate, [Value::Array(keys)]) => {
            for key in keys {
                let Value::BulkString(key) = key else { return heard.hearing().line().forget() };
                if let Some(beat) = heard.take_in(key) {
                    beaten.send_modify(|last| *last = beat.max(*last));
                }
            }
        }
        // No keys are all keys.
        (PushKind::Invalidate, _) => heard.hearing().line().forget(),
        (PushKind::Disconnection, _) => heard.hearing().lose(),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use cloakroom_core::near::Subject;

    use super::*;
    use crate::KeyForm;

    fn told(kind: PushKind, data: Vec<Value>) -> PushInfo {
        PushInfo { kind, data }
    }

    /// S21: of each thing that a server can say, what it ends.
    #[test]
    fn what_is_told_ends_copies() {
        let heard = Heard::new("s.", &KeyForm::default(), Duration::from_secs(60));
        let hearing = heard.hearing();
        let (beaten, beats) = watch::channel(0);
        let keys = |keys: &[&str]| vec![Value::Array(keys.iter().map(|k| Value::BulkString((*k).into())).collect())];
        let beat = format!("{}7", heard.beats);
        for (said, ended) in [
            (told(PushKind::Message, keys(&[":1:s.a"])), [false, false]),
            (told(PushKind::Invalidate, keys(&[":1:s.a", ":1:other"])), [true, false]),
            (told(PushKind::Invalidate, keys(&[":1:s.b", &beat])), [false, true]),
            (told(PushKind::Invalidate, vec![Value::Nil]), [true, true]),
            (told(PushKind::Invalidate, vec![]), [true, true]),
            (told(PushKind::Invalidate, vec![Value::Array(vec![Value::Int(1)])]), [true, true]),
            (told(PushKind::Disconnection, vec![]), [true, true]),
        ] {
            hearing.believe(Instant::now());
            let then = hearing.stamp().unwrap();
            let shown = format!("{said:?}");
            take_in(&heard, said, &beaten);
            let now = hearing.line().stamp();
            let ends = ["a", "b"].map(|name| !hearing.line().holds(then, now, Subject::Entry(name)));
            assert_eq!(ends, ended, "{shown}");
        }
        assert_eq!(hearing.stamp(), None, "a connection that broke tells nothing more");
        assert_eq!(*beats.borrow(), 7);
        take_in(&heard, told(PushKind::Invalidate, keys(&[&beat.replace(".7", ".5")])), &beaten);
        assert_eq!(*beats.borrow(), 7, "a beat of before that expires is none");
    }
}
