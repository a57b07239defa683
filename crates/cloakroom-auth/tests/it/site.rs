//! A site for tests: an empty database with Django's tables, cheap hashers, a clock that stands still.

use std::cell::RefCell;
use std::io;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, Once};

use cloakroom_auth::events::AuthEvent;
use cloakroom_auth::lane::LaneConfig;
use cloakroom_auth::{Auth, AuthBuilder, Created, NewAccount};
use cloakroom_core::clock::{FrozenClock, Timestamp};
use cloakroom_core::hashers::{Algorithm, Cost, DjangoVersion, Hasher, HasherSet};
use cloakroom_core::models::User;
use cloakroom_core::random::OsRandom;
use cloakroom_core::secret::{Secret, SecretKey, SecretKeys};
use cloakroom_db::{Database, DatabaseUrl, Options, migrations};
use cloakroom_sessions::{AnyEngine, DbEngine, Session, SessionConfig, Sessions, TextCodec};

/// The moment of the vectors.
pub(crate) const T0: Timestamp = Timestamp::from_micros(1_767_323_045_678_901);

pub(crate) struct Site {
    pub(crate) auth: Auth,
    pub(crate) sessions: Sessions,
    pub(crate) clock: Arc<FrozenClock>,
    pub(crate) db: Database,
    events: Arc<Mutex<Vec<AuthEvent>>>,
    _folder: tempfile::TempDir,
}

impl Site {
    pub(crate) async fn new() -> Self {
        Self::with(|b| b).await
    }

    pub(crate) async fn with(configure: impl FnOnce(AuthBuilder) -> AuthBuilder) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}/db.sqlite3", folder.path().display());
        let db = Database::open(&DatabaseUrl::parse(&url).unwrap(), Options::default()).await.unwrap();
        migrations::migrate(&db, T0, &mut |_| {}).await.unwrap();
        Self::over(db, folder, keys("a secret key for tests", &[]), configure)
    }

    /// A site over a database that is already there.
    pub(crate) fn over(
        db: Database,
        folder: tempfile::TempDir,
        keys: SecretKeys,
        configure: impl FnOnce(AuthBuilder) -> AuthBuilder,
    ) -> Self {
        record_logs();
        let clock = Arc::new(FrozenClock::at(T0));
        let events = Arc::new(Mutex::new(Vec::new()));
        let (seen, clock_) = (Arc::clone(&events), Arc::clone(&clock));
        let mut lane = LaneConfig::default();
        lane.threads = NonZeroUsize::MIN;
        let builder = Auth::builder(db.clone(), keys.clone())
            .with_clock(clock_.clone())
            .with_hashers(cheap_hashers())
            .with_lane_config(lane)
            .with_listener(move |e| seen.lock().unwrap().push(e.clone()));
        let auth = configure(builder).build().unwrap();
        let engine = AnyEngine::Db(DbEngine::new(db.clone(), TextCodec::new(&keys), 1_209_600));
        let sessions = Sessions::new(engine, SessionConfig::default(), clock_, Arc::new(OsRandom));
        Self { auth, sessions, clock, db, events, _folder: folder }
    }

    /// Makes an account whose password is `<username>-pass-9Z`.
    pub(crate) async fn user(&self, username: &str) -> User {
        let account = NewAccount::new(username)
            .with_email(format!("{username}@example.com"))
            .with_password(format!("{username}-pass-9Z"));
        match self.auth.create_user(account).await.unwrap() {
            Created::Yes(user) => user,
            Created::No(why) => panic!("{username} was not made: {why:?}"),
            _ => unreachable!(),
        }
    }

    /// A request's session, loaded, with this key in its cookie.
    pub(crate) async fn session(&self, key: Option<&str>) -> Session {
        self.sessions.open(key).load().await.unwrap()
    }

    /// Saves a session as the end of a request does, and returns its key.
    pub(crate) async fn save(&self, session: &Session) -> String {
        session.save().await.unwrap();
        session.key().unwrap().expose().to_owned()
    }

    /// The names of the events since the last call.
    pub(crate) fn events(&self) -> Vec<&'static str> {
        self.take_events().iter().map(AuthEvent::name).collect()
    }

    pub(crate) fn take_events(&self) -> Vec<AuthEvent> {
        std::mem::take(&mut *self.events.lock().unwrap())
    }
}

thread_local! {
    static LOG: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Keeps each thread's log apart. One subscriber for all tests: a scoped one misses records while other threads
/// meet the same call site for the first time.
fn record_logs() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(|| ThreadLog).finish();
        tracing::subscriber::set_global_default(subscriber).unwrap();
    });
}

/// What this thread has logged so far.
pub(crate) fn logged() -> String {
    LOG.with_borrow(|log| String::from_utf8(log.clone()).unwrap())
}

struct ThreadLog;

impl io::Write for ThreadLog {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        LOG.with_borrow_mut(|log| log.write(buf))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

pub(crate) fn keys(current: &str, fallbacks: &[&str]) -> SecretKeys {
    let key = |k: &str| SecretKey::new(k).unwrap();
    SecretKeys::new(key(current), fallbacks.iter().map(|k| key(k)).collect())
}

pub(crate) fn secret(text: impl Into<String>) -> Secret<String> {
    Secret::new(text.into())
}

pub(crate) fn pbkdf2(iterations: u32) -> Hasher {
    Hasher::new(Algorithm::Pbkdf2Sha256, DjangoVersion::V6_1).with_cost(Cost::Pbkdf2 { iterations })
}

/// PBKDF2 at next to no cost, and MD5.
pub(crate) fn cheap_hashers() -> HasherSet {
    HasherSet::new(vec![pbkdf2(10), Hasher::new(Algorithm::Md5, DjangoVersion::V6_1)]).unwrap()
}
