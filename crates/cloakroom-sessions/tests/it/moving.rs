//! Moving between engines and cookie names with everybody signed in (M28).

use std::sync::Arc;
use std::time::Duration;

use cloakroom_core::keys::SessionKey;
use cloakroom_core::reason::Anonymous;
use cloakroom_sessions::{
    Base, Change, Engine, Finish, LazySession, Loaded, OlderNames, Saved, SessionConfig, SessionError, Sessions,
};
use tokio::sync::Barrier;

use crate::suite::{one, signed_in, text};
use crate::world::{Kind, T0, World};

/// What a browser holds after an answer.
fn cookie_of(finish: &Finish) -> Option<SessionKey> {
    let header = text(finish.set_cookie.clone()?);
    let value = header.strip_prefix("sessionid=")?.split(';').next()?.trim_matches('"').to_owned();
    SessionKey::parse(&value)
}

fn request(sessions: &Sessions, cookie: &SessionKey) -> LazySession {
    sessions.open(Some(cookie.expose()))
}

async fn user(sessions: &Sessions, cookie: &SessionKey) -> Option<String> {
    request(sessions, cookie).load().await.unwrap().get("_auth_user_id").unwrap()
}

const MOVES: [(Kind, Kind); 10] = [
    (Kind::Db, Kind::CachedDb),
    (Kind::CachedDb, Kind::Db),
    (Kind::Db, Kind::File),
    (Kind::File, Kind::Db),
    (Kind::Db, Kind::Cache),
    (Kind::Cache, Kind::CachedDb),
    (Kind::Db, Kind::SignedCookies),
    (Kind::SignedCookies, Kind::Db),
    (Kind::SignedCookies, Kind::File),
    (Kind::File, Kind::SignedCookies),
];

/// A session of `from`, as the browser holds it.
async fn made_in(world: &World, from: Kind) -> SessionKey {
    let sessions = world.sessions(from, SessionConfig::default());
    let lazy = sessions.open(None);
    lazy.load().await.unwrap().set("_auth_user_id", "7").unwrap();
    cookie_of(&sessions.finish(&lazy, 200).await.unwrap()).unwrap()
}

/// Everybody stays signed in, whatever the cookie becomes; afterwards the new engine does without the old one.
#[tokio::test]
async fn sessions_move_with_their_users() {
    for (from, to) in MOVES {
        let world = World::new().await;
        let old_cookie = made_in(&world, from).await;
        let sessions = world.moving(from, to, SessionConfig::default());

        let first = request(&sessions, &old_cookie);
        assert_eq!(
            first.load().await.unwrap().get::<String>("_auth_user_id").unwrap().unwrap(),
            "7",
            "{from:?} {to:?}"
        );
        let answer = sessions.finish(&first, 200).await.unwrap();
        let cookie = cookie_of(&answer).unwrap_or_else(|| old_cookie.clone());
        assert_eq!(user(&sessions, &cookie).await.as_deref(), Some("7"), "{from:?} {to:?}");
        let same_rows = (from, to) == (Kind::Db, Kind::CachedDb) || (from, to) == (Kind::CachedDb, Kind::Db);
        assert_eq!(sessions.fallback_use().engine, u64::from(!same_rows), "{from:?} {to:?}");

        world.clock.advance(Duration::from_secs(3_600));
        let alone = world.sessions(to, SessionConfig::default());
        assert_eq!(user(&alone, &cookie).await.as_deref(), Some("7"), "{from:?} {to:?}");
        assert_eq!(user(&sessions, &cookie).await.as_deref(), Some("7"), "{from:?} {to:?}");
    }
}

/// S12: what ended is ended in both places, by either cookie, and does not come back by the engine before.
#[tokio::test]
async fn a_log_out_ends_it_in_both_places() {
    for (from, to) in MOVES {
        for moved_before in [false, true] {
            let world = World::new().await;
            let old_cookie = made_in(&world, from).await;
            let sessions = world.moving(from, to, SessionConfig::default());
            let mut cookie = old_cookie.clone();
            if moved_before {
                let first = request(&sessions, &old_cookie);
                first.load().await.unwrap();
                let answer = sessions.finish(&first, 200).await.unwrap();
                cookie = cookie_of(&answer).unwrap_or(cookie);
            }
            let logout = request(&sessions, &cookie);
            logout.load().await.unwrap();
            logout.flush().await.unwrap();
            let end = sessions.finish(&logout, 200).await.unwrap();
            assert!(text(end.set_cookie.unwrap()).contains("Max-Age=0"));

            assert_eq!(user(&sessions, &old_cookie).await, None, "{from:?} {to:?} moved before: {moved_before}");
            // A cookie that is the session cannot be ended (S58).
            if to != Kind::SignedCookies {
                assert_eq!(user(&sessions, &cookie).await, None, "{from:?} {to:?} moved before: {moved_before}");
            }
        }
    }
}

/// Twenty requests that bring the old cookie at once are one session afterwards, and each keeps what it wrote (D6).
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_that_come_at_once_move_to_one_session() {
    for (from, to) in [(Kind::Db, Kind::File), (Kind::SignedCookies, Kind::Db), (Kind::File, Kind::Cache)] {
        let world = World::new().await;
        let old_cookie = made_in(&world, from).await;
        let sessions = world.moving(from, to, SessionConfig::default());
        let barrier = Arc::new(Barrier::new(20));
        let requests: Vec<_> = (0..20)
            .map(|n| {
                let (sessions, cookie, barrier) = (sessions.clone(), old_cookie.clone(), Arc::clone(&barrier));
                tokio::spawn(async move {
                    let lazy = request(&sessions, &cookie);
                    barrier.wait().await;
                    let session = lazy.load().await.unwrap();
                    assert_eq!(session.get::<String>("_auth_user_id").unwrap().unwrap(), "7");
                    session.set(&format!("k{n}"), &n).unwrap();
                    cookie_of(&sessions.finish(&lazy, 200).await.unwrap()).unwrap()
                })
            })
            .collect();
        let mut cookies = Vec::new();
        for request in requests {
            cookies.push(request.await.unwrap());
        }
        assert!(cookies.windows(2).all(|w| w[0] == w[1]), "{from:?} {to:?}");
        let session = request(&sessions, &cookies[0]).load().await.unwrap();
        assert!((0..20).all(|n| session.contains_key(&format!("k{n}"))), "{from:?} {to:?}");
    }
}

/// S12: neither a move nor a save that is under way while the session ends brings it back.
#[tokio::test]
async fn what_is_under_way_does_not_revive() {
    for (from, to) in [(Kind::Db, Kind::File), (Kind::File, Kind::CachedDb), (Kind::Db, Kind::Cache)] {
        let world = World::new().await;
        let key = made_in(&world, from).await;
        let sessions = world.moving(from, to, SessionConfig::default());
        let slow = request(&sessions, &key);
        slow.load().await.unwrap().set("late", &1).unwrap();
        let replacing = request(&sessions, &key);
        replacing.load().await.unwrap().clear();

        sessions.end(&key).await.unwrap();
        assert!(matches!(sessions.finish(&slow, 200).await, Err(SessionError::Interrupted)), "{from:?} {to:?}");
        assert!(matches!(sessions.finish(&replacing, 200).await, Err(SessionError::Interrupted)), "{from:?} {to:?}");
        assert_eq!(user(&sessions, &key).await, None);

        // A mover that had read the old record before it was deleted meets a taken key.
        let older = world.sessions(from, SessionConfig::default());
        let _ = older.engine().create(&key, &one("_auth_user_id", 7), T0).await.unwrap();
        let met = sessions.engine().load(&key, T0).await.unwrap();
        assert!(matches!(met, Loaded::Absent(Anonymous::NoSession)), "{from:?} {to:?}: {met:?}");
        let change = Change { base: Base::Unknown, make: &mut |_| one("a", 1) };
        assert!(matches!(sessions.engine().update(&key, change, T0).await.unwrap(), Saved::Gone));
    }
}

/// A log-in gives a new key; the one before opens nothing, in neither engine.
#[tokio::test]
async fn a_cycled_key_is_gone_from_both() {
    for (from, to) in [(Kind::Db, Kind::File), (Kind::File, Kind::Db)] {
        let world = World::new().await;
        let old = made_in(&world, from).await;
        let sessions = world.moving(from, to, SessionConfig::default());
        let login = request(&sessions, &old);
        login.cycle_key().await.unwrap();
        let new = login.key().unwrap();
        assert_ne!(new, old);
        assert_eq!(user(&sessions, &new).await.as_deref(), Some("7"));
        assert_eq!(user(&sessions, &old).await, None);
        assert!(world.stored(from, "sessionid", &old).await.is_none());
    }
}

/// After the stop date the old engine is not asked.
#[tokio::test]
async fn the_stop_date_ends_it() {
    for (from, to) in [(Kind::Db, Kind::File), (Kind::Db, Kind::SignedCookies), (Kind::SignedCookies, Kind::Db)] {
        let world = World::new().await;
        let cookie = made_in(&world, from).await;
        let sessions = world.moving(from, to, SessionConfig::default());
        world.clock.advance(Duration::from_secs(3_600));
        assert_eq!(user(&sessions, &cookie).await, None, "{from:?} {to:?}");
        assert_eq!(sessions.fallback_use().engine, 0);
    }
}

/// A session that moved into its cookie ends where it was once the cookie has come back and nothing else is under way.
#[tokio::test]
async fn the_row_of_a_cookie_goes_when_the_cookie_came_back() {
    let world = World::new().await;
    let key = made_in(&world, Kind::Db).await;
    let sessions = world.moving(Kind::Db, Kind::SignedCookies, SessionConfig::default());
    let first = request(&sessions, &key);
    first.load().await.unwrap();
    let cookie = cookie_of(&sessions.finish(&first, 200).await.unwrap()).unwrap();
    assert!(world.row(&key).await.is_some());
    assert_eq!(user(&sessions, &cookie).await.as_deref(), Some("7"));
    assert!(world.row(&key).await.is_some());

    world.clock.advance(Duration::from_secs(61));
    let later = request(&sessions, &cookie);
    assert_eq!(later.load().await.unwrap().keys().len(), 1);
    assert!(world.row(&key).await.is_none());
    let renewed = cookie_of(&sessions.finish(&later, 200).await.unwrap()).unwrap();
    assert_eq!(user(&sessions, &renewed).await.as_deref(), Some("7"));
}

fn renamed() -> SessionConfig {
    let older_names = OlderNames { names: vec!["old_sid".into()], until: Some(T0.plus_secs(3_600)) };
    SessionConfig { older_names, ..SessionConfig::default() }
}

fn with_old_name(sessions: &Sessions, key: &SessionKey) -> LazySession {
    let key = key.expose().to_owned();
    sessions.open_from(move |name| (name == "old_sid").then(|| key.clone().into()))
}

/// The cookie gets its new name with the first answer of a request that looked into the session.
#[tokio::test]
async fn a_cookie_gets_its_new_name() {
    let world = World::new().await;
    let sessions = world.sessions(Kind::Db, renamed());
    let key = signed_in(&sessions, "7").await;

    let idle = with_old_name(&sessions, &key);
    assert!(!sessions.needs_finish(&idle));

    let lazy = with_old_name(&sessions, &key);
    assert_eq!(lazy.load().await.unwrap().get::<String>("_auth_user_id").unwrap().unwrap(), "7");
    let answer = sessions.finish(&lazy, 200).await.unwrap();
    assert_eq!(cookie_of(&answer), Some(key.clone()));
    let gone: Vec<_> = answer.older.into_iter().map(text).collect();
    assert_eq!(gone.len(), 1);
    assert!(gone[0].starts_with("old_sid=\"\"") && gone[0].contains("Max-Age=0"), "{gone:?}");
    assert_eq!(sessions.fallback_use().cookie_name, 1);

    // An answer that comes after the session ended brings no key back.
    let late = with_old_name(&sessions, &key);
    late.load().await.unwrap();
    sessions.end(&key).await.unwrap();
    assert!(sessions.finish(&late, 200).await.unwrap().set_cookie.is_none());

    world.clock.advance(Duration::from_secs(3_600));
    assert!(with_old_name(&sessions, &key).is_empty());
}

/// Both cookies are deleted, and the sessions of both are over (S12).
#[tokio::test]
async fn a_log_out_ends_both_names() {
    let world = World::new().await;
    let sessions = world.sessions(Kind::Db, renamed());
    let (new, old) = (signed_in(&sessions, "7").await, signed_in(&sessions, "7").await);
    let lazy = {
        let (new, old) = (new.expose().to_owned(), old.expose().to_owned());
        sessions.open_from(move |name| Some(if name == "old_sid" { old.clone() } else { new.clone() }.into()))
    };
    assert_eq!(lazy.load().await.unwrap().key().unwrap(), new);
    lazy.flush().await.unwrap();
    let answer = sessions.finish(&lazy, 200).await.unwrap();
    assert!(text(answer.set_cookie.unwrap()).contains("Max-Age=0"));
    assert_eq!(answer.older.len(), 1);
    assert!(world.row(&new).await.is_none() && world.row(&old).await.is_none());
}

/// A cookie of the new name that opens nothing does not hide one of the old name that does.
#[tokio::test]
async fn a_dead_cookie_of_the_new_name_hides_nothing() {
    let world = World::new().await;
    let sessions = world.sessions(Kind::Db, renamed());
    let old = signed_in(&sessions, "7").await;
    let lazy = {
        let old = old.expose().to_owned();
        sessions.open_from(move |name| Some(if name == "old_sid" { old.clone() } else { "z".repeat(32) }.into()))
    };
    assert_eq!(lazy.load().await.unwrap().get::<String>("_auth_user_id").unwrap().unwrap(), "7");
    assert_eq!(cookie_of(&sessions.finish(&lazy, 200).await.unwrap()), Some(old));
}
