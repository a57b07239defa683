//! `django.contrib.sessions.backends.db`: rows of `django_session` (S45–S49).

use std::sync::Arc;

use cloakroom_core::clock::Timestamp;
use cloakroom_core::keys::SessionKey;
use cloakroom_core::near::{Stamp, Subject};
use cloakroom_core::reason::Anonymous;
use cloakroom_core::value::{Dict, Text, Value};
use cloakroom_db::sessions::{self, SessionRow, Swapped};
use cloakroom_db::{Database, Durability, Updated};

use crate::engine::{Base, Change, Created, Engine, Loaded, MAX_ATTEMPTS, Record, Saved, Version};
use crate::error::EngineError;
use crate::examine::{Examined, Life, Stored};
use crate::lifetime::Lifetime;
use crate::near::{End, Holds, JoinedUser, Keeping, NearSession, NearSessions};
use crate::text::TextCodec;

/// Sessions in the database: the default.
///
/// Text and expiry date are Django's; a save differs in one way: it merges what other requests stored since this one
/// loaded (D6), where Django writes the whole row (S46).
///
/// Sessions that were read are kept in memory, and used again as long as the database is known to have no other
/// ([`Database::freshness`]). Where nobody knows, each request asks, and a text that is as it was is not read anew.
#[derive(Clone, Debug)]
pub struct DbEngine {
    db: Database,
    codec: TextCodec,
    lifetime: Lifetime,
    near: Arc<NearSessions>,
}

impl DbEngine {
    /// How many bytes copies of sessions take at most, by default.
    pub const DEFAULT_NEAR_BYTES: u64 = 48 << 20;

    /// Keeps sessions in `db` for `age_secs` (`SESSION_COOKIE_AGE`) unless they say otherwise.
    #[must_use]
    pub fn new(db: Database, codec: TextCodec, age_secs: i64) -> Self {
        let near = Arc::new(NearSessions::new(Self::DEFAULT_NEAR_BYTES));
        Self { db, codec, lifetime: Lifetime::new(age_secs), near }
    }

    /// Sets how many bytes of memory copies of sessions may take; without any, each request asks the database.
    #[must_use]
    pub fn with_near_bytes(self, bytes: u64) -> Self {
        Self { near: Arc::new(NearSessions::new(bytes)), ..self }
    }

    /// How many bytes of memory copies of sessions take, as far as can be reckoned, and how many they are.
    #[must_use]
    pub fn near_use(&self) -> (u64, usize) {
        (self.near.bytes(), self.near.len())
    }

    /// The copy of a live session, if it is known to be what the database has.
    pub(crate) fn copy(&self, key: &SessionKey, now: Timestamp) -> Option<Arc<NearSession>> {
        let at = self.db.stamp()?;
        let near = self.near.get(key)?;
        near.holds(self.db.line(), Subject::Session(key), at, now).then_some(near)
    }

    /// The copy with its data read, for this one and those who come after.
    fn read_copy(&self, key: &SessionKey, near: &Arc<NearSession>) -> Arc<NearSession> {
        if near.data().is_some() {
            return Arc::clone(near);
        }
        let read = Arc::new(near.read().0);
        self.keep_read(key, &read);
        read
    }

    /// Keeps a copy of which more was read than of the one that is kept.
    pub(crate) fn keep_read(&self, key: &SessionKey, copy: &Arc<NearSession>) {
        self.near.renew(key, copy);
    }

    /// Keeps a copy of what was just written, if it reads as it was written: the next request need not ask for it.
    fn keep_written(&self, key: &SessionKey, record: &Record, end: Timestamp, written: Option<Stamp>) {
        let Some(read_at) = written.filter(|_| self.codec.is_lasting() && reads_as_written(&record.data)) else {
            return;
        };
        let near = NearSession::new(record, Some(Holds { read_at, end: End::At(end) }));
        if let Some(user) = self.near.get(key).as_ref().and_then(|before| before.user()) {
            near.saw(user);
        }
        self.near.put(key, &Arc::new(near));
    }

    pub(crate) const fn database(&self) -> &Database {
        &self.db
    }

    pub(crate) const fn codec(&self) -> &TextCodec {
        &self.codec
    }

    /// The live row under `key`, read.
    pub(crate) async fn find(
        &self,
        key: &SessionKey,
        now: Timestamp,
    ) -> Result<Option<(Record, Timestamp)>, EngineError> {
        if !key.may_be_stored() {
            return Ok(None);
        }
        let row = sessions::find(&self.db, key, now).await?;
        Ok(row.map(|row| (self.record(row.session_data), row.expire_date)))
    }

    /// Whether a row can have this key. Only a program that stores a session under the cookie's own text makes one that
    /// is longer than Django's keys, and only where the database lets it; no such key is ever loaded (S13).
    fn may_hold(&self, key: &SessionKey) -> bool {
        key.may_be_stored() || (self.db.ignores_lengths() && !key.expose().contains(char::is_control))
    }

    fn record(&self, text: Arc<str>) -> Record {
        let (data, damage) = self.codec.decode(&text);
        Record::new(data, Some(Version::Text(text)), damage)
    }

    fn row(&self, data: &Dict, now: Timestamp) -> Result<SessionRow, EngineError> {
        Ok(SessionRow {
            session_data: self.codec.encode(data, now)?.into(),
            expire_date: self.lifetime.date(data, now)?,
        })
    }

    /// What is stored now, live or expired, found by a swap that no text can match.
    async fn current(&self, key: &SessionKey, row: SessionRow) -> Result<Swapped, EngineError> {
        const NO_TEXT: &str = "\u{0}";
        Ok(sessions::update_if(&self.db, key, NO_TEXT, row, Durability::Normal).await?)
    }
}

impl DbEngine {
    pub(crate) async fn examine(&self, key: &SessionKey, now: Timestamp) -> Result<Examined, EngineError> {
        const PLACE: &str = "the table django_session";
        if !key.may_be_stored() {
            return Ok(Examined::not_admitted(PLACE));
        }
        // As of the beginning of time no row has expired.
        let Some(row) = sessions::find(&self.db, key, Timestamp::UNIX_EPOCH).await? else {
            return Ok(Examined::nothing(PLACE));
        };
        let stored = Stored::Session {
            ends: Some(row.expire_date),
            state: Life::live_if(row.expire_date > now),
            contents: self.codec.examine(&row.session_data),
        };
        Ok(Examined { place: PLACE, stored })
    }

    /// As [`Engine::clear_expired`]; `progress` is told how many rows so far.
    pub(crate) async fn clear_expired_telling(
        &self,
        now: Timestamp,
        progress: &mut (dyn FnMut(u64) + Send),
    ) -> Result<u64, EngineError> {
        Ok(sessions::clear_expired(&self.db, now, progress).await?)
    }
}

impl Engine for DbEngine {
    async fn load(&self, key: &SessionKey, now: Timestamp) -> Result<Loaded, EngineError> {
        if !key.may_be_stored() {
            return Ok(Loaded::Absent(Anonymous::KeyMalformed));
        }
        // Before the question: what is changed while it is asked must not be kept as it was.
        let (read_at, ticket) = (self.db.line().stamp(), self.db.stamp());
        let near = self.near.get(key);
        if let (Some(near), Some(at)) = (&near, ticket)
            && near.holds(self.db.line(), Subject::Session(key), at, now)
            && let Some(record) = self.read_copy(key, near).record()
        {
            return Ok(Loaded::Live(record));
        }
        let (row, joined) = match near.as_ref().and_then(|near| near.user()) {
            Some(guess) => {
                let keeping = if ticket.is_some() { Keeping::Line } else { Keeping::Request };
                let joined = |user| JoinedUser { id: guess.clone(), user, read_at: ticket.unwrap_or(read_at), keeping };
                match sessions::find_with_user(&self.db, key, now, guess).await? {
                    Some((row, user)) => (Some(row), Some(joined(user.map(Arc::new)))),
                    None => (None, None),
                }
            }
            None => (sessions::find(&self.db, key, now).await?, None),
        };
        let Some(row) = row else {
            if near.is_some() {
                self.near.remove(key);
            }
            return Ok(Loaded::Absent(Anonymous::NoSession));
        };
        let before = near.and_then(|near| near.read_before(&row.session_data));
        let is_as_before = before.is_some();
        let mut record = before.unwrap_or_else(|| self.record(row.session_data));
        if !is_as_before || ticket.is_some() {
            let near = Arc::new(match ticket {
                _ if !self.codec.is_lasting() => NearSession::empty(),
                Some(read_at) => {
                    NearSession::of_text(&record, Holds { read_at, end: End::At(row.expire_date) }, &self.codec)
                }
                None => NearSession::new(&record, None),
            });
            self.near.put(key, &near);
            record.origin.near = Some(near);
        }
        record.origin.joined = joined;
        Ok(Loaded::Live(record))
    }

    async fn create(&self, key: &SessionKey, data: &Arc<Dict>, now: Timestamp) -> Result<Created, EngineError> {
        if !self.may_hold(key) {
            return Ok(Created::Taken);
        }
        let row = self.row(data, now)?;
        let version = Version::Text(Arc::clone(&row.session_data));
        Ok(created(sessions::create(&self.db, key, row, Durability::Normal).await?, version))
    }

    async fn update(&self, key: &SessionKey, change: Change<'_>, now: Timestamp) -> Result<Saved, EngineError> {
        if !self.may_hold(key) {
            return Ok(Saved::Gone);
        }
        let mut data = (change.make)(None);
        let mut row = self.row(&data, now)?;
        let mut end = row.expire_date;
        let mut text = Arc::clone(&row.session_data);
        let (mut swapped, mut written) = match &change.base {
            // What is rare is in boxes: whoever saves keeps no room for it.
            Base::Nothing => match Box::pin(sessions::update(&self.db, key, row, Durability::Normal)).await? {
                Updated::Yes => (Swapped::Yes, None),
                _ => (Swapped::Gone, None),
            },
            Base::Version(Version::Text(base)) => {
                sessions::update_if_stamped(&self.db, key, base, row, Durability::Normal).await?
            }
            Base::Version(Version::Cached(_)) | Base::Unknown => {
                match Box::pin(sessions::find(&self.db, key, now)).await? {
                    Some(found) => (Swapped::Changed(found), None),
                    None => (Box::pin(self.current(key, row)).await?, None),
                }
            }
        };
        for _ in 0..MAX_ATTEMPTS {
            let stored = match swapped {
                Swapped::Yes => {
                    let record = Record::new(data, Some(Version::Text(text)), None);
                    self.keep_written(key, &record, end, written);
                    return Ok(Saved::Yes(record));
                }
                Swapped::Changed(stored) => stored.session_data,
                _ => return Ok(Saved::Gone),
            };
            // A row that cannot be read has nothing to merge with (S33).
            data = match self.codec.decode(&stored) {
                (theirs, None) => (change.make)(Some(&theirs)),
                (_, Some(_)) => (change.make)(None),
            };
            row = self.row(&data, now)?;
            (end, text) = (row.expire_date, Arc::clone(&row.session_data));
            let again = sessions::update_if_stamped(&self.db, key, &stored, row, Durability::Normal);
            (swapped, written) = Box::pin(again).await?;
        }
        Err(EngineError::Contended { attempts: MAX_ATTEMPTS })
    }

    /// In one transaction, and proof against a power cut: this is a log-in.
    async fn cycle(
        &self,
        old: &SessionKey,
        new: &SessionKey,
        data: &Arc<Dict>,
        now: Timestamp,
    ) -> Result<Created, EngineError> {
        let row = self.row(data, now)?;
        let version = Version::Text(Arc::clone(&row.session_data));
        Ok(created(sessions::cycle(&self.db, old, new, row, Durability::Full).await?, version))
    }

    async fn delete(&self, key: &SessionKey) -> Result<(), EngineError> {
        if self.may_hold(key) {
            sessions::delete(&self.db, key, Durability::Full).await?;
        }
        Ok(())
    }

    async fn exists(&self, key: &SessionKey, _: Timestamp) -> Result<bool, EngineError> {
        Ok(self.may_hold(key) && sessions::exists(&self.db, key).await?)
    }

    async fn clear_expired(&self, now: Timestamp) -> Result<u64, EngineError> {
        Ok(sessions::clear_expired(&self.db, now, &mut |_| {}).await?)
    }
}

/// Whether both serializers give back what they were given. Of a tuple, say, JSON makes a list.
fn reads_as_written(data: &Dict) -> bool {
    fn plain(value: &Value) -> bool {
        match value {
            Value::None | Value::Bool(_) | Value::Int(_) => true,
            Value::Float(number) => number.is_finite(),
            Value::Str(text) => matches!(text, Text::Utf8(_)),
            Value::List(items) => items.iter().all(plain),
            Value::Dict(data) => reads_as_written(data),
            _ => false,
        }
    }
    data.iter().all(|(key, value)| matches!(key, Text::Utf8(_)) && plain(value))
}

fn created(created: sessions::Created, version: Version) -> Created {
    match created {
        sessions::Created::Yes => Created::Yes(Some(version)),
        _ => Created::Taken,
    }
}
