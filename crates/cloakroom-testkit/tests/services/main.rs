//! The site on real servers: `cargo xtask services -- cargo test -p cloakroom-testkit --features services --test services`.

#![expect(clippy::unwrap_used, reason = "a test fails by it")]

#[cfg(feature = "django")]
mod django;
mod outages;
mod redis;
