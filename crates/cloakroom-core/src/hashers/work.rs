//! Password work in three steps, so that the middle one can be shared: [`Work`].

use std::fmt;

use super::algorithm::{Algorithm, Cost};
use super::error::HashError;
use super::hasher::Hasher;
use super::pbkdf2::{self, Derivation, Plan};
use super::set::{Checked, HasherSet, Upgrade};
use crate::models::EncodedHash;
use crate::random::Random;
use crate::secret::Secret;

/// A password to be checked or hashed.
///
/// [`HasherSet`] begins and finishes it. Between, if its [`derivation`](Self::derivation) is PBKDF2-SHA256, that may be
/// run together with those of others, for much less than each costs alone (D9). What was not run by then is run when it
/// is finished.
///
/// ```
/// use cloakroom_core::hashers::{Checked, Derivation, HasherSet, Work};
/// use cloakroom_core::models::EncodedHash;
///
/// let set = HasherSet::default();
/// let stored = EncodedHash::new("pbkdf2_sha256$1000$c2FsdHNhbHRzYWx0c2FsdA$0VYmgo2u3V0qTgQ8GZ8yw2dJ5oR2t0J2lPZ0iCq0aWQ=");
/// let (mut one, mut two) = (set.begin_check("lever", &stored), set.begin_equal_work("lever"));
/// let mut together: Vec<_> = [one.derivation(), two.derivation()].into_iter().flatten().collect();
/// Derivation::run_all(&mut together);
/// assert!(matches!(set.finish_check(one), Checked::Mismatch(_)));
/// set.finish_equal_work(two);
/// ```
pub struct Work<T> {
    password: Secret<Vec<u8>>,
    task: T,
    state: State,
}

/// To compare with a hash.
pub struct Check {
    encoded: EncodedHash,
    /// Whether the hash is due for an upgrade, or why nothing matches it.
    judged: Result<Upgrade, Checked>,
}

/// To write a hash with this salt.
pub struct Encode {
    salt: String,
}

/// To take the time of one hash.
pub struct EqualWork(());

enum State {
    /// Nothing to share.
    Whole,
    Planned(Plan),
    Begun(Derivation),
}

impl<T> Work<T> {
    fn new(password: &[u8], task: T, plan: Option<Plan>) -> Self {
        let state = plan.map_or(State::Whole, State::Planned);
        Self { password: Secret::new(password.to_vec()), task, state }
    }

    /// Whether there is a [`derivation`](Self::derivation) to share. Costs nothing.
    #[must_use]
    pub const fn is_shareable(&self) -> bool {
        !matches!(self.state, State::Whole)
    }

    /// The derivation to be run before this is finished.
    pub fn derivation(&mut self) -> Option<&mut Derivation> {
        if let State::Planned(plan) = &self.state {
            self.state = State::Begun(plan.start(self.password.expose()));
        }
        match &mut self.state {
            State::Begun(derivation) => Some(derivation),
            _ => None,
        }
    }

    fn run(&mut self) -> Option<&Derivation> {
        let derivation = self.derivation()?;
        Derivation::run_all(&mut [&mut *derivation]);
        Some(derivation)
    }
}

impl<T> fmt::Debug for Work<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Work").field("is_shareable", &self.is_shareable()).finish_non_exhaustive()
    }
}

impl HasherSet {
    /// Begins [`check`](Self::check).
    #[must_use]
    pub fn begin_check(&self, password: impl AsRef<[u8]>, encoded: &EncodedHash) -> Work<Check> {
        let (judged, plan) = match self.check_plan(encoded) {
            Ok((upgrade, plan)) => (Ok(upgrade), plan),
            Err(refused) => (Err(refused), self.plan_of_refusal()),
        };
        Work::new(password.as_ref(), Check { encoded: encoded.clone(), judged }, plan)
    }

    /// Finishes [`check`](Self::check).
    pub fn finish_check(&self, mut work: Work<Check>) -> Checked {
        work.run();
        let Work { password, task: Check { encoded, judged }, state } = &work;
        let password = password.expose();
        let checked = judged.map_or_else(
            |refused| refused,
            |upgrade| match self.matches(password, encoded, state) {
                Ok(true) => Checked::Match(upgrade),
                Ok(false) => Checked::Mismatch(upgrade),
                Err(error) => Checked::Unreadable(error),
            },
        );
        // Where PBKDF2 is preferred and was run, what was missing is part of it.
        let took_its_time = matches!(state, State::Begun(_)) && self.preferred_iterations().is_some();
        match checked {
            Checked::Match(_) | Checked::Mismatch(Upgrade::Current) => {}
            _ if took_its_time => {}
            Checked::Mismatch(Upgrade::Due) => self.harden_runtime(password, encoded),
            Checked::Unusable | Checked::Unknown | Checked::Unreadable(_) => self.equal_work(password),
        }
        checked
    }

    /// Begins [`encode`](Self::encode).
    #[must_use]
    pub fn begin_encode(&self, password: impl AsRef<[u8]>, random: &dyn Random) -> Work<Encode> {
        let salt = self.preferred().new_salt(random);
        let plan = self.preferred_iterations().and_then(|n| pbkdf2::plan(&salt, n, 0).ok());
        Work::new(password.as_ref(), Encode { salt }, plan)
    }

    /// Finishes [`encode`](Self::encode).
    ///
    /// # Errors
    ///
    /// As [`encode`](Self::encode).
    pub fn finish_encode(&self, mut work: Work<Encode>) -> Result<EncodedHash, HashError> {
        work.run();
        match (&work.state, self.preferred_iterations()) {
            (State::Begun(derivation), Some(n)) => {
                pbkdf2::encode_derived(&work.task.salt, n, derivation).map(EncodedHash::new)
            }
            _ => self.preferred().encode_with(work.password.expose(), &work.task.salt),
        }
    }

    /// Begins [`equal_work`](Self::equal_work).
    #[must_use]
    pub fn begin_equal_work(&self, password: impl AsRef<[u8]>) -> Work<EqualWork> {
        Work::new(password.as_ref(), EqualWork(()), self.plan_of_refusal())
    }

    /// Finishes [`equal_work`](Self::equal_work).
    pub fn finish_equal_work(&self, mut work: Work<EqualWork>) {
        if work.run().is_none() {
            self.preferred().spend(work.password.expose(), 1.0);
        }
    }

    /// What a check of `encoded` needs to derive, nothing where that is no PBKDF2-SHA256; or why it matches nothing.
    fn check_plan(&self, encoded: &EncodedHash) -> Result<(Upgrade, Option<Plan>), Checked> {
        if !encoded.is_usable() {
            return Err(Checked::Unusable);
        }
        let hasher = self.identify(encoded).map_err(|_| Checked::Unknown)?;
        // In Django's order: what the preferred hasher cannot decode is not verified.
        let upgrade = self.must_update(encoded).map_err(Checked::Unreadable)?;
        let Some(own) = iterations_of(hasher) else { return Ok((upgrade, None)) };
        let at_least = self.preferred_iterations().unwrap_or(0);
        let plan = pbkdf2::costs(encoded.expose(), own).and_then(|(salt, n)| pbkdf2::plan(salt, n, at_least));
        Ok((upgrade, Some(plan.map_err(Checked::Unreadable)?)))
    }

    fn plan_of_refusal(&self) -> Option<Plan> {
        pbkdf2::plan(super::hasher::SPENT_SALT, self.preferred_iterations()?, 0).ok()
    }

    fn matches(&self, password: &[u8], encoded: &EncodedHash, state: &State) -> Result<bool, HashError> {
        let hasher = self.identify(encoded)?;
        match (state, iterations_of(hasher)) {
            (State::Begun(derivation), Some(own)) => pbkdf2::verify_derived(encoded.expose(), own, derivation),
            _ => hasher.verify(password, encoded.expose()),
        }
    }

    /// What the preferred hasher spends, if it is PBKDF2-SHA256.
    fn preferred_iterations(&self) -> Option<u32> {
        iterations_of(self.preferred())
    }
}

fn iterations_of(hasher: &Hasher) -> Option<u32> {
    match (hasher.algorithm(), hasher.cost()) {
        (Algorithm::Pbkdf2Sha256, Cost::Pbkdf2 { iterations }) => Some(iterations),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hashers::DjangoVersion;
    use crate::random::OsRandom;

    const N: u32 = 60;

    fn hasher(algorithm: Algorithm, iterations: u32) -> Hasher {
        Hasher::new(algorithm, DjangoVersion::V6_1).with_cost(Cost::Pbkdf2 { iterations })
    }

    /// D9: run together, alone or not at all beforehand, a check and a new hash come to the same.
    #[test]
    fn work_shared_is_work_alone() {
        let sha1 = hasher(Algorithm::Pbkdf2Sha1, N);
        let other = |n| HasherSet::new(vec![hasher(Algorithm::Pbkdf2Sha256, n)]).unwrap().encode("lever", &OsRandom);
        let good = sha1.encode_with("lever", "0123456789abcdefghijkl").unwrap();
        let mut hashes = vec![good, EncodedHash::new("!"), EncodedHash::new(""), EncodedHash::new("pbkdf2_sha256$1$")];
        hashes.extend([1, N - 1, N, N + 1, 4 * N].map(|n| other(n).unwrap()));
        hashes.push(EncodedHash::new("pbkdf2_sha256$1000000000$0123456789abcdefghijkl$x"));
        hashes.push(EncodedHash::new("md5$seasalt$9239395c0318c8af97d15df07ae02236"));
        for preferred in [hasher(Algorithm::Pbkdf2Sha256, N), sha1, hasher(Algorithm::Md5, N)] {
            let set = HasherSet::new(vec![preferred, hasher(Algorithm::Pbkdf2Sha256, N), sha1]).unwrap();
            for password in ["lever", "Lever"] {
                let begin = || hashes.iter().map(|h| set.begin_check(password, h)).collect::<Vec<_>>();
                let (mut shared, mut new) = (begin(), set.begin_encode(password, &OsRandom));
                let mut idle = set.begin_equal_work(password);
                let batch = shared.iter_mut().map(Work::derivation).chain([new.derivation(), idle.derivation()]);
                Derivation::run_all(&mut batch.flatten().collect::<Vec<_>>());
                for (work, (alone, hash)) in shared.into_iter().zip(begin().into_iter().zip(&hashes)) {
                    let plain = set.verify_unevenly(password, hash);
                    assert_eq!(set.finish_check(work), plain, "{preferred:?}: {hash:?}");
                    assert_eq!(set.finish_check(alone), plain);
                    assert_eq!(set.check(password, hash), plain);
                }
                let new = set.finish_encode(new).unwrap();
                assert_eq!(set.check(password, &new), Checked::Match(Upgrade::Current));
                set.finish_equal_work(idle);
            }
        }
    }

    /// A13, A43: whatever the account's hash is, a refusal is the same number of iterations.
    #[test]
    fn refusals_derive_alike() {
        let set = HasherSet::new(vec![hasher(Algorithm::Pbkdf2Sha256, N)]).unwrap();
        let salt = "0123456789abcdefghijkl";
        let whole = |work: Option<&mut Derivation>| format!("{work:?}").split_once("whole").unwrap().1.to_owned();
        let usual = whole(set.begin_equal_work("x").derivation());
        assert_eq!(usual, ": 60, .. })");
        let old = format!("pbkdf2_sha256$7${salt}$x");
        let now = format!("pbkdf2_sha256$60${salt}$x");
        for hash in [&*now, &old, "!", "", "gibberish", "pbkdf2_sha256$x", "pbkdf2_sha256$999999999$salt$x", "argon2$x"]
        {
            assert_eq!(whole(set.begin_check("x", &EncodedHash::new(hash)).derivation()), usual, "{hash}");
        }
    }
}
