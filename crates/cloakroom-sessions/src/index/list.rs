//! The sessions of a user, of everybody, or one by its handle.

use std::fmt;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use cloakroom_core::clock::Timestamp;
use cloakroom_core::keys::{SessionKey, UserId};
use cloakroom_core::value::Dict;
use cloakroom_db::session_index::{self, Entry, Note};
use cloakroom_db::{DbError, sessions};

use super::{SessionIndex, seal};
use crate::engine::{AnyEngine, Engine as _, Loaded};
use crate::engines::DbEngine;
use crate::error::{EngineError, SessionError};
use crate::sessions::Sessions;

/// Where the log-in keeps the user's id (A63).
const USER_ID_KEY: &str = "_auth_user_id";

/// How many rows are read at once.
pub(super) const PAGE: usize = 500;

/// How long a session of nobody is not looked at again.
const STRANGERS_FOR: Duration = Duration::from_secs(10);

/// A stored live session.
#[derive(Clone)]
pub struct StoredSession {
    /// Its key: for ending it, never to be shown.
    pub key: SessionKey,
    /// Its data.
    pub data: Arc<Dict>,
    /// When it expires. Engines that keep no such date say when it did at its last save that was noted.
    pub expire_date: Timestamp,
    /// What the index knows of its use.
    pub visit: Option<Visit>,
}

/// What the index knows of a session's use.
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Visit {
    /// When it was first seen here.
    pub first_seen: Timestamp,
    /// When it was last seen, give or take [`SessionIndex::INTERVAL`].
    pub last_seen: Timestamp,
    /// From where it was last used; may be empty.
    pub address: String,
    /// What it was last used with; may be empty.
    pub user_agent: String,
}

impl StoredSession {
    /// The handle under which the session may be shown.
    #[must_use]
    pub fn public_id(&self) -> String {
        public_id(&self.key)
    }

    /// Whose it is, as it says itself.
    #[must_use]
    pub fn user_id(&self) -> Option<&str> {
        self.data.get(USER_ID_KEY).and_then(|v| v.as_str())
    }
}

/// Neither key nor data prints.
impl fmt::Debug for StoredSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoredSession").field("expire_date", &self.expire_date).finish_non_exhaustive()
    }
}

/// Nor whereabouts.
impl fmt::Debug for Visit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Visit").field("last_seen", &self.last_seen).finish_non_exhaustive()
    }
}

/// A handle of a session that opens nothing: the first 24 hex digits of a SHA-256 of its key.
///
/// A key has 165 random bits, so its hash needs no secret to be safe, and it stays the same when `SECRET_KEY` changes.
///
/// ```
/// use cloakroom_core::keys::SessionKey;
///
/// let key = SessionKey::parse("abcdefgh").unwrap();
/// assert_eq!(cloakroom_sessions::public_id(&key), "da2bf548b6941df298cb3ae8");
/// ```
#[must_use]
pub fn public_id(key: &SessionKey) -> String {
    seal::handle(key).iter().fold(String::with_capacity(24), |mut id, byte| {
        // Writing to a String cannot fail.
        let _ = write!(id, "{byte:02x}");
        id
    })
}

impl Sessions {
    /// The live sessions in which `user` is signed in, in no particular order. Whether their auth hash still holds is the
    /// caller's to ask.
    ///
    /// With an [index](Self::index) this reads the user's sessions alone, on every engine with a server side. Without, or
    /// before that is [filled](Self::backfill), it reads every live row of `db` and `cached_db`, as Django must; other
    /// engines have no such list then.
    ///
    /// # Errors
    ///
    /// The store failed.
    pub async fn for_user(&self, user: &UserId) -> Result<Vec<StoredSession>, SessionError> {
        let id = user.to_string();
        match self.ready_index().await? {
            Ready::Yes(index) => {
                if let Some(db) = self.engine().on_db() {
                    self.catch_up(index, db).await?;
                }
                self.by_entries(index, self.entries_of(index, &id).await?, |session| session.user_id() == Some(&id))
                    .await
            }
            Ready::NotFilled(index, db) => {
                let entries = self.entries_of(index, &id).await?;
                self.scan(db, usize::MAX, |session| session.user_id() == Some(&id), &entries).await
            }
            Ready::No(Some(db)) => self.scan(db, usize::MAX, |session| session.user_id() == Some(&id), &[]).await,
            Ready::No(None) => Ok(Vec::new()),
        }
    }

    /// Up to `limit` live sessions in which anybody is signed in; with an index those that end last.
    ///
    /// # Errors
    ///
    /// The store failed.
    pub async fn signed_in(&self, limit: u32) -> Result<Vec<StoredSession>, SessionError> {
        let any = |session: &StoredSession| session.user_id().is_some();
        match self.ready_index().await? {
            Ready::Yes(index) => {
                if let Some(db) = self.engine().on_db() {
                    self.catch_up(index, db).await?;
                }
                let entries = session_index::latest(index.db(), limit).await.map_err(EngineError::from)?;
                self.by_entries(index, entries, any).await
            }
            Ready::NotFilled(_, db) | Ready::No(Some(db)) => self.scan(db, limit as usize, any, &[]).await,
            Ready::No(None) => Ok(Vec::new()),
        }
    }

    /// The live session with this handle, if it can be found: in the index, or without one by reading every row.
    ///
    /// # Errors
    ///
    /// The store failed.
    pub async fn by_public_id(&self, handle: &str) -> Result<Option<StoredSession>, SessionError> {
        let is_it = |session: &StoredSession| session.public_id() == handle;
        let (index, db) = match self.ready_index().await? {
            Ready::Yes(index) => {
                if let Some(db) = self.engine().on_db() {
                    self.catch_up(index, db).await?;
                }
                (Some(index), None)
            }
            Ready::NotFilled(index, db) => (Some(index), Some(db)),
            Ready::No(db) => (None, db),
        };
        if let Some(index) = index {
            let entry = session_index::find(index.db(), handle).await.map_err(EngineError::from)?;
            let found = self.by_entries(index, entry.into_iter().collect(), is_it).await?;
            if let Some(session) = found.into_iter().next() {
                return Ok(Some(session));
            }
        }
        match db {
            Some(db) => Ok(self.scan(db, 1, is_it, &[]).await?.into_iter().next()),
            None => Ok(None),
        }
    }

    /// The live session under this key.
    ///
    /// # Errors
    ///
    /// The store failed.
    pub async fn by_key(&self, key: &SessionKey) -> Result<Option<StoredSession>, SessionError> {
        let entry = match self.ready_index().await? {
            Ready::Yes(index) | Ready::NotFilled(index, _) => {
                session_index::find(index.db(), &public_id(key)).await.map_err(EngineError::from)?
            }
            Ready::No(_) => None,
        };
        let at_most = self.now().plus_secs(self.config().age_secs);
        self.look_up(key.clone(), entry.as_ref().map_or(at_most, |e| e.expire_date), entry.as_ref()).await
    }

    /// The index, if its table is there, with all that was noted written.
    pub(super) async fn ready_index(&self) -> Result<Ready<'_>, SessionError> {
        let db = self.engine().on_db();
        let Some(index) = self.index() else { return Ok(Ready::No(db)) };
        let there = match index.flush().await {
            Ok(()) => session_index::find(index.db(), "").await.map(drop),
            failed => failed,
        };
        match there {
            Ok(()) => {}
            Err(DbError::NotMigrated { .. }) => return Ok(Ready::No(db)),
            Err(e) => return Err(EngineError::from(e).into()),
        }
        Ok(match db {
            Some(db) if !index.is_filled().await? => Ready::NotFilled(index, db),
            _ => Ready::Yes(index),
        })
    }

    async fn entries_of(&self, index: &SessionIndex, user_id: &str) -> Result<Vec<Entry>, SessionError> {
        Ok(session_index::for_user(index.db(), user_id).await.map_err(EngineError::from)?)
    }

    /// Enters those of the newest sessions that the index does not know: Django has made them, or another version.
    async fn catch_up(&self, index: &SessionIndex, db: &DbEngine) -> Result<(), SessionError> {
        let now = self.now();
        let keys = sessions::newest(db.database(), now, SessionIndex::CATCH_UP).await.map_err(EngineError::from)?;
        let handles: Vec<String> = keys.iter().map(public_id).collect();
        let known = session_index::known(index.db(), &handles).await.map_err(EngineError::from)?;
        let unknown = keys.into_iter().zip(handles).filter(|(_, handle)| !known.contains(handle));
        let mut found = Vec::new();
        for (key, _) in unknown {
            if index.0.strangers.is_due(&key, now, None, STRANGERS_FOR)
                && let Some(session) = self.look_up(key, now, None).await?
            {
                found.extend(self.found(index, &session));
            }
        }
        if !found.is_empty() {
            session_index::apply(index.db(), found).await.map_err(EngineError::from)?;
        }
        Ok(())
    }

    /// The note for a session that was found in the store. As far as its end tells, it was last saved one age before.
    pub(super) fn found(&self, index: &SessionIndex, session: &StoredSession) -> Option<Note> {
        let saved = session.expire_date.plus_secs(-self.config().age_secs).min(self.now());
        index.entry(&session.key, session.user_id()?.to_owned(), saved, session.expire_date).map(Note::Found)
    }

    /// Those sessions of the entries that live. The entries of others leave the index.
    async fn by_entries(
        &self,
        index: &SessionIndex,
        entries: Vec<Entry>,
        wanted: impl Fn(&StoredSession) -> bool,
    ) -> Result<Vec<StoredSession>, SessionError> {
        let mut live = Vec::with_capacity(entries.len());
        for entry in entries {
            let session = match index.0.seal.open(&entry.handle, &entry.sealed_key) {
                Some(key) => self.look_up(key, entry.expire_date, Some(&entry)).await?,
                None => None,
            };
            match session {
                Some(session) if wanted(&session) => live.push(session),
                Some(_) => {}
                None => index.note(Note::Gone { handle: entry.handle }),
            }
        }
        Ok(live)
    }

    /// What the store has under a key. `end` is for engines that do not say when a session ends.
    pub(super) async fn look_up(
        &self,
        key: SessionKey,
        end: Timestamp,
        entry: Option<&Entry>,
    ) -> Result<Option<StoredSession>, SessionError> {
        let now = self.now();
        if !self.engine().admits(&key) {
            return Ok(None);
        }
        let found = match self.engine().on_db() {
            Some(db) => match db.find(&key, now).await {
                // One row that cannot be read must not hide the others.
                Err(EngineError::Db(e @ DbError::Corrupt { .. })) => {
                    tracing::warn!(
                        error = &e as &(dyn std::error::Error + 'static),
                        "a session was left out of a list"
                    );
                    None
                }
                found => found?,
            },
            None => None,
        };
        // While a site moves, a session may be where it was before still.
        let found = match (found, self.engine()) {
            (None, engine) if engine.on_db().is_none() || matches!(engine, AnyEngine::Moving(_)) => {
                match engine.load(&key, now).await? {
                    Loaded::Live(record) => Some((record, end)),
                    _ => None,
                }
            }
            (found, _) => found,
        };
        Ok(found.map(|(record, expire_date)| StoredSession {
            key,
            data: record.data,
            expire_date,
            visit: entry.map(Visit::of),
        }))
    }

    /// Reads every live row until `limit` are found.
    async fn scan(
        &self,
        db: &DbEngine,
        limit: usize,
        wanted: impl Fn(&StoredSession) -> bool,
        entries: &[Entry],
    ) -> Result<Vec<StoredSession>, SessionError> {
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
                let mut session = StoredSession { key, data, expire_date: row.expire_date, visit: None };
                if wanted(&session) {
                    let handle = session.public_id();
                    session.visit = entries.iter().find(|e| e.handle == handle).map(Visit::of);
                    found.push(session);
                }
            }
            if !full || found.len() >= limit {
                found.truncate(limit);
                return Ok(found);
            }
        }
    }
}

/// Whether the index can be asked.
pub(super) enum Ready<'a> {
    /// It can.
    Yes(&'a SessionIndex),
    /// It lacks sessions that were there before it; this database has them.
    NotFilled(&'a SessionIndex, &'a DbEngine),
    /// It cannot; the database, if sessions are there, can be read instead.
    No(Option<&'a DbEngine>),
}

impl Visit {
    fn of(entry: &Entry) -> Self {
        Self {
            first_seen: entry.first_seen,
            last_seen: entry.last_seen,
            address: entry.address.clone(),
            user_agent: entry.user_agent.clone(),
        }
    }
}

impl AnyEngine {
    /// The rows behind the engine, if sessions are rows.
    pub(crate) fn on_db(&self) -> Option<&DbEngine> {
        match self.current() {
            Self::Db(engine) => Some(engine),
            Self::CachedDb(engine) => Some(engine.db()),
            _ => None,
        }
    }
}
