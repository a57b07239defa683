//! Guards as types: [`Permitted`], [`Staff`].

use std::marker::PhantomData;
use std::ops::Deref;
use std::sync::Arc;

use axum_core::extract::FromRequestParts;
use cloakroom_core::models::User;
use http::request::Parts;

use super::{Guard, GuardRejection, OnRefusal};
use crate::extract::ctx;

/// The name of a permission, as a type.
pub trait Permission {
    /// `app_label.codename`.
    const NAME: &'static str;
}

/// Proof that the user has the permission `P`. The anonymous are sent to the log-in page, others get 403 (A141).
///
/// ```
/// use cloakroom_web::guards::{Permission, Permitted};
///
/// struct ChangeUser;
/// impl Permission for ChangeUser {
///     const NAME: &'static str = "auth.change_user";
/// }
///
/// async fn edit(user: Permitted<ChangeUser>) -> String {
///     format!("{} may", user.username)
/// }
/// # let _ = edit;
/// ```
#[derive(Debug)]
pub struct Permitted<P> {
    user: Arc<User>,
    permission: PhantomData<fn() -> P>,
}

impl<P> Permitted<P> {
    /// The user, shared.
    #[must_use]
    pub fn into_user(self) -> Arc<User> {
        self.user
    }
}

impl<P> Deref for Permitted<P> {
    type Target = User;

    fn deref(&self) -> &User {
        &self.user
    }
}

impl<S: Sync, P: Permission> FromRequestParts<S> for Permitted<P> {
    type Rejection = GuardRejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, GuardRejection> {
        let guard = Guard::permission_required([P::NAME]).with_refusal(OnRefusal::ToLoginIfAnonymous);
        let user = guard.user(&ctx(parts)?).await?;
        Ok(Self { user, permission: PhantomData })
    }
}

/// Proof that the user is an active member of the staff. The anonymous are sent to the log-in page, others get 403.
#[derive(Clone, Debug)]
pub struct Staff(Arc<User>);

impl Staff {
    /// The user, shared.
    #[must_use]
    pub fn into_user(self) -> Arc<User> {
        self.0
    }
}

impl Deref for Staff {
    type Target = User;

    fn deref(&self) -> &User {
        &self.0
    }
}

impl<S: Sync> FromRequestParts<S> for Staff {
    type Rejection = GuardRejection;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, GuardRejection> {
        let guard = Guard::staff_member_required().with_refusal(OnRefusal::ToLoginIfAnonymous);
        Ok(Self(guard.user(&ctx(parts)?).await?))
    }
}
