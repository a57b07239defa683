//! The `cloakroom` server and command line.

pub mod cli;
pub mod commands;
pub mod telemetry;
pub mod terminal;
