//! Many at once, and two who share a file.

use std::time::{Duration, Instant};

use cloakroom_db::sessions::{self, Created, Swapped};
use cloakroom_db::{DbError, Durability, Options, users};

use crate::support::{Place, T0, impatient, key, row};

/// D3: writes of many callers share transactions. Far more than one per fsync would allow.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_durable_writes_share_their_commits() {
    let place = Place::new();
    let db = place.migrated().await;
    let writers: Vec<_> = (0..2_000)
        .map(|n| {
            let db = db.clone();
            tokio::spawn(async move { sessions::create(&db, &key(n), row("x", T0), Durability::Full).await.unwrap() })
        })
        .collect();
    for writer in writers {
        assert_eq!(writer.await.unwrap(), Created::Yes);
    }
    assert_eq!(sessions::count(&db, T0).await.unwrap().stored, 2_000);
}

/// One job that fails undoes nothing of the others in its transaction: not one refused at once, nor one whose broken
/// reference SQLite finds only at commit.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failing_job_fails_alone() {
    let place = Place::new();
    let db = place.migrated().await;
    let hash = cloakroom_core::models::EncodedHash::new("!x");
    let new = users::NewUser::new("alice", hash, T0);
    assert!(matches!(users::create(&db, new.clone()).await.unwrap(), users::Created::Yes(_)));
    place
        .raw()
        .execute_batch(
            "CREATE TABLE shop_order (user_id integer REFERENCES auth_user (id) DEFERRABLE INITIALLY DEFERRED);
             INSERT INTO shop_order VALUES (1)",
        )
        .unwrap();
    // While another process holds the lock, everything below gathers in one batch.
    let raw = place.raw();
    raw.execute_batch("BEGIN IMMEDIATE").unwrap();
    let jobs: Vec<_> = (0..50)
        .map(|n| {
            let (db, new) = (db.clone(), new.clone());
            tokio::spawn(async move {
                match n % 5 {
                    0 => matches!(users::delete(&db, &1.into()).await, Err(DbError::Integrity { .. })),
                    1 => matches!(users::create(&db, new).await, Ok(users::Created::UsernameTaken)),
                    _ => matches!(
                        sessions::create(&db, &key(n), row("x", T0), Durability::Normal).await,
                        Ok(Created::Yes)
                    ),
                }
            })
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(100)).await;
    raw.execute_batch("COMMIT").unwrap();
    for (n, job) in jobs.into_iter().enumerate() {
        assert!(job.await.unwrap(), "job {n}");
    }
    assert_eq!(sessions::count(&db, T0).await.unwrap().stored, 30);
    assert!(users::by_username(&db, "alice").await.unwrap().is_some());
}

/// Two handles on one file, as two processes have it: each sees what the other committed, at once.
#[tokio::test]
async fn two_handles_see_each_others_writes() {
    let place = Place::new();
    let (a, b) = (place.migrated().await, place.open().await.unwrap());
    for n in 0..50 {
        let (writer, reader) = if n % 2 == 0 { (&a, &b) } else { (&b, &a) };
        let created = sessions::create(writer, &key(n), row("x", T0.plus_secs(1)), Durability::Normal).await.unwrap();
        assert_eq!(created, Created::Yes);
        assert!(sessions::find(reader, &key(n), T0).await.unwrap().is_some());
        assert!(sessions::delete(reader, &key(n), Durability::Normal).await.unwrap());
        assert!(!sessions::exists(writer, &key(n)).await.unwrap());
    }
}

/// D6: of parallel compare-and-swaps none is lost, over two handles.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn parallel_swaps_lose_nothing() {
    let place = Place::new();
    let handles = [place.migrated().await, place.open().await.unwrap()];
    assert_eq!(sessions::create(&handles[0], &key(1), row("0", T0), Durability::Normal).await.unwrap(), Created::Yes);
    let counters: Vec<_> = (0..8)
        .map(|n| {
            let db = handles[n % 2].clone();
            tokio::spawn(async move {
                let (key, mut stored) = (key(1), "0".to_owned());
                for _ in 0..25 {
                    loop {
                        let next = (stored.parse::<u32>().unwrap() + 1).to_string();
                        let write = sessions::update_if(&db, &key, &stored, row(&next, T0), Durability::Normal);
                        match write.await.unwrap() {
                            Swapped::Yes => break stored = next,
                            Swapped::Changed(now) => stored = now.session_data,
                            other => panic!("{other:?}"),
                        }
                    }
                }
            })
        })
        .collect();
    for counter in counters {
        counter.await.unwrap();
    }
    let before = T0.plus_micros(-1);
    let end = sessions::find(&handles[1], &key(1), before).await.unwrap().unwrap();
    assert_eq!(end.session_data, "200");
}

/// F01: a lock that does not go away is an answer in time, and reading goes on meanwhile.
#[tokio::test]
async fn a_lock_beyond_the_timeout_is_busy() {
    let place = Place::new();
    place.migrated().await.close().await;
    let db = place.open_with(impatient()).await.unwrap();
    let raw = place.raw();
    raw.execute_batch("BEGIN IMMEDIATE").unwrap();
    let began = Instant::now();
    let error = sessions::delete(&db, &key(1), Durability::Normal).await.unwrap_err();
    assert!(matches!(error, DbError::Busy { .. }) && error.is_transient(), "{error:?}");
    let waited = began.elapsed();
    assert!(waited >= Duration::from_millis(140) && waited < Duration::from_secs(3), "{waited:?}");
    assert!(!sessions::exists(&db, &key(1)).await.unwrap());
    raw.execute_batch("ROLLBACK").unwrap();
    assert!(!sessions::delete(&db, &key(1), Durability::Normal).await.unwrap());
}

#[tokio::test]
async fn a_lock_within_the_timeout_only_delays() {
    let place = Place::new();
    let db = place.migrated().await;
    let raw = place.raw();
    raw.execute_batch("BEGIN IMMEDIATE").unwrap();
    let writer = tokio::spawn({
        let db = db.clone();
        async move { sessions::create(&db, &key(1), row("x", T0), Durability::Full).await }
    });
    tokio::time::sleep(Duration::from_millis(80)).await;
    raw.execute_batch("COMMIT").unwrap();
    assert_eq!(writer.await.unwrap().unwrap(), Created::Yes);
}

/// A caller that gives up after handing its write over does not stop it half-way.
#[tokio::test]
async fn an_abandoned_write_is_done_whole() {
    let place = Place::new();
    let db = place.migrated().await;
    assert_eq!(sessions::create(&db, &key(1), row("x", T0), Durability::Normal).await.unwrap(), Created::Yes);
    let raw = place.raw();
    raw.execute_batch("BEGIN IMMEDIATE").unwrap();
    let (first, second) = (key(1), key(2));
    let write = sessions::cycle(&db, &first, &second, row("x", T0), Durability::Normal);
    assert!(tokio::time::timeout(Duration::from_millis(20), write).await.is_err());
    raw.execute_batch("COMMIT").unwrap();
    db.close().await;
    let left: Vec<String> = place
        .raw()
        .prepare("SELECT session_key FROM django_session")
        .unwrap()
        .query_map([], |row| row.get(0))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    assert_eq!(left, [key(2).expose()]);
}

/// The last handle to go waits for what was handed over, and takes the WAL file away.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dropping_the_last_handle_waits_for_the_queue() {
    let place = Place::new();
    let db = place.migrated().await;
    let mut writes = Vec::new();
    for n in 0..200 {
        let db = db.clone();
        let mut write = Box::pin(async move { sessions::create(&db, &key(n), row("x", T0), Durability::Full).await });
        // One poll hands the job over.
        let polled = tokio::time::timeout(Duration::ZERO, &mut write).await;
        assert!(!matches!(polled, Ok(Err(_))));
        writes.push(write);
    }
    drop(writes);
    tokio::task::spawn_blocking(move || drop(db)).await.unwrap();
    assert_eq!(place.files(), ["db.sqlite3"]);
    let stored: i64 = place.raw().query_row("SELECT COUNT(*) FROM django_session", [], |row| row.get(0)).unwrap();
    assert_eq!(stored, 200);
}

/// S48: other writes get in between the steps of a clean-up.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_clean_up_lets_others_write() {
    let place = Place::new();
    let db = place.migrated().await;
    place
        .raw()
        .execute_batch(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 60000)
             INSERT INTO django_session SELECT printf('%032d', i), printf('%0200d', i), '2020-01-01 00:00:00' FROM n",
        )
        .unwrap();
    let cleaner = tokio::spawn({
        let db = db.clone();
        async move { sessions::clear_expired(&db, T0, &mut |_| {}).await.unwrap() }
    });
    let mut worst = Duration::ZERO;
    let mut written = 0;
    while !cleaner.is_finished() {
        let began = Instant::now();
        let key = cloakroom_core::keys::SessionKey::parse(&format!("live-{written:08}")).unwrap();
        assert_eq!(sessions::create(&db, &key, row("x", T0), Durability::Normal).await.unwrap(), Created::Yes);
        worst = worst.max(began.elapsed());
        written += 1;
    }
    assert_eq!(cleaner.await.unwrap(), 60_000);
    assert!(written > 3, "{written} writes, the slowest took {worst:?}");
}

/// Readers on every thread of a busy runtime, more than there are connections.
#[tokio::test(flavor = "multi_thread", worker_threads = 8)]
async fn more_threads_than_connections_read() {
    let place = Place::with_fixture();
    let db = place.open_with(Options::default().with_readers(1)).await.unwrap();
    let readers: Vec<_> = (0..64)
        .map(|_| {
            let db = db.clone();
            tokio::spawn(async move {
                for id in 1..=20 {
                    assert!(users::by_id(&db, &id.into()).await.unwrap().is_some());
                    tokio::task::yield_now().await;
                }
            })
        })
        .collect();
    for reader in readers {
        reader.await.unwrap();
    }
}

/// D5: equal marks mean that nobody committed; every commit of anybody changes the mark.
#[tokio::test]
async fn a_mark_changes_with_every_commit_of_anybody() {
    let place = Place::new();
    let (a, b) = (place.migrated().await, place.open().await.unwrap());
    let raw = place.raw();
    let mut last = a.mark().unwrap();
    for n in 0..2_000 {
        match n % 3 {
            0 => {
                assert_eq!(
                    sessions::create(&a, &key(n), row("x", T0), Durability::Normal).await.unwrap(),
                    Created::Yes
                );
            }
            1 => {
                assert_eq!(sessions::create(&b, &key(n), row("x", T0), Durability::Full).await.unwrap(), Created::Yes);
            }
            _ => {
                raw.execute("UPDATE django_session SET session_data = 'y'", []).unwrap();
            }
        }
        let mark = a.mark().unwrap();
        assert_ne!(mark, last, "commit {n}");
        assert!(sessions::exists(&a, &key(0)).await.unwrap());
        assert_eq!(a.mark().unwrap(), mark, "reading changes nothing");
        assert_eq!(b.mark().unwrap(), mark);
        last = mark;
    }
    a.close().await;
    assert_eq!(a.mark(), None);
    assert_eq!(b.mark(), Some(last), "the file is still open");
}
