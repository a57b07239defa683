//! Sessions on real servers: the suite of every engine, nodes that share stores, outages, dead masters.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]
#![expect(clippy::duplicate_mod, reason = "one suite, run on a cache that is shared and on databases")]

/// Runs the tests of the engines that use a cache on Redis. A clock that is moved by hand is none of Redis's, so what
/// moves it stays out.
macro_rules! engine_suite {
    (@ a_session_ends_at_its_moment $engine:ident) => {};
    (@ a_dead_cookie_is_kept_when_hardened $engine:ident) => {};
    (@ $test:ident db) => {};
    (@ $test:ident file) => {};
    (@ $test:ident signed_cookies) => {};
    (@ $test:ident $engine:ident) => {
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $engine() {
            let world = crate::on_redis().await;
            super::$test(&world, crate::world::Kind::from_name(stringify!($engine))).await;
        }
    };
    ($($test:ident: $($engine:ident)+;)+) => { $( mod $test { $( engine_suite!(@ $test $engine); )+ } )+ };
}

mod databases;
mod failover;
mod near;
mod nodes;
mod outages;
#[expect(dead_code, reason = "some of the suite is for stores of this process")]
#[path = "../it/suite.rs"]
mod suite;
#[expect(dead_code, reason = "some of it is for stores of this process")]
#[path = "../it/world.rs"]
mod world;

use cloakroom_cache::{Cache, CacheUrl};
use cloakroom_core::keys::SessionKey;
use cloakroom_sessions::{Session, SessionError, Sessions};
use cloakroom_testservers::{redis_url, unique_name};
use world::World;

fn cache(url: &str) -> Cache {
    Cache::new(&CacheUrl::parse(url).unwrap())
}

/// A world whose cache is the shared Redis, with a key space of its own.
async fn on_redis() -> World {
    World::new().await.on(cache(&format!("{}?key_prefix={}", redis_url(), unique_name("sessions"))))
}

/// Signs somebody in.
async fn sign_in(sessions: &Sessions, user: &str) -> Result<SessionKey, SessionError> {
    let session = sessions.open(None).load().await?;
    session.set("_auth_user_id", user).unwrap();
    session.save().await?;
    Ok(session.key().unwrap())
}

async fn open(sessions: &Sessions, key: &SessionKey) -> Session {
    sessions.open(Some(key.expose())).load().await.unwrap()
}

/// Adds one to `hits`, exactly.
async fn count(session: &Session) -> Result<i64, SessionError> {
    use cloakroom_core::value::Value;
    let next = |data: &mut cloakroom_core::value::Dict| {
        let hits = if let Some(Value::Int(n)) = data.get("hits") { n + 1 } else { 1 };
        data.insert("hits", hits);
        hits
    };
    session.transact(next).await
}
