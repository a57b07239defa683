//! The connections that read.

use std::cell::Cell;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};

use rusqlite::Connection;

use super::fault::Fault;
use crate::error::DbError;

/// A few connections, each with its cache of prepared statements. A thread comes back to the same one, if it is free.
pub(super) struct Readers(Box<[Mutex<Option<Connection>>]>);

impl Readers {
    pub(super) fn new(connections: Vec<Connection>) -> Self {
        Self(connections.into_iter().map(|c| Mutex::new(Some(c))).collect())
    }

    /// Runs `query` on a connection that is free, or waits for one: a query in progress is never suspended.
    pub(super) fn with<T>(&self, query: &mut impl FnMut(&Connection) -> Result<T, Fault>) -> Result<T, Fault> {
        match &*self.take() {
            Some(connection) => query(connection),
            None => Err(Fault::Db(DbError::Closed)),
        }
    }

    pub(super) fn close(&self) {
        for slot in &self.0 {
            drop(slot.lock().unwrap_or_else(PoisonError::into_inner).take());
        }
    }

    fn take(&self) -> MutexGuard<'_, Option<Connection>> {
        let home = THREAD.get() % self.0.len();
        let (after, before) = (&self.0[home..], &self.0[..home]);
        for slot in after.iter().chain(before) {
            match slot.try_lock() {
                Ok(guard) => return guard,
                Err(TryLockError::Poisoned(poisoned)) => return poisoned.into_inner(),
                Err(TryLockError::WouldBlock) => {}
            }
        }
        self.0[home].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

static THREADS: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    /// The thread's number, in the order in which threads first read.
    static THREAD: Cell<usize> = Cell::new(THREADS.fetch_add(1, Ordering::Relaxed));
}
