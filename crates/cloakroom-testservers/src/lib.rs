//! Databases of one's own on real servers, and a proxy that fails on demand, for tests.
//!
//! Knows nothing of the other crates, so that each of them can test with it. What is here panics where it cannot do
//! its work: that is how a test fails.
//!
//! - [`OwnDatabase`] makes an empty database on the PostgreSQL or MariaDB that `cargo xtask services` started, and drops
//!   it at the end.
//! - [`redis_url`] and [`unique_name`] are for tests on Redis, which share one server.
//! - [`RedisServer`], [`RedisCluster`] and [`RedisSentinels`] are servers of one's own, to be killed.
//! - [`FaultProxy`] stands before any server and refuses, hangs, or breaks off its answers.

mod databases;
mod proxy;
mod redis;

pub use self::databases::{OwnDatabase, certificate_authority, redis_url, unique_name};
pub use self::proxy::{Fault, FaultProxy};
pub use self::redis::{RedisCluster, RedisSentinels, RedisServer, Reply, ask_redis};
