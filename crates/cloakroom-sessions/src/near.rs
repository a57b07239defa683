//! [`NearSessions`]: copies of sessions in this process's memory (D5, S21).
//!
//! A copy is used while the [line](cloakroom_core::near::Line) of the store that it is of, a database's or a cache's, says that
//! it holds at this very moment, and as long as the session has neither ended nor been cleared away. So on SQLite nothing stale
//! is ever served, whoever changed it: see [`Freshness`](cloakroom_db::Freshness) for each kind of database.
//!
//! Beside the copy stands who was seen with the session. That is a guess for the next look at the database, which then gives
//! session and user in one statement; a wrong one costs a second statement and nothing else.

use std::any::Any;
use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use cloakroom_core::clock::Timestamp;
use cloakroom_core::keys::{SessionKey, UserId};
use cloakroom_core::models::User;
use cloakroom_core::near::{Line, Stamp, Subject};
use cloakroom_core::reason::Anonymous;
use cloakroom_core::value::{Dict, Text, Value};
use foldhash::quality::RandomState;
use quick_cache::sync::{Cache, DefaultLifecycle};
use quick_cache::{OptionsBuilder, Weighter};

use crate::engine::{Record, Version};

/// Copies of sessions. What was used least goes first when they are too large together.
pub(crate) struct NearSessions(Cache<SessionKey, Arc<NearSession>, Bytes, RandomState>);

/// A session as it was read, and what was found out about it.
pub(crate) struct NearSession {
    copy: Option<Copy>,
    bytes: usize,
    user: OnceLock<UserId>,
    kept: OnceLock<Arc<dyn Any + Send + Sync>>,
}

struct Copy {
    /// `None` where nothing tells how long it does: then it is the one read of a text, and no more.
    holds: Option<Holds>,
    data: Arc<Dict>,
    version: Option<Version>,
    damage: Option<Anonymous>,
}

/// How long a copy holds: until its store has another, and no longer than the session lives.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Holds {
    /// The store's history just before the session was read.
    pub(crate) read_at: Stamp,
    pub(crate) end: End,
}

/// When a session ends of itself.
#[derive(Clone, Copy, Debug)]
pub(crate) enum End {
    /// At this moment of the clock, and when it was cleared away as of a later one.
    At(Timestamp),
    /// By a clock that nobody sets; `None` is never.
    In(Option<Instant>),
}

/// A user who was read in the same statement as the session.
#[derive(Clone, Debug)]
pub struct JoinedUser {
    /// Who was looked for.
    pub id: UserId,
    /// The row, if there is one.
    pub user: Option<Arc<User>>,
    /// When it was read: to be believed in this request while [`Line::is_untouched`](cloakroom_core::near::Line::is_untouched).
    pub read_at: Stamp,
    /// Whether it may be kept for later requests, too.
    pub keeping: Keeping,
}

/// Whether what was read may be kept in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keeping {
    /// For this request alone.
    Request,
    /// For as long as the database's line says that it holds.
    Line,
}

/// Where a record comes from.
#[derive(Clone, Default)]
pub(crate) struct Origin {
    pub(crate) near: Option<Arc<NearSession>>,
    pub(crate) joined: Option<JoinedUser>,
}

/// What it holds may be private.
impl fmt::Debug for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Origin").field("near", &self.near.is_some()).finish_non_exhaustive()
    }
}

impl NearSessions {
    /// Copies of so many bytes together; none for zero.
    pub(crate) fn new(bytes: u64) -> Self {
        let items = usize::try_from(bytes / 1024).unwrap_or(usize::MAX).clamp(1, 1 << 24);
        let options = OptionsBuilder::new().estimated_items_capacity(items).weight_capacity(bytes).build();
        let options = options.expect("both capacities are given");
        Self(Cache::with_options(options, Bytes, RandomState::default(), DefaultLifecycle::default()))
    }

    pub(crate) fn get(&self, key: &SessionKey) -> Option<Arc<NearSession>> {
        self.0.get(key)
    }

    pub(crate) fn put(&self, key: &SessionKey, near: &Arc<NearSession>) {
        self.0.insert(key.clone(), Arc::clone(near));
    }

    pub(crate) fn remove(&self, key: &SessionKey) {
        self.0.remove(key);
    }

    /// How many bytes the copies take, as far as can be reckoned.
    pub(crate) fn bytes(&self) -> u64 {
        self.0.weight()
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}

impl fmt::Debug for NearSessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NearSessions").field("len", &self.len()).field("bytes", &self.bytes()).finish()
    }
}

impl NearSession {
    /// Takes a copy of what was read.
    pub(crate) fn new(record: &Record, holds: Option<Holds>) -> Self {
        let Record { data, version, damage, .. } = record;
        let bytes = OVERHEAD + version_bytes(version) + dict_bytes(data) + USER;
        let copy = Copy { holds, data: Arc::clone(data), version: version.clone(), damage: *damage };
        Self { copy: Some(copy), bytes, user: OnceLock::new(), kept: OnceLock::new() }
    }

    /// Takes none: there is but a place for the guess.
    pub(crate) const fn without_copy() -> Self {
        Self { copy: None, bytes: OVERHEAD, user: OnceLock::new(), kept: OnceLock::new() }
    }

    /// The copy of `subject`, if it is what the store of this line has at `at`, a stamp taken just now.
    pub(crate) fn record(
        self: &Arc<Self>,
        line: &Line,
        subject: Subject<'_>,
        at: Stamp,
        now: Timestamp,
    ) -> Option<Record> {
        let copy = self.copy.as_ref()?;
        let holds = copy.holds?;
        let lives = match holds.end {
            End::At(end) => end > now && line.is_kept(end),
            End::In(end) => end.is_none_or(|end| Instant::now() < end),
        };
        (lives && line.holds(holds.read_at, at, subject)).then(|| self.read_of(copy))
    }

    /// What was read of `text` before, if it was the text of this copy. Nothing is assumed of what the store has now: the text
    /// comes from there.
    pub(crate) fn read_before(self: &Arc<Self>, text: &str) -> Option<Record> {
        let copy = self.copy.as_ref()?;
        matches!(&copy.version, Some(Version::Text(before)) if **before == *text).then(|| self.read_of(copy))
    }

    fn read_of(self: &Arc<Self>, copy: &Copy) -> Record {
        Record {
            data: Arc::clone(&copy.data),
            version: copy.version.clone(),
            damage: copy.damage,
            origin: Origin { near: Some(Arc::clone(self)), joined: None },
        }
    }

    /// Who was seen with the session.
    pub(crate) fn user(&self) -> Option<&UserId> {
        self.user.get()
    }

    pub(crate) fn saw(&self, user: &UserId) {
        self.user.get_or_init(|| user.clone());
    }

    /// Whether `data` is the copy's, unchanged.
    pub(crate) fn is_of(&self, data: &Arc<Dict>) -> bool {
        self.copy.as_ref().is_some_and(|copy| Arc::ptr_eq(&copy.data, data))
    }

    pub(crate) fn kept<T: Any + Send + Sync>(&self) -> Option<Arc<T>> {
        self.kept.get().and_then(|kept| Arc::clone(kept).downcast().ok())
    }

    pub(crate) fn keep<T: Any + Send + Sync>(&self, value: Arc<T>) {
        self.kept.get_or_init(|| value);
    }
}

/// Weighs copies by the memory that they take.
#[derive(Clone, Copy, Debug)]
struct Bytes;

impl Weighter<SessionKey, Arc<NearSession>> for Bytes {
    fn weight(&self, key: &SessionKey, near: &Arc<NearSession>) -> u64 {
        // The key's characters and their reference counts, and a quarter of the table's free places.
        (key.expose().len() + 16 + near.bytes) as u64
    }
}

/// What a copy takes beside its text and data: itself, its place in the table, what the allocator adds.
const OVERHEAD: usize = size_of::<NearSession>() + 16 + 64;

/// What is kept with a session that names a user, beside the user, who is weighed elsewhere.
const USER: usize = 96;

fn version_bytes(version: &Option<Version>) -> usize {
    match version {
        Some(Version::Text(text)) => text.len(),
        Some(Version::Cached(stamp)) => stamp.weight(),
        None => 0,
    }
}

fn dict_bytes(dict: &Dict) -> usize {
    let entry = size_of::<(u64, Text, Value)>() + size_of::<usize>() * 2;
    let heap = |(key, value): (&Text, &Value)| text_bytes(key) + value_bytes(value);
    size_of::<Dict>() + dict.iter().map(|item| entry + heap(item)).sum::<usize>()
}

fn text_bytes(text: &Text) -> usize {
    // Allocators give out multiples of 16 bytes, with 8 of their own.
    let length = match text {
        Text::Utf8(text) => text.len(),
        Text::Surrogates(units) => units.len() * 2,
    };
    (length + 8).next_multiple_of(16)
}

fn value_bytes(value: &Value) -> usize {
    match value {
        Value::Str(text) => text_bytes(text),
        Value::BigInt(digits) => digits.len() + 16,
        Value::List(items) | Value::Tuple(items) => {
            items.iter().map(|item| size_of::<Value>() + value_bytes(item)).sum::<usize>() + 16
        }
        Value::Dict(dict) => dict_bytes(dict),
        Value::Map(items) => {
            let item = |(key, value): &(Value, Value)| 2 * size_of::<Value>() + value_bytes(key) + value_bytes(value);
            items.iter().map(item).sum::<usize>() + 16
        }
        // Rare, and small as a rule.
        Value::Object(_) => 256,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(bytes: usize) -> Record {
        let data: Dict = [(Text::from("a"), Value::from("x".repeat(bytes)))].into_iter().collect();
        Record::new(Arc::new(data), Some(Version::Text("y".repeat(bytes).into())), None)
    }

    /// U03: memory is bounded, whatever the sessions hold, and the table alone reserves nothing.
    #[test]
    fn copies_take_no_more_than_they_may() {
        const MOST: u64 = 1 << 20;
        let near = NearSessions::new(MOST);
        let line = Line::new();
        let holds = Holds { read_at: line.stamp(), end: End::At(Timestamp::from_secs(1)) };
        for n in 0..20_000 {
            let key = SessionKey::parse(&format!("{n:032}")).unwrap();
            let copy = NearSession::new(&record(n % 700), Some(holds));
            near.put(&key, &Arc::new(copy));
            assert!(near.bytes() <= MOST);
        }
        assert!(near.len() > 500, "{}", near.len());
        let large = NearSession::new(&record(2 << 20), Some(holds));
        near.put(&SessionKey::parse("too large").unwrap(), &Arc::new(large));
        assert!(near.bytes() <= MOST);
        assert!(NearSessions::new(0).get(&SessionKey::parse("any at all").unwrap()).is_none());
    }

    /// S21: a copy of which nobody says how long it holds is never a session; but its text need not be read twice.
    #[test]
    fn a_text_is_read_once() {
        let line = Line::new();
        let near = Arc::new(NearSession::new(&record(3), None));
        assert!(near.record(&line, Subject::Entry("a"), line.stamp(), Timestamp::UNIX_EPOCH).is_none());
        let again = near.read_before("yyy").unwrap();
        assert!(near.is_of(&again.data));
        assert!(near.read_before("yy").is_none() && near.read_before("yyyy").is_none());
        assert!(Arc::new(NearSession::without_copy()).read_before("").is_none());
    }

    /// S21: each kind of end ends a copy, whatever the line knows.
    #[test]
    fn a_copy_ends_with_its_session() {
        let line = Line::new();
        let subject = Subject::Entry("a");
        let now = Timestamp::from_secs(1_000);
        let lives = |end| {
            let near = Arc::new(NearSession::new(&record(1), Some(Holds { read_at: line.stamp(), end })));
            near.record(&line, subject, line.stamp(), now).is_some()
        };
        assert!(lives(End::At(now.plus_micros(1))) && !lives(End::At(now)));
        let moment = Instant::now();
        assert!(lives(End::In(None)) && lives(End::In(Some(moment + std::time::Duration::from_secs(60)))));
        assert!(!lives(End::In(Some(moment))));
        assert!(!NearSession::without_copy().is_of(&Arc::default()));
    }
}
