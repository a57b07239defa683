//! The door: [`Cache`] over whichever store the settings chose.

use cloakroom_core::clock::Timestamp;

use crate::{CacheValue, KeyForm, MemoryCache};

/// A cache as the setting `CACHES` names one: a store, and the form of its keys.
///
/// ```
/// use cloakroom_cache::{Added, Cache, CacheValue, Timeout};
/// use cloakroom_core::clock::Timestamp;
///
/// # futures(async {
/// let cache = Cache::memory();
/// let now = Timestamp::from_secs(1_000);
/// assert_eq!(cache.add("k", CacheValue::Int(1), Timeout::After(60.0), now).await.unwrap(), Added::Yes);
/// assert_eq!(cache.add("k", CacheValue::Int(2), Timeout::After(60.0), now).await.unwrap(), Added::Taken);
/// assert_eq!(cache.get("k", now.plus_secs(59)).await.unwrap(), Some(CacheValue::Int(1)));
/// assert_eq!(cache.get("k", now.plus_secs(60)).await.unwrap(), None);
/// # });
/// # fn futures(f: impl Future<Output = ()>) {
/// #     let mut f = std::pin::pin!(f);
/// #     assert!(f.as_mut().poll(&mut std::task::Context::from_waker(std::task::Waker::noop())).is_ready());
/// # }
/// ```
#[derive(Debug)]
pub struct Cache {
    keys: KeyForm,
    store: Store,
}

#[derive(Debug)]
enum Store {
    Memory(MemoryCache),
}

impl Cache {
    /// A cache in this process's memory with the default [`Bounds`](crate::Bounds) and Django's default keys.
    #[must_use]
    pub fn memory() -> Self {
        Self::with_memory(MemoryCache::default(), KeyForm::default())
    }

    /// A cache in this process's memory.
    #[must_use]
    pub const fn with_memory(store: MemoryCache, keys: KeyForm) -> Self {
        Self { keys, store: Store::Memory(store) }
    }

    /// The value under `key`, unless it is absent or its time is up at `now`.
    ///
    /// # Errors
    ///
    /// When the store cannot be asked. "Not there" is `None`, never an error.
    pub async fn get(&self, key: &str, now: Timestamp) -> Result<Option<CacheValue>, CacheError> {
        match &self.store {
            Store::Memory(m) => Ok(m.get(&self.keys.full(key), now)),
        }
    }

    /// Whether there is a live value under `key`.
    ///
    /// # Errors
    ///
    /// When the store cannot be asked.
    pub async fn has(&self, key: &str, now: Timestamp) -> Result<bool, CacheError> {
        match &self.store {
            Store::Memory(m) => Ok(m.get(&self.keys.full(key), now).is_some()),
        }
    }

    /// Stores a value, whatever was there. A timeout that is up at once removes it.
    ///
    /// # Errors
    ///
    /// When the store cannot be asked.
    pub async fn set(&self, key: &str, value: CacheValue, timeout: Timeout, now: Timestamp) -> Result<(), CacheError> {
        match &self.store {
            Store::Memory(m) => m.set(&self.keys.full(key), value, timeout.until(now), now),
        }
        Ok(())
    }

    /// Stores a value if none lives under `key`, in one step (F02).
    ///
    /// # Errors
    ///
    /// When the store cannot be asked.
    pub async fn add(
        &self,
        key: &str,
        value: CacheValue,
        timeout: Timeout,
        now: Timestamp,
    ) -> Result<Added, CacheError> {
        match &self.store {
            Store::Memory(m) => Ok(m.add(&self.keys.full(key), value, timeout.until(now), now)),
        }
    }

    /// Stores a value if the one under `key` still equals `seen`, in one step (F02, D6).
    ///
    /// # Errors
    ///
    /// When the store cannot be asked.
    pub async fn replace_if(
        &self,
        key: &str,
        seen: &CacheValue,
        value: CacheValue,
        timeout: Timeout,
        now: Timestamp,
    ) -> Result<Replaced, CacheError> {
        match &self.store {
            Store::Memory(m) => Ok(m.replace_if(&self.keys.full(key), seen, value, timeout.until(now), now)),
        }
    }

    /// Removes what is under `key`. Nothing there is no error.
    ///
    /// # Errors
    ///
    /// When the store cannot be asked.
    pub async fn delete(&self, key: &str) -> Result<(), CacheError> {
        match &self.store {
            Store::Memory(m) => m.delete(&self.keys.full(key)),
        }
        Ok(())
    }

    /// Drops what is expired at `now`; returns how many entries went. Stores that do so by themselves return 0.
    ///
    /// # Errors
    ///
    /// When the store cannot be asked.
    pub async fn sweep(&self, now: Timestamp) -> Result<usize, CacheError> {
        match &self.store {
            Store::Memory(m) => Ok(m.sweep(now)),
        }
    }
}

/// How long a value stays (S22: the age of the session; Django's `timeout`).
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Timeout {
    /// That many seconds. Zero and less are up at once.
    After(f64),
    /// For good, as far as the store's bounds allow.
    Never,
}

impl Timeout {
    fn until(self, now: Timestamp) -> Timestamp {
        match self {
            // The cast saturates, and so does the addition.
            Self::After(secs) => now.plus_micros((secs * 1e6) as i64),
            Self::Never => Timestamp::MAX,
        }
    }
}

/// What [`Cache::add`] did.
#[must_use = "a taken key means that nothing was stored"]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Added {
    /// The value is stored.
    Yes,
    /// Another value lives under the key; nothing changed.
    Taken,
}

/// What [`Cache::replace_if`] did.
#[must_use = "only `Yes` means that the value was stored"]
#[derive(Clone, Debug, PartialEq)]
pub enum Replaced {
    /// The value is stored.
    Yes,
    /// Another value came in between: this one. Nothing changed.
    Differs(CacheValue),
    /// Nothing lives under the key; nothing changed.
    Gone,
}

/// The cache could not be asked: nothing is known about its values.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CacheError {
    /// The store did not answer.
    #[error("the cache does not answer")]
    Unavailable(#[source] std::io::Error),
}

#[cfg(test)]
mod tests {
    use super::*;

    /// S22, S27: a session that is to expire in the past is stored for no time at all.
    #[test]
    fn timeouts_may_be_negative_or_huge() {
        let now = Timestamp::from_secs(1_000);
        assert_eq!(Timeout::After(-10.0).until(now), Timestamp::from_secs(990));
        assert_eq!(Timeout::After(0.25).until(now), now.plus_micros(250_000));
        assert_eq!(Timeout::After(1e300).until(now), Timestamp::MAX);
        assert_eq!(Timeout::Never.until(now), Timestamp::MAX);
    }
}
