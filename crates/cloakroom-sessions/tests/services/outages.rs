//! Redis away, silent, breaking off: `cache` says so, `cached_db` serves from the database (F01, D7, R26).

use std::time::Duration;

use cloakroom_sessions::{AnyEngine, Engine, SessionConfig, SessionError};
use cloakroom_testservers::{Fault, FaultProxy, RedisServer};

use crate::world::{Kind, T0, World};
use crate::{cache, count, open, sign_in};

const FAULTS: [Fault; 5] =
    [Fault::Refuse, Fault::Hang, Fault::ResetInAnswer, Fault::CloseAfter(0), Fault::CloseAfter(3)];

struct Stage {
    world: World,
    proxy: FaultProxy,
    _server: RedisServer,
}

impl Stage {
    async fn set() -> Self {
        let server = RedisServer::start();
        let proxy = FaultProxy::before(server.address()).await;
        let url = format!("redis://{}?socket_timeout=0.4&socket_connect_timeout=0.2", proxy.address());
        Self { world: World::new().await.on(cache(&url)), proxy, _server: server }
    }

    async fn mend(&self, engine: &AnyEngine) {
        self.proxy.set(Fault::Pass).await;
        let key = cloakroom_core::keys::SessionKey::parse("00000000").unwrap();
        while engine.delete(&key).await.is_err() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

fn is_down(result: Result<impl Sized, SessionError>) -> bool {
    matches!(result, Err(SessionError::Engine(e)) if e.is_unavailable())
}

/// Nobody is signed out, nothing is made, and the same cookie works afterwards.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_cache_engine_says_that_it_is_down() {
    let stage = Stage::set().await;
    let sessions = stage.world.sessions(Kind::Cache, SessionConfig::default());
    for fault in FAULTS {
        let key = sign_in(&sessions, "1").await.unwrap();
        let changed = open(&sessions, &key).await;
        changed.set("a", &1).unwrap();
        stage.proxy.set(fault).await;

        let lazy = sessions.open(Some(key.expose()));
        assert!(is_down(lazy.load().await), "{fault:?}");
        assert_eq!(lazy.key(), Some(key.clone()));
        assert!(sessions.finish(&lazy, 503).await.unwrap().set_cookie.is_none(), "{fault:?}");
        assert!(is_down(sessions.finish(&changed.lazy(), 200).await), "{fault:?}");
        assert!(is_down(count(&changed).await), "{fault:?}");
        assert!(is_down(sessions.open(Some(key.expose())).flush().await), "{fault:?}");
        assert!(is_down(sign_in(&sessions, "2").await), "{fault:?}");

        stage.mend(sessions.engine()).await;
        let session = open(&sessions, &key).await;
        // A log-out whose answer was lost may have happened; whoever is told 503 cannot know.
        if matches!(fault, Fault::Refuse) {
            assert_eq!(session.get::<String>("_auth_user_id").unwrap().as_deref(), Some("1"), "{fault:?}");
        }
        sessions.end(&key).await.unwrap();
        assert!(!sessions.engine().exists(&key, T0).await.unwrap());
    }
}

/// Who only reads while the store is silent or breaks off is signed in as before.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readers_are_signed_in_afterwards() {
    let stage = Stage::set().await;
    let sessions = stage.world.sessions(Kind::Cache, SessionConfig::default());
    let key = sign_in(&sessions, "1").await.unwrap();
    for fault in FAULTS {
        stage.proxy.set(fault).await;
        for _ in 0..3 {
            assert!(is_down(sessions.open(Some(key.expose())).load().await), "{fault:?}");
        }
        stage.mend(sessions.engine()).await;
        assert_eq!(open(&sessions, &key).await.get::<String>("_auth_user_id").unwrap().as_deref(), Some("1"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cached_db_serves_from_the_database() {
    let stage = Stage::set().await;
    let sessions = stage.world.sessions(Kind::CachedDb, SessionConfig::default());
    for fault in FAULTS {
        let key = sign_in(&sessions, "1").await.unwrap();
        stage.proxy.set(fault).await;

        let session = open(&sessions, &key).await;
        assert_eq!(session.get::<String>("_auth_user_id").unwrap().as_deref(), Some("1"), "{fault:?}");
        session.set("a", &1).unwrap();
        session.save().await.unwrap();
        assert_eq!(count(&session).await.unwrap(), 1);
        let other = sign_in(&sessions, "2").await.unwrap();
        assert_eq!(open(&sessions, &other).await.get::<String>("_auth_user_id").unwrap().as_deref(), Some("2"));

        // A copy might be left for others to read: nothing is ended, nothing changed, and the cookie stays.
        let lazy = sessions.open(Some(key.expose()));
        assert!(is_down(lazy.flush().await), "{fault:?}");
        assert_eq!(lazy.key(), Some(key.clone()));
        assert!(sessions.finish(&lazy, 503).await.unwrap().set_cookie.is_none());
        assert!(is_down(sessions.open(Some(key.expose())).cycle_key().await), "{fault:?}");
        assert!(world_has(&stage.world, &key).await, "{fault:?}");

        stage.mend(sessions.engine()).await;
        assert_eq!(open(&sessions, &other).await.get::<String>("_auth_user_id").unwrap().as_deref(), Some("2"));
        sessions.open(Some(key.expose())).flush().await.unwrap();
        assert!(!world_has(&stage.world, &key).await);
        assert!(stage.world.cached(Kind::CachedDb, &key).await.is_none(), "{fault:?}");
        assert!(!sessions.engine().exists(&key, T0).await.unwrap());
    }
}

async fn world_has(world: &World, key: &cloakroom_core::keys::SessionKey) -> bool {
    world.stored(Kind::CachedDb, "sessionid", key).await.is_some()
}
