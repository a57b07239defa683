//! The crate from outside, on real servers: `cargo xtask services -- cargo test -p cloakroom-db --features services`.

#![expect(clippy::unwrap_used, reason = "a test may panic, its helpers too")]

#[macro_use]
#[path = "../suite/mod.rs"]
mod suite;

mod mysql;
mod postgres;
