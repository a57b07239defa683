//! A session from this process's memory, beside the same session from its row (D5):
//! `cargo bench -p cloakroom-sessions --bench near`. The run ends where memory gives anything but what another connection
//! stored last, or where what is measured as coming from memory does not.

#![expect(clippy::unwrap_used, reason = "a program for developers")]

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use cloakroom_core::clock::{Clock, SystemClock, Timestamp};
use cloakroom_core::keys::SessionKey;
use cloakroom_core::random::OsRandom;
use cloakroom_core::secret::{SecretKey, SecretKeys};
use cloakroom_core::value::Dict;
use cloakroom_db::{Database, DatabaseUrl, Options, migrations};
use cloakroom_sessions::{Base, Change, Created, DbEngine, Engine, Loaded, Saved, TextCodec};
use criterion::Criterion;

/// How long the database's writer has, to find that somebody else has committed.
const PATIENCE: Duration = Duration::from_secs(10);

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let bench = runtime.block_on(Bench::new(&format!("sqlite://{}/db.sqlite3", folder.path().display())));

    let mut group = criterion.benchmark_group("near");
    runtime.block_on(bench.change(1));
    group.bench_function("hit", |b| b.iter_custom(|n| runtime.block_on(bench.time(&bench.near, n, Arc::ptr_eq))));
    group.bench_function("row", |b| {
        b.iter_custom(|n| runtime.block_on(bench.time(&bench.far, n, |before, after| !Arc::ptr_eq(before, after))));
    });
    runtime.block_on(bench.change(2));
    group.finish();
    criterion.final_summary();
}

/// One session and three ways to it: with copies, without, and as another process has it.
struct Bench {
    near: DbEngine,
    far: DbEngine,
    others: DbEngine,
    key: SessionKey,
    now: Timestamp,
}

impl Bench {
    async fn new(url: &str) -> Self {
        let url = DatabaseUrl::parse(url).unwrap();
        let keys = SecretKeys::new(SecretKey::new("a secret key for benchmarks").unwrap(), Vec::new());
        let open = async || Database::open(&url, Options::default()).await.unwrap();
        let engine = |db| DbEngine::new(db, TextCodec::new(&keys), 1_209_600);
        let (key, now) = (SessionKey::generate(&OsRandom), SystemClock.now());
        let others = open().await;
        migrations::migrate(&others, now, &mut |_| {}).await.unwrap();
        let (near, far, others) = (engine(open().await), engine(open().await), engine(others));
        assert!(matches!(others.create(&key, &signed_in(0), now).await.unwrap(), Created::Yes(_)));
        Self { near, far: far.with_near_bytes(0), others, key, now }
    }

    /// Another connection changes the session: each look gives that from then on, and soon from memory.
    async fn change(&self, visits: i64) {
        let data = signed_in(visits);
        let change = Change { base: Base::Nothing, make: &mut |_| Arc::clone(&data) };
        assert!(matches!(self.others.update(&self.key, change, self.now).await.unwrap(), Saved::Yes(_)));
        let began = Instant::now();
        let mut seen = self.load(&self.near).await;
        loop {
            assert_eq!(seen, data);
            let again = self.load(&self.near).await;
            if Arc::ptr_eq(&seen, &again) {
                break;
            }
            assert!(began.elapsed() < PATIENCE, "no copy is used");
            seen = again;
        }
        assert_eq!(self.load(&self.far).await, data);
    }

    /// The time of so many looks. What the first and the last of them gave must be as `expected`.
    async fn time(&self, engine: &DbEngine, times: u64, expected: fn(&Arc<Dict>, &Arc<Dict>) -> bool) -> Duration {
        let before = self.load(engine).await;
        let began = Instant::now();
        for _ in 0..times {
            black_box(self.load(black_box(engine)).await);
        }
        let time = began.elapsed();
        assert!(expected(&before, &self.load(engine).await));
        time
    }

    async fn load(&self, engine: &DbEngine) -> Arc<Dict> {
        match engine.load(&self.key, self.now).await.unwrap() {
            Loaded::Live(record) => record.data,
            other => panic!("the session is there: {other:?}"),
        }
    }
}

fn signed_in(visits: i64) -> Arc<Dict> {
    let mut data = Dict::new();
    data.insert("_auth_user_id", "1");
    data.insert("_auth_user_backend", "django.contrib.auth.backends.ModelBackend");
    data.insert("_auth_user_hash", "0123456789abcdef".repeat(4));
    data.insert("visits", visits);
    Arc::new(data)
}
