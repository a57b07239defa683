//! The site over HTTP, as its users meet it.

#![expect(clippy::unwrap_used, reason = "a test fails by it")]

mod accounts;
mod explain;
mod faults;
mod logins;
mod members;
mod openapi;
mod pages;
mod panel;
mod reasons;
mod resumed;
mod sessions;
mod throttle;
