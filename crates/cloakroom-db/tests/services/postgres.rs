//! PostgreSQL.

mod every_kind {
    database_suite!(crate::suite::place::Kind::Postgres);
}

mod faults;
mod near;
mod schema;
mod shared;
mod tls;

use cloakroom_core::keys::{SessionKey, UserId};
use cloakroom_core::models::EncodedHash;
use cloakroom_db::permissions::{self, Granted, Holder};
use cloakroom_db::sessions::{self, Created, Swapped};
use cloakroom_db::users::{self, NewUser, Profile, Renamed};
use cloakroom_db::{Database, DatabaseUrl, DbError, Durability, Options, Updated, content_types, groups};

use crate::suite::place::{Kind, Place, T0, key, row};

/// What PostgreSQL cannot hold is nowhere, and cannot be put anywhere.
#[tokio::test]
async fn a_nul_is_found_nowhere_and_refused_everywhere() {
    let place = Place::new(Kind::Postgres);
    let db = place.migrated().await;
    let hash = EncodedHash::new("!x");
    let users::Created::Yes(alice) = users::create(&db, NewUser::new("alice", hash.clone(), T0)).await.unwrap() else {
        panic!()
    };
    let nul = "alice\0";
    assert!(users::by_username(&db, nul).await.unwrap().is_none());
    assert!(!users::exists_username(&db, nul).await.unwrap());
    assert!(!users::exists_username_iexact(&db, nul).await.unwrap());
    assert!(users::by_email_iexact(&db, nul).await.unwrap().is_empty());
    assert!(groups::by_name(&db, nul).await.unwrap().is_none());
    assert!(content_types::by_natural_key(&db, "auth", nul).await.unwrap().is_none());
    assert_eq!(permissions::grant(&db, &Holder::User(alice.id.clone()), nul, nul).await.unwrap(), Granted::Unknown);
    let odd = SessionKey::parse("12345678\0").unwrap();
    assert!(sessions::find(&db, &odd, T0).await.unwrap().is_none());
    assert!(!sessions::delete(&db, &odd, Durability::Full).await.unwrap());
    assert_eq!(sessions::touch(&db, &odd, T0).await.unwrap(), Updated::Gone);

    let unstorable = |error: DbError| matches!(error, DbError::Unstorable { .. }) && !error.is_transient();
    assert!(unstorable(users::create(&db, NewUser::new(nul, hash.clone(), T0)).await.unwrap_err()));
    assert!(unstorable(users::rename(&db, &alice.id, nul).await.unwrap_err()));
    let profile = Profile { first_name: Some(nul.into()), ..Profile::default() };
    assert!(unstorable(users::update_profile(&db, &alice.id, profile).await.unwrap_err()));
    assert!(unstorable(groups::create(&db, nul).await.unwrap_err()));
    assert!(unstorable(sessions::create(&db, &odd, row("x", T0), Durability::Full).await.unwrap_err()));
    assert!(unstorable(users::create(&db, NewUser::new("x".repeat(151), hash, T0)).await.unwrap_err()), "too long");
    assert_eq!(users::rename(&db, &alice.id, "alicia").await.unwrap(), Renamed::Yes, "the connection is as before");
}

/// A key beyond the column's range is nobody's.
#[tokio::test]
async fn keys_that_no_column_holds_are_found_nowhere() {
    let place = Place::new(Kind::Postgres);
    let db = place.migrated().await;
    for id in
        [UserId::Int(i64::MAX), UserId::Int(i64::MIN), UserId::Text("00112233-4455-6677-8899-aabbccddeeff".into())]
    {
        assert!(users::by_id(&db, &id).await.unwrap().is_none());
        assert_eq!(users::set_last_login(&db, &id, T0).await.unwrap(), Updated::Gone);
        assert!(!users::delete(&db, &id).await.unwrap());
        assert!(users::list(&db, Some(&id), 3).await.unwrap().is_empty());
        assert!(permissions::effective(&db, &id).await.unwrap().of_user.is_empty());
    }
    assert!(!groups::delete(&db, i64::MAX).await.unwrap());
}

/// G01: to the microsecond, whatever the session's time zone.
#[tokio::test]
async fn moments_are_stored_to_the_microsecond() {
    let place = Place::new(Kind::Postgres);
    let db = place.migrated().await;
    let created = sessions::create(&db, &key(1), row("x", T0), Durability::Full).await.unwrap();
    assert_eq!(created, Created::Yes);
    let stored = place.query("SET timezone = 'Asia/Tokyo'; SELECT expire_date FROM django_session");
    assert_eq!(stored, "2026-01-02 12:04:05.678901+09");
    place.query("UPDATE django_session SET expire_date = 'infinity'");
    assert!(sessions::find(&db, &key(1), T0).await.unwrap().is_some());
}

/// `json` text with backslashes, quotes and characters beyond the basic plane goes through as it is.
#[tokio::test]
async fn any_other_text_comes_back_as_it_was() {
    let place = Place::new(Kind::Postgres);
    let db = place.migrated().await;
    let text = "a'b\"c\\d\n\t😀\u{202e}é\u{1}";
    let created = sessions::create(&db, &key(1), row(text, T0), Durability::Full).await.unwrap();
    assert_eq!(created, Created::Yes);
    let swapped = sessions::update_if(&db, &key(1), text, row(&text.repeat(9_000), T0), Durability::Full).await;
    assert_eq!(swapped.unwrap(), Swapped::Yes);
    let found = sessions::find(&db, &key(1), T0.plus_secs(-1)).await.unwrap().unwrap();
    assert_eq!(*found.session_data, text.repeat(9_000));
}

/// A table that is changed under a statement that is prepared: nobody notices.
#[tokio::test]
async fn a_statement_survives_a_change_of_its_table() {
    let place = Place::new(Kind::Postgres);
    place.migrated().await.close().await;
    let db = place.open_with(Options::default().with_connections(1)).await.unwrap();
    let hash = EncodedHash::new("!x");
    assert!(matches!(users::create(&db, NewUser::new("a", hash, T0)).await.unwrap(), users::Created::Yes(_)));
    assert!(users::by_username(&db, "a").await.unwrap().is_some());
    place.query("ALTER TABLE auth_user ALTER COLUMN email TYPE varchar(300)");
    assert!(users::by_username(&db, "a").await.unwrap().is_some());
    place.query("ALTER TABLE auth_user ALTER COLUMN email TYPE text");
    assert!(users::delete(&db, &1.into()).await.unwrap());
}

/// Mistakes of an operator are told at once, in one line that names the server and hides the password.
#[tokio::test]
async fn a_server_that_cannot_be_used_is_a_clear_error() {
    let place = Place::new(Kind::Postgres);
    let Place::Server(_, own) = &place else { panic!() };
    let url = own.url();
    let spare = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let nobody = spare.local_addr().unwrap();
    drop(spare);
    for (url, expected, place) in [
        (url.replace(own.password(), "hunter2"), "denied", own.server()),
        (url.replace("cloakroom:", "nobody:"), "denied", own.server()),
        (url.replace(own.name(), "no_such_database"), "no_database", own.server()),
        (own.url_through(nobody), "unreachable", nobody),
    ] {
        let error = Database::open(&DatabaseUrl::parse(&url).unwrap(), Options::default()).await.unwrap_err();
        let text = error.to_string();
        assert_eq!(error.as_str(), expected, "{text}");
        assert!(text.contains(&place.to_string()) && !text.contains('\n'), "{text}");
        let whole = format!("{error:?} {text} {:?}", std::error::Error::source(&error).map(ToString::to_string));
        assert!(!whole.contains("hunter2") && !whole.contains(own.password()), "{whole}");
    }
}

/// A user who may not make tables is told so.
#[tokio::test]
async fn rights_that_are_missing_are_named() {
    let place = Place::new(Kind::Postgres);
    let db = place.migrated().await;
    let name = cloakroom_testservers::unique_name("reader");
    place.query(&format!(
        "CREATE ROLE {name} LOGIN PASSWORD 'x'; GRANT SELECT ON auth_user, django_migrations TO {name}"
    ));
    let Place::Server(_, own) = &place else { panic!() };
    let url = own.url().replace(&format!("cloakroom:{}", own.password()), &format!("{name}:x"));
    let reader = Database::open(&DatabaseUrl::parse(&url).unwrap(), Options::default()).await.unwrap();
    assert!(users::by_username(&reader, "alice").await.unwrap().is_none());
    let error = sessions::delete(&reader, &key(1), Durability::Full).await.unwrap_err();
    assert!(matches!(&error, DbError::Denied { user, .. } if *user == name), "{error:?}");
    reader.close().await;
    db.close().await;
    place.query(&format!("DROP OWNED BY {name}; DROP ROLE {name}"));
}

/// F09: the rights that serving needs, and no others.
#[tokio::test]
async fn serving_needs_no_right_to_make_tables() {
    let place = Place::new(Kind::Postgres);
    let db = place.migrated().await;
    let name = cloakroom_testservers::unique_name("server");
    place.query(&format!(
        "CREATE ROLE {name} LOGIN PASSWORD 'x'; GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {name};
         GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {name}"
    ));
    let Place::Server(_, own) = &place else { panic!() };
    let url = own.url().replace(&format!("cloakroom:{}", own.password()), &format!("{name}:x"));
    let server = Database::open(&DatabaseUrl::parse(&url).unwrap(), Options::default()).await.unwrap();
    let new = NewUser::new("alice", EncodedHash::new("!x"), T0);
    let users::Created::Yes(alice) = users::create(&server, new).await.unwrap() else { panic!() };
    let created = sessions::create(&server, &key(1), row("x", T0), Durability::Full).await.unwrap();
    assert_eq!(created, Created::Yes);
    assert_eq!(sessions::clear_expired(&server, T0.plus_secs(1), &mut |_| {}).await.unwrap(), 1);
    assert!(users::delete(&server, &alice.id).await.unwrap());
    server.close().await;
    db.close().await;
    place.query(&format!("DROP OWNED BY {name}; DROP ROLE {name}"));
}
