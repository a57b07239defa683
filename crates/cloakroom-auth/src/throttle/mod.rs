//! The throttle: how often a password may be guessed, and how often the costly doors may be used (E04–E09, E11).
//!
//! Failed tries are counted three times: by account and network together, by account, and by network. Each has some
//! failures free; after those a try must wait, longer with each failure, and the wait ends. Nobody is locked out: a network
//! from which an account was opened lately is not held to that account's own count but to the two others, so that guesses
//! from elsewhere do not keep the owner out; and a reset by mail starts the account anew.
//!
//! - A try is counted before the password is looked at and taken back if it was right: of many at once no more pass than
//!   may (E08).
//! - Names are folded, known and unknown ones count alike (E04), addresses are canonical and IPv6 counts by its /64 (E06).
//! - A success clears the account's count, never the network's (E05).
//! - Counts live in the site's cache. With Redis all processes share them, with `memory://` each counts by itself; while
//!   the store is down each counts by itself too, and log-in stays possible (E09).

mod counters;
mod schedule;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use cloakroom_cache::Cache;
use cloakroom_core::clock::Timestamp;
use cloakroom_core::crypto::{Algorithm, hex, salted_hmac};
use cloakroom_core::names::normalize_username;
use cloakroom_core::pytext::casefold;
use cloakroom_core::secret::SecretKeys;

use self::counters::{Change, Counters};
use self::schedule::{Count, Decay, Schedule};

/// How much is free before the throttle says "later". Zero switches a limit off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ThrottleLimits {
    /// Failures in a row at one account from one network. Then 30 s, doubling to an hour. Default: 10.
    pub failures: u32,
    /// Failures in a row at one account from anywhere. Then a minute, doubling to a day, for networks from which the account
    /// was not opened within 30 days; never more than 100 in a row (E04). Default: 20.
    pub account_failures: u32,
    /// Failures from one network, of which one is forgotten each minute. Then 10 s, doubling to an hour. Default: 100.
    pub network_failures: u32,
    /// Reset links for one mail address in an hour. Default: 5.
    pub resets: u32,
    /// Reset links asked for from one network in an hour. Default: 50.
    pub network_resets: u32,
    /// Accounts made from one network in an hour. Default: 50.
    pub network_signups: u32,
}

impl Default for ThrottleLimits {
    fn default() -> Self {
        Self {
            failures: 10,
            account_failures: 20,
            network_failures: 100,
            resets: 5,
            network_resets: 50,
            network_signups: 50,
        }
    }
}

impl ThrottleLimits {
    /// No limit at all: for tests and for comparisons with Django, which has none.
    #[must_use]
    pub const fn none() -> Self {
        Self { failures: 0, account_failures: 0, network_failures: 0, resets: 0, network_resets: 0, network_signups: 0 }
    }
}

/// Too often: 429 with `Retry-After`. It says nothing of whether there is such an account.
#[must_use = "who is throttled must be told so"]
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many tries; the next is possible in {} s", self.retry_after_secs())]
pub struct Throttled {
    wait: Duration,
}

impl Throttled {
    /// When the next try is possible.
    #[must_use]
    pub const fn retry_after(self) -> Duration {
        self.wait
    }

    /// The same in whole seconds, at least one: for the header `Retry-After`.
    #[must_use]
    pub fn retry_after_secs(self) -> u64 {
        self.wait.as_secs().saturating_add(u64::from(self.wait.subsec_nanos() > 0)).max(1)
    }
}

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(86_400);

/// The most tries in a row at one account, from anywhere (E04, NIST SP 800-63B-4 3.2.2).
const MOST_IN_A_ROW: u32 = 100;

/// Of these, so many are kept for networks from which the account was opened.
const KEPT_FOR_KNOWN: u32 = 30;

/// How long a network is known to an account after it was opened from there.
const KNOWN_FOR: Duration = Duration::from_secs(30 * 86_400);

/// Names longer than this, in bytes, are counted as they are: no account has them (A20).
const MAX_FOLDED_BYTES: usize = 1_024;

/// The throttle of one service.
#[derive(Clone, Debug)]
pub(crate) struct Throttle {
    limits: ThrottleLimits,
    counters: Arc<Counters>,
}

/// A try that is counted as failed until it is known how it went.
#[must_use = "a charge that is dropped counts as a failure"]
#[derive(Debug)]
pub(crate) struct Charge {
    pair: Option<String>,
    account: Option<String>,
    network: Option<String>,
    known: Option<String>,
}

impl Throttle {
    pub(crate) fn new(limits: ThrottleLimits, shared: Option<Arc<Cache>>) -> Self {
        Self { limits, counters: Arc::new(Counters::new(shared)) }
    }

    /// Counts a try at an account's password, if it may be made.
    pub(crate) async fn charge(
        &self,
        keys: &SecretKeys,
        account: &str,
        address: Option<IpAddr>,
        now: Timestamp,
    ) -> Result<Charge, Throttled> {
        let names = Names { keys };
        let (account, network) = (fold(account), address.map(network_of));
        let both = format!("{}\0{account}", network.as_deref().unwrap_or_default());
        let mut charge = Charge { pair: None, account: None, network: None, known: None };
        if network.is_some() {
            charge.known = Some(names.key("known", &both));
        }
        if self.limits.failures > 0 {
            let key = names.key("pair", &both);
            self.take(&self.pair_schedule(), &key, now).await?;
            charge.pair = Some(key);
        }
        if self.limits.account_failures > 0 {
            let key = names.key("account", &account);
            if let Err(throttled) = self.take_account(&key, charge.known.as_deref(), now).await {
                self.refund(charge, now).await;
                return Err(throttled);
            }
            charge.account = Some(key);
        }
        if let Some(network) = network.filter(|_| self.limits.network_failures > 0) {
            let key = names.key("network", &network);
            if let Err(throttled) = self.take(&self.network_schedule(), &key, now).await {
                self.refund(charge, now).await;
                return Err(throttled);
            }
            charge.network = Some(key);
        }
        Ok(charge)
    }

    /// The try was a success: the account's counts end, this network is known to it, and the network's count is what it was
    /// before (E05).
    pub(crate) async fn succeeded(&self, charge: Charge, now: Timestamp) {
        for key in [&charge.pair, &charge.account].into_iter().flatten() {
            self.counters.forget(key).await;
        }
        if let (Some(known), Some(_)) = (&charge.known, &charge.account) {
            self.counters.mark(known, KNOWN_FOR, now).await;
        }
        if let Some(key) = &charge.network {
            self.give_back(&self.network_schedule(), key, now).await;
        }
    }

    /// The try was none: nobody knows whether the password is right.
    pub(crate) async fn refund(&self, charge: Charge, now: Timestamp) {
        let all = [
            (self.pair_schedule(), charge.pair),
            (self.account_schedule(), charge.account),
            (self.network_schedule(), charge.network),
        ];
        for (schedule, key) in all {
            if let Some(key) = key {
                self.give_back(&schedule, &key, now).await;
            }
        }
    }

    /// Starts an account anew: its owner proved to be one by other means than the password (E08).
    pub(crate) async fn forgive(&self, keys: &SecretKeys, account: &str) {
        self.counters.forget(&Names { keys }.key("account", &fold(account))).await;
    }

    /// Counts a request for a reset link, if one may be made.
    pub(crate) async fn reset(
        &self,
        keys: &SecretKeys,
        email: &str,
        address: Option<IpAddr>,
        now: Timestamp,
    ) -> Result<(), Throttled> {
        let names = Names { keys };
        if let Some(network) = address.map(network_of) {
            self.quota(self.limits.network_resets, &names.key("network-reset", &network), now).await?;
        }
        self.quota(self.limits.resets, &names.key("reset", &fold(email)), now).await
    }

    /// Counts an account that is to be made, if one may be.
    pub(crate) async fn sign_up(
        &self,
        keys: &SecretKeys,
        address: Option<IpAddr>,
        now: Timestamp,
    ) -> Result<(), Throttled> {
        let Some(network) = address.map(network_of) else { return Ok(()) };
        self.quota(self.limits.network_signups, &Names { keys }.key("network-signup", &network), now).await
    }

    async fn quota(&self, limit: u32, key: &str, now: Timestamp) -> Result<(), Throttled> {
        if limit == 0 { Ok(()) } else { self.take(&Schedule::per_hour(limit), key, now).await }
    }

    async fn take(&self, schedule: &Schedule, key: &str, now: Timestamp) -> Result<(), Throttled> {
        let change = |count| match schedule.charge(count, now) {
            Ok(charged) => Change::To(charged, schedule.lifetime(charged)),
            Err(wait) => Change::Stop(Throttled { wait }),
        };
        self.counters.change(key, now, change).await.map(drop)
    }

    /// A known network waits for no failures of others, but counts among all.
    async fn take_account(&self, key: &str, known: Option<&str>, now: Timestamp) -> Result<(), Throttled> {
        let schedule = self.account_schedule();
        let is_known = match known {
            Some(known) => self.counters.is_marked(known, now).await,
            None => false,
        };
        if !is_known {
            return self.take(&schedule.with_stop(MOST_IN_A_ROW - KEPT_FOR_KNOWN), key, now).await;
        }
        let change = |count| match schedule.count(count, MOST_IN_A_ROW, now) {
            Ok(counted) => Change::To(counted, schedule.lifetime(counted)),
            Err(wait) => Change::Stop(Throttled { wait }),
        };
        self.counters.change(key, now, change).await.map(drop)
    }

    async fn give_back(&self, schedule: &Schedule, key: &str, now: Timestamp) {
        let change = |count: Count| match count.failures {
            0 => Change::Stop(()),
            _ => {
                let count = schedule.refund(count, now);
                Change::To(count, schedule.lifetime(count))
            }
        };
        // Nothing to give back: the count was cleared meanwhile.
        let _ = self.counters.change(key, now, change).await;
    }

    const fn pair_schedule(&self) -> Schedule {
        Schedule {
            free: self.limits.failures,
            first_delay: Duration::from_secs(30),
            longest_delay: HOUR,
            decay: Decay::After(DAY),
            stop: None,
        }
    }

    const fn account_schedule(&self) -> Schedule {
        Schedule {
            free: self.limits.account_failures,
            first_delay: MINUTE,
            longest_delay: DAY,
            decay: Decay::After(KNOWN_FOR),
            stop: None,
        }
    }

    const fn network_schedule(&self) -> Schedule {
        Schedule {
            free: self.limits.network_failures,
            first_delay: SECOND.saturating_mul(10),
            longest_delay: HOUR,
            decay: Decay::Leak(MINUTE),
            stop: None,
        }
    }
}

/// Keys in the store. They name nobody: whoever reads the store learns no names and no addresses.
struct Names<'a> {
    keys: &'a SecretKeys,
}

impl Names<'_> {
    fn key(&self, kind: &str, what: &str) -> String {
        let secret = self.keys.current().expose();
        let mac = salted_hmac(b"cloakroom.throttle", what.as_bytes(), secret, Algorithm::Sha256);
        format!("cloakroom.throttle.{kind}.{}", hex(&mac[..16]))
    }
}

/// One form for all ways to write a name (E04).
fn fold(name: &str) -> String {
    if name.len() > MAX_FOLDED_BYTES { name.to_owned() } else { casefold(&normalize_username(name.trim())) }
}

/// What an address is counted by: itself, or of IPv6 the /64, which one client has to itself (E06).
fn network_of(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(v4) => v4.to_string(),
        IpAddr::V6(v6) => format!("{:x}", u128::from(v6) >> 64),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// E04.
    #[test]
    fn a_name_has_one_form() {
        assert_eq!(fold("John"), fold(" JOHN "));
        assert_eq!(fold("ﬀoo"), fold("FFOO"));
        assert_ne!(fold("john"), fold("johm"));
        let huge = "A".repeat(1 << 20);
        assert_eq!(fold(&huge).len(), huge.len());
    }

    /// E06.
    #[test]
    fn addresses_are_canonical() {
        let network = |text: &str| network_of(text.parse().unwrap());
        assert_eq!(network("192.0.2.7"), network("::ffff:192.0.2.7"));
        assert_ne!(network("192.0.2.7"), network("192.0.2.8"));
        assert_eq!(network("2001:db8:1:2::1"), network("2001:0DB8:0001:0002:ffff::abcd"));
        assert_ne!(network("2001:db8:1:2::1"), network("2001:db8:1:3::1"));
        // Not the same as an IPv4 address of the same digits.
        assert_ne!(network("::1"), network("0.0.0.1"));
    }

    #[test]
    fn waits_are_whole_seconds_and_never_none() {
        let secs = |micros| Throttled { wait: Duration::from_micros(micros) }.retry_after_secs();
        assert_eq!((secs(0), secs(1), secs(1_000_000), secs(1_000_001)), (1, 1, 1, 2));
    }
}
