//! [`Throttle`]: how often somebody may call (D20).

use std::fmt;
use std::sync::Arc;

use cloakroom_cache::{Added, Cache, CacheError, CacheValue, Replaced, Stamped, Timeout};
use cloakroom_core::clock::{Clock, Timestamp};
use cloakroom_core::pyint::PyInt;
use cloakroom_core::value::Value;

use super::BoxFuture;
use super::caller::Caller;
use super::error::ApiError;
use crate::guards::GuardRejection;

/// How often somebody may call: one of REST framework's `throttle_classes`.
pub trait Throttle: fmt::Debug + Send + Sync + 'static {
    /// Counts the request. `None` lets it pass.
    fn charge<'a>(
        &'a self,
        caller: &'a Caller,
        headers: &'a http::HeaderMap,
    ) -> BoxFuture<'a, Result<Option<Wait>, ApiError>>;
}

/// When a request that came too early may come again.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub enum Wait {
    /// Nobody knows.
    Unknown,
    /// After so many seconds.
    Secs(f64),
}

impl Wait {
    /// In whole seconds, rounded up.
    pub(super) fn whole_secs(self) -> Option<u64> {
        match self {
            Self::Unknown => None,
            // The cast saturates.
            Self::Secs(secs) => Some(secs.ceil() as u64),
        }
    }
}

/// So many requests in so long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    requests: i64,
    secs: u32,
}

/// A text is no rate.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no rate; write a number of requests, a slash, and s, m, h or d, such as \"100/day\"")]
pub struct RateError(String);

impl Rate {
    /// Reads a rate as REST framework does: a number, a slash, and a period of which the first letter counts: `s`, `m`, `h`
    /// or `d`.
    ///
    /// ```
    /// use cloakroom_web::api::Rate;
    ///
    /// assert_eq!(Rate::parse("3/min"), Rate::parse("3/m"));
    /// assert!(Rate::parse("3 per minute").is_err());
    /// ```
    ///
    /// # Errors
    ///
    /// The text is no rate.
    pub fn parse(text: &str) -> Result<Self, RateError> {
        let rate = || {
            let (requests, period) = text.split_once('/')?;
            if period.contains('/') {
                return None;
            }
            let secs = match period.chars().next()? {
                's' => 1,
                'm' => 60,
                'h' => 3_600,
                'd' => 86_400,
                _ => return None,
            };
            Some(Self { requests: PyInt::parse(requests, 10)?.to_i64()?, secs })
        };
        rate().ok_or_else(|| RateError(text.to_owned()))
    }
}

/// By what address callers are told apart who are not known by name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ident {
    /// The client's, by the word of the site's own proxies alone (E07). What clients write themselves counts for nothing.
    #[default]
    Client,
    /// The whole of `X-Forwarded-For`, and the connection's where there is none: REST framework without `NUM_PROXIES`.
    /// Whoever sends another header each time is never throttled.
    ForwardedFor,
    /// The address so many from the end of `X-Forwarded-For`: REST framework with `NUM_PROXIES`. Zero is the connection's.
    Proxies(usize),
}

/// A rate for each caller, counted in a cache by the moments of their last requests, as REST framework's `SimpleRateThrottle`
/// does it, under its keys: a Django that shares the cache shares the counts. Unlike there, of requests that come at once
/// each is counted.
///
/// ```
/// use std::sync::Arc;
/// use cloakroom_cache::Cache;
/// use cloakroom_web::api::{Api, Rate, RateThrottle};
///
/// let cache = Arc::new(Cache::memory());
/// let api = Api::new()
///     .with_throttle(RateThrottle::anon(Arc::clone(&cache), Rate::parse("100/day")?))
///     .with_throttle(RateThrottle::scoped(cache, "uploads", Rate::parse("5/min")?));
/// # let _ = api;
/// # Ok::<(), cloakroom_web::api::RateError>(())
/// ```
#[derive(Clone, Debug)]
pub struct RateThrottle {
    cache: Arc<Cache>,
    rate: Rate,
    scope: String,
    whom: Whom,
    ident: Ident,
    clock: Option<Arc<dyn Clock>>,
}

/// Whose requests are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Whom {
    Everybody,
    Anonymous,
}

impl RateThrottle {
    /// For those who are not known, by address: `AnonRateThrottle`, scope `anon`.
    #[must_use]
    pub fn anon(cache: Arc<Cache>, rate: Rate) -> Self {
        Self { whom: Whom::Anonymous, ..Self::scoped(cache, "anon", rate) }
    }

    /// For everybody, by user or by address: `UserRateThrottle`, scope `user`.
    #[must_use]
    pub fn user(cache: Arc<Cache>, rate: Rate) -> Self {
        Self::scoped(cache, "user", rate)
    }

    /// As [`user`](Self::user), counted apart from other scopes: `ScopedRateThrottle`.
    #[must_use]
    pub fn scoped(cache: Arc<Cache>, scope: impl Into<String>, rate: Rate) -> Self {
        Self { cache, rate, scope: scope.into(), whom: Whom::Everybody, ident: Ident::default(), clock: None }
    }

    /// Sets the scope: what is counted together.
    #[must_use]
    pub fn with_scope(mut self, scope: impl Into<String>) -> Self {
        self.scope = scope.into();
        self
    }

    /// Sets by what address callers are told apart.
    #[must_use]
    pub const fn with_ident(mut self, ident: Ident) -> Self {
        self.ident = ident;
        self
    }

    /// Sets another clock than the layer's.
    #[must_use]
    pub fn with_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = Some(clock);
        self
    }

    /// Whose requests these are; `None` where they are not counted.
    fn ident(&self, caller: &Caller, headers: &http::HeaderMap) -> Option<String> {
        match (caller.user(), self.whom) {
            (Some(_), Whom::Anonymous) => None,
            (Some(user), Whom::Everybody) => Some(user.id.to_string()),
            (None, _) => Some(self.address(caller, headers)),
        }
    }

    fn address(&self, caller: &Caller, headers: &http::HeaderMap) -> String {
        let text = |address: Option<std::net::IpAddr>| address.map_or_else(|| "None".to_owned(), |a| a.to_string());
        let connection = || text(caller.ctx().peer_address());
        let forwarded = crate::ctx::header_text(headers, "x-forwarded-for");
        match (self.ident, forwarded.as_deref()) {
            (Ident::Client, _) => text(caller.ctx().client_address()),
            (Ident::ForwardedFor, Some(forwarded)) if !forwarded.is_empty() => {
                forwarded.chars().filter(|c| !cloakroom_core::pytext::is_space(*c)).collect()
            }
            (Ident::ForwardedFor, _) | (Ident::Proxies(0), _) | (Ident::Proxies(_), None) => connection(),
            (Ident::Proxies(n), Some(forwarded)) => {
                let all: Vec<&str> = forwarded.split(',').collect();
                all[all.len() - n.min(all.len())].trim().to_owned()
            }
        }
    }

    /// Counts a request at `now`. Each change is one compare-and-swap, so that parallel ones are all counted (E08).
    async fn count(&self, key: &str, at: Timestamp) -> Result<Option<Wait>, CacheError> {
        let now = at.as_secs_f64();
        let secs = f64::from(self.rate.secs);
        let mut seen = self.cache.get_stamped(key, at).await?;
        loop {
            let mut history = history(seen.as_ref());
            while history.last().is_some_and(|oldest| *oldest <= now - secs) {
                history.pop();
            }
            let counted = i64::try_from(history.len()).unwrap_or(i64::MAX);
            if counted >= self.rate.requests {
                return Ok(Some(wait(&history, self.rate.requests - counted + 1, secs, now)));
            }
            history.insert(0, now);
            let value = CacheValue::Plain(Arc::new(Value::List(history.into_iter().map(Value::Float).collect())));
            seen = match &seen {
                None => match self.cache.add(key, value, Timeout::After(secs), at).await? {
                    Added::Yes(_) => return Ok(None),
                    Added::Taken => self.cache.get_stamped(key, at).await?,
                },
                Some(there) => match self.cache.replace_if(key, &there.stamp, value, Timeout::After(secs), at).await? {
                    Replaced::Yes(_) => return Ok(None),
                    Replaced::Differs(there) => Some(there),
                    Replaced::Gone => None,
                },
            };
        }
    }
}

impl Throttle for RateThrottle {
    fn charge<'a>(
        &'a self,
        caller: &'a Caller,
        headers: &'a http::HeaderMap,
    ) -> BoxFuture<'a, Result<Option<Wait>, ApiError>> {
        Box::pin(async move {
            let Some(ident) = self.ident(caller, headers) else { return Ok(None) };
            let now = self.clock.as_ref().map_or_else(|| caller.ctx().now(), |clock| clock.now());
            let key = format!("throttle_{}_{ident}", self.scope);
            self.count(&key, now).await.map_err(|error| {
                let error = &error as &(dyn std::error::Error + 'static);
                tracing::error!(target: "cloakroom.api", error, "the store of requests does not answer");
                ApiError::Machinery(GuardRejection::Unavailable(cloakroom_auth::AuthError::Db(
                    cloakroom_db::DbError::Unavailable { source: "the cache does not answer".into() },
                )))
            })
        })
    }
}

/// The moments of the last requests, the newest first. What is none is none.
fn history(seen: Option<&Stamped>) -> Vec<f64> {
    let Some(CacheValue::Plain(value)) = seen.map(|there| &there.value) else { return Vec::new() };
    let Value::List(items) = &**value else { return Vec::new() };
    let moment = |item: &Value| match item {
        Value::Float(secs) => Some(*secs),
        Value::Int(secs) => Some(*secs as f64),
        _ => None,
    };
    items.iter().filter_map(moment).collect()
}

/// What is left until the oldest request is forgotten, shared among those that are free then.
fn wait(history: &[f64], available: i64, secs: f64, now: f64) -> Wait {
    if available <= 0 {
        return Wait::Unknown;
    }
    let remaining = history.last().map_or(secs, |oldest| secs - (now - oldest));
    Wait::Secs(remaining / available as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// D20, each checked with REST framework 3.18.3.
    #[test]
    fn rates_are_read_as_python_reads_them() {
        let read = |text: &str| Rate::parse(text).ok().map(|rate| (rate.requests, rate.secs));
        for (text, expected) in [
            ("3/min", Some((3, 60))),
            ("2/s", Some((2, 1))),
            ("1/day", Some((1, 86_400))),
            (" 3 /m", Some((3, 60))),
            ("-1/m", Some((-1, 60))),
            ("3_0/hour", Some((30, 3_600))),
            ("\u{663}/m", Some((3, 60))),
            ("3/x", None),
            ("3/Min", None),
            ("3", None),
            ("a/m", None),
            ("3/", None),
            ("3/day/x", None),
            ("3.0/m", None),
            ("", None),
        ] {
            assert_eq!(read(text), expected, "{text}");
        }
    }

    /// D20: statuses and `Retry-After` of five requests, each checked with REST framework 3.18.3 whose clock stood still.
    #[tokio::test]
    async fn requests_wait_as_long_as_there() {
        const T0: Timestamp = Timestamp::from_micros(1_767_323_045_678_901);
        let cases: [(&str, f64, [Option<u64>; 5]); 10] = [
            ("3/min", 0.0, [None, None, None, Some(60), Some(60)]),
            ("3/min", 0.6, [None, None, None, Some(59), Some(58)]),
            ("3/min", 25.0, [None; 5]),
            ("2/s", 0.0, [None, None, Some(1), Some(1), Some(1)]),
            ("2/s", 0.6, [None; 5]),
            ("1/day", 0.0, [None, Some(86_400), Some(86_400), Some(86_400), Some(86_400)]),
            ("1/day", 0.6, [None, Some(86_400), Some(86_399), Some(86_399), Some(86_398)]),
            ("1/day", 25.0, [None, Some(86_375), Some(86_350), Some(86_325), Some(86_300)]),
            ("5/m", 0.0, [None; 5]),
            ("0/m", 0.6, [Some(60); 5]),
        ];
        for (rate, gap, expected) in cases {
            let throttle = RateThrottle::user(Arc::new(Cache::memory()), Rate::parse(rate).unwrap());
            let mut at = T0;
            for expected in expected {
                let waits = throttle.count("key", at).await.unwrap().map(|wait| wait.whole_secs().unwrap());
                assert_eq!(waits, expected, "{rate} every {gap} s");
                at = Timestamp::from_secs_f64(at.as_secs_f64() + gap);
            }
        }
        let closed = RateThrottle::user(Arc::new(Cache::memory()), Rate::parse("-1/m").unwrap());
        assert_eq!(closed.count("key", T0).await.unwrap(), Some(Wait::Unknown));
    }

    /// A Django that shares the cache reads what is written there: a list of floats, the newest first.
    #[tokio::test]
    async fn the_counts_are_djangos() {
        let cache = Arc::new(Cache::memory());
        let throttle = RateThrottle::user(Arc::clone(&cache), Rate::parse("9/m").unwrap());
        let at = Timestamp::from_micros(1_500_000);
        cache
            .set("key", CacheValue::Plain(Arc::new(Value::List(vec![Value::Int(1)]))), Timeout::Never, at)
            .await
            .unwrap();
        assert_eq!(throttle.count("key", at).await.unwrap(), None);
        let expected = CacheValue::Plain(Arc::new(Value::List(vec![Value::Float(1.5), Value::Float(1.0)])));
        assert_eq!(cache.get("key", at).await.unwrap(), Some(expected));
    }

    /// E08: of many at once no more pass than may.
    #[tokio::test(flavor = "multi_thread")]
    async fn requests_at_once_are_all_counted() {
        let throttle = RateThrottle::user(Arc::new(Cache::memory()), Rate::parse("10/m").unwrap());
        let tasks: Vec<_> = (0..100)
            .map(|_| {
                let throttle = throttle.clone();
                tokio::spawn(async move { throttle.count("key", Timestamp::from_secs(9)).await.unwrap().is_none() })
            })
            .collect();
        let mut passed = 0;
        for task in tasks {
            passed += usize::from(task.await.unwrap());
        }
        assert_eq!(passed, 10);
    }
}
