//! The schema is Django's.

use std::time::Duration;

use cloakroom_db::migrations::{self, MigrationStep, Status};
use cloakroom_db::{DbError, Options};
use cloakroom_testservers::OwnDatabase;

use crate::suite::place::{Kind, Place, T0, vectors};

/// What a database is made of for Django, ours aside.
const CONTENTS: [&str; 6] = [
    "SELECT table_name, column_name, data_type, character_maximum_length, is_nullable, column_default, is_identity,
     identity_generation FROM information_schema.columns WHERE table_schema = 'public'
     AND table_name NOT LIKE 'cloakroom%' ORDER BY 1, 2",
    "SELECT conrelid::regclass::text, conname, contype, pg_get_constraintdef(oid) FROM pg_constraint
     WHERE connamespace = 'public'::regnamespace AND conrelid::regclass::text NOT LIKE 'cloakroom%' ORDER BY 1, 2",
    "SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'
     AND tablename NOT LIKE 'cloakroom%' ORDER BY 1, 2",
    "SELECT sequencename, data_type, start_value, increment_by, cache_size FROM pg_sequences
     WHERE schemaname = 'public' AND sequencename NOT LIKE 'cloakroom%' ORDER BY 1",
    "SELECT id, app, name FROM django_migrations WHERE app <> 'cloakroom' ORDER BY id",
    "SELECT 'ct', id, app_label, model, '' FROM django_content_type UNION ALL
     SELECT 'perm', id, content_type_id::text, codename, name FROM auth_permission ORDER BY 1, 2",
];

/// A01–A11, G34: the schema is the one of `schema/postgresql.sql`, parts 1 and 2.
#[tokio::test]
async fn a_fresh_database_is_djangos() {
    let place = Place::new(Kind::Postgres);
    let db = place.open().await.unwrap();
    let status = migrations::status(&db).await.unwrap();
    assert!(matches!(&status, Status::Pending { migrations, rows: 30 } if migrations.len() >= 18), "{status:?}");
    assert!(!status.is_usable());
    let mut steps = Vec::new();
    let report = migrations::migrate(&db, T0, &mut |step| steps.push(step)).await.unwrap();
    assert_eq!((report.content_types, report.permissions), (6, 24));
    let applied = steps.iter().filter(|step| matches!(step, MigrationStep::Applied(_))).count();
    assert_eq!((applied as u64, report.applied >= 18), (report.applied, true));
    assert_eq!(migrations::status(&db).await.unwrap(), Status::Ready);

    let sql = std::fs::read_to_string(vectors().join("schema/postgresql.sql")).unwrap();
    let sql = sql[..sql.find("-- Part 3").unwrap()]
        .replace("(id, app, name) VALUES", "(applied, id, app, name) VALUES (now(), ")
        .replace("(now(),  (", "(now(), ");
    let reference = OwnDatabase::postgres();
    reference.query(&sql);
    for question in CONTENTS {
        similar(&place.query(question), &reference.query(question));
    }
    assert_eq!(
        place.query("SET timezone = 'UTC'; SELECT DISTINCT applied FROM django_migrations"),
        "2026-01-02 03:04:05.678901+00"
    );
}

fn similar(ours: &str, djangos: &str) {
    assert!(djangos.lines().count() > 5, "{djangos}");
    for (ours, djangos) in ours.lines().zip(djangos.lines()) {
        assert_eq!(ours, djangos);
    }
    assert_eq!(ours.lines().count(), djangos.lines().count());
}

/// What migrates waits for another that does, as long as for any lock, and then says so.
#[tokio::test]
async fn a_migration_that_holds_the_lock_is_waited_for() {
    let place = Place::new(Kind::Postgres);
    let db = place.open_with(Options::default().with_busy_timeout(Duration::from_millis(200))).await.unwrap();
    let holder = std::thread::spawn({
        let Place::Server(_, own) = &place else { panic!() };
        let url = own.url();
        // As `migration::LOCK` in the catalogue of statements.
        move || {
            let status = std::process::Command::new("psql")
                .args([
                    "-X",
                    "-q",
                    &url,
                    "-c",
                    "BEGIN; SELECT pg_advisory_xact_lock(7164223571444789103); SELECT pg_sleep(1.5)",
                ])
                .stdout(std::process::Stdio::null())
                .status();
            assert!(status.unwrap().success());
        }
    });
    tokio::time::sleep(Duration::from_millis(600)).await;
    let error = migrations::migrate(&db, T0, &mut |_| {}).await.unwrap_err();
    assert!(matches!(error, DbError::Busy { .. }), "{error:?}");
    let patient = place.open().await.unwrap();
    assert!(migrations::migrate(&patient, T0, &mut |_| {}).await.unwrap().applied >= 18);
    holder.join().unwrap();
}
