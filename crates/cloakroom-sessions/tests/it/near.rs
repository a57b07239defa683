//! What is said of the age of what is served (S21), where no server is needed to say it.

use std::time::Duration;

use cloakroom_core::keys::SessionKey;
use cloakroom_core::value::Dict;
use cloakroom_sessions::{AnyEngine, Engine as _, Session, SessionConfig, Sessions};

use crate::world::{Kind, T0, World};

/// A cache in this process's memory is its own copy.
#[tokio::test]
async fn a_cache_in_memory_needs_no_copies() {
    let world = World::new().await.with_near(Duration::from_secs(1));
    let guarantee = |kind| world.sessions(kind, SessionConfig::default()).engine().guarantee();
    assert_eq!(guarantee(Kind::Cache), "strict: each request asks the store");
    assert!(!guarantee(Kind::CachedDb).contains("bounded"));
}

/// D5: the copy of a session is its text until a request reads data that stand in it, and from then on both; no request
/// after the first asks the database, and each reads the same.
#[tokio::test]
async fn a_copy_is_read_when_somebody_asks() {
    let world = World::new().await;
    let writer = world.sessions(Kind::Db, SessionConfig::default());
    let key = SessionKey::parse("copied-session-key").unwrap();
    let data: Dict = (0..50).map(|n| (format!("item {n}").into(), n.into())).collect();
    let _ = writer.engine().create(&key, &data.clone().into(), T0).await.unwrap();

    let sessions = world.sessions(Kind::Db, SessionConfig::default());
    let (AnyEngine::Db(engine), db) = (sessions.engine(), world.db()) else { panic!() };
    assert_eq!(*request(&sessions, key.expose(), |session| session.items()).await, data);
    let (unread, count) = engine.near_use();
    assert_eq!(count, 1);
    let before = db.round_trips();
    request(&sessions, key.expose(), |session| assert!(session.key().is_some())).await;
    assert_eq!(engine.near_use(), (unread, 1), "nobody asked for data");
    let value = request(&sessions, key.expose(), |session| session.get_value("item 7")).await;
    assert_eq!(value, Some(7.into()));
    let (read, count) = engine.near_use();
    assert!(read > unread + 50 * 64 && count == 1, "{read} after {unread}");
    assert_eq!(*request(&sessions, key.expose(), |session| session.items()).await, data);
    assert_eq!((engine.near_use(), db.round_trips()), ((read, 1), before));
}

/// D6: a save that begins with a copy nobody has read saves what is in it.
#[tokio::test]
async fn what_stands_in_an_unread_copy_is_saved() {
    let world = World::new().await;
    let sessions = world.sessions(Kind::Db, SessionConfig::default());
    let key = "another-session-key";
    let parsed = SessionKey::parse(key).unwrap();
    let data: Dict = [("seed".into(), 1.into())].into_iter().collect();
    let _ = sessions.engine().create(&parsed, &data.into(), T0).await.unwrap();
    for n in 0..4 {
        request(&sessions, key, |session| session.set_value("last", n)).await;
        request(&sessions, key, |session| session.set_modified(true)).await;
        request(&sessions, key, |session| assert!(session.key().is_some())).await;
        let items = request(&sessions, key, |session| session.items()).await;
        let expected: Dict = [("seed".into(), 1.into()), ("last".into(), n.into())].into_iter().collect();
        assert_eq!(*items, expected);
    }
    request(&sessions, key, |session| session.alter(|data| data.insert("seed", 2))).await;
    let items = request(&sessions, key, |session| session.items()).await;
    assert_eq!(items.get("seed"), Some(&1.into()), "a change out of sight is of one request");
}

/// A request that does `what` with its session, from the cookie to the answer.
async fn request<R>(sessions: &Sessions, key: &str, what: impl FnOnce(&Session) -> R) -> R {
    let lazy = sessions.open(Some(key));
    let session = lazy.load().await.unwrap();
    let result = what(&session);
    let _ = sessions.finish(&lazy, 200).await.unwrap();
    result
}
