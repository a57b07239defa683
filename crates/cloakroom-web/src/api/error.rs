//! [`ApiError`]: why a request was not answered, in REST framework's words.

use std::borrow::Cow;

use axum_core::response::{IntoResponse, Response};
use cloakroom_auth::{AuthError, Throttled};
use cloakroom_db::DbError;
use cloakroom_sessions::SessionError;
use http::header::RETRY_AFTER;
use http::{HeaderValue, Method, StatusCode};
use serde_json::Value;

use super::answer;
use crate::body::BodyError;
use crate::error;
use crate::extract::MissingLayer;
use crate::guards::GuardRejection;

/// Why a request was not answered: REST framework's `APIException`s, each with its status and its words. Handlers may
/// answer them too.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ApiError {
    /// Nobody knows who calls: 401 with the first class's challenge, or 403 where it has none (D04).
    #[error("Authentication credentials were not provided.")]
    NotAuthenticated,
    /// What was shown is wrong; statuses as with [`NotAuthenticated`](Self::NotAuthenticated).
    #[error("{0}")]
    AuthenticationFailed(Cow<'static, str>),
    /// Who calls may not: 403 (D11).
    #[error("You do not have permission to perform this action.")]
    PermissionDenied,
    /// The same, in other words.
    #[error("{0}")]
    Denied(Cow<'static, str>),
    /// There is no such thing: 404.
    #[error("Not found.")]
    NotFound,
    /// 405.
    #[error("Method \"{0}\" not allowed.")]
    MethodNotAllowed(Method),
    /// The request cannot be understood: 400.
    #[error("{0}")]
    Parse(Cow<'static, str>),
    /// What was sent is not what is wanted: 400 with errors by field.
    #[error("Invalid input.")]
    Invalid(Value),
    /// The body is of a type that is not taken: 415.
    #[error("Unsupported media type \"{0}\" in request.")]
    UnsupportedMediaType(String),
    /// Too many requests: 429 with `Retry-After`, where it is known when the next may come (D20, E04).
    #[error("{}", throttled(*.wait_secs))]
    Throttled {
        /// Whole seconds, rounded up.
        wait_secs: Option<u64>,
    },
    /// A form cannot be read: 400.
    #[error(transparent)]
    Body(#[from] BodyError),
    /// The machinery failed, with the status that a page would have: 503, mostly (F01).
    #[error(transparent)]
    Machinery(#[from] GuardRejection),
}

fn throttled(wait: Option<u64>) -> String {
    match wait {
        None => "Request was throttled.".to_owned(),
        Some(1) => "Request was throttled. Expected available in 1 second.".to_owned(),
        Some(n) => format!("Request was throttled. Expected available in {n} seconds."),
    }
}

impl ApiError {
    /// 403 where REST framework has 401: [`Api`](super::Api) knows the challenge that makes it one.
    const fn status(&self) -> StatusCode {
        match self {
            Self::NotAuthenticated | Self::AuthenticationFailed(_) | Self::PermissionDenied | Self::Denied(_) => {
                StatusCode::FORBIDDEN
            }
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed(_) => StatusCode::METHOD_NOT_ALLOWED,
            Self::Parse(_) | Self::Invalid(_) | Self::Body(_) => StatusCode::BAD_REQUEST,
            Self::UnsupportedMediaType(_) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Throttled { .. } => StatusCode::TOO_MANY_REQUESTS,
            Self::Machinery(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

impl From<Throttled> for ApiError {
    fn from(throttled: Throttled) -> Self {
        Self::Throttled { wait_secs: Some(throttled.retry_after_secs()) }
    }
}

impl From<AuthError> for ApiError {
    fn from(error: AuthError) -> Self {
        Self::Machinery(error.into())
    }
}

impl From<DbError> for ApiError {
    fn from(error: DbError) -> Self {
        AuthError::from(error).into()
    }
}

impl From<SessionError> for ApiError {
    fn from(error: SessionError) -> Self {
        Self::Machinery(error.into())
    }
}

impl From<MissingLayer> for ApiError {
    fn from(error: MissingLayer) -> Self {
        Self::Machinery(error.into())
    }
}

/// In the extensions of an answer that is a 401 where the first class has a challenge (D04).
#[derive(Clone, Copy, Debug)]
pub(super) struct NeedsChallenge;

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let (status, text) = (self.status(), self.to_string());
        match self {
            Self::NotAuthenticated | Self::AuthenticationFailed(_) => {
                let mut response = answer::detail(status, &text);
                response.extensions_mut().insert(NeedsChallenge);
                response
            }
            Self::Throttled { wait_secs } => {
                let mut response = answer::detail(status, &text);
                if let Some(wait) = wait_secs.filter(|wait| *wait > 0) {
                    response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(wait));
                }
                response
            }
            Self::Invalid(errors) => answer::json(status, &errors),
            Self::Body(e) => answer::of_page(&error::body(&e)),
            Self::Machinery(GuardRejection::Throttled(throttled)) => Self::from(throttled).into_response(),
            Self::Machinery(GuardRejection::ApiAnonymous) => Self::NotAuthenticated.into_response(),
            Self::Machinery(GuardRejection::ApiForbidden | GuardRejection::Forbidden) => {
                Self::PermissionDenied.into_response()
            }
            Self::Machinery(error) => answer::of_page(&error.into_response()),
            _ => answer::detail(status, &text),
        }
    }
}

#[cfg(test)]
mod tests {
    use http::header::CONTENT_TYPE;

    use super::*;

    /// D20, checked with REST framework 3.18.3.
    #[test]
    fn one_second_is_one() {
        let text = |wait_secs| ApiError::Throttled { wait_secs }.to_string();
        assert_eq!(text(None), "Request was throttled.");
        assert_eq!(text(Some(1)), "Request was throttled. Expected available in 1 second.");
        assert_eq!(text(Some(60)), "Request was throttled. Expected available in 60 seconds.");
    }

    /// F01: a store that fails is a 503 in JSON, and says when to come back.
    #[test]
    fn a_failed_store_is_said_in_json() {
        let response = ApiError::from(DbError::Closed).into_response();
        assert_eq!(
            (response.status().as_u16(), &response.headers()[CONTENT_TYPE]),
            (503, &"application/json".parse().unwrap())
        );
        assert_eq!(response.headers()[RETRY_AFTER], "5");
    }
}
