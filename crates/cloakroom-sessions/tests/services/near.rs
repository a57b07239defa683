//! Copies of what the cache has, in memory (D5, S21): no older than the bound, and no question to the server.

use std::time::{Duration, Instant};

use cloakroom_sessions::{AnyEngine, Engine, Loaded, SessionConfig, Sessions};
use cloakroom_testservers::{Fault, FaultProxy, RedisServer};

use crate::world::{Kind, NEAR_BYTES, T0, World};
use crate::{cache, open, sign_in};
use cloakroom_core::keys::SessionKey;

const BOUND: Duration = Duration::from_millis(800);

async fn world(server: std::net::SocketAddr) -> World {
    World::new().await.on(cache(&format!("redis://{server}"))).with_near(BOUND)
}

/// How often the server was asked for a value.
fn gets(server: &RedisServer) -> u64 {
    let text = server.ask(&["INFO", "commandstats"]).text();
    let line = text.lines().find_map(|line| line.strip_prefix("cmdstat_get:calls="));
    line.map_or(0, |line| line.split_once(',').unwrap().0.parse().unwrap())
}

/// Loads until that asks nobody.
async fn kept(server: &RedisServer, sessions: &Sessions, key: &SessionKey) {
    let began = Instant::now();
    loop {
        let before = gets(server);
        drop(open(sessions, key).await);
        if gets(server) == before {
            return;
        }
        assert!(began.elapsed() < Duration::from_secs(20), "no copy is used");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

async fn n(sessions: &Sessions, key: &SessionKey) -> Option<i64> {
    open(sessions, key).await.get("n").unwrap()
}

/// Looks until it is so: within the bound.
async fn soon(sessions: &Sessions, key: &SessionKey, is: Option<i64>, what: &str) {
    let began = Instant::now();
    while n(sessions, key).await != is {
        assert!(began.elapsed() < BOUND, "{what}: older than the bound");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

fn stored_as(kind: Kind, key: &SessionKey) -> String {
    let prefix = if kind == Kind::Cache { "cache" } else { "cached_db" };
    format!(":1:django.contrib.sessions.{prefix}{}", key.expose())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_is_used_without_a_question() {
    let server = RedisServer::start();
    let world = world(server.address()).await;
    for kind in [Kind::Cache, Kind::CachedDb] {
        let sessions = world.sessions(kind, SessionConfig::default());
        let key = sign_in(&sessions, "1").await.unwrap();
        kept(&server, &sessions, &key).await;
        let before = gets(&server);
        for _ in 0..500 {
            let session = open(&sessions, &key).await;
            assert_eq!(session.get::<String>("_auth_user_id").unwrap().as_deref(), Some("1"));
        }
        assert_eq!(gets(&server) - before, 0, "{kind:?}");
        assert!(sessions.engine().guarantee().contains("bounded"), "{kind:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_another_process_changes_is_seen_within_the_bound() {
    let server = RedisServer::start();
    let place = world(server.address()).await;
    // Another process: it shares database and cache, and nothing in memory.
    for kind in [Kind::Cache, Kind::CachedDb] {
        let here = place.sessions(kind, SessionConfig::default());
        let there = place.sessions(kind, SessionConfig::default());
        for round in 0..20_i64 {
            let key = sign_in(&here, "1").await.unwrap();
            kept(&server, &here, &key).await;
            kept(&server, &there, &key).await;
            let session = open(&there, &key).await;
            session.set("n", &round).unwrap();
            session.save().await.unwrap();
            assert_eq!(n(&there, &key).await, Some(round), "{kind:?}: own changes are seen at once");
            soon(&here, &key, Some(round), "an edit").await;
            kept(&server, &here, &key).await;
            match round % 3 {
                0 => {
                    there.end(&key).await.unwrap();
                    assert!(open(&there, &key).await.is_empty(), "{kind:?}: own changes are seen at once");
                }
                // A program that knows nothing of us: a Django that logs out, say.
                1 => {
                    if kind == Kind::CachedDb {
                        cloakroom_db::sessions::delete(place.db(), &key, cloakroom_db::Durability::Normal)
                            .await
                            .unwrap();
                    }
                    server.ask(&["DEL", &stored_as(kind, &key)]);
                }
                _ => {
                    let path = stored_as(kind, &key);
                    let text = server.ask(&["GET", &path]);
                    assert!(!text.text().is_empty());
                    server.ask(&["FLUSHDB"]);
                    if kind == Kind::CachedDb {
                        cloakroom_db::sessions::delete(place.db(), &key, cloakroom_db::Durability::Normal)
                            .await
                            .unwrap();
                        server.ask(&["DEL", &path]);
                    }
                }
            }
            soon(&here, &key, None, "an end").await;
        }
    }
}

/// Redis counts a session's time by its own clock, and so does the copy: also where nobody has removed the key yet.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_does_not_outlive_its_session() {
    let server = RedisServer::start();
    server.ask(&["DEBUG", "SET-ACTIVE-EXPIRE", "0"]);
    let world = world(server.address()).await;
    let sessions = world.sessions(Kind::Cache, SessionConfig { age_secs: 2, ..SessionConfig::default() });
    let key = sign_in(&sessions, "1").await.unwrap();
    let stored = Instant::now();
    kept(&server, &sessions, &key).await;
    assert!(stored.elapsed() < Duration::from_secs(2), "it took too long to prove anything");
    tokio::time::sleep(Duration::from_millis(2_010).saturating_sub(stored.elapsed())).await;
    assert!(matches!(sessions.engine().load(&key, T0).await.unwrap(), Loaded::Absent(_)));
}

/// D7: where nothing is heard, the cache is asked, and if it does not answer nobody is signed out.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cache_that_hangs_is_an_error_after_the_bound() {
    let server = RedisServer::start();
    let proxy = FaultProxy::before(server.address()).await;
    let place =
        World::new().await.on(cache(&format!("redis://{}?socket_timeout=0.5", proxy.address()))).with_near(BOUND);
    let sessions = place.sessions(Kind::Cache, SessionConfig::default());
    let key = sign_in(&sessions, "1").await.unwrap();
    kept(&server, &sessions, &key).await;
    proxy.set(Fault::Hang).await;
    server.ask(&["DEL", &stored_as(Kind::Cache, &key)]);
    let began = Instant::now();
    while let Ok(loaded) = sessions.engine().load(&key, T0).await {
        assert!(matches!(loaded, Loaded::Live(_)), "nobody knows that it is gone");
        assert!(began.elapsed() < BOUND, "older than the bound");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    proxy.set(Fault::Pass).await;
    let began = Instant::now();
    loop {
        match sessions.engine().load(&key, T0).await {
            Ok(loaded) => break assert!(matches!(loaded, Loaded::Absent(_)), "it is gone"),
            Err(_) => assert!(began.elapsed() < Duration::from_secs(5)),
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// U03: more sessions than memory.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn copies_take_no_more_memory_than_they_may() {
    let server = RedisServer::start();
    let world = world(server.address()).await;
    let sessions = world.sessions(Kind::Cache, SessionConfig::default());
    let first = sign_in(&sessions, "1").await.unwrap();
    kept(&server, &sessions, &first).await;
    let AnyEngine::Cache(engine) = sessions.engine() else { panic!() };
    let mut most = 0;
    for _ in 0..3_000 {
        let key = sign_in(&sessions, &"1".repeat(200)).await.unwrap();
        drop(open(&sessions, &key).await);
        let (bytes, count) = engine.near_use();
        assert!(bytes <= NEAR_BYTES, "{bytes}");
        most = most.max(count);
    }
    assert!((500..3_000).contains(&most), "{most}");
    assert!(open(&sessions, &first).await.contains_key("_auth_user_id"), "what did not fit is asked for");
}
