//! [`Authentication`], and the classes that go by session and by name and password (D02, D03, D05).

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use cloakroom_auth::{Authenticated, Credentials};
use cloakroom_core::models::User;
use http::HeaderValue;

use super::BoxFuture;
use super::authorization::{self, Malformed, Said};
use super::error::ApiError;
use super::request::ApiRequest;

/// A way to know who calls: one of REST framework's `authentication_classes` (D02).
///
/// ```
/// use std::sync::Arc;
/// use cloakroom_web::api::{ApiError, ApiRequest, Authentication, BoxFuture, Known};
///
/// /// Knows callers by a header that another service of ours signs.
/// #[derive(Debug)]
/// struct Signed;
///
/// impl Authentication for Signed {
///     fn authenticate<'a>(&'a self, request: &'a mut ApiRequest) -> BoxFuture<'a, Result<Option<Known>, ApiError>> {
///         Box::pin(async move {
///             let Some(name) = request.headers().get("x-signed-user").and_then(|v| v.to_str().ok()) else {
///                 return Ok(None); // not for us: the next class is asked
///             };
///             match request.ctx().auth_service().user_by_username(name).await? {
///                 Some(user) if user.is_active => Ok(Some(Known::new(Arc::new(user)))),
///                 _ => Err(ApiError::AuthenticationFailed("Invalid signature.".into())),
///             }
///         })
///     }
/// }
/// # let _ = Signed;
/// ```
pub trait Authentication: fmt::Debug + Send + Sync + 'static {
    /// Says who calls. `None` is "no word to me": the next class is asked. An error stops the request.
    fn authenticate<'a>(&'a self, request: &'a mut ApiRequest) -> BoxFuture<'a, Result<Option<Known>, ApiError>>;

    /// What a 401 says in `WWW-Authenticate` if this class is the first. Without, it becomes a 403 (D04).
    fn challenge(&self) -> Option<HeaderValue> {
        None
    }
}

/// Somebody whom a class knows.
#[derive(Clone)]
#[must_use]
pub struct Known {
    pub(super) user: Arc<User>,
    pub(super) auth: Option<Arc<dyn Any + Send + Sync>>,
    pub(super) backend: Option<Arc<str>>,
    pub(super) by_session: bool,
}

impl Known {
    /// This user. Whether the account is open, the class must have seen to.
    pub const fn new(user: Arc<User>) -> Self {
        Self { user, auth: None, backend: None, by_session: false }
    }

    /// Adds what the user was known by: REST framework's `request.auth`, for [`Caller::auth`](super::Caller::auth).
    pub fn with_auth<T: Any + Send + Sync>(mut self, auth: T) -> Self {
        self.auth = Some(Arc::new(auth));
        self
    }

    /// Sets the path of the back end that let the user in (A63).
    pub fn with_backend(mut self, path: impl Into<Arc<str>>) -> Self {
        self.backend = Some(path.into());
        self
    }
}

/// What the user was known by may be a secret.
impl fmt::Debug for Known {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Known").field("user", &self.user.id).finish_non_exhaustive()
    }
}

/// Knows callers by their session, and makes the CSRF check for them (D03). It has no challenge: as the first class it makes
/// every 401 a 403.
#[derive(Clone, Copy, Debug, Default)]
pub struct SessionAuthentication;

impl Authentication for SessionAuthentication {
    fn authenticate<'a>(&'a self, request: &'a mut ApiRequest) -> BoxFuture<'a, Result<Option<Known>, ApiError>> {
        Box::pin(async move {
            let Some(user) = request.ctx().user().await?.filter(|user| user.is_active) else { return Ok(None) };
            request.enforce_csrf().await?;
            Ok(Some(Known { user, auth: None, backend: None, by_session: true }))
        })
    }
}

/// Knows callers by name and password in every request, as the back ends judge them (D05). Each request costs a hash, and
/// the site's throttle counts the failures (E04).
#[derive(Clone, Debug)]
pub struct BasicAuthentication {
    challenge: HeaderValue,
}

impl BasicAuthentication {
    /// With the realm `api`.
    #[must_use]
    pub const fn new() -> Self {
        Self { challenge: HeaderValue::from_static("Basic realm=\"api\"") }
    }

    /// With another realm: text without quotation marks and control characters, or `None`.
    #[must_use]
    pub fn with_realm(realm: &str) -> Option<Self> {
        if realm.contains(['"', '\\']) {
            return None;
        }
        let challenge = HeaderValue::from_str(&format!("Basic realm=\"{realm}\"")).ok()?;
        Some(Self { challenge })
    }
}

impl Default for BasicAuthentication {
    fn default() -> Self {
        Self::new()
    }
}

impl Authentication for BasicAuthentication {
    fn authenticate<'a>(&'a self, request: &'a mut ApiRequest) -> BoxFuture<'a, Result<Option<Known>, ApiError>> {
        Box::pin(async move {
            let said = match authorization::basic(&request.authorization()) {
                Said::NotMine => return Ok(None),
                Said::Yes(said) => said,
                Said::Malformed(why) => return Err(ApiError::AuthenticationFailed(of_basic(why).into())),
            };
            let credentials = Credentials::password(said.username, said.password);
            match request.ctx().auth().authenticate(credentials).await? {
                Authenticated::Yes(user) if user.is_active => {
                    let backend = Arc::clone(user.backend());
                    Ok(Some(Known::new(Arc::clone(user.user())).with_backend(backend)))
                }
                // Only AllowAllUsersModelBackend lets closed accounts get this far (A61).
                Authenticated::Yes(_) => Err(ApiError::AuthenticationFailed("User inactive or deleted.".into())),
                Authenticated::No(_) => Err(ApiError::AuthenticationFailed("Invalid username/password.".into())),
                Authenticated::Throttled(throttled) => Err(throttled.into()),
            }
        })
    }

    fn challenge(&self) -> Option<HeaderValue> {
        Some(self.challenge.clone())
    }
}

const fn of_basic(why: Malformed) -> &'static str {
    match why {
        Malformed::NoCredentials => "Invalid basic header. No credentials provided.",
        Malformed::Spaces => "Invalid basic header. Credentials string should not contain spaces.",
        _ => "Invalid basic header. Credentials not correctly base64 encoded.",
    }
}
