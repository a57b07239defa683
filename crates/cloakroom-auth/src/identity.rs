//! Who a session names: the way from its keys to a user, or the one reason why there is none (A70–A75, M29, D12).

use std::sync::Arc;
use std::time::Duration;

use cloakroom_core::auth_hash::AuthHashMatch;
use cloakroom_core::clock::Timestamp;
use cloakroom_core::keys::UserId;
use cloakroom_core::models::User;
use cloakroom_core::pyint::PyInt;
use cloakroom_core::reason::Anonymous;
use cloakroom_core::value::Value;
use cloakroom_db::KeyKind;
use cloakroom_db::users::key_kind;
use cloakroom_sessions::Session;

use crate::auth::Auth;
use crate::backends::BackendKind;
use crate::error::AuthError;
use crate::events::AuthEvent;
use crate::login::{BACKEND_KEY, HASH_KEY, SINCE_KEY, USER_ID_KEY};

/// Who is there.
#[must_use]
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Identity {
    /// This user, let in by the back end of this path.
    User(Arc<User>, Arc<str>),
    /// Nobody that is known, for this reason. Clients are not told it (L05).
    Anonymous(Anonymous),
}

impl Identity {
    /// The user, if there is one.
    #[must_use]
    pub const fn user(&self) -> Option<&Arc<User>> {
        match self {
            Self::User(user, _) => Some(user),
            Self::Anonymous(_) => None,
        }
    }

    /// Whether there is a user (M20).
    #[must_use]
    pub const fn is_authenticated(&self) -> bool {
        matches!(self, Self::User(..))
    }

    /// Why there is no user.
    #[must_use]
    pub const fn reason(&self) -> Option<Anonymous> {
        match self {
            Self::User(..) => None,
            Self::Anonymous(reason) => Some(*reason),
        }
    }
}

impl Auth {
    /// The user whom `session` names, where that was found out before and nothing has changed since: no question is asked.
    /// `None` says nothing; [`get_user`](Self::get_user) does.
    #[must_use]
    pub fn get_user_now(&self, session: &Session) -> Option<Identity> {
        // What is remembered of a session says nothing of the time that goes by.
        self.remembered(session).filter(|_| self.verify_age(session).is_ok())
    }

    /// Finds the user whom `session` names: its user id, its back end, that back end's user, and last whether the
    /// session still fits the user's password (A70, A71).
    ///
    /// A session that does not fit is flushed; one that fits under an older secret key gets a new key and the new hash. A
    /// closed account's session, a deleted user's, and one of a back end that is not configured stay as they are.
    ///
    /// # Errors
    ///
    /// When a store gives no answer; [`AuthError::BadUserId`] where the session names a user by what can be no key.
    pub async fn get_user(&self, session: &Session) -> Result<Identity, AuthError> {
        if let Some(identity) = self.get_user_now(session) {
            return Ok(identity);
        }
        let Some(id) = session.get_value(USER_ID_KEY) else {
            return Ok(Identity::Anonymous(session.reason().unwrap_or(Anonymous::NotSignedIn)));
        };
        let id = user_key(&id, key_kind(self.db())?)?;
        let Some(path) = session.get_value(BACKEND_KEY) else {
            return Ok(Identity::Anonymous(Anonymous::NotSignedIn));
        };
        let named = |backend: &BackendKind| path.as_str() == Some(backend.path());
        let mut backends = self.backends().iter().zip(self.backend_paths());
        let Some((backend, path)) = backends.find(|(backend, _)| named(backend)) else {
            return Ok(Identity::Anonymous(Anonymous::BackendUnknown));
        };
        let UserKey::Id(id) = id else { return Ok(Identity::Anonymous(Anonymous::UserGone)) };
        let (user, found) = match backend.stored_users() {
            Some(inactive) => match self.find_user_of(session, &id).await? {
                Some(found) if inactive.admits(&found.user) => (Arc::clone(&found.user), Some(found)),
                Some(_) => return Ok(Identity::Anonymous(Anonymous::UserInactive)),
                None => return Ok(Identity::Anonymous(Anonymous::UserGone)),
            },
            None => match backend.get_user(self, &id).await? {
                Ok(user) => (Arc::new(user), None),
                Err(reason) => return Ok(Identity::Anonymous(reason)),
            },
        };
        let fits = match self.verify_session_hash(session, &user).await? {
            Ok(()) => self.verify_age(session),
            Err(reason) => Err(reason),
        };
        match fits {
            Ok(()) => {
                if let Some(found) = found {
                    self.remember(session, path, found);
                }
                Ok(Identity::User(user, Arc::clone(path)))
            }
            Err(reason) => {
                session.flush().await?;
                self.emit(&AuthEvent::SessionRefused { user_id: Some(id), reason });
                Ok(Identity::Anonymous(reason))
            }
        }
    }

    /// Whether the log-in is recent enough (S05). Where nobody noted when it was, it is now.
    fn verify_age(&self, session: &Session) -> Result<(), Anonymous> {
        let Some(limit) = self.session_policy().absolute_age else { return Ok(()) };
        let now = self.now();
        match session.get_value(SINCE_KEY) {
            Some(since) if is_too_old(&since, limit, now) => Err(Anonymous::TooOld),
            Some(_) => Ok(()),
            None => {
                session.set_value(SINCE_KEY, now.as_secs());
                Ok(())
            }
        }
    }

    /// The configured back end with this path.
    #[must_use]
    pub fn backend_by_path(&self, path: &str) -> Option<&BackendKind> {
        self.backends().iter().find(|b| b.path() == path)
    }

    /// Compares the session's hash with the user's password, under every secret key (A71, A73).
    async fn verify_session_hash(&self, session: &Session, user: &User) -> Result<Result<(), Anonymous>, AuthError> {
        let stored = session.get_value(HASH_KEY);
        let Some(stored) = stored.filter(Value::is_truthy) else { return Ok(Err(Anonymous::HashMissing)) };
        // Whatever is no text matches no hash.
        let stored = stored.as_str().unwrap_or("");
        match self.auth_hash_keys().verify(&user.password, stored) {
            AuthHashMatch::Current => Ok(Ok(())),
            AuthHashMatch::Fallback(_) => {
                session.cycle_key().await?;
                session.set_value(HASH_KEY, self.session_auth_hash(user));
                Ok(Ok(()))
            }
            AuthHashMatch::Mismatch => Ok(Err(Anonymous::HashMismatch)),
        }
    }
}

/// Whether a log-in at `since` is over. What is no moment is: only a forged session has such.
pub(crate) fn is_too_old(since: &Value, limit: Duration, now: Timestamp) -> bool {
    let limit = i64::try_from(limit.as_secs()).unwrap_or(i64::MAX);
    match since {
        Value::Int(since) => now.as_secs().saturating_sub(*since) >= limit,
        _ => true,
    }
}

/// What `_auth_user_id` names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum UserKey {
    /// A key that a row may have.
    Id(UserId),
    /// A number beyond every row's, or nothing at all.
    None,
}

/// Reads `_auth_user_id` as Django's `to_python` of the key's field does (A70): an integer key is whatever Python's `int()`
/// takes, a UUID what its `UUID()` does.
pub(crate) fn user_key(value: &Value, kind: KeyKind) -> Result<UserKey, AuthError> {
    match kind {
        KeyKind::Uuid => uuid_key(value),
        KeyKind::Text => text_key(value),
        _ => int_key(value),
    }
}

fn uuid_key(value: &Value) -> Result<UserKey, AuthError> {
    match value {
        Value::None | Value::Int(_) | Value::BigInt(_) => Ok(UserKey::None),
        Value::Str(text) => {
            let id = text.as_str().and_then(UserId::parse_uuid);
            id.map(UserKey::Id).ok_or(AuthError::BadUserId)
        }
        _ => Err(AuthError::BadUserId),
    }
}

fn text_key(value: &Value) -> Result<UserKey, AuthError> {
    match value {
        Value::None => Ok(UserKey::None),
        Value::Int(n) => Ok(UserKey::Id(UserId::Text(n.to_string().into()))),
        Value::Str(text) => Ok(text.as_str().map_or(UserKey::None, |t| UserKey::Id(UserId::Text(t.into())))),
        _ => Err(AuthError::BadUserId),
    }
}

fn int_key(value: &Value) -> Result<UserKey, AuthError> {
    let from_i64 = |n: Option<i64>| n.map_or(UserKey::None, |n| UserKey::Id(n.into()));
    match value {
        Value::None | Value::BigInt(_) => Ok(UserKey::None),
        Value::Bool(b) => Ok(UserKey::Id(i64::from(*b).into())),
        Value::Int(n) => Ok(UserKey::Id((*n).into())),
        Value::Float(f) if f.is_finite() => {
            let whole = f.trunc();
            // 2^63 is the first float beyond an i64.
            let fits = (-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0).contains(&whole);
            Ok(from_i64(fits.then_some(whole as i64)))
        }
        Value::Str(text) => match text.as_str().and_then(|t| PyInt::parse(t, 10)) {
            Some(n) => Ok(from_i64(n.to_i64())),
            None => Err(AuthError::BadUserId),
        },
        _ => Err(AuthError::BadUserId),
    }
}
