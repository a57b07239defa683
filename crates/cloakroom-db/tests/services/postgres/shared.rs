//! Short reads share one connection (F01, F05).

use std::time::{Duration, Instant};

use cloakroom_core::clock::Timestamp;
use cloakroom_core::keys::UserId;
use cloakroom_core::models::EncodedHash;
use cloakroom_db::sessions::{self, Created};
use cloakroom_db::users::{self, NewUser};
use cloakroom_db::{Database, DbError, Durability, Options};
use futures_util::future::join_all;

use crate::suite::place::{Kind, Place, T0, key, row};

const END: Timestamp = T0.plus_secs(60);

/// How many of ours the server knows.
const CONNECTIONS: &str =
    "SELECT COUNT(*) FROM pg_stat_activity WHERE application_name = 'cloakroom' AND datname = current_database()";

/// A database with the user 1 and a session.
async fn with_a_session(options: Options) -> (Place, Database) {
    let place = Place::new(Kind::Postgres);
    place.migrated().await.close().await;
    let db = place.open_with(options).await.unwrap();
    let new = NewUser::new("alice", EncodedHash::new("!x"), T0);
    assert!(matches!(users::create(&db, new).await.unwrap(), users::Created::Yes(_)));
    assert_eq!(sessions::create(&db, &key(1), row("x", END), Durability::Full).await.unwrap(), Created::Yes);
    (place, db)
}

/// Reads so often, all at once.
async fn read(db: &Database, times: usize) {
    let (first, alice) = (key(1), UserId::from(1));
    let found = join_all((0..times).map(|_| sessions::find_with_user(db, &first, T0, &alice))).await;
    for found in found {
        let (session, user) = found.unwrap().unwrap();
        assert_eq!((session, user.unwrap().username.as_str()), (row("x", END), "alice"));
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reads_at_once_take_one_connection() {
    let (place, db) = with_a_session(Options::default()).await;
    read(&db, 1).await;
    read(&db, 60).await;
    assert_eq!(place.query(CONNECTIONS), "1");
    read(&db, 400).await;
    let connections: usize = place.query(CONNECTIONS).parse().unwrap();
    assert!(
        (2..=Options::DEFAULT_CONNECTIONS).contains(&connections),
        "{connections}: nobody waits for so many others"
    );
    db.close().await;
    assert_eq!(place.query(CONNECTIONS), "0");
    assert!(matches!(sessions::find(&db, &key(1), T0).await, Err(DbError::Closed)));
}

/// The only connection is everybody's.
#[tokio::test]
async fn one_connection_is_not_kept_from_writes() {
    let (place, db) = with_a_session(Options::default().with_connections(1)).await;
    read(&db, 20).await;
    assert_eq!(sessions::create(&db, &key(2), row("x", END), Durability::Full).await.unwrap(), Created::Yes);
    assert_eq!(place.query(CONNECTIONS), "1");
}

/// F01: whoever ends the connection, those who wait for it have their answer from another.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_is_ended_under_load_is_not_noticed() {
    let (place, db) = with_a_session(Options::default()).await;
    let end = Instant::now() + Duration::from_secs(2);
    let readers = (0..16).map(|_| {
        let db = db.clone();
        tokio::spawn(async move {
            while Instant::now() < end {
                read(&db, 2).await;
            }
        })
    });
    let readers: Vec<_> = readers.collect();
    while Instant::now() < end {
        tokio::time::sleep(Duration::from_millis(200)).await;
        place.query(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'cloakroom'
             AND datname = current_database()",
        );
    }
    for reader in readers {
        reader.await.unwrap();
    }
}

/// F05: who waits behind a statement that hangs gives up in time, and nobody waits there after that.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_read_that_hangs_is_left_behind() {
    let (place, db) = with_a_session(Options::default().with_deadline(Duration::from_millis(600))).await;
    read(&db, 1).await;
    let Place::Server(_, own) = &place else { panic!() };
    let url = own.url();
    let holder = std::thread::spawn(move || {
        let lock = "BEGIN; LOCK TABLE auth_user IN ACCESS EXCLUSIVE MODE; SELECT pg_sleep(3)";
        let status =
            std::process::Command::new("psql").args(["-X", "-q", "-o", "/dev/null", &url, "-c", lock]).status();
        assert!(status.unwrap().success());
    });
    tokio::time::sleep(Duration::from_millis(500)).await;
    let began = Instant::now();
    let (first, alice) = (key(1), UserId::from(1));
    let behind = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        sessions::find(&db, &first, T0).await
    };
    let (hangs, behind) = tokio::join!(users::by_id(&db, &alice), behind);
    assert!(matches!(hangs, Err(DbError::TimedOut { .. })), "{hangs:?}");
    assert!(matches!(behind, Ok(Some(_)) | Err(DbError::TimedOut { .. })), "{behind:?}");
    assert_eq!(sessions::find(&db, &first, T0).await.unwrap(), Some(row("x", END)));
    assert!(began.elapsed() < Duration::from_millis(1_500), "{:?}", began.elapsed());
    holder.join().unwrap();
    read(&db, 20).await;
}

/// A table that is changed makes every connection's statements stale, and nobody notices.
#[tokio::test]
async fn statements_survive_a_change_of_their_table_on_all_connections() {
    let (place, db) = with_a_session(Options::default().with_connections(8)).await;
    let alice = UserId::from(1);
    for kind in ["varchar(300)", "text", "varchar(254)"] {
        read(&db, 4).await;
        let listed = join_all((0..8).map(|_| users::list(&db, None, 2))).await;
        assert!(listed.iter().all(|list| list.as_ref().is_ok_and(|list| list.len() == 1)), "{listed:?}");
        place.query(&format!("ALTER TABLE auth_user ALTER COLUMN email TYPE {kind}"));
        read(&db, 4).await;
        assert!(users::by_id(&db, &alice).await.unwrap().is_some());
        assert_eq!(users::list(&db, None, 2).await.unwrap().len(), 1);
    }
}

/// Whoever goes away before the answer takes nobody's, and holds nobody up.
#[tokio::test]
async fn a_read_that_is_abandoned_harms_nobody() {
    let (_place, db) = with_a_session(Options::default()).await;
    let (alice, other) = (UserId::from(1), key(2));
    for n in 0..200 {
        let patience = Duration::from_micros(n * 5);
        let _ = tokio::time::timeout(patience, users::by_id(&db, &alice)).await;
        let _ = tokio::time::timeout(patience, sessions::find(&db, &other, T0)).await;
        read(&db, 2).await;
    }
}
