//! Django's cache: what `cache` and `cached_db` sessions, and counters, are kept in.
//!
//! [`Cache`] is the door; behind it is [`MemoryCache`], bounded and shared by all tasks of this process. Every answer
//! that a caller decides on is atomic: [`Cache::add`], [`Cache::replace_if`].
//!
//! - Nothing here reads the clock: `now` is a parameter.
//! - Nothing here knows sessions or the database.

mod cache;
mod keys;
mod memory;
mod value;

pub use self::{
    cache::{Added, Cache, CacheError, Replaced, Timeout},
    keys::KeyForm,
    memory::{Bounds, MemoryCache},
    value::CacheValue,
};
