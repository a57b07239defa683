//! The service over a real database, and Django's vectors about it.

#![expect(clippy::unwrap_used, reason = "helpers of tests, outside of test functions")]

mod accounts;
mod authenticate;
mod events;
mod fixture;
mod permissions;
mod recovery;
mod sessions;
mod site;
