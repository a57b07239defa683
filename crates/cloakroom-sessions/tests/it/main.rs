//! Outer tests: every engine by one suite.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod index;
mod moving;
mod suite;
mod world;
