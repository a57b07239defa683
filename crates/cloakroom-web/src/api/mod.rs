//! APIs guarded as Django REST framework guards them (D01–D40): who calls, whether they may, how often.
//!
//! [`Api`] is a layer for routes. Inside of it handlers ask for an [`ApiUser`], or for the [`Caller`], who may be nobody, and
//! answer what is wrong with an [`ApiError`].
//!
//! ```
//! use axum::{Json, Router, routing::get};
//! use cloakroom_web::api::{
//!     Api, ApiError, ApiUser, Caller, IsAuthenticatedOrReadOnly, SessionAuthentication, TokenAuthentication,
//! };
//!
//! async fn list(caller: Caller) -> String {
//!     caller.user().map_or("for everybody".into(), |user| format!("for {}", user.username))
//! }
//! async fn order(user: ApiUser) -> Result<Json<i64>, ApiError> {
//!     if !user.is_staff {
//!         return Err(ApiError::PermissionDenied);
//!     }
//!     Ok(Json(7))
//! }
//!
//! let api = Api::new()
//!     .with_authentication(TokenAuthentication::new())
//!     .with_authentication(SessionAuthentication)
//!     .with_permission(IsAuthenticatedOrReadOnly);
//! let app: Router = Router::new().route("/api/orders/", get(list).post(order)).route_layer(api);
//! # let _ = app;
//! ```
//!
//! - The classes are asked in their order, before permissions, throttles and the handler, for every method (D02).
//! - The first class alone decides between 401 and 403 (D04): put one with a header first, if clients are to log in by it.
//! - **CSRF**: [`SessionAuthentication`] checks the requests that it lets in, and no others are checked (D03). So the layer
//!   around must leave the routes alone: say so with
//!   [`insecure_csrf_exempt_below`](crate::CloakroomLayer::insecure_csrf_exempt_below). Where that is forgotten, requests
//!   without a token are refused by that layer, tokens of other kinds included.
//! - Inside, [`Ctx::user`](crate::Ctx::user) and every extractor of users give the API's caller: where no class asks for the
//!   session, its cookie opens nothing.

pub mod answer;
mod authentication;
pub mod authorization;
mod caller;
mod error;
mod layer;
mod model_permissions;
mod obtain_token;
mod permissions;
mod remote_user;
mod request;
mod throttle;
mod token;

pub use self::authentication::{Authentication, BasicAuthentication, Known, SessionAuthentication};
pub use self::caller::{ApiUser, Caller};
pub use self::error::ApiError;
pub use self::layer::Api;
pub use self::model_permissions::ModelPermissions;
pub use self::obtain_token::obtain_auth_token;
pub use self::permissions::{
    AllowAny, IsAdminUser, IsAuthenticated, IsAuthenticatedOrReadOnly, Permission, PermissionRule,
};
pub use self::remote_user::RemoteUserAuthentication;
pub use self::request::ApiRequest;
pub use self::throttle::{Ident, Rate, RateError, RateThrottle, Throttle, Wait};
pub use self::token::TokenAuthentication;

/// A future that a rule of one's own returns.
pub type BoxFuture<'a, T> = futures_util::future::BoxFuture<'a, T>;
