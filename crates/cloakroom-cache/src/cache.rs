//! The door: [`Cache`] over whichever store the settings chose.

use std::sync::Arc;
use std::time::Duration;

use cloakroom_core::clock::Timestamp;
use cloakroom_core::codec::pickle::PickleWriteError;

use crate::redis::{RedisCache, Unreachable};
use crate::watch::{Heard, Watches};
use crate::{CacheUrl, CacheValue, KeyForm, MemoryCache, Stamp, Watch, Watched};

/// A cache as the setting `CACHES` names one: a store, and the form of its keys.
///
/// ```
/// use cloakroom_cache::{Added, Cache, CacheValue, Timeout};
/// use cloakroom_core::clock::Timestamp;
///
/// # futures(async {
/// let cache = Cache::memory();
/// let now = Timestamp::from_secs(1_000);
/// assert!(matches!(cache.add("k", CacheValue::Int(1), Timeout::After(60.0), now).await.unwrap(), Added::Yes(_)));
/// assert!(matches!(cache.add("k", CacheValue::Int(2), Timeout::After(60.0), now).await.unwrap(), Added::Taken));
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
    watches: Watches,
}

#[derive(Debug)]
enum Store {
    Memory(MemoryCache),
    Redis(Box<RedisCache>),
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
        Self { keys, store: Store::Memory(store), watches: Watches::new() }
    }

    /// The cache that a `CACHE_URL` names. Nothing is connected yet: [`check`](Self::check) does that.
    #[must_use]
    pub fn new(url: &CacheUrl) -> Self {
        let store = match url.redis() {
            None => Store::Memory(MemoryCache::default()),
            Some(redis) => Store::Redis(Box::new(RedisCache::new(redis.clone()))),
        };
        Self { keys: url.keys().clone(), store, watches: Watches::new() }
    }

    /// Whether other processes see what is stored here, and store here too.
    #[must_use]
    pub const fn is_shared(&self) -> bool {
        !matches!(self.store, Store::Memory(_))
    }

    /// Asks the store whether it is there and does what will be asked of it.
    ///
    /// # Errors
    ///
    /// [`CacheError::Unreachable`] names host and port, in one line, without the password.
    pub async fn check(&self) -> Result<(), CacheError> {
        match &self.store {
            Store::Memory(_) => Ok(()),
            Store::Redis(r) => r.check().await.map_err(CacheError::Unreachable),
        }
    }

    /// Has the store tell of every change to what is under keys that begin with `prefix`, so that copies of it can be used
    /// without a question; what others change is heard of within `bound`, what this process changes ends its copies at once.
    ///
    /// `None` for a cache in this process's memory, of which nobody needs copies.
    #[must_use]
    pub fn watch(&self, prefix: &str, bound: Duration) -> Option<Watch> {
        match &self.store {
            Store::Memory(_) => None,
            Store::Redis(r) => {
                let heard = Heard::new(prefix, &self.keys, bound);
                self.watches.add(&heard);
                Some(Watch::new(Arc::clone(&heard), r.track(heard)))
            }
        }
    }

    /// Asks the store whether it can tell of changes, as [`watch`](Self::watch) has it do.
    ///
    /// # Errors
    ///
    /// [`CacheError::Unreachable`] says what the store answers.
    pub async fn check_watch(&self) -> Result<(), CacheError> {
        match &self.store {
            Store::Memory(_) => Ok(()),
            Store::Redis(r) => {
                let heard = Heard::new("cloakroom.check", &self.keys, Duration::ZERO);
                r.check_tracking(heard).await.map_err(CacheError::Unreachable)
            }
        }
    }

    /// As [`get_stamped`](Self::get_stamped), where `watch` tells of changes to `key`: what is found can be kept.
    ///
    /// # Errors
    ///
    /// When the store cannot be asked.
    pub async fn get_watched(&self, watch: &Watch, key: &str, now: Timestamp) -> Result<Watched, CacheError> {
        // Before the question: what is changed while it is asked must not be kept as it was.
        if let Some(read_at) = watch.stamp()
            && let Some(watched) = watch.tracking().get(read_at, &self.keys.full(key)).await
        {
            return Ok(watched);
        }
        Ok(Watched { found: self.get_stamped(key, now).await?, kept: None })
    }

    /// The value under `key`, unless it is absent or its time is up at `now`.
    ///
    /// # Errors
    ///
    /// When the store cannot be asked. "Not there" is `None`, never an error.
    pub async fn get(&self, key: &str, now: Timestamp) -> Result<Option<CacheValue>, CacheError> {
        Ok(self.get_stamped(key, now).await?.map(|found| found.value))
    }

    /// As [`get`](Self::get), with what [`replace_if`](Self::replace_if) compares by.
    ///
    /// # Errors
    ///
    /// When the store cannot be asked.
    pub async fn get_stamped(&self, key: &str, now: Timestamp) -> Result<Option<Stamped>, CacheError> {
        match &self.store {
            Store::Memory(m) => Ok(m.get(&self.keys.full(key), now).map(Stamped::in_memory)),
            Store::Redis(r) => r.get(&self.keys.full(key)).await,
        }
    }

    /// As [`get_stamped`](Self::get_stamped), for whoever has the value that looked like `seen` at hand: the store is asked, but
    /// what it has is not read anew if it is that.
    ///
    /// # Errors
    ///
    /// When the store cannot be asked.
    pub async fn get_unless(&self, key: &str, seen: &Stamp, now: Timestamp) -> Result<Looked, CacheError> {
        match &self.store {
            Store::Memory(m) => Ok(match m.get(&self.keys.full(key), now) {
                None => Looked::Absent,
                Some(value) if seen.is_of(&value) => Looked::Same,
                Some(value) => Looked::Other(Stamped::in_memory(value)),
            }),
            Store::Redis(r) => r.get_unless(&self.keys.full(key), seen).await,
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
            Store::Redis(r) => r.has(&self.keys.full(key)).await,
        }
    }

    /// Stores a value, whatever was there. A timeout that is up at once removes it.
    ///
    /// # Errors
    ///
    /// When the store cannot be asked; then the value may be stored or not.
    pub async fn set(
        &self,
        key: &str,
        value: CacheValue,
        timeout: Timeout,
        now: Timestamp,
    ) -> Result<Stamp, CacheError> {
        let _change = self.watches.change(key);
        match &self.store {
            Store::Memory(m) => {
                m.set(&self.keys.full(key), value.clone(), timeout.until(now), now);
                Ok(Stamp::value(value))
            }
            Store::Redis(r) => r.set(&self.keys.full(key), &value, timeout).await,
        }
    }

    /// Stores a value if none lives under `key`, in one step (F02).
    ///
    /// # Errors
    ///
    /// When the store cannot be asked; then the value may be stored or not.
    pub async fn add(
        &self,
        key: &str,
        value: CacheValue,
        timeout: Timeout,
        now: Timestamp,
    ) -> Result<Added, CacheError> {
        let _change = self.watches.change(key);
        match &self.store {
            Store::Memory(m) => Ok(m.add(&self.keys.full(key), value, timeout.until(now), now)),
            Store::Redis(r) => r.add(&self.keys.full(key), &value, timeout).await,
        }
    }

    /// Stores a value if the one under `key` still is the one `seen`, in one step (F02, D6).
    ///
    /// # Errors
    ///
    /// When the store cannot be asked; then the value may be stored or not.
    pub async fn replace_if(
        &self,
        key: &str,
        seen: &Stamp,
        value: CacheValue,
        timeout: Timeout,
        now: Timestamp,
    ) -> Result<Replaced, CacheError> {
        let _change = self.watches.change(key);
        match &self.store {
            Store::Memory(m) => Ok(m.replace_if(&self.keys.full(key), seen, value, timeout.until(now), now)),
            Store::Redis(r) => r.replace_if(&self.keys.full(key), seen, &value, timeout).await,
        }
    }

    /// Gives the value under `key` another timeout if it still is the one `seen`, in one step; returns whether it was.
    ///
    /// # Errors
    ///
    /// When the store cannot be asked; then the timeout may be set or not.
    pub async fn touch_if(
        &self,
        key: &str,
        seen: &Stamp,
        timeout: Timeout,
        now: Timestamp,
    ) -> Result<bool, CacheError> {
        let _change = self.watches.change(key);
        match &self.store {
            Store::Memory(m) => Ok(m.touch_if(&self.keys.full(key), seen, timeout.until(now), now)),
            Store::Redis(r) => r.touch_if(&self.keys.full(key), seen, timeout).await,
        }
    }

    /// Removes what is under `key`. Nothing there is no error.
    ///
    /// # Errors
    ///
    /// When the store cannot be asked; then the value may be gone or not.
    pub async fn delete(&self, key: &str) -> Result<(), CacheError> {
        let _change = self.watches.change(key);
        match &self.store {
            Store::Memory(m) => {
                m.delete(&self.keys.full(key));
                Ok(())
            }
            Store::Redis(r) => r.delete(&self.keys.full(key)).await,
        }
    }

    /// Drops what is expired at `now`; returns how many entries went. Stores that do so by themselves return 0.
    ///
    /// # Errors
    ///
    /// When the store cannot be asked.
    pub async fn sweep(&self, now: Timestamp) -> Result<usize, CacheError> {
        match &self.store {
            Store::Memory(m) => Ok(m.sweep(now)),
            Store::Redis(_) => Ok(0),
        }
    }
}

/// How long a value stays (S22: the age of the session; Django's `timeout`).
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Timeout {
    /// That many seconds. Zero and less are up at once. A store that counts whole seconds drops the fraction.
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

/// What is under a key, and what to compare with when replacing it.
#[derive(Clone, Debug, PartialEq)]
pub struct Stamped {
    /// The value.
    pub value: CacheValue,
    /// What it looked like in the store.
    pub stamp: Stamp,
}

impl Stamped {
    pub(crate) fn in_memory(value: CacheValue) -> Self {
        Self { stamp: Stamp::value(value.clone()), value }
    }
}

/// What [`Cache::get_unless`] found.
#[derive(Clone, Debug, PartialEq)]
pub enum Looked {
    /// Nothing.
    Absent,
    /// What looked the same before.
    Same,
    /// Something else.
    Other(Stamped),
}

/// What [`Cache::add`] did.
#[must_use = "a taken key means that nothing was stored"]
#[derive(Clone, Debug, PartialEq)]
pub enum Added {
    /// The value is stored and looks like this.
    Yes(Stamp),
    /// Another value lives under the key; nothing changed.
    Taken,
}

/// What [`Cache::replace_if`] did.
#[must_use = "only `Yes` means that the value was stored"]
#[derive(Clone, Debug, PartialEq)]
pub enum Replaced {
    /// The value is stored and looks like this.
    Yes(Stamp),
    /// Another value came in between: this one. Nothing changed.
    Differs(Stamped),
    /// Nothing lives under the key; nothing changed.
    Gone,
}

/// The cache could not be asked: nothing is known about its values.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CacheError {
    /// The store did not answer, or not in time, or not with what was asked for.
    #[error("the cache does not answer")]
    Unavailable(#[source] std::io::Error),
    /// The store cannot be used as it is set up. Said at the start.
    #[error(transparent)]
    Unreachable(Unreachable),
    /// The value has no stored form. Nothing was asked.
    #[error("a value cannot be written for the cache")]
    Encode(#[from] PickleWriteError),
}

impl CacheError {
    /// Whether the store is at fault rather than the value.
    #[must_use]
    pub const fn is_unavailable(&self) -> bool {
        !matches!(self, Self::Encode(_))
    }
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
