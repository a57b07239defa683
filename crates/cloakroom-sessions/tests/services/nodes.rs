//! Two nodes on one database and one Redis: engines that share nothing else, locks neither (D6, S12).

use std::sync::Arc;

use cloakroom_sessions::{Engine, SessionConfig, SessionError};
use tokio::sync::Barrier;

use crate::world::{Kind, T0};
use crate::{count, on_redis, open, sign_in};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_one_node_ends_no_other_revives() {
    let world = on_redis().await;
    for kind in [Kind::Cache, Kind::CachedDb] {
        let nodes = [(); 3].map(|()| world.sessions(kind, SessionConfig::default()));
        for round in 0..60 {
            let key = sign_in(&nodes[0], "1").await.unwrap();
            let barrier = Arc::new(Barrier::new(3));
            // One saves, one finds no copy and makes one, one ends the session.
            let slow = open(&nodes[0], &key).await;
            slow.set("round", &round).unwrap();
            let save = tokio::spawn({
                let barrier = Arc::clone(&barrier);
                async move {
                    barrier.wait().await;
                    match slow.save().await {
                        Ok(()) | Err(SessionError::Interrupted) => {}
                        Err(e) => panic!("{e}"),
                    }
                }
            });
            if kind == Kind::CachedDb {
                world.forget_cached(kind, &key).await;
            }
            let read = tokio::spawn({
                let (node, key, barrier) = (nodes[1].clone(), key.clone(), Arc::clone(&barrier));
                async move {
                    barrier.wait().await;
                    drop(open(&node, &key).await);
                }
            });
            barrier.wait().await;
            nodes[2].end(&key).await.unwrap();
            save.await.unwrap();
            read.await.unwrap();
            for node in &nodes {
                assert!(!node.engine().exists(&key, T0).await.unwrap(), "{kind:?}: revived in round {round}");
            }
            assert!(world.cached(kind, &key).await.is_none(), "{kind:?}: a copy is left in round {round}");
        }
    }
}

/// Twenty requests over two nodes: what each of them set, and every count, is there, on every node and in the copy.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_write_of_any_node_is_lost() {
    let world = on_redis().await;
    for kind in [Kind::Cache, Kind::CachedDb] {
        let nodes = [(); 2].map(|()| world.sessions(kind, SessionConfig::default()));
        let key = sign_in(&nodes[0], "1").await.unwrap();
        let barrier = Arc::new(Barrier::new(20));
        let mut tasks = Vec::new();
        for n in 0..20_i64 {
            let (node, key, barrier) = (nodes[n as usize % 2].clone(), key.clone(), Arc::clone(&barrier));
            tasks.push(tokio::spawn(async move {
                let session = open(&node, &key).await;
                barrier.wait().await;
                session.set(&format!("writer{n}"), &n).unwrap();
                session.save().await.unwrap();
                for _ in 0..5 {
                    count(&session).await.unwrap();
                }
            }));
        }
        for task in tasks {
            task.await.unwrap();
        }
        for node in &nodes {
            let session = open(node, &key).await;
            for n in 0..20_i64 {
                assert_eq!(session.get::<i64>(&format!("writer{n}")).unwrap(), Some(n), "{kind:?}");
            }
            assert_eq!(session.get::<i64>("hits").unwrap(), Some(100), "{kind:?}");
        }
        assert_eq!(world.cached(kind, &key).await.unwrap().len(), 22, "{kind:?}");
    }
}
