//! Where counts are kept: in the store that all processes share, or in this one's memory.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use cloakroom_cache::{Added, Cache, CacheError, CacheValue, Replaced, Timeout};
use cloakroom_core::clock::Timestamp;

use super::schedule::Count;

/// How long the shared store may take before the local counts are used (F05).
const PATIENCE: Duration = Duration::from_millis(500);

/// Counts by key. Each change is one compare-and-swap, so that parallel ones are all counted (E08).
pub(super) struct Counters {
    shared: Option<Arc<Cache>>,
    local: Cache,
    is_down: AtomicBool,
}

/// What becomes of a count.
pub(super) enum Change<E> {
    /// It is this now; for so long at most.
    To(Count, Duration),
    /// It stays.
    Stop(E),
}

impl Counters {
    pub(super) fn new(shared: Option<Arc<Cache>>) -> Self {
        Self { shared, local: Cache::memory(), is_down: AtomicBool::new(false) }
    }

    /// Changes the count under `key` as `change` says.
    pub(super) async fn change<E>(
        &self,
        key: &str,
        now: Timestamp,
        change: impl Fn(Count) -> Change<E>,
    ) -> Result<Count, E> {
        if let Some(shared) = &self.shared {
            match self.timely(change_in(shared, key, now, &change)).await {
                Ok(outcome) => return outcome,
                Err(error) => self.went_down(&error),
            }
        }
        loop {
            if let Ok(outcome) = change_in(&self.local, key, now, &change).await {
                return outcome;
            }
        }
    }

    /// Forgets a count, or a mark.
    pub(super) async fn forget(&self, key: &str) {
        if let Some(shared) = &self.shared
            && let Err(error) = self.timely(shared.delete(key)).await
        {
            self.went_down(&error);
        }
        let _ = self.local.delete(key).await;
    }

    /// Sets a mark for so long.
    pub(super) async fn mark(&self, key: &str, time: Duration, now: Timestamp) {
        let (value, timeout) = (CacheValue::Int(1), Timeout::After(time.as_secs_f64()));
        if let Some(shared) = &self.shared {
            match self.timely(shared.set(key, value.clone(), timeout, now)).await {
                Ok(_) => return,
                Err(error) => self.went_down(&error),
            }
        }
        let _ = self.local.set(key, value, timeout, now).await;
    }

    /// Whether a mark is set.
    pub(super) async fn is_marked(&self, key: &str, now: Timestamp) -> bool {
        if let Some(shared) = &self.shared {
            match self.timely(shared.has(key, now)).await {
                Ok(there) => return there,
                Err(error) => self.went_down(&error),
            }
        }
        self.local.has(key, now).await.unwrap_or(false)
    }

    async fn timely<T>(&self, asked: impl Future<Output = Result<T, CacheError>>) -> Result<T, Down> {
        let answer = tokio::time::timeout(PATIENCE, asked).await.map_err(|_| Down::TooLong)?.map_err(Down::Cache)?;
        if self.is_down.swap(false, Ordering::Relaxed) {
            tracing::info!(target: "cloakroom::auth", "the store of failures answers again");
        }
        Ok(answer)
    }

    /// Says once that this process counts alone, until the store answers again (E09).
    fn went_down(&self, error: &Down) {
        if !self.is_down.swap(true, Ordering::Relaxed) {
            let error = error as &dyn std::error::Error;
            tracing::error!(target: "cloakroom::auth", error, "the store of failures does not answer: each process counts by itself");
        }
    }
}

/// The shared store gives no answer.
#[derive(Debug, thiserror::Error)]
enum Down {
    #[error(transparent)]
    Cache(CacheError),
    #[error("the cache took too long")]
    TooLong,
}

async fn change_in<E>(
    cache: &Cache,
    key: &str,
    now: Timestamp,
    change: &impl Fn(Count) -> Change<E>,
) -> Result<Result<Count, E>, CacheError> {
    let mut seen = cache.get_stamped(key, now).await?;
    loop {
        let before = match seen.as_ref().map(|there| &there.value) {
            Some(CacheValue::Bytes(bytes)) => Count::from_bytes(bytes).unwrap_or_default(),
            _ => Count::default(),
        };
        let (after, time) = match change(before) {
            Change::To(after, time) => (after, time),
            Change::Stop(why) => return Ok(Err(why)),
        };
        let value = CacheValue::Bytes(Arc::from(after.to_bytes()));
        let timeout = Timeout::After(time.as_secs_f64());
        seen = match &seen {
            None => match cache.add(key, value, timeout, now).await? {
                Added::Yes(_) => return Ok(Ok(after)),
                Added::Taken => cache.get_stamped(key, now).await?,
            },
            Some(there) => match cache.replace_if(key, &there.stamp, value, timeout, now).await? {
                Replaced::Yes(_) => return Ok(Ok(after)),
                Replaced::Differs(there) => Some(there),
                Replaced::Gone => None,
            },
        };
    }
}

impl fmt::Debug for Counters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Counters").field("shared", &self.shared.is_some()).finish_non_exhaustive()
    }
}
