//! One of each engine on a store of its own, and hands to reach into the store as another process would.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use cloakroom::cache::{Cache, CacheValue};
use cloakroom::core::clock::{FrozenClock, Timestamp};
use cloakroom::core::codec::session::{SESSION_STORE_SALT, SIGNED_COOKIES_SALT, SessionCodec};
use cloakroom::core::keys::SessionKey;
use cloakroom::core::random::OsRandom;
use cloakroom::core::secret::{SecretKey, SecretKeys};
use cloakroom::core::value::Dict;
use cloakroom::db::sessions::{self, SessionRow};
use cloakroom::db::{Database, DatabaseUrl, Durability, Options, migrations};
use cloakroom::sessions::{
    AnyEngine, CacheEngine, CachedDbEngine, CookieCodec, DbEngine, FileEngine, SessionConfig, Sessions,
    SignedCookiesEngine, TextCodec,
};
use tempfile::TempDir;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Db,
    Cache,
    CachedDb,
    File,
    SignedCookies,
}

impl Kind {
    pub(super) fn from_name(name: &str) -> Self {
        match name {
            "db" => Self::Db,
            "cache" => Self::Cache,
            "cached_db" => Self::CachedDb,
            "file" => Self::File,
            "signed_cookies" => Self::SignedCookies,
            other => panic!("unknown engine {other}"),
        }
    }
}

/// The stores, shared by all engines that [`World::sessions`] makes.
pub(super) struct World {
    pub(super) clock: Arc<FrozenClock>,
    pub(super) t0: Timestamp,
    db: Database,
    cache: Arc<Cache>,
    folder: TempDir,
    keys: SecretKeys,
}

impl World {
    pub(super) async fn new(secret_key: &str, t0: Timestamp) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}/db.sqlite3", folder.path().display());
        let db = Database::open(&DatabaseUrl::parse(&url).unwrap(), Options::default()).await.unwrap();
        migrations::migrate(&db, t0, &mut |_| {}).await.unwrap();
        let world = Self {
            clock: Arc::new(FrozenClock::at(t0)),
            t0,
            db,
            cache: Arc::new(Cache::memory()),
            keys: SecretKeys::new(SecretKey::new(secret_key).unwrap(), Vec::new()),
            folder,
        };
        std::fs::create_dir(world.files()).unwrap();
        world
    }

    pub(super) fn sessions(&self, kind: Kind, config: SessionConfig) -> Sessions {
        let age = config.age_secs;
        let text = TextCodec::new(&self.keys);
        let db = || DbEngine::new(self.db.clone(), text.clone(), age);
        let engine = match kind {
            Kind::Db => AnyEngine::Db(db()),
            Kind::Cache => AnyEngine::Cache(CacheEngine::new(Arc::clone(&self.cache), age)),
            Kind::CachedDb => AnyEngine::CachedDb(CachedDbEngine::new(db(), Arc::clone(&self.cache), age)),
            Kind::File => {
                let name = config.cookie.name.as_str();
                AnyEngine::File(FileEngine::new(&self.files(), name, text.clone(), age).unwrap())
            }
            Kind::SignedCookies => {
                AnyEngine::SignedCookies(SignedCookiesEngine::new(CookieCodec::new(&self.keys), age))
            }
        };
        Sessions::new(engine, config, Arc::clone(&self.clock) as _, Arc::new(OsRandom))
    }

    /// Back to the start of a case.
    pub(super) async fn reset(&self) {
        self.clock.set(self.t0);
        sessions::clear_expired(&self.db, self.t0.plus_secs(1 << 31), &mut |_| {}).await.unwrap();
        for file in std::fs::read_dir(self.files()).unwrap() {
            std::fs::remove_file(file.unwrap().path()).unwrap();
        }
    }

    /// The row, expired or not.
    pub(super) async fn row(&self, key: &SessionKey) -> Option<SessionRow> {
        sessions::find(&self.db, key, Timestamp::MIN).await.unwrap()
    }

    pub(super) async fn rows(&self) -> u64 {
        sessions::count(&self.db, self.t0).await.unwrap().stored
    }

    pub(super) async fn cached(&self, kind: Kind, key: &SessionKey) -> Option<Dict> {
        match self.cache.get(&cache_key(kind, key), Timestamp::MIN).await.unwrap() {
            Some(CacheValue::Dict(data)) => Some((*data).clone()),
            _ => None,
        }
    }

    async fn forget_cached(&self, kind: Kind, key: &SessionKey) {
        self.cache.delete(&cache_key(kind, key)).await.unwrap();
    }

    fn files(&self) -> PathBuf {
        self.folder.path().join("sessions")
    }

    fn file(&self, cookie_name: &str, key: &SessionKey) -> PathBuf {
        self.files().join(format!("{cookie_name}{}", key.expose()))
    }

    /// Deletes what is stored, as a log-out in another process does.
    pub(super) async fn delete_stored(&self, kind: Kind, cookie_name: &str, key: &SessionKey) {
        match kind {
            Kind::Db | Kind::CachedDb => drop(sessions::delete(&self.db, key, Durability::Normal).await.unwrap()),
            Kind::Cache => self.forget_cached(kind, key).await,
            Kind::File => std::fs::remove_file(self.file(cookie_name, key)).unwrap_or_default(),
            Kind::SignedCookies => {}
        }
    }

    /// Makes what is stored fail its signature.
    pub(super) async fn tamper(&self, kind: Kind, cookie_name: &str, key: &SessionKey) {
        match kind {
            Kind::Db | Kind::CachedDb => {
                let mut row = self.row(key).await.unwrap();
                row.session_data = "bad:1:x".into();
                let _ = sessions::update(&self.db, key, row, Durability::Normal).await.unwrap();
                if kind == Kind::CachedDb {
                    self.forget_cached(kind, key).await;
                }
            }
            Kind::Cache => self.forget_cached(kind, key).await,
            Kind::File => {
                std::fs::write(self.file(cookie_name, key), "bad:1:x").unwrap();
                self.set_file_time(cookie_name, key);
            }
            Kind::SignedCookies => {}
        }
    }

    /// Gives a file the frozen moment as its time of change.
    pub(super) fn set_file_time(&self, cookie_name: &str, key: &SessionKey) {
        let file = std::fs::OpenOptions::new().write(true).open(self.file(cookie_name, key)).unwrap();
        let at = Duration::from_micros(self.t0.as_micros().unsigned_abs());
        file.set_modified(UNIX_EPOCH + at).unwrap();
    }

    /// What is stored under `key`, expired or not; for the cookie engine what the key says.
    pub(super) async fn stored(&self, kind: Kind, cookie_name: &str, key: &SessionKey) -> Option<Dict> {
        let text = SessionCodec::new(&self.keys, SESSION_STORE_SALT);
        match kind {
            Kind::Db | Kind::CachedDb => self.row(key).await.map(|row| text.decode(&row.session_data).data),
            Kind::Cache => self.cached(kind, key).await,
            Kind::File => std::fs::read_to_string(self.file(cookie_name, key)).ok().map(|t| text.decode(&t).data),
            Kind::SignedCookies => Some(SessionCodec::new(&self.keys, SIGNED_COOKIES_SALT).decode(key.expose()).data),
        }
    }
}

fn cache_key(kind: Kind, key: &SessionKey) -> String {
    let engine = if kind == Kind::CachedDb { "cached_db" } else { "cache" };
    format!("django.contrib.sessions.{engine}{}", key.expose())
}
