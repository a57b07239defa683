//! S45–S49, D6, D15.

use cloakroom_db::sessions::{self, Created, Swapped};
use cloakroom_db::{DbError, Durability, Updated, users};

use crate::support::{Place, T0, key, row};

const NORMAL: Durability = Durability::Normal;

/// S45: what ends exactly now has ended.
#[tokio::test]
async fn a_session_is_found_until_its_last_moment() {
    let place = Place::new();
    let db = place.migrated().await;
    let end = T0.plus_secs(60);
    assert_eq!(sessions::create(&db, &key(1), row("data", end), Durability::Full).await.unwrap(), Created::Yes);
    assert_eq!(sessions::find(&db, &key(1), end.plus_micros(-1)).await.unwrap(), Some(row("data", end)));
    assert_eq!(sessions::find(&db, &key(1), end).await.unwrap(), None);
    assert!(sessions::exists(&db, &key(1)).await.unwrap(), "exists ignores the end (S47)");
    assert_eq!(sessions::find(&db, &key(2), T0).await.unwrap(), None);
    assert!(!sessions::exists(&db, &key(2)).await.unwrap());
}

/// G01: whole seconds have no fraction, and still compare right.
#[tokio::test]
async fn times_are_stored_as_django_stores_them() {
    let place = Place::new();
    let db = place.migrated().await;
    let whole = cloakroom_core::clock::Timestamp::from_secs(1_767_323_045);
    for (n, end) in [whole, whole.plus_micros(1), whole.plus_micros(100_000)].into_iter().enumerate() {
        assert_eq!(sessions::create(&db, &key(n), row("", end), NORMAL).await.unwrap(), Created::Yes);
    }
    let stored: Vec<String> = place
        .raw()
        .prepare("SELECT expire_date FROM django_session ORDER BY session_key")
        .unwrap()
        .query_map([], |row| row.get(0))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    assert_eq!(stored, ["2026-01-02 03:04:05", "2026-01-02 03:04:05.000001", "2026-01-02 03:04:05.100000"]);
    assert!(sessions::find(&db, &key(1), whole).await.unwrap().is_some());
    assert!(sessions::find(&db, &key(0), whole).await.unwrap().is_none());
}

/// S49: on SQLite keys compare exactly.
#[tokio::test]
async fn keys_compare_exactly() {
    let place = Place::new();
    let db = place.migrated().await;
    let parse = |text| cloakroom_core::keys::SessionKey::parse(text).unwrap();
    assert_eq!(sessions::create(&db, &parse("abcdefgh"), row("", T0), NORMAL).await.unwrap(), Created::Yes);
    for other in ["ABCDEFGH", "abcdefgh ", "abcdefg%", "abcdefgh\0"] {
        assert!(!sessions::exists(&db, &parse(other)).await.unwrap(), "{other}");
    }
}

/// F02, S46, D6
#[tokio::test]
async fn writes_never_overwrite_and_never_revive() {
    let place = Place::new();
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

#[tokio::test]
async fn a_swap_needs_the_expected_data() {
    let place = Place::new();
    let db = place.migrated().await;
    let end = T0.plus_secs(9);
    assert_eq!(sessions::update_if(&db, &key(1), "a", row("b", end), NORMAL).await.unwrap(), Swapped::Gone);
    assert_eq!(sessions::create(&db, &key(1), row("a", end), NORMAL).await.unwrap(), Created::Yes);
    assert_eq!(sessions::update_if(&db, &key(1), "a", row("b", end), NORMAL).await.unwrap(), Swapped::Yes);
    let changed = Swapped::Changed(row("b", end));
    assert_eq!(sessions::update_if(&db, &key(1), "a", row("c", end), NORMAL).await.unwrap(), changed);
}

#[tokio::test]
async fn a_cycle_moves_the_session_or_does_nothing() {
    let place = Place::new();
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

#[tokio::test]
async fn a_touch_moves_the_end_alone() {
    let place = Place::new();
    let db = place.migrated().await;
    assert_eq!(sessions::create(&db, &key(1), row("a", T0), NORMAL).await.unwrap(), Created::Yes);
    assert_eq!(sessions::touch(&db, &key(1), T0.plus_secs(5)).await.unwrap(), Updated::Yes);
    assert_eq!(sessions::find(&db, &key(1), T0).await.unwrap(), Some(row("a", T0.plus_secs(5))));
}

/// S48: the row that ends exactly now stays.
#[tokio::test]
async fn clearing_deletes_what_ended_and_nothing_else() {
    let place = Place::new();
    let db = place.migrated().await;
    let mut raw = place.raw();
    let insert = raw.transaction().unwrap();
    for n in 0..5_000 {
        let end = if n < 4_000 { T0.plus_micros(-1 - n) } else { T0.plus_micros(n - 4_000) };
        let sql = "INSERT INTO django_session VALUES (?1, 'x', ?2)";
        insert.execute(sql, (format!("{n:032}"), end.to_sqlite_text())).unwrap();
    }
    insert.commit().unwrap();
    assert_eq!(sessions::count(&db, T0).await.unwrap(), sessions::Counts { stored: 5_000, live: 999 });
    let mut seen = Vec::new();
    assert_eq!(sessions::clear_expired(&db, T0, &mut |n| seen.push(n)).await.unwrap(), 4_000);
    assert!(seen.len() > 1 && seen.is_sorted() && seen.last() == Some(&4_000), "{seen:?}");
    assert_eq!(sessions::count(&db, T0).await.unwrap(), sessions::Counts { stored: 1_000, live: 999 });
    assert_eq!(sessions::clear_expired(&db, T0, &mut |_| {}).await.unwrap(), 0);
}

#[tokio::test]
async fn live_sessions_are_listed_page_by_page() {
    let place = Place::new();
    let db = place.migrated().await;
    for n in 0..25 {
        let end = T0.plus_secs(if n % 5 == 0 { 0 } else { 60 });
        assert_eq!(sessions::create(&db, &key(n), row("x", end), NORMAL).await.unwrap(), Created::Yes);
    }
    place.raw().execute("UPDATE django_session SET session_data = x'ff' WHERE session_key LIKE '%07'", []).unwrap();
    let mut found = Vec::new();
    loop {
        let page = sessions::list_live(&db, T0, found.last(), 6).await.unwrap();
        let full = page.len() == 6;
        found.extend(page.into_iter().map(|(key, _)| key));
        if !full {
            break;
        }
    }
    let expected: Vec<_> = (0..25).filter(|n| n % 5 != 0 && *n != 7).map(key).collect();
    assert_eq!(found, expected);
}

#[tokio::test]
async fn the_guessed_user_comes_with_the_session() {
    let place = Place::with_fixture();
    let db = place.open().await.unwrap();
    let (key, session) = sessions::list_live(&db, T0, None, 1).await.unwrap().remove(0);
    let (found, user) = sessions::find_with_user(&db, &key, T0, &1.into()).await.unwrap().unwrap();
    assert_eq!((found, user.unwrap().username.as_str()), (session.clone(), "alice"));
    let (found, user) = sessions::find_with_user(&db, &key, T0, &999.into()).await.unwrap().unwrap();
    assert!(found == session && user.is_none());
    let gone = sessions::find_with_user(&db, &crate::support::key(1), T0, &1.into()).await.unwrap();
    assert!(gone.is_none());
}

/// A row that cannot be read is an error with its place, and the place does not give the key away (L03).
#[tokio::test]
async fn an_unreadable_row_is_named_without_its_key() {
    let place = Place::new();
    let db = place.migrated().await;
    let end = T0.plus_secs(60);
    assert_eq!(sessions::create(&db, &key(1), row("a", end), NORMAL).await.unwrap(), Created::Yes);
    for (sql, wrong) in [
        ("UPDATE django_session SET expire_date = 'tomorrow'", "expire_date"),
        ("UPDATE django_session SET expire_date = '2999-01-01', session_data = x'80'", "session_data"),
    ] {
        place.raw().execute(sql, []).unwrap();
        let error = sessions::find(&db, &key(1), T0).await.unwrap_err();
        assert!(matches!(&error, DbError::Corrupt { column, key, .. } if *column == wrong && key == "rowid 1"));
        assert!(!error.is_transient());
    }
    let error = users::by_id(&db, &1.into()).await.unwrap();
    assert!(error.is_none());
}
