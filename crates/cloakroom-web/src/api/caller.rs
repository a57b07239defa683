//! [`Caller`] and [`ApiUser`]: whom the classes know, for handlers and permissions.

use std::any::Any;
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use axum_core::extract::FromRequestParts;
use axum_core::response::IntoResponse;
use cloakroom_core::models::User;
use http::Method;
use http::request::Parts;

use super::error::ApiError;
use super::permissions::Permission;
use crate::ctx::Ctx;

/// Who calls, perhaps nobody: as an extractor inside of [`Api`](super::Api), and what permissions and throttles judge.
#[derive(Clone)]
pub struct Caller {
    pub(super) ctx: Ctx,
    pub(super) method: Method,
    pub(super) user: Option<Arc<User>>,
    pub(super) auth: Option<Arc<dyn Any + Send + Sync>>,
    pub(super) asked: Asked,
    pub(super) permissions: Arc<[Permission]>,
}

/// Whether anybody was asked who calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Asked {
    /// There is a class, or more.
    Classes,
    /// There is none, so nobody could say.
    Nobody,
}

impl Caller {
    /// The user, if a class knows one.
    #[must_use]
    pub const fn user(&self) -> Option<&Arc<User>> {
        self.user.as_ref()
    }

    /// What the user was known by, REST framework's `request.auth`: with
    /// [`TokenAuthentication`](super::TokenAuthentication) a [`Token`](cloakroom_db::tokens::Token).
    #[must_use]
    pub fn auth<T: Any + Send + Sync>(&self) -> Option<&T> {
        self.auth.as_deref()?.downcast_ref()
    }

    /// The request's method.
    #[must_use]
    pub const fn method(&self) -> &Method {
        &self.method
    }

    /// Whether the method only reads: GET, HEAD or OPTIONS.
    #[must_use]
    pub fn is_reading(&self) -> bool {
        matches!(self.method, Method::GET | Method::HEAD | Method::OPTIONS)
    }

    /// The request's context.
    #[must_use]
    pub const fn ctx(&self) -> &Ctx {
        &self.ctx
    }

    /// Whether the caller may do what they ask to this object: every permission of the layer is asked, and what is read may
    /// be answered with it only then. The layer itself knows no objects (D10).
    ///
    /// ```
    /// use cloakroom_web::api::{ApiError, Caller};
    ///
    /// struct Note(String);
    ///
    /// async fn note(caller: Caller) -> Result<String, ApiError> {
    ///     let note = Note("from the table".into());
    ///     caller.check_object(&note).await?;
    ///     Ok(note.0)
    /// }
    /// # let _ = note;
    /// ```
    ///
    /// # Errors
    ///
    /// The refusal, to be answered; a store failed.
    pub async fn check_object<T: Any + Send + Sync>(&self, object: &T) -> Result<(), ApiError> {
        for permission in &*self.permissions {
            if !permission.has_object_permission(self, object).await? {
                return Err(self.denied(permission));
            }
        }
        Ok(())
    }

    pub(super) async fn check_permissions(&self) -> Result<(), ApiError> {
        for permission in &*self.permissions {
            if !permission.has_permission(self).await? {
                return Err(self.denied(permission));
            }
        }
        Ok(())
    }

    /// D11: who is nobody may log in first.
    fn denied(&self, permission: &Permission) -> ApiError {
        match (self.asked, &self.user) {
            (Asked::Classes, None) => ApiError::NotAuthenticated,
            _ => permission.message().map_or(ApiError::PermissionDenied, ApiError::Denied),
        }
    }
}

/// What the user was known by may be a secret.
impl fmt::Debug for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let user = self.user.as_ref().map(|user| &user.id);
        f.debug_struct("Caller").field("user", &user).field("method", &self.method).finish_non_exhaustive()
    }
}

impl<S: Sync> FromRequestParts<S> for Caller {
    type Rejection = axum_core::response::Response;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        parts.extensions.get::<Self>().cloned().ok_or_else(|| missing().into_response())
    }
}

/// The user who calls: proof that a class knows one. Others are answered 401 or 403 (D04).
#[derive(Clone, Debug)]
pub struct ApiUser(Arc<User>);

impl ApiUser {
    /// The user, shared.
    #[must_use]
    pub fn into_inner(self) -> Arc<User> {
        self.0
    }
}

impl Deref for ApiUser {
    type Target = User;

    fn deref(&self) -> &User {
        &self.0
    }
}

impl<S: Sync> FromRequestParts<S> for ApiUser {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let caller = parts.extensions.get::<Caller>().ok_or_else(missing)?;
        caller.user.clone().map(Self).ok_or(ApiError::NotAuthenticated)
    }
}

fn missing() -> ApiError {
    ApiError::Machinery(crate::guards::GuardRejection::Server(
        "Api is not on the route: put it there with Router::route_layer",
    ))
}
