//! When the machinery fails: [`AuthError`].

use std::time::Duration;

use cloakroom_sessions::SessionError;

use crate::lane::Busy;

/// The machinery failed: nothing is known about the credentials or the user, and the answer is 503, or 500 where
/// [`is_servers_fault`](Self::is_servers_fault) says so. A refusal is never an error.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AuthError {
    /// The database gave no answer (F01).
    #[error("the database gave no answer")]
    Db(#[from] cloakroom_db::DbError),
    /// The session store gave no answer, or the session could not be written (F01).
    #[error("the session store gave no answer")]
    Session(#[from] SessionError),
    /// The lane is full: 503 with `Retry-After` (A16).
    #[error("no password can be hashed now")]
    Busy(#[from] Busy),
    /// The session names a user by what can be no key of the user table, where Django answers 500 (A70).
    #[error("the session's _auth_user_id is no key of the user table")]
    BadUserId,
    /// Several back ends are configured and none was chosen (A65).
    #[error("several authentication backends are configured: say which one signs the user in")]
    BackendAmbiguous,
    /// The password cannot be hashed with the preferred hasher.
    #[error("the password cannot be hashed")]
    Hash(#[from] cloakroom_core::hashers::HashError),
    /// A back end of the application's own failed.
    #[error("the authentication backend {path} failed")]
    Backend {
        /// The back end's path.
        path: String,
        /// What it said.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl AuthError {
    /// Whether trying again cannot help: a defect of set-up or data, answered 500 as in Django.
    #[must_use]
    pub const fn is_servers_fault(&self) -> bool {
        match self {
            Self::BadUserId | Self::BackendAmbiguous | Self::Hash(_) => true,
            Self::Session(SessionError::Engine(engine)) => !engine.is_unavailable(),
            _ => false,
        }
    }

    /// For `Retry-After`: when trying again may help; `None` where it cannot. A session that ended under the request is
    /// no reason to wait either: [`SessionError::Interrupted`] is a 400 (S66).
    #[must_use]
    pub const fn retry_after(&self) -> Option<Duration> {
        let ended = matches!(self, Self::Session(SessionError::Interrupted | SessionError::InvalidKey));
        if ended || self.is_servers_fault() { None } else { Some(Duration::from_secs(5)) }
    }
}

#[cfg(test)]
mod tests {
    use cloakroom_db::DbError;
    use cloakroom_sessions::EngineError;

    use super::*;

    /// D7, F01: a store that is down is worth another try; what is wrong in itself is not.
    #[test]
    fn only_outages_are_worth_another_try() {
        let later = [
            AuthError::Busy(Busy::Full { waiting: 1 }),
            AuthError::Db(DbError::Closed),
            AuthError::Session(SessionError::Engine(EngineError::Db(DbError::Closed))),
        ];
        assert!(later.iter().all(|e| e.retry_after().is_some() && !e.is_servers_fault()));
        assert!(AuthError::BadUserId.is_servers_fault() && AuthError::BadUserId.retry_after().is_none());
        let ended = AuthError::Session(SessionError::Interrupted);
        assert!(!ended.is_servers_fault() && ended.retry_after().is_none());
    }
}
