//! `django.contrib.sessions.backends.cached_db`: the database, with the cache in front (S53, S54).

use std::sync::Arc;

use cloakroom_cache::{Cache, CacheError, CacheValue, Timeout};
use cloakroom_core::clock::Timestamp;
use cloakroom_core::keys::SessionKey;
use cloakroom_core::reason::Anonymous;
use cloakroom_core::value::Dict;
use tokio::sync::Mutex;

use crate::engine::{Change, Created, Engine, Loaded, Record, Saved};
use crate::engines::DbEngine;
use crate::engines::locks::KeyLocks;
use crate::error::EngineError;
use crate::lifetime::Lifetime;

const KEY_PREFIX: &str = "django.contrib.sessions.cached_db";

/// Sessions in the database, read through the cache.
///
/// The row is the truth for a save, the cache for a load, as in Django: what deletes a row must delete the cached copy
/// too. Inside one process, a save, a deletion and the filling of the cache keep out of each other's way, so that a
/// copy never outlives its row; with a cache that other processes share, that cannot be promised.
#[derive(Debug)]
pub struct CachedDbEngine {
    db: DbEngine,
    cache: Arc<Cache>,
    lifetime: Lifetime,
    locks: KeyLocks<Mutex<()>>,
}

impl CachedDbEngine {
    /// Keeps sessions in `db` and copies in `cache`, for `age_secs` (`SESSION_COOKIE_AGE`) unless they say otherwise.
    #[must_use]
    pub fn new(db: DbEngine, cache: Arc<Cache>, age_secs: i64) -> Self {
        Self { db, cache, lifetime: Lifetime::new(age_secs), locks: KeyLocks::new() }
    }

    pub(crate) const fn db(&self) -> &DbEngine {
        &self.db
    }

    async fn cached(&self, key: &SessionKey, now: Timestamp) -> Option<Record> {
        match self.cache.get(&cache_key(key), now).await {
            // The copy is not the row's text, so a save has to look at the row.
            Ok(Some(CacheValue::Dict(data))) => Some(Record { data, version: None, damage: None }),
            Ok(_) => None,
            Err(e) => {
                cache_failed(&e, "read");
                None
            }
        }
    }

    /// Stores a copy; a failure costs the next request a look at the row (R26).
    async fn keep(&self, key: &SessionKey, data: &Arc<Dict>, timeout: Timeout, now: Timestamp) {
        if let Err(e) = self.cache.set(&cache_key(key), CacheValue::Dict(Arc::clone(data)), timeout, now).await {
            cache_failed(&e, "written");
        }
    }

    async fn keep_saved(&self, key: &SessionKey, data: &Arc<Dict>, now: Timestamp) {
        // The row was written with this expiry, so it is understood.
        if let Ok(age) = self.lifetime.age(data, now) {
            self.keep(key, data, Timeout::After(age), now).await;
        }
    }
}

impl Engine for CachedDbEngine {
    async fn load(&self, key: &SessionKey, now: Timestamp) -> Result<Loaded, EngineError> {
        if !key.may_be_stored() {
            return Ok(Loaded::Absent(Anonymous::KeyMalformed));
        }
        if let Some(record) = self.cached(key, now).await {
            return Ok(Loaded::Live(record));
        }
        let _lock = self.locks.of(key).lock().await;
        let Some((record, expire_date)) = self.db.find(key, now).await? else {
            return Ok(Loaded::Absent(Anonymous::NoSession));
        };
        let age = (expire_date.as_micros() - now.as_micros()).div_euclid(1_000_000);
        self.keep(key, &record.data, Timeout::After(age as f64), now).await;
        Ok(Loaded::Live(record))
    }

    async fn create(&self, key: &SessionKey, data: &Arc<Dict>, now: Timestamp) -> Result<Created, EngineError> {
        let _lock = self.locks.of(key).lock().await;
        let created = self.db.create(key, data, now).await?;
        if matches!(created, Created::Yes(_)) {
            self.keep_saved(key, data, now).await;
        }
        Ok(created)
    }

    async fn update(&self, key: &SessionKey, change: Change<'_>, now: Timestamp) -> Result<Saved, EngineError> {
        let _lock = self.locks.of(key).lock().await;
        let saved = self.db.update(key, change, now).await?;
        if let Saved::Yes(record) = &saved {
            self.keep_saved(key, &record.data, now).await;
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
        let created = self.db.cycle(old, new, data, now).await?;
        if matches!(created, Created::Yes(_)) {
            self.cache.delete(&cache_key(old)).await?;
            // Nobody else knows the new key yet.
            self.keep_saved(new, data, now).await;
        }
        Ok(created)
    }

    async fn delete(&self, key: &SessionKey) -> Result<(), EngineError> {
        let _lock = self.locks.of(key).lock().await;
        self.db.delete(key).await?;
        // A copy that stays would keep the session alive, so this failure counts (S53).
        Ok(self.cache.delete(&cache_key(key)).await?)
    }

    async fn exists(&self, key: &SessionKey, now: Timestamp) -> Result<bool, EngineError> {
        Ok(self.cached(key, now).await.is_some() || self.db.exists(key, now).await?)
    }

    async fn clear_expired(&self, now: Timestamp) -> Result<u64, EngineError> {
        if let Err(e) = self.cache.sweep(now).await {
            cache_failed(&e, "swept");
        }
        self.db.clear_expired(now).await
    }
}

fn cache_key(key: &SessionKey) -> String {
    [KEY_PREFIX, key.expose()].concat()
}

fn cache_failed(error: &CacheError, action: &str) {
    tracing::error!(
        target: "django.contrib.sessions",
        error = error as &(dyn std::error::Error + 'static),
        "the cache of sessions could not be {action}; the database was asked instead"
    );
}
