//! `django.contrib.sessions.backends.cache`: the data itself in the cache (S50, S51).

use std::sync::Arc;

use cloakroom_cache::{Added, Cache, CacheValue, Replaced, Stamp, Stamped, Timeout, Unreadable};
use cloakroom_core::clock::Timestamp;
use cloakroom_core::keys::SessionKey;
use cloakroom_core::reason::Anonymous;
use cloakroom_core::value::Dict;

use crate::engine::{Base, Change, Created, Engine, Loaded, MAX_ATTEMPTS, Record, Saved, Version};
use crate::error::EngineError;
use crate::examine::{Contents, Examined, Life, Stored};
use crate::lifetime::Lifetime;

/// Before each key, in a key space of its own (S14 of the threat list, S50).
const KEY_PREFIX: &str = "django.contrib.sessions.cache";

/// Sessions in the cache alone: fast, and gone with it.
///
/// Keys, bytes and times are Django's, so that a Django beside shares them. Django signs everybody out when the cache
/// cannot be asked; here that is an error (D7). A save that failed in mid-way may have happened or not: it is never
/// repeated, since the session may have changed since (D6).
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

    async fn find(&self, key: &SessionKey, now: Timestamp) -> Result<Option<Stamped>, EngineError> {
        Ok(self.cache.get_stamped(&cache_key(key), now).await?)
    }

    /// The cache forgets what is over its time, so whatever is there lives.
    pub(crate) async fn examine(&self, key: &SessionKey, now: Timestamp) -> Result<Examined, EngineError> {
        const PLACE: &str = "the cache";
        let Some(Stamped { value, .. }) = self.find(key, now).await? else { return Ok(Examined::nothing(PLACE)) };
        let contents = match value {
            CacheValue::Dict(data) => Contents::unsigned(data),
            CacheValue::Unreadable(why) => Contents::Unreadable(why.to_string()),
            _ => Contents::Unreadable("it is no dictionary".into()),
        };
        Ok(Examined { place: PLACE, stored: Stored::Session { ends: None, state: Life::Live, contents } })
    }
}

impl Engine for CacheEngine {
    async fn load(&self, key: &SessionKey, now: Timestamp) -> Result<Loaded, EngineError> {
        let Some(Stamped { value, stamp }) = self.find(key, now).await? else {
            return Ok(Loaded::Absent(Anonymous::NoSession));
        };
        Ok(match value {
            CacheValue::Dict(data) => Loaded::Live(record(data, stamp)),
            CacheValue::Unreadable(why) => {
                tracing::warn!(target: "django.contrib.sessions", reason = %why, "a session in the cache cannot be read");
                match why {
                    // Not by Django either.
                    Unreadable::Corrupt(_) => Loaded::Absent(Anonymous::Unreadable),
                    // It may be somebody's live session at a Django beside, so its key stays.
                    _ => Loaded::Live(Record::new(
                        Arc::default(),
                        Some(Version::Cached(stamp)),
                        Some(Anonymous::Unreadable),
                    )),
                }
            }
            // Anything else under a session's key is no session.
            _ => Loaded::Absent(Anonymous::Unreadable),
        })
    }

    async fn create(&self, key: &SessionKey, data: &Arc<Dict>, now: Timestamp) -> Result<Created, EngineError> {
        let timeout = self.timeout(data, now)?;
        Ok(match self.cache.add(&cache_key(key), CacheValue::Dict(Arc::clone(data)), timeout, now).await? {
            Added::Yes(stamp) => Created::Yes(Some(Version::Cached(stamp))),
            Added::Taken => Created::Taken,
        })
    }

    async fn update(&self, key: &SessionKey, change: Change<'_>, now: Timestamp) -> Result<Saved, EngineError> {
        let full = cache_key(key);
        let (mut seen, mut data) = match &change.base {
            Base::Version(Version::Cached(base)) => (base.clone(), (change.make)(None)),
            base => match self.find(key, now).await? {
                Some(stored) => {
                    let data = (change.make)(onto(base, &stored));
                    (stored.stamp, data)
                }
                None => return Ok(Saved::Gone),
            },
        };
        for _ in 0..MAX_ATTEMPTS {
            let timeout = self.timeout(&data, now)?;
            let value = CacheValue::Dict(Arc::clone(&data));
            match self.cache.replace_if(&full, &seen, value, timeout, now).await? {
                Replaced::Yes(stamp) => return Ok(Saved::Yes(record(data, stamp))),
                Replaced::Gone => return Ok(Saved::Gone),
                Replaced::Differs(stored) => {
                    data = (change.make)(onto(&change.base, &stored));
                    seen = stored.stamp;
                }
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

fn record(data: Arc<Dict>, stamp: Stamp) -> Record {
    Record::new(data, Some(Version::Cached(stamp)), None)
}

/// What a change is merged onto: nothing where it replaces all, or where there is nothing to be read (S33).
fn onto<'a>(base: &Base, stored: &'a Stamped) -> Option<&'a Arc<Dict>> {
    match (base, &stored.value) {
        (Base::Nothing, _) => None,
        (_, CacheValue::Dict(data)) => Some(data),
        _ => None,
    }
}
