//! The crate from outside.

#![expect(clippy::unwrap_used, reason = "a test may panic, its helpers too")]

#[macro_use]
#[path = "../suite/mod.rs"]
mod suite;

mod concurrency;
mod crash;
mod every_kind;
mod migrations;
mod near;
mod open;
mod sessions;
mod support;
mod users;
