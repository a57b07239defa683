//! S45–S49, D6, D15.

use cloakroom_db::sessions::{self, Created};
use cloakroom_db::{DbError, Durability, users};

use crate::support::{Place, T0, key, row};

const NORMAL: Durability = Durability::Normal;

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
