//! The crate from outside.

mod concurrency;
mod migrations;
mod open;
mod sessions;
mod support;
mod users;
mod vectors;
