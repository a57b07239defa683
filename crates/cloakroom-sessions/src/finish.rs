//! What the answer to a request does with its session: Django's `SessionMiddleware.process_response` (S61–S66).

use cloakroom_core::cookies::SetCookie;

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
}

/// Whether an answer depends on the cookie (S62, S67).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Vary {
    /// `Vary: Cookie` is due.
    Cookie,
    /// It is not.
    Unchanged,
}

impl Finish {
    const NOTHING: Self = Self { vary: Vary::Unchanged, set_cookie: None };
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
            || (self.config().save == SavePolicy::EveryRequest && !empty)
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
        let config = self.config();
        let shared = session.shared();
        let (accessed, modified, empty, rekeyed) = {
            let state = shared.state();
            (state.accessed, state.modified, state.is_empty(), state.rekeyed)
        };
        if shared.cookie == RequestCookie::Present && empty {
            if config.dead_cookie == DeadCookie::Delete || rekeyed {
                return Ok(Finish { vary: Vary::Cookie, set_cookie: Some(config.cookie.delete()) });
            }
            return Ok(Finish { vary: Vary::Cookie, set_cookie: None });
        }
        let vary = if accessed { Vary::Cookie } else { Vary::Unchanged };
        let due = (modified || config.save == SavePolicy::EveryRequest) && !empty;
        // Django works out the expiry before it looks at the status, to no effect.
        if !due || status >= FIRST_SERVER_ERROR {
            return Ok(Finish { vary, set_cookie: None });
        }
        let loaded = session.load().await?;
        let max_age = if loaded.get_expire_at_browser_close() {
            None
        } else {
            Some(loaded.get_expiry_age().and_then(|age| age.as_secs_f64()).map_err(EngineError::from)?)
        };
        let stored = shared.state().stored;
        if !stored {
            session.save().await?;
        }
        let Some(key) = session.key() else {
            return Ok(Finish { vary: Vary::Cookie, set_cookie: None });
        };
        let mut cookie = config.cookie.set(key.expose());
        if let Some(age) = max_age {
            cookie = cookie.max_age(age);
        }
        Ok(Finish { vary: Vary::Cookie, set_cookie: Some(cookie) })
    }
}
