//! [`User`] and [`CurrentUser`]: who is signed in.

use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use axum_core::extract::{FromRequestParts, OptionalFromRequestParts};
use cloakroom_core::models;
use cloakroom_core::user_model::UserModel;
use http::request::Parts;

use super::{MissingLayer, ctx, ctx_of};
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
///
/// An application with a user model of its own (A17) asks for its own type: `User<Member>` is a `Member`, and the row that it
/// was read from.
pub struct User<T: UserModel = models::User> {
    row: Arc<models::User>,
    loaded: T::Loaded,
}

impl<T: UserModel> User<T> {
    fn new(row: Arc<models::User>) -> Result<Self, GuardRejection> {
        match T::load(&row) {
            Ok(loaded) => Ok(Self { row, loaded }),
            Err(error) => {
                tracing::error!(%error, "a user's row is not as the application's model says");
                Err(GuardRejection::Server("a user's row is not as the application's model says"))
            }
        }
    }

    /// The user's row, shared.
    #[must_use]
    pub fn into_inner(self) -> Arc<models::User> {
        self.row
    }

    /// The user's row, shared.
    #[must_use]
    pub const fn as_arc(&self) -> &Arc<models::User> {
        &self.row
    }
}

impl<T: UserModel> Clone for User<T> {
    fn clone(&self) -> Self {
        Self { row: Arc::clone(&self.row), loaded: self.loaded.clone() }
    }
}

impl<T: UserModel> fmt::Debug for User<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("User").field(&self.row).finish()
    }
}

impl<T: UserModel> Deref for User<T> {
    type Target = T;

    fn deref(&self) -> &T {
        T::view(&self.row, &self.loaded)
    }
}

impl<S: Sync, T: UserModel> FromRequestParts<S> for User<T> {
    type Rejection = GuardRejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, GuardRejection> {
        Self::new(Guard::login_required().user(ctx_of(parts)?).await?)
    }
}

impl<S: Sync, T: UserModel> OptionalFromRequestParts<S> for User<T> {
    type Rejection = GuardRejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Option<Self>, GuardRejection> {
        // `?` is "the store failed", 503. It must never read as "nobody is signed in" (F01).
        ctx_of(parts)?.user().await?.map(Self::new).transpose()
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
        self.get_as().await
    }

    /// As [`get`](Self::get), as the application's own type (A17).
    ///
    /// # Errors
    ///
    /// As [`get`](Self::get); also where the row is not as the type says.
    pub async fn get_as<T: UserModel>(&self) -> Result<Option<User<T>>, GuardRejection> {
        self.0.user().await?.map(User::new).transpose()
    }
}

impl<S: Sync> FromRequestParts<S> for CurrentUser {
    type Rejection = MissingLayer;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, MissingLayer> {
        Ok(Self(ctx(parts)?))
    }
}
