//! Outer tests: every engine by one suite, and the golden vectors of Django's middleware.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod suite;
mod vectors;
mod world;
