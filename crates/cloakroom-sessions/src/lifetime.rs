//! How long a session lives, by its own `_session_expiry` and the settings (S20–S24).

use cloakroom_core::clock::Timestamp;
use cloakroom_core::expiry::{EXPIRY_KEY, ExpiryError, ExpirySettings, get_expiry_age, get_expiry_timestamp};
use cloakroom_core::pydatetime::DateTime;
use cloakroom_core::value::{Dict, Value};

/// `SESSION_COOKIE_AGE`, as an engine needs it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lifetime(ExpirySettings);

impl Lifetime {
    pub(crate) const fn new(age_secs: i64) -> Self {
        Self(ExpirySettings { cookie_age: age_secs, at_browser_close: false })
    }

    /// Seconds that a session with this data lives on when saved at `now`; may be negative.
    pub(crate) fn age(self, data: &Dict, now: Timestamp) -> Result<f64, ExpiryError> {
        self.age_of(data.get(EXPIRY_KEY), now)
    }

    /// As [`age`](Self::age) for a session with this expiry.
    pub(crate) fn age_of(self, expiry: Option<&Value>, now: Timestamp) -> Result<f64, ExpiryError> {
        get_expiry_age(expiry, DateTime::utc(now), &self.0)?.as_secs_f64()
    }

    /// When a session with this data ends when saved at `now`.
    pub(crate) fn date(self, data: &Dict, now: Timestamp) -> Result<Timestamp, ExpiryError> {
        get_expiry_timestamp(data.get(EXPIRY_KEY), now, &self.0)
    }

    /// `SESSION_COOKIE_AGE` itself.
    pub(crate) const fn age_secs(self) -> i64 {
        self.0.cookie_age
    }
}
