//! What is said of the age of what is served (S21), where no server is needed to say it.

use std::time::Duration;

use cloakroom_sessions::SessionConfig;

use crate::world::{Kind, World};

/// A cache in this process's memory is its own copy.
#[tokio::test]
async fn a_cache_in_memory_needs_no_copies() {
    let world = World::new().await.with_near(Duration::from_secs(1));
    let guarantee = |kind| world.sessions(kind, SessionConfig::default()).engine().guarantee();
    assert_eq!(guarantee(Kind::Cache), "strict: each request asks the store");
    assert!(!guarantee(Kind::CachedDb).contains("bounded"));
}
