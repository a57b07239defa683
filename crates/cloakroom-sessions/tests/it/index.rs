//! The index of sessions (D13; S06, S09, S10, S12): what is listed is what lives, on every engine with a server side.

use cloakroom_core::keys::{SessionKey, UserId};
use cloakroom_core::secret::{SecretKey, SecretKeys};
use cloakroom_db::{migrations, session_index};
use cloakroom_sessions::{
    EngineError, LazySession, SessionConfig, SessionError, SessionIndex, Sessions, Usage, Visitor, public_id,
};

use crate::world::{Kind, SECRET_KEY, T0, World};

const LISTED: [Kind; 4] = [Kind::Db, Kind::Cache, Kind::CachedDb, Kind::File];

/// A log-in, with the answer that ends its request.
async fn signs_in(sessions: &Sessions, user: i64) -> SessionKey {
    let lazy = sessions.open(None);
    let session = lazy.load().await.unwrap();
    session.set("_auth_user_id", &user.to_string()).unwrap();
    answer(sessions, &lazy, user).await.unwrap();
    lazy.key().unwrap()
}

/// The end of a request in which `user` is known.
async fn answer(sessions: &Sessions, lazy: &LazySession, user: i64) -> Result<(), SessionError> {
    let finish = sessions.finish(lazy, 200).await?;
    let usage = if finish.set_cookie.is_some() { Usage::Saved } else { Usage::Read };
    let visitor = || Visitor {
        address: Some("192.0.2.7".parse().unwrap()),
        agent: Some(format!("Browser\n\u{7}/{}", "x".repeat(400))),
    };
    sessions.used(lazy, &UserId::from(user), usage, visitor);
    Ok(())
}

/// A request that only looks who is there.
async fn uses(sessions: &Sessions, key: &SessionKey, user: i64) {
    let lazy = sessions.open(Some(key.expose()));
    assert_eq!(lazy.load().await.unwrap().get::<String>("_auth_user_id").unwrap(), Some(user.to_string()));
    answer(sessions, &lazy, user).await.unwrap();
}

async fn listed(sessions: &Sessions, user: i64) -> Vec<String> {
    let found = sessions.for_user(&UserId::from(user)).await.unwrap();
    let mut ids: Vec<String> = found.iter().map(|session| session.public_id()).collect();
    ids.sort();
    ids
}

fn ids<const N: usize>(keys: [&SessionKey; N]) -> Vec<String> {
    let mut ids: Vec<String> = keys.into_iter().map(public_id).collect();
    ids.sort();
    ids
}

/// S06, S09: listed by one process, ended by another, gone for all.
#[tokio::test]
async fn every_engine_lists_and_ends() {
    for kind in LISTED {
        let world = World::new().await;
        let (here, there) = (world.indexed(kind), world.indexed(kind));
        let (a, b, c) = (signs_in(&here, 7).await, signs_in(&here, 7).await, signs_in(&here, 8).await);
        here.flush_index().await;
        assert_eq!(listed(&there, 7).await, ids([&a, &b]), "{kind:?}");
        let found = there.by_public_id(&public_id(&a)).await.unwrap().unwrap();
        assert_eq!((found.key.clone(), found.user_id()), (a.clone(), Some("7")));
        assert_eq!(found.expire_date, T0.plus_secs(1_209_600), "{kind:?}");
        let visit = found.visit.clone().unwrap();
        assert_eq!((visit.first_seen, visit.last_seen, visit.address.as_str()), (T0, T0, "192.0.2.7"));
        assert!(visit.user_agent.starts_with("Browser/xx") && visit.user_agent.len() == 256, "{visit:?}");
        assert!(!format!("{found:?}{visit:?}{there:?}").contains(a.expose()));

        there.end(&found.key).await.unwrap();
        assert_eq!(listed(&here, 7).await, ids([&b]), "{kind:?}");
        assert!(here.open(Some(a.expose())).load().await.unwrap().items().is_empty(), "{kind:?}");
        assert!(here.by_public_id(&public_id(&a)).await.unwrap().is_none());
        assert_eq!(there.end_all(&mut |_| {}).await.unwrap(), 2, "{kind:?}");
        assert!(listed(&here, 7).await.is_empty() && listed(&here, 8).await.is_empty());
        assert!(here.open(Some(c.expose())).load().await.unwrap().items().is_empty(), "{kind:?}");
    }
}

/// S16: a new key takes the session's history along; a log-out leaves nothing.
#[tokio::test]
async fn keys_move_and_log_outs_leave() {
    for kind in LISTED {
        let world = World::new().await;
        let sessions = world.indexed(kind);
        let first = signs_in(&sessions, 7).await;
        world.clock.set(T0.plus_secs(1_000));
        let lazy = sessions.open(Some(first.expose()));
        lazy.cycle_key().await.unwrap();
        answer(&sessions, &lazy, 7).await.unwrap();
        let second = lazy.key().unwrap();
        assert_eq!(listed(&sessions, 7).await, ids([&second]), "{kind:?}");
        let visit = sessions.by_key(&second).await.unwrap().unwrap().visit.unwrap();
        assert_eq!((visit.first_seen, visit.last_seen), (T0, T0.plus_secs(1_000)), "{kind:?}");

        sessions.open(Some(second.expose())).flush().await.unwrap();
        assert!(listed(&sessions, 7).await.is_empty());
        assert!(session_index::latest(world.db(), 9).await.unwrap().is_empty(), "{kind:?}");
    }
}

/// D15: a page that is asked for often writes once in an interval, and never within its own request.
#[tokio::test]
async fn use_is_noted_once_in_an_interval() {
    let world = World::new().await;
    let sessions = world.indexed(Kind::Db);
    let key = signs_in(&sessions, 7).await;
    sessions.flush_index().await;
    let mark = world.db().mark();
    for _ in 0..50 {
        uses(&sessions, &key, 7).await;
    }
    sessions.flush_index().await;
    assert!(mark.is_some());
    assert_eq!(world.db().mark(), mark, "nothing was written");
    world.clock.set(T0.plus_secs(300));
    uses(&sessions, &key, 7).await;
    assert_eq!(world.db().mark(), mark, "not before the notes are due");
    assert_eq!(sessions.by_key(&key).await.unwrap().unwrap().visit.unwrap().last_seen, T0.plus_secs(300));
}

/// M09: what Django made beside us is listed at once, and a row that Django deleted is not.
#[tokio::test]
async fn sessions_of_others_are_found() {
    for kind in [Kind::Db, Kind::CachedDb] {
        let world = World::new().await;
        let (ours, django) = (world.indexed(kind), world.sessions(kind, SessionConfig::default()));
        let own = signs_in(&ours, 7).await;
        let theirs = signs_in(&django, 7).await;
        django.open(None).create().await.unwrap();
        assert_eq!(listed(&ours, 7).await, ids([&own, &theirs]), "{kind:?}");
        assert_eq!(ours.signed_in(10).await.unwrap().len(), 2);
        django.end(&own).await.unwrap();
        assert_eq!(listed(&ours, 7).await, ids([&theirs]), "{kind:?}");
        ours.flush_index().await;
        let kept: Vec<_> = session_index::latest(world.db(), 9).await.unwrap().into_iter().map(|e| e.handle).collect();
        assert_eq!(kept, ids([&theirs]), "{kind:?}");
    }
}

/// Opening a database that Django made is never a failure: without the table all rows are read.
#[tokio::test]
async fn without_its_table_everything_works() {
    let world = World::of_django().await;
    for kind in [Kind::Db, Kind::CachedDb] {
        let sessions = world.indexed(kind);
        let (a, b) = (signs_in(&sessions, 7001).await, signs_in(&sessions, 7001).await);
        assert_eq!(listed(&sessions, 7001).await, ids([&a, &b]), "{kind:?}");
        assert!(sessions.by_public_id(&public_id(&b)).await.unwrap().is_some());
        assert!(sessions.by_key(&b).await.unwrap().unwrap().visit.is_none());
        assert!(!sessions.signed_in(100).await.unwrap().is_empty());
        assert!(!sessions.needs_backfill().await.unwrap());
        let error = sessions.backfill(&mut |_| {}).await.unwrap_err();
        assert!(matches!(error, SessionError::Engine(EngineError::Db(_))), "{error:?}");
        sessions.end(&a).await.unwrap();
        sessions.open(Some(b.expose())).flush().await.unwrap();
        sessions.clear_expired().await.unwrap();
        assert!(listed(&sessions, 7001).await.is_empty(), "{kind:?}");
    }
    let cache = world.indexed(Kind::Cache);
    signs_in(&cache, 7001).await;
    assert!(listed(&cache, 7001).await.is_empty(), "nothing knows whose sessions a cache holds");
}

/// Until it is filled, the index does not hide what it lacks.
#[tokio::test]
async fn a_database_of_django_is_filled() {
    let world = World::of_django().await;
    let django = world.sessions(Kind::Db, SessionConfig::default());
    let old = signs_in(&django, 7001).await;
    for _ in 0..600 {
        world.advance_micros(1);
        signs_in(&django, 7002).await;
    }
    migrations::migrate(world.db(), T0, &mut |_| {}).await.unwrap();
    let sessions = world.indexed(Kind::Db);
    assert!(sessions.needs_backfill().await.unwrap());
    assert_eq!(listed(&sessions, 7001).await, ids([&old]));
    assert!(sessions.by_public_id(&public_id(&old)).await.unwrap().is_some());

    let mut told = Vec::new();
    let done = sessions.backfill(&mut |progress| told.push(progress.sessions)).await.unwrap();
    assert!(done.sessions >= 601 && done.signed_in >= 601 && told.len() >= 2, "{done:?} {told:?}");
    assert!(!sessions.needs_backfill().await.unwrap());
    assert_eq!(listed(&world.indexed(Kind::Db), 7001).await, ids([&old]));
    let visit = sessions.by_key(&old).await.unwrap().unwrap().visit.unwrap();
    assert_eq!((visit.first_seen, visit.address.as_str()), (T0, ""), "by its end, which is an age after the save");
    let again = sessions.backfill(&mut |_| {}).await.unwrap();
    assert_eq!(again, done, "a second time nothing changes");
    assert_eq!(listed(&sessions, 7002).await.len(), 600);
}

/// Files can be listed too.
#[tokio::test]
async fn a_folder_of_files_is_filled() {
    let world = World::new().await;
    let key = signs_in(&world.sessions(Kind::File, SessionConfig::default()), 7).await;
    let sessions = world.indexed(Kind::File);
    assert!(listed(&sessions, 7).await.is_empty());
    assert_eq!(sessions.backfill(&mut |_| {}).await.unwrap().signed_in, 1);
    assert_eq!(listed(&sessions, 7).await, ids([&key]));
}

/// S48: entries go with their sessions; one that Django prolonged stays, with its new end.
#[tokio::test]
async fn clearing_sweeps_the_index() {
    for kind in LISTED {
        let world = World::new().await;
        let sessions = world.indexed(kind);
        let (dead, kept) = (signs_in(&sessions, 7).await, signs_in(&sessions, 7).await);
        sessions.flush_index().await;
        world.clock.set(T0.plus_secs(1_000_000));
        let django = world.sessions(kind, SessionConfig::default());
        let lazy = django.open(Some(kept.expose()));
        lazy.load().await.unwrap().set("touched", &1).unwrap();
        let _ = django.finish(&lazy, 200).await.unwrap();
        world.clock.set(T0.plus_secs(1_209_601));
        sessions.clear_expired().await.unwrap();
        let entries = session_index::latest(world.db(), 9).await.unwrap();
        let handles: Vec<_> = entries.iter().map(|e| e.handle.clone()).collect();
        assert_eq!(handles, ids([&kept]), "{kind:?}, not {}", public_id(&dead));
        assert!(entries[0].expire_date > T0.plus_secs(1_209_601), "{kind:?}");
        assert_eq!(listed(&sessions, 7).await, ids([&kept]), "{kind:?}");
    }
}

/// K30, D10: a changed SECRET_KEY with the old one as fallback loses nobody; without it what cannot be opened is dropped.
#[tokio::test]
async fn a_changed_secret_key_is_lived_with() {
    let key = |k: &str| SecretKey::new(k).unwrap();
    let world = World::new().await;
    let own = signs_in(&world.indexed(Kind::Cache), 7).await;
    world.indexed(Kind::Cache).flush_index().await;
    let first = world.indexed(Kind::Cache);
    uses(&first, &own, 7).await;
    first.flush_index().await;
    let rotated = world.indexed_under(Kind::Cache, &SecretKeys::new(key("new"), vec![key(SECRET_KEY)]));
    assert_eq!(listed(&rotated, 7).await, ids([&own]));
    let other = world.indexed_under(Kind::Cache, &SecretKeys::new(key("other"), Vec::new()));
    assert!(listed(&other, 7).await.is_empty());
    other.flush_index().await;
    assert!(session_index::latest(world.db(), 9).await.unwrap().is_empty());
}

/// The cookie is the session: nothing to list, and the engine says so.
#[tokio::test]
async fn cookies_have_no_index() {
    let world = World::new().await;
    let sessions = world.indexed(Kind::SignedCookies);
    assert!(sessions.index().is_none());
    signs_in(&sessions, 7).await;
    assert!(listed(&sessions, 7).await.is_empty());
}

/// S12: ended while its own request runs, it is not saved, not revived, and not listed.
#[tokio::test]
async fn a_session_ended_under_its_request_stays_ended() {
    for kind in LISTED {
        let world = World::new().await;
        let sessions = world.indexed(kind);
        let key = signs_in(&sessions, 7).await;
        let (writing, reading) = (sessions.open(Some(key.expose())), sessions.open(Some(key.expose())));
        writing.load().await.unwrap().set("a", &1).unwrap();
        reading.load().await.unwrap();
        sessions.end(&key).await.unwrap();
        assert!(matches!(answer(&sessions, &writing, 7).await, Err(SessionError::Interrupted)), "{kind:?}");
        // The one that only read does not know, and leaves a late note.
        answer(&sessions, &reading, 7).await.unwrap();
        assert!(listed(&sessions, 7).await.is_empty(), "{kind:?}");
        sessions.flush_index().await;
        assert!(session_index::latest(world.db(), 9).await.unwrap().is_empty(), "{kind:?}");
    }
}

/// M09: two tabs that list and end at the same time, while others sign in, agree in the end.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_tabs_end_sessions_at_once() {
    for kind in LISTED {
        let world = World::new().await;
        let sessions = world.indexed(kind);
        let here = signs_in(&sessions, 7).await;
        for _ in 0..30 {
            signs_in(&sessions, 7).await;
        }
        let tab = |sessions: Sessions, here: SessionKey| async move {
            let found = sessions.for_user(&UserId::from(7)).await.unwrap();
            for session in found.into_iter().filter(|session| session.key != here) {
                sessions.end(&session.key).await.unwrap();
            }
        };
        let late = |sessions: Sessions| async move { signs_in(&sessions, 7).await };
        let tabs =
            [tokio::spawn(tab(sessions.clone(), here.clone())), tokio::spawn(tab(world.indexed(kind), here.clone()))];
        let late = tokio::spawn(late(sessions.clone()));
        for tab in tabs {
            tab.await.unwrap();
        }
        late.await.unwrap();
        tab(sessions.clone(), here.clone()).await;
        assert_eq!(listed(&sessions, 7).await, ids([&here]), "{kind:?}");
        assert_eq!(listed(&world.indexed(kind), 7).await, ids([&here]), "{kind:?}");
        uses(&sessions, &here, 7).await;
    }
}

/// What cannot be written is noted again at the next use, and the memory for it is bounded by then.
#[tokio::test]
async fn a_store_that_is_down_is_no_failure_of_the_request() {
    let world = World::new().await;
    let sessions = world.indexed(Kind::Cache);
    world.break_store(Kind::Db).await;
    let key = signs_in(&sessions, 7).await;
    uses(&sessions, &key, 7).await;
    sessions.flush_index().await;
    let error = sessions.for_user(&UserId::from(7)).await.unwrap_err();
    assert!(matches!(error, SessionError::Engine(EngineError::Db(_))), "a list that is not known is not empty (D7)");
}

/// The interval is what the documentation says.
#[test]
fn the_interval_is_five_minutes() {
    assert_eq!(SessionIndex::INTERVAL.as_secs(), 300);
}
