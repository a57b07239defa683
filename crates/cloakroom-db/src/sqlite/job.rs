//! One write: a function of the connection, and the caller who waits for what it gives.

use std::any::Any;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use cloakroom_core::near::{Stamp, Touched};
use rusqlite::Connection;
use tokio::sync::oneshot;

use super::fault::Fault;
use crate::error::DbError;
use crate::options::Durability;

/// Where the answer to a job comes.
pub(super) type Answer<T> = oneshot::Receiver<Reply<T>>;

/// The answer to a job, and those to the others of its transaction that are still to be given out.
pub(super) struct Reply<T> {
    answer: Result<(T, Stamp), DbError>,
    others: Option<Arc<Answers>>,
}

impl<T> Reply<T> {
    pub(super) fn take(self) -> Result<(T, Stamp), DbError> {
        if let Some(others) = self.others {
            others.give_out();
        }
        self.answer
    }
}

/// The answers to a transaction's jobs.
///
/// To wake a task from another thread is to wake its thread, which sleeps again by the time of the next one. So the caller
/// who wakes first wakes the others, with whom it shares a runtime as a rule; the writer goes on meanwhile as if it did not.
pub(super) struct Answers(Mutex<VecDeque<(Stamp, Job)>>);

impl Answers {
    /// The transaction is committed: copies of what these jobs wrote hold by these stamps.
    pub(super) fn of(jobs: impl Iterator<Item = (Stamp, Job)>) -> Arc<Self> {
        Arc::new(Self(Mutex::new(jobs.collect())))
    }

    pub(super) fn give_out(self: &Arc<Self>) {
        while let Some((written, job)) = self.next() {
            job.work.settle(Ok(written), Some(Arc::clone(self)));
        }
    }

    fn next(&self) -> Option<(Stamp, Job)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }
}

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

    /// Answers the caller: nothing was changed.
    pub(super) fn fail(self, error: DbError) {
        self.work.settle(Err(error), None);
    }

    /// Answers the caller with what the job gave when it ran: its own failure. Nothing was changed.
    pub(super) fn fail_of_itself(self) {
        self.fail(DbError::Closed);
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

    /// Answers the caller: what the job gave if `end` is `Ok` or if that is a failure, else why its changes did not stay.
    fn settle(self: Box<Self>, end: Result<Stamp, DbError>, others: Option<Arc<Answers>>);
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
    reply: oneshot::Sender<Reply<T>>,
}

impl<T, F> Work for Typed<T, F>
where
    T: Send,
    F: FnMut(&Connection) -> Result<T, Fault> + Send,
{
    fn run(&mut self, connection: &Connection) -> Verdict {
        let outcome = catch_unwind(AssertUnwindSafe(|| (self.work)(connection)));
        let outcome = match outcome {
            Ok(outcome) => outcome.map_err(|fault| {
                let path = connection.path().unwrap_or_default();
                fault.into_error(path.as_ref(), Duration::ZERO)
            }),
            Err(panic) => Err(DbError::Unavailable { source: panic_text(&*panic).into() }),
        };
        let verdict = if outcome.is_ok() { Verdict::Keep } else { Verdict::Undo };
        self.outcome = Some(outcome);
        verdict
    }

    fn settle(self: Box<Self>, end: Result<Stamp, DbError>, others: Option<Arc<Answers>>) {
        let answer = match (self.outcome, end) {
            (Some(Err(own)), _) | (_, Err(own)) => Err(own),
            (Some(Ok(value)), Ok(written)) => Ok((value, written)),
            (None, Ok(_)) => Err(DbError::Closed),
        };
        // Nobody may be waiting any more; the job is done all the same.
        let _ = self.reply.send(Reply { answer, others });
    }
}

fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    format!("a query panicked: {}", text.unwrap_or("no message"))
}
