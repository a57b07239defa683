//! [`Seen`]: what was noted lately, so that most requests note nothing.

use std::collections::HashMap;
use std::hash::BuildHasher as _;
use std::num::NonZeroU32;
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

/// A second of the years 1970 to 2106, from 1 on; what is out of them is at their edge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Second(NonZeroU32);

impl Second {
    fn of(moment: Timestamp) -> Self {
        let second = u32::try_from(moment.as_secs().max(1)).unwrap_or(u32::MAX);
        Self(NonZeroU32::new(second).unwrap_or(NonZeroU32::MIN))
    }
}

impl Seen {
    pub(super) fn new() -> Self {
        Self::with_half(HALF)
    }

    fn with_half(half: usize) -> Self {
        Self { shards: (0..SHARDS).map(|_| Mutex::default()).collect(), hasher: RandomState::default(), half }
    }

    /// Whether the session is due to be noted, by `interval` (whole seconds count) since it was, or because its end moved by
    /// as much. If it is, it counts as noted now.
    pub(super) fn is_due(&self, key: &SessionKey, now: Timestamp, end: Option<Timestamp>, interval: Duration) -> bool {
        let hash = self.hasher.hash_one(key);
        let (now, end) = (Second::of(now), end.map(Second::of));
        let mut shard = self.shard(hash);
        let noted = shard.young.get(&hash).or_else(|| shard.old.get(&hash)).copied();
        if let Some(noted) = noted {
            let is_far = |a: Second, b: Second| u64::from(a.0.get().abs_diff(b.0.get())) >= interval.as_secs();
            let moved = match (end, noted.end) {
                (Some(new), Some(old)) => is_far(new, old),
                (Some(_), None) => true,
                (None, _) => false,
            };
            if !moved && !is_far(now, noted.at) {
                return false;
            }
        }
        if shard.young.len() >= self.half {
            shard.old = std::mem::take(&mut shard.young);
        }
        shard.young.insert(hash, Noted { at: now, end: end.or(noted.and_then(|n| n.end)) });
        true
    }

    pub(super) fn forget(&self, key: &SessionKey) {
        let hash = self.hasher.hash_one(key);
        let mut shard = self.shard(hash);
        shard.young.remove(&hash);
        shard.old.remove(&hash);
    }

    pub(super) fn forget_all(&self) {
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
