//! Django's password hashes: reading, writing and judging the text of the password column (A30–A46).
//!
//! A [`HasherSet`] is `PASSWORD_HASHERS`: the first hasher writes, all of them read. Everything here is plain
//! computation that takes its time on purpose; run it on threads made for it, never on an async worker (D9).
//!
//! - PBKDF2-SHA256, Django's default, can be run for several passwords at once, for half the cost of each or less:
//!   [`Work`].
//! - Passwords are bytes: never cut, never normalised, NUL included (A02, A39).
//! - Where Django raises at login over a damaged hash (A44), [`Checked::Unreadable`] is the answer.
//! - Costs that would hang or exhaust the machine are refused before any work (A14); see [`HashError::TooCostly`].

mod algorithm;
mod argon2;
mod bcrypt;
mod decoded;
mod error;
mod hasher;
mod md5;
mod pbkdf2;
mod scrypt;
mod set;
mod work;

pub use self::algorithm::{Algorithm, Cost, DjangoVersion};
pub use self::argon2::{keep_memory, release_memory};
pub use self::decoded::{Decoded, Field, Number};
pub use self::error::{HashError, HashersError};
pub use self::hasher::Hasher;
pub use self::pbkdf2::Derivation;
pub use self::set::{Checked, HasherSet, Upgrade, make_unusable};
pub use self::work::{Check, Encode, EqualWork, Work};

/// The longest password that a site should hash, in bytes (A03). Callers refuse longer ones before any work, for
/// known and unknown users alike.
pub const MAX_PASSWORD_BYTES: usize = 16 * 1024;

/// Characters of a new salt: enough of `a-zA-Z0-9` for 128 bits (A39).
const SALT_LEN: usize = 22;

/// Whether a salt of so many characters has less than 128 bits, however they were drawn (A42).
const fn is_short_salt(len: usize) -> bool {
    len < SALT_LEN
}

fn check_salt(salt: &str) -> Result<(), HashError> {
    if salt.is_empty() || salt.contains('$') { Err(HashError::Salt) } else { Ok(()) }
}
