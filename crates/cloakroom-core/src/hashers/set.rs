//! `PASSWORD_HASHERS`: one hasher writes, all of them read.

use std::num::NonZeroU32;

use super::algorithm::{Algorithm, Cost, DjangoVersion};
use super::decoded::Decoded;
use super::error::{HashError, HashersError};
use super::hasher::Hasher;
use crate::models::EncodedHash;
use crate::random::{ALPHANUMERIC, Random, random_string};

/// `PASSWORD_HASHERS`: the first hasher writes, all of them read.
#[derive(Clone, Debug)]
pub struct HasherSet {
    hashers: Vec<Hasher>,
}

/// What a check of a password against a hash found out.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Checked {
    /// The password is right.
    Match(Upgrade),
    /// The password is wrong.
    Mismatch(Upgrade),
    /// The account has no usable password (A35).
    Unusable,
    /// No hasher of the set knows the hash: gibberish, a removed algorithm, one that is not configured (A38, A40).
    Unknown,
    /// The hash is damaged, or costs more than Cloakroom pays. Django raises (A44).
    Unreadable(HashError),
}

impl Checked {
    /// Whether the password is right.
    #[must_use]
    pub const fn is_match(self) -> bool {
        matches!(self, Self::Match(_))
    }
}

/// Whether the hash should be written anew by the preferred hasher when its password is at hand (A42).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Upgrade {
    /// The hash is as the preferred hasher would write it.
    Current,
    /// Another algorithm, another cost or a short salt: write it anew.
    Due,
}

impl HasherSet {
    /// A set whose first hasher is the preferred one.
    ///
    /// # Errors
    ///
    /// [`HashersError::Empty`] without any hasher.
    pub fn new(hashers: Vec<Hasher>) -> Result<Self, HashersError> {
        if hashers.is_empty() { Err(HashersError::Empty) } else { Ok(Self { hashers }) }
    }

    /// Django's default list (A30–A36): PBKDF2, PBKDF2 with SHA-1, Argon2, bcrypt over SHA-256, scrypt.
    #[must_use]
    pub fn for_version(version: DjangoVersion) -> Self {
        let list = [
            Algorithm::Pbkdf2Sha256,
            Algorithm::Pbkdf2Sha1,
            Algorithm::Argon2,
            Algorithm::BcryptSha256,
            Algorithm::Scrypt,
        ];
        Self { hashers: list.map(|a| Hasher::new(a, version)).to_vec() }
    }

    /// Reads `PASSWORD_HASHERS`: dotted paths or short names; `pbkdf2_iterations` replaces the release's count (V01).
    ///
    /// # Errors
    ///
    /// When the list is empty or names a hasher that does not exist.
    pub fn from_settings<S: AsRef<str>>(
        names: &[S],
        version: DjangoVersion,
        pbkdf2_iterations: Option<NonZeroU32>,
    ) -> Result<Self, HashersError> {
        let read = |name: &S| {
            let name = name.as_ref();
            let algorithm = Algorithm::parse(name).ok_or_else(|| HashersError::Unknown(name.to_owned()))?;
            let hasher = Hasher::new(algorithm, version);
            Ok(match pbkdf2_iterations {
                Some(n) => hasher.with_cost(Cost::Pbkdf2 { iterations: n.get() }),
                None => hasher,
            })
        };
        Self::new(names.iter().map(read).collect::<Result<_, _>>()?)
    }

    /// The hasher that writes.
    #[must_use]
    pub fn preferred(&self) -> &Hasher {
        &self.hashers[0]
    }

    /// All hashers, the preferred one first.
    #[must_use]
    pub fn hashers(&self) -> &[Hasher] {
        &self.hashers
    }

    /// Hashes a password with the preferred hasher and a new salt (`make_password`, A45).
    ///
    /// # Errors
    ///
    /// [`HashError::PasswordTooLong`] where plain bcrypt is preferred and the password has more than 72 bytes.
    pub fn encode(&self, password: impl AsRef<[u8]>, random: &dyn Random) -> Result<EncodedHash, HashError> {
        let preferred = self.preferred();
        preferred.encode_with(password, &preferred.new_salt(random))
    }

    /// Checks a password, and takes as long over a wrong one, an unusable, unknown or damaged hash as the preferred
    /// hasher takes (A13, A43).
    ///
    /// ```
    /// use cloakroom_core::hashers::{Checked, HasherSet, Upgrade};
    /// use cloakroom_core::models::EncodedHash;
    ///
    /// let set = HasherSet::from_settings(&["md5"], Default::default(), None)?;
    /// let stored = EncodedHash::new("md5$seasalt$9239395c0318c8af97d15df07ae02236");
    /// assert_eq!(set.check("lever", &stored), Checked::Match(Upgrade::Due));
    /// assert_eq!(set.check("Lever", &stored), Checked::Mismatch(Upgrade::Due));
    /// # Ok::<(), cloakroom_core::hashers::HashersError>(())
    /// ```
    ///
    /// [`begin_check`](Self::begin_check) is the same in steps that can be shared with others.
    pub fn check(&self, password: impl AsRef<[u8]>, encoded: &EncodedHash) -> Checked {
        self.finish_check(self.begin_check(password, encoded))
    }

    /// Checks a password as fast as the hash allows, which tells whoever measures it what kind of hash it is (A43).
    pub fn verify_unevenly(&self, password: impl AsRef<[u8]>, encoded: &EncodedHash) -> Checked {
        if !encoded.is_usable() {
            return Checked::Unusable;
        }
        let Ok(hasher) = self.identify(encoded) else { return Checked::Unknown };
        // In Django's order: what the preferred hasher cannot decode is not verified.
        let judged = self
            .must_update(encoded)
            .and_then(|upgrade| hasher.verify(password.as_ref(), encoded.expose()).map(|matches| (matches, upgrade)));
        match judged {
            Ok((true, upgrade)) => Checked::Match(upgrade),
            Ok((false, upgrade)) => Checked::Mismatch(upgrade),
            Err(e) => Checked::Unreadable(e),
        }
    }

    /// Spends the time of one hash by the preferred hasher: for accounts that do not exist (A13, A61).
    pub fn equal_work(&self, password: impl AsRef<[u8]>) {
        self.preferred().spend(password.as_ref(), 1.0);
    }

    /// Spends the time by which the preferred hasher's cost is above that of `encoded` (A43). Unlike Django's, it
    /// does so for hashes of another algorithm too, as far as costs can be compared (A13).
    pub fn harden_runtime(&self, password: impl AsRef<[u8]>, encoded: &EncodedHash) {
        let (preferred, password) = (self.preferred(), password.as_ref());
        let Ok(hasher) = self.identify(encoded) else { return };
        if hasher.algorithm() == preferred.algorithm() {
            preferred.harden(password, encoded.expose());
        } else {
            let missing = preferred.own_effort() - hasher.effort(encoded.expose());
            if missing > 0.0 {
                preferred.spend(password, missing / preferred.own_effort());
            }
        }
    }

    /// The hasher that reads `encoded` (A40).
    ///
    /// # Errors
    ///
    /// [`HashError::UnknownAlgorithm`].
    pub fn identify(&self, encoded: &EncodedHash) -> Result<&Hasher, HashError> {
        let text = encoded.expose();
        let chars = || text.chars().count();
        // Shapes of hashes without a salt, which no Django of today reads (A38).
        let unsalted = (!text.contains('$') && chars() == 32)
            || (text.starts_with("md5$$") && chars() == 37)
            || (text.starts_with("sha1$$") && chars() == 46);
        let name = text.split('$').next().unwrap_or_default();
        let known = self.hashers.iter().rev().find(|h| h.algorithm().name() == name);
        known.filter(|_| !unsalted).ok_or(HashError::UnknownAlgorithm)
    }

    /// The parts of `encoded`.
    ///
    /// # Errors
    ///
    /// As Django raises.
    pub fn decode(&self, encoded: &EncodedHash) -> Result<Decoded, HashError> {
        self.identify(encoded)?.decode(encoded.expose())
    }

    /// Whether the preferred hasher would write `encoded` differently (A42).
    ///
    /// # Errors
    ///
    /// When the hash cannot be read.
    pub fn must_update(&self, encoded: &EncodedHash) -> Result<Upgrade, HashError> {
        let preferred = self.preferred();
        let due =
            self.identify(encoded)?.algorithm() != preferred.algorithm() || preferred.must_update(encoded.expose())?;
        Ok(if due { Upgrade::Due } else { Upgrade::Current })
    }

    /// What the admin may show of a hash: labels and values, salt and checksum masked (A46).
    ///
    /// # Errors
    ///
    /// When the hash cannot be read.
    pub fn safe_summary(&self, encoded: &EncodedHash) -> Result<Vec<(&'static str, String)>, HashError> {
        self.decode(encoded).map(|d| d.safe_summary())
    }

    /// The most memory that a check of `encoded` and the upgrade after it take at a time, in KiB and beyond a few;
    /// for the hashing lane's budget (D9). An unusable or empty hash asks for what a new one takes.
    #[must_use]
    pub fn memory_kib(&self, encoded: &EncodedHash) -> u32 {
        let check = self.identify(encoded).map_or(0, |h| h.memory_kib(encoded.expose()));
        check.max(self.preferred().own_memory_kib())
    }
}

impl Default for HasherSet {
    fn default() -> Self {
        Self::for_version(DjangoVersion::default())
    }
}

/// A password column that no password opens: `!` and 40 random characters (A35).
#[must_use]
pub fn make_unusable(random: &dyn Random) -> EncodedHash {
    EncodedHash::new(format!("!{}", random_string(random, 40, ALPHANUMERIC)))
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use proptest::prelude::*;

    use super::*;
    use crate::random::OsRandom;

    const ALL: DjangoVersion = DjangoVersion::V6_1;

    fn set(algorithms: &[Algorithm]) -> HasherSet {
        let cheap = |a: &Algorithm| {
            let hasher = Hasher::new(*a, ALL);
            hasher.with_cost(match hasher.cost() {
                Cost::Pbkdf2 { .. } => Cost::Pbkdf2 { iterations: 100 },
                Cost::Argon2 { .. } => Cost::Argon2 { time_cost: 1, memory_kib: 64, parallelism: 8 },
                Cost::Bcrypt { .. } => Cost::Bcrypt { rounds: 4 },
                Cost::Scrypt { .. } => Cost::Scrypt { work_factor: 16, block_size: 8, parallelism: 1 },
                Cost::Free => Cost::Free,
            })
        };
        HasherSet::new(algorithms.iter().map(cheap).collect()).unwrap()
    }

    /// A02, A39, A42: what is written opens with the same password alone, is as the set wants it, and fits Django's column.
    #[test]
    fn every_hasher_reads_what_it_writes() {
        for preferred in Algorithm::ALL {
            let mut order = vec![preferred];
            order.extend(Algorithm::ALL.into_iter().filter(|a| *a != preferred));
            let set = set(&order);
            for password in ["", "lever", "пароль\0漢🦀", "é"] {
                let hash = set.encode(password, &OsRandom).unwrap();
                assert!(hash.expose().len() <= 128, "the column of G18");
                assert_ne!(hash, set.encode(password, &OsRandom).unwrap(), "salts differ");
                assert_eq!(set.check(password, &hash), Checked::Match(Upgrade::Current), "{preferred:?}");
                assert_eq!(set.check(format!("{password}!"), &hash), Checked::Mismatch(Upgrade::Current));
                // A NUL at the end alone would be lost in HMAC's padding, in Django as well.
                assert_eq!(set.check(format!("{password}\0!"), &hash), Checked::Mismatch(Upgrade::Current));
            }
        }
    }

    /// A40, A44, G43: no hash at all, gibberish, an unusable one, one that is not configured, a damaged one.
    #[test]
    fn what_cannot_match_says_why() {
        let set = set(&[Algorithm::Pbkdf2Sha256, Algorithm::Bcrypt]);
        let check = |text: &str| set.check("lever", &EncodedHash::new(text));
        assert_eq!(check(""), Checked::Unknown);
        assert_eq!(check("lever"), Checked::Unknown);
        assert_eq!(check("md5$seasalt$9239395c0318c8af97d15df07ae02236"), Checked::Unknown);
        assert_eq!(set.check("lever", &make_unusable(&OsRandom)), Checked::Unusable);
        assert_eq!(check("pbkdf2_sha256$x$salt$hash"), Checked::Unreadable(HashError::Malformed("iterations")));
        let long = set.check([b'x'; 73], &EncodedHash::new(format!("bcrypt$$2b$04${}", "u".repeat(53))));
        assert_eq!(long, Checked::Unreadable(HashError::PasswordTooLong));
    }

    /// A14: a hash that would take hours is refused within the time of an honest one.
    #[test]
    fn hostile_costs_are_refused_at_once() {
        let set = set(&Algorithm::ALL);
        for text in [
            "pbkdf2_sha256$1000000000$salt$hash",
            "pbkdf2_sha1$10000001$salt$hash",
            "argon2$argon2id$v=19$m=67108864,t=1,p=1$c29tZXNhbHQ$AAAAAAAAAAAAAAAAAAAAAA",
            "bcrypt_sha256$$2b$31$uuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuu",
            "scrypt$16384$salt$8$16000$hash",
        ] {
            let start = Instant::now();
            let checked = set.check("lever", &EncodedHash::new(text));
            assert!(matches!(checked, Checked::Unreadable(HashError::TooCostly(_))), "{text}: {checked:?}");
            assert!(start.elapsed() < Duration::from_secs(5), "{text}");
        }
    }

    /// V01: settings name hashers by path or short name, and may pin the iterations.
    #[test]
    fn settings_are_read_or_refused() {
        let names = ["django.contrib.auth.hashers.PBKDF2SHA1PasswordHasher", "md5"];
        let set = HasherSet::from_settings(&names, DjangoVersion::V5_2, NonZeroU32::new(7)).unwrap();
        assert_eq!(set.preferred().cost(), Cost::Pbkdf2 { iterations: 7 });
        assert_eq!(set.hashers()[1].algorithm(), Algorithm::Md5);
        let refuse = |names: &[&str]| HasherSet::from_settings(names, ALL, None).unwrap_err();
        assert_eq!(refuse(&[]), HashersError::Empty);
        assert_eq!(refuse(&["rot13"]), HashersError::Unknown("rot13".to_owned()));
    }

    /// A13, A43: a cheap, an unusable, an unknown, a damaged hash and one of another algorithm take about as long as a
    /// proper one. Coarse, as processors are shared; what it guards against is a factor of thousands.
    #[test]
    fn failures_take_about_the_same_time() {
        let iterations = 60_000;
        let set = {
            let hasher = |a| Hasher::new(a, ALL).with_cost(Cost::Pbkdf2 { iterations });
            HasherSet::new(vec![hasher(Algorithm::Pbkdf2Sha256), hasher(Algorithm::Md5)]).unwrap()
        };
        let time = |text: &str| {
            let encoded = EncodedHash::new(text);
            let run = || {
                let start = Instant::now();
                assert!(!set.check("wrong", &encoded).is_match());
                start.elapsed()
            };
            (0..7).map(|_| run()).min().unwrap_or_default()
        };
        let proper = time("pbkdf2_sha256$60000$0123456789abcdefghijkl$hash");
        for text in [
            "pbkdf2_sha256$10$0123456789abcdefghijkl$hash",
            "!",
            "",
            "pbkdf2_sha256$10",
            "md5$seasalt$9239395c0318c8af97d15df07ae02236",
        ] {
            let took = time(text);
            assert!(took * 4 > proper && took < proper * 4, "{text:?} took {took:?}, a proper one {proper:?}");
        }
    }

    /// D9: the lane asks what memory to set aside.
    #[test]
    fn memory_is_known_beforehand() {
        let set = HasherSet::default();
        let memory = |text: &str| set.memory_kib(&EncodedHash::new(text));
        assert_eq!(memory(""), 0);
        assert_eq!(memory("argon2$argon2id$v=19$m=102400,t=2,p=8$c29tZXNhbHQ$AAAAAAAA"), 102_400);
        assert_eq!(memory("argon2$argon2id$v=19$m=4294967295,t=2,p=8$c29tZXNhbHQ$AAAAAAAA"), 1_048_576);
        assert_eq!(memory("scrypt$16384$salt$8$5$hash"), 16_391);
    }

    fn hash_like() -> impl Strategy<Value = String> {
        let part = prop_oneof![
            Just(String::new()),
            "[0-9]{1,4}",
            "-?[0-9]{18,40}",
            "v=(16|19|[0-9]{1,11})",
            "m=[0-9]{1,11},t=[0-9]{1,11},p=[0-9]{1,11}",
            "argon2(id|i|d|x)",
            "2[abxyz]",
            "[./A-Za-z0-9]{22,53}",
            "\\PC{0,12}",
            ".{0,4}",
        ];
        let name = proptest::sample::select(Algorithm::ALL.map(Algorithm::name).to_vec());
        (name, proptest::collection::vec(part, 0..7))
            .prop_map(|(name, parts)| std::iter::once(name.to_owned()).chain(parts).collect::<Vec<_>>().join("$"))
    }

    proptest! {
        /// A14: no text of a password column makes anything panic, and what is not a hash opens nothing.
        #[test]
        fn no_text_panics(text in prop_oneof![any::<String>(), hash_like()]) {
            let encoded = EncodedHash::new(text);
            for algorithm in Algorithm::ALL {
                let mut order = vec![algorithm];
                order.extend(Algorithm::ALL.into_iter().filter(|a| *a != algorithm));
                let set = set(&order);
                let _ = (set.decode(&encoded), set.safe_summary(&encoded), set.must_update(&encoded));
                let _ = set.memory_kib(&encoded);
                if let Ok(hasher) = set.identify(&encoded) {
                    prop_assert!(hasher.effort(encoded.expose()) >= 0.0);
                }
            }
            // Costs that are honest but dear would make the test slow.
            let cheap = set(&[Algorithm::Md5, Algorithm::Argon2]);
            if cheap.memory_kib(&encoded) < 1024 {
                prop_assert!(!cheap.verify_unevenly("lever", &encoded).is_match());
            }
        }
    }
}
