//! Sessions under their keys in a cache, and copies of them in memory where the cache tells of changes.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use cloakroom_cache::{Cache, CacheError, Kept, Looked, Stamped, Watch, Watched};
use cloakroom_core::clock::Timestamp;
use cloakroom_core::keys::SessionKey;
use cloakroom_core::near::Subject;

use crate::engine::{Record, Version};
use crate::error::EngineError;
use crate::near::{End, Holds, NearSession, NearSessions, Origin};

/// Sessions in a cache, each under a prefix and its key.
#[derive(Clone)]
pub(crate) struct Entries {
    cache: Arc<Cache>,
    prefix: &'static str,
    near: Option<Arc<Near>>,
    /// What was read before, where nothing tells whether the cache still has it.
    read: Option<Arc<NearSessions>>,
}

/// Copies of them, and what tells whether they hold.
struct Near {
    watch: Watch,
    copies: NearSessions,
}

/// A session that was looked for.
pub(crate) enum Entry {
    /// A copy in memory that holds, or that was found to be what the cache has.
    Near(Arc<NearSession>),
    /// What the cache has, and how long a copy of it holds.
    Stored(Option<Stamped>, Option<Kept>),
}

impl Entries {
    pub(crate) const fn new(cache: Arc<Cache>, prefix: &'static str) -> Self {
        Self { cache, prefix, near: None, read: None }
    }

    /// Keeps copies of so many bytes, no older than the bound, if the cache is one that can tell of changes.
    pub(crate) fn with_near(self, bound: Duration, bytes: u64) -> Self {
        let watch = if bytes == 0 { None } else { self.cache.watch(self.prefix, bound) };
        Self { near: watch.map(|watch| Arc::new(Near { watch, copies: NearSessions::new(bytes) })), ..self }
    }

    /// Remembers so many bytes of what was read, to read it anew only where the cache has something else.
    pub(crate) fn with_reads(self, bytes: u64) -> Self {
        Self { read: (bytes > 0).then(|| Arc::new(NearSessions::new(bytes))), ..self }
    }

    pub(crate) fn cache(&self) -> &Cache {
        &self.cache
    }

    /// How old a copy can be; `None` where there are none.
    pub(crate) fn bound(&self) -> Option<Duration> {
        self.near.as_ref().map(|near| near.watch.bound())
    }

    /// How many bytes copies take, and how many they are.
    pub(crate) fn near_use(&self) -> (u64, usize) {
        self.copies().map_or((0, 0), |copies| (copies.bytes(), copies.len()))
    }

    pub(crate) fn key(&self, key: &SessionKey) -> String {
        [self.prefix, key.expose()].concat()
    }

    /// What the cache has.
    pub(crate) async fn stored(&self, key: &SessionKey, now: Timestamp) -> Result<Option<Stamped>, EngineError> {
        Ok(self.cache.get_stamped(&self.key(key), now).await?)
    }

    /// Deletes what the cache has.
    pub(crate) async fn delete(&self, key: &SessionKey) -> Result<(), CacheError> {
        self.cache.delete(&self.key(key)).await
    }

    /// The copy, if it holds.
    pub(crate) fn copy(&self, key: &SessionKey, now: Timestamp) -> Option<Arc<NearSession>> {
        let near = self.near.as_ref()?;
        let at = near.watch.stamp()?;
        let copy = near.copies.get(key)?;
        copy.holds(near.watch.line(), Subject::Entry(key.expose()), at, now).then_some(copy)
    }

    /// A copy, or what the cache has.
    pub(crate) async fn find(&self, key: &SessionKey, now: Timestamp) -> Result<Entry, EngineError> {
        let Some(near) = &self.near else { return self.find_unwatched(key, now).await };
        if let Some(copy) = self.copy(key, now) {
            return Ok(Entry::Near(copy));
        }
        // In a box: the other way, by which each request goes where there are no copies, takes little room.
        let Watched { found, kept } = Box::pin(self.cache.get_watched(&near.watch, &self.key(key), now)).await?;
        if found.is_none() {
            near.copies.remove(key);
        }
        Ok(Entry::Stored(found, kept))
    }

    /// What the cache has, which is always asked.
    async fn find_unwatched(&self, key: &SessionKey, now: Timestamp) -> Result<Entry, EngineError> {
        let before = self.read.as_ref().and_then(|read| read.get(key));
        let Some((before, Version::Cached(seen))) =
            before.as_ref().and_then(|before| Some((before, before.version()?)))
        else {
            return Ok(Entry::Stored(self.stored(key, now).await?, None));
        };
        let found = match self.cache.get_unless(&self.key(key), seen, now).await? {
            Looked::Same => return Ok(Entry::Near(Arc::clone(before))),
            Looked::Other(found) => Some(found),
            Looked::Absent => None,
        };
        if let (None, Some(read)) = (&found, &self.read) {
            read.remove(key);
        }
        Ok(Entry::Stored(found, None))
    }

    /// Keeps a copy of what was found, as long as it holds, or to tell that it is found again.
    pub(crate) fn keep(&self, key: &SessionKey, record: &mut Record, kept: Option<Kept>) {
        let (copies, copy) = match (&self.near, kept, &self.read) {
            (Some(near), Some(Kept { read_at, until }), _) => {
                (&near.copies, NearSession::of_stamp(record, Some(Holds { read_at, end: End::In(until) })))
            }
            (None, _, Some(read)) => (&**read, NearSession::of_stamp(record, None)),
            _ => return,
        };
        let copy = Arc::new(copy);
        copies.put(key, &copy);
        record.origin = Origin { near: Some(copy), joined: None };
    }

    /// Keeps a copy of which more is known than of the one that is kept.
    pub(crate) fn keep_read(&self, key: &SessionKey, copy: &Arc<NearSession>) {
        if let Some(copies) = self.copies() {
            copies.renew(key, copy);
        }
    }

    fn copies(&self) -> Option<&NearSessions> {
        self.near.as_ref().map(|near| &near.copies).or(self.read.as_deref())
    }
}

impl fmt::Debug for Entries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let copies = self.near.as_ref().map(|near| &near.copies);
        f.debug_struct("Entries").field("cache", &self.cache).field("near", &copies).finish_non_exhaustive()
    }
}
