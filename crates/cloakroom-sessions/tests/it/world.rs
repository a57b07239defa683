//! One of each engine on a store of its own, and hands to reach into the store as another process would.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use cloakroom_cache::{Cache, CacheValue};
use cloakroom_core::clock::{FrozenClock, Timestamp};
use cloakroom_core::codec::session::{SESSION_STORE_SALT, SIGNED_COOKIES_SALT, SessionCodec};
use cloakroom_core::keys::SessionKey;
use cloakroom_core::random::OsRandom;
use cloakroom_core::secret::{SecretKey, SecretKeys};
use cloakroom_core::value::Dict;
use cloakroom_db::sessions::{self, SessionRow};
use cloakroom_db::{Database, DatabaseUrl, Durability, Options, migrations};
use cloakroom_sessions::{
    AnyEngine, CacheEngine, CachedDbEngine, CookieCodec, DbEngine, FileEngine, Format, MovingEngine, SessionConfig,
    SessionIndex, Sessions, SignedCookiesEngine, TextCodec,
};
use tempfile::TempDir;

/// 2026-01-02T03:04:05.678901Z, the moment of the vectors.
pub(crate) const T0: Timestamp = Timestamp::from_micros(1_767_323_045_678_901);

/// For copies in memory, where there are any.
pub(crate) const NEAR_BYTES: u64 = 1 << 20;

const FILES: &str = "files";

pub(crate) const SECRET_KEY: &str = "cloakroom-vectors-secret-key-0123456789-abcdefghijklmnop";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Db,
    Cache,
    CachedDb,
    File,
    SignedCookies,
}

impl Kind {
    pub(crate) fn from_name(name: &str) -> Self {
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

#[derive(PartialEq, Eq)]
pub(crate) enum Tables {
    Made,
    AsTheyAre,
}

/// The stores, shared by all engines that [`World::sessions`] makes.
pub(crate) struct World {
    pub(crate) clock: Arc<FrozenClock>,
    db: Database,
    cache: Arc<Cache>,
    folder: TempDir,
    keys: SecretKeys,
    format: Format,
    near: Option<Duration>,
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with(|_| {}, Tables::Made).await.on(Cache::memory())
    }

    /// The same with another cache.
    pub(crate) fn on(mut self, cache: Cache) -> Self {
        self.cache = Arc::new(cache);
        self
    }

    /// The same, with copies of what is in the cache in memory, no older than this.
    pub(crate) fn with_near(mut self, bound: Duration) -> Self {
        self.near = Some(bound);
        self
    }

    /// A world on the database that Django left, without a table of ours (D13).
    pub(crate) async fn of_django() -> Self {
        let fixture = concat!(env!("CARGO_MANIFEST_DIR"), "/../cloakroom-probe/vectors/fixture.sqlite3");
        let copy = |path: &std::path::Path| assert!(std::fs::copy(fixture, path).unwrap() > 0);
        Self::with(copy, Tables::AsTheyAre).await
    }

    async fn with(prepare: impl FnOnce(&std::path::Path), tables: Tables) -> Self {
        let folder = tempfile::tempdir().unwrap();
        prepare(&folder.path().join("db.sqlite3"));
        let url = format!("sqlite://{}/db.sqlite3", folder.path().display());
        Self::in_folder(folder, &url, tables).await
    }

    /// A world whose database is anywhere, and whose files are in a folder.
    pub(crate) async fn in_folder(folder: TempDir, url: &str, tables: Tables) -> Self {
        let db = Database::open(&DatabaseUrl::parse(url).unwrap(), Options::default()).await.unwrap();
        std::fs::create_dir(folder.path().join(FILES)).unwrap();
        if tables == Tables::Made {
            migrations::migrate(&db, T0, &mut |_| {}).await.unwrap();
        }
        Self {
            clock: Arc::new(FrozenClock::at(T0)),
            db,
            cache: Arc::new(Cache::memory()),
            folder,
            keys: SecretKeys::new(SecretKey::new(SECRET_KEY).unwrap(), Vec::new()),
            format: Format::default(),
            near: None,
        }
    }

    /// The same stores, written in another format from here on.
    pub(crate) fn with_format(mut self, format: Format) -> Self {
        self.format = format;
        self
    }

    pub(crate) const fn keys(&self) -> &SecretKeys {
        &self.keys
    }

    /// Puts a text of one's own into a row.
    pub(crate) async fn set_row_text(&self, key: &SessionKey, text: String) {
        let row = SessionRow { session_data: text.into(), ..self.row(key).await.unwrap() };
        let _ = sessions::update(&self.db, key, row, Durability::Normal).await.unwrap();
    }

    pub(crate) fn sessions(&self, kind: Kind, config: SessionConfig) -> Sessions {
        let engine = self.engine(kind, &config);
        self.sessions_in(engine, config)
    }

    /// Sessions that move from one engine to another until an hour from now.
    pub(crate) fn moving(&self, from: Kind, to: Kind, config: SessionConfig) -> Sessions {
        let (to, from) = (self.engine(to, &config), self.engine(from, &config));
        let engine = MovingEngine::new(to, vec![from], T0.plus_secs(3_600), Arc::clone(&self.clock) as _);
        self.sessions_in(AnyEngine::Moving(engine), config)
    }

    fn sessions_in(&self, engine: AnyEngine, config: SessionConfig) -> Sessions {
        Sessions::new(engine, config, Arc::clone(&self.clock) as _, Arc::new(OsRandom))
    }

    fn engine(&self, kind: Kind, config: &SessionConfig) -> AnyEngine {
        let age = config.age_secs;
        let text = TextCodec::with_format(&self.keys, self.format.clone());
        let db = || DbEngine::new(self.db.clone(), text.clone(), age);
        match kind {
            Kind::Db => AnyEngine::Db(db()),
            Kind::Cache => {
                let engine = CacheEngine::new(Arc::clone(&self.cache), age);
                AnyEngine::Cache(match self.near {
                    Some(bound) => engine.with_near(bound, NEAR_BYTES),
                    None => engine.with_reads(NEAR_BYTES),
                })
            }
            Kind::CachedDb => {
                let engine = CachedDbEngine::new(db(), Arc::clone(&self.cache), age);
                AnyEngine::CachedDb(match self.near {
                    Some(bound) => engine.with_near(bound, NEAR_BYTES),
                    None => engine,
                })
            }
            Kind::File => {
                let name = config.cookie.name.as_str();
                AnyEngine::File(FileEngine::new(&self.files(), name, text.clone(), age).unwrap())
            }
            Kind::SignedCookies => AnyEngine::SignedCookies(SignedCookiesEngine::new(
                CookieCodec::with_format(&self.keys, self.format.clone()),
                age,
            )),
        }
    }

    /// As [`sessions`](Self::sessions), with an index that nobody else has a part of in memory: another process.
    pub(crate) fn indexed(&self, kind: Kind) -> Sessions {
        self.indexed_under(kind, &self.keys)
    }

    /// As [`indexed`](Self::indexed), with other secret keys for the index.
    pub(crate) fn indexed_under(&self, kind: Kind, keys: &SecretKeys) -> Sessions {
        self.sessions(kind, SessionConfig::default()).with_index(SessionIndex::new(self.db.clone(), keys))
    }

    pub(crate) const fn db(&self) -> &Database {
        &self.db
    }

    pub(crate) fn advance_micros(&self, micros: u64) {
        self.clock.advance(Duration::from_micros(micros));
    }

    /// The row, expired or not.
    pub(crate) async fn row(&self, key: &SessionKey) -> Option<SessionRow> {
        sessions::find(&self.db, key, Timestamp::MIN).await.unwrap()
    }

    pub(crate) async fn rows(&self) -> u64 {
        sessions::count(&self.db, T0).await.unwrap().stored
    }

    pub(crate) fn file(&self, cookie_name: &str, key: &SessionKey) -> PathBuf {
        self.files().join(format!("{cookie_name}{}", key.expose()))
    }

    pub(crate) async fn cached(&self, kind: Kind, key: &SessionKey) -> Option<Dict> {
        match self.cache.get(&cache_key(kind, key), Timestamp::MIN).await.unwrap() {
            Some(CacheValue::Dict(data)) => Some((*data).clone()),
            _ => None,
        }
    }

    pub(crate) async fn forget_cached(&self, kind: Kind, key: &SessionKey) {
        self.cache.delete(&cache_key(kind, key)).await.unwrap();
    }

    /// How many sessions there are, expired ones included.
    pub(crate) async fn count_stored(&self, kind: Kind) -> u64 {
        match kind {
            Kind::Db | Kind::CachedDb => self.rows().await,
            Kind::File => std::fs::read_dir(self.files()).unwrap().count() as u64,
            // Its time is over for all of them.
            Kind::Cache => self.cache.sweep(T0).await.unwrap() as u64,
            Kind::SignedCookies => 0,
        }
    }

    /// From here on the store answers nothing.
    pub(crate) async fn break_store(&self, kind: Kind) {
        match kind {
            Kind::File => std::fs::rename(self.files(), self.folder.path().join("moved")).unwrap(),
            _ => self.db.close().await,
        }
    }

    pub(crate) fn mend_files(&self) {
        std::fs::rename(self.folder.path().join("moved"), self.files()).unwrap();
    }

    fn files(&self) -> PathBuf {
        self.folder.path().join(FILES)
    }

    /// Makes what is stored fail its signature.
    pub(crate) async fn tamper(&self, kind: Kind, cookie_name: &str, key: &SessionKey) {
        match kind {
            Kind::Db | Kind::CachedDb => {
                let mut row = self.row(key).await.unwrap();
                row.session_data = format!("{}x", row.session_data).into();
                let _ = sessions::update(&self.db, key, row, Durability::Normal).await.unwrap();
                if kind == Kind::CachedDb {
                    self.forget_cached(kind, key).await;
                }
            }
            Kind::Cache => self.forget_cached(kind, key).await,
            Kind::File => {
                let path = self.file(cookie_name, key);
                let mut text = std::fs::read_to_string(&path).unwrap();
                text.push('x');
                std::fs::write(&path, text).unwrap();
                self.set_file_time(cookie_name, key, T0);
            }
            Kind::SignedCookies => {}
        }
    }

    pub(crate) fn set_file_time(&self, cookie_name: &str, key: &SessionKey, at: Timestamp) {
        let file = std::fs::OpenOptions::new().write(true).open(self.file(cookie_name, key)).unwrap();
        let at = Duration::from_micros(at.as_micros().unsigned_abs());
        file.set_modified(std::time::UNIX_EPOCH + at).unwrap();
    }

    /// What is stored under `key`, expired or not; for the cookie engine what the key says.
    pub(crate) async fn stored(&self, kind: Kind, cookie_name: &str, key: &SessionKey) -> Option<Dict> {
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
