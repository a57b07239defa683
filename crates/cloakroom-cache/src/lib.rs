//! Django's cache: what `cache` and `cached_db` sessions, and counters, are kept in.
//!
//! [`Cache`] is the door; behind it is [`MemoryCache`], bounded and shared by all tasks of this process, or a Valkey or
//! Redis (one server, sentinels, a cluster) that other processes share, a Django among them. [`CacheUrl`] says which.
//! Every answer that a caller decides on is atomic: [`Cache::add`], [`Cache::replace_if`]. [`Cache::watch`] has the server tell
//! of changes, so that copies can be used without a question.
//!
//! - Nothing here reads the clock: `now` is a parameter. Redis counts by its own clock.
//! - Nothing here knows sessions or the database.

mod cache;
mod keys;
mod memory;
mod redis;
mod url;
mod value;
mod watch;

pub use self::{
    cache::{Added, Cache, CacheError, Looked, Replaced, Stamped, Timeout},
    keys::KeyForm,
    memory::{Bounds, MemoryCache},
    redis::Unreachable,
    url::{CacheUrl, CacheUrlError},
    value::{CacheValue, Stamp, Unreadable},
    watch::{Kept, Watch, Watched},
};
