//! [`Session`] and [`LazySession`] as extractors.

use std::ops::Deref;

use axum_core::extract::FromRequestParts;
use http::request::Parts;

use super::{MissingLayer, ctx};
use crate::guards::GuardRejection;

/// The request's session. Extracting loads it; from then on its methods are plain and need no await.
///
/// It is saved with the answer if it changed, and the answer varies by cookie (S62).
///
/// ```
/// use cloakroom_web::Session;
///
/// async fn count(session: Session) -> Result<String, cloakroom_web::GuardRejection> {
///     let count = session.get::<u64>("count").ok().flatten().unwrap_or(0) + 1;
///     session.set_value("count", count as i64);
///     Ok(count.to_string())
/// }
/// # let _ = count;
/// ```
#[derive(Clone, Debug)]
pub struct Session(cloakroom_sessions::Session);

impl Session {
    /// The session itself.
    #[must_use]
    pub fn into_inner(self) -> cloakroom_sessions::Session {
        self.0
    }
}

impl From<cloakroom_sessions::Session> for Session {
    fn from(session: cloakroom_sessions::Session) -> Self {
        Self(session)
    }
}

impl Deref for Session {
    type Target = cloakroom_sessions::Session;

    fn deref(&self) -> &cloakroom_sessions::Session {
        &self.0
    }
}

impl<S: Sync> FromRequestParts<S> for Session {
    type Rejection = GuardRejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, GuardRejection> {
        Ok(Self(ctx(parts)?.session().await?))
    }
}

/// The request's session before anybody has looked into it: extracting reads nothing (S60).
#[derive(Clone, Debug)]
pub struct LazySession(cloakroom_sessions::LazySession);

impl Deref for LazySession {
    type Target = cloakroom_sessions::LazySession;

    fn deref(&self) -> &cloakroom_sessions::LazySession {
        &self.0
    }
}

impl<S: Sync> FromRequestParts<S> for LazySession {
    type Rejection = MissingLayer;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, MissingLayer> {
        Ok(Self(ctx(parts)?.lazy_session().clone()))
    }
}
