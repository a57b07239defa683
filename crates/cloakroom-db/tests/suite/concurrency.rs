//! Many at once, and two who share a database.

use std::sync::Arc;
use std::time::{Duration, Instant};

use cloakroom_db::sessions::{self, Created, Swapped};
use cloakroom_db::{Durability, Options, users};

use crate::suite::place::{Kind, Place, T0, key, row};

/// D3: on SQLite writes of many callers share transactions: far more than one per fsync would allow. Elsewhere they share a
/// few connections.
pub(crate) async fn many_durable_writes_share_their_commits(kind: Kind) {
    let place = Place::new(kind);
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

/// Two handles on one database, as two processes have it: each sees what the other committed, at once.
pub(crate) async fn two_handles_see_each_others_writes(kind: Kind) {
    let place = Place::new(kind);
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
pub(crate) async fn parallel_swaps_lose_nothing(kind: Kind) {
    let place = Place::new(kind);
    let handles = [place.migrated().await, place.open().await.unwrap()];
    assert_eq!(sessions::create(&handles[0], &key(1), row("0", T0), Durability::Normal).await.unwrap(), Created::Yes);
    let counters: Vec<_> = (0..8)
        .map(|n| {
            let db = handles[n % 2].clone();
            tokio::spawn(async move {
                let (key, mut stored) = (key(1), Arc::<str>::from("0"));
                for _ in 0..25 {
                    loop {
                        let next = (stored.parse::<u32>().unwrap() + 1).to_string();
                        let write = sessions::update_if(&db, &key, &stored, row(&next, T0), Durability::Normal);
                        match write.await.unwrap() {
                            Swapped::Yes => break stored = next.into(),
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
    assert_eq!(&*end.session_data, "200");
}

/// S48: other writes get in between the steps of a clean-up.
pub(crate) async fn a_clean_up_lets_others_write(kind: Kind) {
    let place = Place::new(kind);
    let db = place.migrated().await;
    let zone = if kind == Kind::Postgres { "+00" } else { "" };
    let rows: Vec<_> = (0..1_000).map(|n| format!("('{n:08}')")).collect();
    place.query(&format!(
        "CREATE TABLE n (i char(8)); INSERT INTO n VALUES {};
         INSERT INTO django_session SELECT CONCAT(a.i, b.i), '{:0200}', '2020-01-01 00:00:00{zone}' FROM n a, n b
         WHERE b.i < '00000060'",
        rows.join(", "),
        0
    ));
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
pub(crate) async fn more_threads_than_connections_read(kind: Kind) {
    let place = Place::with_fixture(kind);
    let db = place.open_with(Options::default().with_readers(1).with_connections(1)).await.unwrap();
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
