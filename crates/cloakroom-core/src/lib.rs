//! Django's formats and rules as pure functions.
//!
//! Nothing here does I/O, awaits, reads the clock by itself or knows an HTTP framework: bytes and facts go in,
//! answers come out. That makes every rule testable against the golden vectors that Django itself wrote.

pub mod auth_hash;
pub mod clock;
pub mod codec;
pub mod cookies;
pub mod crypto;
pub mod csrf;
pub mod emails;
pub mod expiry;
pub mod hashers;
pub mod headers;
pub mod hosts;
pub mod keys;
pub mod messages;
pub mod models;
pub mod names;
pub mod near;
pub mod proxies;
pub mod pydatetime;
pub mod pyint;
pub mod pytext;
pub mod random;
pub mod reason;
pub mod secret;
pub mod signing;
pub mod tokens;
pub mod turn;
pub mod urls;
pub mod user_model;
pub mod validators;
pub mod value;
