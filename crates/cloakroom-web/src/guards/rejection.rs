//! [`GuardRejection`]: why a handler was not reached, and what is answered.

use axum_core::response::{IntoResponse, Response};
use cloakroom_auth::{AuthError, Throttled};
use cloakroom_core::csrf::UnmaskableSecret;
use cloakroom_core::hosts::DisallowedHost;
use cloakroom_sessions::{SessionError, ValueError};
use http::header::CONTENT_TYPE;
use http::{HeaderValue, StatusCode};

use crate::error;
use crate::extract::MissingLayer;
use crate::{pages, respond};

/// Why a handler was not reached, or stopped. Each has one answer; none says why somebody is anonymous (L05).
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GuardRejection {
    /// Nobody is signed in, or not somebody who may pass: a redirect to the log-in page.
    #[error("to the log-in page")]
    Anonymous {
        /// The log-in page with `next`.
        location: String,
    },
    /// Nobody is signed in, at a program's door: 403 with JSON (D04).
    #[error("nobody is signed in")]
    ApiAnonymous,
    /// Whoever is signed in may not pass: 403.
    #[error("permission denied")]
    Forbidden,
    /// Whoever is signed in may not pass, at a program's door: 403 with JSON (D11).
    #[error("permission denied")]
    ApiForbidden,
    /// Whoever signs in has as many sessions as they may, and log-ins beyond are refused: 403 (S20). A log-in page says so in
    /// its form instead.
    #[error("too many sessions")]
    TooManySessions,
    /// There is no such thing, although the address is one: 404, as Django's `Http404`.
    #[error("not found")]
    NotFound,
    /// Too many tries lately: 429 with `Retry-After` (E04, E08).
    #[error(transparent)]
    Throttled(#[from] Throttled),
    /// A store failed, so nobody knows who this is: 503 with `Retry-After`, and the cookie stays (F01). Data that cannot be
    /// used is a 500, a session that ended meanwhile a 400 (S66).
    #[error(transparent)]
    Unavailable(#[from] AuthError),
    /// The request names a host that this site is not: 400.
    #[error(transparent)]
    Host(DisallowedHost),
    /// A mistake in the program: 500.
    #[error(transparent)]
    MissingLayer(#[from] MissingLayer),
    /// A mistake in the settings: 500.
    #[error("{0}")]
    Server(&'static str),
}

impl From<SessionError> for GuardRejection {
    fn from(error: SessionError) -> Self {
        Self::Unavailable(error.into())
    }
}

/// A handler found a value in the session that is not of the form it wanted.
impl From<ValueError> for GuardRejection {
    fn from(_: ValueError) -> Self {
        Self::Server("a value in the session has another form than the handler wants")
    }
}

impl From<UnmaskableSecret> for GuardRejection {
    fn from(_: UnmaskableSecret) -> Self {
        Self::Server("the session's CSRF secret cannot be masked")
    }
}

/// Put into the extensions of an answer that stands for an exception of Django's: it skips what a decorator would have
/// added after the view (A117).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Raised;

impl IntoResponse for GuardRejection {
    fn into_response(self) -> Response {
        let mut response = match self {
            Self::Anonymous { location } => return respond::redirect(&location),
            Self::ApiAnonymous => return json(r#"{"detail":"Authentication credentials were not provided."}"#),
            Self::ApiForbidden => return json(r#"{"detail":"You do not have permission to perform this action."}"#),
            Self::Forbidden | Self::TooManySessions => pages::error(StatusCode::FORBIDDEN),
            Self::NotFound => pages::error(StatusCode::NOT_FOUND),
            Self::Throttled(throttled) => pages::too_many_requests(throttled),
            Self::Unavailable(e) => error::auth(&e),
            Self::Host(e) => error::host(&e),
            Self::MissingLayer(e) => e.into_response(),
            Self::Server(what) => error::server(what),
        };
        response.extensions_mut().insert(Raised);
        response
    }
}

fn json(body: &'static str) -> Response {
    let mut response = Response::new(body.into());
    *response.status_mut() = StatusCode::FORBIDDEN;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
