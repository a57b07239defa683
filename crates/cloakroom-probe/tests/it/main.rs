//! The probe's golden vectors, each file as the command checks it.

#![expect(clippy::unwrap_used, reason = "tests")]

mod processes;
mod vectors;
