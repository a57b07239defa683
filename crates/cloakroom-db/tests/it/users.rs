//! Users, groups and permissions.

use cloakroom_db::{DbError, Table, users};

use crate::support::Place;

#[tokio::test]
async fn an_unreadable_user_is_named() {
    let place = Place::with_fixture();
    let db = place.open().await.unwrap();
    for (id, column, value) in
        [(1, "date_joined", "'never'"), (2, "is_staff", "'maybe'"), (3, "password", "x'ff'"), (4, "email", "x'00'")]
    {
        place.raw().execute_batch(&format!("UPDATE auth_user SET {column} = {value} WHERE id = {id}")).unwrap();
        let error = users::by_id(&db, &id.into()).await.unwrap_err();
        let DbError::Corrupt { table, column: named, key } = &error else { panic!("{error:?}") };
        assert_eq!((*table, *named, key.as_str()), (Table::AuthUser, column, id.to_string().as_str()));
    }
    assert!(users::by_id(&db, &5.into()).await.unwrap().is_some());
}
