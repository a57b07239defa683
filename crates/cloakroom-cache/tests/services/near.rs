//! Copies for a bounded time (D5, S21): what others change is heard, and where nothing can be heard nothing is believed.

use std::time::{Duration, Instant};

use cloakroom_cache::{Cache, CacheError, Kept, Replaced, Timeout, Watch, Watched};
use cloakroom_core::near::{Stamp, Subject};
use cloakroom_testservers::{Fault, FaultProxy, RedisCluster, RedisSentinels, RedisServer};

use crate::{NOW, cache, dict};

const BOUND: Duration = Duration::from_millis(800);

const MINUTE: Timeout = Timeout::After(60.0);

fn watched(cache: &Cache) -> Watch {
    cache.watch("s.", BOUND).unwrap()
}

/// Reads until what is read can be kept.
async fn copy(cache: &Cache, watch: &Watch, name: &str) -> Kept {
    let began = Instant::now();
    loop {
        if let Ok(Watched { kept: Some(kept), found: Some(_) }) =
            cache.get_watched(watch, &format!("s.{name}"), NOW).await
        {
            return kept;
        }
        assert!(began.elapsed() < Duration::from_secs(20), "nothing is heard");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

fn holds(watch: &Watch, then: Stamp, name: &str) -> bool {
    watch.stamp().is_some_and(|now| watch.line().holds(then, now, Subject::Entry(name)))
}

/// Waits until a copy is believed no more: within the bound of what has just happened.
async fn ends(watch: &Watch, then: Stamp, name: &str, what: &str) {
    let began = Instant::now();
    while holds(watch, then, name) {
        assert!(began.elapsed() < BOUND, "believed beyond the bound after {what}");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

async fn store(cache: &Cache, name: &str) {
    cache.set(&format!("s.{name}"), dict("n", 1), MINUTE, NOW).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_others_change_is_heard() {
    let server = RedisServer::start();
    let url = format!("redis://{}?key_prefix=shop", server.address());
    let (cache, other) = (cache(&url), cache(&url));
    cache.check_watch().await.unwrap();
    let watch = watched(&cache);
    store(&other, "b").await;
    let changes: [&[&str]; 8] = [
        &["SET", "shop:1:s.a", "5"],
        &["DEL", "shop:1:s.a"],
        &["EXPIRE", "shop:1:s.a", "1000"],
        &["PERSIST", "shop:1:s.a"],
        &["RENAME", "shop:1:s.a", "shop:1:elsewhere"],
        &["EVAL", "return redis.call('SET', KEYS[1], 'x')", "1", "shop:1:s.a"],
        &["FLUSHDB"],
        &["SWAPDB", "0", "1"],
    ];
    for change in changes {
        store(&other, "a").await;
        store(&other, "b").await;
        // What was stored just now is heard before the copies are made.
        tokio::time::sleep(Duration::from_millis(50)).await;
        let (a, b) = (copy(&cache, &watch, "a").await, copy(&cache, &watch, "b").await);
        server.ask(change);
        ends(&watch, a.read_at, "a", &change.join(" ")).await;
        let all = matches!(change[0], "FLUSHDB" | "SWAPDB");
        assert_eq!(holds(&watch, b.read_at, "b"), !all, "{change:?} is of one key or of all");
    }
    // Other keys are not of it, nor are those of another prefix.
    store(&other, "a").await;
    tokio::time::sleep(Duration::from_millis(50)).await;
    let a = copy(&cache, &watch, "a").await;
    server.ask(&["SET", "shop:2:s.a", "5"]);
    server.ask(&["SET", "shop:1:t.a", "5"]);
    tokio::time::sleep(BOUND * 2).await;
    assert!(holds(&watch, a.read_at, "a"), "a copy lives longer than the bound when all is quiet");
}

/// What this process changes it sees at once, without waiting for the server to tell.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn own_changes_end_copies_at_once() {
    let server = RedisServer::start();
    let cache = cache(&format!("redis://{}", server.address()));
    let watch = watched(&cache);
    let mut stamp = cache.set("s.a", dict("n", 0), MINUTE, NOW).await.unwrap();
    for n in 1..200 {
        let a = copy(&cache, &watch, "a").await;
        match n % 4 {
            0 => stamp = cache.set("s.a", dict("n", n), MINUTE, NOW).await.unwrap(),
            1 => {
                let Replaced::Yes(new) = cache.replace_if("s.a", &stamp, dict("n", n), MINUTE, NOW).await.unwrap()
                else {
                    panic!("nobody else is here")
                };
                stamp = new;
            }
            2 => assert!(cache.touch_if("s.a", &stamp, Timeout::After(90.0), NOW).await.unwrap()),
            _ => cache.delete("s.a").await.unwrap(),
        }
        assert!(!holds(&watch, a.read_at, "a"), "change {n}");
        if n % 4 == 3 {
            stamp = cache.set("s.a", dict("n", n), MINUTE, NOW).await.unwrap();
        }
    }
}

/// A copy ends no later than the key does, heard or not.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_end_of_a_key_is_known() {
    let server = RedisServer::start();
    let cache = cache(&format!("redis://{}", server.address()));
    let watch = watched(&cache);
    // Keys that are over stay until somebody looks for them.
    server.ask(&["DEBUG", "SET-ACTIVE-EXPIRE", "0"]);
    store(&cache, "a").await;
    let _ = copy(&cache, &watch, "a").await;
    let before = Instant::now();
    server.ask(&["PEXPIRE", ":1:s.a", "700"]);
    let stored = Instant::now();
    let a = copy(&cache, &watch, "a").await;
    let until = a.until.unwrap();
    assert!(until > before && until <= stored + Duration::from_millis(700), "{:?}", until - before);
    server.ask(&["PERSIST", ":1:s.a"]);
    assert_eq!(copy(&cache, &watch, "a").await.until, None);
}

/// The connection that tells is cut while others change things: not one change is missed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cut_connection_misses_nothing() {
    let server = RedisServer::start();
    let url = format!("redis://{}", server.address());
    let (cache, other) = (cache(&url), cache(&url));
    let watch = watched(&cache);
    store(&other, "a").await;
    for n in 0..5 {
        let a = copy(&cache, &watch, "a").await;
        server.ask(&["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"]);
        server.ask(&["SET", ":1:s.a", &n.to_string()]);
        ends(&watch, a.read_at, "a", "a cut").await;
        copy(&cache, &watch, "a").await;
        assert!(!holds(&watch, a.read_at, "a"), "nor is it believed afterwards");
    }
}

/// A connection that is half open: nobody says that it is dead, and nothing is heard. Copies are used for the bound at most.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_half_open_connection_is_not_believed_for_long() {
    let server = RedisServer::start();
    let proxy = FaultProxy::before(server.address()).await;
    let cache = cache(&format!("redis://{}", proxy.address()));
    let watch = watched(&cache);
    store(&cache, "a").await;
    let a = copy(&cache, &watch, "a").await;
    proxy.set(Fault::Hang).await;
    server.ask(&["DEL", ":1:s.a"]);
    ends(&watch, a.read_at, "a", "a hang").await;
    tokio::time::sleep(BOUND).await;
    assert_eq!(watch.stamp(), None);
    proxy.set(Fault::Pass).await;
    server.ask(&["SET", ":1:s.a", "5"]);
    copy(&cache, &watch, "a").await;
    assert!(!holds(&watch, a.read_at, "a"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_starts_again_has_other_values() {
    let mut server = RedisServer::start();
    let cache = cache(&format!("redis://{}", server.address()));
    let watch = watched(&cache);
    for _ in 0..3 {
        store(&cache, "a").await;
        let a = copy(&cache, &watch, "a").await;
        server.kill();
        ends(&watch, a.read_at, "a", "its end").await;
        assert!(cache.get_watched(&watch, "s.a", NOW).await.is_err());
        server.start_again();
        assert!(!holds(&watch, a.read_at, "a"));
        // Who failed just now is left alone for a moment.
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Where the server does not tell, nothing is kept, and everything is asked for.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_tells_nothing_is_asked() {
    let server = RedisServer::start();
    server.ask(&["ACL", "SETUSER", "plain", "on", ">pw", "~*", "+@all", "-client|tracking"]);
    let cache = cache(&format!("redis://plain:pw@{}", server.address()));
    let error = cache.check_watch().await.unwrap_err();
    assert!(matches!(error, CacheError::Unreachable(_)) && error.to_string().contains("NOPERM"), "{error}");
    let watch = watched(&cache);
    store(&cache, "a").await;
    let began = Instant::now();
    while began.elapsed() < BOUND {
        let Watched { found, kept } = cache.get_watched(&watch, "s.a", NOW).await.unwrap();
        assert!(found.is_some() && kept.is_none());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(crate::Cache::memory().watch("s.", BOUND).is_none(), "memory needs no copies");
}

/// Another server takes over: from the bound on, nothing is believed that the old one told.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_master_is_asked_anew() {
    let mut sentinels = RedisSentinels::start();
    let cache = cache(&sentinels.url());
    cache.check_watch().await.unwrap();
    let watch = watched(&cache);
    store(&cache, "a").await;
    let a = copy(&cache, &watch, "a").await;
    sentinels.kill(0);
    ends(&watch, a.read_at, "a", "the master's end").await;
    let b = copy(&cache, &watch, "a").await;
    assert!(!holds(&watch, a.read_at, "a"));
    sentinels.servers()[1].ask(&["DEL", ":1:s.a"]);
    ends(&watch, b.read_at, "a", "a change on the new master").await;
}

/// Each master of a cluster tells of its keys; one that is away is in doubt, and with it all.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_masters_of_a_cluster_tell() {
    let mut cluster = RedisCluster::start();
    let (cache, other) = (cache(&cluster.url()), cache(&cluster.url()));
    cache.check_watch().await.unwrap();
    let watch = watched(&cache);
    for n in 0..12 {
        let name = format!("n{n}");
        store(&other, &name).await;
        tokio::time::sleep(Duration::from_millis(30)).await;
        let kept = copy(&cache, &watch, &name).await;
        other.delete(&format!("s.{name}")).await.unwrap();
        ends(&watch, kept.read_at, &name, "a deletion").await;
        store(&other, &name).await;
    }
    let kept = copy(&cache, &watch, "n0").await;
    cluster.kill(1);
    ends(&watch, kept.read_at, "n0", "the end of one of the masters").await;
    copy(&cache, &watch, "n0").await;
    let n1 = copy(&cache, &watch, "n1").await;
    other.delete("s.n1").await.unwrap();
    ends(&watch, n1.read_at, "n1", "a deletion after a failover").await;
}
