//! The service over a real database.

#![expect(clippy::unwrap_used, reason = "helpers of tests, outside of test functions")]

mod accounts;
mod authenticate;
mod events;
mod permissions;
mod recovery;
mod sessions;
mod site;
mod statistics;
mod throttle;
mod timing;
