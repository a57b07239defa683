//! Worlds that cases take in turn: making one costs a database.

use std::pin::pin;
use std::sync::{Mutex, PoisonError};

use tokio::runtime::{Builder, Runtime};

/// A world that a case may use alone, with the runtime it lives in.
pub(super) struct Pool<W, F> {
    free: Mutex<Vec<(Runtime, W)>>,
    make: F,
}

impl<W, F: AsyncFn() -> W> Pool<W, F> {
    pub(super) fn new(make: F) -> Self {
        Self { free: Mutex::new(Vec::new()), make }
    }

    /// Runs `work` in a world of its own. A world in which it panicked is thrown away.
    pub(super) fn with<T>(&self, work: impl AsyncFnOnce(&W) -> T) -> T {
        let free = self.free.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let (runtime, world) = free.unwrap_or_else(|| {
            let runtime = Builder::new_current_thread().enable_all().build().expect("the system gives a runtime");
            let world = runtime.block_on((self.make)());
            (runtime, world)
        });
        let answer = runtime.block_on(pin!(work(&world)));
        self.free.lock().unwrap_or_else(PoisonError::into_inner).push((runtime, world));
        answer
    }
}
