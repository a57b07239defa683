//! The stored texts, and why one of them gives no data: [`TextCodec`] for the store, [`CookieCodec`] for the cookie.

use std::sync::Arc;

use cloakroom_core::clock::Timestamp;
use cloakroom_core::codec::session::{Decoded, Problem, SESSION_STORE_SALT, SIGNED_COOKIES_SALT, SessionCodec};
use cloakroom_core::keys::SessionKey;
use cloakroom_core::reason::Anonymous;
use cloakroom_core::secret::SecretKeys;
use cloakroom_core::signing::MaxAge;
use cloakroom_core::value::Dict;

use crate::error::EngineError;

/// Writes and reads what the `db`, `cached_db` and `file` engines store (S30). Make it once and clone it.
#[derive(Clone, Debug)]
pub struct TextCodec(Arc<SessionCodec>);

impl TextCodec {
    /// Signs with the first of `keys`, reads with all of them (S34).
    #[must_use]
    pub fn new(keys: &SecretKeys) -> Self {
        Self(Arc::new(SessionCodec::new(keys, SESSION_STORE_SALT)))
    }

    pub(crate) fn encode(&self, data: &Dict, now: Timestamp) -> Result<String, EngineError> {
        Ok(self.0.encode(data, now)?)
    }

    /// The data in `text`; none, and why, when anything is wrong with it (S33, R25).
    pub(crate) fn decode(&self, text: &str) -> (Arc<Dict>, Option<Anonymous>) {
        let Decoded { data, problem, .. } = self.0.decode(text);
        if matches!(problem, Some(Problem::BadSignature)) {
            tracing::warn!(target: "django.security.SuspiciousSession", "Session data corrupted");
        }
        (Arc::new(data), problem.as_ref().map(reason))
    }
}

/// Writes and reads the cookie of the `signed_cookies` engine (S37, S58). Make it once and clone it.
#[derive(Clone, Debug)]
pub struct CookieCodec(Arc<SessionCodec>);

impl CookieCodec {
    /// Signs with the first of `keys`, reads with all of them.
    #[must_use]
    pub fn new(keys: &SecretKeys) -> Self {
        Self(Arc::new(SessionCodec::new(keys, SIGNED_COOKIES_SALT)))
    }

    pub(crate) fn seal(&self, data: &Dict, now: Timestamp) -> Result<SessionKey, EngineError> {
        let text = self.0.encode(data, now)?;
        Ok(SessionKey::parse(&text).expect("a signed text is longer than eight characters"))
    }

    pub(crate) fn open(&self, cookie: &str, age_secs: i64, now: Timestamp) -> Result<Dict, Anonymous> {
        let decoded = self.0.decode_within(cookie, now, MaxAge::from_secs(age_secs));
        match decoded.problem {
            None => Ok(decoded.data),
            Some(problem) => Err(reason(&problem)),
        }
    }
}

fn reason(problem: &Problem) -> Anonymous {
    match problem {
        Problem::BadSignature => Anonymous::BadSignature,
        Problem::Expired => Anonymous::NoSession,
        _ => Anonymous::Unreadable,
    }
}
