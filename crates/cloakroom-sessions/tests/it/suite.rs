//! `engine_suite!`: the rules of [`Engine`](cloakroom_sessions::Engine) as tests, run over every engine.

use std::sync::Arc;

use cloakroom_core::cookies::SetCookie;
use cloakroom_core::keys::{SessionKey, UserId};
use cloakroom_core::reason::Anonymous;
use cloakroom_core::value::{Dict, Value};
use cloakroom_sessions::{
    AnyEngine, Base, Change, Created, DeadCookie, Engine, Expiry, Loaded, Saved, Session, SessionConfig, SessionError,
    Sessions, Vary,
};
use tokio::sync::Barrier;

use crate::world::{Kind, SECRET_KEY, T0, World};

// What runs the tests is the macro of the target: `it` on stores of this process, `services` on servers.
engine_suite! {
    a_taken_key_is_not_created_again: db cache cached_db file;
    what_is_gone_is_not_updated: db cache cached_db file;
    deleting_the_absent_is_no_error: db cache cached_db file signed_cookies;
    a_session_ends_at_its_moment: db cache cached_db file signed_cookies;
    a_save_in_flight_does_not_revive: db cache cached_db file;
    a_save_and_a_logout_at_once_leave_nothing: db cache cached_db file;
    parallel_writers_all_survive: db cache cached_db file;
    parallel_counts_are_exact: db cache cached_db file;
    removals_merge_too: db cache cached_db file;
    two_tasks_load_once: db cache cached_db file signed_cookies;
    an_unknown_key_is_never_adopted: db cache cached_db file signed_cookies;
    a_cycled_key_opens_nothing: db cache cached_db file;
    anonymous_traffic_stores_nothing: db cache cached_db file signed_cookies;
    what_others_stored_keeps_order_and_types: db cache cached_db file signed_cookies;
    malformed_keys_never_reach_the_store: db cache cached_db file signed_cookies;
    a_dead_cookie_is_kept_when_hardened: db cache cached_db file;
    clearing_expired_takes_those_alone: db cached_db file;
    a_users_sessions_are_listed: db cached_db;
    damaged_data_is_an_empty_session_with_its_key: db cached_db file;
}

/// F02: creating is one step, and a taken key stays as it is.
async fn a_taken_key_is_not_created_again(world: &World, kind: Kind) {
    let sessions = world.sessions(kind, SessionConfig::default());
    let key = key('a');
    assert!(matches!(sessions.engine().create(&key, &one("mine", 1), T0).await.unwrap(), Created::Yes(_)));
    assert!(matches!(sessions.engine().create(&key, &one("theirs", 2), T0).await.unwrap(), Created::Taken));
    assert_eq!(names(&open(&sessions, &key).await), ["mine"]);
    assert!(open(&sessions, &key).await.exists_self().await.unwrap());
}

/// S12 of the threat list, whatever the change is based on.
async fn what_is_gone_is_not_updated(world: &World, kind: Kind) {
    let sessions = world.sessions(kind, SessionConfig::default());
    let key = key('a');
    let Created::Yes(Some(version)) = sessions.engine().create(&key, &one("a", 1), T0).await.unwrap() else {
        panic!("a version")
    };
    sessions.engine().delete(&key).await.unwrap();
    for base in [Base::Version(version), Base::Unknown, Base::Nothing] {
        let change = Change { base, make: &mut |_| one("a", 2) };
        assert!(matches!(sessions.engine().update(&key, change, T0).await.unwrap(), Saved::Gone));
        assert!(matches!(sessions.engine().load(&key, T0).await.unwrap(), Loaded::Absent(Anonymous::NoSession)));
    }
}

async fn deleting_the_absent_is_no_error(world: &World, kind: Kind) {
    let sessions = world.sessions(kind, SessionConfig::default());
    sessions.engine().delete(&key('a')).await.unwrap();
    sessions.end(&key('b')).await.unwrap();
    let session = sessions.open(Some(key('c').expose()));
    session.flush().await.unwrap();
    assert_eq!(session.reason(), Some(Anonymous::SignedOut));
    assert!(session.is_empty());
}

/// S45, S50, S56, S58: "expires exactly now" is expired, but for the cookie engine.
async fn a_session_ends_at_its_moment(world: &World, kind: Kind) {
    let config = SessionConfig { age_secs: 60, ..SessionConfig::default() };
    let sessions = world.sessions(kind, config);
    let key = signed_in(&sessions, "1").await;
    let last = match kind {
        // The age left is cut to whole seconds, so a file is out a second early.
        Kind::File => 59_000_000,
        // Both moments lose their fraction or not, as Django's floats do: the stamp is cut, the clock is not.
        Kind::SignedCookies => 60_000_000 - T0.as_micros().rem_euclid(1_000_000),
        _ => 59_999_999,
    };
    world.clock.set(T0.plus_micros(last));
    assert!(!open(&sessions, &key).await.items().is_empty());
    world.clock.set(T0.plus_micros(last + 1));
    let session = open(&sessions, &key).await;
    assert!(session.items().is_empty());
    assert_eq!(session.reason(), Some(Anonymous::NoSession));
    if kind == Kind::File {
        assert_ne!(session.key().unwrap(), key, "S56: an expired file is replaced at once");
    }
}

/// M06, S66: the session ended between load and save; the save says so and stores nothing.
async fn a_save_in_flight_does_not_revive(world: &World, kind: Kind) {
    let sessions = world.sessions(kind, SessionConfig::default());
    let key = signed_in(&sessions, "1").await;
    let slow = sessions.open(Some(key.expose()));
    slow.load().await.unwrap().set("a", &1).unwrap();

    let logout = sessions.open(Some(key.expose()));
    logout.flush().await.unwrap();
    let cookie = sessions.finish(&logout, 302).await.unwrap().set_cookie.unwrap();
    assert!(text(cookie).contains("Max-Age=0"));

    assert!(matches!(sessions.finish(&slow, 200).await, Err(SessionError::Interrupted)));
    assert!(matches!(slow.load().await.unwrap().transact(|_| ()).await, Err(SessionError::Interrupted)));
    assert!(world.stored(kind, "sessionid", &key).await.is_none());
    assert!(open(&sessions, &key).await.items().is_empty());
}

/// S12 of the threat list with both at the same time, many times: whoever is first, the session is gone.
async fn a_save_and_a_logout_at_once_leave_nothing(world: &World, kind: Kind) {
    let sessions = world.sessions(kind, SessionConfig::default());
    for round in 0..40 {
        let key = signed_in(&sessions, "1").await;
        let barrier = Arc::new(Barrier::new(2));
        let slow = sessions.open(Some(key.expose()));
        slow.load().await.unwrap().set("round", &round).unwrap();
        let save = {
            let (sessions, barrier) = (sessions.clone(), Arc::clone(&barrier));
            tokio::spawn(async move {
                barrier.wait().await;
                match sessions.finish(&slow, 200).await {
                    Ok(_) | Err(SessionError::Interrupted) => {}
                    Err(e) => panic!("{e}"),
                }
            })
        };
        // A reader that fills the cache at the wrong moment must not bring it back either.
        let read = {
            let (sessions, key) = (sessions.clone(), key.clone());
            tokio::spawn(async move { drop(open(&sessions, &key).await) })
        };
        barrier.wait().await;
        sessions.end(&key).await.unwrap();
        save.await.unwrap();
        read.await.unwrap();
        assert!(!sessions.engine().exists(&key, T0).await.unwrap(), "revived in round {round}");
    }
}

/// D6, F02: Django loses 19 of these 20.
async fn parallel_writers_all_survive(world: &World, kind: Kind) {
    const WRITERS: i64 = 20;
    let sessions = world.sessions(kind, SessionConfig::default());
    let key = signed_in(&sessions, "1").await;
    let barrier = Arc::new(Barrier::new(WRITERS as usize));
    let mut tasks = Vec::new();
    for n in 0..WRITERS {
        let (sessions, key, barrier) = (sessions.clone(), key.clone(), Arc::clone(&barrier));
        tasks.push(tokio::spawn(async move {
            let lazy = sessions.open(Some(key.expose()));
            let session = lazy.load().await.unwrap();
            barrier.wait().await;
            session.set(&format!("writer{n}"), &n).unwrap();
            assert_eq!(sessions.finish(&lazy, 200).await.unwrap().vary, Vary::Cookie);
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
    let items = open(&sessions, &key).await.items();
    assert_eq!(items.keys().next().unwrap(), "_auth_user_id", "G12: the order is kept");
    for n in 0..WRITERS {
        assert_eq!(items.get(&format!("writer{n}")), Some(&Value::Int(n)));
    }
    assert_eq!(items.len(), WRITERS as usize + 1);
}

async fn parallel_counts_are_exact(world: &World, kind: Kind) {
    let sessions = world.sessions(kind, SessionConfig::default());
    let key = signed_in(&sessions, "1").await;
    let mut tasks = Vec::new();
    for _ in 0..20 {
        let (sessions, key) = (sessions.clone(), key.clone());
        tasks.push(tokio::spawn(async move {
            let lazy = sessions.open(Some(key.expose()));
            let session = lazy.load().await.unwrap();
            for _ in 0..5 {
                session
                    .transact(|data| {
                        let hits = match data.get("hits") {
                            Some(Value::Int(n)) => *n,
                            _ => 0,
                        };
                        data.insert("hits", hits + 1);
                    })
                    .await
                    .unwrap();
            }
            assert!(sessions.finish(&lazy, 200).await.unwrap().set_cookie.is_some());
        }));
    }
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(open(&sessions, &key).await.get::<i64>("hits").unwrap(), Some(100));
}

/// D6: a removal and a clearing stand against what others add at the same time.
async fn removals_merge_too(world: &World, kind: Kind) {
    let sessions = world.sessions(kind, SessionConfig::default());
    let key = signed_in(&sessions, "1").await;
    let (remover, adder) = (open(&sessions, &key).await, open(&sessions, &key).await);
    adder.set("added", &1).unwrap();
    adder.save().await.unwrap();
    assert!(remover.remove("_auth_user_id").is_some());
    remover.save().await.unwrap();
    assert_eq!(names(&open(&sessions, &key).await), ["added"]);
    assert_eq!(names(&remover), ["added"], "a save shows what it met");

    let (clearer, adder) = (open(&sessions, &key).await, open(&sessions, &key).await);
    adder.set("more", &1).unwrap();
    adder.save().await.unwrap();
    clearer.clear();
    clearer.set("left", &1).unwrap();
    clearer.save().await.unwrap();
    assert_eq!(names(&open(&sessions, &key).await), ["left"]);
}

/// S19: two tasks share one load and one session.
async fn two_tasks_load_once(world: &World, kind: Kind) {
    let sessions = world.sessions(kind, SessionConfig::default());
    let key = signed_in(&sessions, "1").await;
    let lazy = sessions.open(Some(key.expose()));
    let (a, b) = tokio::join!(lazy.load(), lazy.load());
    let (a, b) = (a.unwrap(), b.unwrap());
    assert!(Arc::ptr_eq(&a.items(), &b.items()));
    a.set("a", &1).unwrap();
    assert_eq!(b.get::<i64>("a").unwrap(), Some(1));
    assert!(lazy.modified());
}

/// S02 of the threat list: data goes under a new key, and the client's own opens nothing.
async fn an_unknown_key_is_never_adopted(world: &World, kind: Kind) {
    let sessions = world.sessions(kind, SessionConfig::default());
    let theirs = key('z');
    let lazy = sessions.open(Some(theirs.expose()));
    lazy.load().await.unwrap().set("a", &1).unwrap();
    let cookie = text(sessions.finish(&lazy, 200).await.unwrap().set_cookie.unwrap());
    assert!(!cookie.contains(theirs.expose()));
    assert_eq!(names(&open(&sessions, &lazy.key().unwrap()).await), ["a"]);
    assert!(open(&sessions, &theirs).await.items().is_empty());
}

/// S03 of the threat list, S16: both at once, not with the answer.
async fn a_cycled_key_opens_nothing(world: &World, kind: Kind) {
    let sessions = world.sessions(kind, SessionConfig::default());
    let old = signed_in(&sessions, "1").await;
    let session = sessions.open(Some(old.expose()));
    session.cycle_key().await.unwrap();
    let new = session.key().unwrap();
    assert_ne!(new, old);
    assert!(open(&sessions, &old).await.items().is_empty());
    assert_eq!(names(&open(&sessions, &new).await), ["_auth_user_id"]);
    assert!(world.stored(kind, "sessionid", &old).await.is_none());
}

/// S15 of the threat list: readers, and log-outs of nobody, leave no record.
async fn anonymous_traffic_stores_nothing(world: &World, kind: Kind) {
    let sessions = world.sessions(kind, SessionConfig::default());
    let before = world.count_stored(kind).await;
    for n in 0..50 {
        let cookie = (n % 2 == 0).then(|| key('q'));
        let lazy = sessions.open(cookie.as_ref().map(SessionKey::expose));
        if n % 3 == 0 {
            lazy.flush().await.unwrap();
        } else if kind != Kind::SignedCookies {
            assert!(lazy.load().await.unwrap().get_value("a").is_none());
        }
        let finish = sessions.finish(&lazy, 200).await.unwrap();
        assert!(finish.set_cookie.is_none_or(|c| text(c).contains("Max-Age=0")));
    }
    assert_eq!(world.count_stored(kind).await, before);

    let untouched = sessions.open(None);
    assert!(!sessions.needs_finish(&untouched));
}

/// G12: another service's data survives a change to one key, in order and by type.
async fn what_others_stored_keeps_order_and_types(world: &World, kind: Kind) {
    let sessions = world.sessions(kind, SessionConfig::default());
    let session = sessions.open(None).load().await.unwrap();
    let mut nested = Dict::new();
    nested.insert("z", Value::Float(1.0));
    nested.insert("a", Value::Int(1));
    let items = [
        ("z", Value::Float(1.0)),
        ("a", Value::Int(1)),
        ("big", Value::BigInt("123456789012345678901234567890".into())),
        ("nested", Value::Dict(nested)),
        ("nothing", Value::None),
    ];
    for (name, value) in items.clone() {
        session.set_value(name, value);
    }
    session.save().await.unwrap();
    let again = open(&sessions, &session.key().unwrap()).await;
    again.set("a", &2).unwrap();
    again.save().await.unwrap();
    let stored = open(&sessions, &again.key().unwrap()).await.items();
    let mut want = items;
    want[1].1 = Value::Int(2);
    assert!(stored.iter().map(|(k, v)| (k.to_string_lossy(), v.clone())).eq(want.map(|(k, v)| (k.to_owned(), v))));
}

/// S13 of the threat list, S57: no path, no statement, no panic; never somebody's session.
async fn malformed_keys_never_reach_the_store(world: &World, kind: Kind) {
    let sessions = world.sessions(kind, SessionConfig::default());
    signed_in(&sessions, "1").await;
    let long = "x".repeat(100_000);
    for odd in ["", "short", "../../etc/passwd", "nul\0nul\0nul", "éééééééééé", "with space!", "a'; DROP TABLE", &long]
    {
        let lazy = sessions.open(Some(odd));
        let session = lazy.load().await.unwrap();
        assert!(session.items().is_empty());
        assert!(session.reason().is_some(), "{odd:.20}");
        match sessions.open(Some(odd)).flush().await {
            Ok(()) | Err(SessionError::InvalidKey) => {}
            Err(e) => panic!("{e}"),
        }
    }
}

/// D8: an answer that did not touch the session leaves the cookie to whoever signed in meanwhile.
async fn a_dead_cookie_is_kept_when_hardened(world: &World, kind: Kind) {
    let config = SessionConfig { dead_cookie: DeadCookie::Keep, ..SessionConfig::default() };
    let sessions = world.sessions(kind, config);
    let key = signed_in(&sessions, "1").await;
    world.clock.set(T0.plus_secs(1_209_601));
    let late = sessions.open(Some(key.expose()));
    assert!(late.load().await.unwrap().get_value("_auth_user_id").is_none());
    let finish = sessions.finish(&late, 200).await.unwrap();
    assert!(finish.set_cookie.is_none());
    assert_eq!(finish.vary, Vary::Cookie);

    let key = signed_in(&sessions, "1").await;
    let logout = sessions.open(Some(key.expose()));
    logout.flush().await.unwrap();
    assert!(text(sessions.finish(&logout, 200).await.unwrap().set_cookie.unwrap()).contains("Max-Age=0"));
}

/// S48, S59: what is live stays.
async fn clearing_expired_takes_those_alone(world: &World, kind: Kind) {
    let sessions = world.sessions(kind, SessionConfig { age_secs: 60, ..SessionConfig::default() });
    let old = [signed_in(&sessions, "1").await, signed_in(&sessions, "2").await];
    world.clock.set(T0.plus_secs(100));
    let live = signed_in(&sessions, "3").await;
    assert_eq!(sessions.clear_expired().await.unwrap(), 2);
    assert_eq!(sessions.clear_expired().await.unwrap(), 0);
    for key in &old {
        assert!(world.stored(kind, "sessionid", key).await.is_none());
    }
    assert!(!open(&sessions, &live).await.items().is_empty());
}

/// S09 of the threat list: live ones, of this user, on more than one page of rows.
async fn a_users_sessions_are_listed(world: &World, kind: Kind) {
    let sessions = world.sessions(kind, SessionConfig::default());
    for n in 0..510 {
        signed_in(&sessions, if n % 255 == 0 { "7" } else { "70" }).await;
    }
    sessions.open(None).create().await.unwrap();
    let found = sessions.for_user(&UserId::from(7)).await.unwrap();
    assert_eq!(found.len(), 2);
    assert_eq!(found[0].expire_date, T0.plus_secs(1_209_600));
    assert_ne!(found[0].public_id(), found[1].public_id());
    assert!(!format!("{found:?}").contains(found[0].key.expose()));
    sessions.end(&found[0].key).await.unwrap();
    assert_eq!(sessions.for_user(&UserId::from(7)).await.unwrap().len(), 1);
    world.clock.set(T0.plus_secs(1_209_600));
    assert!(sessions.for_user(&UserId::from(7)).await.unwrap().is_empty());
}

/// S33: nobody is signed in, the record stays, and the next write goes under the same key.
async fn damaged_data_is_an_empty_session_with_its_key(world: &World, kind: Kind) {
    let sessions = world.sessions(kind, SessionConfig::default());
    let key = signed_in(&sessions, "1").await;
    world.tamper(kind, "sessionid", &key).await;
    let session = open(&sessions, &key).await;
    assert!(session.items().is_empty());
    assert_eq!(session.reason(), Some(Anonymous::BadSignature));
    assert_eq!(session.key(), Some(key.clone()));
    session.set("a", &1).unwrap();
    session.save().await.unwrap();
    assert_eq!(names(&open(&sessions, &key).await), ["a"]);
}

/// D7, F01: the store is down; nobody is signed out, nothing is stored, the cookie stays.
#[tokio::test]
async fn a_store_that_is_down_is_an_error() {
    for kind in [Kind::Db, Kind::CachedDb, Kind::File] {
        let world = World::new().await;
        let sessions = world.sessions(kind, SessionConfig::default());
        let key = signed_in(&sessions, "1").await;
        if kind == Kind::CachedDb {
            world.forget_cached(kind, &key).await;
        }
        let session = sessions.open(Some(key.expose()));
        let changed = open(&sessions, &key).await;
        changed.set("a", &1).unwrap();
        if kind == Kind::CachedDb {
            world.forget_cached(kind, &key).await;
        }
        world.break_store(kind).await;

        let Err(SessionError::Engine(e)) = session.load().await else { panic!("{kind:?} answers") };
        assert!(e.is_unavailable());
        assert!(!format!("{e:?} {e}").contains(key.expose()));
        assert!(session.flush().await.is_err());
        assert_eq!(session.key(), Some(key.clone()), "the cookie stays");
        assert!(sessions.finish(&session, 503).await.unwrap().set_cookie.is_none());
        assert!(matches!(sessions.finish(&changed.lazy(), 200).await, Err(SessionError::Engine(_))));
        let stranger = sessions.open(None).load().await.unwrap();
        stranger.set("a", &1).unwrap();
        assert!(matches!(sessions.finish(&stranger.lazy(), 200).await, Err(SessionError::Engine(_))));

        if kind == Kind::File {
            world.mend_files();
            assert!(!session.load().await.unwrap().items().is_empty(), "the next call asks again");
            assert_eq!(sessions.finish(&changed.lazy(), 200).await.unwrap().vary, Vary::Cookie);
            assert_eq!(
                names(&open(&sessions, &key).await),
                ["_auth_user_id", "a"],
                "and saves what could not be saved"
            );
        }
    }
}

/// S55, S57: names, rights, and nothing left lying about.
#[tokio::test]
async fn session_files_are_private_and_whole() {
    use std::os::unix::fs::PermissionsExt;
    let world = World::new().await;
    let sessions = world.sessions(Kind::File, SessionConfig::default());
    let key = signed_in(&sessions, "1").await;
    let session = open(&sessions, &key).await;
    session.set("a", &1).unwrap();
    session.save().await.unwrap();
    let path = world.file("sessionid", &key);
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(world.count_stored(Kind::File).await, 1);

    let upper = SessionKey::parse("ABCDEFGHIJKL").unwrap();
    assert!(!sessions.engine().admits(&upper));
    assert!(matches!(sessions.open(Some(upper.expose())).flush().await, Err(SessionError::InvalidKey)));
    // The placeholder of a session that is just being made (S55).
    std::fs::write(&path, "").unwrap();
    assert_eq!(open(&sessions, &key).await.key(), Some(key));
}

/// S53: the cached copy is trusted, but a save goes by the row.
#[tokio::test]
async fn cached_db_saves_onto_the_row() {
    let world = World::new().await;
    let sessions = world.sessions(Kind::CachedDb, SessionConfig::default());
    let key = signed_in(&sessions, "1").await;
    let direct = world.sessions(Kind::Db, SessionConfig::default());
    let other = open(&direct, &key).await;
    other.set("other_process", &1).unwrap();
    other.save().await.unwrap();

    let session = open(&sessions, &key).await;
    assert_eq!(names(&session), ["_auth_user_id"], "the copy is behind, as in Django");
    session.set("a", &1).unwrap();
    session.save().await.unwrap();
    assert_eq!(names(&open(&direct, &key).await), ["_auth_user_id", "other_process", "a"]);
    assert_eq!(names(&open(&sessions, &key).await), ["_auth_user_id", "other_process", "a"]);
}

/// S20–S25, S41: the rest of the handle, on one engine.
#[tokio::test]
async fn expiry_and_explicit_creation() {
    let world = World::new().await;
    let sessions = world.sessions(Kind::Db, SessionConfig::default());
    let session = sessions.open(Some("chosen0chosen0")).load().await.unwrap();
    assert_eq!(session.reason(), Some(Anonymous::NoSession));
    assert!(matches!(session.save_must_create().await.unwrap(), Created::Yes(_)));
    assert!(matches!(session.save_must_create().await.unwrap(), Created::Taken));

    session.set_expiry(Expiry::At(T0.plus_secs(90)));
    assert_eq!(session.get::<String>("_session_expiry").unwrap().unwrap(), "2026-01-02T03:05:35.678901+00:00");
    assert_eq!(session.get_expiry_age().unwrap().as_whole_secs().unwrap(), 90);
    world.advance_micros(300_000);
    assert_eq!(session.get_expiry_age().unwrap().as_whole_secs().unwrap(), 89);
    assert_eq!(session.get_expiry_date().unwrap(), T0.plus_secs(90));
    session.set_expiry(Expiry::WithBrowser);
    assert!(session.get_expire_at_browser_close());
    session.set_expiry(Expiry::Default);
    assert!(!session.contains_key("_session_expiry") && !session.get_expire_at_browser_close());

    session.set_test_cookie();
    assert!(session.test_cookie_worked());
    assert!(session.delete_test_cookie().is_some() && !session.test_cookie_worked());

    // S25: Django answers 500, and stores nothing.
    session.set("_session_expiry", "tomorrow").unwrap();
    match sessions.finish(&session.lazy(), 200).await {
        Err(SessionError::Engine(e)) => assert!(!e.is_unavailable()),
        other => panic!("{other:?}"),
    }
}

/// L03: neither keys nor data nor secrets print.
#[tokio::test]
async fn sessions_do_not_print_their_secrets() {
    let world = World::new().await;
    for kind in [Kind::Db, Kind::Cache, Kind::CachedDb, Kind::File, Kind::SignedCookies] {
        let sessions = world.sessions(kind, SessionConfig::default());
        let key = signed_in(&sessions, "canary").await;
        let session = open(&sessions, &key).await;
        let printed = format!("{session:?} {sessions:?} {:?}", sessions.engine().load(&key, T0).await.unwrap());
        for secret in [key.expose(), "canary", SECRET_KEY] {
            assert!(!printed.contains(secret), "{kind:?}");
        }
    }
    assert!(matches!(world.sessions(Kind::Db, SessionConfig::default()).engine(), AnyEngine::Db(_)));
}

fn key(c: char) -> SessionKey {
    SessionKey::parse(&c.to_string().repeat(32)).unwrap()
}

pub(crate) fn one(name: &str, value: i64) -> Arc<Dict> {
    let mut data = Dict::new();
    data.insert(name, value);
    Arc::new(data)
}

/// Stores a session as a log-in does.
pub(crate) async fn signed_in(sessions: &Sessions, user: &str) -> SessionKey {
    let session = sessions.open(None).load().await.unwrap();
    session.set("_auth_user_id", user).unwrap();
    session.save().await.unwrap();
    session.key().unwrap()
}

async fn open(sessions: &Sessions, key: &SessionKey) -> Session {
    sessions.open(Some(key.expose())).load().await.unwrap()
}

fn names(session: &Session) -> Vec<String> {
    session.keys().iter().map(|k| k.to_string_lossy()).collect()
}

pub(crate) fn text(cookie: SetCookie) -> String {
    cookie.to_header_value(T0).unwrap()
}
