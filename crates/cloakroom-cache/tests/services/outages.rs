//! Servers that are away, silent, or break off: an error in time, and all well afterwards (F01, D7).

use std::net::TcpListener;
use std::time::{Duration, Instant};

use cloakroom_cache::{CacheError, CacheValue, Replaced, Timeout};
use cloakroom_testservers::{Fault, FaultProxy, RedisServer};

use crate::{NOW, cache, dict};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_fault_is_an_error_in_time_and_passes() {
    let server = RedisServer::start();
    let proxy = FaultProxy::before(server.address()).await;
    let url = format!("redis://{}?socket_timeout=0.6&socket_connect_timeout=0.3", proxy.address());
    let cache = cache(&url);
    cache.set("k", dict("a", 1), Timeout::Never, NOW).await.unwrap();
    for fault in [Fault::Refuse, Fault::Hang, Fault::ResetInAnswer, Fault::CloseAfter(0), Fault::CloseAfter(3)] {
        proxy.set(fault).await;
        for _ in 0..3 {
            let start = Instant::now();
            let error = cache.get("k", NOW).await.unwrap_err();
            assert!(matches!(error, CacheError::Unavailable(_)), "{fault:?}: {error:?}");
            assert!(start.elapsed() < Duration::from_millis(1_500), "{fault:?}: {:?}", start.elapsed());
            assert!(cache.set("k", dict("a", 1), Timeout::Never, NOW).await.is_err(), "{fault:?}");
            assert!(cache.add("k", dict("a", 1), Timeout::Never, NOW).await.is_err(), "{fault:?}");
            assert!(cache.delete("other").await.is_err(), "{fault:?}");
        }
        proxy.set(Fault::Pass).await;
        let start = Instant::now();
        while cache.get("k", NOW).await.is_err() {
            assert!(start.elapsed() < Duration::from_secs(3), "{fault:?} does not pass");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert_eq!(cache.get("k", NOW).await.unwrap(), Some(dict("a", 1)), "{fault:?}");
    }
}

/// A silent server costs one caller the wait, not each.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_silent_server_is_not_waited_for_by_all() {
    let server = RedisServer::start();
    let proxy = FaultProxy::before(server.address()).await;
    let cache = cache(&format!("redis://{}?socket_timeout=0.5&socket_connect_timeout=0.5", proxy.address()));
    cache.check().await.unwrap();
    proxy.set(Fault::Hang).await;
    assert!(cache.get("k", NOW).await.is_err());
    let start = Instant::now();
    for _ in 0..200 {
        assert!(cache.get("k", NOW).await.is_err());
    }
    assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
}

/// A comparison that may have happened is not repeated: it could then miss what came in between.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_may_have_happened_is_not_repeated() {
    let server = RedisServer::start();
    let direct = cache(&format!("redis://{}", server.address()));
    let proxy = FaultProxy::before(server.address()).await;
    let through = cache(&format!("redis://{}", proxy.address()));
    for n in 0..5 {
        let before = direct.set("k", dict("n", 100 + n), Timeout::Never, NOW).await.unwrap();
        // The server knows the script from here on.
        let Replaced::Yes(stamp) = through.replace_if("k", &before, dict("n", n), Timeout::Never, NOW).await.unwrap()
        else {
            panic!("it is the same")
        };
        proxy.set(Fault::ResetInAnswer).await;
        assert!(through.replace_if("k", &stamp, dict("n", -1), Timeout::Never, NOW).await.is_err());
        proxy.set(Fault::Pass).await;
        // It happened; only its answer was lost. Once.
        assert_eq!(direct.get("k", NOW).await.unwrap(), Some(dict("n", -1)));
        assert!(matches!(
            direct.replace_if("k", &stamp, dict("n", -2), Timeout::Never, NOW).await.unwrap(),
            Replaced::Differs(_)
        ));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_starts_again_is_found_again() {
    let mut server = RedisServer::start();
    let cache = cache(&format!("redis://{}", server.address()));
    for _ in 0..3 {
        cache.set("k", CacheValue::Int(1), Timeout::Never, NOW).await.unwrap();
        server.kill();
        assert!(cache.get("k", NOW).await.is_err());
        server.start_again();
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert_eq!(cache.get("k", NOW).await.unwrap(), None);
    }
}

/// F01, L03: one line that names host and port, and no password.
#[tokio::test]
async fn what_cannot_be_used_is_named_without_its_password() {
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let locked = RedisServer::with(&["--requirepass", "opensesame"]);
    let open = RedisServer::start();
    let places = [
        (format!("redis://:hunter2@{free}"), free, "refused"),
        (format!("rediss://:hunter2@{}?socket_connect_timeout=0.3", open.address()), open.address(), ""),
        (format!("redis-cluster://:hunter2@{free}"), free, "refused"),
        (format!("redis-sentinel://:hunter2@{free}/main"), free, "refused"),
        (format!("redis://:hunter2@{}", locked.address()), locked.address(), "user or password"),
        (format!("redis://{}", locked.address()), locked.address(), "NOAUTH"),
        (format!("redis-cluster://{}", open.address()), open.address(), "CLUSTER SLOTS"),
        (format!("redis-sentinel://{}/main", open.address()), open.address(), ""),
        ("redis://:hunter2@nowhere.invalid:1".into(), free, "nowhere.invalid:1"),
    ];
    for (url, place, part) in places {
        let error = cache(&url).check().await.unwrap_err();
        let text = error.to_string();
        assert!(matches!(error, CacheError::Unreachable(_)));
        assert!(url.contains("nowhere") || text.contains(&place.to_string()), "{url}: {text}");
        assert!(text.contains(part), "{url}: {text}");
        assert!(!text.contains('\n') && !format!("{text} {error:?} {:?}", cache(&url)).contains("hunter2"), "{text}");
    }
    cache(&format!("redis://:opensesame@{}", locked.address())).check().await.unwrap();
    cache(&format!("redis://default:opensesame@{}", locked.address())).check().await.unwrap();
}
