//! S45–S49, D6, D15.

use cloakroom_db::sessions::{self, Created, Swapped};
use cloakroom_db::{Durability, Updated};

use crate::suite::place::{Kind, Place, T0, key, row};

const NORMAL: Durability = Durability::Normal;

/// S45: what ends exactly now has ended.
pub(crate) async fn a_session_is_found_until_its_last_moment(kind: Kind) {
    let place = Place::new(kind);
    let db = place.migrated().await;
    let end = T0.plus_secs(60);
    assert_eq!(sessions::create(&db, &key(1), row("data", end), Durability::Full).await.unwrap(), Created::Yes);
    assert_eq!(sessions::find(&db, &key(1), end.plus_micros(-1)).await.unwrap(), Some(row("data", end)));
    assert_eq!(sessions::find(&db, &key(1), end).await.unwrap(), None);
    assert!(sessions::exists(&db, &key(1)).await.unwrap(), "exists ignores the end (S47)");
    assert_eq!(sessions::find(&db, &key(2), T0).await.unwrap(), None);
    assert!(!sessions::exists(&db, &key(2)).await.unwrap());
}

/// S49: keys compare exactly, on MySQL but for their case: there the collation decides, as with Django.
pub(crate) async fn keys_compare_exactly(kind: Kind) {
    let place = Place::new(kind);
    let db = place.migrated().await;
    let parse = |text| cloakroom_core::keys::SessionKey::parse(text).unwrap();
    assert_eq!(sessions::create(&db, &parse("abcdefgh"), row("", T0), NORMAL).await.unwrap(), Created::Yes);
    for other in ["abcdefg%", "abcdefgh\0", "abcdefgé"] {
        assert!(!sessions::exists(&db, &parse(other)).await.unwrap(), "{other}");
    }
    for other in ["ABCDEFGH", "abcdefgh "] {
        assert!(kind == Kind::MySql || !sessions::exists(&db, &parse(other)).await.unwrap(), "{other}");
    }
}

/// F02, S46, D6
pub(crate) async fn writes_never_overwrite_and_never_revive(kind: Kind) {
    let place = Place::new(kind);
    let db = place.migrated().await;
    let (old, new) = (row("old", T0.plus_secs(9)), row("new", T0.plus_secs(9)));
    assert_eq!(sessions::update(&db, &key(1), new.clone(), NORMAL).await.unwrap(), Updated::Gone);
    assert_eq!(sessions::touch(&db, &key(1), T0).await.unwrap(), Updated::Gone);
    assert!(!sessions::exists(&db, &key(1)).await.unwrap());

    assert_eq!(sessions::create(&db, &key(1), old.clone(), NORMAL).await.unwrap(), Created::Yes);
    assert_eq!(sessions::create(&db, &key(1), new.clone(), NORMAL).await.unwrap(), Created::Taken);
    assert_eq!(sessions::find(&db, &key(1), T0).await.unwrap(), Some(old));
    assert_eq!(sessions::update(&db, &key(1), new.clone(), NORMAL).await.unwrap(), Updated::Yes);
    assert_eq!(sessions::find(&db, &key(1), T0).await.unwrap(), Some(new));

    assert!(sessions::delete(&db, &key(1), Durability::Full).await.unwrap());
    assert!(!sessions::delete(&db, &key(1), Durability::Full).await.unwrap());
    assert!(!sessions::exists(&db, &key(1)).await.unwrap());
}

pub(crate) async fn a_swap_needs_the_expected_data(kind: Kind) {
    let place = Place::new(kind);
    let db = place.migrated().await;
    let end = T0.plus_secs(9);
    assert_eq!(sessions::update_if(&db, &key(1), "a", row("b", end), NORMAL).await.unwrap(), Swapped::Gone);
    assert_eq!(sessions::create(&db, &key(1), row("a", end), NORMAL).await.unwrap(), Created::Yes);
    assert_eq!(sessions::update_if(&db, &key(1), "a", row("b", end), NORMAL).await.unwrap(), Swapped::Yes);
    let changed = Swapped::Changed(row("b", end));
    assert_eq!(sessions::update_if(&db, &key(1), "a", row("c", end), NORMAL).await.unwrap(), changed);
}

pub(crate) async fn a_cycle_moves_the_session_or_does_nothing(kind: Kind) {
    let place = Place::new(kind);
    let db = place.migrated().await;
    let end = T0.plus_secs(9);
    assert_eq!(sessions::create(&db, &key(1), row("a", end), NORMAL).await.unwrap(), Created::Yes);
    assert_eq!(sessions::create(&db, &key(2), row("b", end), NORMAL).await.unwrap(), Created::Yes);
    assert_eq!(sessions::cycle(&db, &key(1), &key(2), row("a", end), NORMAL).await.unwrap(), Created::Taken);
    assert!(sessions::exists(&db, &key(1)).await.unwrap());
    assert_eq!(sessions::cycle(&db, &key(1), &key(3), row("a", end), NORMAL).await.unwrap(), Created::Yes);
    assert!(!sessions::exists(&db, &key(1)).await.unwrap());
    assert_eq!(sessions::find(&db, &key(3), T0).await.unwrap(), Some(row("a", end)));
}

pub(crate) async fn a_touch_moves_the_end_alone(kind: Kind) {
    let place = Place::new(kind);
    let db = place.migrated().await;
    assert_eq!(sessions::create(&db, &key(1), row("a", T0), NORMAL).await.unwrap(), Created::Yes);
    assert_eq!(sessions::touch(&db, &key(1), T0.plus_secs(5)).await.unwrap(), Updated::Yes);
    assert_eq!(sessions::find(&db, &key(1), T0).await.unwrap(), Some(row("a", T0.plus_secs(5))));
}

/// S48: the row that ends exactly now stays.
pub(crate) async fn clearing_deletes_what_ended_and_nothing_else(kind: Kind) {
    let place = Place::new(kind);
    let db = place.migrated().await;
    for part in 0..5 {
        let rows = (part * 1_000..(part + 1) * 1_000).map(|n| {
            let end = if n < 4_000 { T0.plus_micros(-1 - n) } else { T0.plus_micros(n - 4_000) };
            let zone = if kind == Kind::Postgres { "+00" } else { "" };
            format!("('{n:032}', 'x', '{}{zone}')", end.to_sqlite_text())
        });
        place.query(&format!("INSERT INTO django_session VALUES {}", rows.collect::<Vec<_>>().join(", ")));
    }
    assert_eq!(sessions::count(&db, T0).await.unwrap(), sessions::Counts { stored: 5_000, live: 999 });
    let mut seen = Vec::new();
    assert_eq!(sessions::clear_expired(&db, T0, &mut |n| seen.push(n)).await.unwrap(), 4_000);
    assert!(seen.len() > 1 && seen.is_sorted() && seen.last() == Some(&4_000), "{seen:?}");
    assert_eq!(sessions::count(&db, T0).await.unwrap(), sessions::Counts { stored: 1_000, live: 999 });
    assert_eq!(sessions::clear_expired(&db, T0, &mut |_| {}).await.unwrap(), 0);
}

pub(crate) async fn live_sessions_are_listed_page_by_page(kind: Kind) {
    let place = Place::new(kind);
    let db = place.migrated().await;
    for n in 0..25 {
        let end = T0.plus_secs(if n % 5 == 0 { 0 } else { 60 });
        assert_eq!(sessions::create(&db, &key(n), row("x", end), NORMAL).await.unwrap(), Created::Yes);
    }
    let mut found = Vec::new();
    loop {
        let page = sessions::list_live(&db, T0, found.last(), 6).await.unwrap();
        let full = page.len() == 6;
        found.extend(page.into_iter().map(|(key, _)| key));
        if !full {
            break;
        }
    }
    let expected: Vec<_> = (0..25).filter(|n| n % 5 != 0).map(key).collect();
    assert_eq!(found, expected);
}

pub(crate) async fn the_guessed_user_comes_with_the_session(kind: Kind) {
    let place = Place::with_fixture(kind);
    let db = place.open().await.unwrap();
    let (key, session) = sessions::list_live(&db, T0, None, 1).await.unwrap().remove(0);
    let (found, user) = sessions::find_with_user(&db, &key, T0, &1.into()).await.unwrap().unwrap();
    assert_eq!((found, user.unwrap().username.as_str()), (session.clone(), "alice"));
    let (found, user) = sessions::find_with_user(&db, &key, T0, &999.into()).await.unwrap().unwrap();
    assert!(found == session && user.is_none());
    let gone = sessions::find_with_user(&db, &crate::suite::place::key(1), T0, &1.into()).await.unwrap();
    assert!(gone.is_none());
}
