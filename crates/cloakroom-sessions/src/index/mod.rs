//! Whose sessions there are (D13; S09, S10 of the threat list).
//!
//! [`SessionIndex`] keeps a table beside the store of sessions, whatever that is. It is filled by use: a signed-in request
//! whose session was not noted for [`SessionIndex::INTERVAL`] leaves a note in memory, and once a second the notes are
//! written together, off every request's way. So sessions that Django made appear as soon as they come here; those of an
//! older database by [`Sessions::backfill`]. What the store of sessions says always wins: a listed session is looked up
//! there first, and what is gone leaves the index.
//!
//! - Without the table, `db` and `cached_db` list sessions by reading all of them, and other engines list none.
//! - `signed_cookies` keeps nothing that could be listed or ended.
//! - Where Django beside signs people in on the same database, a listing looks at the newest [`SessionIndex::CATCH_UP`] sessions by
//!   itself. One that is older and was never used here is listed after its first use here, or the next backfill.

mod fill;
mod list;
mod seal;
mod seen;

use std::fmt;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use cloakroom_core::clock::Timestamp;
use cloakroom_core::keys::{SessionKey, UserId};
use cloakroom_core::secret::SecretKeys;
use cloakroom_db::session_index::{self, End, Entry, Note};
use cloakroom_db::{Database, DbError};

pub use self::fill::Backfilled;
pub use self::list::{StoredSession, Visit, public_id};
use self::seal::KeySeal;
pub(crate) use self::seen::NotedAt;
use self::seen::Seen;
use crate::lazy::LazySession;
use crate::lifetime::Lifetime;
use crate::near::NearSession;
use crate::sessions::Sessions;

/// How long notes are collected.
const FLUSH_EVERY: Duration = Duration::from_secs(1);

/// Notes that share one transaction.
const FLUSH_NOTES: usize = 200;

/// Notes that may wait. One more is dropped, and the session is noted at its next use.
const MOST_PENDING: usize = 20_000;

/// The index of sessions. Clones share it.
#[derive(Clone)]
pub struct SessionIndex(Arc<Inner>);

struct Inner {
    db: Database,
    seal: KeySeal,
    seen: Seen,
    strangers: Seen,
    pending: Mutex<Vec<Note>>,
    flushing: tokio::sync::Mutex<()>,
    flusher: AtomicBool,
    filled: AtomicBool,
}

/// Where a request comes from, as the index keeps it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Visitor {
    /// The address.
    pub address: Option<IpAddr>,
    /// The `User-Agent`. The first 256 characters are kept.
    pub agent: Option<String>,
}

/// What a request did with its session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Usage {
    /// It was stored, so that its end is known.
    Saved,
    /// It was read.
    Read,
}

impl SessionIndex {
    /// How exactly the index knows when a session was last used: within this time a session is noted once.
    pub const INTERVAL: Duration = Duration::from_secs(300);

    /// How many of the newest sessions of a database a listing looks at, to find those that Django made.
    pub const CATCH_UP: u32 = 500;

    /// The index in the table of `db`, which may be missing, with session keys sealed under `keys`.
    #[must_use]
    pub fn new(db: Database, keys: &SecretKeys) -> Self {
        Self(Arc::new(Inner {
            db,
            seal: KeySeal::new(keys),
            seen: Seen::new(),
            strangers: Seen::new(),
            pending: Mutex::default(),
            flushing: tokio::sync::Mutex::default(),
            flusher: AtomicBool::new(false),
            filled: AtomicBool::new(false),
        }))
    }

    /// Writes what was noted so far. What cannot be written is noted again at the sessions' next use.
    ///
    /// # Errors
    ///
    /// Any [`DbError`]; [`DbError::NotMigrated`] where there is no table.
    pub async fn flush(&self) -> Result<(), DbError> {
        let _one_at_a_time = self.0.flushing.lock().await;
        let mut notes = std::mem::take(&mut *self.pending());
        while !notes.is_empty() {
            let rest = notes.split_off(notes.len().min(FLUSH_NOTES));
            if let Err(e) = session_index::apply(self.db(), notes).await {
                if !matches!(e, DbError::NotMigrated { .. }) {
                    self.0.seen.forget_all();
                }
                return Err(e);
            }
            notes = rest;
        }
        Ok(())
    }

    fn db(&self) -> &Database {
        &self.0.db
    }

    fn pending(&self) -> MutexGuard<'_, Vec<Note>> {
        self.0.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The session has ended.
    pub(crate) fn ended(&self, key: &SessionKey) {
        self.0.seen.forget(key);
        self.note(Note::Gone { handle: public_id(key) });
    }

    /// The session has another key.
    pub(crate) fn moved(&self, old: &SessionKey, new: &SessionKey) {
        self.0.seen.forget(old);
        if let Some(sealed_key) = self.0.seal.seal(new) {
            self.note(Note::Moved { old: public_id(old), new: public_id(new), sealed_key });
        }
    }

    fn note(&self, note: Note) {
        {
            let mut pending = self.pending();
            if pending.len() >= MOST_PENDING {
                return;
            }
            pending.push(note);
        }
        if self.0.flusher.swap(true, Ordering::AcqRel) {
            return;
        }
        let Ok(runtime) = tokio::runtime::Handle::try_current() else {
            self.0.flusher.store(false, Ordering::Release);
            return;
        };
        let this = self.clone();
        runtime.spawn(async move {
            tokio::time::sleep(FLUSH_EVERY).await;
            this.0.flusher.store(false, Ordering::Release);
            match this.flush().await {
                Ok(()) | Err(DbError::NotMigrated { .. } | DbError::Closed) => {}
                Err(e) => tracing::warn!(
                    error = &e as &(dyn std::error::Error + 'static),
                    "the index of sessions could not be written; it is tried again as they are used"
                ),
            }
        });
    }

    /// An entry for a session first seen `at`; `None` for one that the table cannot hold.
    fn entry(&self, key: &SessionKey, user_id: String, at: Timestamp, end: Timestamp) -> Option<Entry> {
        let sealed_key = self.0.seal.seal(key)?;
        if user_id.chars().count() > session_index::WIDTHS[0] || user_id.contains('\0') {
            return None;
        }
        Some(Entry {
            handle: public_id(key),
            user_id,
            sealed_key,
            first_seen: at,
            last_seen: at,
            expire_date: end,
            address: String::new(),
            user_agent: String::new(),
        })
    }
}

/// Neither sealed nor plain keys print.
impl fmt::Debug for SessionIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionIndex").field("db", self.db()).finish_non_exhaustive()
    }
}

impl Sessions {
    /// Has these sessions listed in `index`. Only the first call has an effect, and none where the cookie is the session.
    #[must_use]
    pub fn with_index(self, index: SessionIndex) -> Self {
        if !self.engine().keeps_data_in_cookie() {
            self.inner().index.get_or_init(|| index);
        }
        self
    }

    /// The index, if these sessions have one.
    #[must_use]
    pub fn index(&self) -> Option<&SessionIndex> {
        self.inner().index.get()
    }

    /// Notes that `user` used `session`, at the end of a request that knows it. Cheap: mostly it finds that it was noted
    /// lately, and it never waits. `visitor` is asked only if the note is made.
    pub fn used(&self, session: &LazySession, user: &UserId, usage: Usage, visitor: impl FnOnce() -> Visitor) {
        let Some(index) = self.index() else { return };
        let mut state = session.shared().state();
        let lately = |near: &Arc<NearSession>| {
            // When the copy was taken is late enough, and it is at hand.
            let at = state.copied_at().unwrap_or_else(|| self.now());
            index.0.seen.is_noted(near.noted(), at, SessionIndex::INTERVAL)
        };
        if usage == Usage::Read && state.near().is_some_and(lately) {
            return;
        }
        let now = self.now();
        let end = match usage {
            Usage::Read => None,
            Usage::Saved => state.data().and_then(|data| self.lifetime().date(data, now).ok()),
        };
        let Some(key) = &state.key else { return };
        let noted = state.near().map(|near| near.noted());
        if !index.0.seen.is_due_beside(noted, key, now, end, SessionIndex::INTERVAL) {
            return;
        }
        let key = key.clone();
        drop(state);
        let at_most = || now.plus_secs(self.config().age_secs);
        let Some(mut entry) = index.entry(&key, user.to_string(), now, end.unwrap_or_else(at_most)) else { return };
        let Visitor { address, agent } = visitor();
        entry.address = address.map(|a| a.to_canonical().to_string()).unwrap_or_default();
        entry.user_agent = agent.map(|agent| printable(&agent)).unwrap_or_default();
        index.note(Note::Seen(entry, if end.is_some() { End::Known } else { End::AtMost }));
    }

    pub(crate) fn lifetime(&self) -> Lifetime {
        Lifetime::new(self.config().age_secs)
    }
}

/// The first characters of a text from outside, without control characters.
fn printable(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(session_index::WIDTHS[3]).collect()
}
