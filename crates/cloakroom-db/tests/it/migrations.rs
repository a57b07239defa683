//! Django's schema, byte for byte.

use cloakroom_db::migrations::{self, MigrationStep, Status};

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
