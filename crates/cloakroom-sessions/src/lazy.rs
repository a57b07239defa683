//! [`LazySession`]: the session of a request before anybody has looked into it.

use std::sync::Arc;

use cloakroom_core::keys::SessionKey;
use cloakroom_core::reason::Anonymous;

use crate::engine::Created;
use crate::error::SessionError;
use crate::session::Session;
use crate::shared::Shared;

/// A handle to a request's session that costs nothing until it is loaded (G29, G56). Clones are the same session.
///
/// ```
/// # use std::sync::Arc;
/// # use cloakroom_core::{clock::SystemClock, random::OsRandom};
/// # use cloakroom_sessions::{AnyEngine, CacheEngine, Sessions, SessionConfig};
/// # use cloakroom_cache::Cache;
/// # let engine = AnyEngine::Cache(CacheEngine::new(Arc::new(Cache::memory()), 1_209_600));
/// # let sessions = Sessions::new(engine, SessionConfig::default(), Arc::new(SystemClock), Arc::new(OsRandom));
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let lazy = sessions.open(None);
/// assert!(lazy.is_empty() && !lazy.accessed());
///
/// let session = lazy.load().await?;
/// session.set("items", &["hat", "coat"])?;
/// assert_eq!(session.get::<Vec<String>>("items")?.unwrap(), ["hat", "coat"]);
/// assert!(lazy.accessed() && lazy.modified());
/// # Ok::<(), Box<dyn std::error::Error>>(()) }).unwrap();
/// ```
#[derive(Clone, Debug)]
pub struct LazySession(Arc<Shared>);

impl LazySession {
    pub(crate) const fn new(shared: Arc<Shared>) -> Self {
        Self(shared)
    }

    pub(crate) fn shared(&self) -> &Shared {
        &self.0
    }

    /// Loads the session, once for all handles, and marks it as accessed (S13, S19).
    ///
    /// # Errors
    ///
    /// The store failed: nobody knows who this is, and the answer is 503 (D7). The next call asks again.
    pub async fn load(&self) -> Result<Session, SessionError> {
        self.0.load().await?;
        Ok(Session::new(Arc::clone(&self.0)))
    }

    /// As [`load`](Self::load) where the session is in memory and known to be what the store has: no future, no wait. `None`
    /// where the store must be asked, or another task is asking.
    #[must_use]
    pub fn load_now(&self) -> Option<Session> {
        self.0.load_now().then(|| Session::new(Arc::clone(&self.0)))
    }

    /// The session, if it is loaded; no access.
    #[must_use]
    pub fn loaded(&self) -> Option<Session> {
        self.0.state().is_loaded().then(|| Session::new(Arc::clone(&self.0)))
    }

    /// The key, unless there is none (any more). Before loading, that of the cookie, which may open nothing.
    #[must_use]
    pub fn key(&self) -> Option<SessionKey> {
        self.0.state().key.clone()
    }

    /// Whether there is neither a key nor data; what was not loaded counts by its key (S12).
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.state().is_empty()
    }

    /// Whether anything was read or written (S13).
    #[must_use]
    pub fn accessed(&self) -> bool {
        self.0.state().accessed
    }

    /// Whether the session is to be saved (S14).
    #[must_use]
    pub fn modified(&self) -> bool {
        self.0.state().modified
    }

    /// Sets whether the session is to be saved, as Django's `session.modified = True`.
    pub fn set_modified(&self, modified: bool) {
        self.0.state().set_modified(modified);
    }

    /// Why the session is empty, as far as is known; `None` for one that is live or not loaded yet (D12).
    #[must_use]
    pub fn reason(&self) -> Option<Anonymous> {
        self.0.state().reason
    }

    /// Empties the session without loading it; the key stays (S16).
    pub fn clear(&self) {
        self.0.state().clear();
    }

    /// Ends the session: its data and stored record are gone at once, and its key is forgotten (S16).
    ///
    /// # Errors
    ///
    /// The store failed, and nothing has changed; [`SessionError::InvalidKey`] for a key that was never loaded (S57).
    pub async fn flush(&self) -> Result<(), SessionError> {
        self.0.flush().await
    }

    /// Moves the session to a new key, in the store too, at once (S16); what was loaded is kept. Against fixation.
    ///
    /// # Errors
    ///
    /// The store failed.
    pub async fn cycle_key(&self) -> Result<(), SessionError> {
        self.0.cycle_key().await
    }

    /// Saves now. A session without a key gets one. Never makes a stored session that has ended (S12).
    ///
    /// # Errors
    ///
    /// [`SessionError::Interrupted`] when the session has ended meanwhile, or had before it was loaded (S17).
    pub async fn save(&self) -> Result<(), SessionError> {
        self.0.save().await
    }

    /// Stores what is in memory under the session's own key if that is free, without loading; a session without a key
    /// gets one (S40, S41).
    ///
    /// # Errors
    ///
    /// The store failed.
    pub async fn save_must_create(&self) -> Result<Created, SessionError> {
        self.0.save_must_create().await
    }

    /// Stores what is in memory under a new key, without loading what the old one has (S40, S41).
    ///
    /// # Errors
    ///
    /// The store failed.
    pub async fn create(&self) -> Result<(), SessionError> {
        self.0.create().await
    }

    /// Whether the key is taken in the store (S47).
    ///
    /// # Errors
    ///
    /// As for [`flush`](Self::flush).
    pub async fn exists_self(&self) -> Result<bool, SessionError> {
        self.0.exists().await
    }

    /// Deletes the stored session; key and data in memory stay (S47).
    ///
    /// # Errors
    ///
    /// As for [`flush`](Self::flush).
    pub async fn delete_self(&self) -> Result<(), SessionError> {
        self.0.delete().await
    }
}
