//! What the golden vectors say of rows: the fixture, and `iexact` on SQLite.

use cloakroom_core::models::EncodedHash;
use cloakroom_db::users::{self, NewUser};
use cloakroom_db::{permissions, sessions};
use serde_json::Value;

use crate::support::{Place, T0, vectors};

fn load(file: &str) -> Value {
    serde_json::from_slice(&std::fs::read(vectors().join(file)).unwrap()).unwrap()
}

#[tokio::test]
async fn the_fixtures_users_are_read() {
    let place = Place::with_fixture();
    let db = place.open().await.unwrap();
    let fixture = load("fixture.json");
    let users = fixture["users"].as_array().unwrap();
    assert_eq!(users::count(&db).await.unwrap(), users.len() as u64);
    for expected in users {
        let user = users::by_username(&db, expected["username"].as_str().unwrap()).await.unwrap().unwrap();
        assert_eq!(user.id.as_int(), expected["pk"].as_i64());
        assert_eq!(user.password.expose(), expected["encoded"].as_str().unwrap());
        assert_eq!(user.email, expected["email"].as_str().unwrap());
        assert_eq!(Value::from(user.is_active), expected["is_active"], "{}", user.username);
        assert_eq!(Value::from(user.is_staff), expected["is_staff"]);
        assert_eq!(Value::from(user.is_superuser), expected["is_superuser"]);
        if let (true, false, Some(permissions)) =
            (user.is_active, user.is_superuser, expected["permissions"].as_array())
        {
            let effective = permissions::effective(&db, &user.id).await.unwrap();
            let mut all = [effective.of_user, effective.of_groups].concat();
            all.sort();
            all.dedup();
            let expected: Vec<_> = permissions.iter().map(|p| p.as_str().unwrap()).collect();
            assert_eq!(all, expected, "{}", user.username);
        }
    }
    assert_eq!(permissions::all_labels(&db).await.unwrap().len(), 25);
}

/// S45: three of the thirty sessions have ended at T0, one of them in that very microsecond.
#[tokio::test]
async fn the_fixtures_live_sessions_are_found() {
    let place = Place::with_fixture();
    let db = place.open().await.unwrap();
    let live = sessions::list_live(&db, T0, None, 100).await.unwrap();
    for (key, row) in &live {
        assert_eq!(sessions::find(&db, key, T0).await.unwrap().as_ref(), Some(row));
    }
    assert_eq!(sessions::count(&db, T0).await.unwrap(), sessions::Counts { stored: 30, live: live.len() as u64 });
    assert_eq!(live.len(), 27);
}

/// A15, G04
#[tokio::test]
async fn addresses_are_found_as_django_finds_them_on_sqlite() {
    let cases = load("emails.json");
    let mut seen = 0;
    for case in cases["cases"].as_array().unwrap() {
        if case["kind"] != "iexact_sqlite" {
            continue;
        }
        let place = Place::new();
        let db = place.migrated().await;
        let mut new = NewUser::new("u", EncodedHash::new("!"), T0);
        new.email = case["in"]["stored"].as_str().unwrap().to_owned();
        assert!(matches!(users::create(&db, new).await.unwrap(), users::Created::Yes(_)));
        let found = users::by_email_iexact(&db, case["in"]["typed"].as_str().unwrap()).await.unwrap();
        assert_eq!(Value::from(!found.is_empty()), case["out"]["ok"], "{}", case["id"]);
        seen += 1;
    }
    assert!(seen > 0);
}
