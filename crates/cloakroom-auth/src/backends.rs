//! Who can say that somebody is who they say: `AUTHENTICATION_BACKENDS` (A60–A62, A85).

mod model;
mod remote_user;

use std::any::Any;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use cloakroom_core::keys::UserId;
use cloakroom_core::models::User;
use cloakroom_core::reason::{Anonymous, Refusal};

pub use self::model::ModelBackend;
pub use self::remote_user::{RemoteUserBackend, UnknownUsers};
use crate::auth::Auth;
use crate::credentials::Credentials;
use crate::error::AuthError;
use crate::permissions::Stored;

/// A future that a back end returns.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What a back end says of credentials.
#[must_use]
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Verdict {
    /// They are this user's.
    User(User),
    /// They are of a kind that this back end does not know: the next one is asked.
    NotMine,
    /// They are wrong here: the next one is asked.
    Refused(Refusal),
    /// Nobody is to be asked any more, as Django's `PermissionDenied` (A60).
    Denied,
}

/// What a back end says of a permission.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Judgement {
    /// The user has it.
    Granted,
    /// Not as far as this back end knows: the next one is asked.
    NotMine,
    /// The user does not have it, whatever others say (A82).
    Denied,
}

/// A back end of the application's own.
///
/// Whatever it decides, it does work of the same length for every refusal, or its users can be told by time (A13).
pub trait Backend: fmt::Debug + Send + Sync + 'static {
    /// The path that sessions keep under `_auth_user_backend` (A63). Changing it signs its users out.
    fn path(&self) -> &str;

    /// Judges credentials.
    fn authenticate<'a>(
        &'a self,
        auth: &'a Auth,
        credentials: &'a Credentials,
    ) -> BoxFuture<'a, Result<Verdict, AuthError>>;

    /// Finds the user whom a session names, at each request that asks for one. `None` is anonymous (A70).
    ///
    /// By itself: the row of that key, if it is active.
    fn get_user<'a>(&'a self, auth: &'a Auth, id: &'a UserId) -> BoxFuture<'a, Result<Option<User>, AuthError>> {
        Box::pin(async move { Ok(auth.user_by_id(id).await?.filter(|u| u.is_active)) })
    }

    /// Judges whether `user` (`None`: nobody) has `perm`, on `object` if there is one. Active superusers are never asked for.
    fn has_perm(&self, user: Option<&User>, perm: &str, object: Option<&(dyn Any + Send + Sync)>) -> Judgement {
        let _ = (user, perm, object);
        Judgement::NotMine
    }

    /// Judges whether `user` has any permission of the app.
    fn has_module_perms(&self, user: Option<&User>, app_label: &str) -> Judgement {
        let _ = (user, app_label);
        Judgement::NotMine
    }
}

/// A configured back end: one of Django's, or one's own.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum BackendKind {
    /// Name and password against the user table.
    Model(ModelBackend),
    /// A name that a proxy vouches for.
    RemoteUser(RemoteUserBackend),
    /// The application's own.
    Custom(Arc<dyn Backend>),
}

impl BackendKind {
    /// Django's default (A60).
    #[must_use]
    pub const fn model() -> Self {
        Self::Model(ModelBackend::active_users())
    }

    /// Makes the back end that a setting names: by its dotted path, its class, or its short name.
    ///
    /// Short names: `model`, `allow_all_users_model`, `remote_user`, `allow_all_users_remote_user`.
    ///
    /// ```
    /// use cloakroom_auth::backends::BackendKind;
    ///
    /// let backend = BackendKind::parse("model").unwrap();
    /// assert_eq!(backend.path(), "django.contrib.auth.backends.ModelBackend");
    /// assert!(BackendKind::parse("ldap").is_none());
    /// ```
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        match name.strip_prefix("django.contrib.auth.backends.").unwrap_or(name) {
            "ModelBackend" | "model" => Some(Self::Model(ModelBackend::active_users())),
            "AllowAllUsersModelBackend" | "allow_all_users_model" => Some(Self::Model(ModelBackend::all_users())),
            "RemoteUserBackend" | "remote_user" => Some(Self::RemoteUser(RemoteUserBackend::active_users())),
            "AllowAllUsersRemoteUserBackend" | "allow_all_users_remote_user" => {
                Some(Self::RemoteUser(RemoteUserBackend::all_users()))
            }
            _ => None,
        }
    }

    /// The path that sessions keep (A63).
    #[must_use]
    pub fn path(&self) -> &str {
        match self {
            Self::Model(b) => b.path(),
            Self::RemoteUser(b) => b.path(),
            Self::Custom(b) => b.path(),
        }
    }

    /// Whether this is one of those that trust a proxy (A144).
    #[must_use]
    pub const fn is_remote_user(&self) -> bool {
        matches!(self, Self::RemoteUser(_))
    }

    pub(crate) const fn uses_stored_permissions(&self) -> bool {
        !matches!(self, Self::Custom(_))
    }

    pub(crate) async fn authenticate(&self, auth: &Auth, credentials: &Credentials) -> Result<Verdict, AuthError> {
        match self {
            Self::Model(b) => b.authenticate(auth, credentials).await,
            Self::RemoteUser(b) => b.authenticate(auth, credentials).await,
            Self::Custom(b) => b.authenticate(auth, credentials).await,
        }
    }

    /// Which users of the table this back end lets in; `None` for one that finds its users itself.
    pub(crate) const fn stored_users(&self) -> Option<Inactive> {
        match self {
            Self::Model(b) => Some(b.inactive),
            Self::RemoteUser(b) => Some(b.inactive),
            Self::Custom(_) => None,
        }
    }

    /// The user of this key, or why there is none.
    pub(crate) async fn get_user(&self, auth: &Auth, id: &UserId) -> Result<Result<User, Anonymous>, AuthError> {
        let inactive = match self {
            Self::Model(b) => b.inactive,
            Self::RemoteUser(b) => b.inactive,
            Self::Custom(b) => return Ok(b.get_user(auth, id).await?.ok_or(Anonymous::UserGone)),
        };
        Ok(match auth.user_by_id(id).await? {
            Some(user) if inactive.admits(&user) => Ok(user),
            Some(_) => Err(Anonymous::UserInactive),
            None => Err(Anonymous::UserGone),
        })
    }

    pub(crate) fn has_perm(
        &self,
        user: Option<&User>,
        perm: &str,
        object: Option<&(dyn Any + Send + Sync)>,
        stored: &Stored,
    ) -> Judgement {
        match self {
            Self::Custom(b) => b.has_perm(user, perm, object),
            _ if object.is_none() && stored.has(perm) => Judgement::Granted,
            _ => Judgement::NotMine,
        }
    }

    pub(crate) fn has_module_perms(&self, user: Option<&User>, app_label: &str, stored: &Stored) -> Judgement {
        match self {
            Self::Custom(b) => b.has_module_perms(user, app_label),
            _ if stored.has_module(app_label) => Judgement::Granted,
            _ => Judgement::NotMine,
        }
    }
}

/// What becomes of closed accounts (`user_can_authenticate`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Inactive {
    Refused,
    Admitted,
}

impl Inactive {
    pub(crate) fn admits(self, user: &User) -> bool {
        user.is_active || self == Self::Admitted
    }
}
