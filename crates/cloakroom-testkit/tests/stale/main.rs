//! Nothing stale is served (S21): several processes on one store, operations drawn at random, and after each a look on every
//! node.
//!
//! `CLOAKROOM_STALE_STEPS` says how many operations; with the feature `services` PostgreSQL and MySQL are stores too, with
//! `django` the real Django is one of the nodes.

#![expect(clippy::unwrap_used, reason = "a test fails by it")]

mod model;
mod node;

use std::time::Duration;

use crate::model::{Model, Rule};
use crate::node::{Far, Near, Node, Place};

const STEPS: usize = 600;

fn steps() -> usize {
    std::env::var("CLOAKROOM_STALE_STEPS").map_or(STEPS, |steps| steps.parse().expect("a number of steps"))
}

/// Not a test but a process of its own, when another test starts it.
#[test]
fn a_node() {
    if let Some(url) = std::env::var_os("CLOAKROOM_NODE_URL") {
        node::serve(url.to_str().unwrap());
    }
}

/// The tables, three people, and a group.
async fn prepare(url: &str) -> Vec<String> {
    let node = Near::open(url).await;
    node.prepare().await
}

async fn prove(url: &str, nodes: Vec<Box<dyn Node>>, rule: Rule) {
    prove_at(&Place::database(url), nodes, rule).await;
}

async fn prove_at(place: &Place, mut nodes: Vec<Box<dyn Node>>, rule: Rule) {
    let users = prepare(&place.database).await;
    let here = Near::open_with(place, rule.bound).await;
    assert!(place.cache.is_some() || rule.bound == here.db.freshness().bound());
    nodes.push(Box::new(here));
    nodes.push(Box::new(Far::cloakroom(place, rule.bound)));
    nodes.push(Box::new(Far::cloakroom(place, rule.bound)));
    let steps = steps();
    let mut model = Model::new(users, rule);
    for step in 0..steps {
        model.step(step, &mut nodes).await;
    }
    let Model { reads, signed_in, .. } = model;
    assert!(
        signed_in > steps / 4,
        "{steps} steps prove little: {signed_in} of {reads} reads are of somebody signed in"
    );
}

/// SQLite: strict, between three of our processes.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_stale_is_served_on_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}/db.sqlite3", folder.path().display());
    prove(&url, Vec::new(), Rule { bound: Duration::ZERO }).await;
}

/// SQLite: strict, with the real Django on the same file.
#[cfg(feature = "django")]
#[tokio::test(flavor = "multi_thread")]
async fn nothing_stale_is_served_beside_django() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("db.sqlite3");
    let url = format!("sqlite://{}", path.display());
    prepare(&url).await;
    let django = Far::django(&path, cloakroom_testkit::TestSite::SECRET_KEY);
    prove(&url, vec![Box::new(django)], Rule { bound: Duration::ZERO }).await;
}

/// PostgreSQL as it is by itself: strict.
#[cfg(feature = "services")]
#[tokio::test(flavor = "multi_thread")]
async fn nothing_stale_is_served_on_postgres() {
    let own = cloakroom_testkit::OwnDatabase::postgres();
    prove(&own.url(), Vec::new(), Rule { bound: Duration::ZERO }).await;
}

/// PostgreSQL where it tells of changes: no later than the bound.
#[cfg(feature = "services")]
#[tokio::test(flavor = "multi_thread")]
async fn what_is_served_on_postgres_is_no_older_than_the_bound() {
    let own = cloakroom_testkit::OwnDatabase::postgres();
    prove(&own.url(), Vec::new(), Rule { bound: Duration::from_secs(1) }).await;
}

/// Sessions in Redis, users in a file.
#[cfg(feature = "services")]
async fn prove_on_redis(engine: node::Engine, bound: Duration) {
    let folder = tempfile::tempdir().unwrap();
    let database = format!("sqlite://{}/db.sqlite3", folder.path().display());
    let server = cloakroom_testservers::RedisServer::start();
    let place = Place { database, cache: Some((engine, format!("redis://{}", server.address()))) };
    prove_at(&place, Vec::new(), Rule { bound }).await;
}

/// Redis as it is by itself: strict.
#[cfg(feature = "services")]
#[tokio::test(flavor = "multi_thread")]
async fn nothing_stale_is_served_on_redis() {
    prove_on_redis(node::Engine::Cache, Duration::ZERO).await;
}

/// Redis where it tells of changes: no later than the bound.
#[cfg(feature = "services")]
#[tokio::test(flavor = "multi_thread")]
async fn what_is_served_on_redis_is_no_older_than_the_bound() {
    prove_on_redis(node::Engine::Cache, Duration::from_secs(1)).await;
}

/// The database with Redis before it, where Redis tells of changes: no later than the bound.
#[cfg(feature = "services")]
#[tokio::test(flavor = "multi_thread")]
async fn what_is_served_before_a_database_is_no_older_than_the_bound() {
    prove_on_redis(node::Engine::CachedDb, Duration::from_secs(1)).await;
}

/// D5: a signed-in request whose session and user are in memory asks neither Redis nor the database.
#[cfg(feature = "services")]
#[tokio::test(flavor = "multi_thread")]
async fn a_signed_in_request_asks_redis_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let server = cloakroom_testservers::RedisServer::start();
    // All that was done but beats.
    let asked = || {
        let text = server.ask(&["INFO", "commandstats"]).text();
        let calls = |line: &str| line.split_once("calls=")?.1.split_once(',')?.0.parse::<u64>().ok();
        let is_beat = |line: &str| ["set:", "exists:", "info:", "del:"].iter().any(|name| line.contains(name));
        text.lines().filter(|line| !is_beat(line)).filter_map(calls).sum::<u64>()
    };
    let place = Place {
        database: format!("sqlite://{}/db.sqlite3", folder.path().display()),
        cache: Some((node::Engine::Cache, format!("redis://{}", server.address()))),
    };
    let mut node = Near::open_with(&place, Duration::from_secs(2)).await;
    let users = node.prepare().await;
    let key = node.tell(&format!("login {}", users[0])).await;
    let began = std::time::Instant::now();
    loop {
        let before = asked();
        assert!(node.names_somebody(&key).await);
        if asked() == before {
            break;
        }
        assert!(began.elapsed() < Duration::from_secs(20), "no copy is used");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let before = (asked(), node.db.round_trips());
    for _ in 0..200 {
        assert!(node.names_somebody(&key).await);
    }
    assert_eq!((asked(), node.db.round_trips()), before);
    node.tell(&format!("active {} 0", users[0])).await;
    assert!(!node.names_somebody(&key).await, "a closed account counts at once");
}

/// MySQL: strict.
#[cfg(feature = "services")]
#[tokio::test(flavor = "multi_thread")]
async fn nothing_stale_is_served_on_mysql() {
    let own = cloakroom_testkit::OwnDatabase::mysql();
    prove(&own.url(), Vec::new(), Rule { bound: Duration::ZERO }).await;
}

/// D5: where no copy is used, session and user come in one round trip, once it is known whose session it is.
#[cfg(feature = "services")]
#[tokio::test(flavor = "multi_thread")]
async fn a_signed_in_request_asks_a_server_once() {
    for own in [cloakroom_testkit::OwnDatabase::postgres(), cloakroom_testkit::OwnDatabase::mysql()] {
        let mut node = Near::open(&own.url()).await;
        let users = node.prepare().await;
        let key = node.tell(&format!("login {}", users[0])).await;
        let mut asked = Vec::new();
        for _ in 0..4 {
            let before = node.db.round_trips();
            assert!(node.names_somebody(&key).await);
            asked.push(node.db.round_trips() - before);
        }
        assert_eq!(asked, [2, 1, 1, 1], "{:?}", node.db);
        node.tell(&format!("active {} 0", users[0])).await;
        assert!(!node.names_somebody(&key).await);
    }
}
