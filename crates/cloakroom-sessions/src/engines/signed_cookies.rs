//! `django.contrib.sessions.backends.signed_cookies`: the cookie is the session (S58).

use std::sync::Arc;

use cloakroom_core::clock::Timestamp;
use cloakroom_core::keys::SessionKey;
use cloakroom_core::value::Dict;

use crate::engine::{Change, Created, Engine, Loaded, Record, Saved};
use crate::error::EngineError;
use crate::examine::Examined;
use crate::text::CookieCodec;

/// Sessions that live in the browser, signed and readable.
///
/// There is no log-out on the server: a cookie that was copied stays good until its age is over, whatever the session
/// says of its own expiry. Nothing is shared between requests, so parallel ones do not see each other's changes.
#[derive(Clone, Debug)]
pub struct SignedCookiesEngine {
    codec: CookieCodec,
    age_secs: i64,
}

impl SignedCookiesEngine {
    /// Takes cookies that were made at most `age_secs` ago (`SESSION_COOKIE_AGE`).
    #[must_use]
    pub const fn new(codec: CookieCodec, age_secs: i64) -> Self {
        Self { codec, age_secs }
    }

    /// Makes the cookie's value.
    pub(crate) fn seal(&self, data: &Dict, now: Timestamp) -> Result<SessionKey, EngineError> {
        self.codec.seal(data, now)
    }

    pub(crate) fn examine(&self, key: &SessionKey, now: Timestamp) -> Examined {
        Examined { place: "the cookie itself", stored: self.codec.examine(key.expose(), self.age_secs, now) }
    }
}

impl Engine for SignedCookiesEngine {
    async fn load(&self, key: &SessionKey, now: Timestamp) -> Result<Loaded, EngineError> {
        Ok(match self.codec.open(key.expose(), self.age_secs, now) {
            Ok(data) => Loaded::Live(record(Arc::new(data))),
            Err(reason) => Loaded::Broken(reason),
        })
    }

    /// Nothing is stored: the cookie is made when the request ends.
    async fn create(&self, _: &SessionKey, _: &Arc<Dict>, _: Timestamp) -> Result<Created, EngineError> {
        Ok(Created::Yes(None))
    }

    async fn update(&self, _: &SessionKey, change: Change<'_>, _: Timestamp) -> Result<Saved, EngineError> {
        Ok(Saved::Yes(record((change.make)(None))))
    }

    async fn delete(&self, _: &SessionKey) -> Result<(), EngineError> {
        Ok(())
    }

    async fn exists(&self, _: &SessionKey, _: Timestamp) -> Result<bool, EngineError> {
        Ok(false)
    }

    async fn clear_expired(&self, _: Timestamp) -> Result<u64, EngineError> {
        Ok(0)
    }
}

fn record(data: Arc<Dict>) -> Record {
    Record::new(data, None, None)
}
