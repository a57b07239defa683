//! Pickles as data: Python's `pickle` without the part that runs code (S36, G37).
//!
//! A pickle is a program that may call anything. [`loads`] knows the opcodes of protocols 2 to 5 and a fixed list of
//! types; it builds [`Value`](crate::value::Value)s by itself, calls nothing, and refuses every other name with its
//! reason. Depth, size and the number of values are bounded.
//!
//! What it knows: everything that JSON holds, `tuple`, `bytes`, `set`, `frozenset`, `complex`, `datetime`, `date`,
//! `time`, `timedelta`, `timezone` (and pytz's `UTC`) inside a `datetime`, `Decimal` and `UUID`.

mod bigint;
mod objects;
mod read;
mod write;

pub use read::{PickleError, loads};
pub use write::{PickleWriteError, dumps, dumps_dict};

/// The most bytes that a pickle may have.
pub const MAX_BYTES: usize = crate::signing::MAX_DECOMPRESSED_BYTES;

/// The most values that a pickle may hold, each counted as often as it is referred to.
pub const MAX_VALUES: usize = 1_000_000;

/// How deep values may nest. Python's own pickler gives up at about a thousand.
pub const MAX_DEPTH: usize = 500;
