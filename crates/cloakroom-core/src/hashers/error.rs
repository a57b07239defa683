//! Why a hash cannot be made or read, and why a list of hashers is refused.

/// Why a hash cannot be made or read. Django raises in each case but [`TooCostly`](Self::TooCostly) (A44).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HashError {
    /// No hasher of the list goes by the algorithm that the text names or has the shape of (A38, A40).
    #[error("no configured hasher knows this hash")]
    UnknownAlgorithm,
    /// The text has too few or too many parts, or a part that is out of its range.
    #[error("malformed hash: {0}")]
    Malformed(&'static str),
    /// The text should be ASCII and is not.
    #[error("the hash is not ASCII")]
    NotAscii,
    /// A number is beyond what the algorithm can take.
    #[error("a number in the hash is out of range")]
    OutOfRange,
    /// A number of scrypt's is negative or wider than 64 bits.
    #[error("a number in the hash is no unsigned integer")]
    NotUnsigned,
    /// The text is no Argon2 hash.
    #[error("not an Argon2 hash")]
    Argon2Format,
    /// Argon2 does not take these parameters, such as a salt of fewer than eight bytes.
    #[error("Argon2 refuses these parameters")]
    Argon2Parameters,
    /// The salt is not base64 (V13).
    #[error("the salt is not base64")]
    Base64,
    /// The salt is empty, contains `$`, or is not what bcrypt takes.
    #[error("unfit salt")]
    Salt,
    /// Plain bcrypt takes at most 72 bytes (A02, A34).
    #[error("bcrypt takes passwords of at most 72 bytes")]
    PasswordTooLong,
    /// The cost is so high that Cloakroom refuses to pay it (A14). Django would try.
    #[error("the hash costs too much: {0}")]
    TooCostly(&'static str),
}

impl HashError {
    /// The name of the exception that Django raises; empty where it raises none.
    #[must_use]
    pub const fn django_name(self) -> &'static str {
        match self {
            Self::UnknownAlgorithm | Self::Malformed(_) | Self::Salt | Self::PasswordTooLong => "ValueError",
            Self::NotAscii => "UnicodeEncodeError",
            Self::OutOfRange => "OverflowError",
            Self::NotUnsigned => "TypeError",
            Self::Argon2Format => "InvalidHashError",
            Self::Argon2Parameters => "HashingError",
            Self::Base64 => "Error",
            Self::TooCostly(_) => "",
        }
    }
}

/// Why a list of hashers is refused at start.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HashersError {
    /// The list is empty: nothing could write a hash.
    #[error("PASSWORD_HASHERS is empty; name at least one hasher, such as \"pbkdf2_sha256\"")]
    Empty,
    /// No hasher goes by this name.
    #[error("PASSWORD_HASHERS: unknown hasher {0:?}")]
    Unknown(String),
}
