//! One algorithm at one cost.

use super::algorithm::{Algorithm, Cost, DjangoVersion};
use super::decoded::Decoded;
use super::error::HashError;
use super::{SALT_LEN, argon2, bcrypt, is_short_salt, md5, pbkdf2, scrypt};
use crate::models::EncodedHash;
use crate::random::{ALPHANUMERIC, Random, random_string};

/// The salt of hashes that nobody keeps.
pub(super) const SPENT_SALT: &str = "the-time-is-what-counts";

/// One algorithm at one cost: an entry of `PASSWORD_HASHERS`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hasher {
    algorithm: Algorithm,
    cost: Cost,
    version: DjangoVersion,
}

impl Hasher {
    /// The hasher as `version` of Django has it.
    ///
    /// ```
    /// use cloakroom_core::hashers::{Algorithm, Cost, DjangoVersion, Hasher};
    ///
    /// let h = Hasher::new(Algorithm::Pbkdf2Sha256, DjangoVersion::V6_1);
    /// assert_eq!(h.cost(), Cost::Pbkdf2 { iterations: 1_500_000 });
    /// ```
    #[must_use]
    pub const fn new(algorithm: Algorithm, version: DjangoVersion) -> Self {
        let cost = match algorithm {
            Algorithm::Pbkdf2Sha256 | Algorithm::Pbkdf2Sha1 => Cost::Pbkdf2 { iterations: version.pbkdf2_iterations() },
            Algorithm::Argon2 => Cost::Argon2 { time_cost: 2, memory_kib: 102_400, parallelism: 8 },
            Algorithm::BcryptSha256 | Algorithm::Bcrypt => Cost::Bcrypt { rounds: 12 },
            Algorithm::Scrypt => Cost::Scrypt { work_factor: 16_384, block_size: 8, parallelism: 5 },
            Algorithm::Md5 => Cost::Free,
        };
        Self { algorithm, cost, version }
    }

    /// The same hasher at another cost, as a subclass in Python would have it. A cost of another algorithm's kind
    /// changes nothing.
    #[must_use]
    pub fn with_cost(self, cost: Cost) -> Self {
        if std::mem::discriminant(&cost) == std::mem::discriminant(&self.cost) { Self { cost, ..self } } else { self }
    }

    /// The algorithm.
    #[must_use]
    pub const fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The cost of a new hash.
    #[must_use]
    pub const fn cost(&self) -> Cost {
        self.cost
    }

    /// The Django release whose reading rules apply (V13).
    #[must_use]
    pub const fn version(&self) -> DjangoVersion {
        self.version
    }

    /// Hashes a password with a salt of one's own: `$2b$<rounds>$<22 characters>` for the bcrypts, any text without
    /// `$` for the others.
    ///
    /// ```
    /// use cloakroom_core::hashers::{Algorithm, DjangoVersion, Hasher};
    ///
    /// let md5 = Hasher::new(Algorithm::Md5, DjangoVersion::V6_1);
    /// let hash = md5.encode_with("lever", "seasalt")?;
    /// assert_eq!(hash.expose(), "md5$seasalt$9239395c0318c8af97d15df07ae02236");
    /// # Ok::<(), cloakroom_core::hashers::HashError>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As Django raises, and [`HashError::TooCostly`].
    pub fn encode_with(&self, password: impl AsRef<[u8]>, salt: &str) -> Result<EncodedHash, HashError> {
        self.encode_bytes(password.as_ref(), salt).map(EncodedHash::new)
    }

    /// A new salt, as the algorithm wants it (A39).
    #[must_use]
    pub fn new_salt(&self, random: &dyn Random) -> String {
        match self.cost {
            Cost::Bcrypt { rounds } => bcrypt::new_salt(random, rounds),
            _ => random_string(random, SALT_LEN, ALPHANUMERIC),
        }
    }

    pub(super) fn encode_bytes(&self, password: &[u8], salt: &str) -> Result<String, HashError> {
        match self.cost {
            Cost::Pbkdf2 { iterations } => pbkdf2::encode(self.algorithm, password, salt, iterations),
            Cost::Argon2 { .. } => argon2::encode(password, salt.as_bytes(), self.cost),
            Cost::Bcrypt { .. } => bcrypt::encode(self.algorithm, password, salt),
            Cost::Scrypt { work_factor, block_size, parallelism } => {
                scrypt::encode(password, salt, work_factor, block_size, parallelism)
            }
            Cost::Free => md5::encode(password, salt),
        }
    }

    pub(super) fn verify(&self, password: &[u8], encoded: &str) -> Result<bool, HashError> {
        match self.cost {
            Cost::Pbkdf2 { iterations } => pbkdf2::verify(self.algorithm, password, encoded, iterations),
            Cost::Argon2 { .. } => argon2::verify(password, encoded),
            Cost::Bcrypt { .. } => bcrypt::verify(self.algorithm, password, encoded),
            Cost::Scrypt { .. } => scrypt::verify(password, encoded, self.cost),
            Cost::Free => md5::verify(password, encoded),
        }
    }

    pub(super) fn decode(&self, encoded: &str) -> Result<Decoded, HashError> {
        match self.cost {
            Cost::Pbkdf2 { .. } => pbkdf2::Parts::parse(encoded).map(|p| p.decoded(self.algorithm)),
            Cost::Argon2 { .. } => argon2::Parts::parse(encoded, self.version).map(argon2::Parts::decoded),
            Cost::Bcrypt { .. } => bcrypt::Parts::parse(encoded).map(|p| p.decoded(self.algorithm)),
            Cost::Scrypt { .. } => scrypt::Parts::parse(encoded).map(scrypt::Parts::decoded),
            Cost::Free => md5::Parts::parse(encoded).map(md5::Parts::decoded),
        }
    }

    /// Whether this hasher would write `encoded`, a hash of its own algorithm, differently (A42). Costs are compared
    /// for equality: a higher one is rewritten too (G19).
    pub(super) fn must_update(&self, encoded: &str) -> Result<bool, HashError> {
        Ok(match self.cost {
            Cost::Pbkdf2 { iterations } => {
                let parts = pbkdf2::Parts::parse(encoded)?;
                parts.iterations != iterations || is_short_salt(parts.salt.chars().count())
            }
            Cost::Argon2 { .. } => argon2::Parts::parse(encoded, self.version)?.differs_from(self.cost),
            Cost::Bcrypt { rounds } => bcrypt::Parts::parse(encoded)?.work_factor != rounds,
            Cost::Scrypt { work_factor, block_size, parallelism } => {
                let parts = scrypt::Parts::parse(encoded)?;
                parts.work_factor != work_factor || parts.block_size != block_size || parts.parallelism != parallelism
            }
            Cost::Free => is_short_salt(md5::Parts::parse(encoded)?.salt.chars().count()),
        })
    }

    /// Spends the time by which this hasher's cost is above that of `encoded`, a hash of its own algorithm (A43).
    pub(super) fn harden(&self, password: &[u8], encoded: &str) {
        match self.cost {
            Cost::Pbkdf2 { iterations } => {
                let Ok(parts) = pbkdf2::Parts::parse(encoded) else { return };
                let spent = parts.iterations.to_i64().and_then(|n| u32::try_from(n).ok()).unwrap_or(u32::MAX);
                if let Some(missing) = iterations.checked_sub(spent).filter(|n| *n > 0) {
                    let _time = pbkdf2::encode(self.algorithm, password, parts.salt, missing);
                }
            }
            Cost::Bcrypt { rounds } => bcrypt::harden(self.algorithm, password, encoded, rounds),
            Cost::Argon2 { .. } | Cost::Scrypt { .. } | Cost::Free => {}
        }
    }

    /// Spends the time of `share` of one hash; only PBKDF2 can be divided, the others run whole or not at all.
    pub(super) fn spend(&self, password: &[u8], share: f64) {
        let whole = share > 0.5;
        let _time = match self.cost {
            Cost::Pbkdf2 { iterations } => {
                let iterations = (f64::from(iterations) * share.clamp(0.0, 1.0)) as u32;
                pbkdf2::encode(self.algorithm, password, SPENT_SALT, iterations.max(1))
            }
            Cost::Bcrypt { rounds } if whole => {
                // Over-long passwords take the time too, so that they tell nothing about the account.
                let password = &password[..password.len().min(bcrypt::MAX_PASSWORD_BYTES)];
                bcrypt::encode(self.algorithm, password, &format!("$2b${rounds:02}$......................"))
            }
            _ if whole => self.encode_bytes(password, SPENT_SALT),
            _ => return,
        };
    }

    /// The effort of one check of `encoded`, in SHA-256 PBKDF2 iterations; roughly, as processors differ.
    pub(super) fn effort(&self, encoded: &str) -> f64 {
        match (self.cost, self.decode(encoded)) {
            (_, Err(_)) | (Cost::Free, _) => 0.0,
            (Cost::Argon2 { .. }, _) => argon2::work_kib(encoded) as f64 * EFFORT_PER_ARGON2_KIB,
            (_, Ok(parts)) => {
                let number = |name| match parts.get(name) {
                    Some(super::Field::Number(n)) => n.to_i64().unwrap_or(0).max(0) as f64,
                    _ => 0.0,
                };
                match self.cost {
                    Cost::Bcrypt { .. } => number("work_factor").exp2() * EFFORT_PER_BCRYPT_ROUND,
                    Cost::Scrypt { .. } => {
                        number("work_factor") * number("block_size") * number("parallelism") * EFFORT_PER_SCRYPT_BLOCK
                    }
                    _ => number("iterations"),
                }
            }
        }
    }

    /// The effort of one new hash, on the scale of [`effort`](Self::effort).
    pub(super) fn own_effort(&self) -> f64 {
        match self.cost {
            Cost::Pbkdf2 { iterations } => f64::from(iterations),
            Cost::Argon2 { time_cost, memory_kib, .. } => {
                f64::from(time_cost) * f64::from(memory_kib) * EFFORT_PER_ARGON2_KIB
            }
            Cost::Bcrypt { rounds } => f64::from(rounds).exp2() * EFFORT_PER_BCRYPT_ROUND,
            Cost::Scrypt { work_factor, block_size, parallelism } => {
                f64::from(work_factor) * f64::from(block_size) * f64::from(parallelism) * EFFORT_PER_SCRYPT_BLOCK
            }
            Cost::Free => 0.0,
        }
    }

    /// Memory of one check of `encoded`, in KiB.
    pub(super) fn memory_kib(&self, encoded: &str) -> u32 {
        match self.cost {
            Cost::Argon2 { .. } => argon2::memory_kib(encoded),
            Cost::Scrypt { .. } => scrypt::memory_kib(encoded),
            Cost::Pbkdf2 { .. } | Cost::Bcrypt { .. } | Cost::Free => 0,
        }
    }

    /// Memory of one new hash, in KiB.
    pub(super) fn own_memory_kib(&self) -> u32 {
        match self.cost {
            Cost::Argon2 { memory_kib, .. } => memory_kib,
            Cost::Scrypt { work_factor, block_size, parallelism } => {
                u32::try_from(scrypt::memory_bytes(work_factor, block_size, parallelism) / 1024).unwrap_or(u32::MAX)
            }
            Cost::Pbkdf2 { .. } | Cost::Bcrypt { .. } | Cost::Free => 0,
        }
    }
}

// Measured side by side on x86-64 with SHA extensions.
const EFFORT_PER_ARGON2_KIB: f64 = 9.0;
const EFFORT_PER_BCRYPT_ROUND: f64 = 590.0;
const EFFORT_PER_SCRYPT_BLOCK: f64 = 3.6;
