//! `django.contrib.sessions.backends.cache`: the data itself in the cache (S50, S51).

use std::sync::Arc;
use std::time::Duration;

use cloakroom_cache::{Added, Cache, CacheValue, Kept, Replaced, Stamp, Stamped, Timeout, Unreadable};
use cloakroom_core::clock::Timestamp;
use cloakroom_core::keys::SessionKey;
use cloakroom_core::reason::Anonymous;
use cloakroom_core::value::Dict;

use crate::engine::{Base, Change, Created, Engine, Found, Loaded, MAX_ATTEMPTS, Record, Saved, Version};
use crate::engines::entries::{Entries, Entry};
use crate::error::EngineError;
use crate::examine::{Contents, Examined, Life, Stored};
use crate::lifetime::Lifetime;
use crate::near::NearSession;

/// Before each key, in a key space of its own (S14 of the threat list, S50).
const KEY_PREFIX: &str = "django.contrib.sessions.cache";

/// Sessions in the cache alone: fast, and gone with it.
///
/// Keys, bytes and times are Django's, so that a Django beside shares them. Django signs everybody out when the cache
/// cannot be asked; here that is an error (D7). A save that failed in mid-way may have happened or not: it is never
/// repeated, since the session may have changed since (D6).
///
/// Where the cache can tell of changes, copies of sessions may be kept in memory: [`with_near`](Self::with_near).
#[derive(Clone, Debug)]
pub struct CacheEngine {
    entries: Entries,
    lifetime: Lifetime,
}

impl CacheEngine {
    /// Keeps sessions in `cache` for `age_secs` (`SESSION_COOKIE_AGE`) unless they say otherwise.
    #[must_use]
    pub const fn new(cache: Arc<Cache>, age_secs: i64) -> Self {
        Self { entries: Entries::new(cache, KEY_PREFIX), lifetime: Lifetime::new(age_secs) }
    }

    /// Keeps copies of sessions in so many bytes of memory and uses them without asking the cache; what another process changes
    /// is then seen within `bound`. Without effect on a cache in this process's memory.
    #[must_use]
    pub fn with_near(self, bound: Duration, bytes: u64) -> Self {
        Self { entries: self.entries.with_near(bound, bytes), ..self }
    }

    /// Remembers so many bytes of sessions that were read. The cache is asked each time; what it has is read anew, and who is
    /// signed in found out anew, only if it is not what it was. Without effect beside [`with_near`](Self::with_near), and on a
    /// cache in this process's memory, where nothing need be read.
    #[must_use]
    pub fn with_reads(self, bytes: u64) -> Self {
        let bytes = if self.cache().is_shared() { bytes } else { 0 };
        Self { entries: self.entries.with_reads(bytes), ..self }
    }

    /// How many bytes of memory copies of sessions take, as far as can be reckoned, and how many they are.
    #[must_use]
    pub fn near_use(&self) -> (u64, usize) {
        self.entries.near_use()
    }

    /// The copy of a live session, if it holds.
    pub(crate) fn copy(&self, key: &SessionKey, now: Timestamp) -> Option<Arc<NearSession>> {
        self.entries.copy(key, now)
    }

    /// As [`load`](Engine::load), without reading data that were read before.
    pub(crate) async fn find(&self, key: &SessionKey, now: Timestamp) -> Result<Found, EngineError> {
        Ok(match self.entries.find(key, now).await? {
            Entry::Near(copy) => Found::Copy(copy),
            Entry::Stored(found, kept) => Found::Loaded(self.read(key, found, kept)),
        })
    }

    /// Reads what the cache has, and keeps a copy.
    fn read(&self, key: &SessionKey, found: Option<Stamped>, kept: Option<Kept>) -> Loaded {
        let Some(Stamped { value, stamp }) = found else { return Loaded::Absent(Anonymous::NoSession) };
        match value {
            CacheValue::Dict(data) => {
                let mut record = record(data, stamp);
                self.entries.keep(key, &mut record, kept);
                Loaded::Live(record)
            }
            CacheValue::Unreadable(why) => {
                tracing::warn!(target: "django.contrib.sessions", reason = %why, "a session in the cache cannot be read");
                match why {
                    // Not by Django either.
                    Unreadable::Corrupt(_) => Loaded::Absent(Anonymous::Unreadable),
                    // It may be somebody's live session at a Django beside, so its key stays.
                    _ => {
                        let version = Some(Version::Cached(stamp));
                        Loaded::Live(Record::new(Arc::default(), version, Some(Anonymous::Unreadable)))
                    }
                }
            }
            // Anything else under a session's key is no session.
            _ => Loaded::Absent(Anonymous::Unreadable),
        }
    }

    /// Keeps a copy of which more is known than of the one that is kept.
    pub(crate) fn keep_read(&self, key: &SessionKey, copy: &Arc<NearSession>) {
        self.entries.keep_read(key, copy);
    }

    pub(crate) fn bound(&self) -> Option<Duration> {
        self.entries.bound()
    }

    fn cache(&self) -> &Cache {
        self.entries.cache()
    }

    fn timeout(&self, data: &Dict, now: Timestamp) -> Result<Timeout, EngineError> {
        Ok(Timeout::After(self.lifetime.age(data, now)?))
    }

    /// The cache forgets what is over its time, so whatever is there lives.
    pub(crate) async fn examine(&self, key: &SessionKey, now: Timestamp) -> Result<Examined, EngineError> {
        const PLACE: &str = "the cache";
        let Some(Stamped { value, .. }) = self.entries.stored(key, now).await? else {
            return Ok(Examined::nothing(PLACE));
        };
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
        Ok(match self.find(key, now).await? {
            Found::Copy(copy) => copy.record().map_or(Loaded::Absent(Anonymous::NoSession), Loaded::Live),
            Found::Loaded(loaded) => loaded,
        })
    }

    async fn create(&self, key: &SessionKey, data: &Arc<Dict>, now: Timestamp) -> Result<Created, EngineError> {
        let timeout = self.timeout(data, now)?;
        Ok(match self.cache().add(&self.entries.key(key), CacheValue::Dict(Arc::clone(data)), timeout, now).await? {
            Added::Yes(stamp) => Created::Yes(Some(Version::Cached(stamp))),
            Added::Taken => Created::Taken,
        })
    }

    async fn update(&self, key: &SessionKey, change: Change<'_>, now: Timestamp) -> Result<Saved, EngineError> {
        let full = self.entries.key(key);
        let (mut seen, mut data) = match &change.base {
            Base::Version(Version::Cached(base)) => (base.clone(), (change.make)(None)),
            base => match self.entries.stored(key, now).await? {
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
            match self.cache().replace_if(&full, &seen, value, timeout, now).await? {
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
        Ok(self.entries.delete(key).await?)
    }

    async fn exists(&self, key: &SessionKey, now: Timestamp) -> Result<bool, EngineError> {
        Ok(self.cache().has(&self.entries.key(key), now).await?)
    }

    /// The cache forgets by itself; this makes room at once.
    async fn clear_expired(&self, now: Timestamp) -> Result<u64, EngineError> {
        Ok(self.cache().sweep(now).await? as u64)
    }
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
