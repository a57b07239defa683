//! Filling the index from the store, sweeping it, and ending everything.

use std::sync::atomic::Ordering;

use cloakroom_core::clock::Timestamp;
use cloakroom_core::keys::SessionKey;
use cloakroom_db::session_index::{self, Note};
use cloakroom_db::{DbError, sessions};

use super::list::{PAGE, Ready};
use super::{SessionIndex, StoredSession};
use crate::engine::AnyEngine;
use crate::engines::DbEngine;
use crate::error::{EngineError, SessionError};
use crate::sessions::Sessions;

/// Entries that are looked at together when the index is swept.
const SWEEP: u32 = 256;

/// Sessions that are ended together, so that their writes share a commit.
const END_TOGETHER: usize = 128;

/// How far a backfill is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Backfilled {
    /// Sessions looked at.
    pub sessions: u64,
    /// Those of them in which somebody is signed in: they are in the index now.
    pub signed_in: u64,
}

impl SessionIndex {
    /// Whether every session that was there before the index is in it.
    pub(super) async fn is_filled(&self) -> Result<bool, SessionError> {
        if self.0.filled.load(Ordering::Relaxed) {
            return Ok(true);
        }
        let filled = session_index::is_filled(self.db()).await.map_err(EngineError::from)?;
        self.0.filled.store(filled, Ordering::Relaxed);
        Ok(filled)
    }
}

impl Sessions {
    /// Enters every live session in which somebody is signed in, a page at a time. `progress` is told after each.
    ///
    /// For `db`, `cached_db` and `file`. A cache cannot be searched: its sessions are entered as they are used.
    ///
    /// # Errors
    ///
    /// The store failed. What was entered before stays.
    pub async fn backfill(&self, progress: &mut (dyn FnMut(Backfilled) + Send)) -> Result<Backfilled, SessionError> {
        let mut done = Backfilled::default();
        let (Ready::Yes(index) | Ready::NotFilled(index, _)) = self.ready_index().await? else {
            return Err(EngineError::from(DbError::NotMigrated { table: "cloakroom_session_index".to_owned() }).into());
        };
        let mut keys = match self.engine().current() {
            AnyEngine::File(engine) => engine.keys().await?,
            _ => Vec::new(),
        };
        let mut after = None;
        loop {
            let page = match self.engine().on_db() {
                Some(db) => self.page(db, &mut after).await?,
                None => {
                    let rest = keys.split_off(keys.len().min(PAGE));
                    let page = self.look_up_all(std::mem::replace(&mut keys, rest)).await?;
                    (page, keys.is_empty())
                }
            };
            let notes: Vec<Note> = page.0.iter().filter_map(|session| self.found(index, session)).collect();
            done.sessions += page.0.len() as u64;
            done.signed_in += notes.len() as u64;
            if !notes.is_empty() {
                session_index::apply(index.db(), notes).await.map_err(EngineError::from)?;
            }
            progress(done);
            if page.1 {
                break;
            }
        }
        session_index::mark_filled(index.db(), self.now()).await.map_err(EngineError::from)?;
        index.0.filled.store(true, Ordering::Relaxed);
        Ok(done)
    }

    /// Whether [`backfill`](Self::backfill) has something to do: there were sessions before there was the index.
    ///
    /// # Errors
    ///
    /// The store failed.
    pub async fn needs_backfill(&self) -> Result<bool, SessionError> {
        Ok(matches!(self.ready_index().await?, Ready::NotFilled(..)))
    }

    /// Writes what was noted of sessions in use; for the end of the process. Failures are only logged.
    pub async fn flush_index(&self) {
        let Some(index) = self.index() else { return };
        match index.flush().await {
            Ok(()) | Err(DbError::NotMigrated { .. } | DbError::Closed) => {}
            Err(e) => tracing::warn!(
                error = &e as &(dyn std::error::Error + 'static),
                "the index of sessions lacks what was noted last"
            ),
        }
    }

    /// Ends those that wait in older engines to be moved.
    async fn end_all_before(&self, progress: &mut (dyn FnMut(u64) + Send)) -> Result<u64, SessionError> {
        let AnyEngine::Moving(moving) = self.engine() else { return Ok(0) };
        let mut ended = 0;
        for engine in moving.older_engines() {
            let mut keys = match engine {
                AnyEngine::File(engine) => engine.keys().await?,
                _ => Vec::new(),
            };
            if let Some(db) = engine.on_db() {
                let (mut after, mut is_last) = (None, false);
                while !is_last {
                    let (page, last) = self.page(db, &mut after).await?;
                    keys.extend(page.into_iter().map(|session| session.key));
                    is_last = last;
                }
            }
            for some in keys.chunks(END_TOGETHER) {
                ended += self.end_together(some).await?;
                progress(ended);
            }
        }
        Ok(ended)
    }

    /// Ends every session that can be found: all rows or files, those of nobody included; of a cache those in the index.
    /// `progress` is told how many so far. Returns how many were ended.
    ///
    /// # Errors
    ///
    /// The store failed. What was ended before stays ended.
    pub async fn end_all(&self, progress: &mut (dyn FnMut(u64) + Send)) -> Result<u64, SessionError> {
        let mut ended = self.end_all_before(progress).await?;
        let mut keys = match self.engine().current() {
            AnyEngine::File(engine) => engine.keys().await?,
            _ => Vec::new(),
        };
        let (mut after, mut last) = (None, String::new());
        loop {
            let (page, is_last) = match (self.engine().on_db(), self.engine().current()) {
                (Some(db), _) => {
                    let (page, is_last) = self.page(db, &mut after).await?;
                    (page.into_iter().map(|session| session.key).collect(), is_last)
                }
                (None, AnyEngine::File(_)) => {
                    let rest = keys.split_off(keys.len().min(PAGE));
                    (std::mem::replace(&mut keys, rest), keys.is_empty())
                }
                (None, _) => self.indexed_keys(&mut last).await?,
            };
            for some in page.chunks(END_TOGETHER) {
                ended += self.end_together(some).await?;
                progress(ended);
            }
            if is_last {
                self.flush_index().await;
                return Ok(ended);
            }
        }
    }

    async fn end_together(&self, keys: &[SessionKey]) -> Result<u64, SessionError> {
        let mut tasks = tokio::task::JoinSet::new();
        for key in keys {
            let (this, key) = (self.clone(), key.clone());
            tasks.spawn(async move { this.end(&key).await });
        }
        let mut ended = 0;
        while let Some(done) = tasks.join_next().await {
            match done {
                Ok(result) => result?,
                Err(e) => return Err(EngineError::from(DbError::Unavailable { source: e.into() }).into()),
            }
            ended += 1;
        }
        Ok(ended)
    }

    /// Takes entries of ended sessions out of the index, and puts others' end right.
    pub(crate) async fn sweep_index(&self) -> Result<(), SessionError> {
        let (Ready::Yes(index) | Ready::NotFilled(index, _)) = self.ready_index().await? else { return Ok(()) };
        loop {
            let now = self.now();
            let entries = session_index::expired(index.db(), now, SWEEP).await.map_err(EngineError::from)?;
            let is_last = entries.len() < SWEEP as usize;
            let mut notes = Vec::with_capacity(entries.len());
            for entry in entries {
                let live = match index.0.seal.open(&entry.handle, &entry.sealed_key) {
                    Some(key) => {
                        let age = self.config().age_secs;
                        self.look_up(key, now.plus_secs(age.max(1)), None).await?
                    }
                    None => None,
                };
                notes.push(match live {
                    Some(session) => Note::Ends { handle: entry.handle, expire_date: session.expire_date },
                    None => Note::Gone { handle: entry.handle },
                });
            }
            if !notes.is_empty() {
                session_index::apply(index.db(), notes).await.map_err(EngineError::from)?;
            }
            if is_last {
                return Ok(());
            }
        }
    }

    /// A page of rows, and whether it was the last.
    async fn page(
        &self,
        db: &DbEngine,
        after: &mut Option<SessionKey>,
    ) -> Result<(Vec<StoredSession>, bool), SessionError> {
        let rows = sessions::list_live(db.database(), self.now(), after.as_ref(), PAGE).await;
        let rows = rows.map_err(EngineError::from)?;
        let is_last = rows.len() < PAGE;
        if let Some((key, _)) = rows.last() {
            *after = Some(key.clone());
        }
        let read = |(key, row): (SessionKey, sessions::SessionRow)| {
            let (data, _) = db.codec().decode(&row.session_data);
            StoredSession { key, data, expire_date: row.expire_date, visit: None }
        };
        Ok((rows.into_iter().map(read).collect(), is_last))
    }

    async fn look_up_all(&self, keys: Vec<SessionKey>) -> Result<Vec<StoredSession>, SessionError> {
        let mut found = Vec::with_capacity(keys.len());
        for key in keys {
            let mut session = self.look_up(key, Timestamp::MIN, None).await?;
            if let Some(session) = &mut session {
                let end = self.lifetime().date(&session.data, self.now());
                session.expire_date = end.unwrap_or_else(|_| self.now());
            }
            found.extend(session);
        }
        Ok(found)
    }

    /// The keys of a page of the index, and whether it was the last.
    async fn indexed_keys(&self, last: &mut String) -> Result<(Vec<SessionKey>, bool), SessionError> {
        let (Ready::Yes(index) | Ready::NotFilled(index, _)) = self.ready_index().await? else {
            return Ok((Vec::new(), true));
        };
        let entries = session_index::page(index.db(), last, SWEEP).await.map_err(EngineError::from)?;
        let is_last = entries.len() < SWEEP as usize;
        if let Some(entry) = entries.last() {
            last.clone_from(&entry.handle);
        }
        let keys = entries.iter().filter_map(|e| index.0.seal.open(&e.handle, &e.sealed_key)).collect();
        Ok((keys, is_last))
    }
}
