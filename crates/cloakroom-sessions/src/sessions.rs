//! [`Sessions`]: everything that one site's sessions share.

use std::borrow::Cow;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use cloakroom_core::clock::{Clock, Timestamp};
use cloakroom_core::keys::SessionKey;
use cloakroom_core::random::Random;

use crate::config::SessionConfig;
use crate::engine::{AnyEngine, Engine};
use crate::error::SessionError;
use crate::index::SessionIndex;
use crate::lazy::LazySession;
use crate::shared::{OlderCookie, Shared};
use crate::touches::Touches;

/// Opens each request's session and closes it with the answer. Clones share everything.
#[derive(Clone, Debug)]
pub struct Sessions(Arc<Inner>);

#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) engine: AnyEngine,
    pub(crate) config: SessionConfig,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) random: Arc<dyn Random>,
    pub(crate) index: OnceLock<SessionIndex>,
    pub(crate) touches: Touches,
    /// How many sessions came under an older cookie name.
    pub(crate) came_by_older_name: AtomicU64,
}

/// How many sessions this process has seen come by what is to be left behind (`SESSION_ENGINE_FALLBACKS`,
/// `SESSION_COOKIE_NAME_FALLBACKS`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FallbackUse {
    /// Found in an older engine.
    pub engine: u64,
    /// Found under an older cookie name.
    pub cookie_name: u64,
}

impl Sessions {
    /// Puts an engine and the settings together.
    #[must_use]
    pub fn new(engine: AnyEngine, config: SessionConfig, clock: Arc<dyn Clock>, random: Arc<dyn Random>) -> Self {
        let (touches, index) = (Touches::new(), OnceLock::new());
        let came_by_older_name = AtomicU64::new(0);
        Self(Arc::new(Inner { engine, config, clock, random, index, touches, came_by_older_name }))
    }

    /// Opens the session that a request's cookie names; nothing is read until somebody asks (S60, G29).
    ///
    /// `cookie` is the value of the cookie called [`SessionConfig::cookie`], `None` if the request has none. A key comes
    /// from nowhere else (S19).
    #[must_use]
    pub fn open(&self, cookie: Option<&str>) -> LazySession {
        LazySession::new(Shared::open(Arc::clone(&self.0), cookie, Vec::new()))
    }

    /// As [`open`](Self::open), for a request whose cookies may have older names too
    /// ([`OlderNames`](crate::OlderNames)). `cookie` tells a cookie's value by its name.
    #[must_use]
    pub fn open_from<'a>(&self, cookie: impl Fn(&str) -> Option<Cow<'a, str>>) -> LazySession {
        let config = self.config();
        let names = if config.older_names.names.is_empty() { &[] } else { config.older_names.at(self.now()) };
        let older = names.iter().filter_map(|name| {
            let value = cookie(name)?;
            Some(OlderCookie { name: name.clone(), key: SessionKey::parse(&value) })
        });
        LazySession::new(Shared::open(Arc::clone(&self.0), cookie(&config.cookie.name).as_deref(), older.collect()))
    }

    /// How many sessions still came by older engines and names since this process started.
    #[must_use]
    pub fn fallback_use(&self) -> FallbackUse {
        let engine = match self.engine() {
            AnyEngine::Moving(moving) => moving.moved(),
            _ => 0,
        };
        FallbackUse { engine, cookie_name: self.0.came_by_older_name.load(Ordering::Relaxed) }
    }

    /// Ends the session under `key`, whoever holds it. An absent one is no error.
    ///
    /// # Errors
    ///
    /// The store failed, and the session may be alive.
    pub async fn end(&self, key: &SessionKey) -> Result<(), SessionError> {
        if self.0.engine.admits(key) {
            self.0.engine.delete(key).await?;
            self.0.ended(key);
        }
        Ok(())
    }

    /// Removes sessions that have expired; returns how many (S48, S59).
    ///
    /// # Errors
    ///
    /// The store failed. What was removed before stays removed.
    pub async fn clear_expired(&self) -> Result<u64, SessionError> {
        let cleared = self.0.engine.clear_expired(self.now()).await?;
        self.sweep_index().await?;
        Ok(cleared)
    }

    /// As [`clear_expired`](Self::clear_expired); on a database, which clears in steps, `progress` is told how many so far
    /// after each.
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn clear_expired_telling(&self, progress: &mut (dyn FnMut(u64) + Send)) -> Result<u64, SessionError> {
        // What is cleared here is not there any more when the engine clears.
        let told = match self.engine().on_db() {
            Some(db) => db.clear_expired_telling(self.now(), progress).await?,
            None => 0,
        };
        Ok(told + self.clear_expired().await?)
    }

    pub(crate) fn inner(&self) -> &Inner {
        &self.0
    }

    pub(crate) fn touches(&self) -> &Touches {
        &self.0.touches
    }

    /// The settings.
    #[must_use]
    pub fn config(&self) -> &SessionConfig {
        &self.0.config
    }

    /// The engine.
    #[must_use]
    pub fn engine(&self) -> &AnyEngine {
        &self.0.engine
    }

    /// The present moment, by the clock of these sessions.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.0.clock.now()
    }
}

impl Inner {
    /// Has the index forget a session that was just ended.
    pub(crate) fn ended(&self, key: &SessionKey) {
        if let Some(index) = self.index.get() {
            index.ended(key);
        }
    }

    /// Has the index know a session by its new key.
    pub(crate) fn moved(&self, old: &SessionKey, new: &SessionKey) {
        if let Some(index) = self.index.get() {
            index.moved(old, new);
        }
    }
}
