//! A site's services over a SQLite file of their own, at the moment of the vectors.

use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Arc;

use cloakroom::auth::lane::LaneConfig;
use cloakroom::auth::{Auth, AuthBuilder};
use cloakroom::core::clock::{FrozenClock, Timestamp};
use cloakroom::core::hashers::{Algorithm, Cost, DjangoVersion, Hasher, HasherSet};
use cloakroom::core::random::OsRandom;
use cloakroom::core::secret::SecretKeys;
use cloakroom::db::{Database, DatabaseUrl, Options, migrations};
use cloakroom::sessions::{AnyEngine, DbEngine, SessionConfig, Sessions, TextCodec};
use tempfile::TempDir;

pub(super) struct Site {
    pub(super) auth: Auth,
    pub(super) sessions: Sessions,
    pub(super) db: Database,
    folder: TempDir,
}

impl Site {
    /// With Django's tables and nobody in them.
    pub(super) async fn empty(keys: &SecretKeys, now: Timestamp) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let db = open(&folder.path().join("db.sqlite3")).await;
        migrations::migrate(&db, now, &mut |_| {}).await.unwrap();
        Self::over(db, folder, keys, now, |b| b.with_hashers(cheap_hashers()))
    }

    /// Over a copy of a database, which itself is not touched.
    pub(super) async fn copy_of(
        database: &Path,
        keys: &SecretKeys,
        now: Timestamp,
        configure: impl FnOnce(AuthBuilder) -> AuthBuilder,
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let copy = folder.path().join("db.sqlite3");
        // By reading and writing, so that the copy can be written where the original cannot.
        std::fs::write(&copy, std::fs::read(database).unwrap()).unwrap();
        let db = open(&copy).await;
        Self::over(db, folder, keys, now, configure)
    }

    /// Closes the database and returns the file that it is.
    pub(super) async fn into_bytes(self) -> Vec<u8> {
        self.db.close().await;
        std::fs::read(self.folder.path().join("db.sqlite3")).unwrap()
    }

    fn over(
        db: Database,
        folder: TempDir,
        keys: &SecretKeys,
        now: Timestamp,
        configure: impl FnOnce(AuthBuilder) -> AuthBuilder,
    ) -> Self {
        let clock = Arc::new(FrozenClock::at(now));
        let mut lane = LaneConfig::default();
        lane.threads = NonZeroUsize::MIN;
        let builder =
            Auth::builder(db.clone(), keys.clone()).with_clock(Arc::clone(&clock) as _).with_lane_config(lane);
        let auth = configure(builder).build().unwrap();
        let engine = AnyEngine::Db(DbEngine::new(db.clone(), TextCodec::new(keys), 1_209_600));
        let sessions = Sessions::new(engine, SessionConfig::default(), clock, Arc::new(OsRandom));
        Self { auth, sessions, db, folder }
    }
}

async fn open(path: &Path) -> Database {
    let url = DatabaseUrl::parse(&format!("sqlite://{}", path.display())).unwrap();
    Database::open(&url, Options::default()).await.unwrap()
}

/// For questions that are not about hashing.
pub(super) fn cheap_hashers() -> HasherSet {
    let pbkdf2 = Hasher::new(Algorithm::Pbkdf2Sha256, DjangoVersion::V6_1).with_cost(Cost::Pbkdf2 { iterations: 10 });
    HasherSet::new(vec![pbkdf2]).unwrap()
}
