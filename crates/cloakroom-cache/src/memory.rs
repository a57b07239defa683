//! The store in this process's memory: sharded, bounded, second chance.

use std::collections::hash_map::{Entry as Slot, RandomState};
use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::hash::BuildHasher;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use cloakroom_core::clock::Timestamp;

use crate::{Added, CacheValue, Replaced, Stamp, Stamped};

const SHARDS: usize = 16;

/// What an entry costs beside its key and value: slot, queue place, counts.
const OVERHEAD_BYTES: usize = 160;

/// How much a [`MemoryCache`] may hold. Past either bound, entries leave that were not read since they were last passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// The most entries (Django's `MAX_ENTRIES`).
    pub max_entries: usize,
    /// The most memory, estimated.
    pub max_bytes: usize,
}

impl Default for Bounds {
    /// A hundred thousand entries, 64 MiB.
    fn default() -> Self {
        Self { max_entries: 100_000, max_bytes: 64 << 20 }
    }
}

/// A cache in this process's memory. It is gone with the process, and other processes do not see it (U12).
///
/// Like Django's `LocMemCache`, except that it never drops a third of its entries at once, and is bounded by memory
/// as well: a session of this cache that is pushed out is a user signed out, so give it room.
pub struct MemoryCache {
    shards: Box<[Mutex<Shard>]>,
    hasher: RandomState,
    bounds: Bounds,
}

#[derive(Default)]
struct Shard {
    entries: HashMap<Arc<str>, Entry>,
    /// Keys in the order in which they are next considered for eviction, each with the entry's id: a key that was
    /// deleted and set again stands twice, and only its newer place counts.
    queue: VecDeque<(Arc<str>, u64)>,
    bytes: usize,
    next_id: u64,
}

struct Entry {
    value: CacheValue,
    until: Timestamp,
    weight: usize,
    id: u64,
    read: bool,
}

impl MemoryCache {
    /// An empty cache.
    #[must_use]
    pub fn new(bounds: Bounds) -> Self {
        Self { shards: (0..SHARDS).map(|_| Mutex::default()).collect(), hasher: RandomState::new(), bounds }
    }

    /// How many entries there are, expired ones included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.shards.iter().map(|s| lock(s).entries.len()).sum()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(crate) fn get(&self, key: &str, now: Timestamp) -> Option<CacheValue> {
        let mut shard = self.shard(key);
        match shard.live(key, now) {
            Some(entry) => {
                entry.read = true;
                Some(entry.value.clone())
            }
            None => None,
        }
    }

    pub(crate) fn set(&self, key: &str, value: CacheValue, until: Timestamp, now: Timestamp) {
        let mut shard = self.shard(key);
        shard.put(key, value, until, now);
        self.shrink(&mut shard, now);
    }

    pub(crate) fn add(&self, key: &str, value: CacheValue, until: Timestamp, now: Timestamp) -> Added {
        let mut shard = self.shard(key);
        if shard.live(key, now).is_some() {
            return Added::Taken;
        }
        shard.put(key, value.clone(), until, now);
        self.shrink(&mut shard, now);
        Added::Yes(Stamp::value(value))
    }

    pub(crate) fn replace_if(
        &self,
        key: &str,
        seen: &Stamp,
        value: CacheValue,
        until: Timestamp,
        now: Timestamp,
    ) -> Replaced {
        let mut shard = self.shard(key);
        match shard.live(key, now) {
            None => Replaced::Gone,
            Some(entry) if !seen.is_of(&entry.value) => Replaced::Differs(Stamped::in_memory(entry.value.clone())),
            Some(_) => {
                shard.put(key, value.clone(), until, now);
                self.shrink(&mut shard, now);
                Replaced::Yes(Stamp::value(value))
            }
        }
    }

    pub(crate) fn touch_if(&self, key: &str, seen: &Stamp, until: Timestamp, now: Timestamp) -> bool {
        let mut shard = self.shard(key);
        match shard.live(key, now) {
            Some(entry) if seen.is_of(&entry.value) => {
                entry.until = until;
                true
            }
            _ => false,
        }
    }

    pub(crate) fn delete(&self, key: &str) {
        self.shard(key).take(key);
    }

    pub(crate) fn sweep(&self, now: Timestamp) -> usize {
        self.shards.iter().map(|s| lock(s).sweep(now)).sum()
    }

    fn shard(&self, key: &str) -> MutexGuard<'_, Shard> {
        let hash = self.hasher.hash_one(key);
        // The upper bits: the map inside uses the lower ones of a hash of its own.
        lock(&self.shards[(hash >> 32) as usize % SHARDS])
    }

    fn shrink(&self, shard: &mut Shard, now: Timestamp) {
        let (entries, bytes) = (self.bounds.max_entries.div_ceil(SHARDS), self.bounds.max_bytes.div_ceil(SHARDS));
        while shard.entries.len() > entries || shard.bytes > bytes {
            if !shard.evict_one(now) {
                return;
            }
        }
    }
}

impl Default for MemoryCache {
    fn default() -> Self {
        Self::new(Bounds::default())
    }
}

impl fmt::Debug for MemoryCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryCache").field("bounds", &self.bounds).field("len", &self.len()).finish_non_exhaustive()
    }
}

impl Shard {
    /// The entry, unless it is absent or expired; an expired one is dropped. Expiring exactly now is expired.
    fn live(&mut self, key: &str, now: Timestamp) -> Option<&mut Entry> {
        if self.entries.get(key)?.until <= now {
            self.take(key);
            return None;
        }
        self.entries.get_mut(key)
    }

    fn put(&mut self, key: &str, value: CacheValue, until: Timestamp, now: Timestamp) {
        if until <= now {
            self.take(key);
            return;
        }
        let weight = key.len() + value.weight() + OVERHEAD_BYTES;
        self.bytes += weight;
        let key: Arc<str> = key.into();
        match self.entries.entry(Arc::clone(&key)) {
            Slot::Occupied(mut slot) => {
                let entry = slot.get_mut();
                self.bytes -= entry.weight;
                *entry = Entry { value, until, weight, id: entry.id, read: true };
            }
            Slot::Vacant(slot) => {
                let id = self.next_id;
                self.next_id += 1;
                slot.insert(Entry { value, until, weight, id, read: false });
                self.queue.push_back((key, id));
            }
        }
        if self.queue.len() > 2 * self.entries.len() + 16 {
            self.queue.retain(|(key, id)| self.entries.get(key).is_some_and(|e| e.id == *id));
        }
    }

    fn take(&mut self, key: &str) {
        if let Some(entry) = self.entries.remove(key) {
            self.bytes -= entry.weight;
        }
    }

    /// Drops the first entry in the queue that is expired or was not read lately. `false` when the shard is empty.
    fn evict_one(&mut self, now: Timestamp) -> bool {
        while let Some((key, id)) = self.queue.pop_front() {
            match self.entries.get_mut(&key) {
                Some(entry) if entry.id == id && entry.read && entry.until > now => {
                    entry.read = false;
                    self.queue.push_back((key, id));
                }
                Some(entry) if entry.id == id => {
                    self.take(&key);
                    return true;
                }
                _ => {}
            }
        }
        false
    }

    fn sweep(&mut self, now: Timestamp) -> usize {
        let before = self.entries.len();
        self.entries.retain(|_, entry| {
            if entry.until <= now {
                self.bytes -= entry.weight;
            }
            entry.until > now
        });
        self.queue.retain(|(key, id)| self.entries.get(key).is_some_and(|e| e.id == *id));
        before - self.entries.len()
    }
}

/// A panic of another thread cannot leave a shard half changed in a way that matters: at worst a count is off.
fn lock(shard: &Mutex<Shard>) -> MutexGuard<'_, Shard> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(1_000);
    const LATER: Timestamp = Timestamp::from_secs(2_000);

    #[test]
    fn replace_if_tells_what_came_in_between() {
        let cache = MemoryCache::default();
        let int = |n| Stamp::value(CacheValue::Int(n));
        cache.set("k", CacheValue::Int(1), LATER, NOW);
        assert_eq!(cache.replace_if("k", &int(1), CacheValue::Int(2), LATER, NOW), Replaced::Yes(int(2)));
        let late = cache.replace_if("k", &int(1), CacheValue::Int(9), LATER, NOW);
        assert_eq!(late, Replaced::Differs(Stamped::in_memory(CacheValue::Int(2))));
        cache.delete("k");
        assert_eq!(cache.replace_if("k", &int(2), CacheValue::Int(3), LATER, NOW), Replaced::Gone);
        assert_eq!(cache.get("k", NOW), None);
        assert!(!cache.touch_if("k", &int(2), LATER, NOW));
    }

    /// F02: of many tasks that add under one key, one wins.
    #[test]
    fn one_of_many_adders_wins() {
        let cache = MemoryCache::default();
        let wins: usize = std::thread::scope(|s| {
            let cache = &cache;
            let threads: Vec<_> = (0..8)
                .map(|n| s.spawn(move || usize::from(cache.add("k", CacheValue::Int(n), LATER, NOW) != Added::Taken)))
                .collect();
            threads.into_iter().map(|t| t.join().unwrap()).sum()
        });
        assert_eq!(wins, 1);
    }

    #[test]
    fn both_bounds_hold_and_what_is_read_stays() {
        let cache = MemoryCache::new(Bounds { max_entries: 160, max_bytes: 1 << 30 });
        cache.set("hot", CacheValue::Int(0), LATER, NOW);
        for n in 0..10_000 {
            cache.set(&n.to_string(), CacheValue::Int(n), LATER, NOW);
            assert!(cache.get("hot", NOW).is_some(), "pushed out after {n}");
        }
        assert!(cache.len() <= 160);

        let cache = MemoryCache::new(Bounds { max_entries: 1 << 30, max_bytes: 64 << 10 });
        for n in 0..10_000 {
            cache.set(&n.to_string(), CacheValue::Bytes(vec![0; 100].into()), LATER, NOW);
        }
        assert!(cache.len() * 100 < 64 << 10);
    }

    #[test]
    fn the_queue_does_not_grow_with_churn() {
        let cache = MemoryCache::default();
        for n in 0..10_000 {
            cache.set("same", CacheValue::Int(n), LATER, NOW);
            cache.delete("same");
        }
        assert!(cache.shards.iter().all(|s| lock(s).queue.len() < 32));
        assert!(cache.shards.iter().all(|s| lock(s).bytes == 0));
    }

    #[test]
    fn a_sweep_drops_what_is_expired() {
        let cache = MemoryCache::default();
        cache.set("a", CacheValue::Int(1), LATER, NOW);
        cache.set("b", CacheValue::Int(1), LATER.plus_micros(1), NOW);
        assert_eq!(cache.sweep(LATER), 1);
        assert_eq!(cache.len(), 1);
    }
}
