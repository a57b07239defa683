//! One write: a function of the connection, and the caller who waits for what it gives.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use cloakroom_core::near::{Stamp, Touched};
use rusqlite::Connection;
use tokio::sync::oneshot;

use super::fault::Fault;
use crate::error::DbError;
use crate::options::Durability;

/// Where the answer to a job comes.
pub(super) type Answer<T> = oneshot::Receiver<Result<(T, Stamp), DbError>>;

/// A write that waits for its turn.
pub(super) struct Job {
    pub(super) durability: Durability,
    /// What the job changes.
    pub(super) touched: Touched,
    pub(super) queued: Instant,
    pub(super) deadline: Instant,
    work: Box<dyn Work>,
}

impl Job {
    /// A job that does `work`, gives up if it cannot begin within `patience`, and where its answer will come.
    pub(super) fn new<T: Send + 'static>(
        durability: Durability,
        touched: Touched,
        patience: Duration,
        work: impl FnMut(&Connection) -> Result<T, Fault> + Send + 'static,
    ) -> (Self, Answer<T>) {
        let (reply, answer) = oneshot::channel();
        let queued = Instant::now();
        let work = Box::new(Typed { work, outcome: None, reply });
        (Self { durability, touched, queued, deadline: queued + patience, work }, answer)
    }

    /// Runs the job and keeps what it gives. Whether its changes are to stay.
    pub(super) fn run(&mut self, connection: &Connection) -> Verdict {
        self.work.run(connection)
    }

    /// Answers the caller: the transaction is committed. A copy of what it wrote holds by this stamp.
    pub(super) fn succeed(self, written: Stamp) {
        self.work.settle(Ok(written));
    }

    /// Answers the caller: nothing was changed.
    pub(super) fn fail(self, error: DbError) {
        self.work.settle(Err(error));
    }

    pub(super) fn is_late(&self) -> bool {
        self.deadline <= Instant::now()
    }

    pub(super) fn fail_busy(self) {
        let waited = self.queued.elapsed();
        self.fail(DbError::Busy { waited });
    }
}

/// A job without the type of its answer.
trait Work: Send {
    fn run(&mut self, connection: &Connection) -> Verdict;

    /// Answers the caller: what the job gave if `end` is `Ok`, else why the job's changes did not stay.
    fn settle(self: Box<Self>, end: Result<Stamp, DbError>);
}

/// Whether a job's changes are to stay.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Keep,
    Undo,
}

struct Typed<T, F> {
    work: F,
    outcome: Option<Result<T, DbError>>,
    reply: oneshot::Sender<Result<(T, Stamp), DbError>>,
}

impl<T, F> Work for Typed<T, F>
where
    T: Send,
    F: FnMut(&Connection) -> Result<T, Fault> + Send,
{
    fn run(&mut self, connection: &Connection) -> Verdict {
        let outcome = catch_unwind(AssertUnwindSafe(|| (self.work)(connection)));
        let path = connection.path().unwrap_or_default();
        let outcome = match outcome {
            Ok(outcome) => outcome.map_err(|fault| fault.into_error(path.as_ref(), Duration::ZERO)),
            Err(panic) => Err(DbError::Unavailable { source: panic_text(&*panic).into() }),
        };
        let verdict = if outcome.is_ok() { Verdict::Keep } else { Verdict::Undo };
        self.outcome = Some(outcome);
        verdict
    }

    fn settle(self: Box<Self>, end: Result<Stamp, DbError>) {
        let answer = match (self.outcome, end) {
            (Some(Err(own)), _) | (_, Err(own)) => Err(own),
            (Some(Ok(value)), Ok(written)) => Ok((value, written)),
            (None, Ok(_)) => Err(DbError::Closed),
        };
        // Nobody may be waiting any more; the job is done all the same.
        let _ = self.reply.send(answer);
    }
}

fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    format!("a query panicked: {}", text.unwrap_or("no message"))
}
