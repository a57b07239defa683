//! Databases in folders of their own.

use std::path::{Path, PathBuf};
use std::time::Duration;

use cloakroom_core::clock::Timestamp;
use cloakroom_core::keys::SessionKey;
use cloakroom_db::sessions::SessionRow;
use cloakroom_db::{Database, DatabaseUrl, DbError, Options, migrations};
use tempfile::TempDir;

/// The vectors' clock: 2026-01-02T03:04:05.678901Z.
pub(crate) const T0: Timestamp = Timestamp::from_micros(1_767_323_045_678_901);

pub(crate) struct Place {
    folder: TempDir,
}

impl Place {
    pub(crate) fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    /// A place with a copy of the database that Django left.
    pub(crate) fn with_fixture() -> Self {
        let place = Self::new();
        std::fs::copy(vectors().join("fixture.sqlite3"), place.path()).unwrap();
        place
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("db.sqlite3")
    }

    pub(crate) async fn open(&self) -> Result<Database, DbError> {
        self.open_with(Options::default()).await
    }

    pub(crate) async fn open_with(&self, options: Options) -> Result<Database, DbError> {
        Database::open(&DatabaseUrl::sqlite_file(self.path()), options).await
    }

    /// A migrated database.
    pub(crate) async fn migrated(&self) -> Database {
        let db = self.open().await.unwrap();
        migrations::migrate(&db, T0, &mut |_| {}).await.unwrap();
        db
    }

    /// A connection like another program's.
    pub(crate) fn raw(&self) -> rusqlite::Connection {
        rusqlite::Connection::open(self.path()).unwrap()
    }

    /// Names and contents of the folder's files.
    pub(crate) fn snapshot(&self) -> Vec<(String, Vec<u8>)> {
        let mut files: Vec<_> = std::fs::read_dir(self.folder())
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .map(|path| (path.file_name().unwrap().to_string_lossy().into_owned(), std::fs::read(&path).unwrap()))
            .collect();
        files.sort();
        files
    }

    pub(crate) fn files(&self) -> Vec<String> {
        self.snapshot().into_iter().map(|(name, _)| name).collect()
    }
}

pub(crate) fn vectors() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../cloakroom-probe/vectors")
}

pub(crate) fn impatient() -> Options {
    Options::default().with_busy_timeout(Duration::from_millis(150))
}

pub(crate) fn key(n: usize) -> SessionKey {
    SessionKey::parse(&format!("{n:032}")).unwrap()
}

pub(crate) fn row(data: &str, expire_date: Timestamp) -> SessionRow {
    SessionRow { session_data: data.into(), expire_date }
}
