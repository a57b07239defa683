//! `django.contrib.sessions.backends.cache`: the data itself in the cache (S50, S51).

use std::sync::Arc;

use cloakroom_cache::{Added, Cache, CacheValue, Replaced, Timeout};
use cloakroom_core::clock::Timestamp;
use cloakroom_core::keys::SessionKey;
use cloakroom_core::reason::Anonymous;
use cloakroom_core::value::Dict;

use crate::engine::{Base, Change, Created, Engine, Loaded, MAX_ATTEMPTS, Record, Saved, Version};
use crate::error::EngineError;
use crate::lifetime::Lifetime;

/// Before each key, in a key space of its own (S14 of the threat list, S50).
const KEY_PREFIX: &str = "django.contrib.sessions.cache";

/// Sessions in the cache alone: fast, and gone with it.
///
/// Django signs everybody out when the cache cannot be asked; here that is an error (D7).
#[derive(Clone, Debug)]
pub struct CacheEngine {
    cache: Arc<Cache>,
    lifetime: Lifetime,
}

impl CacheEngine {
    /// Keeps sessions in `cache` for `age_secs` (`SESSION_COOKIE_AGE`) unless they say otherwise.
    #[must_use]
    pub const fn new(cache: Arc<Cache>, age_secs: i64) -> Self {
        Self { cache, lifetime: Lifetime::new(age_secs) }
    }

    fn timeout(&self, data: &Dict, now: Timestamp) -> Result<Timeout, EngineError> {
        Ok(Timeout::After(self.lifetime.age(data, now)?))
    }

    async fn find(&self, key: &SessionKey, now: Timestamp) -> Result<Option<Arc<Dict>>, EngineError> {
        Ok(self.cache.get(&cache_key(key), now).await?.and_then(dict))
    }
}

impl Engine for CacheEngine {
    async fn load(&self, key: &SessionKey, now: Timestamp) -> Result<Loaded, EngineError> {
        Ok(match self.find(key, now).await? {
            Some(data) => Loaded::Live(record(data)),
            None => Loaded::Absent(Anonymous::NoSession),
        })
    }

    async fn create(&self, key: &SessionKey, data: &Arc<Dict>, now: Timestamp) -> Result<Created, EngineError> {
        let timeout = self.timeout(data, now)?;
        Ok(match self.cache.add(&cache_key(key), CacheValue::Dict(Arc::clone(data)), timeout, now).await? {
            Added::Yes => Created::Yes(Some(Version::Data(Arc::clone(data)))),
            Added::Taken => Created::Taken,
        })
    }

    async fn update(&self, key: &SessionKey, change: Change<'_>, now: Timestamp) -> Result<Saved, EngineError> {
        let full = cache_key(key);
        let (mut seen, mut data) = match &change.base {
            Base::Version(Version::Data(base)) => (Arc::clone(base), (change.make)(None)),
            Base::Nothing => match self.find(key, now).await? {
                Some(stored) => (stored, (change.make)(None)),
                None => return Ok(Saved::Gone),
            },
            Base::Version(_) | Base::Unknown => match self.find(key, now).await? {
                Some(stored) => {
                    let data = (change.make)(Some(&stored));
                    (stored, data)
                }
                None => return Ok(Saved::Gone),
            },
        };
        for _ in 0..MAX_ATTEMPTS {
            let timeout = self.timeout(&data, now)?;
            let (old, new) = (CacheValue::Dict(seen), CacheValue::Dict(Arc::clone(&data)));
            match self.cache.replace_if(&full, &old, new, timeout, now).await? {
                Replaced::Yes => return Ok(Saved::Yes(record(data))),
                Replaced::Gone => return Ok(Saved::Gone),
                Replaced::Differs(stored) => match dict(stored) {
                    Some(stored) => {
                        data = match change.base {
                            Base::Nothing => (change.make)(None),
                            _ => (change.make)(Some(&stored)),
                        };
                        seen = stored;
                    }
                    None => return Ok(Saved::Gone),
                },
            }
        }
        Err(EngineError::Contended { attempts: MAX_ATTEMPTS })
    }

    async fn delete(&self, key: &SessionKey) -> Result<(), EngineError> {
        Ok(self.cache.delete(&cache_key(key)).await?)
    }

    async fn exists(&self, key: &SessionKey, now: Timestamp) -> Result<bool, EngineError> {
        Ok(self.cache.has(&cache_key(key), now).await?)
    }

    /// The cache forgets by itself; this makes room at once.
    async fn clear_expired(&self, now: Timestamp) -> Result<u64, EngineError> {
        Ok(self.cache.sweep(now).await? as u64)
    }
}

fn cache_key(key: &SessionKey) -> String {
    [KEY_PREFIX, key.expose()].concat()
}

fn record(data: Arc<Dict>) -> Record {
    Record { version: Some(Version::Data(Arc::clone(&data))), data, damage: None }
}

/// Anything but a dictionary under a session's key is not a session.
fn dict(value: CacheValue) -> Option<Arc<Dict>> {
    match value {
        CacheValue::Dict(data) => Some(data),
        _ => None,
    }
}
