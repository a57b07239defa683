//! The `cloakroom` program, from outside: what it prints, how it exits, what it leaves on disk, what it answers.

#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "helpers of tests, outside of test functions")]

mod browser;
mod commands;
mod init;
mod members;
mod program;
mod serve;
mod start;
