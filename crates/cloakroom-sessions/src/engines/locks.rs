//! Locks by session key, for engines whose store has no step that does both of two things.

use std::hash::{BuildHasher, RandomState};

use cloakroom_core::keys::SessionKey;

const SHARDS: usize = 64;

/// A fixed number of locks; a key always takes the same one.
#[derive(Debug)]
pub(super) struct KeyLocks<L> {
    locks: Box<[L]>,
    hasher: RandomState,
}

impl<L: Default> KeyLocks<L> {
    pub(super) fn new() -> Self {
        Self { locks: (0..SHARDS).map(|_| L::default()).collect(), hasher: RandomState::new() }
    }

    pub(super) fn of(&self, key: &SessionKey) -> &L {
        &self.locks[self.hasher.hash_one(key) as usize % SHARDS]
    }
}
