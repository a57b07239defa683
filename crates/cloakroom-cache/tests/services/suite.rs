//! The rules of a cache, over each store.

use std::sync::Arc;

use cloakroom_cache::{Added, Cache, CacheValue, Looked, Replaced, Timeout};
use cloakroom_testservers::{RedisCluster, RedisSentinels};

use crate::{NOW, dict, own_redis};

const MINUTE: Timeout = Timeout::After(60.0);

#[tokio::test]
async fn in_memory() {
    rules(Cache::memory()).await;
}

#[tokio::test]
async fn on_redis() {
    let (cache, _) = own_redis();
    assert!(cache.is_shared());
    cache.check().await.unwrap();
    rules(cache).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_a_cluster() {
    let cluster = RedisCluster::start();
    // Every node's tables are complete, and one of them leads to all.
    let one = format!("redis-cluster://{}", cluster.nodes()[4].address());
    let cache = crate::cache(&one);
    cache.check().await.unwrap();
    rules(cache).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn behind_sentinels() {
    let sentinels = RedisSentinels::start();
    let cache = crate::cache(&sentinels.url());
    cache.check().await.unwrap();
    rules(cache).await;
}

async fn rules(cache: Cache) {
    values_come_back(&cache).await;
    comparing_is_by_what_is_stored(&cache).await;
    what_is_the_same_is_not_read_anew(&cache).await;
    what_is_over_at_once_is_not_there(&cache).await;
    one_of_many_wins(Arc::new(cache)).await;
}

async fn values_come_back(cache: &Cache) {
    assert_eq!(cache.get("k", NOW).await.unwrap(), None);
    assert!(!cache.has("k", NOW).await.unwrap());
    for value in [CacheValue::Int(5), CacheValue::Bytes((*b"5").into()), dict("a", 1), dict("b", 2)] {
        cache.set("k", value.clone(), MINUTE, NOW).await.unwrap();
        assert_eq!(cache.get("k", NOW).await.unwrap(), Some(value));
        assert!(cache.has("k", NOW).await.unwrap());
    }
    assert_eq!(cache.add("k", dict("c", 3), MINUTE, NOW).await.unwrap(), Added::Taken);
    cache.delete("k").await.unwrap();
    cache.delete("k").await.unwrap();
    assert_eq!(cache.get("k", NOW).await.unwrap(), None);
    // So many keys that a cluster has some on each node.
    for n in 0..60 {
        assert!(matches!(cache.add(&format!("n{n}"), dict("n", n), Timeout::Never, NOW).await.unwrap(), Added::Yes(_)));
    }
    for n in 0..60 {
        assert_eq!(cache.get(&format!("n{n}"), NOW).await.unwrap(), Some(dict("n", n)));
    }
}

/// D6, F02: nothing is made that is gone, nothing undone that came in between.
async fn comparing_is_by_what_is_stored(cache: &Cache) {
    let Added::Yes(first) = cache.add("c", dict("n", 1), MINUTE, NOW).await.unwrap() else { panic!("a free key") };
    let Replaced::Yes(second) = cache.replace_if("c", &first, dict("n", 2), MINUTE, NOW).await.unwrap() else {
        panic!("it is the same")
    };
    match cache.replace_if("c", &first, dict("n", 9), MINUTE, NOW).await.unwrap() {
        Replaced::Differs(there) => {
            assert_eq!(there.value, dict("n", 2));
            assert_eq!(there.stamp, second);
        }
        other => panic!("{other:?}"),
    }
    assert!(!cache.touch_if("c", &first, MINUTE, NOW).await.unwrap());
    assert!(cache.touch_if("c", &second, Timeout::Never, NOW).await.unwrap());
    let seen = cache.get_stamped("c", NOW).await.unwrap().unwrap();
    assert_eq!(seen.stamp, second);
    cache.delete("c").await.unwrap();
    assert_eq!(cache.replace_if("c", &second, dict("n", 3), MINUTE, NOW).await.unwrap(), Replaced::Gone);
    assert!(!cache.touch_if("c", &second, MINUTE, NOW).await.unwrap());
    assert_eq!(cache.get("c", NOW).await.unwrap(), None);
}

/// Each look asks the store.
async fn what_is_the_same_is_not_read_anew(cache: &Cache) {
    let first = cache.set("u", dict("n", 1), MINUTE, NOW).await.unwrap();
    assert_eq!(cache.get_unless("u", &first, NOW).await.unwrap(), Looked::Same);
    let second = cache.set("u", dict("n", 2), MINUTE, NOW).await.unwrap();
    match cache.get_unless("u", &first, NOW).await.unwrap() {
        Looked::Other(there) => assert_eq!((there.value, there.stamp), (dict("n", 2), second.clone())),
        other => panic!("{other:?}"),
    }
    assert_eq!(cache.get_unless("u", &second, NOW).await.unwrap(), Looked::Same);
    cache.delete("u").await.unwrap();
    assert_eq!(cache.get_unless("u", &second, NOW).await.unwrap(), Looked::Absent);
}

/// Django's timeout of zero or less.
async fn what_is_over_at_once_is_not_there(cache: &Cache) {
    for over in [Timeout::After(0.0), Timeout::After(-5.0)] {
        assert!(matches!(cache.add("o", dict("n", 1), over, NOW).await.unwrap(), Added::Yes(_)));
        assert_eq!(cache.get("o", NOW).await.unwrap(), None);
        let stamp = cache.set("o", dict("n", 1), MINUTE, NOW).await.unwrap();
        assert!(matches!(cache.replace_if("o", &stamp, dict("n", 2), over, NOW).await.unwrap(), Replaced::Yes(_)));
        assert_eq!(cache.get("o", NOW).await.unwrap(), None);
        cache.set("o", dict("n", 1), MINUTE, NOW).await.unwrap();
        cache.set("o", dict("n", 1), over, NOW).await.unwrap();
        assert_eq!(cache.get("o", NOW).await.unwrap(), None);
    }
    cache.set("o", dict("n", 1), Timeout::After(1e300), NOW).await.unwrap();
    assert!(cache.has("o", NOW).await.unwrap());
}

async fn one_of_many_wins(cache: Arc<Cache>) {
    let tasks: Vec<_> = (0..50)
        .map(|n| {
            let cache = Arc::clone(&cache);
            tokio::spawn(async move { cache.add("w", dict("n", n), MINUTE, NOW).await.unwrap() != Added::Taken })
        })
        .collect();
    let mut wins = 0;
    for task in tasks {
        wins += usize::from(task.await.unwrap());
    }
    assert_eq!(wins, 1);
}
