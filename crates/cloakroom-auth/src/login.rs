//! Signing in and out: what a session keeps of a user (A63–A68).

use std::sync::Arc;
use std::time::Duration;

use cloakroom_core::models::User;
use cloakroom_core::secret::ct_eq;
use cloakroom_db::users::{self, key_kind};
use cloakroom_sessions::Session;

use crate::auth::Auth;
use crate::credentials::ActiveUser;
use crate::error::AuthError;
use crate::events::AuthEvent;
use crate::identity::{self, UserKey};

/// The session's keys of Django's (A63).
pub(crate) const USER_ID_KEY: &str = "_auth_user_id";
pub(crate) const BACKEND_KEY: &str = "_auth_user_backend";
pub(crate) const HASH_KEY: &str = "_auth_user_hash";

/// The moment of the log-in, in seconds: ours, and only where [`SessionPolicy::absolute_age`] asks for it.
pub(crate) const SINCE_KEY: &str = "_cloakroom_since";

/// What a log-in does with a session beyond Django. By default nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SessionPolicy {
    /// What becomes of the key when somebody signs in over a session of their own.
    pub same_user: SameUser,
    /// How long after its log-in a session ends, used or not (S05); `None` is never, as in Django. A session from before,
    /// or of a Django beside, counts from its first use here.
    pub absolute_age: Option<Duration>,
}

/// What becomes of a session's key when its own user signs in once more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SameUser {
    /// It stays, as in Django (A64).
    #[default]
    KeepsKey,
    /// There is a new one (S04).
    NewKey,
}

/// Which back end a session names as the one that let the user in (A65).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BackendChoice<'a> {
    /// The only one configured; with several, an error.
    Only,
    /// The first one configured.
    First,
    /// The one with this path. If it is not configured, the session names nobody.
    Path(&'a str),
}

/// Proof that a session now belongs to this user. The answer must carry a new CSRF secret (A66).
#[must_use = "after a log-in the CSRF secret must be rotated"]
#[derive(Clone, Debug)]
pub struct LoggedIn {
    user: Arc<User>,
    backend: Arc<str>,
}

impl LoggedIn {
    /// The user, with the new `last_login`.
    #[must_use]
    pub const fn user(&self) -> &Arc<User> {
        &self.user
    }

    /// The path of the back end that the session names.
    #[must_use]
    pub const fn backend(&self) -> &Arc<str> {
        &self.backend
    }
}

impl Auth {
    /// Ties `session` to a user whom a back end just let in (A64).
    ///
    /// A session of nobody keeps its data and gets a new key; one of another user, or of this one with another password,
    /// is ended first; one of the same user keeps its key. `last_login` is updated (A22).
    ///
    /// # Errors
    ///
    /// When a store gives no answer; [`AuthError::BadUserId`] where the session names a user by what can be no key.
    pub async fn login(&self, session: &Session, user: &ActiveUser) -> Result<LoggedIn, AuthError> {
        self.sign_in(session, user.user(), Arc::clone(user.backend())).await
    }

    /// Ties `session` to a user without any proof of who is there: for sign-up, and for those who checked otherwise.
    ///
    /// # Errors
    ///
    /// As [`login`](Self::login); [`AuthError::BackendAmbiguous`] for [`BackendChoice::Only`] with several configured.
    pub async fn login_without_proof(
        &self,
        session: &Session,
        user: &Arc<User>,
        backend: BackendChoice<'_>,
    ) -> Result<LoggedIn, AuthError> {
        let backend = match (backend, self.backends()) {
            (BackendChoice::Path(path), _) => path.into(),
            (BackendChoice::First, [first, ..]) | (BackendChoice::Only, [first]) => first.path().into(),
            _ => return Err(AuthError::BackendAmbiguous),
        };
        self.sign_in(session, user, backend).await
    }

    async fn sign_in(&self, session: &Session, user: &Arc<User>, backend: Arc<str>) -> Result<LoggedIn, AuthError> {
        let hash = self.session_auth_hash(user);
        match session.get_value(USER_ID_KEY) {
            Some(id) => {
                let same_user = identity::user_key(&id, key_kind(self.db())?)? == UserKey::Id(user.id.clone());
                let stored = session.get_value(HASH_KEY);
                let stored = stored.as_ref().and_then(|v| v.as_str()).unwrap_or("");
                if !same_user || !ct_eq(stored.as_bytes(), hash.as_bytes()) {
                    session.flush().await?;
                } else if self.session_policy().same_user == SameUser::NewKey {
                    session.cycle_key().await?;
                }
            }
            None => session.cycle_key().await?,
        }
        session.set_value(USER_ID_KEY, user.id.to_string());
        session.set_value(BACKEND_KEY, &*backend);
        session.set_value(HASH_KEY, hash);

        let now = self.now();
        if self.session_policy().absolute_age.is_some() {
            session.set_value(SINCE_KEY, now.as_secs());
        }
        // A user deleted this very moment has no row to write to: the next request will find nobody.
        let _ = users::set_last_login(self.db(), &user.id, now).await?;
        let mut user = User::clone(user);
        user.last_login = Some(now);
        let user = Arc::new(user);
        self.emit(&AuthEvent::LoggedIn { user: Arc::clone(&user), backend: Arc::clone(&backend) });
        Ok(LoggedIn { user, backend })
    }

    /// Ends `session`, whoever was in it (A67). `user` is who the request knows to be signed in, for the event.
    ///
    /// # Errors
    ///
    /// When the store gives no answer: the session may live.
    pub async fn logout(&self, session: &Session, user: Option<&Arc<User>>) -> Result<(), AuthError> {
        self.emit(&AuthEvent::LoggedOut { user: user.cloned() });
        Ok(session.flush().await?)
    }

    /// Keeps this session over a change of the user's password, under a new key (A74).
    ///
    /// `current` is who is signed in here: only if that is `user` does the session get the new hash.
    ///
    /// # Errors
    ///
    /// When the store gives no answer.
    pub async fn update_session_auth_hash(
        &self,
        session: &Session,
        current: Option<&User>,
        user: &User,
    ) -> Result<(), AuthError> {
        session.cycle_key().await?;
        self.keep_session_auth_hash(session, current, user);
        Ok(())
    }

    /// The second half of [`update_session_auth_hash`](Self::update_session_auth_hash), for doors that find out who is
    /// there only after the key was cycled, as Django does.
    pub fn keep_session_auth_hash(&self, session: &Session, current: Option<&User>, user: &User) {
        if current.is_some_and(|c| c.id == user.id) {
            session.set_value(HASH_KEY, self.session_auth_hash(user));
        }
    }

    /// What a session keeps to notice a change of the password (A72).
    #[must_use]
    pub fn session_auth_hash(&self, user: &User) -> String {
        cloakroom_core::auth_hash::session_auth_hash(&user.password, self.secret_keys().current())
    }
}
