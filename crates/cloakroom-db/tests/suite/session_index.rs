//! The index of sessions (D13).

use cloakroom_core::clock::Timestamp;
use cloakroom_db::session_index::{self, End, Entry, Note};
use cloakroom_db::sessions;
use cloakroom_db::{Database, Durability};

use crate::suite::place::{Kind, Place, T0, key, row};

fn entry(handle: &str, user_id: &str, at: Timestamp) -> Entry {
    Entry {
        handle: handle.to_owned(),
        user_id: user_id.to_owned(),
        sealed_key: format!("sealed {handle}"),
        first_seen: at,
        last_seen: at,
        expire_date: at.plus_secs(100),
        address: "192.0.2.7".to_owned(),
        user_agent: "Browser".to_owned(),
    }
}

async fn handles(db: &Database, user_id: &str) -> Vec<String> {
    session_index::for_user(db, user_id).await.unwrap().into_iter().map(|e| e.handle).collect()
}

pub(crate) async fn what_is_seen_again_is_renewed(kind: Kind) {
    let place = Place::new(kind);
    let db = place.migrated().await;
    let first = entry("a", "7", T0);
    session_index::apply(&db, vec![Note::Seen(first.clone(), End::AtMost)]).await.unwrap();
    assert_eq!(session_index::find(&db, "a").await.unwrap(), Some(first.clone()));

    let later = T0.plus_secs(60);
    let mut again = Entry { address: String::new(), user_agent: "Other".to_owned(), ..entry("a", "7", later) };
    session_index::apply(&db, vec![Note::Seen(again.clone(), End::AtMost)]).await.unwrap();
    again.address.clone_from(&first.address);
    again.first_seen = T0;
    again.expire_date = first.expire_date;
    assert_eq!(session_index::find(&db, "a").await.unwrap(), Some(again.clone()));

    session_index::apply(&db, vec![Note::Seen(entry("a", "7", T0), End::Known)]).await.unwrap();
    let stored = session_index::find(&db, "a").await.unwrap().unwrap();
    assert_eq!((stored.last_seen, stored.expire_date), (later, T0.plus_secs(100)), "no step back in time");

    session_index::apply(&db, vec![Note::Found(entry("a", "8", later)), Note::Found(entry("b", "8", later))])
        .await
        .unwrap();
    assert_eq!((handles(&db, "7").await, handles(&db, "8").await), (vec!["a".to_owned()], vec!["b".to_owned()]));
}

pub(crate) async fn sessions_move_and_go(kind: Kind) {
    let place = Place::new(kind);
    let db = place.migrated().await;
    let notes = vec![Note::Found(entry("b", "7", T0.plus_secs(1))), Note::Found(entry("a", "7", T0.plus_secs(2)))];
    session_index::apply(&db, notes).await.unwrap();
    assert_eq!(handles(&db, "7").await, ["b", "a"], "the first seen first");
    let moved =
        |old: &str, new: &str| Note::Moved { old: old.into(), new: new.into(), sealed_key: format!("sealed {new}") };
    session_index::apply(&db, vec![moved("b", "c"), moved("unknown", "d")]).await.unwrap();
    let stored = session_index::find(&db, "c").await.unwrap().unwrap();
    assert_eq!((stored.sealed_key.as_str(), stored.first_seen), ("sealed c", T0.plus_secs(1)));
    session_index::apply(&db, vec![moved("a", "c")]).await.unwrap();
    assert_eq!(handles(&db, "7").await, ["c"], "what was there under a new key gives way");
    session_index::apply(&db, vec![Note::Gone { handle: "c".into() }, Note::Gone { handle: "c".into() }])
        .await
        .unwrap();
    assert!(handles(&db, "7").await.is_empty());
}

pub(crate) async fn entries_are_listed_in_pages_and_by_their_end(kind: Kind) {
    let place = Place::new(kind);
    let db = place.migrated().await;
    let notes = (0..10).map(|n| Note::Found(entry(&format!("h{n}"), "7", T0.plus_secs(n)))).collect();
    session_index::apply(&db, notes).await.unwrap();
    let of = |entries: Vec<Entry>| entries.into_iter().map(|e| e.handle).collect::<Vec<_>>();
    assert_eq!(of(session_index::page(&db, "h6", 2).await.unwrap()), ["h7", "h8"]);
    assert_eq!(of(session_index::latest(&db, 2).await.unwrap()), ["h9", "h8"]);
    assert_eq!(of(session_index::expired(&db, T0.plus_secs(102), 9).await.unwrap()), ["h0", "h1"]);
    let ends = Note::Ends { handle: "h0".into(), expire_date: T0.plus_secs(500) };
    session_index::apply(&db, vec![ends]).await.unwrap();
    assert_eq!(of(session_index::expired(&db, T0.plus_secs(102), 9).await.unwrap()), ["h1"]);
    let asked = ["h3", "x", "h4"].map(String::from);
    let mut known: Vec<_> = session_index::known(&db, &asked).await.unwrap().into_iter().collect();
    known.sort();
    assert_eq!(known, ["h3", "h4"]);
}

pub(crate) async fn the_newest_sessions_are_those_that_end_last(kind: Kind) {
    let place = Place::new(kind);
    let db = place.migrated().await;
    for n in 0..5 {
        let row = row("x", T0.plus_secs(n));
        assert_eq!(
            sessions::create(&db, &key(n as usize), row, Durability::Normal).await.unwrap(),
            sessions::Created::Yes
        );
    }
    assert_eq!(sessions::newest(&db, T0, 2).await.unwrap(), [key(4), key(3)]);
    assert_eq!(sessions::newest(&db, T0.plus_secs(3), 9).await.unwrap(), [key(4)], "live ones alone");
}
