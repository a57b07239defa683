//! The request's session.

use cloakroom_auth::Identity;
use cloakroom_core::keys::SessionKey;
use cloakroom_core::reason::Anonymous;
use cloakroom_sessions::{LazySession, SavePolicy, Session, SessionError, Usage, Visitor};

use super::Ctx;

impl Ctx {
    /// The session before anybody has looked into it. Nothing is read (S60).
    #[must_use]
    pub fn lazy_session(&self) -> &LazySession {
        self.0.session.get_or_init(|| self.sessions().open_from(|name| self.cookie(name)))
    }

    /// The session, loaded once per request. The answer varies by cookie from then on.
    ///
    /// # Errors
    ///
    /// The store failed: nobody knows who this is, and the answer is 503 (D7, F01).
    pub async fn session(&self) -> Result<Session, SessionError> {
        let session = self.lazy_session();
        match session.load_now() {
            Some(session) => Ok(session),
            // In a box: whoever waits keeps room for what is asked, and most need not ask.
            None => Box::pin(session.load()).await,
        }
    }

    /// Whether anybody asked for the session.
    pub(crate) fn has_opened_session(&self) -> bool {
        self.0.session.get().is_some()
    }

    /// Why nobody is signed in, as far as anybody asked: for logs and developers, never for the client (D12, L05).
    #[must_use]
    pub fn reason(&self) -> Option<Anonymous> {
        let identity = self.state().identity.as_ref().map(Identity::reason);
        identity.unwrap_or_else(|| self.0.session.get().and_then(LazySession::reason))
    }

    /// Notes in the index of sessions that the request's user used theirs (D13).
    pub(crate) fn note_use(&self, session: &LazySession, usage: Usage) {
        let state = self.state();
        let user = state.identity.as_ref().filter(|_| !state.is_caller).and_then(Identity::user);
        let Some(user) = user else { return };
        self.sessions().used(session, &user.id, usage, || {
            let agent = self.facts().agent.as_ref();
            let agent = agent.map(|agent| String::from_utf8_lossy(agent.as_bytes()).into_owned());
            Visitor { address: self.client_address(), agent }
        });
    }

    /// The session, if the answer may have something to do for it: save it, or send or delete its cookie.
    pub(crate) fn session_to_finish(&self) -> Option<&LazySession> {
        if let Some(session) = self.0.session.get() {
            return self.sessions().needs_finish(session).then_some(session);
        }
        let config = self.sessions().config();
        if config.save == SavePolicy::WhenModified {
            let cookie = self.cookie(&config.cookie.name)?;
            // A key that nobody used is kept as it is: only loading could tell that it opens nothing (S61).
            if SessionKey::is_key(&cookie) {
                return None;
            }
        }
        let session = self.lazy_session();
        self.sessions().needs_finish(session).then_some(session)
    }
}
