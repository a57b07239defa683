//! S21, D5: what may be kept in memory, and for how long.

use std::time::{Duration, Instant};

use cloakroom_core::keys::{SessionKey, UserId};
use cloakroom_core::models::EncodedHash;
use cloakroom_core::near::{Stamp, Subject};
use cloakroom_db::sessions::SessionRow;
use cloakroom_db::users::NewUser;
use cloakroom_db::{Database, DbError, Durability, session_index, sessions, users};

use crate::support::{Place, T0};

fn key(text: &str) -> SessionKey {
    SessionKey::parse(text).unwrap()
}

fn row(data: &str) -> SessionRow {
    crate::support::row(data, T0.plus_secs(3600))
}

/// The stamp, when the writer has looked at what it has to.
async fn settled(db: &Database) -> Stamp {
    let began = Instant::now();
    loop {
        if let Some(stamp) = db.stamp() {
            return stamp;
        }
        assert!(began.elapsed() < Duration::from_secs(5), "the writer never looked");
        tokio::time::sleep(Duration::from_micros(100)).await;
    }
}

fn later(row: &SessionRow) -> SessionRow {
    SessionRow { expire_date: row.expire_date.plus_secs(60), ..row.clone() }
}

/// Each write ends the copies of what it changes and no others; once it is acknowledged that has happened.
#[tokio::test]
async fn own_writes_touch_what_they_change() {
    let place = Place::new();
    let db = place.migrated().await;
    let (a, b) = (key("aaaaaaaa"), key("bbbbbbbb"));
    let _ = sessions::create(&db, &a, row("a"), Durability::Normal).await.unwrap();
    let _ = sessions::create(&db, &b, row("b"), Durability::Full).await.unwrap();
    let new = NewUser::new("alice", EncodedHash::new("!"), T0);
    let users::Created::Yes(alice) = users::create(&db, new).await.unwrap() else { panic!() };
    let then = db.stamp().expect("what was acknowledged is accounted for");
    let holds = || {
        let now = db.stamp().expect("what was acknowledged is accounted for");
        [Subject::Session(&a), Subject::Session(&b), Subject::User(&alice.id)]
            .map(|subject| db.line().holds(then, now, subject))
    };
    assert_eq!(holds(), [true; 3]);
    session_index::apply(&db, Vec::new()).await.unwrap();
    assert_eq!(holds(), [true; 3]);
    let _ = sessions::touch(&db, &key("cccccccc"), T0).await.unwrap();
    assert_eq!(holds(), [true; 3]);
    let _ = sessions::update(&db, &a, later(&row("a")), Durability::Normal).await.unwrap();
    assert_eq!(holds(), [false, true, true]);
    let _ = users::set_last_login(&db, &alice.id, T0).await.unwrap();
    assert_eq!(holds(), [false, true, false]);
    assert!(sessions::delete(&db, &b, Durability::Full).await.unwrap());
    assert_eq!(holds(), [false; 3]);

    let then = settled(&db).await;
    assert!(users::delete(&db, &alice.id).await.unwrap());
    let now = settled(&db).await;
    assert!(!db.line().holds(then, now, Subject::Session(&a)), "who knows what a deleted user takes along");
}

/// A commit by another connection, as of another process, ends everything, and is seen at once.
#[tokio::test]
async fn a_foreign_commit_is_seen_at_once() {
    let place = Place::new();
    let ours = place.migrated().await;
    let theirs = place.open().await.unwrap();
    for n in 0..200 {
        let then = settled(&ours).await;
        let name = key(&format!("key{n:08}"));
        let _ = sessions::create(&theirs, &name, row("x"), Durability::Normal).await.unwrap();
        if let Some(now) = ours.stamp() {
            assert!(!ours.line().holds(then, now, Subject::User(&UserId::from(1))), "step {n}");
        }
    }
}

/// Many writers here and there: no reader ever believes a copy that is older than what was acknowledged before it looked.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn copies_are_never_older_than_what_was_acknowledged() {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};

    let place = Place::new();
    let db = place.migrated().await;
    let foreign = place.open().await.unwrap();
    let name = key("contended");
    let _ = sessions::create(&db, &name, row("0"), Durability::Normal).await.unwrap();
    let acknowledged = Arc::new(AtomicU64::new(0));
    let stop = Instant::now() + Duration::from_millis(1500);
    let reader = {
        let (db, name, acknowledged) = (db.clone(), name.clone(), Arc::clone(&acknowledged));
        tokio::spawn(async move {
            let (mut copy, mut hits) = (None::<(Stamp, u64)>, 0_u64);
            while Instant::now() < stop {
                let least = acknowledged.load(Ordering::SeqCst);
                let now = db.stamp();
                if let (Some((then, n)), Some(now)) = (copy, now)
                    && db.line().holds(then, now, Subject::Session(&name))
                {
                    assert!(n >= least, "a copy of {n} was believed when {least} was acknowledged");
                    hits += 1;
                    continue;
                }
                let ticket = db.stamp();
                let stored = sessions::find(&db, &name, T0).await.unwrap().unwrap();
                let n: u64 = stored.session_data.parse().unwrap();
                assert!(n >= least);
                copy = ticket.map(|ticket| (ticket, n));
                tokio::task::yield_now().await;
            }
            hits
        })
    };
    let mut n = 0;
    while Instant::now() < stop {
        n += 1;
        let (writer, mine) = if n % 3 == 0 { (&foreign, false) } else { (&db, true) };
        let _ = sessions::update(writer, &name, row(&n.to_string()), Durability::Normal).await.unwrap();
        acknowledged.store(n, Ordering::SeqCst);
        if mine {
            tokio::time::sleep(Duration::from_micros(300)).await;
        }
    }
    let hits = reader.await.unwrap();
    assert!(n > 50 && hits > 100, "{n} writes, {hits} hits");
}

/// The file is put aside and another put in its place: nothing more is read from the old one, within seconds.
#[cfg(unix)]
#[tokio::test]
async fn a_file_that_was_replaced_is_noticed_without_a_write() {
    let place = Place::new();
    let db = place.migrated().await;
    let _ = settled(&db).await;
    std::fs::rename(place.path(), place.folder().join("aside")).unwrap();
    std::fs::copy(place.folder().join("aside"), place.path()).unwrap();
    let began = Instant::now();
    loop {
        match sessions::exists(&db, &key("whatever")).await {
            Err(DbError::Unavailable { .. }) => break,
            other => assert!(other.is_ok() && began.elapsed() < Duration::from_secs(5), "{other:?}"),
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(db.stamp(), None);
}

/// The WAL does not grow without end although SQLite itself was told not to look after it.
#[tokio::test]
async fn the_wal_is_copied_back() {
    let place = Place::new();
    let db = place.migrated().await;
    let large = row(&"x".repeat(20_000));
    for n in 0..2_000 {
        let _ = sessions::create(&db, &key(&format!("key{n:08}")), large.clone(), Durability::Normal).await.unwrap();
    }
    let mut wal = place.path().into_os_string();
    wal.push("-wal");
    let length = std::fs::metadata(wal).unwrap().len();
    assert!(length < 1_300 * 4096, "{length} bytes");
}

/// Each query is one question to the database, and what is in memory is none.
#[tokio::test]
async fn questions_are_counted() {
    let place = Place::new();
    let db = place.migrated().await;
    let _ = sessions::create(&db, &key("aaaaaaaa"), row("a"), Durability::Normal).await.unwrap();
    let before = db.round_trips();
    let _ = db.stamp();
    assert_eq!(db.round_trips() - before, 0);
    let _ = sessions::find_with_user(&db, &key("aaaaaaaa"), T0, &UserId::from(1)).await.unwrap();
    assert_eq!(db.round_trips() - before, 1);
}
