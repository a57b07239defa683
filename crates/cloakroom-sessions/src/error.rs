//! Why a session could not be read or kept.

use std::io;

use cloakroom_cache::CacheError;
use cloakroom_core::codec::json::EncodeError;
use cloakroom_core::codec::pickle::PickleWriteError;
use cloakroom_core::expiry::ExpiryError;
use cloakroom_db::DbError;

/// An engine gave no answer. "Not there" is never one of these (D7).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// The database failed.
    #[error("the table of sessions does not answer")]
    Db(#[from] DbError),
    /// The cache failed.
    #[error("the cache of sessions does not answer")]
    Cache(#[from] CacheError),
    /// The folder of session files failed.
    #[error("a session file could not be {action}")]
    File {
        /// What was tried.
        action: &'static str,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// Other requests changed the session each time that this one tried to save it. Nothing was changed.
    #[error("the session was changed by others {attempts} times while it was being saved")]
    Contended {
        /// How often it was tried.
        attempts: u32,
    },
    /// So many new keys were taken that the store must be lying (S51).
    #[error("no free session key was found")]
    KeysTaken,
    /// The stored `_session_expiry` is no expiry (S25, S26). Django answers 500.
    #[error("the session's expiry cannot be understood")]
    Expiry(#[from] ExpiryError),
    /// The data has no stored form.
    #[error("the session's data cannot be written")]
    Encode(#[from] EncodeError),
    /// The data has no pickled form.
    #[error("the session's data cannot be pickled")]
    Pickle(#[from] PickleWriteError),
}

impl EngineError {
    /// Whether the store is at fault, so that the answer is 503; otherwise the data is, and the answer is 500.
    #[must_use]
    pub const fn is_unavailable(&self) -> bool {
        match self {
            Self::Expiry(_) | Self::Encode(_) | Self::Pickle(_) => false,
            Self::Cache(e) => e.is_unavailable(),
            _ => true,
        }
    }
}

/// Why an operation on a session did not happen.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SessionError {
    /// The session ended while the request ran, by a log-out in another tab perhaps: 400 (S66, Django's
    /// `SessionInterrupted`, and `UpdateError` where user code saves).
    #[error("the request's session was deleted before the request completed")]
    Interrupted,
    /// The cookie's key cannot name a file, and the engine was asked for it unread: 400 (S57, `InvalidSessionKey`).
    #[error("the session key has characters that the engine does not allow")]
    InvalidKey,
    /// The store failed, or the data cannot be stored: 503, or 500 ([`EngineError::is_unavailable`]). The cookie stays.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

/// A value that is not of the form that was asked for, or has no form to be stored in.
#[derive(Debug, thiserror::Error)]
#[error("the session's value has another form")]
pub struct ValueError(#[source] pub(crate) serde_json::Error);
