//! What every engine does: [`Engine`], and [`AnyEngine`], the one that the settings chose.

use std::fmt;
use std::sync::Arc;

use cloakroom_cache::Stamp;
use cloakroom_core::clock::Timestamp;
use cloakroom_core::keys::SessionKey;
use cloakroom_core::reason::Anonymous;
use cloakroom_core::value::Dict;
use cloakroom_db::Freshness;

use crate::engines::{CacheEngine, CachedDbEngine, DbEngine, FileEngine, MovingEngine, SignedCookiesEngine};
use crate::error::EngineError;
use crate::near::{NearSession, Origin};

/// Where sessions are kept. `engine_suite!` states these rules as tests; every engine runs it.
pub trait Engine: fmt::Debug + Send + Sync + 'static {
    /// Reads the session under `key` as of `now` (S17). A session that expires exactly at `now` has expired (S45).
    ///
    /// # Errors
    ///
    /// The store failed: the answer is 503 and the cookie stays (F01).
    fn load(&self, key: &SessionKey, now: Timestamp) -> impl Future<Output = Result<Loaded, EngineError>> + Send;

    /// Stores a session if `key` is free, in one atomic step (F02).
    ///
    /// # Errors
    ///
    /// The store failed, or the data has no stored form.
    fn create(
        &self,
        key: &SessionKey,
        data: &Arc<Dict>,
        now: Timestamp,
    ) -> impl Future<Output = Result<Created, EngineError>> + Send;

    /// Changes a session that is still there, atomically; never revives an ended one (S12), and never undoes what
    /// another request stored in between (D6).
    ///
    /// # Errors
    ///
    /// As [`create`](Self::create); [`EngineError::Contended`] when others were faster every time.
    fn update(
        &self,
        key: &SessionKey,
        change: Change<'_>,
        now: Timestamp,
    ) -> impl Future<Output = Result<Saved, EngineError>> + Send;

    /// Moves a session to the free key `new` with this data: stores it there, then deletes `old` (S16). An absent
    /// `old` is no error.
    ///
    /// # Errors
    ///
    /// As [`create`](Self::create). Where the store has no transactions, the session may be under both keys then.
    fn cycle(
        &self,
        old: &SessionKey,
        new: &SessionKey,
        data: &Arc<Dict>,
        now: Timestamp,
    ) -> impl Future<Output = Result<Created, EngineError>> + Send {
        async move {
            let created = self.create(new, data, now).await?;
            if matches!(created, Created::Yes(_)) {
                self.delete(old).await?;
            }
            Ok(created)
        }
    }

    /// Ends the session. An absent one is no error.
    ///
    /// # Errors
    ///
    /// The store failed: the session may be alive.
    fn delete(&self, key: &SessionKey) -> impl Future<Output = Result<(), EngineError>> + Send;

    /// Whether `key` is taken, by an expired session too where the store keeps such (S47).
    ///
    /// # Errors
    ///
    /// The store failed.
    fn exists(&self, key: &SessionKey, now: Timestamp) -> impl Future<Output = Result<bool, EngineError>> + Send;

    /// Removes sessions that expired before `now` and returns how many; 0 where the store does so by itself (S59).
    ///
    /// # Errors
    ///
    /// The store failed. What was removed before stays removed.
    fn clear_expired(&self, now: Timestamp) -> impl Future<Output = Result<u64, EngineError>> + Send;

    /// Whether `key` may be looked up at all (S57). A key that may not never reaches the store.
    fn admits(&self, key: &SessionKey) -> bool {
        let _ = key;
        true
    }
}

/// What an engine found under a key.
#[must_use]
#[derive(Debug)]
pub enum Loaded {
    /// A live session.
    Live(Record),
    /// A live session under another key, or in another form, than the cookie says: the answer sends the cookie anew.
    Moved(Record, SessionKey),
    /// None: never made, ended, or expired. The request goes on without a key (S45).
    Absent(Anonymous),
    /// An expired one, which was removed, and the engine wants a new one made at once (S56).
    Renew,
    /// No data to be had from a key that stays: the next answer replaces the cookie (S58).
    Broken(Anonymous),
}

/// What was found under a key.
pub(crate) enum Found {
    /// A copy in memory that is what the store has at this moment. Most need no more of it than whom it names.
    Copy(Arc<NearSession>),
    /// What the engine loaded.
    Loaded(Loaded),
}

/// A session as it is stored.
#[derive(Clone)]
pub struct Record {
    /// The data.
    pub data: Arc<Dict>,
    /// What to compare with when saving; `None` where the engine did not see the stored version.
    pub version: Option<Version>,
    /// Why the data is empty although the session is there (S33): it does not verify, or cannot be read.
    pub damage: Option<Anonymous>,
    pub(crate) origin: Origin,
}

impl Record {
    /// A record of these parts.
    #[must_use]
    pub fn new(data: Arc<Dict>, version: Option<Version>, damage: Option<Anonymous>) -> Self {
        Self { data, version, damage, origin: Origin::default() }
    }
}

/// The data never prints.
impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Record").field("damage", &self.damage).finish_non_exhaustive()
    }
}

/// One stored state of a session, to tell whether it is still the same.
#[derive(Clone)]
#[non_exhaustive]
pub enum Version {
    /// The stored text.
    Text(Arc<str>),
    /// What the cache holds.
    Cached(Stamp),
}

/// Stored sessions never print.
impl fmt::Debug for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Version(***)")
    }
}

/// A change to a stored session: what it is based on, and how to make it.
pub struct Change<'a> {
    /// What the change was made from.
    pub base: Base,
    /// Makes the new data. Called with `None` when the stored session is still the base or is to be replaced whole or
    /// is damaged, otherwise with what is stored now, as often as that changes.
    pub make: &'a mut (dyn FnMut(Option<&Arc<Dict>>) -> Arc<Dict> + Send),
}

impl fmt::Debug for Change<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Change").field("base", &self.base).finish_non_exhaustive()
    }
}

/// What a [`Change`] was made from.
#[derive(Clone, Debug)]
pub enum Base {
    /// This version; if another is stored, the change is merged.
    Version(Version),
    /// Some version that nobody remembers: the change is merged onto what is stored.
    Unknown,
    /// Nothing: the change replaces whatever is stored.
    Nothing,
}

/// Whether a key was free.
#[must_use = "a key that is taken names somebody else's session"]
#[derive(Debug)]
pub enum Created {
    /// It was, and the session is stored; its version, where the engine has such.
    Yes(Option<Version>),
    /// It was not; nothing was written.
    Taken,
}

/// What a save met.
#[must_use = "a session that is gone was not saved"]
#[derive(Debug)]
pub enum Saved {
    /// The session, which now is as this record says.
    Yes(Record),
    /// Nothing: the session has ended (S66).
    Gone,
}

/// How often a save tries again after another request was faster. Each time somebody's save succeeds, so this many
/// requests may save one session at once.
pub(crate) const MAX_ATTEMPTS: u32 = 256;

/// Each of Django's engines (S01).
#[derive(Debug)]
#[non_exhaustive]
pub enum AnyEngine {
    /// `django.contrib.sessions.backends.db`
    Db(DbEngine),
    /// `django.contrib.sessions.backends.cache`
    Cache(CacheEngine),
    /// `django.contrib.sessions.backends.cached_db`
    CachedDb(CachedDbEngine),
    /// `django.contrib.sessions.backends.file`
    File(FileEngine),
    /// `django.contrib.sessions.backends.signed_cookies`
    SignedCookies(SignedCookiesEngine),
    /// One of these in front of others, while a site moves from one to another.
    Moving(MovingEngine),
}

impl AnyEngine {
    /// The engine that keeps sessions from now on: the new one of a [`MovingEngine`], else this.
    #[must_use]
    pub fn current(&self) -> &Self {
        match self {
            Self::Moving(engine) => engine.to(),
            engine => engine,
        }
    }

    /// The short name, as `SESSION_ENGINE` takes it.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self.current() {
            Self::Cache(_) => "cache",
            Self::CachedDb(_) => "cached_db",
            Self::File(_) => "file",
            Self::SignedCookies(_) => "signed_cookies",
            _ => "db",
        }
    }

    /// What holds of the age of what requests are served, for operators (S21).
    #[must_use]
    pub fn guarantee(&self) -> String {
        const STRICT: &str = "strict: each request asks the store";
        match self.current() {
            Self::Db(engine) => engine.database().freshness().to_string(),
            Self::CachedDb(engine) => {
                let copies = "the cache's copies, as in Django; whoever changes or ends a session sees to its copy";
                match engine.bound() {
                    Some(bound) => format!("{copies}; of these, {}", Freshness::Bounded(bound)),
                    None => copies.to_owned(),
                }
            }
            Self::SignedCookies(_) => "none: what a cookie says is good until its age is over".into(),
            Self::Cache(engine) => engine.bound().map_or(STRICT.into(), |bound| Freshness::Bounded(bound).to_string()),
            _ => STRICT.into(),
        }
    }

    pub(crate) fn keeps_data_in_cookie(&self) -> bool {
        matches!(self.current(), Self::SignedCookies(_))
    }
}

impl AnyEngine {
    /// The copy in memory of the live session under `key`, if it is known to be what the store has: no question is asked.
    pub(crate) fn copy(&self, key: &SessionKey, now: Timestamp) -> Option<Arc<NearSession>> {
        match self {
            Self::Db(engine) => engine.copy(key, now),
            Self::Cache(engine) => engine.copy(key, now),
            _ => None,
        }
    }

    /// As [`load`](Engine::load), without reading data that were read before.
    pub(crate) async fn find(&self, key: &SessionKey, now: Timestamp) -> Result<Found, EngineError> {
        match self {
            Self::Cache(engine) => engine.find(key, now).await,
            // In a box of its own: a question to Redis is small, and one to PostgreSQL is not.
            _ => Box::pin(self.load(key, now)).await.map(Found::Loaded),
        }
    }

    /// Keeps a copy of which more is known than of the one that is kept.
    pub(crate) fn keep_read(&self, key: &SessionKey, copy: &Arc<NearSession>) {
        match self {
            Self::Db(engine) => engine.keep_read(key, copy),
            Self::Cache(engine) => engine.keep_read(key, copy),
            _ => {}
        }
    }
}

/// Awaits an engine's answer. That of all but the two most usual ones is in a box: whoever asks keeps no room for the others'.
macro_rules! ask {
    ($self:ident, $engine:ident => $call:expr) => {
        match $self {
            Self::Db($engine) => $call.await,
            Self::Cache($engine) => $call.await,
            Self::CachedDb($engine) => Box::pin($call).await,
            Self::File($engine) => Box::pin($call).await,
            Self::SignedCookies($engine) => Box::pin($call).await,
            Self::Moving($engine) => Box::pin($call).await,
        }
    };
}

impl Engine for AnyEngine {
    async fn load(&self, key: &SessionKey, now: Timestamp) -> Result<Loaded, EngineError> {
        ask!(self, engine => engine.load(key, now))
    }

    async fn create(&self, key: &SessionKey, data: &Arc<Dict>, now: Timestamp) -> Result<Created, EngineError> {
        ask!(self, engine => engine.create(key, data, now))
    }

    async fn update(&self, key: &SessionKey, change: Change<'_>, now: Timestamp) -> Result<Saved, EngineError> {
        ask!(self, engine => engine.update(key, change, now))
    }

    async fn cycle(
        &self,
        old: &SessionKey,
        new: &SessionKey,
        data: &Arc<Dict>,
        now: Timestamp,
    ) -> Result<Created, EngineError> {
        ask!(self, engine => engine.cycle(old, new, data, now))
    }

    async fn delete(&self, key: &SessionKey) -> Result<(), EngineError> {
        ask!(self, engine => engine.delete(key))
    }

    async fn exists(&self, key: &SessionKey, now: Timestamp) -> Result<bool, EngineError> {
        ask!(self, engine => engine.exists(key, now))
    }

    async fn clear_expired(&self, now: Timestamp) -> Result<u64, EngineError> {
        ask!(self, engine => engine.clear_expired(now))
    }

    fn admits(&self, key: &SessionKey) -> bool {
        match self {
            Self::Db(engine) => engine.admits(key),
            Self::Cache(engine) => engine.admits(key),
            Self::CachedDb(engine) => engine.admits(key),
            Self::File(engine) => engine.admits(key),
            Self::SignedCookies(engine) => engine.admits(key),
            Self::Moving(engine) => engine.admits(key),
        }
    }
}
