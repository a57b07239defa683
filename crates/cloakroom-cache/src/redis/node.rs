//! One server: its connections, when to give up on it, and whether its replicas have what was written.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use redis::{Cmd, Pipeline, PushInfo, Value};
use tokio::time::error::Elapsed;
use tokio::time::{Instant, timeout, timeout_at};

use super::failure::{Executed, Failure};
use super::link::{Dial, Link};
use crate::url::{Host, Replicas};

/// Connections for writes that wait for replicas: those behind a `WAIT` wait with it.
const WAITING_LINKS: usize = 4;

/// How long a server that failed is left alone, at first and at most.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// A server.
pub(super) struct Node {
    host: Host,
    dial: Arc<Dial>,
    connect_timeout: Duration,
    replicas: Replicas,
    /// Whether a replica was connected when it was last asked.
    replicated: AtomicBool,
    reads: Slot,
    writes: Box<[Slot]>,
    next: AtomicUsize,
}

/// What a command is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Use {
    Read,
    Write,
}

/// Whether a command follows a redirect by `ASK`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asking {
    Yes,
    No,
}

impl Node {
    pub(super) fn new(host: Host, dial: Arc<Dial>, connect_timeout: Duration, replicas: Replicas) -> Self {
        let writes = if replicas == Replicas::Exactly(0) { 0 } else { WAITING_LINKS };
        Self {
            host,
            dial,
            connect_timeout,
            replicas,
            replicated: AtomicBool::new(false),
            reads: Slot::default(),
            writes: (0..writes).map(|_| Slot::default()).collect(),
            next: AtomicUsize::new(0),
        }
    }

    pub(super) const fn host(&self) -> &Host {
        &self.host
    }

    /// Runs one command. A write is answered when as many replicas have it as are asked for.
    pub(super) async fn call(
        &self,
        command: Cmd,
        purpose: Use,
        asking: Asking,
        deadline: Instant,
    ) -> Result<Value, Failure> {
        let slot = match (purpose, self.writes.len()) {
            (Use::Read, _) | (_, 0) => &self.reads,
            (Use::Write, count) => &self.writes[self.next.fetch_add(1, Ordering::Relaxed) % count],
        };
        let link = match slot.live() {
            Some(link) => link,
            // What is rare is in a box, so that a request that waits for an answer takes little room.
            None => Box::pin(self.link(slot, deadline)).await?,
        };
        let is_alone = purpose == Use::Read || self.replicas == Replicas::Exactly(0);
        if is_alone && asking == Asking::No {
            let sent = timeout_at(deadline, link.send_one(&self.host, &command)).await;
            return self.answer(self.in_time(slot, &link, sent)?);
        }
        Box::pin(self.call_confirmed(slot, link, command, is_alone, asking, deadline)).await
    }

    /// As [`call`](Self::call), with what goes before and after the command.
    async fn call_confirmed(
        &self,
        slot: &Slot,
        link: Link,
        command: Cmd,
        is_alone: bool,
        asking: Asking,
        deadline: Instant,
    ) -> Result<Value, Failure> {
        let mut commands = Pipeline::new();
        if asking == Asking::Yes {
            commands.add_command(Cmd::new().arg("ASKING").take());
        }
        commands.add_command(command);
        let at = commands.len() - 1;
        if is_alone {
            let mut answers = self.send(slot, &link, &commands, deadline).await?;
            return self.answer(answers.swap_remove(at));
        }
        let wait_for = match self.replicas {
            Replicas::Exactly(count) => count,
            Replicas::OneIfThere => u32::from(self.replicated.load(Ordering::Relaxed)),
        };
        commands.add_command(if wait_for > 0 { wait(wait_for, deadline) } else { Cmd::new().arg("ROLE").take() });
        let mut answers = self.send(slot, &link, &commands, deadline).await?;
        let second = answers.pop().unwrap_or_default();
        let answer = self.answer(answers.swap_remove(at))?;
        match wait_for {
            0 => {
                // The master had no replica; if one came meanwhile, the write is to reach it too.
                if self.has_replicas(second)? {
                    self.replicated.store(true, Ordering::Relaxed);
                    self.confirm(slot, &link, deadline).await?;
                }
            }
            _ if self.acknowledged(second)? >= i64::from(wait_for) => {}
            _ => self.without_replica(slot, &link, deadline).await?,
        }
        Ok(answer)
    }

    /// Runs one command for the machinery itself, on the connection for reads.
    pub(super) async fn ask(&self, words: &[&str], deadline: Instant) -> Result<Value, Failure> {
        let mut command = Cmd::new();
        command.arg(words);
        self.call(command, Use::Read, Asking::No, deadline).await
    }

    /// A connection of its own, on which the server may say what it was not asked.
    pub(super) async fn connect_hearing(
        &self,
        hear: impl Fn(PushInfo) + Send + Sync + 'static,
    ) -> Result<Link, Failure> {
        match timeout(self.connect_timeout, self.dial.connect_hearing(&self.host, hear)).await {
            Ok(made) => made,
            Err(_) => Err(Failure::deadline(&self.host, Executed::No)),
        }
    }

    /// Whether this is a master, as it says itself.
    pub(super) async fn is_master(&self, deadline: Instant) -> Result<bool, Failure> {
        match self.ask(&["ROLE"], deadline).await? {
            Value::Array(parts) => Ok(parts.first().is_some_and(|p| text(p) == Some("master"))),
            _ => Err(Failure::odd(&self.host)),
        }
    }

    async fn confirm(&self, slot: &Slot, link: &Link, deadline: Instant) -> Result<(), Failure> {
        let mut commands = Pipeline::new();
        commands.add_command(wait(1, deadline));
        let mut answers = self.send(slot, link, &commands, deadline).await.map_err(Failure::maybe_executed)?;
        let answer = answers.pop().unwrap_or_default();
        if self.acknowledged(answer)? >= 1 { Ok(()) } else { Err(Failure::unconfirmed(&self.host)) }
    }

    /// Too few replicas answered: that is well if there are none, and one will do.
    async fn without_replica(&self, slot: &Slot, link: &Link, deadline: Instant) -> Result<(), Failure> {
        if self.replicas != Replicas::OneIfThere {
            return Err(Failure::unconfirmed(&self.host));
        }
        let mut commands = Pipeline::new();
        commands.add_command(Cmd::new().arg("ROLE").take());
        let mut answers = self.send(slot, link, &commands, deadline).await.map_err(Failure::maybe_executed)?;
        if self.has_replicas(answers.pop().unwrap_or_default())? {
            return Err(Failure::unconfirmed(&self.host));
        }
        self.replicated.store(false, Ordering::Relaxed);
        Ok(())
    }

    fn acknowledged(&self, answer: Value) -> Result<i64, Failure> {
        match self.answer(answer).map_err(Failure::maybe_executed)? {
            Value::Int(count) => Ok(count),
            _ => Err(Failure::odd(&self.host)),
        }
    }

    /// Reads `ROLE`: a master, its offset, its replicas that are in step.
    fn has_replicas(&self, answer: Value) -> Result<bool, Failure> {
        match self.answer(answer).map_err(Failure::maybe_executed)? {
            Value::Array(parts) => match parts.get(2) {
                Some(Value::Array(replicas)) => Ok(!replicas.is_empty()),
                _ => Err(Failure::read_only(&self.host).maybe_executed()),
            },
            _ => Err(Failure::odd(&self.host)),
        }
    }

    fn answer(&self, value: Value) -> Result<Value, Failure> {
        match value {
            Value::ServerError(error) => Err(Failure::said(&self.host, &error)),
            value => Ok(value),
        }
    }

    async fn send(
        &self,
        slot: &Slot,
        link: &Link,
        commands: &Pipeline,
        deadline: Instant,
    ) -> Result<Vec<Value>, Failure> {
        let answers = timeout_at(deadline, link.send(&self.host, commands)).await;
        let answers = self.in_time(slot, link, answers)?;
        if answers.len() == commands.len() { Ok(answers) } else { Err(Failure::odd(&self.host)) }
    }

    /// What was answered, if it was in time. Lets go of a connection that gives no answer.
    fn in_time<T>(&self, slot: &Slot, link: &Link, sent: Result<Result<T, Failure>, Elapsed>) -> Result<T, Failure> {
        let sent = sent.unwrap_or_else(|_| Err(Failure::deadline(&self.host, Executed::Maybe)));
        sent.inspect_err(|failure| slot.forget(link, failure))
    }

    /// The connection in `slot`; makes one if there is none. Of many callers one connects, and while a server fails the
    /// others are told at once.
    async fn link(&self, slot: &Slot, deadline: Instant) -> Result<Link, Failure> {
        if let Some(link) = slot.live() {
            return Ok(link);
        }
        let _connecting = match slot.trouble() {
            None => match timeout_at(deadline, slot.connecting.lock()).await {
                Ok(guard) => guard,
                Err(_) => return Err(Failure::deadline(&self.host, Executed::No)),
            },
            Some(trouble) => match slot.connecting.try_lock() {
                Ok(guard) if Instant::now() >= trouble.until => guard,
                _ => return Err(trouble.failure),
            },
        };
        if let Some(link) = slot.live() {
            return Ok(link);
        }
        if let Some(trouble) = slot.trouble().filter(|t| Instant::now() < t.until) {
            return Err(trouble.failure);
        }
        let limit = deadline.min(Instant::now() + self.connect_timeout);
        let made = match timeout_at(limit, self.dial.connect(&self.host)).await {
            Ok(made) => made,
            Err(_) => Err(Failure::deadline(&self.host, Executed::No)),
        };
        match &made {
            Ok(link) => slot.keep(link),
            Err(failure) => slot.failed(failure),
        }
        made
    }
}

/// A place for a connection.
#[derive(Default)]
struct Slot {
    state: Mutex<State>,
    connecting: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct State {
    link: Option<Link>,
    trouble: Option<Trouble>,
}

/// Why there is no connection, and until when none is tried.
#[derive(Clone)]
struct Trouble {
    failure: Failure,
    until: Instant,
    pause: Duration,
}

impl Slot {
    fn live(&self) -> Option<Link> {
        self.state().link.clone().filter(Link::is_alive)
    }

    fn trouble(&self) -> Option<Trouble> {
        self.state().trouble.clone()
    }

    fn keep(&self, link: &Link) {
        *self.state() = State { link: Some(link.clone()), trouble: None };
    }

    fn failed(&self, failure: &Failure) {
        let mut state = self.state();
        let pause = state.trouble.as_ref().map_or(FIRST_PAUSE, |t| (t.pause * 2).clamp(FIRST_PAUSE, LONGEST_PAUSE));
        let failure = failure.clone();
        *state = State { link: None, trouble: Some(Trouble { failure, until: Instant::now() + pause, pause }) };
    }

    /// Lets go of a connection that broke or fell silent. Whoever comes next tries another at once, alone if it was
    /// silent.
    fn forget(&self, link: &Link, failure: &Failure) {
        link.close();
        let mut state = self.state();
        if state.link.as_ref().is_some_and(Link::is_alive) {
            return;
        }
        state.link = None;
        if failure.kind == super::failure::Kind::Deadline && state.trouble.is_none() {
            let failure = Failure::deadline_again(failure);
            state.trouble = Some(Trouble { failure, until: Instant::now(), pause: Duration::ZERO });
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// `WAIT`, for a little less than what is left.
fn wait(replicas: u32, deadline: Instant) -> Cmd {
    let left = deadline.saturating_duration_since(Instant::now());
    // Zero would mean for ever.
    let limit = (left * 3 / 4).as_millis().max(1) as u64;
    let mut command = Cmd::new();
    command.arg("WAIT").arg(replicas).arg(limit);
    command
}

/// A text in an answer.
pub(super) fn text(value: &Value) -> Option<&str> {
    match value {
        Value::BulkString(bytes) => std::str::from_utf8(bytes).ok(),
        Value::SimpleString(text) => Some(text),
        _ => None,
    }
}
