//! MySQL and MariaDB.

use std::time::{Duration, Instant};

use cloakroom_core::keys::UserId;
use cloakroom_core::models::EncodedHash;
use cloakroom_db::migrations::{self, Status};
use cloakroom_db::sessions::{self, Created, Swapped};
use cloakroom_db::users::{self, NewUser};
use cloakroom_db::{Database, DatabaseUrl, DbError, Durability, Options, groups};
use cloakroom_testservers::{Fault, FaultProxy, OwnDatabase, certificate_authority, unique_name};

use crate::suite::place::{Kind, Place, T0, key, row};

mod every_kind {
    database_suite!(crate::suite::place::Kind::MySql);
}

const SOON: Duration = Duration::from_millis(400);

async fn open(url: &str) -> Result<Database, DbError> {
    Database::open(&DatabaseUrl::parse(url).unwrap(), Options::default().with_connect_timeout(2 * SOON)).await
}

/// A01–A08, A10: table by table what the real Django leaves.
#[tokio::test]
async fn the_tables_are_those_of_django() {
    let place = Place::new(Kind::MySql);
    place.migrated().await;
    let schema = include_str!("../../../cloakroom-probe/vectors/schema/mysql.sql");
    let mut tables = 0;
    let parts = schema.split("\n\n").filter_map(|part| part.find("CREATE TABLE").map(|at| &part[at..]));
    for expected in parts.take_while(|part| part.contains("ENGINE=")) {
        let name = expected.split('`').nth(1).unwrap();
        let made = place.query(&format!("SHOW CREATE TABLE {name}"));
        let made = made.split_once('\t').unwrap().1.replace("\\n", "\n");
        let without_counter = |text: &str| match text.split_once(" AUTO_INCREMENT=") {
            Some((before, after)) => format!("{before} {}", after.split_once(' ').unwrap().1),
            None => text.to_owned(),
        };
        assert_eq!(without_counter(&made), expected.trim_end_matches([';', '\n']), "{name}");
        tables += 1;
    }
    assert_eq!(tables, 10);
}

/// MySQL commits each table at once: what an interrupted run left is taken up, and no one else's tables are.
#[tokio::test]
async fn a_migration_that_was_interrupted_is_finished() {
    let place = Place::new(Kind::MySql);
    drop(place.migrated().await);
    let whole = place.contents();
    for interrupted in [
        "DROP TABLE django_session",
        "DROP TABLE django_session, django_admin_log, auth_user_groups, auth_user_user_permissions",
        "DELETE FROM django_session",
    ] {
        place.query(&format!(
            "{interrupted}; DELETE FROM django_migrations; ALTER TABLE django_migrations AUTO_INCREMENT = 1; \
             DELETE FROM auth_permission; ALTER TABLE auth_permission AUTO_INCREMENT = 1; \
             DELETE FROM django_content_type; ALTER TABLE django_content_type AUTO_INCREMENT = 1"
        ));
        let db = place.open().await.unwrap();
        let refused = migrations::migrate(&db, T0, &mut |_| {}).await.unwrap_err();
        assert!(matches!(refused, DbError::Schema { .. }), "{refused}");

        place.query("CREATE TABLE cloakroom_migrating (id int PRIMARY KEY)");
        assert!(matches!(migrations::status(&db).await.unwrap(), Status::Pending { .. }));
        migrations::migrate(&db, T0, &mut |_| {}).await.unwrap();
        assert_eq!(migrations::status(&db).await.unwrap(), Status::Ready, "{interrupted}");
        assert_eq!(place.contents(), whole, "{interrupted}");
        assert_eq!(place.query("SHOW TABLES LIKE 'cloakroom_migrating'"), "");
    }
}

/// G05: names compare as the collation has it; stored data never do (D6).
#[tokio::test]
async fn the_collation_decides_about_names_and_not_about_data() {
    let place = Place::new(Kind::MySql);
    let db = place.migrated().await;
    let hash = |text: &str| EncodedHash::new(text);
    let made = users::create(&db, NewUser::new("Alice", hash("md5$a$B"), T0)).await.unwrap();
    let users::Created::Yes(alice) = made else { panic!("{made:?}") };
    assert_eq!(users::by_username(&db, "aLICE ").await.unwrap().unwrap().id, alice.id);
    let again = users::create(&db, NewUser::new("ALICE", hash(""), T0)).await.unwrap();
    assert!(matches!(again, users::Created::UsernameTaken));

    let swapped = users::set_password_if(&db, &alice.id, &hash("MD5$A$b"), &hash("x")).await.unwrap();
    assert_eq!(swapped, users::Swapped::Changed);
    let end = T0.plus_secs(9);
    assert_eq!(sessions::create(&db, &key(1), row("ab", end), Durability::Full).await.unwrap(), Created::Yes);
    for expected in ["AB", "ab "] {
        let swapped = sessions::update_if(&db, &key(1), expected, row("new", end), Durability::Full).await.unwrap();
        assert_eq!(swapped, Swapped::Changed(row("ab", end)), "{expected}");
    }
    let swapped = sessions::update_if(&db, &key(1), "ab", row("ab", end), Durability::Full).await.unwrap();
    assert_eq!(swapped, Swapped::Yes, "the same data again have met their row");
}

/// MySQL would take a text for the number that it begins with.
#[tokio::test]
async fn a_text_is_nobodys_key() {
    let place = Place::new(Kind::MySql);
    let db = place.migrated().await;
    let made = users::create(&db, NewUser::new("alice", EncodedHash::default(), T0)).await.unwrap();
    let users::Created::Yes(alice) = made else { panic!("{made:?}") };
    let text = UserId::Text(format!("{}abc", alice.id).into());
    assert!(users::by_id(&db, &text).await.unwrap().is_none());
    assert!(!users::delete(&db, &text).await.unwrap());
    let groups::Created::Yes(group) = groups::create(&db, "staff").await.unwrap() else { panic!("the name is free") };
    assert_eq!(groups::add_user(&db, group.id, &text).await.unwrap(), groups::Joined::Unknown);
}

/// What does not fit is refused whatever the server's mode, and changes nothing (G18).
#[tokio::test]
async fn a_value_that_does_not_fit_is_refused() {
    let place = Place::new(Kind::MySql);
    place.query("SET GLOBAL sql_mode = ''");
    let db = place.migrated().await;
    let long = NewUser::new("a".repeat(151), EncodedHash::default(), T0);
    assert!(matches!(users::create(&db, long).await.unwrap_err(), DbError::Unstorable { .. }));
    assert_eq!(users::count(&db).await.unwrap(), 0);
    place.query("SET GLOBAL sql_mode = DEFAULT");
}

#[tokio::test]
async fn tls_is_as_the_url_says() {
    let own = OwnDatabase::mysql();
    // An account that the server lets in by TLS alone.
    let user = unique_name("tls");
    own.query(&format!(
        "CREATE USER {user}@'%' IDENTIFIED BY '{}' REQUIRE SSL; GRANT ALL ON {}.* TO {user}@'%'",
        own.password(),
        own.name()
    ));
    let url = format!("mysql://{user}:{}@{}/{}", own.password(), own.server(), own.name());
    let authority = certificate_authority().display().to_string();
    for good in [
        String::new(),
        "?sslmode=require".to_owned(),
        format!("?sslmode=verify-ca&sslrootcert={authority}"),
        format!("?sslmode=verify-full&sslrootcert={authority}"),
    ] {
        let db = open(&format!("{url}{good}")).await.unwrap_or_else(|e| panic!("{good}: {e:?}"));
        db.close().await;
    }
    let plain = open(&format!("{url}?sslmode=disable")).await.unwrap_err();
    assert!(matches!(plain, DbError::Denied { .. }), "{plain:?}");
    for mode in ["verify-ca", "verify-full"] {
        let stranger = open(&format!("{url}?sslmode={mode}")).await.unwrap_err();
        assert!(matches!(stranger, DbError::Unreachable { .. }), "{mode}: {stranger:?}");
    }
    own.query(&format!("DROP USER {user}@'%'"));
}

#[tokio::test]
async fn a_start_that_fails_says_why() {
    let own = OwnDatabase::mysql();
    let wrong = own.url().replace(own.password(), "not-this-one");
    let denied = open(&wrong).await.unwrap_err();
    assert!(matches!(denied, DbError::Denied { .. }), "{denied:?}");
    let missing = open(&own.url().replace(own.name(), "nowhere")).await.unwrap_err();
    assert!(matches!(&missing, DbError::NoDatabase { name, .. } if name == "nowhere"), "{missing:?}");
    for error in [denied, missing] {
        let line = error.to_string();
        assert!(line.contains(&own.server().to_string()) && !line.contains('\n'), "{line}");
        assert!(!line.contains("not-this-one") && !line.contains(own.password()), "{line}");
    }
}

/// F01, F05: each fault is an error within the deadline, and afterwards all is as before, on the same handle.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fault_is_an_error_in_time_and_passes() {
    let own = OwnDatabase::mysql();
    let proxy = FaultProxy::before(own.server()).await;
    let url = DatabaseUrl::parse(&own.url_through(proxy.address())).unwrap();
    let options = Options::default().with_deadline(SOON).with_connect_timeout(SOON).with_connections(2);
    let db = Database::open(&url, options).await.unwrap();
    migrations::migrate(&db, T0, &mut |_| {}).await.unwrap();
    let end = T0.plus_secs(9);
    assert_eq!(sessions::create(&db, &key(1), row("a", end), Durability::Full).await.unwrap(), Created::Yes);
    for fault in [Fault::Refuse, Fault::Hang, Fault::ResetInAnswer, Fault::CloseAfter(5)] {
        proxy.set(fault).await;
        for _ in 0..4 {
            let began = Instant::now();
            let error = sessions::find(&db, &key(1), T0).await.unwrap_err();
            assert!(error.is_transient(), "{fault:?}: {error:?}");
            let error = sessions::update(&db, &key(1), row("a", end), Durability::Full).await.unwrap_err();
            assert!(error.is_transient(), "{fault:?}: {error:?}");
            assert!(began.elapsed() < 6 * SOON, "{fault:?}: {:?}", began.elapsed());
        }
        proxy.set(Fault::Pass).await;
        assert_eq!(sessions::find(&db, &key(1), T0).await.unwrap(), Some(row("a", end)), "{fault:?}");
        let _ = sessions::update(&db, &key(1), row("a", end), Durability::Full).await.unwrap();
    }
}

/// A call that its caller gives up leaves neither a lock nor a connection behind.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_call_that_is_given_up_leaves_nothing_behind() {
    let own = OwnDatabase::mysql();
    let options = Options::default().with_connections(1);
    let db = Database::open(&DatabaseUrl::parse(&own.url()).unwrap(), options).await.unwrap();
    migrations::migrate(&db, T0, &mut |_| {}).await.unwrap();
    for n in 0..50 {
        let (old, new) = (key(1), key(100 + n));
        let cycle = sessions::cycle(&db, &old, &new, row("x", T0.plus_secs(9)), Durability::Full);
        let _ = tokio::time::timeout(Duration::from_micros(200 * n as u64), cycle).await;
    }
    assert!(!sessions::exists(&db, &key(1)).await.unwrap());
    let made = sessions::create(&db, &key(1), row("a", T0), Durability::Full).await.unwrap();
    assert_eq!(made, Created::Yes);
}
