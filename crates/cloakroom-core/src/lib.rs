//! Django's formats and rules as pure functions.
//!
//! Nothing here does I/O, awaits, reads the clock by itself or knows an HTTP framework: bytes and facts go in,
//! answers come out. That makes every rule testable against the golden vectors that Django itself wrote.

pub mod clock;
pub mod cookies;
pub mod csrf;
pub mod emails;
pub mod hashers;
pub mod headers;
pub mod hosts;
pub mod keys;
pub mod models;
pub mod names;
pub mod pytext;
pub mod random;
pub mod reason;
pub mod secret;
pub mod urls;
pub mod validators;
pub mod value;
