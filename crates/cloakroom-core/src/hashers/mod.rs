//! Django's password hashes: reading, writing and judging the text of the password column (A30–A46).
//!
//! A [`HasherSet`] is `PASSWORD_HASHERS`: the first hasher writes, all of them read. Everything here is plain
//! computation that takes its time on purpose; run it on threads made for it, never on an async worker (D9).
//!
//! - Passwords are bytes: never cut, never normalised, NUL included (A02, A39).
//! - Where Django raises at login over a damaged hash (A44), [`Checked::Unreadable`] is the answer.
//! - Costs that would hang or exhaust the machine are refused before any work (A14); see [`HashError::TooCostly`].

mod algorithm;
mod decoded;
mod error;
mod set;

pub use self::algorithm::{Algorithm, Cost, DjangoVersion, Hasher};
pub use self::decoded::{Decoded, Number};
pub use self::error::{HashError, HashersError};
pub use self::set::{Checked, HasherSet, Upgrade, make_unusable};

/// The longest password that a site should hash, in bytes (A03). Callers refuse longer ones before any work, for
/// known and unknown users alike.
pub const MAX_PASSWORD_BYTES: usize = 16 * 1024;
