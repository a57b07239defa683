//! The crate from outside.

#![expect(clippy::unwrap_used, reason = "a test may panic, its helpers too")]

mod concurrency;
mod crash;
mod migrations;
mod open;
mod session_index;
mod sessions;
mod support;
mod users;
