//! The connection that writes, and the thread it lives on.
//!
//! Jobs queue up. Whatever is waiting goes into one transaction; each is answered once that is committed (D3). One job's
//! failure undoes nothing of another's: where one fails, the transaction is done anew without it.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TryRecvError, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use cloakroom_core::near::{Stamp, Touched};
use rusqlite::Connection;
use tokio::sync::oneshot;

use super::fault::{Fault, duplicate};
use super::history::{History, Seen};
use super::job::{Answers, Job, Verdict};
use super::open::Home;
use super::sql;
use crate::error::DbError;
use crate::options::Durability;

/// The writer's queue and thread.
pub(super) struct Writer {
    queue: SyncSender<Message>,
    thread: Mutex<Option<JoinHandle<()>>>,
    busy_timeout: Duration,
}

impl Writer {
    pub(super) fn start(
        connection: Connection,
        home: Arc<Home>,
        history: Arc<History>,
        busy_timeout: Duration,
    ) -> Result<Self, DbError> {
        let (queue, jobs) = sync_channel(QUEUE_JOBS);
        let mut desk = Desk {
            connection,
            home,
            history,
            seen: Seen::default(),
            synchronous: None,
            pages: 0,
            checkpoint_at: CHECKPOINT_PAGES,
            written: 0,
        };
        desk.look();
        let thread = std::thread::Builder::new()
            .name("cloakroom-writer".to_owned())
            .spawn(move || desk.serve(jobs))
            .map_err(|e| DbError::Unavailable { source: e.into() })?;
        Ok(Self { queue, thread: Mutex::new(Some(thread)), busy_timeout })
    }

    /// Queues `work` and waits for its commit. If the caller stops waiting, the job is done whole all the same. Gives, too,
    /// the stamp by which a copy of the session holds that was written, if that is all that is `touched`.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        durability: Durability,
        touched: Touched,
        work: impl FnMut(&Connection) -> Result<T, Fault> + Send + 'static,
    ) -> Result<(T, Stamp), DbError> {
        let (job, answer) = Job::new(durability, touched, self.busy_timeout, work);
        let queued = job.queued;
        match self.queue.try_send(Message::Job(job)) {
            Ok(()) => {}
            Err(TrySendError::Full(_)) => return Err(DbError::Busy { waited: Duration::ZERO }),
            Err(TrySendError::Disconnected(_)) => return Err(DbError::Closed),
        }
        match tokio::time::timeout(self.busy_timeout + STALL_GRACE, answer).await {
            Ok(Ok(reply)) => reply.take(),
            Ok(Err(_)) => Err(DbError::Closed),
            Err(_) => Err(DbError::TimedOut { waited: queued.elapsed() }),
        }
    }

    /// Has the writer look at what others committed. It does not matter if the queue is full: it looks after each commit.
    pub(super) fn look(&self) {
        let _ = self.queue.try_send(Message::Look);
    }

    pub(super) async fn close(&self) {
        let (done, closed) = oneshot::channel();
        let mut message = Message::Stop(Some(done));
        loop {
            match self.queue.try_send(message) {
                Ok(()) => break,
                Err(TrySendError::Full(back)) => message = back,
                Err(TrySendError::Disconnected(_)) => return,
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        // The answer is the drop of `done`, when the thread has closed its connection.
        let _ = closed.await;
    }
}

/// Waits until the queue is worked off.
impl Drop for Writer {
    fn drop(&mut self) {
        let _ = self.queue.send(Message::Stop(None));
        let thread = self.thread.get_mut().map_or(None, Option::take);
        if let Some(thread) = thread
            && thread.thread().id() != std::thread::current().id()
            && thread.join().is_err()
        {
            tracing::error!("the database's writer thread panicked");
        }
    }
}

/// Jobs that may wait. One more is refused as busy: the machine is far behind, and memory is finite.
const QUEUE_JOBS: usize = 4096;

/// Jobs that share a transaction at most.
const BATCH_JOBS: usize = 256;

/// A transaction takes no further job after this, so that other processes get their turn.
const BATCH_TIME: Duration = Duration::from_millis(20);

/// How often the writer looks whether the file is still the one that was opened, while there is nothing to write.
const LOOK_AT_FILE: Duration = Duration::from_secs(1);

/// Pages in the WAL from which on they are copied into the database: what SQLite does by itself at a commit is done here
/// after the answers, as a disk's wait. So many more are let come before it is tried again.
///
/// SQLite's own number. With four times as many a write takes a twentieth less, since what is written again before it is copied
/// is copied once; but the copying takes the processor from pages for four times as long.
const CHECKPOINT_PAGES: u32 = 1000;

/// Each process copies as much as it wrote: who serves pages need not do the work of who clears a million sessions. From so
/// many pages on nobody seems to.
const FORSAKEN_PAGES: u32 = 16 * CHECKPOINT_PAGES;

/// How long beyond the busy timeout a caller waits for a job that was begun: a disk that stalls.
const STALL_GRACE: Duration = Duration::from_secs(10);

enum Message {
    Job(Job),
    Look,
    Stop(Option<oneshot::Sender<()>>),
}

/// The writer's thread: its connection and what it knows of it.
struct Desk {
    connection: Connection,
    home: Arc<Home>,
    history: Arc<History>,
    seen: Seen,
    synchronous: Option<Durability>,
    /// Pages in the WAL after the last transaction from here.
    pages: u32,
    /// Pages in the WAL at which a checkpoint is due.
    checkpoint_at: u32,
    /// Pages that were written here since the last checkpoint from here.
    written: u32,
}

impl Desk {
    fn serve(mut self, jobs: Receiver<Message>) {
        let mut stop = None;
        while stop.is_none() {
            let first = match jobs.recv_timeout(LOOK_AT_FILE) {
                Ok(first) => first,
                Err(RecvTimeoutError::Timeout) => {
                    if !self.home.is_lost() && !self.home.is_same_file() {
                        tracing::error!(path = %self.home.path().display(), "{}", Home::lost());
                    }
                    continue;
                }
                Err(RecvTimeoutError::Disconnected) => break,
            };
            // Whoever wants to write as well, and waits for this very core, comes in time for the same transaction.
            std::thread::yield_now();
            let mut batch = VecDeque::new();
            let mut look = false;
            let mut next = Ok(first);
            loop {
                match next {
                    Ok(Message::Job(job)) => batch.push_back(job),
                    Ok(Message::Look) => look = true,
                    Ok(Message::Stop(done)) => {
                        stop = Some(done);
                        break;
                    }
                    Err(TryRecvError::Empty | TryRecvError::Disconnected) => break,
                }
                if batch.len() == BATCH_JOBS {
                    break;
                }
                next = jobs.try_recv();
            }
            if look && batch.is_empty() {
                self.look();
            }
            self.work_off(batch);
            self.checkpoint();
        }
        // Whoever waits for the close learns of it when all this is done.
        drop((jobs, self));
        drop(stop);
    }

    /// Works off the batch, in one transaction unless a job fails or time runs out.
    fn work_off(&mut self, mut batch: VecDeque<Job>) {
        let mut most = usize::MAX;
        while !batch.is_empty() {
            most = self.transaction(&mut batch, most);
        }
    }

    /// Does some jobs of the batch in one transaction, at least one and at most so many, and answers them. Gives how many the
    /// next one may take.
    fn transaction(&mut self, batch: &mut VecDeque<Job>, most: usize) -> usize {
        if !self.begin(batch) {
            return usize::MAX;
        }
        // From here to the commit nobody else writes.
        let before = self.history.line().stamp();
        let pages = self.history.watch().pages();
        let began = Instant::now();
        let mut done = Vec::with_capacity(batch.len().min(most));
        let mut end = Ok(());
        while let Some(mut job) = batch.pop_front() {
            if job.run(&self.connection) == Verdict::Undo {
                return self.undo(batch, done, job);
            }
            done.push(job);
            // A full disk or a failing one makes SQLite roll the whole transaction back.
            if self.connection.is_autocommit() {
                end = Err(rolled_back());
                break;
            }
            if done.len() >= most || began.elapsed() > BATCH_TIME {
                break;
            }
        }
        if end.is_ok() {
            end = self.execute("COMMIT");
        }
        match end {
            Ok(()) => {
                self.count_written(pages);
                let line = self.history.line();
                let answers = Answers::of(done.into_iter().map(|job| (line.touch_since(before, &job.touched), job)));
                self.look();
                answers.give_out();
            }
            Err(error) => {
                self.roll_back();
                // What a commit that failed has done, nobody knows for certain.
                self.history.line().forget();
                self.look();
                self.after_failure(done, &error);
            }
        }
        usize::MAX
    }

    /// A job has failed: what it did goes with its transaction. Those before it are done once more without it, and then it
    /// is the first; whoever fails as the first has failed. Jobs fail so rarely that savepoints would cost more.
    fn undo(&mut self, batch: &mut VecDeque<Job>, done: Vec<Job>, failed: Job) -> usize {
        self.roll_back();
        if done.is_empty() {
            self.look();
            failed.fail_of_itself();
            return usize::MAX;
        }
        let most = done.len();
        batch.push_front(failed);
        done.into_iter().rev().for_each(|job| batch.push_front(job));
        most
    }

    fn look(&mut self) {
        self.history.publish(&self.connection, &mut self.seen);
    }

    /// Counts what a transaction wrote that found so many pages in the WAL.
    fn count_written(&mut self, before: Option<u32>) {
        let (Some(before), Some(after)) = (before, self.history.watch().pages()) else { return };
        // Fewer than before: the WAL began anew, with this transaction or with somebody else's before it.
        if before < self.pages || after < before {
            self.checkpoint_at = CHECKPOINT_PAGES;
        }
        self.written = self.written.saturating_add(after.checked_sub(before).unwrap_or(after));
        self.pages = after;
    }

    /// Copies the WAL's pages into the database when there are many. Readers and other writers go on meanwhile.
    fn checkpoint(&mut self) {
        let Some(pages) = self.history.watch().pages() else { return };
        if pages < self.checkpoint_at || (self.written < CHECKPOINT_PAGES && pages < FORSAKEN_PAGES) {
            return;
        }
        let done = self.connection.prepare_cached(sql::CHECKPOINT).and_then(|mut s| s.query_row([], |_| Ok(())));
        if let Err(error) = done {
            tracing::warn!(%error, "the WAL could not be copied into the database; it is tried again later");
        }
        self.checkpoint_at = pages.saturating_add(CHECKPOINT_PAGES);
        self.written = 0;
    }

    /// Begins a transaction, waiting for other processes as long as any job of the batch may wait. If it returns
    /// false, the batch is empty: all are answered.
    fn begin(&mut self, batch: &mut VecDeque<Job>) -> bool {
        if !self.home.is_same_file() {
            batch.drain(..).for_each(|job| job.fail(Home::lost()));
        }
        loop {
            for _ in 0..batch.len() {
                match batch.pop_front() {
                    Some(job) if job.is_late() => job.fail_busy(),
                    Some(job) => batch.push_back(job),
                    None => {}
                }
            }
            let Some(deadline) = batch.iter().map(|job| job.deadline).min() else { return false };
            let durability = batch.iter().map(|job| job.durability).max().unwrap_or(Durability::Full);
            match self.try_begin(durability, deadline.saturating_duration_since(Instant::now())) {
                Ok(()) => return true,
                Err(error) if Fault::Sqlite(duplicate(&error)).is_busy() => {
                    std::thread::sleep(Duration::from_millis(1));
                }
                Err(error) => {
                    self.fail_all(batch.drain(..), &error);
                    return false;
                }
            }
        }
    }

    fn try_begin(&mut self, durability: Durability, patience: Duration) -> rusqlite::Result<()> {
        if self.synchronous != Some(durability) {
            self.execute(match durability {
                Durability::Normal => "PRAGMA synchronous = NORMAL",
                Durability::Full => "PRAGMA synchronous = FULL",
            })?;
            self.synchronous = Some(durability);
        }
        self.connection.busy_timeout(patience)?;
        self.execute("BEGIN IMMEDIATE")
    }

    /// Where several jobs share a failed transaction, each is tried again by itself: only the guilty one shall fail.
    fn after_failure(&mut self, mut done: Vec<Job>, error: &rusqlite::Error) {
        if done.len() == 1 {
            self.fail_all(done.drain(..), error);
            return;
        }
        for job in done {
            self.work_off(VecDeque::from([job]));
        }
    }

    fn fail_all(&self, jobs: impl Iterator<Item = Job>, error: &rusqlite::Error) {
        for job in jobs {
            let waited = job.queued.elapsed();
            job.fail(Fault::Sqlite(duplicate(error)).into_error(self.home.path(), waited));
        }
    }

    fn roll_back(&self) {
        if !self.connection.is_autocommit()
            && let Err(error) = self.execute("ROLLBACK")
        {
            tracing::error!(%error, "a transaction could not be rolled back");
        }
    }

    fn execute(&self, sql: &str) -> rusqlite::Result<()> {
        self.connection.prepare_cached(sql)?.execute([]).map(|_| ())
    }
}

fn rolled_back() -> rusqlite::Error {
    let abort = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_ABORT);
    rusqlite::Error::SqliteFailure(abort, Some("SQLite rolled the transaction back".to_owned()))
}
