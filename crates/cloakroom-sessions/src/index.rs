//! A user's sessions: what the list of one's own sessions, and ending them, is made of (S09, S10 of the threat list).

use std::fmt;
use std::fmt::Write as _;
use std::sync::Arc;

use cloakroom_core::clock::Timestamp;
use cloakroom_core::keys::{SessionKey, UserId};
use cloakroom_core::value::Dict;
use cloakroom_db::sessions;
use sha2::{Digest, Sha256};

use crate::engine::AnyEngine;
use crate::error::{EngineError, SessionError};
use crate::sessions::Sessions;

/// Where the log-in keeps the user's id (A63).
const USER_ID_KEY: &str = "_auth_user_id";

/// How many rows are read at once.
const PAGE: usize = 500;

/// A stored live session.
#[derive(Clone)]
pub struct StoredSession {
    /// Its key: for ending it, never to be shown.
    pub key: SessionKey,
    /// Its data.
    pub data: Arc<Dict>,
    /// When it expires.
    pub expire_date: Timestamp,
}

impl StoredSession {
    /// The handle under which the session may be shown.
    #[must_use]
    pub fn public_id(&self) -> String {
        public_id(&self.key)
    }
}

/// Neither key nor data prints.
impl fmt::Debug for StoredSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoredSession").field("expire_date", &self.expire_date).finish_non_exhaustive()
    }
}

/// A handle of a session that opens nothing: the first 24 hex digits of a SHA-256 of its key.
///
/// ```
/// use cloakroom_core::keys::SessionKey;
///
/// let key = SessionKey::parse("abcdefgh").unwrap();
/// assert_eq!(cloakroom_sessions::public_id(&key), "da2bf548b6941df298cb3ae8");
/// ```
#[must_use]
pub fn public_id(key: &SessionKey) -> String {
    let hash = Sha256::new().chain_update(b"session-id:").chain_update(key.expose()).finalize();
    hash.iter().take(12).fold(String::with_capacity(24), |mut id, byte| {
        // Writing to a String cannot fail.
        let _ = write!(id, "{byte:02x}");
        id
    })
}

impl Sessions {
    /// The live sessions in which `user` is signed in, in the order of their keys. Whether their auth hash still holds
    /// is the caller's to ask.
    ///
    /// Reads every live row, as Django has no index of them. Engines other than `db` and `cached_db` cannot list
    /// sessions, and answer with none.
    ///
    /// # Errors
    ///
    /// The store failed.
    pub async fn for_user(&self, user: &UserId) -> Result<Vec<StoredSession>, SessionError> {
        let db = match self.engine() {
            AnyEngine::Db(engine) => engine,
            AnyEngine::CachedDb(engine) => engine.db(),
            _ => return Ok(Vec::new()),
        };
        let id = user.to_string();
        let now = self.now();
        let mut found = Vec::new();
        let mut after: Option<SessionKey> = None;
        loop {
            let rows =
                sessions::list_live(db.database(), now, after.as_ref(), PAGE).await.map_err(EngineError::from)?;
            let full = rows.len() == PAGE;
            after = rows.last().map(|(key, _)| key.clone());
            for (key, row) in rows {
                let (data, _) = db.codec().decode(&row.session_data);
                if data.get(USER_ID_KEY).and_then(|v| v.as_str()) == Some(&*id) {
                    found.push(StoredSession { key, data, expire_date: row.expire_date });
                }
            }
            if !full {
                return Ok(found);
            }
        }
    }
}
