//! The core against the golden vectors.

#![expect(clippy::unwrap_used, reason = "a vector of another shape should fail the test")]

mod auth_hash;
mod cookies;
mod csrf;
mod csrf_requests;
mod emails;
mod expiry;
mod hashers;
mod headers;
mod legacy_session;
mod messages;
mod properties;
mod redirects;
mod reset_tokens;
mod session;
mod signing;
mod typed;
mod usernames;
mod validators;
mod vectors;
