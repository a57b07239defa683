//! A user's own sessions: the list of them, for ending those that are not wanted (S10).

use cloakroom_core::auth_hash::{self, AuthHashMatch};
use cloakroom_core::clock::Timestamp;
use cloakroom_core::keys::SessionKey;
use cloakroom_core::models::User;
use cloakroom_core::secret::ct_eq;
use cloakroom_sessions::Sessions;

use crate::auth::Auth;
use crate::error::AuthError;
use crate::login::HASH_KEY;

/// A live session in which the user is signed in.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct OwnSession {
    /// Its key: for ending it, never to be shown (C03).
    pub key: SessionKey,
    /// When it expires.
    pub expire_date: Timestamp,
    /// Whether it is the one that asks.
    pub which: WhichSession,
}

impl OwnSession {
    /// The handle under which the session may be shown.
    #[must_use]
    pub fn public_id(&self) -> String {
        cloakroom_sessions::public_id(&self.key)
    }
}

/// Whether a session is the one that asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhichSession {
    /// It is.
    Current,
    /// It is another.
    Other,
}

impl Auth {
    /// The live sessions in which `user` is signed in, this one first, then in the order in which they expire. Those that
    /// a changed password ended are left out (A71). Engines that keep no list have none.
    ///
    /// # Errors
    ///
    /// When a store gives no answer.
    pub async fn own_sessions(
        &self,
        sessions: &Sessions,
        user: &User,
        current: Option<&SessionKey>,
    ) -> Result<Vec<OwnSession>, AuthError> {
        let mut own = Vec::new();
        for stored in sessions.for_user(&user.id).await? {
            let hash = stored.data.get(HASH_KEY).and_then(|hash| hash.as_str()).unwrap_or_default();
            if auth_hash::verify(self.secret_keys(), &user.password, hash) == AuthHashMatch::Mismatch {
                continue;
            }
            let is_current = current.is_some_and(|key| ct_eq(key.expose().as_bytes(), stored.key.expose().as_bytes()));
            let which = if is_current { WhichSession::Current } else { WhichSession::Other };
            own.push(OwnSession { key: stored.key, expire_date: stored.expire_date, which });
        }
        own.sort_by_cached_key(|s| (s.which == WhichSession::Other, s.expire_date, s.public_id()));
        Ok(own)
    }
}
