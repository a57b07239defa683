//! What the answer to a request does with its session: Django's `SessionMiddleware.process_response` (S61–S66).

use cloakroom_core::cookies::{CookieSpec, SetCookie};

use crate::config::{DeadCookie, SavePolicy};
use crate::error::{EngineError, SessionError};
use crate::lazy::LazySession;
use crate::sessions::Sessions;
use crate::shared::RequestCookie;

/// The first status for which nothing is saved (S62).
const FIRST_SERVER_ERROR: u16 = 500;

/// What the session wants in the answer's headers.
#[derive(Clone, Debug)]
#[must_use = "a session that was saved is lost unless its cookie is sent"]
pub struct Finish {
    /// Whether the answer differs by cookie.
    pub vary: Vary,
    /// The session cookie, to be set or deleted.
    pub set_cookie: Option<SetCookie>,
    /// Cookies under older names, to be deleted.
    pub older: Vec<SetCookie>,
}

/// Whether an answer depends on the cookie (S62, S67).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Vary {
    /// `Vary: Cookie` is due.
    Cookie,
    /// It is not.
    Unchanged,
}

/// What is to be done at a request's end.
enum Settled {
    /// This; the store is left alone.
    Done(Finish),
    /// The session is saved.
    Save(Save),
}

/// A session to be saved.
struct Save {
    modified: bool,
    came_by_older_name: bool,
    vary: Vary,
}

impl Finish {
    const NOTHING: Self = Self::vary(Vary::Unchanged);

    const fn vary(vary: Vary) -> Self {
        Self { vary, set_cookie: None, older: Vec::new() }
    }
}

impl Sessions {
    /// Whether [`finish`](Self::finish) has anything to do. A request that left its session alone needs no await.
    #[must_use]
    pub fn needs_finish(&self, session: &LazySession) -> bool {
        let shared = session.shared();
        let state = shared.state();
        let empty = state.is_empty();
        state.accessed
            || state.modified
            || (shared.cookie == RequestCookie::Present && empty)
            || (self.config().save != SavePolicy::WhenModified && !empty)
    }

    /// As [`finish`](Self::finish), where nothing is to be saved: no future, no question to a store. `None` where something
    /// is; nothing has been done then.
    pub fn finish_now(&self, session: &LazySession, status: u16) -> Option<Result<Finish, SessionError>> {
        if !self.needs_finish(session) {
            return Some(Ok(Finish::NOTHING));
        }
        match self.settle(session, status) {
            Ok(Settled::Done(finish)) => Some(Ok(finish)),
            Ok(Settled::Save(_)) => None,
            Err(e) => Some(Err(e)),
        }
    }

    /// Ends a request: saves its session if that is due, and tells what goes into the headers of an answer of this
    /// `status` (S61–S66).
    ///
    /// # Errors
    ///
    /// [`SessionError::Interrupted`]: the session has ended meanwhile; the answer becomes a 400 (S66).
    /// [`SessionError::Engine`]: it could not be saved; the answer becomes a 503 or 500, and the cookie stays.
    pub async fn finish(&self, session: &LazySession, status: u16) -> Result<Finish, SessionError> {
        if !self.needs_finish(session) {
            return Ok(Finish::NOTHING);
        }
        let Save { modified, came_by_older_name, vary } = match self.settle(session, status)? {
            Settled::Done(finish) => return Ok(finish),
            Settled::Save(save) => save,
        };
        let (config, shared) = (self.config(), session.shared());
        let loaded = match session.loaded() {
            Some(loaded) => loaded,
            None => Box::pin(session.load()).await?,
        };
        let max_age = if loaded.get_expire_at_browser_close() {
            None
        } else {
            Some(loaded.get_expiry_age().and_then(|age| age.as_secs_f64()).map_err(EngineError::from)?)
        };
        let stored = shared.state().stored;
        let only_renamed = came_by_older_name && !modified && !self.is_due(session)?;
        // A slow answer must not bring a key back that ended while it was under way (D8).
        if only_renamed && !Box::pin(shared.still_lives()).await? {
            return Ok(Finish::vary(vary));
        }
        if !stored && !only_renamed {
            match session.save().await {
                // Nothing of this request is lost with a session that ended meanwhile.
                Err(SessionError::Interrupted) if !modified && config.save == SavePolicy::Sliding => {
                    return Ok(Finish::vary(Vary::Cookie));
                }
                saved => saved?,
            }
        }
        let Some(key) = session.key() else {
            return Ok(Finish::vary(Vary::Cookie));
        };
        if config.save == SavePolicy::Sliding {
            self.touches().renewed(&key, self.now());
        }
        let mut cookie = config.cookie.set(key.expose());
        if let Some(age) = max_age {
            cookie = cookie.max_age(age);
        }
        Ok(Finish { vary: Vary::Cookie, set_cookie: Some(cookie), older: self.without_older_names(session) })
    }

    /// What is to be done for a session that needs finishing.
    fn settle(&self, session: &LazySession, status: u16) -> Result<Settled, SessionError> {
        let config = self.config();
        let shared = session.shared();
        let (accessed, modified, empty, rekeyed, came_by_older_name) = {
            let mut state = shared.state();
            if let (Some(copy), Some(key)) = (state.take_reread(), &state.key) {
                self.engine().keep_read(key, &copy);
            }
            (state.accessed, state.modified, state.is_empty(), state.rekeyed, state.came_by_older_name)
        };
        if shared.cookie == RequestCookie::Present && empty {
            if config.dead_cookie == DeadCookie::Delete || rekeyed {
                let (set_cookie, older) = (Some(config.cookie.delete()), self.without_older_names(session));
                return Ok(Settled::Done(Finish { vary: Vary::Cookie, set_cookie, older }));
            }
            return Ok(Settled::Done(Finish::vary(Vary::Cookie)));
        }
        let vary = if accessed { Vary::Cookie } else { Vary::Unchanged };
        let renews = modified || came_by_older_name || self.is_due(session)?;
        // Django works out the expiry before it looks at the status, to no effect.
        if !renews || empty || status >= FIRST_SERVER_ERROR {
            return Ok(Settled::Done(Finish::vary(vary)));
        }
        Ok(Settled::Save(Save { modified, came_by_older_name, vary }))
    }

    /// Whether an unchanged session is to be saved.
    fn is_due(&self, session: &LazySession) -> Result<bool, SessionError> {
        match self.config().save {
            SavePolicy::WhenModified => Ok(false),
            SavePolicy::EveryRequest => Ok(true),
            SavePolicy::Sliding => {
                let Some(key) = session.key() else { return Ok(false) };
                let age = match session.loaded() {
                    Some(loaded) => loaded.get_expiry_age().and_then(|a| a.as_secs_f64()).map_err(EngineError::from)?,
                    None => self.config().age_secs as f64,
                };
                Ok(self.touches().is_due(&key, age, self.now()))
            }
        }
    }

    /// Deletes the cookies of older names, once the session has been looked for under them.
    fn without_older_names(&self, session: &LazySession) -> Vec<SetCookie> {
        let cookie = &self.config().cookie;
        let older = session.shared().older.iter();
        older.map(|older| CookieSpec { name: older.name.clone(), ..cookie.clone() }.delete()).collect()
    }
}
