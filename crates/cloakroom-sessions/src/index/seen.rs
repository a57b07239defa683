//! [`Seen`]: what was noted lately, so that most requests note nothing.

use std::collections::HashMap;
use std::hash::BuildHasher as _;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use cloakroom_core::clock::Timestamp;
use cloakroom_core::keys::SessionKey;
use foldhash::quality::RandomState;

const SHARDS: usize = 16;

/// Sessions of a shard's younger half. When it is full, the older half is forgotten: in all at most a million sessions
/// are remembered, and each of the last half million is.
const HALF: usize = 32_768;

/// When sessions were noted last. Bounded; what is forgotten is noted once more.
#[derive(Debug)]
pub(super) struct Seen {
    shards: Box<[Mutex<Shard>]>,
    /// How often all was forgotten.
    forgotten: AtomicU32,
    hasher: RandomState,
    half: usize,
}

/// Keys stand here as hashes alone. Two that share one would share their notes for a while, which nobody can arrange.
#[derive(Debug, Default)]
struct Shard {
    young: HashMap<u64, Noted, RandomState>,
    old: HashMap<u64, Noted, RandomState>,
}

/// What the last note said, in whole seconds: a million of them stand in memory.
#[derive(Clone, Copy, Debug)]
struct Noted {
    at: Second,
    end: Option<Second>,
}

/// When a session was noted last, beside its copy in memory: most requests have that in hand already, and need not look here.
#[derive(Debug)]
pub(crate) struct NotedAt(AtomicU64);

impl NotedAt {
    pub(crate) const fn never() -> Self {
        Self(AtomicU64::new(0))
    }

    fn get(&self) -> Option<(u32, Second)> {
        let both = self.0.load(Ordering::Relaxed);
        Some(((both >> 32) as u32, Second(NonZeroU32::new(both as u32)?)))
    }

    fn set(&self, forgotten: u32, at: Second) {
        self.0.store(u64::from(forgotten) << 32 | u64::from(at.0.get()), Ordering::Relaxed);
    }
}

impl Clone for NotedAt {
    fn clone(&self) -> Self {
        Self(AtomicU64::new(self.0.load(Ordering::Relaxed)))
    }
}

/// A second of the years 1970 to 2106, from 1 on; what is out of them is at their edge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Second(NonZeroU32);

impl Second {
    fn of(moment: Timestamp) -> Self {
        let second = u32::try_from(moment.as_secs().max(1)).unwrap_or(u32::MAX);
        Self(NonZeroU32::new(second).unwrap_or(NonZeroU32::MIN))
    }

    fn is_far(self, other: Self, interval: Duration) -> bool {
        u64::from(self.0.get().abs_diff(other.0.get())) >= interval.as_secs()
    }
}

impl Seen {
    pub(super) fn new() -> Self {
        Self::with_half(HALF)
    }

    fn with_half(half: usize) -> Self {
        let shards = (0..SHARDS).map(|_| Mutex::default()).collect();
        Self { shards, forgotten: AtomicU32::new(0), hasher: RandomState::default(), half }
    }

    /// Whether the session was noted within `interval`, by what stands beside its copy.
    pub(super) fn is_noted(&self, noted: &NotedAt, now: Timestamp, interval: Duration) -> bool {
        noted.get().is_some_and(|(forgotten, at)| {
            forgotten == self.forgotten.load(Ordering::Relaxed) && !at.is_far(Second::of(now), interval)
        })
    }

    /// As [`is_due`](Self::is_due); what it finds is put beside the copy.
    pub(super) fn is_due_beside(
        &self,
        noted: Option<&NotedAt>,
        key: &SessionKey,
        now: Timestamp,
        end: Option<Timestamp>,
        interval: Duration,
    ) -> bool {
        // Before the look: what is forgotten meanwhile is looked for again.
        let forgotten = self.forgotten.load(Ordering::Relaxed);
        let before = self.look(key, now, end, interval);
        if let Some(noted) = noted {
            noted.set(forgotten, before.unwrap_or(Second::of(now)));
        }
        before.is_none()
    }

    /// Whether the session is due to be noted, by `interval` (whole seconds count) since it was, or because its end moved by
    /// as much. If it is, it counts as noted now.
    pub(super) fn is_due(&self, key: &SessionKey, now: Timestamp, end: Option<Timestamp>, interval: Duration) -> bool {
        self.look(key, now, end, interval).is_none()
    }

    /// When it was noted; `None` if it is due.
    fn look(&self, key: &SessionKey, now: Timestamp, end: Option<Timestamp>, interval: Duration) -> Option<Second> {
        let hash = self.hasher.hash_one(key);
        let (now, end) = (Second::of(now), end.map(Second::of));
        let mut shard = self.shard(hash);
        let noted = shard.young.get(&hash).or_else(|| shard.old.get(&hash)).copied();
        if let Some(noted) = noted {
            let moved = match (end, noted.end) {
                (Some(new), Some(old)) => new.is_far(old, interval),
                (Some(_), None) => true,
                (None, _) => false,
            };
            if !moved && !now.is_far(noted.at, interval) {
                return Some(noted.at);
            }
        }
        if shard.young.len() >= self.half {
            shard.old = std::mem::take(&mut shard.young);
        }
        shard.young.insert(hash, Noted { at: now, end: end.or(noted.and_then(|n| n.end)) });
        None
    }

    pub(super) fn forget(&self, key: &SessionKey) {
        let hash = self.hasher.hash_one(key);
        let mut shard = self.shard(hash);
        shard.young.remove(&hash);
        shard.old.remove(&hash);
    }

    pub(super) fn forget_all(&self) {
        self.forgotten.fetch_add(1, Ordering::Relaxed);
        for shard in &self.shards {
            *shard.lock().unwrap_or_else(PoisonError::into_inner) = Shard::default();
        }
    }

    fn shard(&self, hash: u64) -> std::sync::MutexGuard<'_, Shard> {
        self.shards[hash as usize % SHARDS].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const T0: Timestamp = Timestamp::from_secs(1_767_323_045);
    const MINUTE: Duration = Duration::from_secs(60);

    #[test]
    fn a_session_is_due_once_in_an_interval() {
        let seen = Seen::new();
        let key = SessionKey::parse("abcdefgh").unwrap();
        assert!(seen.is_due(&key, T0, None, MINUTE));
        assert!(!seen.is_due(&key, T0.plus_secs(59), None, MINUTE));
        assert!(seen.is_due(&key, T0.plus_secs(60), None, MINUTE));
        seen.forget(&key);
        assert!(seen.is_due(&key, T0.plus_secs(60), None, MINUTE));
        assert!(seen.is_due(&key, T0, None, MINUTE), "a clock that was set back does not silence it");
    }

    /// What stands beside a copy says the same as the notes, and nothing once those are forgotten.
    #[test]
    fn what_stands_beside_a_copy_says_what_the_notes_say() {
        let seen = Seen::new();
        let key = SessionKey::parse("abcdefgh").unwrap();
        let (first, second) = (NotedAt::never(), NotedAt::never());
        assert!(!seen.is_noted(&first, T0, MINUTE));
        assert!(seen.is_due_beside(Some(&first), &key, T0, None, MINUTE));
        assert!(seen.is_noted(&first, T0.plus_secs(59), MINUTE));
        assert!(!seen.is_noted(&first, T0.plus_secs(60), MINUTE));
        assert!(!seen.is_noted(&first, T0.plus_secs(-60), MINUTE));
        assert!(!seen.is_due_beside(Some(&second), &key, T0.plus_secs(30), None, MINUTE));
        assert!(seen.is_noted(&second, T0.plus_secs(59), MINUTE));
        assert!(
            !seen.is_noted(&second, T0.plus_secs(60), MINUTE),
            "not from when it was looked at, but from when it was noted"
        );
        seen.forget_all();
        assert!(!seen.is_noted(&first, T0, MINUTE) && !seen.is_noted(&second, T0, MINUTE));
        assert!(seen.is_due_beside(Some(&first), &key, T0, None, MINUTE));
        assert!(seen.is_noted(&first, T0, MINUTE));
    }

    #[test]
    fn a_session_whose_end_moves_is_due() {
        let seen = Seen::new();
        let key = SessionKey::parse("abcdefgh").unwrap();
        let day = T0.plus_secs(86_400);
        assert!(seen.is_due(&key, T0, None, MINUTE));
        assert!(seen.is_due(&key, T0, Some(day), MINUTE), "it was not known before");
        assert!(!seen.is_due(&key, T0.plus_secs(30), Some(day.plus_secs(30)), MINUTE));
        assert!(!seen.is_due(&key, T0.plus_secs(30), None, MINUTE));
        assert!(seen.is_due(&key, T0.plus_secs(31), Some(T0.plus_secs(100)), MINUTE));
    }

    /// Moments before 1970 and after 2106 are noted too, in little room.
    #[test]
    fn far_moments_are_noted_too() {
        let seen = Seen::new();
        let key = SessionKey::parse("abcdefgh").unwrap();
        for moment in [Timestamp::MIN, Timestamp::MAX] {
            assert!(seen.is_due(&key, moment, Some(moment), MINUTE));
            assert!(!seen.is_due(&key, moment, Some(moment), MINUTE));
        }
        assert!(size_of::<(u64, Noted)>() <= 16);
    }

    /// U03: memory is bounded.
    #[test]
    fn the_set_forgets_the_oldest() {
        const HALF: usize = 64;
        let seen = Seen::with_half(HALF);
        for n in 0..SHARDS * HALF * 3 {
            seen.is_due(&SessionKey::parse(&format!("{n:08}")).unwrap(), T0, None, MINUTE);
        }
        let held: usize = seen.shards.iter().map(|s| s.lock().unwrap()).map(|s| s.young.len() + s.old.len()).sum();
        assert!(held <= SHARDS * HALF * 2);
        let last = SessionKey::parse(&format!("{:08}", SHARDS * HALF * 3 - 1)).unwrap();
        assert!(!seen.is_due(&last, T0, None, MINUTE));
    }
}
