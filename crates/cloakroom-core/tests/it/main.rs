//! The core against the golden vectors.

#![expect(clippy::unwrap_used, reason = "a vector of another shape should fail the test")]

mod cookies;
mod csrf;
mod csrf_requests;
mod emails;
mod hashers;
mod headers;
mod redirects;
mod usernames;
mod validators;
mod vectors;
