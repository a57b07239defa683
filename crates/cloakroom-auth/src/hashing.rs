//! The hashers on their lane.

use std::sync::Arc;

use cloakroom_core::hashers::{Checked, Cost, HashError, HasherSet, Upgrade};
use cloakroom_core::models::EncodedHash;
use cloakroom_core::random::Random;
use cloakroom_core::secret::Secret;

use crate::lane::{Busy, Lane, LaneKey};

/// `PASSWORD_HASHERS`, each call of which takes a turn on the lane.
#[derive(Clone, Debug)]
pub(crate) struct Hashing {
    pub(crate) hashers: Arc<HasherSet>,
    pub(crate) random: Arc<dyn Random>,
    pub(crate) lane: Lane,
}

/// The outcome of a check, and the new hash where the old one is due for an upgrade (A42).
#[derive(Debug)]
pub(crate) struct CheckedOnce {
    pub(crate) checked: Checked,
    pub(crate) upgraded: Option<EncodedHash>,
}

impl Hashing {
    /// Checks a password; a match that is due for an upgrade is hashed anew in the same turn.
    pub(crate) async fn check(
        &self,
        key: LaneKey,
        password: &Secret<String>,
        encoded: &EncodedHash,
    ) -> Result<CheckedOnce, Busy> {
        let this = self.clone();
        let again = password.clone();
        // A wrong one may cost what the preferred hasher takes, too (A43).
        let memory = u64::from(self.hashers.memory_kib(encoded)).max(self.preferred_kib()) << 10;
        let finish = move |work| {
            let checked = this.hashers.finish_check(work);
            let upgraded = match checked {
                Checked::Match(Upgrade::Due) => match this.hashers.encode(again.expose(), &*this.random) {
                    Ok(hash) => Some(hash),
                    Err(error) => {
                        tracing::warn!(target: "cloakroom::auth", %error, "a password hash could not be upgraded");
                        None
                    }
                },
                _ => None,
            };
            CheckedOnce { checked, upgraded }
        };
        self.lane.run_shared(key, memory, self.hashers.begin_check(password.expose(), encoded), finish).await
    }

    /// Hashes a new password.
    pub(crate) async fn encode(
        &self,
        key: LaneKey,
        password: &Secret<String>,
    ) -> Result<Result<EncodedHash, HashError>, Busy> {
        let (hashers, work) = (Arc::clone(&self.hashers), self.hashers.begin_encode(password.expose(), &*self.random));
        self.lane.run_shared(key, self.preferred_kib() << 10, work, move |work| hashers.finish_encode(work)).await
    }

    /// Spends the time of one hash (A61).
    pub(crate) async fn equal_work(&self, key: LaneKey, password: &Secret<String>) -> Result<(), Busy> {
        let (hashers, work) = (Arc::clone(&self.hashers), self.hashers.begin_equal_work(password.expose()));
        self.lane.run_shared(key, self.preferred_kib() << 10, work, move |work| hashers.finish_equal_work(work)).await
    }

    fn preferred_kib(&self) -> u64 {
        match self.hashers.preferred().cost() {
            Cost::Argon2 { memory_kib, .. } => u64::from(memory_kib),
            Cost::Scrypt { work_factor, block_size, .. } => u64::from(work_factor) * u64::from(block_size) / 8,
            _ => 0,
        }
    }
}
