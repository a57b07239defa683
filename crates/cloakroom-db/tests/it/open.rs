//! Opening: what is refused, and that nothing changes then.

use std::os::unix::fs::PermissionsExt;

use cloakroom_core::clock::Timestamp;
use cloakroom_db::{Database, DatabaseUrl, DbError, Durability, IfMissing, Options, migrations, sessions, users};

use crate::support::{Place, T0, impatient, key, row};

/// Opens and expects an error, and that the folder is as it was.
async fn refused(place: &Place, options: Options) -> DbError {
    let before = place.snapshot();
    let error = place.open_with(options).await.unwrap_err();
    assert_eq!(place.snapshot(), before, "{error}");
    assert!(!error.to_string().contains('\n'));
    error
}

#[tokio::test]
async fn a_missing_file_is_made_for_its_owner_alone_or_refused() {
    let place = Place::new();
    let error = refused(&place, Options::default().with_if_missing(IfMissing::Refuse)).await;
    assert!(matches!(error, DbError::Missing { .. }), "{error:?}");

    let db = place.open().await.unwrap();
    let mode = std::fs::metadata(place.path()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "F09");
    db.close().await;
    assert_eq!(place.files(), ["db.sqlite3"]);
}

#[tokio::test]
async fn a_missing_folder_is_named() {
    let place = Place::new();
    std::fs::remove_dir(place.folder()).unwrap();
    let error = place.open().await.unwrap_err();
    assert!(matches!(&error, DbError::NoFolder { folder } if folder == place.folder()), "{error:?}");
    assert!(!place.folder().exists());
    std::fs::create_dir(place.folder()).unwrap();
}

#[tokio::test]
async fn a_file_that_is_no_database_is_refused() {
    for content in [&b"hello"[..], &[0; 4096], b"SQLite format 2\0", &[b'x'; 100_000]] {
        let place = Place::new();
        std::fs::write(place.path(), content).unwrap();
        let error = refused(&place, Options::default()).await;
        assert!(matches!(error, DbError::NotADatabase { .. }), "{error:?}");
    }
    let place = Place::new();
    std::fs::create_dir(place.path()).unwrap();
    assert!(matches!(place.open().await.unwrap_err(), DbError::NotADatabase { .. }));
}

#[tokio::test]
async fn a_damaged_database_is_refused() {
    let whole = std::fs::read(crate::support::vectors().join("fixture.sqlite3")).unwrap();
    // Cut off; and with the first page's tree overwritten.
    let mut scribbled = whole.clone();
    scribbled[100..4096].fill(0xA5);
    for content in [whole[..whole.len() / 2].to_vec(), whole[..4096].to_vec(), scribbled] {
        for wal in [false, true] {
            let place = Place::new();
            let mut content = content.clone();
            if wal {
                content[18..20].fill(2);
            }
            std::fs::write(place.path(), content).unwrap();
            let error = refused(&place, Options::default()).await;
            assert!(matches!(error, DbError::Damaged { .. }), "{error:?}");
            assert!(!error.is_transient());
        }
    }
}

#[tokio::test]
async fn damage_found_later_is_an_error_and_not_an_empty_answer() {
    let place = Place::with_fixture();
    let db = place.open().await.unwrap();
    db.close().await;
    let mut bytes = std::fs::read(place.path()).unwrap();
    // The page size is 4096: keep the schema and wreck the leaves.
    bytes[8 * 4096..].fill(0xA5);
    std::fs::write(place.path(), bytes).unwrap();
    match place.open().await {
        Err(error) => assert!(matches!(error, DbError::Damaged { .. }), "{error:?}"),
        Ok(db) => {
            let error = users::list(&db, None, 100).await.unwrap_err();
            assert!(matches!(error, DbError::Damaged { .. }), "{error:?}");
        }
    }
}

#[tokio::test]
async fn what_cannot_be_written_is_refused() {
    // Root may write anything, so a folder that takes no files from anybody.
    let url = DatabaseUrl::sqlite_file("/proc/self/fd/db.sqlite3");
    let error = Database::open(&url, Options::default()).await.unwrap_err();
    assert!(matches!(error, DbError::NotWritable { .. }), "{error:?}");

    let place = Place::with_fixture();
    let (file, folder) = (place.path(), place.folder().to_owned());
    let set = |path: &std::path::Path, mode| {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    let before = place.snapshot();
    for (file_mode, folder_mode) in [(0o400, 0o700), (0o000, 0o700), (0o600, 0o500), (0o600, 0o000)] {
        set(&file, file_mode);
        set(&folder, folder_mode);
        let rights_hold = std::fs::OpenOptions::new().write(true).open(&file).is_err()
            || std::fs::write(folder.join("probe"), "").is_err();
        let opened = place.open().await;
        set(&folder, 0o700);
        set(&file, 0o600);
        if rights_hold {
            let error = opened.unwrap_err();
            assert!(matches!(error, DbError::NotWritable { .. }), "{file_mode:o} {folder_mode:o}: {error:?}");
            assert_eq!(place.snapshot(), before);
        } else {
            let _ = std::fs::remove_file(folder.join("probe"));
            opened.unwrap().close().await;
        }
    }
}

#[tokio::test]
async fn a_database_of_a_newer_django_is_refused() {
    let place = Place::with_fixture();
    place
        .raw()
        .execute_batch("INSERT INTO django_migrations (app, name, applied) VALUES ('auth', '0013_more', '2027-01-01')")
        .unwrap();
    let error = refused(&place, Options::default()).await;
    assert!(matches!(&error, DbError::NewerDjango { app, name } if app == "auth" && name == "0013_more"), "{error:?}");
}

/// Migrations of a site's own apps are none of ours.
#[tokio::test]
async fn other_apps_migrations_are_not_looked_at() {
    let place = Place::with_fixture();
    place
        .raw()
        .execute_batch("INSERT INTO django_migrations (app, name, applied) VALUES ('shop', '0099_x', '2027-01-01')")
        .unwrap();
    let db = place.open().await.unwrap();
    assert!(migrations::status(&db).await.unwrap().is_usable());
}

#[tokio::test]
async fn a_locked_database_is_busy() {
    let place = Place::with_fixture();
    let raw = place.raw();
    raw.execute_batch("BEGIN EXCLUSIVE").unwrap();
    let error = refused(&place, impatient()).await;
    assert!(matches!(error, DbError::Busy { .. }) && error.is_transient(), "{error:?}");
    raw.execute_batch("ROLLBACK").unwrap();
    place.open_with(impatient()).await.unwrap();
}

#[tokio::test]
async fn queries_before_migrate_name_the_missing_table() {
    let place = Place::new();
    let db = place.open().await.unwrap();
    let error = sessions::find(&db, &key(1), T0).await.unwrap_err();
    assert!(matches!(&error, DbError::NotMigrated { table } if table == "django_session"), "{error:?}");
    let error = sessions::create(&db, &key(1), row("x", T0), Durability::Full).await.unwrap_err();
    assert!(matches!(&error, DbError::NotMigrated { table } if table == "django_session"), "{error:?}");
}

#[tokio::test]
async fn a_file_that_was_taken_away_is_unavailable_and_not_written_to() {
    let place = Place::new();
    let db = place.migrated().await;
    std::fs::rename(place.path(), place.folder().join("elsewhere")).unwrap();
    let error = sessions::create(&db, &key(1), row("x", T0), Durability::Full).await.unwrap_err();
    assert!(matches!(error, DbError::Unavailable { .. }) && error.is_transient(), "{error:?}");
    let error = users::by_username(&db, "alice").await.unwrap_err();
    assert!(matches!(error, DbError::Unavailable { .. }), "{error:?}");
}

#[tokio::test]
async fn a_closed_database_answers_nobody() {
    let place = Place::new();
    let db = place.migrated().await;
    let other = db.clone();
    db.close().await;
    db.close().await;
    assert!(matches!(sessions::exists(&other, &key(1)).await.unwrap_err(), DbError::Closed));
    assert!(matches!(sessions::touch(&other, &key(1), Timestamp::UNIX_EPOCH).await.unwrap_err(), DbError::Closed));
}

/// A path may look like an address or be relative; it is the file's name all the same.
#[tokio::test]
async fn a_path_is_a_path() {
    let place = Place::new();
    let path = place.folder().join("file:x?mode=memory %41.db");
    let db = Database::open(&DatabaseUrl::sqlite_file(&path), Options::default()).await.unwrap();
    migrations::migrate(&db, T0, &mut |_| {}).await.unwrap();
    db.close().await;
    assert_eq!(place.files(), ["file:x?mode=memory %41.db"]);
}
