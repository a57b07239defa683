//! One user's list among many sessions (M09): `cargo bench -p cloakroom-sessions --bench index [SESSIONS]`.
//!
//! Fills a SQLite file with sessions (a million if nothing is said), ten a user, and times the list of one user's and the
//! backfill of all. Exits with 1 where the median is 5 ms or more.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a program for developers")]

use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use cloakroom_core::clock::SystemClock;
use cloakroom_core::keys::UserId;
use cloakroom_core::random::OsRandom;
use cloakroom_core::secret::{SecretKey, SecretKeys};
use cloakroom_db::{Database, DatabaseUrl, Options, migrations};
use cloakroom_sessions::{AnyEngine, DbEngine, SessionConfig, SessionIndex, Sessions, TextCodec};

const BUDGET: Duration = Duration::from_millis(5);

#[tokio::main]
async fn main() -> ExitCode {
    let count: u64 = std::env::args().skip(1).find_map(|arg| arg.parse().ok()).unwrap_or(1_000_000);
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}/db.sqlite3", folder.path().display());
    let db = Database::open(&DatabaseUrl::parse(&url).unwrap(), Options::default()).await.unwrap();
    let keys = SecretKeys::new(SecretKey::new("a secret key for benchmarks").unwrap(), Vec::new());
    let engine = AnyEngine::Db(DbEngine::new(db.clone(), TextCodec::new(&keys), 1_209_600));
    let sessions = Sessions::new(engine, SessionConfig::default(), Arc::new(SystemClock), Arc::new(OsRandom));
    migrations::migrate(&db, sessions.now(), &mut |_| {}).await.unwrap();

    let began = Instant::now();
    let mut made = 0;
    while made < count {
        let mut tasks = tokio::task::JoinSet::new();
        for n in made..count.min(made + 200) {
            let sessions = sessions.clone();
            tasks.spawn(async move {
                let session = sessions.open(None).load().await.unwrap();
                session.set("_auth_user_id", &(n / 10).to_string()).unwrap();
                session.set("_auth_user_hash", &"0".repeat(64)).unwrap();
                session.save().await.unwrap();
            });
        }
        made += tasks.join_all().await.len() as u64;
    }
    println!("{count} sessions stored in {:.1?}", began.elapsed());

    let sessions = sessions.with_index(SessionIndex::new(db, &keys));
    let began = Instant::now();
    let done = sessions.backfill(&mut |_| {}).await.unwrap();
    println!("{} of them indexed in {:.1?}", done.signed_in, began.elapsed());

    let users = (count / 10).max(1);
    let mut times = Vec::new();
    for n in 0..200 {
        let user = UserId::from(i64::try_from(n * 7_919 % users).unwrap());
        let began = Instant::now();
        let found = sessions.for_user(&user).await.unwrap();
        times.push(began.elapsed());
        assert_eq!(found.len(), 10.min(count as usize));
    }
    times.sort();
    let (median, slow) = (times[100], times[197]);
    println!("one user's list: median {median:.2?}, 99 of 100 within {slow:.2?}; budget {BUDGET:?}");
    if median < BUDGET { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
