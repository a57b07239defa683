//! A master that dies under load, in a cluster and under sentinels: what was acknowledged is there (M26).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use cloakroom_core::keys::SessionKey;
use cloakroom_sessions::{SessionConfig, SessionError, Sessions};
use cloakroom_testservers::{RedisCluster, RedisSentinels};

use crate::world::{Kind, World};
use crate::{cache, count, open, sign_in};

const CLIENTS: usize = 8;

/// One visitor's session and what its requests were told.
struct Visitor {
    key: SessionKey,
    counted: i64,
    perhaps: i64,
}

/// What one client did.
#[derive(Default)]
struct Ledger {
    visitors: Vec<Visitor>,
    ended: Vec<SessionKey>,
    unavailable: u32,
    last_success: Option<Instant>,
}

/// Visitors who sign in, count, look and sign out until told to stop.
async fn client(sessions: Sessions, stop: Arc<AtomicBool>) -> Ledger {
    let mut ledger = Ledger::default();
    let mut turn = 0_usize;
    while !stop.load(Ordering::Relaxed) {
        turn += 1;
        let done = if turn % 5 == 1 || ledger.visitors.is_empty() {
            sign_in(&sessions, "1").await.map(|key| ledger.visitors.push(Visitor { key, counted: 0, perhaps: 0 }))
        } else if turn.is_multiple_of(23) {
            let visitor = ledger.visitors.pop().unwrap();
            // One whose end was not acknowledged may be there or not.
            sessions.open(Some(visitor.key.expose())).flush().await.map(|()| ledger.ended.push(visitor.key))
        } else {
            let at = turn * 7 % ledger.visitors.len();
            let visitor = &mut ledger.visitors[at];
            match sessions.open(Some(visitor.key.expose())).load().await {
                Ok(session) => {
                    let user = session.get::<String>("_auth_user_id").unwrap();
                    assert_eq!(user.as_deref(), Some("1"), "signed out: {:?}", session.reason());
                    let counted = count(&session).await;
                    match &counted {
                        Ok(_) => visitor.counted += 1,
                        Err(_) => visitor.perhaps += 1,
                    }
                    counted.map(drop)
                }
                Err(e) => Err(e),
            }
        };
        match done {
            Ok(()) => ledger.last_success = Some(Instant::now()),
            Err(SessionError::Engine(e)) if e.is_unavailable() => ledger.unavailable += 1,
            Err(e) => panic!("neither done nor 503: {e:?}"),
        }
    }
    ledger
}

async fn under_load(url: &str, disaster: impl FnOnce()) {
    let world = World::new().await.on(cache(&format!("{url}?socket_timeout=1.5")));
    let sessions = world.sessions(Kind::Cache, SessionConfig::default());
    let stop = Arc::new(AtomicBool::new(false));
    let clients: Vec<_> = (0..CLIENTS).map(|_| tokio::spawn(client(sessions.clone(), Arc::clone(&stop)))).collect();
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    disaster();
    let disaster_at = Instant::now();
    tokio::time::sleep(Duration::from_secs(9)).await;
    stop.store(true, Ordering::Relaxed);
    let mut ledgers = Vec::new();
    for client in clients {
        ledgers.push(client.await.unwrap());
    }

    let late = ledgers.iter().filter(|l| l.last_success.is_some_and(|at| at > disaster_at + Duration::from_secs(6)));
    assert_eq!(late.count(), CLIENTS, "everybody is served again");
    let (mut visitors, mut ended, mut counted) = (0, 0, 0);
    for ledger in ledgers {
        for visitor in ledger.visitors {
            let session = open(&sessions, &visitor.key).await;
            assert_eq!(session.get::<String>("_auth_user_id").unwrap().as_deref(), Some("1"), "an acknowledged log-in");
            let hits = session.get::<i64>("hits").unwrap().unwrap_or(0);
            let possible = visitor.counted..=visitor.counted + visitor.perhaps;
            assert!(possible.contains(&hits), "{hits} hits, acknowledged {possible:?}");
            visitors += 1;
            counted += visitor.counted;
        }
        for key in ledger.ended {
            assert!(open(&sessions, &key).await.items().is_empty(), "an acknowledged log-out");
            ended += 1;
        }
    }
    assert!(visitors > 50 && ended > 5 && counted > 200, "{visitors} signed in, {ended} ended, {counted} counted");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_loses_a_master_and_nobody_notices() {
    let mut cluster = RedisCluster::start();
    let url = cluster.url();
    under_load(&url, || cluster.kill(0)).await;

    // It comes back as a replica, empty, and takes nothing away; then whoever took over dies.
    cluster.start_again(0);
    cluster.wait_until_whole();
    under_load(&url, || cluster.kill(3)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sentinels_lose_their_master_and_nobody_notices() {
    let mut sentinels = RedisSentinels::start();
    let url = sentinels.url();
    under_load(&url, || sentinels.kill(0)).await;
}
