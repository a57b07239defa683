//! The connections that read.

use std::cell::Cell;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};

use rusqlite::Connection;

use super::fault::Fault;
use crate::error::DbError;

/// A few connections, each with its cache of prepared statements. A thread comes back to the same one, if it is free.
pub(super) struct Readers {
    slots: Box<[Mutex<Option<Connection>>]>,
    closed: AtomicBool,
}

impl Readers {
    pub(super) fn new(connections: Vec<Connection>) -> Self {
        let slots = connections.into_iter().map(|c| Mutex::new(Some(c))).collect();
        Self { slots, closed: AtomicBool::new(false) }
    }

    /// Runs `query` on a connection that is free, or waits for one: a query in progress is never suspended.
    pub(super) fn with<T>(&self, query: &mut impl FnMut(&Connection) -> Result<T, Fault>) -> Result<T, Fault> {
        match &*self.take() {
            Some(connection) => query(connection),
            None => Err(Fault::Db(DbError::Closed)),
        }
    }

    pub(super) fn close(&self) {
        self.closed.store(true, Ordering::Release);
        for slot in &self.slots {
            drop(slot.lock().unwrap_or_else(PoisonError::into_inner).take());
        }
    }

    pub(super) fn are_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    fn take(&self) -> MutexGuard<'_, Option<Connection>> {
        let home = THREAD.get() % self.slots.len();
        let (before, after) = self.slots.split_at(home);
        for slot in after.iter().chain(before) {
            match slot.try_lock() {
                Ok(guard) => return guard,
                Err(TryLockError::Poisoned(poisoned)) => return poisoned.into_inner(),
                Err(TryLockError::WouldBlock) => {}
            }
        }
        self.slots[home].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

static THREADS: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    /// The thread's number, in the order in which threads first read.
    static THREAD: Cell<usize> = Cell::new(THREADS.fetch_add(1, Ordering::Relaxed));
}
