//! When this process last renewed which session, so that sliding expiry costs few writes (D15).

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Mutex, PoisonError};

use cloakroom_core::clock::Timestamp;
use cloakroom_core::keys::SessionKey;

/// A session is renewed when this part of its age has passed.
const PARTS: f64 = 20.0;

/// How many sessions one generation remembers; there are two.
const GENERATION: usize = 65_536;

/// Remembers in two generations, of which the older is forgotten when the younger is full. What was forgotten is renewed
/// once more than needed.
#[derive(Debug)]
pub(crate) struct Touches {
    hasher: RandomState,
    generations: Mutex<[HashMap<u64, Timestamp>; 2]>,
}

impl Touches {
    pub(crate) fn new() -> Self {
        Self { hasher: RandomState::new(), generations: Mutex::default() }
    }

    /// Whether a session of this age is to be renewed.
    pub(crate) fn is_due(&self, key: &SessionKey, age_secs: f64, now: Timestamp) -> bool {
        let hash = self.hasher.hash_one(key);
        let generations = self.generations.lock().unwrap_or_else(PoisonError::into_inner);
        let last = generations.iter().find_map(|generation| generation.get(&hash));
        // A clock that was set back renews too.
        last.is_none_or(|last| !(0.0..age_secs / PARTS).contains(&(now.as_secs_f64() - last.as_secs_f64())))
    }

    pub(crate) fn renewed(&self, key: &SessionKey, now: Timestamp) {
        let hash = self.hasher.hash_one(key);
        let mut generations = self.generations.lock().unwrap_or_else(PoisonError::into_inner);
        if generations[0].len() >= GENERATION {
            generations.swap(0, 1);
            generations[0].clear();
        }
        generations[0].insert(hash, now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// D15: once in a twentieth of the age, and again after that.
    #[test]
    fn a_session_is_due_once_in_a_twentieth() {
        let touches = Touches::new();
        let key = SessionKey::parse("abcdefgh").unwrap();
        let t = Timestamp::from_secs(1_000_000);
        assert!(touches.is_due(&key, 2_000.0, t));
        touches.renewed(&key, t);
        assert!(!touches.is_due(&key, 2_000.0, t.plus_secs(99)));
        assert!(touches.is_due(&key, 2_000.0, t.plus_secs(100)));
        assert!(touches.is_due(&key, 2_000.0, t.plus_secs(-1)));
        assert!(touches.is_due(&SessionKey::parse("hgfedcba").unwrap(), 2_000.0, t));
    }

    #[test]
    fn memory_is_bounded() {
        let touches = Touches::new();
        let t = Timestamp::from_secs(1_000_000);
        for n in 0..(GENERATION * 3) {
            touches.renewed(&SessionKey::parse(&format!("key-{n:08}")).unwrap(), t);
        }
        let generations = touches.generations.lock().unwrap();
        assert!(generations.iter().all(|g| g.len() <= GENERATION));
    }
}
