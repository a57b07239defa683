//! One request's session between memory and engine: loading once, saving, ending (S16, S17, S19, S40, S41).

use std::fmt;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cloakroom_core::keys::SessionKey;
use cloakroom_core::reason::Anonymous;
use cloakroom_core::value::Dict;

use crate::config::DeadCookie;
use crate::engine::{AnyEngine, Change, Created, Engine, Found, Loaded, Record, Saved};
use crate::error::{EngineError, SessionError};
use crate::sessions::Inner;
use crate::state::{Load, State};

/// How many new keys are drawn before the store is taken to be lying (S51).
const MAX_KEYS: u32 = 10_000;

pub(crate) struct Shared {
    pub(crate) site: Arc<Inner>,
    pub(crate) cookie: RequestCookie,
    /// Cookies under names of before, to be deleted once the session has been looked for.
    pub(crate) older: Vec<OlderCookie>,
    state: Mutex<State>,
    /// One operation on the store at a time, so that two tasks that ask at once load once (S19).
    gate: tokio::sync::Mutex<()>,
}

/// A session cookie under a name of before.
#[derive(Debug)]
pub(crate) struct OlderCookie {
    pub(crate) name: String,
    pub(crate) key: Option<SessionKey>,
}

/// Whether the request had a session cookie, of whatever value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RequestCookie {
    Present,
    Absent,
}

/// What is left to do after loading.
enum Next {
    Ready,
    Create,
}

impl Shared {
    pub(crate) fn open(site: Arc<Inner>, cookie: Option<&str>, older: Vec<OlderCookie>) -> Arc<Self> {
        let key = cookie.and_then(SessionKey::parse).or_else(|| older.iter().find_map(|cookie| cookie.key.clone()));
        let (cookie, reason) = match (cookie.is_some() || !older.is_empty(), &key) {
            (false, _) => (RequestCookie::Absent, Some(Anonymous::NoCookie)),
            (true, None) => (RequestCookie::Present, Some(Anonymous::KeyMalformed)),
            (true, Some(_)) => (RequestCookie::Present, None),
        };
        let state = Mutex::new(State::new(key, reason));
        Arc::new(Self { site, cookie, older, state, gate: tokio::sync::Mutex::new(()) })
    }

    /// The state; never held across an await. A panic elsewhere leaves it usable.
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) async fn load(&self) -> Result<(), SessionError> {
        if self.is_loaded() {
            return Ok(());
        }
        let _gate = self.gate.lock().await;
        self.load_held().await
    }

    /// As [`load`](Self::load) where nothing need be asked nor waited for; whether it is loaded.
    pub(crate) fn load_now(&self) -> bool {
        if self.is_loaded() {
            return true;
        }
        let Ok(_gate) = self.gate.try_lock() else { return false };
        self.load_copy()
    }

    /// Takes in the copy in memory, if there is one that holds and nothing was loaded meanwhile; whether it is loaded.
    fn load_copy(&self) -> bool {
        let mut state = self.state();
        if !state.is_loaded()
            && self.older.is_empty()
            && let Some(key) = &state.key
            && let now = self.site.clock.now()
            && let Some(copy) = self.site.engine.copy(key, now)
        {
            state.found(copy, now);
        }
        state.is_loaded()
    }

    pub(crate) async fn save(&self) -> Result<(), SessionError> {
        let _gate = self.gate.lock().await;
        self.save_held().await
    }

    pub(crate) async fn create(&self) -> Result<(), SessionError> {
        let _gate = self.gate.lock().await;
        self.create_held(None).await
    }

    /// Stores the session under its own key if that is free (S40, S41).
    pub(crate) async fn save_must_create(&self) -> Result<Created, SessionError> {
        let _gate = self.gate.lock().await;
        if self.keeps_data_in_cookie() {
            self.save_held().await?;
            return Ok(Created::Yes(None));
        }
        let Some(key) = self.key() else {
            self.create_held(None).await?;
            return Ok(Created::Yes(None));
        };
        let data = self.state().data_without_loading();
        self.admit(&key)?;
        let edits = std::mem::take(&mut self.state().edits);
        let created = self.site.engine.create(&key, &data, self.site.clock.now()).await;
        let mut state = self.state();
        match &created {
            Ok(Created::Yes(version)) => {
                state.saved_as(Record::new(data, version.clone(), None));
            }
            _ => state.edits.put_back(edits),
        }
        Ok(created?)
    }

    /// Gives the session a new key, in the store too, at once (S16). The data is loaded first.
    pub(crate) async fn cycle_key(&self) -> Result<(), SessionError> {
        let _gate = self.gate.lock().await;
        if self.keeps_data_in_cookie() {
            return self.save_held().await;
        }
        self.load_held().await?;
        self.create_held(self.key()).await
    }

    /// Ends the session and forgets its key and data (S16). When the store fails nothing has changed.
    pub(crate) async fn flush(&self) -> Result<(), SessionError> {
        let _gate = self.gate.lock().await;
        let had_key = self.key().is_some();
        for key in self.older.iter().filter_map(|cookie| cookie.key.as_ref()) {
            if self.site.engine.admits(key) {
                self.site.engine.delete(key).await?;
            }
        }
        self.delete_held().await?;
        let mut state = self.state();
        state.clear();
        state.forget_key();
        state.rekeyed = true;
        if had_key {
            state.reason = Some(Anonymous::SignedOut);
        }
        Ok(())
    }

    pub(crate) async fn delete(&self) -> Result<(), SessionError> {
        let _gate = self.gate.lock().await;
        self.delete_held().await
    }

    pub(crate) async fn exists(&self) -> Result<bool, SessionError> {
        let Some(key) = self.key() else {
            // Django's file engine gives a session without a key one, to look for its file (S55).
            if matches!(self.site.engine.current(), AnyEngine::File(_)) {
                self.state().key = Some(SessionKey::generate(&*self.site.random));
            }
            return Ok(false);
        };
        self.admit(&key)?;
        Ok(self.site.engine.exists(&key, self.site.clock.now()).await?)
    }

    /// Applies `change` to what is stored at this moment, however many do so at once, and saves (D6).
    pub(crate) async fn transact<R>(&self, mut change: impl FnMut(&mut Dict) -> R + Send) -> Result<R, SessionError>
    where
        R: Send,
    {
        let _gate = self.gate.lock().await;
        self.load_held().await?;
        let key = match self.key() {
            Some(key) if !self.keeps_data_in_cookie() => key,
            // Nobody else can know a session without a key, nor write into a cookie.
            key => {
                let result = {
                    let mut state = self.state();
                    let result = state.alter(change);
                    state.set_modified(true);
                    result
                };
                if key.is_none() && !self.keeps_data_in_cookie() {
                    self.create_held(None).await?;
                }
                return Ok(result);
            }
        };
        self.admit(&key)?;
        let (base, data, edits) = self.state().begin_save();
        let mut result = None;
        let mut make = |stored: Option<&Arc<Dict>>| {
            let mut next = stored.map_or_else(|| Arc::clone(&data), |stored| edits.merge(&data, stored));
            result = Some(change(Arc::make_mut(&mut next)));
            next
        };
        let saved = self.site.engine.update(&key, Change { base, make: &mut make }, self.site.clock.now()).await;
        let mut state = self.state();
        match saved {
            Ok(Saved::Yes(record)) => {
                state.saved_as(record);
                state.modified = true;
                state.stored = state.edits.is_empty();
                result.ok_or(SessionError::Interrupted)
            }
            Ok(Saved::Gone) => {
                state.edits.put_back(edits);
                Err(SessionError::Interrupted)
            }
            Err(e) => {
                state.edits.put_back(edits);
                Err(e.into())
            }
        }
    }

    fn is_loaded(&self) -> bool {
        let mut state = self.state();
        state.accessed = true;
        state.is_loaded()
    }

    async fn load_held(&self) -> Result<(), SessionError> {
        if self.is_loaded() || self.load_copy() {
            return Ok(());
        }
        let mut loaded = match self.key() {
            Some(key) if self.older.is_empty() && self.site.engine.admits(&key) => {
                let now = self.site.clock.now();
                match self.site.engine.find(&key, now).await? {
                    Found::Loaded(loaded) => loaded,
                    Found::Copy(copy) => {
                        let mut state = self.state();
                        if !state.is_loaded() {
                            state.found(copy, now);
                        }
                        return Ok(());
                    }
                }
            }
            Some(key) => Box::pin(self.look_up(&key)).await?,
            None => Loaded::Absent(self.state().reason.unwrap_or(Anonymous::NoSession)),
        };
        if !self.older.is_empty() {
            loaded = Box::pin(self.look_under_older_names(loaded)).await?;
        }
        match self.take_in(loaded) {
            Next::Ready => Ok(()),
            Next::Create => Box::pin(self.create_held(None)).await,
        }
    }

    /// Whether the stored session is still there.
    pub(crate) async fn still_lives(&self) -> Result<bool, SessionError> {
        let Some(key) = self.key() else { return Ok(false) };
        Ok(matches!(self.look_up(&key).await?, Loaded::Live(_) | Loaded::Moved(..)))
    }

    async fn look_up(&self, key: &SessionKey) -> Result<Loaded, EngineError> {
        if self.site.engine.admits(key) {
            self.site.engine.load(key, self.site.clock.now()).await
        } else {
            Ok(Loaded::Absent(Anonymous::KeyMalformed))
        }
    }

    /// What the cookies of older names open, if what was `loaded` is nothing.
    async fn look_under_older_names(&self, mut loaded: Loaded) -> Result<Loaded, EngineError> {
        let lives = |loaded: &Loaded| matches!(loaded, Loaded::Live(_) | Loaded::Moved(..));
        let asked = self.key();
        let mut by_older = lives(&loaded) && self.older.iter().any(|cookie| cookie.key == asked);
        for key in self.older.iter().filter_map(|cookie| cookie.key.as_ref()) {
            if lives(&loaded) {
                break;
            }
            if asked.as_ref() == Some(key) {
                continue;
            }
            let found = self.look_up(key).await?;
            if lives(&found) {
                self.state().key = Some(key.clone());
                (loaded, by_older) = (found, true);
            }
        }
        if by_older {
            self.state().came_by_older_name = true;
            let count = self.site.came_by_older_name.fetch_add(1, Ordering::Relaxed) + 1;
            tracing::info!(target: "cloakroom.sessions", count, "a session came under an older cookie name");
        }
        Ok(loaded)
    }

    /// Takes in what was loaded, unless the session was cleared while it was being loaded.
    fn take_in(&self, loaded: Loaded) -> Next {
        let nothing = |reason| Record::new(Arc::default(), None, Some(reason));
        let mut state = self.state();
        if state.is_loaded() {
            return Next::Ready;
        }
        match loaded {
            Loaded::Live(record) => state.loaded(record, Load::Quiet),
            Loaded::Moved(record, key) => {
                state.key = Some(key);
                state.loaded(record, Load::Modifies);
            }
            // A slow request with a cookie of old must not replace the one that came since (D8).
            Loaded::Broken(reason) if self.site.config.dead_cookie == DeadCookie::Keep => {
                state.key = None;
                state.loaded(nothing(reason), Load::Quiet);
            }
            Loaded::Broken(reason) => state.loaded(nothing(reason), Load::Modifies),
            Loaded::Absent(reason) => {
                state.key = None;
                state.loaded(nothing(reason), Load::Quiet);
            }
            Loaded::Renew => {
                state.key = None;
                if self.site.config.dead_cookie == DeadCookie::Delete {
                    state.loaded(nothing(Anonymous::NoSession), Load::Modifies);
                    return Next::Create;
                }
                state.loaded(nothing(Anonymous::NoSession), Load::Quiet);
            }
        }
        Next::Ready
    }

    async fn save_held(&self) -> Result<(), SessionError> {
        // What is rare is in boxes: whoever saves keeps no room for it.
        if self.key().is_none() {
            return Box::pin(self.create_or_seal()).await;
        }
        if !self.is_loaded() {
            Box::pin(self.load_held()).await?;
        }
        if self.keeps_data_in_cookie() {
            return self.seal();
        }
        let Some(key) = self.key() else {
            // The session had ended before it was loaded. As in Django, a new key is drawn and not found.
            self.state().key = Some(SessionKey::generate(&*self.site.random));
            return Err(SessionError::Interrupted);
        };
        self.admit(&key)?;
        let (base, data, edits) = self.state().begin_save();
        let mut make =
            |stored: Option<&Arc<Dict>>| stored.map_or_else(|| Arc::clone(&data), |stored| edits.merge(&data, stored));
        let saved = self.site.engine.update(&key, Change { base, make: &mut make }, self.site.clock.now()).await;
        let mut state = self.state();
        match saved {
            Ok(Saved::Yes(record)) => {
                state.saved_as(record);
                Ok(())
            }
            Ok(Saved::Gone) => {
                state.edits.put_back(edits);
                Err(SessionError::Interrupted)
            }
            Err(e) => {
                state.edits.put_back(edits);
                Err(e.into())
            }
        }
    }

    async fn create_or_seal(&self) -> Result<(), SessionError> {
        if self.keeps_data_in_cookie() {
            self.load_held().await?;
            return self.seal();
        }
        self.create_held(None).await
    }

    /// Stores what is in memory under a new key, without loading (S41), in place of the session `old` if there is one.
    async fn create_held(&self, old: Option<SessionKey>) -> Result<(), SessionError> {
        if self.keeps_data_in_cookie() {
            self.state().set_modified(true);
            return Ok(());
        }
        let data = self.state().data_without_loading();
        let edits = std::mem::take(&mut self.state().edits);
        let engine = &self.site.engine;
        let now = self.site.clock.now();
        let mut outcome = Err(EngineError::KeysTaken);
        for _ in 0..MAX_KEYS {
            let key = SessionKey::generate(&*self.site.random);
            let created = match &old {
                Some(old) => engine.cycle(old, &key, &data, now).await,
                None => engine.create(&key, &data, now).await,
            };
            match created {
                Ok(Created::Taken) => {}
                Ok(Created::Yes(version)) => {
                    outcome = Ok((key, version));
                    break;
                }
                Err(e) => {
                    outcome = Err(e);
                    break;
                }
            }
        }
        let mut state = self.state();
        match outcome {
            Ok((key, version)) => {
                if let Some(old) = &old {
                    self.site.moved(old, &key);
                }
                state.key = Some(key);
                state.saved_as(Record::new(data, version, None));
                state.set_modified(true);
                state.rekeyed = true;
                Ok(())
            }
            Err(e) => {
                state.edits.put_back(edits);
                Err(e.into())
            }
        }
    }

    async fn delete_held(&self) -> Result<(), SessionError> {
        if self.keeps_data_in_cookie() {
            // What it was before it moved into the cookie ends too.
            if let (AnyEngine::Moving(engine), Some(key)) = (&self.site.engine, self.key()) {
                engine.delete(&key).await?;
            }
            let mut state = self.state();
            state.key = None;
            state.empty();
            state.set_modified(true);
            return Ok(());
        }
        let Some(key) = self.key() else { return Ok(()) };
        self.admit(&key)?;
        self.site.engine.delete(&key).await?;
        self.site.ended(&key);
        self.state().stored = false;
        Ok(())
    }

    /// Makes the key out of the data (S58).
    fn seal(&self) -> Result<(), SessionError> {
        let AnyEngine::SignedCookies(engine) = self.site.engine.current() else { return Ok(()) };
        let mut state = self.state();
        let data = state.data().cloned().unwrap_or_default();
        state.key = Some(engine.seal(&data, self.site.clock.now())?);
        state.set_modified(true);
        Ok(())
    }

    fn keeps_data_in_cookie(&self) -> bool {
        self.site.engine.keeps_data_in_cookie()
    }

    fn admit(&self, key: &SessionKey) -> Result<(), SessionError> {
        if self.site.engine.admits(key) { Ok(()) } else { Err(SessionError::InvalidKey) }
    }

    fn key(&self) -> Option<SessionKey> {
        self.state().key.clone()
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state();
        f.debug_struct("Session")
            .field("cookie", &self.cookie)
            .field("loaded", &state.is_loaded())
            .field("accessed", &state.accessed)
            .field("modified", &state.modified)
            .field("reason", &state.reason)
            .finish_non_exhaustive()
    }
}
