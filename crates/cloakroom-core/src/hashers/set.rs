//! `PASSWORD_HASHERS`: one hasher writes, all of them read.

use super::algorithm::{Algorithm, DjangoVersion, Hasher};
use super::decoded::Decoded;
use super::error::{HashError, HashersError};
use crate::models::EncodedHash;
use crate::random::Random;

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
        pbkdf2_iterations: Option<std::num::NonZeroU32>,
    ) -> Result<Self, HashersError> {
        let _ = (names, version, pbkdf2_iterations);
        todo!()
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
        let _ = (password, random);
        todo!()
    }

    /// Checks a password, and takes as long over a wrong one, an unusable, unknown or damaged hash as the preferred
    /// hasher takes (A13, A43).
    pub fn check(&self, password: impl AsRef<[u8]>, encoded: &EncodedHash) -> Checked {
        let _ = (password, encoded);
        todo!()
    }

    /// Checks a password as fast as the hash allows, which tells whoever measures it what kind of hash it is (A43).
    pub fn verify_unevenly(&self, password: impl AsRef<[u8]>, encoded: &EncodedHash) -> Checked {
        let _ = (password, encoded);
        todo!()
    }

    /// Spends the time of one hash by the preferred hasher: for accounts that do not exist (A13, A61).
    pub fn equal_work(&self, password: impl AsRef<[u8]>) {
        let _ = password;
        todo!()
    }

    /// Spends the time that the preferred hasher's cost is above that of `encoded` (A43).
    pub fn harden_runtime(&self, password: impl AsRef<[u8]>, encoded: &EncodedHash) {
        let _ = (password, encoded);
        todo!()
    }

    /// The hasher that reads `encoded` (A40).
    ///
    /// # Errors
    ///
    /// [`HashError::UnknownAlgorithm`].
    pub fn identify(&self, encoded: &EncodedHash) -> Result<&Hasher, HashError> {
        let _ = encoded;
        todo!()
    }

    /// The parts of `encoded`.
    ///
    /// # Errors
    ///
    /// As Django raises.
    pub fn decode(&self, encoded: &EncodedHash) -> Result<Decoded, HashError> {
        let _ = encoded;
        todo!()
    }

    /// Whether the preferred hasher would write `encoded` differently (A42).
    ///
    /// # Errors
    ///
    /// When the hash cannot be read.
    pub fn must_update(&self, encoded: &EncodedHash) -> Result<Upgrade, HashError> {
        let _ = encoded;
        todo!()
    }

    /// What the admin may show of a hash: labels and values, salt and checksum masked (A46).
    ///
    /// # Errors
    ///
    /// When the hash cannot be read.
    pub fn safe_summary(&self, encoded: &EncodedHash) -> Result<Vec<(&'static str, String)>, HashError> {
        let _ = encoded;
        todo!()
    }

    /// Memory that a check of `encoded` takes beyond a few KiB, in KiB; for the hashing lane's budget (D9).
    #[must_use]
    pub fn memory_kib(&self, encoded: &EncodedHash) -> u32 {
        let _ = encoded;
        todo!()
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
    let _ = random;
    todo!()
}
