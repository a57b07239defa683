//! [`User`] and [`CurrentUser`]: who is signed in.

use std::ops::Deref;
use std::sync::Arc;

use axum_core::extract::{FromRequestParts, OptionalFromRequestParts};
use cloakroom_core::models;
use http::request::Parts;

use super::{MissingLayer, ctx};
use crate::ctx::Ctx;
use crate::guards::{Guard, GuardRejection};

/// The signed-in user: proof that somebody is. Only the extractors make one.
///
/// Others are sent to the log-in page with `next` (A131, M21); under `/api` they get 403, as with REST framework (D04).
/// `Option<User>` lets them in as `None`; that the store failed is 503 for both (F01).
///
/// ```
/// use cloakroom_web::User;
///
/// async fn profile(user: User) -> String {
///     format!("Hello {}", user.username)
/// }
/// async fn home(user: Option<User>) -> String {
///     user.map_or_else(|| "Hello stranger".into(), |user| format!("Hello {}", user.username))
/// }
/// # let _ = (profile, home);
/// ```
#[derive(Clone, Debug)]
pub struct User(Arc<models::User>);

impl User {
    /// The user, shared.
    #[must_use]
    pub fn into_inner(self) -> Arc<models::User> {
        self.0
    }

    /// The user, shared.
    #[must_use]
    pub const fn as_arc(&self) -> &Arc<models::User> {
        &self.0
    }
}

impl Deref for User {
    type Target = models::User;

    fn deref(&self) -> &models::User {
        &self.0
    }
}

impl<S: Sync> FromRequestParts<S> for User {
    type Rejection = GuardRejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, GuardRejection> {
        Guard::login_required().user(&ctx(parts)?).await.map(Self)
    }
}

impl<S: Sync> OptionalFromRequestParts<S> for User {
    type Rejection = GuardRejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, GuardRejection> {
        // `?` is "the store failed", 503. It must never read as "nobody is signed in" (F01).
        Ok(ctx(parts)?.user().await?.map(Self))
    }
}

/// A handle to whoever is signed in, for handlers that may never look. Extracting reads nothing (A77).
#[derive(Clone, Debug)]
pub struct CurrentUser(Ctx);

impl CurrentUser {
    /// The user, `None` for the anonymous visitor; read once per request.
    ///
    /// # Errors
    ///
    /// [`GuardRejection::Unavailable`] when a store fails (F01).
    pub async fn get(&self) -> Result<Option<User>, GuardRejection> {
        Ok(self.0.user().await?.map(User))
    }
}

impl<S: Sync> FromRequestParts<S> for CurrentUser {
    type Rejection = MissingLayer;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, MissingLayer> {
        Ok(Self(ctx(parts)?))
    }
}
