//! What is stored under a key, looked at without changing anything: for `cloakroom explain` and the developer panel (D12).

use std::fmt;
use std::sync::Arc;

use cloakroom_core::clock::Timestamp;
use cloakroom_core::codec::session::{Decoded, Problem};
use cloakroom_core::keys::SessionKey;
use cloakroom_core::value::Dict;

use crate::engine::AnyEngine;
use crate::error::SessionError;
use crate::sessions::Sessions;

/// What an engine has under a key.
#[derive(Clone, Debug)]
pub struct Examined {
    /// Where it was found, or looked for last, in words.
    pub place: &'static str,
    /// What is there.
    pub stored: Stored,
}

/// What is under a key.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Stored {
    /// The engine asks its store for no such key (S13, S57).
    NotAdmitted,
    /// Nothing: never made, or ended.
    Nothing,
    /// A session, live or expired.
    Session {
        /// When it ends or ended; `None` where the store does not tell.
        ends: Option<Timestamp>,
        /// Whether it lives still.
        state: Life,
        /// What is in it.
        contents: Contents,
    },
}

/// Whether a stored session may still be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Life {
    /// It may.
    Live,
    /// It is over its time (S45).
    Expired,
}

impl Life {
    pub(crate) const fn live_if(live: bool) -> Self {
        if live { Self::Live } else { Self::Expired }
    }
}

/// What is in a stored session.
#[derive(Clone)]
#[non_exhaustive]
pub enum Contents {
    /// Data.
    Data {
        /// The data.
        data: Arc<Dict>,
        /// The place of the secret key that verifies it in
        /// [`SecretKeys::iter`](cloakroom_core::secret::SecretKeys::iter); `None` where the store signs nothing.
        key: Option<usize>,
    },
    /// No secret key verifies it (S33).
    BadSignature,
    /// It is genuine and cannot be read; why, in words.
    Unreadable(String),
}

/// The data never prints.
impl fmt::Debug for Contents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Data { key, .. } => f.debug_struct("Data").field("key", key).finish_non_exhaustive(),
            Self::BadSignature => f.write_str("BadSignature"),
            Self::Unreadable(why) => f.debug_tuple("Unreadable").field(why).finish(),
        }
    }
}

impl Contents {
    pub(crate) fn of(decoded: Decoded, in_form: impl FnOnce(Dict) -> Dict) -> Self {
        match decoded.problem {
            None => Self::Data { data: Arc::new(in_form(decoded.data)), key: decoded.key },
            Some(Problem::BadSignature) => Self::BadSignature,
            Some(Problem::Unreadable(e)) => Self::Unreadable(e.to_string()),
            Some(Problem::Pickle(e)) => Self::Unreadable(format!("it is a pickle that is not read: {e}")),
            Some(_) => Self::Unreadable("it holds no dictionary".into()),
        }
    }

    pub(crate) const fn unsigned(data: Arc<Dict>) -> Self {
        Self::Data { data, key: None }
    }
}

impl Examined {
    pub(crate) const fn not_admitted(place: &'static str) -> Self {
        Self { place, stored: Stored::NotAdmitted }
    }

    pub(crate) const fn nothing(place: &'static str) -> Self {
        Self { place, stored: Stored::Nothing }
    }

    /// Whether a request would take this session.
    pub(crate) const fn is_live(&self) -> bool {
        matches!(self.stored, Stored::Session { state: Life::Live, .. })
    }
}

impl Sessions {
    /// Looks at what is stored under `key`, expired or damaged as it may be. Nothing is changed: no expired file is
    /// removed, no copy made, nothing moves from one engine to another.
    ///
    /// # Errors
    ///
    /// The store gave no answer, or the session's expiry cannot be understood.
    pub async fn examine(&self, key: &SessionKey) -> Result<Examined, SessionError> {
        Ok(self.engine().examine(key, self.now()).await?)
    }
}

impl AnyEngine {
    pub(crate) async fn examine(
        &self,
        key: &SessionKey,
        now: Timestamp,
    ) -> Result<Examined, crate::error::EngineError> {
        match self {
            Self::Db(engine) => engine.examine(key, now).await,
            Self::Cache(engine) => engine.examine(key, now).await,
            Self::CachedDb(engine) => engine.examine(key, now).await,
            Self::File(engine) => engine.examine(key, now).await,
            Self::SignedCookies(engine) => Ok(engine.examine(key, now)),
            Self::Moving(engine) => engine.examine(key, now).await,
        }
    }
}
