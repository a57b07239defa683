//! The algorithms by their names, and what each costs.

/// A password hashing algorithm of Django's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Algorithm {
    /// PBKDF2 with SHA-256 (A30).
    Pbkdf2Sha256,
    /// PBKDF2 with SHA-1 (A31).
    Pbkdf2Sha1,
    /// Argon2id (A32).
    Argon2,
    /// bcrypt over the hex of a SHA-256 (A33).
    BcryptSha256,
    /// bcrypt over the password itself (A34).
    Bcrypt,
    /// scrypt (A36).
    Scrypt,
    /// Salted MD5, for tests only (A37).
    Md5,
}

impl Algorithm {
    /// All algorithms.
    pub const ALL: [Self; 7] =
        [Self::Pbkdf2Sha256, Self::Pbkdf2Sha1, Self::Argon2, Self::BcryptSha256, Self::Bcrypt, Self::Scrypt, Self::Md5];

    /// The text before the first `$` of a hash, which is also the short name in settings.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pbkdf2Sha256 => "pbkdf2_sha256",
            Self::Pbkdf2Sha1 => "pbkdf2_sha1",
            Self::Argon2 => "argon2",
            Self::BcryptSha256 => "bcrypt_sha256",
            Self::Bcrypt => "bcrypt",
            Self::Scrypt => "scrypt",
            Self::Md5 => "md5",
        }
    }

    /// The dotted path of Django's class, as `PASSWORD_HASHERS` has it.
    #[must_use]
    pub const fn dotted_path(self) -> &'static str {
        match self {
            Self::Pbkdf2Sha256 => "django.contrib.auth.hashers.PBKDF2PasswordHasher",
            Self::Pbkdf2Sha1 => "django.contrib.auth.hashers.PBKDF2SHA1PasswordHasher",
            Self::Argon2 => "django.contrib.auth.hashers.Argon2PasswordHasher",
            Self::BcryptSha256 => "django.contrib.auth.hashers.BCryptSHA256PasswordHasher",
            Self::Bcrypt => "django.contrib.auth.hashers.BCryptPasswordHasher",
            Self::Scrypt => "django.contrib.auth.hashers.ScryptPasswordHasher",
            Self::Md5 => "django.contrib.auth.hashers.MD5PasswordHasher",
        }
    }

    /// The algorithm with this short [`name`](Self::name).
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|a| a.name() == name)
    }

    /// The algorithm that a setting names, by its dotted path or its short name.
    ///
    /// ```
    /// use cloakroom_core::hashers::Algorithm;
    ///
    /// assert_eq!(Algorithm::parse("django.contrib.auth.hashers.MD5PasswordHasher"), Some(Algorithm::Md5));
    /// assert_eq!(Algorithm::parse("argon2"), Some(Algorithm::Argon2));
    /// assert_eq!(Algorithm::parse("rot13"), None);
    /// ```
    #[must_use]
    pub fn parse(setting: &str) -> Option<Self> {
        Self::from_name(setting).or_else(|| Self::ALL.into_iter().find(|a| a.dotted_path() == setting))
    }
}

/// The Django release whose defaults apply where releases differ (V01, V13).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DjangoVersion {
    /// 5.2: 1,000,000 PBKDF2 iterations.
    V5_2,
    /// 6.0: 1,200,000 PBKDF2 iterations.
    V6_0,
    /// 6.1: 1,500,000 PBKDF2 iterations.
    #[default]
    V6_1,
}

impl DjangoVersion {
    /// How many iterations the release's PBKDF2 hashers make (V01).
    #[must_use]
    pub const fn pbkdf2_iterations(self) -> u32 {
        match self {
            Self::V5_2 => 1_000_000,
            Self::V6_0 => 1_200_000,
            Self::V6_1 => 1_500_000,
        }
    }
}

/// What a hasher makes an attacker pay for one guess.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cost {
    /// PBKDF2's rounds.
    Pbkdf2 {
        /// HMACs in a row.
        iterations: u32,
    },
    /// Argon2's parameters.
    Argon2 {
        /// Passes over the memory.
        time_cost: u32,
        /// Memory in KiB.
        memory_kib: u32,
        /// Lanes. They change the hash (G20).
        parallelism: u32,
    },
    /// bcrypt's rounds, as the exponent of two.
    Bcrypt {
        /// 4 to 31.
        rounds: u32,
    },
    /// scrypt's parameters.
    Scrypt {
        /// A power of two (`N`).
        work_factor: u32,
        /// Block size (`r`).
        block_size: u32,
        /// `p` (G21).
        parallelism: u32,
    },
    /// None at all.
    Free,
}
