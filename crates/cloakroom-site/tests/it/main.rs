//! The pages over HTTP, in process: the whole layer, an SQLite database of its own, cheap hashers, a clock that stands.

#![cfg(test)]
#![expect(unreachable_pub, reason = "one binary, nothing is public")]

mod account;
mod admin;
mod api;
mod home;
mod login;
mod password;
mod sessions;
mod site;
