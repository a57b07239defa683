//! Copies for a bounded time (D5, S21): what others change is heard, and where nothing can be heard nothing is believed.

use std::time::{Duration, Instant};

use cloakroom_core::keys::UserId;
use cloakroom_core::near::{Stamp, Subject};
use cloakroom_db::{Database, DatabaseUrl, Durability, Freshness, Options, sessions};
use cloakroom_testservers::{Fault, FaultProxy};

use crate::suite::place::{Kind, Place, T0, key, row};

const BOUND: Duration = Duration::from_millis(800);

const END: cloakroom_core::clock::Timestamp = T0.plus_secs(60);

async fn open(url: &str) -> Database {
    let options = Options::default().with_bound(BOUND).with_deadline(Duration::from_secs(5));
    Database::open(&DatabaseUrl::parse(url).unwrap(), options).await.unwrap()
}

/// Waits until copies may be used.
async fn hearing(db: &Database) -> Stamp {
    let began = Instant::now();
    loop {
        if let Some(stamp) = db.stamp() {
            return stamp;
        }
        assert!(began.elapsed() < Duration::from_secs(20), "nothing is heard");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// How long a copy made at `then` is believed from now on.
async fn believed_for(db: &Database, then: Stamp, subject: Subject<'_>) -> Duration {
    let began = Instant::now();
    while db.stamp().is_some_and(|now| db.line().holds(then, now, subject)) {
        assert!(began.elapsed() < BOUND, "believed beyond the bound");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    began.elapsed()
}

#[tokio::test]
async fn what_others_change_is_heard() {
    let place = Place::new(Kind::Postgres);
    let other = place.migrated().await;
    let Place::Server(_, own) = &place else { panic!() };
    let db = open(&own.url()).await;
    assert_eq!(db.freshness(), Freshness::Bounded(BOUND));
    let _ = sessions::create(&other, &key(1), row("x", END), Durability::Full).await.unwrap();
    let alice = UserId::from(1);

    let then = hearing(&db).await;
    let _ = sessions::update(&other, &key(1), row("y", END), Durability::Full).await.unwrap();
    believed_for(&db, then, Subject::User(&alice)).await;

    // Another program altogether.
    let then = hearing(&db).await;
    own.query("DELETE FROM auth_user");
    believed_for(&db, then, Subject::User(&alice)).await;

    // What this process changes ends the copies of it at once, and no others, now or when it is heard.
    let then = hearing(&db).await;
    let _ = sessions::update(&db, &key(1), row("z", END), Durability::Full).await.unwrap();
    let now = db.stamp().unwrap();
    assert!(!db.line().holds(then, now, Subject::Session(&key(1))));
    tokio::time::sleep(BOUND * 2).await;
    assert!(db.line().holds(then, hearing(&db).await, Subject::User(&alice)));
    db.close().await;
    assert_eq!(db.stamp(), None);
}

/// The connection that listens is cut while others change things: not one change is missed.
#[tokio::test]
async fn a_cut_connection_misses_nothing() {
    let place = Place::new(Kind::Postgres);
    let other = place.migrated().await;
    let Place::Server(_, own) = &place else { panic!() };
    let db = open(&own.url()).await;
    let _ = sessions::create(&other, &key(1), row("x", END), Durability::Full).await.unwrap();
    for n in 0..5 {
        let then = hearing(&db).await;
        own.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE '%-listens'");
        let _ = sessions::update(&other, &key(1), row(&n.to_string(), END), Durability::Full).await.unwrap();
        believed_for(&db, then, Subject::Session(&key(1))).await;
        let now = hearing(&db).await;
        assert!(!db.line().holds(then, now, Subject::Session(&key(1))), "nor is it believed afterwards");
    }
}

/// A connection that is half open: nobody says that it is dead, and nothing is heard. Copies are used for the bound at most.
#[tokio::test]
async fn a_half_open_connection_is_not_believed_for_long() {
    let place = Place::new(Kind::Postgres);
    let other = place.migrated().await;
    let Place::Server(_, own) = &place else { panic!() };
    let proxy = FaultProxy::before(own.server()).await;
    let db = open(&own.url_through(proxy.address())).await;
    let _ = sessions::create(&other, &key(1), row("x", END), Durability::Full).await.unwrap();
    let then = hearing(&db).await;
    proxy.set(Fault::Hang).await;
    let _ = sessions::delete(&other, &key(1), Durability::Full).await.unwrap();
    believed_for(&db, then, Subject::Session(&key(1))).await;
    tokio::time::sleep(BOUND).await;
    assert_eq!(db.stamp(), None);
    proxy.set(Fault::Pass).await;
    let now = hearing(&db).await;
    assert!(!db.line().holds(then, now, Subject::Session(&key(1))));
}
