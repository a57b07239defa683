//! [`NearSessions`]: copies of sessions in this process's memory (D5, S21).
//!
//! A copy is used while the [line](cloakroom_core::near::Line) of the store that it is of, a database's or a cache's, says that
//! it holds at this very moment, and as long as the session has neither ended nor been cleared away. So on SQLite nothing stale
//! is ever served, whoever changed it: see [`Freshness`](cloakroom_db::Freshness) for each kind of database.
//!
//! Of most requests nobody reads more of the session than whom it names, which is remembered beside the copy. So a copy is
//! the stored text or bytes, a third of the data's size; it is read when somebody asks for the data, and whoever does so
//! again finds them read.
//!
//! Beside the copy stands who was seen with the session. That is a guess for the next look at the database, which then gives
//! session and user in one statement; a wrong one costs a second statement and nothing else.

use std::any::Any;
use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use cloakroom_cache::CacheValue;
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
use crate::index::NotedAt;
use crate::text::TextCodec;

/// Copies of sessions. What was used least goes first when they are too large together.
pub(crate) struct NearSessions(Cache<SessionKey, Arc<NearSession>, Bytes, RandomState>);

/// A session as it was read, and what was found out about it.
///
/// In this order: what each request looks at stands together, behind the counts of who uses it. A million of these are in no
/// cache of a processor, and each line of one is a wait.
#[repr(C)]
pub(crate) struct NearSession {
    kept: OnceLock<Arc<dyn Any + Send + Sync>>,
    noted: NotedAt,
    copy: Option<Copy>,
    user: OnceLock<UserId>,
}

#[derive(Clone)]
#[repr(C)]
struct Copy {
    /// `None` where nothing tells how long it does: then it is the one read of a text, and no more.
    holds: Option<Holds>,
    contents: Contents,
    version: Option<Version>,
}

/// What a copy has of the data.
#[derive(Clone)]
enum Contents {
    /// The data.
    Read(Arc<Dict>),
    /// The version's text, and what reads it.
    Text(TextCodec),
    /// The version, which can be read.
    Stamp,
    /// What stands in for data that cannot be read. Rare, and so not in place.
    Damaged(Box<Damaged>),
}

#[derive(Clone)]
struct Damaged {
    data: Arc<Dict>,
    why: Anonymous,
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
#[derive(Clone, Debug, Default)]
pub(crate) struct Origin {
    pub(crate) near: Option<Arc<NearSession>>,
    pub(crate) joined: Option<JoinedUser>,
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

    /// Puts a copy in the place of the same one with less read of it, if that is still there.
    pub(crate) fn renew(&self, key: &SessionKey, near: &Arc<NearSession>) {
        if self.get(key).is_some_and(|there| there.is_same(near)) {
            self.put(key, near);
        }
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
    /// A place for the guess, and no copy.
    pub(crate) fn empty() -> Self {
        Self::of(None)
    }

    /// A copy of what was read.
    pub(crate) fn new(record: &Record, holds: Option<Holds>) -> Self {
        let data = Arc::clone(&record.data);
        let contents = match record.damage {
            None => Contents::Read(data),
            Some(why) => Contents::Damaged(Box::new(Damaged { data, why })),
        };
        Self::of(Some(Copy::new(record, holds, contents)))
    }

    /// A copy of the text that was read by `codec`: the record's version. Texts that cannot be read are not read again.
    pub(crate) fn of_text(record: &Record, holds: Holds, codec: &TextCodec) -> Self {
        match (&record.version, record.damage) {
            (Some(Version::Text(_)), None) => {
                Self::of(Some(Copy::new(record, Some(holds), Contents::Text(codec.clone()))))
            }
            _ => Self::new(record, Some(holds)),
        }
    }

    /// A copy of what the cache has: the record's version. What cannot be read is not read again.
    pub(crate) fn of_stamp(record: &Record, holds: Option<Holds>) -> Self {
        match (&record.version, record.damage) {
            (Some(Version::Cached(_)), None) => Self::of(Some(Copy::new(record, holds, Contents::Stamp))),
            _ => Self::new(record, holds),
        }
    }

    const fn of(copy: Option<Copy>) -> Self {
        Self { copy, user: OnceLock::new(), kept: OnceLock::new(), noted: NotedAt::never() }
    }

    fn bytes(&self) -> usize {
        OVERHEAD + self.copy.as_ref().map_or(0, Copy::bytes)
    }

    /// Whether the copy is what the store of this line has under `subject` at `at`, a stamp taken just now.
    pub(crate) fn holds(&self, line: &Line, subject: Subject<'_>, at: Stamp, now: Timestamp) -> bool {
        let Some(Copy { holds: Some(holds), .. }) = &self.copy else { return false };
        let lives = match holds.end {
            End::At(end) => end > now && line.is_kept(end),
            End::In(end) => end.is_none_or(|end| Instant::now() < end),
        };
        lives && line.holds(holds.read_at, at, subject)
    }

    /// The copy as a record; none where there is no copy.
    pub(crate) fn record(self: &Arc<Self>) -> Option<Record> {
        let record = self.copy.as_ref()?.record();
        Some(Record { origin: Origin { near: Some(Arc::clone(self)), joined: None }, ..record })
    }

    /// What was read of `text` before, if it was the text of this copy. Nothing is assumed of what the store has now: the text
    /// comes from there.
    pub(crate) fn read_before(self: &Arc<Self>, text: &str) -> Option<Record> {
        match self.version() {
            Some(Version::Text(before)) if **before == *text => self.record(),
            _ => None,
        }
    }

    /// The copy's data, if they were read.
    pub(crate) fn data(&self) -> Option<&Arc<Dict>> {
        self.copy.as_ref()?.contents.data()
    }

    /// The same copy with its data read, and the data.
    pub(crate) fn read(&self) -> (Self, Arc<Dict>) {
        let record = self.copy.as_ref().map(Copy::record).unwrap_or_else(|| Record::new(Arc::default(), None, None));
        let read = Self::new(&record, self.copy.as_ref().and_then(|copy| copy.holds));
        (Self { user: self.user.clone(), kept: self.kept.clone(), noted: self.noted.clone(), ..read }, record.data)
    }

    pub(crate) fn version(&self) -> Option<&Version> {
        self.copy.as_ref()?.version.as_ref()
    }

    pub(crate) fn damage(&self) -> Option<Anonymous> {
        self.copy.as_ref()?.contents.damage()
    }

    /// Whether both are copies of one and the same stored version.
    fn is_same(&self, other: &Self) -> bool {
        match (self.version(), other.version()) {
            (Some(Version::Text(ours)), Some(Version::Text(theirs))) => Arc::ptr_eq(ours, theirs),
            (Some(Version::Cached(ours)), Some(Version::Cached(theirs))) => ours.is_same(theirs),
            _ => false,
        }
    }

    /// Who was seen with the session.
    pub(crate) fn user(&self) -> Option<&UserId> {
        self.user.get()
    }

    pub(crate) fn saw(&self, user: &UserId) {
        self.user.get_or_init(|| user.clone());
    }

    pub(crate) fn kept<T: Any + Send + Sync>(&self) -> Option<&T> {
        self.kept.get()?.downcast_ref()
    }

    /// Keeps a value; whether none was kept before.
    pub(crate) fn keep(&self, value: Arc<dyn Any + Send + Sync>) -> bool {
        self.kept.set(value).is_ok()
    }

    /// The same copy with another value kept.
    pub(crate) fn keeping(&self, value: Arc<dyn Any + Send + Sync>) -> Self {
        Self { copy: self.copy.clone(), user: self.user.clone(), kept: value.into(), noted: self.noted.clone() }
    }

    /// When its use was noted last, as far as is known here.
    pub(crate) const fn noted(&self) -> &NotedAt {
        &self.noted
    }
}

impl Copy {
    fn new(record: &Record, holds: Option<Holds>, contents: Contents) -> Self {
        Self { holds, contents, version: record.version.clone() }
    }

    /// What version and data take.
    fn bytes(&self) -> usize {
        version_bytes(&self.version) + self.contents.data().map_or(0, |data| dict_bytes(data))
    }

    fn record(&self) -> Record {
        let data = match (&self.contents, &self.version) {
            (Contents::Read(data), _) => Arc::clone(data),
            (Contents::Damaged(damaged), _) => Arc::clone(&damaged.data),
            (Contents::Text(codec), Some(Version::Text(text))) => codec.decode(text).0,
            (Contents::Stamp, Some(Version::Cached(stamp))) => match stamp.to_value() {
                CacheValue::Dict(data) => data,
                _ => Arc::default(),
            },
            (Contents::Text(_) | Contents::Stamp, _) => Arc::default(),
        };
        Record::new(data, self.version.clone(), self.contents.damage())
    }
}

impl Contents {
    fn data(&self) -> Option<&Arc<Dict>> {
        match self {
            Self::Read(data) => Some(data),
            Self::Damaged(damaged) => Some(&damaged.data),
            Self::Text(_) | Self::Stamp => None,
        }
    }

    fn damage(&self) -> Option<Anonymous> {
        match self {
            Self::Damaged(damaged) => Some(damaged.why),
            Self::Read(_) | Self::Text(_) | Self::Stamp => None,
        }
    }
}

/// What it holds may be private.
impl fmt::Debug for NearSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NearSession").field("bytes", &self.bytes()).finish_non_exhaustive()
    }
}

/// Weighs copies by the memory that they take.
#[derive(Clone, Copy, Debug)]
struct Bytes;

impl Weighter<SessionKey, Arc<NearSession>> for Bytes {
    fn weight(&self, key: &SessionKey, near: &Arc<NearSession>) -> u64 {
        // A key of another length than the usual stands elsewhere.
        (key.expose().len() + near.bytes()) as u64
    }
}

/// What a copy takes beside its text and data: itself, its place in the table and one that is free, what the allocator adds.
const OVERHEAD: usize = size_of::<NearSession>() + 32 + 2 * (size_of::<SessionKey>() + 32);

fn version_bytes(version: &Option<Version>) -> usize {
    match version {
        // With its reference counts.
        Some(Version::Text(text)) => text.len() + 32,
        Some(Version::Cached(stamp)) => stamp.weight(),
        None => 0,
    }
}

fn dict_bytes(dict: &Dict) -> usize {
    let entry = size_of::<(u64, Text, Value)>() + size_of::<usize>() * 2;
    let heap = |(key, value): (&Text, &Value)| text_bytes(key) + value_bytes(value);
    size_of::<Dict>() + entry * dict.capacity() + dict.iter().map(heap).sum::<usize>()
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
        let read = record(3);
        let near = Arc::new(NearSession::new(&read, None));
        assert!(!near.holds(&line, Subject::Entry("a"), line.stamp(), Timestamp::UNIX_EPOCH));
        let again = near.read_before("yyy").unwrap();
        assert!(Arc::ptr_eq(&again.data, &read.data));
        assert!(near.read_before("yy").is_none() && near.read_before("yyyy").is_none());
        assert!(Arc::new(NearSession::empty()).read_before("").is_none());
    }

    /// S21: each kind of end ends a copy, whatever the line knows.
    #[test]
    fn a_copy_ends_with_its_session() {
        let line = Line::new();
        let subject = Subject::Entry("a");
        let now = Timestamp::from_secs(1_000);
        let lives = |end| {
            let holds = Holds { read_at: line.stamp(), end };
            NearSession::new(&record(1), Some(holds)).holds(&line, subject, line.stamp(), now)
        };
        assert!(lives(End::At(now.plus_micros(1))) && !lives(End::At(now)));
        let moment = Instant::now();
        assert!(lives(End::In(None)) && lives(End::In(Some(moment + std::time::Duration::from_secs(60)))));
        assert!(!lives(End::In(Some(moment))));
        assert!(!NearSession::empty().holds(&line, subject, line.stamp(), now));
    }
}
