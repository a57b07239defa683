//! Extractors: what a handler asks for is read, what it does not ask for is not (G29).
//!
//! | extractor | gives | otherwise |
//! |---|---|---|
//! | [`Session`] | the loaded session | 503 when the store fails |
//! | [`LazySession`] | the session before anybody looked | – |
//! | [`User`] | the signed-in user | the log-in page with `next`; under `/api` 403; 503 |
//! | `Option<User>` | the user, if somebody is signed in | 503, never `None`, when the store fails |
//! | [`CurrentUser`] | a handle that looks when asked | – |
//! | [`Auth`] | log in, log out, keep the session over a password change | 503 |
//! | [`Csrf`] | the token for pages | 503 with `CSRF_USE_SESSIONS` |
//! | [`Messages`](crate::Messages) | messages for this page and the next | – |
//! | [`Client`] | address and agent | – |
//! | [`Ctx`] | all of these | – |
//! | [`FormData`](crate::FormData) | the form | 400 |

mod auth;
mod client;
mod session;
mod user;

use axum_core::extract::{FromRequestParts, OptionalFromRequestParts};
use axum_core::response::{IntoResponse, Response};
use http::request::Parts;

pub use self::auth::Auth;
pub use self::client::Client;
pub use self::session::{LazySession, Session};
pub use self::user::{CurrentUser, User};
use crate::csrf::Csrf;
use crate::ctx::Ctx;
use crate::error;
use crate::guards::GuardRejection;

/// The request's context. Without [`CloakroomLayer`](crate::CloakroomLayer) the answer is 500.
impl<S: Sync> FromRequestParts<S> for Ctx {
    type Rejection = MissingLayer;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, MissingLayer> {
        ctx(parts)
    }
}

/// The request's context, if the layer is there.
impl<S: Sync> OptionalFromRequestParts<S> for Ctx {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, Self::Rejection> {
        Ok(ctx(parts).ok())
    }
}

impl<S: Sync> FromRequestParts<S> for Csrf {
    type Rejection = GuardRejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, GuardRejection> {
        Ok(ctx_of(parts)?.csrf().await?)
    }
}

/// [`CloakroomLayer`](crate::CloakroomLayer) is not around the route: a mistake in the program, answered 500.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("CloakroomLayer is not installed: put it on the router with Router::layer")]
pub struct MissingLayer;

impl IntoResponse for MissingLayer {
    fn into_response(self) -> Response {
        missing_layer()
    }
}

pub(crate) fn missing_layer() -> Response {
    error::server(&MissingLayer.to_string())
}

pub(crate) fn ctx(parts: &Parts) -> Result<Ctx, MissingLayer> {
    ctx_of(parts).cloned()
}

fn ctx_of(parts: &Parts) -> Result<&Ctx, MissingLayer> {
    parts.extensions.get::<Ctx>().ok_or(MissingLayer)
}
