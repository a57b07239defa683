//! [`Sessions`]: everything that one site's sessions share.

use std::sync::{Arc, OnceLock};

use cloakroom_core::clock::{Clock, Timestamp};
use cloakroom_core::keys::SessionKey;
use cloakroom_core::random::Random;

use crate::config::SessionConfig;
use crate::engine::{AnyEngine, Engine};
use crate::error::SessionError;
use crate::index::SessionIndex;
use crate::lazy::LazySession;
use crate::shared::Shared;

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
}

impl Sessions {
    /// Puts an engine and the settings together.
    #[must_use]
    pub fn new(engine: AnyEngine, config: SessionConfig, clock: Arc<dyn Clock>, random: Arc<dyn Random>) -> Self {
        Self(Arc::new(Inner { engine, config, clock, random, index: OnceLock::new() }))
    }

    /// Opens the session that a request's cookie names; nothing is read until somebody asks (S60, G29).
    ///
    /// `cookie` is the value of the cookie called [`SessionConfig::cookie`], `None` if the request has none. A key comes
    /// from nowhere else (S19).
    #[must_use]
    pub fn open(&self, cookie: Option<&str>) -> LazySession {
        LazySession::new(Shared::open(Arc::clone(&self.0), cookie))
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

    pub(crate) fn inner(&self) -> &Inner {
        &self.0
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
