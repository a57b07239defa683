//! Making Django's tables, and leaving them alone.

use cloakroom_db::migrations::{self, Status};
use cloakroom_db::{DbError, content_types, permissions, session_index, users};

use crate::suite::place::{Kind, Place, T0};

pub(crate) async fn a_second_run_finds_nothing_to_do(kind: Kind) {
    let place = Place::new(kind);
    let db = place.migrated().await;
    let before = place.contents();
    let report = migrations::migrate(&db, T0, &mut |step| panic!("{step:?}")).await.unwrap();
    assert_eq!(report, migrations::Report::default());
    assert_eq!(place.contents(), before);
}

pub(crate) async fn a_database_that_django_made_is_ready(kind: Kind) {
    let place = Place::with_fixture(kind);
    let before = place.contents();
    let db = place.open().await.unwrap();
    assert_only_the_index_is_missing(&db).await;
    assert_eq!(place.contents(), before);
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
pub(crate) async fn a_site_without_the_admin_stays_without(kind: Kind) {
    let place = Place::with_fixture(kind);
    place.query(
        "DROP TABLE django_admin_log; DELETE FROM django_migrations WHERE app = 'admin';
             DELETE FROM auth_user_user_permissions; DELETE FROM auth_group_permissions;
             DELETE FROM auth_permission WHERE codename LIKE '%logentry';
             DELETE FROM django_content_type WHERE app_label = 'admin'",
    );
    let db = place.open().await.unwrap();
    assert_only_the_index_is_missing(&db).await;
    let id = users::by_username(&db, "alice").await.unwrap().unwrap().id;
    assert!(users::delete(&db, &id).await.unwrap(), "G36 without an admin log");
}

/// A site that keeps its sessions elsewhere gets the table when it is needed here.
pub(crate) async fn an_app_that_is_missing_whole_is_made(kind: Kind) {
    let place = Place::with_fixture(kind);
    place.query("DROP TABLE django_session; DELETE FROM django_migrations WHERE app = 'sessions'");
    let db = place.open().await.unwrap();
    let report = migrations::migrate(&db, T0, &mut |_| {}).await.unwrap();
    assert_eq!((report.applied, report.content_types, report.permissions), (2, 0, 0));
    assert_eq!(migrations::status(&db).await.unwrap(), Status::Ready);
}

pub(crate) async fn missing_rows_are_made_by_name(kind: Kind) {
    let place = Place::with_fixture(kind);
    place.query("DELETE FROM auth_permission WHERE codename = 'view_session'");
    let db = place.open().await.unwrap();
    let status = migrations::status(&db).await.unwrap();
    assert!(matches!(&status, Status::Pending { rows: 1, .. }) && !status.is_usable());
    assert_eq!(migrations::migrate(&db, T0, &mut |_| {}).await.unwrap().permissions, 1);
    let all = permissions::all(&db).await.unwrap();
    let made = all.iter().find(|p| p.codename == "view_session").unwrap();
    assert_eq!((made.label().as_str(), made.name.as_str()), ("sessions.view_session", "Can view session"));
}

pub(crate) async fn a_database_of_an_older_django_is_left_to_django(kind: Kind) {
    let place = Place::with_fixture(kind);
    place.query("DELETE FROM django_migrations WHERE app = 'auth' AND name >= '0011'");
    let db = place.open().await.unwrap();
    let before = place.contents();
    for error in
        [migrations::status(&db).await.unwrap_err(), migrations::migrate(&db, T0, &mut |_| {}).await.unwrap_err()]
    {
        assert!(matches!(&error, DbError::OlderDjango { name, .. } if name == "0011_update_proxy_permissions"));
        assert!(error.to_string().contains("manage.py migrate"));
    }
    assert_eq!(place.contents(), before);
}

/// A Django that is not known here may have changed anything.
pub(crate) async fn a_database_of_a_newer_django_is_not_opened(kind: Kind) {
    let place = Place::with_fixture(kind);
    place.query("UPDATE django_migrations SET name = '0013_new' WHERE app = 'auth' AND name LIKE '0012%'");
    let before = place.contents();
    let error = place.open().await.unwrap_err();
    assert!(matches!(&error, DbError::NewerDjango { app, name } if app == "auth" && name == "0013_new"), "{error:?}");
    assert_eq!(place.contents(), before);
    place.query("UPDATE django_migrations SET app = 'shop' WHERE name = '0013_new'");
    assert!(place.open().await.is_ok(), "other apps may do as they like");
}

pub(crate) async fn tables_that_nobody_recorded_are_not_touched(kind: Kind) {
    let place = Place::new(kind);
    place.query("CREATE TABLE auth_user (id integer)");
    let db = place.open().await.unwrap();
    let error = migrations::migrate(&db, T0, &mut |_| {}).await.unwrap_err();
    assert!(matches!(error, DbError::Schema { .. }), "{error:?}");
    assert!(matches!(users::count(&db).await, Ok(0)), "the table is as it was");
    let error = content_types::all(&db).await.unwrap_err();
    assert!(matches!(&error, DbError::NotMigrated { table } if table == "django_content_type"), "{error:?}");
}

pub(crate) async fn two_that_migrate_at_once_do_it_once(kind: Kind) {
    let place = Place::new(kind);
    let (a, b) = (place.open().await.unwrap(), place.open().await.unwrap());
    let migrate = |db| async move { migrations::migrate(&db, T0, &mut |_| {}).await.unwrap() };
    let (a, b) = tokio::join!(tokio::spawn(migrate(a)), tokio::spawn(migrate(b)));
    let mut applied = [a.unwrap().applied, b.unwrap().applied];
    applied.sort_unstable();
    assert_eq!(applied, [0, 19]);
}

pub(crate) async fn content_types_are_found_by_name(kind: Kind) {
    let place = Place::new(kind);
    let db = place.migrated().await;
    let user = content_types::by_natural_key(&db, "auth", "user").await.unwrap().unwrap();
    assert_eq!(content_types::ensure(&db, "auth", "user").await.unwrap(), user.id);
    let item = content_types::ensure(&db, "shop", "item").await.unwrap();
    assert_eq!(content_types::all(&db).await.unwrap().last().unwrap().id, item);
    assert!(content_types::by_natural_key(&db, "shop", "other").await.unwrap().is_none());
}

/// D13: a fresh database has no session that the index could lack; one with sessions says so until it is filled.
pub(crate) async fn the_index_of_sessions_knows_whether_it_is_whole(kind: Kind) {
    let place = Place::new(kind);
    let db = place.migrated().await;
    assert!(session_index::is_filled(&db).await.unwrap());

    let place = Place::with_fixture(kind);
    let db = place.open().await.unwrap();
    assert!(matches!(session_index::for_user(&db, "1").await, Err(DbError::NotMigrated { .. })));
    migrations::migrate(&db, T0, &mut |_| {}).await.unwrap();
    assert!(!session_index::is_filled(&db).await.unwrap());
    session_index::mark_filled(&db, T0).await.unwrap();
    session_index::mark_filled(&db, T0).await.unwrap();
    assert!(session_index::is_filled(&db).await.unwrap());

    place.query("DROP TABLE cloakroom_session_index");
    assert!(migrations::status(&db).await.unwrap().is_usable());
    assert_eq!(migrations::migrate(&db, T0, &mut |_| {}).await.unwrap().applied, 1);
    assert!(!session_index::is_filled(&db).await.unwrap(), "a table that was lost is empty");
    assert_eq!(place.count("django_migrations WHERE app = 'cloakroom'"), 1);
}
