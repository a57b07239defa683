//! The core against the golden vectors.

#![expect(clippy::unwrap_used, reason = "a vector of another shape should fail the test")]

mod emails;
mod hashers;
mod usernames;
mod validators;
mod vectors;
