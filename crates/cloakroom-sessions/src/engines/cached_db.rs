//! `django.contrib.sessions.backends.cached_db`: the database, with the cache in front (S53, S54).

use std::sync::Arc;
use std::time::Duration;

use cloakroom_cache::{Cache, CacheError, CacheValue, Stamp, Stamped, Timeout};
use cloakroom_core::clock::Timestamp;
use cloakroom_core::keys::SessionKey;
use cloakroom_core::reason::Anonymous;
use cloakroom_core::value::Dict;
use tokio::sync::Mutex;

use crate::engine::{Change, Created, Engine, Loaded, Record, Saved, Version};
use crate::engines::DbEngine;
use crate::engines::entries::{Entries, Entry};
use crate::engines::locks::KeyLocks;
use crate::error::EngineError;
use crate::examine::{Contents, Examined, Life, Stored};
use crate::lifetime::Lifetime;

const KEY_PREFIX: &str = "django.contrib.sessions.cached_db";

/// How long a copy in a shared cache lives until its row has been seen behind it.
const UNSETTLED_SECS: f64 = 10.0;

/// How often a copy is made anew because its row changed in the meantime.
const MAX_COPIES: u32 = 8;

/// Sessions in the database, read through the cache.
///
/// The row is the truth for a save, the cache for a load, as in Django: what deletes a row must delete the cached copy
/// too, and a copy must not outlive its row (S12).
///
/// # One process
///
/// With a cache in this process's memory, a save, a deletion and the filling of the cache keep out of each other's way.
///
/// # Nodes that share a cache
///
/// Whoever copies a row (a load that missed, a save, a log-in) copies first and looks at the row once more afterwards:
/// if it is gone the copy is deleted, if it changed it is copied again. Whoever ends a session deletes the row first and
/// the copy after it. So in whatever order two nodes do these steps, the last one to write the cache leaves what the
/// database says. Until the row has been looked at, the copy lives ten seconds at most. What remains:
///
/// - A node that dies, or loses the cache or the database, between copying and looking leaves a copy that may outlive
///   its row by those ten seconds.
/// - A Django beside does not look: it may leave a copy of a row that was deleted while it copied, or an older copy than
///   the row. It does so with Djangos alone, too.
///
/// # When the cache is down
///
/// Sessions are read, made and saved in the database. A session is not ended then, nor its key changed: the copy may be
/// there for others to read. The answer is 503 **before** anything was changed, the user is signed in as before, and a
/// second try ends the session. (Django deletes the row, answers 500, and leaves the copy and with it the session.)
///
/// # Copies in memory
///
/// With [`with_near`](Self::with_near) the cache's copies are kept in memory as well. What ends or replaces the cache's copy ends
/// that in memory: at once if this process does it, else within the bound. So what is served is no older than what Django would
/// serve from the cache up to the bound ago. A row that is changed or deleted beside the cache is seen as late as in Django:
/// when the cache's copy is gone.
#[derive(Debug)]
pub struct CachedDbEngine {
    db: DbEngine,
    entries: Entries,
    lifetime: Lifetime,
    locks: KeyLocks<Mutex<()>>,
}

impl CachedDbEngine {
    /// Keeps sessions in `db` and copies in `cache`, for `age_secs` (`SESSION_COOKIE_AGE`) unless they say otherwise.
    #[must_use]
    pub fn new(db: DbEngine, cache: Arc<Cache>, age_secs: i64) -> Self {
        let entries = Entries::new(cache, KEY_PREFIX);
        Self { db, entries, lifetime: Lifetime::new(age_secs), locks: KeyLocks::new() }
    }

    /// Keeps the cache's copies in so many bytes of memory, too, and uses them without asking the cache; what another process
    /// changes there is then seen within `bound`. Without effect on a cache in this process's memory.
    #[must_use]
    pub fn with_near(self, bound: Duration, bytes: u64) -> Self {
        Self { entries: self.entries.with_near(bound, bytes), ..self }
    }

    /// How many bytes of memory copies of sessions take, as far as can be reckoned, and how many they are.
    #[must_use]
    pub fn near_use(&self) -> (u64, usize) {
        self.entries.near_use()
    }

    pub(crate) fn bound(&self) -> Option<Duration> {
        self.entries.bound()
    }

    fn cache(&self) -> &Cache {
        self.entries.cache()
    }

    pub(crate) const fn db(&self) -> &DbEngine {
        &self.db
    }

    /// A copy is taken as it is, as a load does; the row tells when it ends.
    pub(crate) async fn examine(&self, key: &SessionKey, now: Timestamp) -> Result<Examined, EngineError> {
        if !key.may_be_stored() {
            return self.db.examine(key, now).await;
        }
        let Some(Record { data, .. }) = self.cached(key, now).await else { return self.db.examine(key, now).await };
        let ends = match self.db.examine(key, now).await {
            Ok(Examined { stored: Stored::Session { ends, .. }, .. }) => ends,
            _ => None,
        };
        let stored = Stored::Session { ends, state: Life::Live, contents: Contents::unsigned(data) };
        Ok(Examined { place: "the cache, before the table django_session", stored })
    }

    /// What the cache has.
    async fn cached(&self, key: &SessionKey, now: Timestamp) -> Option<Record> {
        self.copy_in(self.entries.stored(key, now).await.map(|found| Entry::Stored(found, None)), key)
    }

    /// A copy in memory that holds, or what the cache has.
    async fn near_or_cached(&self, key: &SessionKey, now: Timestamp) -> Option<Record> {
        self.copy_in(self.entries.find(key, now).await, key)
    }

    fn copy_in(&self, found: Result<Entry, EngineError>, key: &SessionKey) -> Option<Record> {
        match found {
            Ok(Entry::Near(copy)) => copy.record(),
            Ok(Entry::Stored(Some(Stamped { value: CacheValue::Dict(data), .. }), kept)) => {
                // The copy is not the row's text, so a save has to look at the row.
                let mut record = Record::new(data, None, None);
                self.entries.keep(key, &mut record, kept);
                Some(record)
            }
            Ok(Entry::Stored(..)) => None,
            Err(e) => {
                cache_failed(&e, "read");
                None
            }
        }
    }

    /// Copies a row that was just read or written; a failure costs the next request a look at the row (R26).
    async fn copy(&self, key: &SessionKey, record: &Record, age_secs: f64, now: Timestamp) {
        let done = if self.cache().is_shared() {
            self.copy_and_look(key, record.clone(), age_secs, now).await
        } else {
            self.put(key, &record.data, age_secs, now).await.map(drop)
        };
        if let Err(e) = done {
            cache_failed(&e, "written");
        }
    }

    async fn copy_and_look(
        &self,
        key: &SessionKey,
        mut record: Record,
        mut age_secs: f64,
        now: Timestamp,
    ) -> Result<(), CacheError> {
        for _ in 0..MAX_COPIES {
            let stamp = self.put(key, &record.data, age_secs.min(UNSETTLED_SECS), now).await?;
            match self.db.find(key, now).await {
                Ok(Some((row, _))) if same_text(&row, &record) => {
                    if age_secs > UNSETTLED_SECS {
                        self.cache().touch_if(&self.entries.key(key), &stamp, Timeout::After(age_secs), now).await?;
                    }
                    return Ok(());
                }
                Ok(Some((row, expire_date))) => {
                    age_secs = age(expire_date, now);
                    record = row;
                }
                // Gone, or nobody knows.
                Ok(None) | Err(_) => break,
            }
        }
        self.entries.delete(key).await
    }

    async fn put(
        &self,
        key: &SessionKey,
        data: &Arc<Dict>,
        age_secs: f64,
        now: Timestamp,
    ) -> Result<Stamp, CacheError> {
        self.cache()
            .set(&self.entries.key(key), CacheValue::Dict(Arc::clone(data)), Timeout::After(age_secs), now)
            .await
    }

    async fn copy_saved(&self, key: &SessionKey, record: &Record, now: Timestamp) {
        // The row was written with this expiry, so it is understood.
        if let Ok(age_secs) = self.lifetime.age(&record.data, now) {
            self.copy(key, record, age_secs, now).await;
        }
    }

    /// Copies a row under a key that nobody else knows yet: there is nothing to be in the way of.
    async fn copy_new(&self, key: &SessionKey, data: &Arc<Dict>, now: Timestamp) {
        if let Ok(age_secs) = self.lifetime.age(data, now)
            && let Err(e) = self.put(key, data, age_secs, now).await
        {
            cache_failed(&e, "written");
        }
    }
}

impl Engine for CachedDbEngine {
    async fn load(&self, key: &SessionKey, now: Timestamp) -> Result<Loaded, EngineError> {
        if !key.may_be_stored() {
            return Ok(Loaded::Absent(Anonymous::KeyMalformed));
        }
        if let Some(record) = self.near_or_cached(key, now).await {
            return Ok(Loaded::Live(record));
        }
        let _lock = self.locks.of(key).lock().await;
        let Some((record, expire_date)) = self.db.find(key, now).await? else {
            return Ok(Loaded::Absent(Anonymous::NoSession));
        };
        self.copy(key, &record, age(expire_date, now), now).await;
        Ok(Loaded::Live(record))
    }

    async fn create(&self, key: &SessionKey, data: &Arc<Dict>, now: Timestamp) -> Result<Created, EngineError> {
        let _lock = self.locks.of(key).lock().await;
        let created = self.db.create(key, data, now).await?;
        if matches!(created, Created::Yes(_)) {
            self.copy_new(key, data, now).await;
        }
        Ok(created)
    }

    async fn update(&self, key: &SessionKey, change: Change<'_>, now: Timestamp) -> Result<Saved, EngineError> {
        let _lock = self.locks.of(key).lock().await;
        let saved = self.db.update(key, change, now).await?;
        if let Saved::Yes(record) = &saved {
            self.copy_saved(key, record, now).await;
        }
        Ok(saved)
    }

    async fn cycle(
        &self,
        old: &SessionKey,
        new: &SessionKey,
        data: &Arc<Dict>,
        now: Timestamp,
    ) -> Result<Created, EngineError> {
        let _lock = self.locks.of(old).lock().await;
        // Fails before anything is changed where the copy could not be deleted afterwards.
        self.cache().delete(&self.entries.key(old)).await?;
        let created = self.db.cycle(old, new, data, now).await?;
        if matches!(created, Created::Yes(_)) {
            if self.cache().is_shared() {
                self.cache().delete(&self.entries.key(old)).await?;
            }
            self.copy_new(new, data, now).await;
        }
        Ok(created)
    }

    async fn delete(&self, key: &SessionKey) -> Result<(), EngineError> {
        let _lock = self.locks.of(key).lock().await;
        // Fails before anything is changed where the copy could not be deleted afterwards.
        self.entries.delete(key).await?;
        self.db.delete(key).await?;
        if self.cache().is_shared() {
            // Another node may have copied the row meanwhile. A copy that stays would keep the session alive, so this
            // failure counts (S53).
            self.entries.delete(key).await?;
        }
        Ok(())
    }

    async fn exists(&self, key: &SessionKey, now: Timestamp) -> Result<bool, EngineError> {
        Ok(self.cached(key, now).await.is_some() || self.db.exists(key, now).await?)
    }

    async fn clear_expired(&self, now: Timestamp) -> Result<u64, EngineError> {
        if let Err(e) = self.cache().sweep(now).await {
            cache_failed(&e, "swept");
        }
        self.db.clear_expired(now).await
    }
}

/// Whole seconds left, rounded down as Django does for what it copies.
fn age(expire_date: Timestamp, now: Timestamp) -> f64 {
    (expire_date.as_micros() - now.as_micros()).div_euclid(1_000_000) as f64
}

fn same_text(a: &Record, b: &Record) -> bool {
    match (&a.version, &b.version) {
        (Some(Version::Text(a)), Some(Version::Text(b))) => a == b,
        _ => false,
    }
}

fn cache_failed(error: &(dyn std::error::Error + 'static), action: &str) {
    tracing::error!(
        target: "django.contrib.sessions",
        error,
        "the cache of sessions could not be {action}; the database was asked instead"
    );
}
