//! What is in Redis: Django's keys, bytes and times (S50).

use std::time::Duration;

use cloakroom_cache::{CacheValue, Timeout, Unreadable};
use cloakroom_testservers::{RedisServer, Reply};

use crate::{NOW, cache, dict};

#[tokio::test]
async fn keys_bytes_and_times_are_djangos() {
    let server = RedisServer::start();
    let own = cache(&format!("redis://{}/2", server.address()));
    own.set("k", CacheValue::Int(7), Timeout::After(60.9), NOW).await.unwrap();
    own.set("for good", dict("a", 1), Timeout::Never, NOW).await.unwrap();
    let other = cache(&format!("redis://{}/2?key_prefix=shop&version=3", server.address()));
    other.set("k", CacheValue::Int(8), Timeout::After(5.0), NOW).await.unwrap();

    // In database 2, so that a question names it.
    let run = |words: &[&str]| {
        let quoted: Vec<_> = words.iter().map(|w| format!("'{w}'")).collect();
        server.ask(&["EVAL", &format!("redis.call('SELECT', 2) return redis.call({})", quoted.join(",")), "0"])
    };
    assert_eq!(run(&["GET", ":1:k"]).text(), "7");
    assert_eq!(run(&["GET", "shop:3:k"]).text(), "8");
    assert_eq!(run(&["TTL", ":1:for good"]), Reply::Int(-1));
    let Reply::Int(left) = run(&["PTTL", ":1:k"]) else { panic!("a number") };
    assert!((55_000..=60_000).contains(&left), "{left}");
    let Reply::Bytes(bytes) = run(&["GET", ":1:for good"]) else { panic!("bytes") };
    assert_eq!(bytes.first(), Some(&0x80), "a pickle");
    assert_eq!(run(&["DBSIZE"]), Reply::Int(3));
}

#[tokio::test]
async fn what_is_there_ends_by_itself() {
    let (cache, _) = crate::own_redis();
    cache.set("k", dict("a", 1), Timeout::After(1.0), NOW).await.unwrap();
    assert!(cache.has("k", NOW).await.unwrap());
    tokio::time::sleep(Duration::from_millis(1_200)).await;
    assert_eq!(cache.get("k", NOW).await.unwrap(), None);
}

/// G37, U15: what somebody else put there may be anything.
#[tokio::test]
async fn what_is_no_data_is_not_run() {
    let server = RedisServer::start();
    let cache = cache(&format!("redis://{}", server.address()));
    server.ask(&["SET", ":1:k", "cos\nsystem\n(S'true'\ntR."]);
    let Some(CacheValue::Unreadable(why)) = cache.get("k", NOW).await.unwrap() else { panic!("unreadable") };
    assert!(matches!(why, Unreadable::Refused(_)), "{why}");
    server.ask(&["SET", ":1:k", "noise"]);
    assert!(matches!(cache.get("k", NOW).await.unwrap(), Some(CacheValue::Unreadable(_))));
    server.ask(&["DEL", ":1:k"]);
    server.ask(&["LPUSH", ":1:k", "a list"]);
    assert!(cache.get("k", NOW).await.unwrap_err().is_unavailable());
}

/// A server forgets scripts when it starts again.
#[tokio::test]
async fn scripts_that_were_forgotten_are_sent_again() {
    let server = RedisServer::start();
    let cache = cache(&format!("redis://{}", server.address()));
    let stamp = cache.set("k", dict("a", 1), Timeout::Never, NOW).await.unwrap();
    for _ in 0..3 {
        server.ask(&["SCRIPT", "FLUSH"]);
        assert!(cache.touch_if("k", &stamp, Timeout::Never, NOW).await.unwrap());
    }
}
