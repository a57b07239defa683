//! The cache on real servers, and in memory by the same rules.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod bytes;
mod near;
mod outages;
mod suite;
mod tls;

use std::sync::Arc;

use cloakroom_cache::{Cache, CacheUrl, CacheValue};
use cloakroom_core::clock::Timestamp;
use cloakroom_core::value::{Dict, Value};
use cloakroom_testservers::{redis_url, unique_name};

/// Redis tells the time by itself; memory is told this.
const NOW: Timestamp = Timestamp::from_secs(1_000);

fn cache(url: &str) -> Cache {
    Cache::new(&CacheUrl::parse(url).unwrap())
}

/// A cache on the shared Redis with a key space of its own, and the prefix of that.
fn own_redis() -> (Cache, String) {
    let prefix = unique_name("cache");
    (cache(&format!("{}?key_prefix={prefix}", redis_url())), prefix)
}

fn dict(name: &str, value: i64) -> CacheValue {
    let data: Dict = [(name.into(), Value::Int(value))].into_iter().collect();
    CacheValue::Dict(Arc::new(data))
}
