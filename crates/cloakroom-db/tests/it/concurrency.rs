//! Many at once, and two who share a file.

use std::time::{Duration, Instant};

use cloakroom_db::sessions::{self, Created};
use cloakroom_db::{DbError, Durability, users};

use crate::support::{Place, T0, impatient, key, row};

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

/// What a failing job did before it failed is undone, and nothing else of its transaction is: whoever comes before and after it
/// is done.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_that_fails_half_way_is_undone_alone() {
    let place = Place::new();
    let db = place.migrated().await;
    for n in 0..10 {
        let created = sessions::create(&db, &key(100 + n), row("old", T0), Durability::Normal).await.unwrap();
        assert_eq!(created, Created::Yes);
    }
    let raw = place.raw();
    raw.execute_batch(
        "CREATE TRIGGER keep BEFORE DELETE ON django_session BEGIN SELECT RAISE(ABORT, 'no'); END; BEGIN IMMEDIATE",
    )
    .unwrap();
    let jobs: Vec<_> = (0..50)
        .map(|n| {
            let db = db.clone();
            tokio::spawn(async move {
                if n % 5 == 4 {
                    let (old, new) = (key(100 + n / 5), key(200 + n));
                    let cycled = sessions::cycle(&db, &old, &new, row("new", T0), Durability::Normal).await;
                    matches!(cycled, Err(DbError::Integrity { .. }))
                } else {
                    let created = sessions::create(&db, &key(n), row("x", T0), Durability::Normal).await;
                    matches!(created, Ok(Created::Yes))
                }
            })
        })
        .collect();
    tokio::time::sleep(Duration::from_millis(100)).await;
    raw.execute_batch("COMMIT").unwrap();
    for (n, job) in jobs.into_iter().enumerate() {
        assert!(job.await.unwrap(), "job {n}");
    }
    let stored = |text: &str| -> i64 {
        raw.query_row("SELECT COUNT(*) FROM django_session WHERE session_data = ?1", [text], |row| row.get(0)).unwrap()
    };
    assert_eq!(["old", "new", "x"].map(stored), [10, 0, 40]);
}

/// Callers of one transaction hand each other's answers on; one who is gone, or who does not come back for its own, holds
/// nobody else up.
#[tokio::test]
async fn nobody_waits_for_anothers_caller() {
    let place = Place::new();
    let db = place.migrated().await;
    let raw = place.raw();
    raw.execute_batch("BEGIN IMMEDIATE").unwrap();
    let write = |n| {
        let db = db.clone();
        Box::pin(async move { sessions::create(&db, &key(n), row("x", T0), Durability::Normal).await })
    };
    let mut writes: Vec<_> = (0..30).map(write).collect();
    for write in &mut writes {
        // One poll hands the job over.
        assert!(tokio::time::timeout(Duration::ZERO, write).await.is_err());
    }
    let mut answered = writes.split_off(20);
    let mut unasked = writes.split_off(10);
    drop(writes);
    raw.execute_batch("COMMIT").unwrap();
    for write in answered.iter_mut().chain(&mut unasked) {
        let created = tokio::time::timeout(Duration::from_secs(5), write).await;
        assert_eq!(created.unwrap().unwrap(), Created::Yes);
    }
    assert_eq!(sessions::count(&db, T0).await.unwrap().stored, 30);
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

/// What another process wrote, that process copies from the WAL into the database: a small write here does not. Unless nobody
/// does for long.
#[tokio::test]
async fn who_wrote_much_copies_it() {
    let place = Place::new();
    let db = place.migrated().await;
    let size = || std::fs::metadata(place.path()).unwrap().len();
    let raw = place.raw();
    raw.execute_batch("PRAGMA wal_autocheckpoint = 0; CREATE TABLE other (a BLOB)").unwrap();
    let pages = |n: u32| {
        let insert = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
            INSERT INTO other SELECT zeroblob(3000) FROM n";
        raw.execute(insert, [n]).unwrap();
    };
    let note = async |n| {
        // The writer copies after it has answered, and before it looks at the next job.
        for n in [n, n + 1] {
            let made = sessions::create(&db, &key(n), row("x", T0), Durability::Normal).await;
            assert_eq!(made.unwrap(), Created::Yes);
        }
    };
    pages(3_000);
    let before = size();
    note(1).await;
    assert_eq!(size(), before, "it is left to who wrote it");
    pages(14_000);
    note(3).await;
    assert!(size() > before + 16_000 * 3_000, "nobody copied it: {} bytes", size());
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
