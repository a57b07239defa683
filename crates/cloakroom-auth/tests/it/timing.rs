//! What can be told by time, in processor time of the thread that does the work (A03, A12, A13, A43, E01, E02).

use std::future::{Future, pending};
use std::pin::Pin;
use std::sync::Arc;

use cloakroom_auth::events::Activity;
use cloakroom_auth::lane::LaneKey;
use cloakroom_auth::mail::{Mail, MailError, Mailer, Site as Origin};
use cloakroom_auth::{Authenticated, Credentials, NewAccount, ThrottleLimits};
use cloakroom_core::hashers::{Algorithm, DjangoVersion, Hasher, HasherSet};
use cloakroom_core::models::EncodedHash;
use cloakroom_core::random::OsRandom;
use cloakroom_db::users;
use cpu_time::ThreadTime;

use crate::site::{Site, pbkdf2, secret};
use crate::statistics::difference;

const SAMPLES: usize = 200;

/// A machine that does other things too can make like things look different, but not every time.
const ATTEMPTS: usize = 5;

/// Dear enough that what is around a hash does not count: in earnest it is a hundred times as much.
const ITERATIONS: u32 = 15_000;

/// The hashers of the site: PBKDF2, and those that it may find in an old table.
fn hashers() -> HasherSet {
    let old = |algorithm| Hasher::new(algorithm, DjangoVersion::V6_1);
    HasherSet::new(vec![pbkdf2(ITERATIONS), old(Algorithm::Md5)]).unwrap()
}

/// A site with an account of each kind whose log-in is refused, and the passwords that are tried.
async fn site_of_refusals() -> (Site, Vec<(&'static str, &'static str)>) {
    let site = Site::with(|b| b.with_hashers(hashers()).with_throttle_limits(ThrottleLimits::none())).await;
    let mut inactive = site.user("inactive").await;
    let _ = site.auth.set_activity(&mut inactive, Activity::Inactive).await.unwrap();
    let mut unusable = site.user("unusable").await;
    let _ = site.auth.set_unusable_password(&mut unusable).await.unwrap();
    site.user("wrong").await;
    let encode = |hasher: Hasher, password: &str| HasherSet::new(vec![hasher]).unwrap().encode(password, &OsRandom);
    for (name, hash) in [
        ("weak", encode(pbkdf2(10), "weak-pass-9Z").unwrap()),
        ("half", encode(pbkdf2(ITERATIONS / 2), "half-pass-9Z").unwrap()),
        ("md5", encode(Hasher::new(Algorithm::Md5, DjangoVersion::V6_1), "md5-pass-9Z").unwrap()),
        ("short-salt", EncodedHash::new(format!("pbkdf2_sha256${ITERATIONS}$salt$AAAA"))),
        ("removed", EncodedHash::new("crypt$$ab1c")),
        ("damaged", EncodedHash::new("pbkdf2_sha256$x")),
        ("hostile", EncodedHash::new("pbkdf2_sha256$1000000000$0123456789abcdefghijkl$AAAA")),
        ("empty", EncodedHash::new("")),
    ] {
        let user = site.user(name).await;
        let _ = users::set_password(&site.db, &user.id, &hash).await.unwrap();
    }
    let mut kinds: Vec<_> = ["wrong", "unknown", "unusable", "weak", "half", "md5", "short-salt", "removed", "damaged"]
        .map(|name| (name, "not-the-password"))
        .into();
    kinds.extend([("hostile", "not-the-password"), ("empty", "not-the-password"), ("inactive", "inactive-pass-9Z")]);
    (site, kinds)
}

/// Microseconds that the one hashing thread spends on a refused log-in.
async fn refusal(site: &Site, username: &str, password: &str) -> f64 {
    let before = hashing_thread(site).await;
    let credentials = Credentials::password(username, secret(password));
    assert!(matches!(site.auth.authenticate(&credentials).await.unwrap(), Authenticated::No(_)), "{username}");
    hashing_thread(site).await - before
}

async fn hashing_thread(site: &Site) -> f64 {
    let read = || ThreadTime::now().as_duration().as_secs_f64() * 1e6;
    site.auth.lane().run(LaneKey::Own, 0, read).await.unwrap()
}

/// A13, A12, A43, E01: whoever measures refusals learns nothing of the account.
#[tokio::test]
async fn refusals_take_the_same_time() {
    let (site, kinds) = site_of_refusals().await;
    let mut told = Vec::new();
    for _ in 0..ATTEMPTS {
        let mut times = vec![Vec::with_capacity(SAMPLES); kinds.len()];
        // In turn, so that whatever else the machine does meets all of them.
        for _ in 0..SAMPLES {
            for (times, (username, password)) in times.iter_mut().zip(&kinds) {
                times.push(refusal(&site, username, password).await);
            }
        }
        assert!(times[0].iter().sum::<f64>() > 0.0);
        let differ = |(times_, (name, _)): (&Vec<f64>, &(&str, &str))| {
            difference(times_, &times[0]).map(|why| format!("{name}: {why}"))
        };
        told = times.iter().zip(&kinds).skip(1).filter_map(differ).collect();
        if told.is_empty() {
            return;
        }
    }
    panic!("{told:#?}");
}

/// The measurement would show it if a cheap hash were not made up for.
#[tokio::test]
async fn the_measurement_tells_a_cheap_hash() {
    let set = hashers();
    let weak = HasherSet::new(vec![pbkdf2(ITERATIONS * 3 / 4)]).unwrap().encode("weak-pass-9Z", &OsRandom).unwrap();
    let proper = set.encode("proper-pass-9Z", &OsRandom).unwrap();
    let time = |hash: &EncodedHash| {
        let start = ThreadTime::now();
        assert!(!set.verify_unevenly("wrong", hash).is_match());
        start.elapsed().as_secs_f64() * 1e6
    };
    let (mut weak_times, mut proper_times) = (Vec::new(), Vec::new());
    for _ in 0..SAMPLES {
        weak_times.push(time(&weak));
        proper_times.push(time(&proper));
    }
    assert!(difference(&weak_times, &proper_times).is_some());
}

/// Sends nothing, ever.
#[derive(Debug)]
struct Stuck;

impl Mailer for Stuck {
    fn send<'a>(&'a self, _: &'a Mail) -> Pin<Box<dyn Future<Output = Result<(), MailError>> + Send + 'a>> {
        Box::pin(pending())
    }
}

/// Refuses everything.
#[derive(Debug)]
struct Down;

impl Mailer for Down {
    fn send<'a>(&'a self, _: &'a Mail) -> Pin<Box<dyn Future<Output = Result<(), MailError>> + Send + 'a>> {
        Box::pin(async { Err(MailError("connection refused".into())) })
    }
}

/// E02: asking for a reset link takes the request the same time whether the address is known, unknown, or the mail
/// server is down or never answers: it waits for none of it.
#[tokio::test]
async fn asking_for_a_link_takes_the_same_time() {
    let site = Site::new().await;
    let account = NewAccount::new("alice").with_email("alice@example.com").with_password("alice-pass-9Z".to_owned());
    let _ = site.auth.create_user(account).await.unwrap();
    let origin = Origin { name: "Example".into(), origin: "https://example.com".into() };
    let (stuck, down): (Arc<dyn Mailer>, Arc<dyn Mailer>) = (Arc::new(Stuck), Arc::new(Down));
    let kinds = [("alice@example.com", &down), ("nobody@example.com", &down), ("alice@example.com", &stuck)];
    let mut told = Vec::new();
    for _ in 0..ATTEMPTS {
        let mut times = [const { Vec::new() }; 3];
        for _ in 0..SAMPLES {
            for (times, (email, mailer)) in times.iter_mut().zip(kinds) {
                let (email, origin, mailer) = (email.to_owned(), origin.clone(), Arc::clone(mailer));
                let start = ThreadTime::now();
                let task = site.auth.send_reset_links(email, origin, mailer);
                times.push(start.elapsed().as_secs_f64() * 1e6);
                assert!(!task.is_finished(), "nothing of it is done before the answer");
                task.abort();
            }
        }
        told = times[1..].iter().filter_map(|times_| difference(times_, &times[0])).collect();
        if told.is_empty() {
            return;
        }
    }
    panic!("{told:#?}");
}
