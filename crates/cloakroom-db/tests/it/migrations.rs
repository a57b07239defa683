//! Django's schema, byte for byte.

use cloakroom_db::migrations::{self, MigrationStep, Status};
use cloakroom_db::{DbError, content_types, permissions, session_index, users};

use crate::support::{Place, T0, vectors};

/// What a database is made of for Django: `sqlite_master` without the places on disk, and the rows that `migrate` writes,
/// ours aside.
fn contents(connection: &rusqlite::Connection) -> Vec<String> {
    let mut found = Vec::new();
    for sql in [
        "SELECT type || ' ' || name || ' ' || tbl_name || ' ' || COALESCE(sql, '') FROM sqlite_master \
         WHERE tbl_name NOT LIKE 'cloakroom%' ORDER BY 1",
        "SELECT id || ' ' || app || ' ' || name FROM django_migrations WHERE app <> 'cloakroom' ORDER BY id",
        "SELECT id || ' ' || app_label || ' ' || model FROM django_content_type ORDER BY id",
        "SELECT id || ' ' || content_type_id || ' ' || codename || ' ' || name FROM auth_permission ORDER BY id",
        "SELECT name || ' ' || seq FROM sqlite_sequence WHERE name <> 'django_migrations' ORDER BY name",
    ] {
        let mut statement = connection.prepare(sql).unwrap();
        found.extend(statement.query_map([], |row| row.get::<_, String>(0)).unwrap().map(Result::unwrap));
    }
    found
}

/// A01–A11, G34: the schema is the one of `schema/sqlite.sql`, parts 1 and 2.
#[tokio::test]
async fn a_fresh_database_is_djangos() {
    let place = Place::new();
    let db = place.open().await.unwrap();
    assert!(matches!(
        migrations::status(&db).await.unwrap(),
        Status::Pending { migrations, rows: 30 } if migrations.len() == 19
    ));
    assert!(!migrations::status(&db).await.unwrap().is_usable());
    let mut steps = Vec::new();
    let report = migrations::migrate(&db, T0, &mut |step| steps.push(step)).await.unwrap();
    assert_eq!((report.applied, report.content_types, report.permissions), (19, 6, 24));
    assert_eq!(steps.iter().filter(|step| matches!(step, MigrationStep::Applied(_))).count(), 19);
    assert_eq!(migrations::status(&db).await.unwrap(), Status::Ready);

    let sql = std::fs::read_to_string(vectors().join("schema/sqlite.sql")).unwrap();
    let reference = rusqlite::Connection::open_in_memory().unwrap();
    let tables_and_rows = sql[..sql.find("-- Part 3").unwrap()]
        .replace("(id, app, name) VALUES", "(applied, id, app, name) VALUES (0, ")
        .replace("(0,  (", "(0, ");
    reference.execute_batch(&tables_and_rows).unwrap();
    assert_eq!(contents(&place.raw()), contents(&reference));

    let applied: Vec<String> = place
        .raw()
        .prepare("SELECT DISTINCT applied FROM django_migrations")
        .unwrap()
        .query_map([], |row| row.get(0))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    assert_eq!(applied, ["2026-01-02 03:04:05.678901"]);
}

#[tokio::test]
async fn a_second_run_finds_nothing_to_do() {
    let place = Place::new();
    let db = place.migrated().await;
    let before = contents(&place.raw());
    let report = migrations::migrate(&db, T0, &mut |step| panic!("{step:?}")).await.unwrap();
    assert_eq!(report, migrations::Report::default());
    assert_eq!(contents(&place.raw()), before);
}

#[tokio::test]
async fn a_database_that_django_made_is_ready() {
    let place = Place::with_fixture();
    let before = contents(&place.raw());
    let db = place.open().await.unwrap();
    assert_only_the_index_is_missing(&db).await;
    assert_eq!(contents(&place.raw()), before);
}

/// D13: what Django does not make, and nothing else.
async fn assert_only_the_index_is_missing(db: &cloakroom_db::Database) {
    let status = migrations::status(db).await.unwrap();
    assert!(matches!(&status, Status::Pending { migrations, rows: 0 } if migrations.len() == 1), "{status:?}");
    assert!(status.is_usable());
    let report = migrations::migrate(db, T0, &mut |_| {}).await.unwrap();
    assert_eq!((report.applied, report.content_types, report.permissions), (1, 0, 0));
    assert_eq!(migrations::status(db).await.unwrap(), Status::Ready);
}

/// The reference site has no admin: no table, no rows, and none are made.
#[tokio::test]
async fn a_site_without_the_admin_stays_without() {
    let place = Place::with_fixture();
    place
        .raw()
        .execute_batch(
            "DROP TABLE django_admin_log; DELETE FROM django_migrations WHERE app = 'admin';
             DELETE FROM auth_user_user_permissions; DELETE FROM auth_group_permissions;
             DELETE FROM auth_permission WHERE codename LIKE '%logentry';
             DELETE FROM django_content_type WHERE app_label = 'admin'",
        )
        .unwrap();
    let db = place.open().await.unwrap();
    assert_only_the_index_is_missing(&db).await;
    let id = users::by_username(&db, "alice").await.unwrap().unwrap().id;
    assert!(users::delete(&db, &id).await.unwrap(), "G36 without an admin log");
}

/// A site that keeps its sessions elsewhere gets the table when it is needed here.
#[tokio::test]
async fn an_app_that_is_missing_whole_is_made() {
    let place = Place::with_fixture();
    place
        .raw()
        .execute_batch("DROP TABLE django_session; DELETE FROM django_migrations WHERE app = 'sessions'")
        .unwrap();
    let db = place.open().await.unwrap();
    let report = migrations::migrate(&db, T0, &mut |_| {}).await.unwrap();
    assert_eq!((report.applied, report.content_types, report.permissions), (2, 0, 0));
    assert_eq!(migrations::status(&db).await.unwrap(), Status::Ready);
}

#[tokio::test]
async fn missing_rows_are_made_by_name() {
    let place = Place::with_fixture();
    place.raw().execute_batch("DELETE FROM auth_permission WHERE codename = 'view_session'").unwrap();
    let db = place.open().await.unwrap();
    let status = migrations::status(&db).await.unwrap();
    assert!(matches!(&status, Status::Pending { rows: 1, .. }) && !status.is_usable());
    assert_eq!(migrations::migrate(&db, T0, &mut |_| {}).await.unwrap().permissions, 1);
    let all = permissions::all(&db).await.unwrap();
    let made = all.iter().find(|p| p.codename == "view_session").unwrap();
    assert_eq!((made.label().as_str(), made.name.as_str()), ("sessions.view_session", "Can view session"));
}

#[tokio::test]
async fn a_database_of_an_older_django_is_left_to_django() {
    let place = Place::with_fixture();
    place.raw().execute_batch("DELETE FROM django_migrations WHERE app = 'auth' AND name >= '0011'").unwrap();
    let db = place.open().await.unwrap();
    let before = contents(&place.raw());
    for error in
        [migrations::status(&db).await.unwrap_err(), migrations::migrate(&db, T0, &mut |_| {}).await.unwrap_err()]
    {
        assert!(matches!(&error, DbError::OlderDjango { name, .. } if name == "0011_update_proxy_permissions"));
        assert!(error.to_string().contains("manage.py migrate"));
    }
    assert_eq!(contents(&place.raw()), before);
}

#[tokio::test]
async fn tables_that_nobody_recorded_are_not_touched() {
    let place = Place::new();
    place.raw().execute_batch("CREATE TABLE auth_user (id integer)").unwrap();
    let db = place.open().await.unwrap();
    let error = migrations::migrate(&db, T0, &mut |_| {}).await.unwrap_err();
    assert!(matches!(error, DbError::Schema { .. }), "{error:?}");
    let tables: i64 = place.raw().query_row("SELECT COUNT(*) FROM sqlite_master", [], |row| row.get(0)).unwrap();
    assert_eq!(tables, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_that_migrate_at_once_do_it_once() {
    let place = Place::new();
    let (a, b) = (place.open().await.unwrap(), place.open().await.unwrap());
    let migrate = |db| async move { migrations::migrate(&db, T0, &mut |_| {}).await.unwrap() };
    let (a, b) = tokio::join!(tokio::spawn(migrate(a)), tokio::spawn(migrate(b)));
    let mut applied = [a.unwrap().applied, b.unwrap().applied];
    applied.sort_unstable();
    assert_eq!(applied, [0, 19]);
}

#[tokio::test]
async fn content_types_are_found_by_name() {
    let place = Place::new();
    let db = place.migrated().await;
    let user = content_types::by_natural_key(&db, "auth", "user").await.unwrap().unwrap();
    assert_eq!(content_types::ensure(&db, "auth", "user").await.unwrap(), user.id);
    let item = content_types::ensure(&db, "shop", "item").await.unwrap();
    assert_eq!(content_types::all(&db).await.unwrap().last().unwrap().id, item);
    assert!(content_types::by_natural_key(&db, "shop", "other").await.unwrap().is_none());
}

/// D13: a fresh database has no session that the index could lack; one with sessions says so until it is filled.
#[tokio::test]
async fn the_index_of_sessions_knows_whether_it_is_whole() {
    let place = Place::new();
    let db = place.migrated().await;
    assert!(session_index::is_filled(&db).await.unwrap());

    let place = Place::with_fixture();
    let db = place.open().await.unwrap();
    assert!(matches!(session_index::for_user(&db, "1").await, Err(DbError::NotMigrated { .. })));
    migrations::migrate(&db, T0, &mut |_| {}).await.unwrap();
    assert!(!session_index::is_filled(&db).await.unwrap());
    session_index::mark_filled(&db, T0).await.unwrap();
    session_index::mark_filled(&db, T0).await.unwrap();
    assert!(session_index::is_filled(&db).await.unwrap());

    place.raw().execute_batch("DROP TABLE cloakroom_session_index").unwrap();
    assert!(migrations::status(&db).await.unwrap().is_usable());
    assert_eq!(migrations::migrate(&db, T0, &mut |_| {}).await.unwrap().applied, 1);
    assert!(!session_index::is_filled(&db).await.unwrap(), "a table that was lost is empty");
    let rows: i64 = place
        .raw()
        .query_row("SELECT COUNT(*) FROM django_migrations WHERE app = 'cloakroom'", [], |row| row.get(0))
        .unwrap();
    assert_eq!(rows, 1);
}
