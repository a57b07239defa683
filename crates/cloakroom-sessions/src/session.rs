//! [`Session`]: the loaded session, with the methods of Django's.

use std::any::Any;
use std::sync::Arc;

use cloakroom_core::clock::Timestamp;
use cloakroom_core::expiry::{
    EXPIRY_KEY, ExpiryAge, ExpiryError, ExpirySettings, get_expire_at_browser_close, get_expiry_age,
    get_expiry_timestamp,
};
use cloakroom_core::keys::{SessionKey, UserId};
use cloakroom_core::pydatetime::DateTime;
use cloakroom_core::reason::Anonymous;
use cloakroom_core::value::{Dict, Text, Value};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::config::CookieEnd;
use crate::engine::Created;
use crate::error::{SessionError, ValueError};
use crate::lazy::LazySession;
use crate::near::JoinedUser;
use crate::shared::Shared;
use crate::state::State;

const TEST_COOKIE_NAME: &str = "testcookie";
const TEST_COOKIE_VALUE: &str = "worked";

/// One request's session, loaded. Methods of Django's session, with its rules of what counts as accessed and as
/// modified (S12–S19). Clones are the same session.
///
/// What changes here is saved with the answer (S62), by changed keys: two requests that set different keys at the same
/// time both keep theirs (D6).
#[derive(Clone, Debug)]
pub struct Session(Arc<Shared>);

impl Session {
    pub(crate) const fn new(shared: Arc<Shared>) -> Self {
        Self(shared)
    }

    /// The value under `key`, read as a `T`.
    ///
    /// # Errors
    ///
    /// When the value has another form.
    pub fn get<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>, ValueError> {
        self.get_value(key).map(|v| v.to_deserialize()).transpose().map_err(ValueError)
    }

    /// The value under `key` as it is stored.
    #[must_use]
    pub fn get_value(&self, key: &str) -> Option<Value> {
        self.state().get(key).cloned()
    }

    /// Sets a value.
    ///
    /// # Errors
    ///
    /// When the value has no stored form; nothing was set.
    pub fn set<T: Serialize + ?Sized>(&self, key: &str, value: &T) -> Result<(), ValueError> {
        let value = Value::from_serialize(value).map_err(ValueError)?;
        self.state().set(key.into(), value);
        Ok(())
    }

    /// Sets a value as it is to be stored.
    pub fn set_value(&self, key: impl Into<Text>, value: impl Into<Value>) {
        self.state().set(key.into(), value.into());
    }

    /// Takes a value out, as Python's `del session[key]`. `None`, and no change, when it was absent (S15).
    pub fn remove(&self, key: &str) -> Option<Value> {
        self.state().remove(key)
    }

    /// Takes a value out, as Python's `session.pop(key, None)`. `None`, and no change, when it was absent (S14).
    pub fn pop(&self, key: &str) -> Option<Value> {
        self.state().pop(key)
    }

    /// The value under `key`, which is set to `default` first if absent.
    pub fn setdefault(&self, key: &str, default: impl Into<Value>) -> Value {
        let mut state = self.state();
        if let Some(value) = state.get(key) {
            return value.clone();
        }
        let value = default.into();
        state.set(key.into(), value.clone());
        value
    }

    /// Sets several values. Counts as a change even when there are none (S14).
    pub fn update(&self, items: Dict) {
        self.state().update(items);
    }

    /// Whether there is a value under `key`.
    #[must_use]
    pub fn contains_key(&self, key: &str) -> bool {
        self.state().get(key).is_some()
    }

    /// The keys in order.
    #[must_use]
    pub fn keys(&self) -> Vec<Text> {
        self.state().items().keys().cloned().collect()
    }

    /// All keys and values in order; a snapshot that costs no copy.
    #[must_use]
    pub fn items(&self) -> Arc<Dict> {
        self.state().items()
    }

    /// Empties the session; the key stays (S16).
    pub fn clear(&self) {
        self.state().clear();
    }

    /// Changes values in place, as Python code changes a list inside the session: the session is **not** marked as
    /// modified, and unless something else marks it the change ends with the request (S14).
    pub fn alter<R>(&self, change: impl FnOnce(&mut Dict) -> R) -> R {
        self.state().alter(change)
    }

    /// Changes the stored session at once, exactly, however many requests do so at the same time (D6).
    ///
    /// `change` is given what is stored at this moment with this request's own changes; it is called again if another
    /// request was faster. Unlike [`get`](Self::get) and [`set`](Self::set), counting with it loses no count. A
    /// session without a key gets one; the cookie is sent with the answer. With `signed_cookies` there is nothing
    /// shared to be exact about.
    ///
    /// ```
    /// # use cloakroom_core::value::Value;
    /// # async fn f(session: cloakroom_sessions::Session) -> Result<(), cloakroom_sessions::SessionError> {
    /// let hits = session
    ///     .transact(|data| {
    ///         let hits = data.get("hits").map_or(0, |v| if let Value::Int(n) = v { *n } else { 0 }) + 1;
    ///         data.insert("hits", hits);
    ///         hits
    ///     })
    ///     .await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    ///
    /// [`SessionError::Interrupted`] when the session has ended; the store failed.
    pub async fn transact<R: Send>(&self, change: impl FnMut(&mut Dict) -> R + Send) -> Result<R, SessionError> {
        self.0.transact(change).await
    }

    /// The key, if the session has one yet.
    #[must_use]
    pub fn key(&self) -> Option<SessionKey> {
        self.state().key.clone()
    }

    /// Whether there is neither a key nor data (S12).
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.state().is_empty()
    }

    /// Whether anything was read or written; loading is reading (S13).
    #[must_use]
    pub fn accessed(&self) -> bool {
        self.state().accessed
    }

    /// Whether the session is to be saved (S14).
    #[must_use]
    pub fn modified(&self) -> bool {
        self.state().modified
    }

    /// Sets whether the session is to be saved, as Django's `session.modified = True`.
    pub fn set_modified(&self, modified: bool) {
        self.state().set_modified(modified);
    }

    /// Why the session is empty; `None` for one that is live (D12).
    #[must_use]
    pub fn reason(&self) -> Option<Anonymous> {
        self.state().reason
    }

    /// The same session as a lazy handle.
    #[must_use]
    pub fn lazy(&self) -> LazySession {
        LazySession::new(Arc::clone(&self.0))
    }
}

/// Expiry (S20–S28).
impl Session {
    /// Sets when the session expires (S20).
    pub fn set_expiry(&self, expiry: Expiry) {
        let value = match expiry {
            Expiry::Default => {
                self.remove(EXPIRY_KEY);
                return;
            }
            Expiry::After(secs) => Value::Int(secs),
            Expiry::WithBrowser => Value::Int(0),
            Expiry::At(moment) => Value::from(moment.to_isoformat()),
        };
        self.set_value(EXPIRY_KEY, value);
    }

    /// Seconds until the session expires, from now, in the type that Django returns; negative when it has (S22).
    ///
    /// # Errors
    ///
    /// When `_session_expiry` is no expiry (S25, S26).
    pub fn get_expiry_age(&self) -> Result<ExpiryAge, ExpiryError> {
        let now = DateTime::utc(self.0.site.clock.now());
        get_expiry_age(self.state().get(EXPIRY_KEY), now, &self.expiry_settings())
    }

    /// The moment at which the session expires if it is saved now (S23).
    ///
    /// # Errors
    ///
    /// When `_session_expiry` is no expiry (S25, S26).
    pub fn get_expiry_date(&self) -> Result<Timestamp, ExpiryError> {
        let now = self.0.site.clock.now();
        get_expiry_timestamp(self.state().get(EXPIRY_KEY), now, &self.expiry_settings())
    }

    /// Whether the cookie ends with the browser (S24).
    #[must_use]
    pub fn get_expire_at_browser_close(&self) -> bool {
        get_expire_at_browser_close(self.state().get(EXPIRY_KEY), &self.expiry_settings())
    }

    fn expiry_settings(&self) -> ExpirySettings {
        let config = &self.0.site.config;
        ExpirySettings { cookie_age: config.age_secs, at_browser_close: config.cookie_end == CookieEnd::WithBrowser }
    }
}

/// When a session expires, as [`Session::set_expiry`] takes it (S20).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expiry {
    /// After so many seconds without a save. Not with the browser even if that is the setting.
    After(i64),
    /// At a fixed moment.
    At(Timestamp),
    /// The cookie with the browser, the stored session after the age that is set.
    WithBrowser,
    /// As the settings say.
    Default,
}

/// The test cookie (S18).
impl Session {
    /// Leaves a mark to see on the next request whether the browser takes cookies.
    pub fn set_test_cookie(&self) {
        self.set_value(TEST_COOKIE_NAME, TEST_COOKIE_VALUE);
    }

    /// Whether the mark is there.
    #[must_use]
    pub fn test_cookie_worked(&self) -> bool {
        self.state().get(TEST_COOKIE_NAME).and_then(Value::as_str) == Some(TEST_COOKIE_VALUE)
    }

    /// Removes the mark; `None` if it was absent.
    pub fn delete_test_cookie(&self) -> Option<Value> {
        self.remove(TEST_COOKIE_NAME)
    }
}

/// What is remembered beside the stored session (D5).
impl Session {
    /// Looks at what [`keep`](Self::keep) was given by an earlier request that found the same stored session, if this one has
    /// not changed it either. `look` must not touch the session, which is locked meanwhile.
    pub fn look_at_kept<T: Any + Send + Sync, R>(&self, look: impl FnOnce(&T) -> R) -> Option<R> {
        self.state().near_unchanged()?.kept().map(look)
    }

    /// Keeps what was worked out from the stored session for requests that find it unchanged, in place of what was kept
    /// before. Nothing is kept if this request changed the session, or nothing of it is in memory.
    pub fn keep<T: Any + Send + Sync>(&self, value: Arc<T>) {
        self.state().keep(value);
    }

    /// Remembers who is signed in: when the session is read the next time, this user is read with it.
    pub fn saw_user(&self, user: &UserId) {
        if let Some(near) = self.state().near() {
            near.saw(user);
        }
    }

    /// The user who was read together with the session.
    #[must_use]
    pub fn joined_user(&self) -> Option<JoinedUser> {
        self.state().joined_user()
    }
}

/// What reaches the store at once (S16, S40).
impl Session {
    /// See [`LazySession::flush`].
    ///
    /// # Errors
    ///
    /// See there.
    pub async fn flush(&self) -> Result<(), SessionError> {
        self.0.flush().await
    }

    /// See [`LazySession::cycle_key`].
    ///
    /// # Errors
    ///
    /// See there.
    pub async fn cycle_key(&self) -> Result<(), SessionError> {
        self.0.cycle_key().await
    }

    /// See [`LazySession::save`].
    ///
    /// # Errors
    ///
    /// See there.
    pub async fn save(&self) -> Result<(), SessionError> {
        self.0.save().await
    }

    /// Stores the session under its own key if that is free; a session without a key gets one (S40, S41).
    ///
    /// # Errors
    ///
    /// The store failed.
    pub async fn save_must_create(&self) -> Result<Created, SessionError> {
        self.0.save_must_create().await
    }

    /// See [`LazySession::create`].
    ///
    /// # Errors
    ///
    /// See there.
    pub async fn create(&self) -> Result<(), SessionError> {
        self.0.create().await
    }

    /// See [`LazySession::exists_self`].
    ///
    /// # Errors
    ///
    /// See there.
    pub async fn exists_self(&self) -> Result<bool, SessionError> {
        self.0.exists().await
    }

    /// See [`LazySession::delete_self`].
    ///
    /// # Errors
    ///
    /// See there.
    pub async fn delete_self(&self) -> Result<(), SessionError> {
        self.0.delete().await
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.state()
    }
}
