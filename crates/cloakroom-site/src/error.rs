//! Where failures of pages become answers, and are logged, once.

use std::error::Error;

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use cloakroom_auth::{AuthError, Throttled};
use cloakroom_core::csrf::UnmaskableSecret;
use cloakroom_sessions::SessionError;
use cloakroom_web::{BodyError, FormRejection, GuardRejection, pages};

pub use crate::accounts::view::OtherMethod;
use crate::templates::TemplateError;

/// Why a page could not be answered as it should.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PageError {
    /// Somebody may not pass, or a store failed.
    #[error(transparent)]
    Guard(#[from] GuardRejection),
    /// The query or the form is too much: 400.
    #[error(transparent)]
    Body(#[from] FormRejection),
    /// The page does not take this method: 405, or the answer to `OPTIONS`.
    #[error(transparent)]
    Method(#[from] OtherMethod),
    /// A template is broken: 500.
    #[error(transparent)]
    Template(#[from] TemplateError),
}

impl From<AuthError> for PageError {
    fn from(error: AuthError) -> Self {
        Self::Guard(error.into())
    }
}

impl From<Throttled> for PageError {
    fn from(throttled: Throttled) -> Self {
        Self::Guard(throttled.into())
    }
}

impl From<SessionError> for PageError {
    fn from(error: SessionError) -> Self {
        Self::Guard(error.into())
    }
}

impl From<UnmaskableSecret> for PageError {
    fn from(error: UnmaskableSecret) -> Self {
        Self::Guard(error.into())
    }
}

impl From<BodyError> for PageError {
    fn from(error: BodyError) -> Self {
        Self::Body(error.into())
    }
}

impl IntoResponse for PageError {
    fn into_response(self) -> Response {
        match self {
            Self::Guard(rejection) => rejection.into_response(),
            Self::Body(rejection) => rejection.into_response(),
            Self::Method(other) => other.into_response(),
            Self::Template(error) => {
                tracing::error!(target: "cloakroom::site", error = &error as &dyn Error, "a page could not be rendered");
                GuardRejection::Server("a template is broken").into_response()
            }
        }
    }
}

/// The page of an unknown address, for [`Router::fallback`](axum::Router::fallback).
pub async fn not_found() -> Response {
    pages::error(StatusCode::NOT_FOUND)
}
