//! The throttle over the service (E04–E09, E11, A21).

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use cloakroom_auth::{Authenticated, Confirmed, Credentials, PasswordChanged, ResetOutcome, ThrottleLimits, Throttled};
use cloakroom_cache::Cache;

use crate::site::{Site, secret};

/// Some network, by number.
fn network(n: u32) -> IpAddr {
    IpAddr::from([10, (n >> 16) as u8, (n >> 8) as u8, n as u8])
}

async fn try_password(site: &Site, name: &str, password: &str, from: Option<IpAddr>) -> Authenticated {
    let credentials = Credentials::password(name, secret(password)).with_address(from);
    site.auth.authenticate(&credentials).await.unwrap()
}

async fn guess(site: &Site, name: &str, from: Option<IpAddr>) -> Result<(), Throttled> {
    match try_password(site, name, "wrong", from).await {
        Authenticated::No(_) => Ok(()),
        Authenticated::Throttled(throttled) => Err(throttled),
        Authenticated::Yes(_) => panic!("{name} has another password"),
    }
}

/// How many guesses pass before one is throttled, and how long that one must wait.
async fn guesses(site: &Site, name: &str, from: Option<IpAddr>) -> (u32, u64) {
    for n in 0..1_000 {
        if let Err(throttled) = guess(site, name, from).await {
            return (n, throttled.retry_after_secs());
        }
    }
    panic!("nothing stops the guesses");
}

/// E04, E01, E08: names that differ in case share a count, unknown names count alike, waits grow and end.
#[tokio::test]
async fn failures_delay_the_next_try() {
    let site = Site::new().await;
    site.user("alice").await;
    let here = Some(network(1));
    assert_eq!(guesses(&site, "alice", here).await, (10, 30));
    assert_eq!(guesses(&site, "ALICE", here).await, (0, 30));
    assert_eq!(guesses(&site, "nobody", here).await, (10, 30));
    // The right password is not looked at either, or it would be told from wrong ones.
    assert!(matches!(try_password(&site, "alice", "alice-pass-9Z", here).await, Authenticated::Throttled(_)));
    // What is refused unseen does not count: the wait is not made longer by asking.
    site.clock.advance(Duration::from_secs(29));
    assert_eq!(guesses(&site, "alice", here).await, (0, 1));
    site.clock.advance(Duration::from_secs(1));
    assert_eq!(guesses(&site, "alice", here).await, (1, 60));
    site.clock.advance(Duration::from_secs(60));
    assert!(matches!(try_password(&site, "alice", "alice-pass-9Z", here).await, Authenticated::Yes(_)));
    // "In a row" starts anew after a success.
    assert_eq!(guesses(&site, "alice", here).await, (10, 30));
}

/// E08: counting is atomic, in whatever order the tries read the clock.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_200_parallel_guesses_exactly_the_limit_is_checked() {
    let site = Arc::new(Site::new().await);
    let tries: Vec<_> = (0..200)
        .map(|_| {
            let site = Arc::clone(&site);
            tokio::spawn(async move {
                site.clock.advance(Duration::from_micros(1));
                guess(&site, "alice", Some(network(1))).await.is_ok()
            })
        })
        .collect();
    let mut checked = 0;
    for one in tries {
        checked += usize::from(one.await.unwrap());
    }
    assert_eq!(checked, 10);
}

/// E08: whoever knows the password is not kept waiting by their own other tabs.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn parallel_log_ins_do_not_throttle_one_another() {
    let site = Arc::new(Site::new().await);
    site.user("alice").await;
    let visitors: Vec<_> = (0..8)
        .map(|_| {
            let site = Arc::clone(&site);
            tokio::spawn(async move {
                for _ in 0..50 {
                    site.clock.advance(Duration::from_micros(1));
                    let answer = try_password(&site, "alice", "alice-pass-9Z", Some(network(1))).await;
                    assert!(matches!(answer, Authenticated::Yes(_)), "{answer:?}");
                }
            })
        })
        .collect();
    for visitor in visitors {
        visitor.await.unwrap();
    }
}

/// E04: guesses at one account from ever new networks.
#[tokio::test]
async fn one_account_is_guessed_at_most_100_times_in_a_row() {
    let site = Site::new().await;
    site.user("alice").await;
    let (mut tries, mut next) = (0, 0);
    let mut passed_at_once = None;
    // A try whenever one is let in, for four months.
    let mut left = Duration::from_secs(120 * 86_400);
    while tries <= 101 {
        next += 1;
        match guess(&site, "alice", Some(network(next))).await {
            Ok(()) => tries += 1,
            Err(throttled) => {
                passed_at_once.get_or_insert(tries);
                let Some(rest) = left.checked_sub(throttled.retry_after()) else { break };
                if throttled.retry_after() > Duration::from_secs(86_400) {
                    break;
                }
                left = rest;
                site.clock.advance(throttled.retry_after());
            }
        }
    }
    assert_eq!((passed_at_once, tries), (Some(20), 70));
}

/// Guesses from elsewhere do not keep out the owner, whose network is known.
#[tokio::test]
async fn a_known_network_does_not_wait_for_strangers() {
    let site = Site::new().await;
    site.user("alice").await;
    let home = Some(network(1));
    assert!(matches!(try_password(&site, "alice", "alice-pass-9Z", home).await, Authenticated::Yes(_)));
    for n in 2..30 {
        let _ = guess(&site, "alice", Some(network(n))).await;
    }
    assert!(guess(&site, "alice", Some(network(100))).await.is_err());
    assert!(matches!(try_password(&site, "alice", "wrong", home).await, Authenticated::No(_)));
    assert!(matches!(try_password(&site, "alice", "alice-pass-9Z", home).await, Authenticated::Yes(_)));
}

/// E04 for those who guess from a known network.
#[tokio::test]
async fn a_known_network_has_no_more_than_100_in_a_row_either() {
    let site = Site::new().await;
    site.user("alice").await;
    let home = Some(network(1));
    assert!(matches!(try_password(&site, "alice", "alice-pass-9Z", home).await, Authenticated::Yes(_)));
    let mut tries = 0;
    while tries <= 101 {
        match guess(&site, "alice", home).await {
            Ok(()) => tries += 1,
            Err(throttled) if throttled.retry_after() > Duration::from_secs(86_400) => break,
            Err(throttled) => site.clock.advance(throttled.retry_after()),
        }
    }
    assert_eq!(tries, 100);
}

/// E05: one's own account does not buy guesses at others'. E06: an IPv6 client is its /64.
#[tokio::test]
async fn a_success_does_not_clear_the_networks_count() {
    let site = Site::new().await;
    site.user("mallory").await;
    let mut passed = 0;
    for n in 0..300_u32 {
        let from: IpAddr = format!("2001:db8:1:2::{:x}", n + 1).parse().unwrap();
        match try_password(&site, "mallory", "mallory-pass-9Z", Some(from)).await {
            Authenticated::Yes(_) => {}
            Authenticated::Throttled(_) => break,
            Authenticated::No(_) => panic!(),
        }
        passed += u32::from(guess(&site, &format!("user{n}"), Some(from)).await.is_ok());
    }
    assert_eq!(passed, 100);
    let beside: IpAddr = "2001:db8:1:3::1".parse().unwrap();
    assert!(guess(&site, "user0", Some(beside)).await.is_ok());
}

/// A crowd behind one address that signs in rightly is never slowed.
#[tokio::test]
async fn successes_are_free() {
    let site = Site::new().await;
    site.user("alice").await;
    for _ in 0..300 {
        assert!(matches!(try_password(&site, "alice", "alice-pass-9Z", Some(network(1))).await, Authenticated::Yes(_)));
    }
}

/// A21, A09: the old password is asked under the same count.
#[tokio::test]
async fn changing_a_password_is_no_way_round() {
    let site = Site::new().await;
    let mut alice = site.user("alice").await;
    let here = Some(network(1));
    let new = secret("a quite new password");
    for _ in 0..5 {
        let changed = site.auth.change_password(&mut alice, &secret("wrong"), &new, here).await.unwrap();
        assert_eq!(changed, PasswordChanged::WrongOld);
        assert_eq!(site.auth.confirm_password(&mut alice, &secret("wrong"), here).await.unwrap(), Confirmed::No);
    }
    let right = secret("alice-pass-9Z");
    assert!(matches!(
        site.auth.change_password(&mut alice, &right, &new, here).await.unwrap(),
        PasswordChanged::Throttled(_)
    ));
    assert!(matches!(site.auth.confirm_password(&mut alice, &right, here).await.unwrap(), Confirmed::Throttled(_)));
    assert_eq!(guesses(&site, "alice", here).await.0, 0);
    let events = site.take_events();
    let named = |name: &str| events.iter().filter(|e| e.name() == name).count();
    assert_eq!((named("password_not_confirmed"), named("login_failed")), (12, 1));
}

/// E08: a reset still works, and starts the account anew.
#[tokio::test]
async fn a_reset_ends_the_accounts_wait() {
    let site = Site::new().await;
    let alice = site.user("alice").await;
    for n in 0..40 {
        let _ = guess(&site, "alice", Some(network(n))).await;
    }
    let fresh = Some(network(1_000));
    assert!(guess(&site, "alice", fresh).await.is_err());
    let link = site.auth.make_reset_link(&alice).unwrap();
    let new = secret("a quite new password");
    let outcome = site.auth.reset_password(&link.uid, link.token.expose(), &new).await.unwrap();
    assert!(matches!(outcome, ResetOutcome::Yes(_)));
    assert!(matches!(try_password(&site, "alice", "a quite new password", fresh).await, Authenticated::Yes(_)));
}

/// E11: known and unknown addresses alike, by address and by network.
#[tokio::test]
async fn reset_links_and_new_accounts_have_a_quota() {
    let site = Site::new().await;
    site.user("alice").await;
    for mail in ["alice@example.com", "nobody@example.com"] {
        for n in 0..5 {
            site.auth.admit_reset(mail, Some(network(n))).await.unwrap();
        }
        let throttled = site.auth.admit_reset(&mail.to_uppercase(), Some(network(9))).await.unwrap_err();
        assert_eq!(throttled.retry_after_secs(), 720);
    }
    let here = Some(network(50));
    for n in 0..50 {
        site.auth.admit_reset(&format!("u{n}@example.com"), here).await.unwrap();
        site.auth.admit_sign_up(here).await.unwrap();
    }
    assert!(site.auth.admit_reset("one-more@example.com", here).await.is_err());
    assert!(site.auth.admit_sign_up(here).await.is_err());
    assert!(site.auth.admit_sign_up(Some(network(51))).await.is_ok());
}

/// E08: processes that share a store share their counts.
#[tokio::test]
async fn services_over_one_store_count_together() {
    let store = Arc::new(Cache::memory());
    let one = Site::with(|b| b.with_throttle_store(Arc::clone(&store))).await;
    let two = Site::with(|b| b.with_throttle_store(Arc::clone(&store))).await;
    for _ in 0..5 {
        guess(&one, "alice", Some(network(1))).await.unwrap();
        guess(&two, "alice", Some(network(1))).await.unwrap();
    }
    assert!(guess(&one, "alice", Some(network(1))).await.is_err());
    assert!(guess(&two, "alice", Some(network(1))).await.is_err());
}

/// A try whose outcome nobody knows is no failure; without an address the account alone counts.
#[tokio::test]
async fn a_store_that_fails_costs_no_try() {
    let site = Site::new().await;
    site.user("alice").await;
    for _ in 0..9 {
        guess(&site, "alice", None).await.unwrap();
    }
    site.db.close().await;
    for _ in 0..20 {
        let credentials = Credentials::password("alice", secret("alice-pass-9Z"));
        assert!(site.auth.authenticate(&credentials).await.is_err());
    }
}

#[tokio::test]
async fn without_limits_nothing_is_counted() {
    let site = Site::with(|b| b.with_throttle_limits(ThrottleLimits::none())).await;
    for _ in 0..200 {
        guess(&site, "nobody", Some(network(1))).await.unwrap();
        site.auth.admit_reset("a@example.com", Some(network(1))).await.unwrap();
    }
}
