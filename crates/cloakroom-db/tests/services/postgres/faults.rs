//! A server or a network that fails (F01, F05).

use std::time::{Duration, Instant};

use cloakroom_core::clock::Timestamp;
use cloakroom_db::sessions::{self, Created};
use cloakroom_db::{Database, DatabaseUrl, DbError, Durability, Options, Updated, users};
use cloakroom_testservers::{Fault, FaultProxy, OwnDatabase};

use crate::suite::place::{Kind, Place, T0, key, row};

const END: Timestamp = T0.plus_secs(60);

/// A migrated database behind a proxy, with one session in it.
async fn behind_a_proxy(options: Options) -> (Place, FaultProxy, Database) {
    let place = Place::new(Kind::Postgres);
    place.migrated().await.close().await;
    let Place::Server(_, own) = &place else { panic!() };
    let proxy = FaultProxy::before(own.server()).await;
    let url = DatabaseUrl::parse(&own.url_through(proxy.address())).unwrap();
    let db = Database::open(&url, options).await.unwrap();
    assert_eq!(sessions::create(&db, &key(1), row("x", END), Durability::Full).await.unwrap(), Created::Yes);
    (place, proxy, db)
}

fn impatient() -> Options {
    let limit = Duration::from_millis(400);
    Options::default().with_deadline(limit).with_connect_timeout(limit)
}

async fn works(db: &Database) {
    assert_eq!(sessions::find(db, &key(1), T0).await.unwrap(), Some(row("x", END)));
    assert_eq!(sessions::touch(db, &key(1), END).await.unwrap(), Updated::Yes);
}

/// Whatever fails, each call has its answer in time, and everything works again as soon as the server does.
#[tokio::test]
async fn an_outage_is_an_error_in_time_and_then_over() {
    let (_place, proxy, db) = behind_a_proxy(impatient()).await;
    for fault in [Fault::Refuse, Fault::Hang, Fault::ResetInAnswer, Fault::CloseAfter(0), Fault::CloseAfter(40)] {
        works(&db).await;
        proxy.set(fault).await;
        let mut failures = 0;
        for _ in 0..4 {
            let began = Instant::now();
            let outcomes = [
                sessions::find(&db, &key(1), T0).await.err(),
                sessions::touch(&db, &key(1), END).await.err(),
                users::by_username(&db, "alice").await.err(),
            ];
            assert!(began.elapsed() < Duration::from_secs(3), "{fault:?}: {:?}", began.elapsed());
            for error in outcomes.into_iter().flatten() {
                assert!(error.is_transient(), "{fault:?}: {error:?}");
                failures += 1;
            }
        }
        // A reset in one answer is over with the next connection.
        assert!(failures > 0 || fault == Fault::ResetInAnswer, "{fault:?}");
        proxy.set(Fault::Pass).await;
        works(&db).await;
    }
}

/// What reads is asked again by itself when a pooled connection turns out to be dead.
#[tokio::test]
async fn a_restart_between_two_requests_is_not_noticed() {
    let (place, _proxy, db) = behind_a_proxy(Options::default()).await;
    let Place::Server(_, own) = &place else { panic!() };
    let first = key(1);
    for n in 2..12 {
        // All connections of the pool are in use at once, and then ended by the server.
        let all = futures_util::future::join_all((0..16).map(|_| sessions::find(&db, &first, T0))).await;
        assert!(all.iter().all(Result::is_ok));
        own.query(&format!(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{}' AND pid <> pg_backend_pid()",
            own.name()
        ));
        let all = futures_util::future::join_all((0..16).map(|_| sessions::find(&db, &first, T0))).await;
        assert!(all.iter().all(Result::is_ok), "{all:?}");
        own.query(&format!(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{}' AND pid <> pg_backend_pid()",
            own.name()
        ));
        tokio::time::sleep(Duration::from_millis(20)).await;
        let made = sessions::create(&db, &key(n), row("x", END), Durability::Full).await.unwrap();
        assert_eq!(made, Created::Yes);
    }
}

/// A write whose answer was lost may have happened: it is not sent again, and the error says so.
#[tokio::test]
async fn a_write_without_an_answer_is_not_repeated() {
    let (place, proxy, db) = behind_a_proxy(Options::default().with_connections(1)).await;
    place.query(
        "CREATE TABLE log (at timestamptz);
         CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS
         'BEGIN INSERT INTO log VALUES (clock_timestamp()); RETURN NEW; END';
         CREATE TRIGGER noted AFTER UPDATE ON django_session FOR EACH ROW EXECUTE FUNCTION note()",
    );
    works(&db).await;
    assert_eq!(place.count("log"), 1);
    proxy.set(Fault::ResetInAnswer).await;
    let error = sessions::touch(&db, &key(1), END).await.unwrap_err();
    assert!(matches!(error, DbError::Lost { .. }) && error.is_outcome_unknown(), "{error:?}");
    proxy.set(Fault::Pass).await;
    assert_eq!(place.count("log"), 2, "it was executed, once");
    works(&db).await;
}

/// F05: a statement that waits for another's lock gives up, at the server too.
#[tokio::test]
async fn a_statement_that_waits_too_long_is_given_up() {
    let place = Place::new(Kind::Postgres);
    place.migrated().await.close().await;
    let db = place.open_with(impatient()).await.unwrap();
    assert_eq!(sessions::create(&db, &key(1), row("x", END), Durability::Full).await.unwrap(), Created::Yes);
    let Place::Server(_, own) = &place else { panic!() };
    let url = own.url();
    let holder = std::thread::spawn(move || {
        let status = std::process::Command::new("psql")
            .args(["-X", "-q", &url, "-c", "BEGIN; UPDATE django_session SET session_data = 'y'; SELECT pg_sleep(3)"])
            .stdout(std::process::Stdio::null())
            .status();
        assert!(status.unwrap().success());
    });
    tokio::time::sleep(Duration::from_millis(700)).await;
    let began = Instant::now();
    let error = sessions::delete(&db, &key(1), Durability::Full).await.unwrap_err();
    assert!(matches!(error, DbError::TimedOut { .. }) && error.is_transient(), "{error:?}");
    assert!(began.elapsed() < Duration::from_secs(2));
    assert!(sessions::exists(&db, &key(1)).await.unwrap(), "reading goes on");
    tokio::time::sleep(Duration::from_millis(300)).await;
    let waiting = "SELECT COUNT(*) FROM pg_stat_activity WHERE application_name = 'cloakroom' AND state = 'active'
        AND datname = current_database()";
    assert_eq!(own.query(waiting), "0", "the server gave it up as well");
    holder.join().unwrap();
    assert!(sessions::delete(&db, &key(1), Durability::Full).await.unwrap());
}

/// F05: more callers than connections wait for their turn, and no connection is made beyond the bound.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_pool_has_its_bound() {
    let place = Place::new(Kind::Postgres);
    place.migrated().await.close().await;
    let db = place.open_with(Options::default().with_connections(3)).await.unwrap();
    let callers = (0..60).map(|n| {
        let db = db.clone();
        tokio::spawn(async move { sessions::create(&db, &key(n), row("x", END), Durability::Full).await.unwrap() })
    });
    for made in futures_util::future::join_all(callers).await {
        assert_eq!(made.unwrap(), Created::Yes);
    }
    let connections =
        "SELECT COUNT(*) FROM pg_stat_activity WHERE application_name = 'cloakroom' AND datname = current_database()";
    assert_eq!(place.query(connections), "3");
    db.close().await;
    assert!(matches!(sessions::exists(&db, &key(1)).await, Err(DbError::Closed)));
    assert_eq!(place.query(connections), "0");
}

/// A caller who goes away leaves a connection that others can use.
#[tokio::test]
async fn an_abandoned_call_harms_nobody() {
    let place = Place::new(Kind::Postgres);
    place.migrated().await.close().await;
    let db = place.open_with(Options::default().with_connections(1)).await.unwrap();
    assert_eq!(sessions::create(&db, &key(1), row("x", END), Durability::Full).await.unwrap(), Created::Yes);
    for n in 0..50 {
        let id = (n + 1).into();
        let patience = Duration::from_micros(u64::try_from(n).unwrap() * 40);
        let _ = tokio::time::timeout(patience, users::delete(&db, &id)).await;
        let _ = tokio::time::timeout(patience, sessions::find(&db, &key(2), T0)).await;
        works(&db).await;
    }
}

/// At the start as later: a server that does not answer is an error in time.
#[tokio::test]
async fn a_server_that_hangs_at_the_start_is_told_in_time() {
    let own = OwnDatabase::postgres();
    let proxy = FaultProxy::before(own.server()).await;
    proxy.set(Fault::Hang).await;
    let url = DatabaseUrl::parse(&format!("{}?connect_timeout=1", own.url_through(proxy.address()))).unwrap();
    let began = Instant::now();
    let error = Database::open(&url, Options::default()).await.unwrap_err();
    assert!(matches!(error, DbError::Unreachable { .. }), "{error:?}");
    assert!(error.to_string().contains(&proxy.address().to_string()), "{error}");
    assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
}
