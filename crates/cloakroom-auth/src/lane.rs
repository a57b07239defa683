//! The hashing lane: dedicated threads on which every password hash is computed (D9, A16).
//!
//! A storm of log-ins must slow log-ins, not pages: no async worker ever hashes, the number of hashes at once is the
//! number of threads, their memory has a budget, and what waits is bounded in number and time. Beyond that the answer
//! is [`Busy`], which becomes 503 with `Retry-After`.
//!
//! - PBKDF2-SHA256 costs each of several half of what it costs one, so what waits when a thread comes free is taken
//!   together: with others' when that is least work for each, and never at the price of a thread that has nothing to do.
//! - A thread keeps the memory of a memory-hard hash for the next one that waits, and gives it back before it rests.
//! - The permit lives with the work: a client that goes away while its hash runs frees nothing early.
//! - Work waits in one queue for each [`LaneKey`] and is taken from them in turn, so that one account or address
//!   cannot make all others wait. One key may fill at most half of the waiting room.

use std::collections::VecDeque;
use std::fmt;
use std::net::IpAddr;
use std::num::NonZeroUsize;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use cloakroom_core::hashers::{self, Derivation, Work};
use tokio::sync::oneshot;

/// How wide the lane is and how much may wait before it.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct LaneConfig {
    /// Threads that hash. Default: one less than the machine has processors, at least one.
    pub threads: NonZeroUsize,
    /// Jobs that may wait. Default: 64.
    pub max_waiting: usize,
    /// How long a job may wait for a thread. Default: 10 s.
    pub patience: Duration,
    /// Bytes that the running hashes may use together; a dearer one runs alone. Default: 256 MiB.
    pub memory_bytes: u64,
}

impl Default for LaneConfig {
    fn default() -> Self {
        let processors = thread::available_parallelism().map_or(1, NonZeroUsize::get);
        Self {
            threads: NonZeroUsize::new(processors.saturating_sub(1)).unwrap_or(NonZeroUsize::MIN),
            max_waiting: 64,
            patience: Duration::from_secs(10),
            memory_bytes: 256 << 20,
        }
    }
}

/// Whose work it is: the lane is fair between keys.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LaneKey {
    /// The client's address.
    Address(IpAddr),
    /// The account, as it was typed.
    Account(Box<str>),
    /// The service's own work.
    Own,
}

impl LaneKey {
    /// The key of a client's address: IPv6 by its /64, which one client has to itself (E06).
    #[must_use]
    pub fn of_address(address: IpAddr) -> Self {
        Self::Address(match address.to_canonical() {
            IpAddr::V6(v6) => IpAddr::V6((u128::from(v6) & !u128::from(u64::MAX)).into()),
            v4 => v4,
        })
    }

    /// The key of an account by its name; of a very long one the beginning counts.
    #[must_use]
    pub fn of_account(username: &str) -> Self {
        Self::Account(username.chars().take(150).collect())
    }
}

/// The lane is full, or the job waited too long: try again later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Busy {
    /// No room to wait.
    #[error("{waiting} password hashes already wait for a thread")]
    Full {
        /// How many wait.
        waiting: usize,
    },
    /// Waited for the whole of [`LaneConfig::patience`].
    #[error("no hashing thread came free in {} s", waited.as_secs_f32())]
    TooLong {
        /// The patience that ran out.
        waited: Duration,
    },
    /// The job panicked or the lane was shut: a defect, answered as an overload.
    #[error("the hashing thread was lost")]
    Lost,
}

/// A handle on the lane; clones share it. The threads end when the last handle is dropped.
#[derive(Clone)]
pub struct Lane(Arc<Handle>);

impl Lane {
    /// Starts the lane's threads.
    ///
    /// # Errors
    ///
    /// When the system refuses a thread.
    pub fn start(config: LaneConfig) -> std::io::Result<Self> {
        let shared = Arc::new(Shared { config, state: Mutex::default(), wake: Condvar::new() });
        let handle = Arc::new(Handle(Arc::clone(&shared)));
        for n in 0..config.threads.get() {
            let shared = Arc::clone(&shared);
            thread::Builder::new().name(format!("hashing-{n}")).spawn(move || shared.work())?;
        }
        Ok(Self(handle))
    }

    /// Runs `job` on a hashing thread and returns its answer. `memory_bytes` is what it will allocate at its peak.
    ///
    /// Dropping the future while the job waits takes it from the queue at its turn; once it runs it runs to its end.
    ///
    /// # Errors
    ///
    /// [`Busy`] when there is no room or the job waited too long.
    pub async fn run<T, F>(&self, key: LaneKey, memory_bytes: u64, job: F) -> Result<T, Busy>
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        let run = Alone(move || {
            // The receiver may be gone: the work was done all the same, and its permit held until here.
            drop(answer.send(job()));
        });
        self.wait(key, memory_bytes, Box::new(run), answered).await
    }

    /// As [`run`](Self::run), for password work whose derivation may run together with others' that wait; `finish` is
    /// called when it is through.
    ///
    /// # Errors
    ///
    /// As [`run`](Self::run).
    pub async fn run_shared<W, T, F>(
        &self,
        key: LaneKey,
        memory_bytes: u64,
        work: Work<W>,
        finish: F,
    ) -> Result<T, Busy>
    where
        W: Send + 'static,
        T: Send + 'static,
        F: FnOnce(Work<W>) -> T + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        let finish = move |work| drop(answer.send(finish(work)));
        self.wait(key, memory_bytes, Box::new(Shareable { work, finish }), answered).await
    }

    async fn wait<T>(
        &self,
        key: LaneKey,
        memory_bytes: u64,
        run: Box<dyn Run>,
        mut answered: oneshot::Receiver<T>,
    ) -> Result<T, Busy> {
        let shared = &self.0.0;
        let ticket = Arc::new(Ticket(AtomicU8::new(Ticket::WAITING)));
        let mut leave = LeaveOnDrop { ticket: Arc::clone(&ticket) };
        shared.push(key, Job { ticket: Arc::clone(&ticket), memory_bytes, run })?;

        let patience = shared.config.patience;
        if let Ok(done) = tokio::time::timeout(patience, &mut answered).await {
            leave.forget();
            return done.map_err(|_| Busy::Lost);
        }
        if ticket.leave() {
            return Err(Busy::TooLong { waited: patience });
        }
        // It started in time: only waiting has a deadline.
        answered.await.map_err(|_| Busy::Lost)
    }

    /// How many jobs wait for a thread.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.0.0.lock().waiting
    }

    /// How many jobs run.
    #[must_use]
    pub fn running(&self) -> usize {
        self.0.0.lock().running
    }

    /// How many jobs, since the start, ran together with others.
    #[must_use]
    pub fn shared(&self) -> u64 {
        self.0.0.lock().shared
    }

    /// What the lane was started with.
    #[must_use]
    pub fn config(&self) -> LaneConfig {
        self.0.0.config
    }
}

impl fmt::Debug for Lane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lane").field("config", &self.0.0.config).finish_non_exhaustive()
    }
}

/// Closes the lane when the last [`Lane`] goes.
struct Handle(Arc<Shared>);

impl Drop for Handle {
    fn drop(&mut self) {
        self.0.lock().closed = true;
        self.0.wake.notify_all();
    }
}

struct Shared {
    config: LaneConfig,
    state: Mutex<State>,
    wake: Condvar,
}

#[derive(Default)]
struct State {
    /// One queue a key; the key at the front is served next and then goes to the back.
    queues: VecDeque<(LaneKey, VecDeque<Job>)>,
    waiting: usize,
    running: usize,
    memory_in_use: u64,
    /// Threads that wait for a job.
    idle: usize,
    /// Jobs that ran together with others.
    shared: u64,
    closed: bool,
}

struct Job {
    ticket: Arc<Ticket>,
    memory_bytes: u64,
    run: Box<dyn Run>,
}

/// The work of a job.
trait Run: Send {
    /// Whether there is a derivation that can be run together with others'.
    fn is_shareable(&self) -> bool;
    fn derivation(&mut self) -> Option<&mut Derivation>;
    /// Does what is left.
    fn finish(self: Box<Self>);
}

struct Alone<F>(F);

impl<F: FnOnce() + Send> Run for Alone<F> {
    fn is_shareable(&self) -> bool {
        false
    }

    fn derivation(&mut self) -> Option<&mut Derivation> {
        None
    }

    fn finish(self: Box<Self>) {
        (self.0)();
    }
}

struct Shareable<W, F> {
    work: Work<W>,
    finish: F,
}

impl<W: Send, F: FnOnce(Work<W>) + Send> Run for Shareable<W, F> {
    fn is_shareable(&self) -> bool {
        self.work.is_shareable()
    }

    fn derivation(&mut self) -> Option<&mut Derivation> {
        self.work.derivation()
    }

    fn finish(self: Box<Self>) {
        (self.finish)(self.work);
    }
}

/// Which jobs to take.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Which {
    All,
    Shareable,
}

impl Shared {
    /// A poisoned lock is taken as it is: the state is changed by steps that do not panic.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, key: LaneKey, job: Job) -> Result<(), Busy> {
        let mut state = self.lock();
        if state.waiting >= self.config.max_waiting {
            state.sweep();
        }
        let waiting = state.waiting;
        if waiting >= self.config.max_waiting {
            return Err(Busy::Full { waiting });
        }
        if let Some((_, queue)) = state.queues.iter_mut().find(|(k, _)| *k == key) {
            if queue.len() >= self.config.max_waiting.div_ceil(2) {
                return Err(Busy::Full { waiting });
            }
            queue.push_back(job);
        } else {
            state.queues.push_back((key, VecDeque::from([job])));
        }
        state.waiting += 1;
        drop(state);
        self.wake.notify_one();
        Ok(())
    }

    fn work(&self) {
        hashers::keep_memory();
        let mut keeps = false;
        let mut state = self.lock();
        loop {
            let batch = state.take_batch(self.config.memory_bytes);
            if keeps && batch.first().is_none_or(|job| job.memory_bytes == 0) {
                drop(state);
                hashers::release_memory();
                keeps = false;
                state = self.lock();
                if batch.is_empty() {
                    continue;
                }
            }
            if !batch.is_empty() {
                drop(state);
                keeps = batch.iter().any(|job| job.memory_bytes > 0);
                self.run(batch);
                state = self.lock();
            } else if state.closed {
                return;
            } else {
                state.idle += 1;
                state = self.wake.wait(state).unwrap_or_else(PoisonError::into_inner);
                state.idle -= 1;
            }
        }
    }

    fn run(&self, mut batch: Vec<Job>) {
        let permits: Vec<u64> = batch.iter().map(|job| job.memory_bytes).collect();
        if batch.len() > 1 {
            let together = AssertUnwindSafe(|| {
                Derivation::run_all(&mut batch.iter_mut().filter_map(|job| job.run.derivation()).collect::<Vec<_>>());
            });
            if catch_unwind(together).is_err() {
                tracing::error!(target: "cloakroom::auth", "several password hashes panicked");
                // Half of a derivation is no key: their clients are told that the work is lost.
                batch.clear();
            }
        }
        let mut jobs = batch.into_iter();
        for memory_bytes in permits {
            if let Some(job) = jobs.next()
                && catch_unwind(AssertUnwindSafe(|| job.run.finish())).is_err()
            {
                tracing::error!(target: "cloakroom::auth", "a password hash panicked");
            }
            let mut state = self.lock();
            state.running -= 1;
            state.memory_in_use -= memory_bytes;
            drop(state);
            self.wake.notify_all();
        }
    }
}

impl State {
    /// Takes the next job, and with it those that can be run together with it.
    fn take_batch(&mut self, budget: u64) -> Vec<Job> {
        let Some(first) = self.take(budget, Which::All) else { return Vec::new() };
        let may_share = first.run.is_shareable();
        let mut batch = vec![first];
        if may_share {
            let size = Derivation::batch_size(self.ready_with_one());
            while batch.len() < size
                && let Some(job) = self.take(budget, Which::Shareable)
            {
                batch.push(job);
            }
        }
        if batch.len() > 1 {
            self.shared += batch.len() as u64;
        }
        batch
    }

    /// How many could run together, counting one that was just taken: this thread's part, with the idle ones, of all
    /// that wait; but of one key's no more than make a small batch, as a large one keeps the others waiting longer.
    fn ready_with_one(&self) -> usize {
        const FEW: usize = 4;
        let shareable = |queue: &VecDeque<Job>| queue.iter().filter(|job| job.run.is_shareable()).count();
        let all: usize = self.queues.iter().map(|(_, queue)| shareable(queue)).sum();
        let keys =
            self.queues.iter().filter(|(_, queue)| queue.front().is_some_and(|job| job.run.is_shareable())).count();
        (1 + keys.max(all.min(FEW - 1))).div_ceil(1 + self.idle)
    }

    /// Takes the next job whose memory fits. While a dear one waits for memory, only those without any pass it.
    fn take(&mut self, budget: u64, which: Which) -> Option<Job> {
        let mut dear_one_waits = false;
        for n in 0..self.queues.len() {
            while let Some(job) = self.queues[n].1.front() {
                let fits = job.memory_bytes == 0
                    || self.running == 0
                    || (!dear_one_waits && self.memory_in_use.saturating_add(job.memory_bytes) <= budget);
                if !fits {
                    dear_one_waits = true;
                    break;
                }
                if which == Which::Shareable && !job.run.is_shareable() {
                    break;
                }
                let job = self.queues[n].1.pop_front().expect("the front was just seen");
                self.waiting -= 1;
                if !job.ticket.start() {
                    continue;
                }
                self.running += 1;
                self.memory_in_use = self.memory_in_use.saturating_add(job.memory_bytes);
                if let Some((key, rest)) = self.queues.remove(n).filter(|(_, rest)| !rest.is_empty()) {
                    self.queues.push_back((key, rest));
                }
                return Some(job);
            }
        }
        self.queues.retain(|(_, queue)| !queue.is_empty());
        None
    }

    /// Drops the jobs whose clients have left.
    fn sweep(&mut self) {
        for (_, queue) in &mut self.queues {
            queue.retain(|job| job.ticket.waits());
        }
        self.queues.retain(|(_, queue)| !queue.is_empty());
        self.waiting = self.queues.iter().map(|(_, queue)| queue.len()).sum();
    }
}

/// Who owns a job: the client while it waits, the thread from when it starts.
struct Ticket(AtomicU8);

impl Ticket {
    const WAITING: u8 = 0;
    const STARTED: u8 = 1;
    const LEFT: u8 = 2;

    fn waits(&self) -> bool {
        self.0.load(Ordering::Acquire) == Self::WAITING
    }

    fn start(&self) -> bool {
        self.turn(Self::STARTED)
    }

    fn leave(&self) -> bool {
        self.turn(Self::LEFT)
    }

    fn turn(&self, into: u8) -> bool {
        self.0.compare_exchange(Self::WAITING, into, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }
}

/// Takes a waiting job out of the queue when its client goes away.
struct LeaveOnDrop {
    ticket: Arc<Ticket>,
}

impl LeaveOnDrop {
    fn forget(&mut self) {
        self.ticket = Arc::new(Ticket(AtomicU8::new(Ticket::STARTED)));
    }
}

impl Drop for LeaveOnDrop {
    fn drop(&mut self) {
        self.ticket.leave();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use cloakroom_core::hashers::{Algorithm, Cost, DjangoVersion, Hasher, HasherSet};
    use cloakroom_core::models::EncodedHash;
    use cloakroom_core::random::OsRandom;

    use super::*;

    fn lane(threads: usize, max_waiting: usize, patience: Duration) -> Lane {
        let config =
            LaneConfig { threads: NonZeroUsize::new(threads).unwrap(), max_waiting, patience, memory_bytes: 100 };
        Lane::start(config).unwrap()
    }

    /// A job that holds its thread until told to go on, and says when it starts.
    fn gate() -> (impl FnOnce() + Send + 'static, oneshot::Receiver<()>, mpsc::Sender<()>) {
        let (started, starts) = oneshot::channel();
        let (open, opened) = mpsc::channel::<()>();
        let job = move || {
            let _ = started.send(());
            let _ = opened.recv();
        };
        (job, starts, open)
    }

    const LONG: Duration = Duration::from_secs(30);

    /// A16: work beyond the waiting room is refused at once, work that waits too long after its patience.
    #[tokio::test]
    async fn what_does_not_fit_is_busy() {
        let lane = lane(1, 2, Duration::from_millis(50));
        let (job, starts, open) = gate();
        let held = tokio::spawn({
            let lane = lane.clone();
            async move { lane.run(LaneKey::Own, 0, job).await }
        });
        starts.await.unwrap();
        let waiting: Vec<_> = ["a", "b"]
            .map(|name| {
                let lane = lane.clone();
                tokio::spawn(async move { lane.run(LaneKey::Account(name.into()), 0, || ()).await })
            })
            .into();
        while lane.waiting() < 2 {
            tokio::task::yield_now().await;
        }
        assert_eq!(lane.run(LaneKey::Own, 0, || ()).await, Err(Busy::Full { waiting: 2 }));
        for task in waiting {
            assert_eq!(task.await.unwrap(), Err(Busy::TooLong { waited: Duration::from_millis(50) }));
        }
        open.send(()).unwrap();
        // It ran longer than the patience: only waiting has a deadline.
        assert_eq!(held.await.unwrap(), Ok(()));
    }

    /// A16: a client that goes away while its hash runs does not free the thread.
    #[tokio::test]
    async fn a_dropped_client_frees_nothing_early() {
        let lane = lane(1, 8, LONG);
        let (job, starts, open) = gate();
        let gone = tokio::spawn({
            let lane = lane.clone();
            async move { lane.run(LaneKey::Own, 0, job).await }
        });
        starts.await.unwrap();
        gone.abort();
        assert!(gone.await.unwrap_err().is_cancelled());
        assert_eq!(lane.running(), 1);
        open.send(()).unwrap();
        assert_eq!(lane.run(LaneKey::Own, 0, || 7).await, Ok(7));
    }

    /// D9: one account's flood does not delay another's single log-in by more than one turn.
    #[tokio::test]
    async fn keys_take_turns() {
        let lane = lane(1, 32, LONG);
        let (job, starts, open) = gate();
        let held = tokio::spawn({
            let lane = lane.clone();
            async move { lane.run(LaneKey::Own, 0, job).await }
        });
        starts.await.unwrap();
        let order = Arc::new(Mutex::new(Vec::new()));
        let mut tasks = Vec::new();
        for (n, name) in ["flood", "flood", "flood", "flood", "alice"].into_iter().enumerate() {
            let (lane_, order) = (lane.clone(), Arc::clone(&order));
            tasks.push(tokio::spawn(async move {
                lane_.run(LaneKey::Account(name.into()), 0, move || order.lock().unwrap().push(name)).await
            }));
            while lane.waiting() < n + 1 {
                tokio::task::yield_now().await;
            }
        }
        open.send(()).unwrap();
        for task in tasks {
            task.await.unwrap().unwrap();
        }
        held.await.unwrap().unwrap();
        assert_eq!(*order.lock().unwrap(), ["flood", "alice", "flood", "flood", "flood"]);
    }

    /// D9: the memory of what runs at once stays within the budget.
    #[tokio::test]
    async fn dear_hashes_wait_for_memory() {
        let lane = lane(2, 8, LONG);
        let (job, starts, open) = gate();
        let held = tokio::spawn({
            let lane = lane.clone();
            async move { lane.run(LaneKey::Own, 80, job).await }
        });
        starts.await.unwrap();
        let dear = tokio::spawn({
            let lane = lane.clone();
            async move { lane.run(LaneKey::Account("dear".into()), 80, || ()).await }
        });
        while lane.waiting() < 1 {
            tokio::task::yield_now().await;
        }
        assert_eq!(lane.run(LaneKey::Own, 0, || 1).await, Ok(1), "one without memory passes");
        // The answer comes a moment before its permit is given back.
        while lane.running() > 1 {
            tokio::task::yield_now().await;
        }
        assert_eq!(lane.waiting(), 1);
        open.send(()).unwrap();
        held.await.unwrap().unwrap();
        dear.await.unwrap().unwrap();
    }

    /// F03: a panic in one hash kills neither the thread nor the others.
    #[tokio::test]
    async fn a_panic_is_one_jobs_loss() {
        let lane = lane(1, 8, LONG);
        assert_eq!(lane.run(LaneKey::Own, 0, || panic!("as meant")).await, Err::<(), _>(Busy::Lost));
        assert_eq!(lane.run(LaneKey::Own, 0, || 1).await, Ok(1));
    }

    fn cheap() -> HasherSet {
        let hasher = |a| Hasher::new(a, DjangoVersion::V6_1).with_cost(Cost::Pbkdf2 { iterations: 50 });
        HasherSet::new(vec![hasher(Algorithm::Pbkdf2Sha256), hasher(Algorithm::Md5)]).unwrap()
    }

    /// Holds the lane's one thread, lets `jobs` queue up, and gives their answers: whether each password was right.
    async fn storm(lane: &Lane, jobs: &[(LaneKey, &str)]) -> Vec<Result<bool, Busy>> {
        let (job, starts, open) = gate();
        let held = tokio::spawn({
            let lane = lane.clone();
            async move { lane.run(LaneKey::Own, 0, job).await }
        });
        starts.await.unwrap();
        let stored = cheap().encode("lever", &OsRandom).unwrap();
        let mut tasks = Vec::new();
        for (n, (key, password)) in jobs.iter().cloned().enumerate() {
            let (lane_, work) = (lane.clone(), cheap().begin_check(password, &stored));
            tasks.push(tokio::spawn(async move {
                lane_.run_shared(key, 0, work, |work| cheap().finish_check(work).is_match()).await
            }));
            while lane.waiting() < n + 1 {
                tokio::task::yield_now().await;
            }
        }
        open.send(()).unwrap();
        held.await.unwrap().unwrap();
        let mut answers = Vec::new();
        for task in tasks {
            answers.push(task.await.unwrap());
        }
        answers
    }

    /// D9: what waits is taken together, and each gets its own answer.
    #[tokio::test]
    async fn what_waits_is_taken_together() {
        let lane = lane(1, 64, LONG);
        let account = |n: usize| LaneKey::Account(n.to_string().into());
        for count in [1, 2, 3, 5, 16, 40] {
            let before = lane.shared();
            let jobs: Vec<_> = (0..count).map(|n| (account(n), if n % 3 == 0 { "lever" } else { "wrong" })).collect();
            let right: Vec<_> = (0..count).map(|n| Ok(n % 3 == 0)).collect();
            assert_eq!(storm(&lane, &jobs).await, right);
            let shared = (lane.shared() - before) as usize;
            let one = Derivation::batch_size(count).max(1);
            assert_eq!(shared > 0, one > 1, "{shared} of {count}");
            assert!(shared <= count && (one == 1 || shared + one > count), "{shared} of {count}");
        }
        while lane.running() > 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!((lane.waiting(), lane.running()), (0, 0), "all permits are back");
    }

    /// D9: a flood from one address makes small batches, and another's turn comes with the first of them.
    #[tokio::test]
    async fn a_flood_makes_no_large_batch() {
        let lane = lane(1, 64, LONG);
        let mut jobs = vec![(LaneKey::Account("flood".into()), "wrong"); 30];
        jobs.push((LaneKey::Account("alice".into()), "lever"));
        let shared = Shared { config: lane.config(), state: Mutex::default(), wake: Condvar::new() };
        for (key, password) in &jobs {
            let work = cheap().begin_check(password, &EncodedHash::new(""));
            let run = Box::new(Shareable { work, finish: |work| assert!(!cheap().finish_check(work).is_match()) });
            let ticket = Arc::new(Ticket(AtomicU8::new(Ticket::WAITING)));
            shared.push(key.clone(), Job { ticket, memory_bytes: 0, run }).unwrap();
        }
        let mut state = shared.lock();
        let batch = state.take_batch(100);
        assert!((1..=4).contains(&batch.len()));
        let left =
            |key: &str| state.queues.iter().find(|(k, _)| *k == LaneKey::Account(key.into())).map(|(_, q)| q.len());
        if batch.len() > 1 {
            assert_eq!((left("flood"), left("alice")), (Some(31 - batch.len()), None), "hers was the second");
        }
        assert_eq!((state.running, state.waiting), (batch.len(), jobs.len() - batch.len()));
    }

    /// A16: idle threads get their part, and a job whose client left is not begun.
    #[tokio::test]
    async fn batches_are_fair_to_idle_threads_and_the_departed() {
        let shared = Shared { config: LaneConfig::default(), state: Mutex::default(), wake: Condvar::new() };
        let push = |key: &str| {
            let run = Box::new(Shareable {
                work: cheap().begin_equal_work("x"),
                finish: |work| cheap().finish_equal_work(work),
            });
            let ticket = Arc::new(Ticket(AtomicU8::new(Ticket::WAITING)));
            shared
                .push(LaneKey::Account(key.into()), Job { ticket: Arc::clone(&ticket), memory_bytes: 0, run })
                .unwrap();
            ticket
        };
        let tickets = ["a", "b", "c", "d"].map(push);
        shared.lock().idle = 3;
        assert_eq!(shared.lock().take_batch(100).len(), 1, "three more threads wait for the other three");
        shared.lock().idle = 0;
        assert!(tickets[1].leave());
        let batch = shared.lock().take_batch(100);
        assert!(batch.len() <= 2 && !tickets[1].waits());
        shared.run(batch);
        let mut state = shared.lock();
        assert_eq!(state.running, 1, "the one taken first");
        while let Some(job) = state.take(100, Which::All) {
            job.run.finish();
        }
        assert_eq!(state.waiting, 0);
    }
}
