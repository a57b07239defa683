//! [`Auth`]: signing in and out of this request's session.

use std::ops::Deref;
use std::sync::Arc;

use axum_core::extract::FromRequestParts;
use cloakroom_auth::metrics;
use cloakroom_auth::{ActiveUser, Authenticated, BackendChoice, Credentials, Identity, LoggedIn, Room};
use cloakroom_core::models;
use cloakroom_core::reason::Anonymous;
use cloakroom_core::reason::Denial;
use http::request::Parts;

use super::{MissingLayer, ctx};
use crate::ctx::Ctx;
use crate::guards::GuardRejection;
use crate::interrupted;

/// The service that knows who may come in, bound to one request: to its session, its user and its CSRF secret.
///
/// What needs no request is the service's own, reached through this by its methods.
///
/// ```
/// use axum_core::response::{IntoResponse, Response};
/// use cloakroom_auth::{Authenticated, Credentials};
/// use cloakroom_web::{Auth, FormData, GuardRejection, redirect};
///
/// async fn login(auth: Auth, form: FormData) -> Result<Response, GuardRejection> {
///     let (name, password) = (form.get("username").unwrap_or_default(), form.get("password").unwrap_or_default());
///     match auth.authenticate(Credentials::password(name, password.to_owned())).await? {
///         Authenticated::Yes(user) => {
///             auth.login(&user).await?;
///             Ok(redirect("/"))
///         }
///         Authenticated::No(_) => Ok("Name or password is wrong.".into_response()),
///         Authenticated::Throttled(wait) => Err(wait.into()), // 429 with Retry-After
///     }
/// }
/// # let _ = login;
/// ```
#[derive(Clone, Debug)]
pub struct Auth(Ctx);

impl Auth {
    /// Whether credentials are good, with the request's address for log and fairness (A60).
    ///
    /// # Errors
    ///
    /// [`GuardRejection::Unavailable`] when a store fails or too many wait to have their password hashed.
    pub async fn authenticate(&self, credentials: Credentials) -> Result<Authenticated, GuardRejection> {
        let address = credentials.address.or_else(|| self.0.client_address());
        Ok(self.0.auth_service().authenticate(&credentials.with_address(address)).await?)
    }

    /// Ties this request's session to a user whom a back end just let in, makes them the request's user, and renews the
    /// CSRF secret (A64, A66, C42).
    ///
    /// # Errors
    ///
    /// A store failed; [`GuardRejection::TooManySessions`] (S20).
    pub async fn login(&self, user: &ActiveUser) -> Result<(), GuardRejection> {
        let session = self.0.session().await?;
        self.look_for_room(user.user()).await?;
        let logged_in = self.0.auth_service().login(&session, user).await?;
        self.logged_in(&logged_in).await
    }

    /// As [`login`](Self::login), without any proof of who is there: for sign-up, and for those who checked otherwise.
    ///
    /// # Errors
    ///
    /// A store failed; several back ends are configured and none was chosen (A65); [`GuardRejection::TooManySessions`].
    pub async fn login_without_proof(
        &self,
        user: &Arc<models::User>,
        backend: BackendChoice<'_>,
    ) -> Result<(), GuardRejection> {
        let session = self.0.session().await?;
        self.look_for_room(user).await?;
        let logged_in = self.0.auth_service().login_without_proof(&session, user, backend).await?;
        self.logged_in(&logged_in).await
    }

    /// Ends this request's session, whoever was in it, and makes the request anonymous (A67, M06). No error when nobody
    /// was (M07).
    ///
    /// # Errors
    ///
    /// A store failed: the session may live.
    pub async fn logout(&self) -> Result<(), GuardRejection> {
        let user = self.0.user().await?;
        let session = self.0.session().await?;
        self.0.auth_service().logout(&session, user.as_ref()).await?;
        self.0.set_identity(Identity::Anonymous(Anonymous::SignedOut)).await;
        Ok(())
    }

    /// Keeps this session over a change of the user's password: call it after the change, with the changed user (A74).
    ///
    /// # Errors
    ///
    /// A store failed.
    pub async fn update_session_auth_hash(&self, user: &models::User) -> Result<(), GuardRejection> {
        let session = self.0.session().await?;
        session.cycle_key().await?;
        // Who is there is asked after the key was cycled: a session whose hash no longer fits is flushed, not kept.
        let current = self.0.user().await?;
        self.0.auth_service().keep_session_auth_hash(&session, current.as_deref(), user);
        Ok(())
    }

    /// The request.
    #[must_use]
    pub const fn ctx(&self) -> &Ctx {
        &self.0
    }

    async fn look_for_room(&self, user: &models::User) -> Result<(), GuardRejection> {
        let key = self.0.lazy_session().key();
        match self.0.auth_service().room_for_session(self.0.sessions(), user, key.as_ref()).await? {
            Room::Yes => Ok(()),
            Room::No => {
                metrics::refused(Denial::TooManySessions.into());
                tracing::info!(
                    target: "cloakroom::auth", event = "denied", outcome = "refused",
                    reason = %Denial::TooManySessions, user = %user.id
                );
                Err(GuardRejection::TooManySessions)
            }
        }
    }

    async fn logged_in(&self, logged_in: &LoggedIn) -> Result<(), GuardRejection> {
        let identity = Identity::User(Arc::clone(logged_in.user()), Arc::clone(logged_in.backend()));
        self.0.state().logged_in = Some(Arc::clone(logged_in.user()));
        self.0.set_identity(identity).await;
        self.0.csrf().await?.rotate();
        if self.0.config().resume_posts.is_some() {
            interrupted::logged_in(&self.0.session().await?);
        }
        Ok(())
    }
}

impl Deref for Auth {
    type Target = cloakroom_auth::Auth;

    fn deref(&self) -> &cloakroom_auth::Auth {
        self.0.auth_service()
    }
}

impl Ctx {
    /// The service bound to this request.
    #[must_use]
    pub fn auth(&self) -> Auth {
        Auth(self.clone())
    }
}

impl<S: Sync> FromRequestParts<S> for Auth {
    type Rejection = MissingLayer;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, MissingLayer> {
        Ok(Self(ctx(parts)?))
    }
}
