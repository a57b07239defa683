//! [`LoginRequired`]: a whole router for those who are signed in (A142).

use std::collections::HashSet;
use std::sync::Arc;

use axum::extract::MatchedPath;
use axum_core::body::Body;
use axum_core::response::Response;
use http::Request;
use tower_layer::Layer;

use super::Guard;
use crate::around::{Around, AroundService, Inner};

/// Keeps the anonymous out of every route but those that are named: Django's `LoginRequiredMiddleware`, whose
/// `login_not_required` is [`open`](Self::open) (A142).
///
/// It goes inside of [`CloakroomLayer`](crate::CloakroomLayer), on a router with `Router::layer`. What matches no route is a
/// 404 for everybody, and an open route does not look at the user (V09). A route with a log-in page of its own is opened
/// here and bears a [`Guard`] itself.
///
/// ```
/// use axum::{Router, routing::get};
/// use cloakroom_web::guards::LoginRequired;
///
/// let app: Router = Router::new()
///     .route("/", get(async || "for members"))
///     .route("/about/", get(async || "for everybody"))
///     .layer(LoginRequired::new().open("/about/"));
/// # let _ = app;
/// ```
#[derive(Clone, Debug)]
#[must_use = "a layer does nothing until it is put on a router"]
pub struct LoginRequired {
    guard: Guard,
    open: Arc<HashSet<Box<str>>>,
}

impl LoginRequired {
    /// Sends the anonymous to the log-in page.
    pub fn new() -> Self {
        Self { guard: Guard::login_required(), open: Arc::default() }
    }

    /// Asks another guard than [`Guard::login_required`].
    pub fn with_guard(mut self, guard: Guard) -> Self {
        self.guard = guard;
        self
    }

    /// Opens a route to everybody. `path` is the route as the router knows it, such as `/reset/{uid}/`.
    pub fn open(self, path: impl Into<Box<str>>) -> Self {
        self.open_all([path])
    }

    /// Opens several routes.
    pub fn open_all<P: Into<Box<str>>>(mut self, paths: impl IntoIterator<Item = P>) -> Self {
        Arc::make_mut(&mut self.open).extend(paths.into_iter().map(Into::into));
        self
    }

    /// Whether a request's route is open, or is none.
    fn lets_pass(&self, request: &Request<Body>) -> bool {
        request.extensions().get::<MatchedPath>().is_none_or(|path| self.open.contains(path.as_str()))
    }
}

impl Default for LoginRequired {
    fn default() -> Self {
        Self::new()
    }
}

impl<S> Layer<S> for LoginRequired {
    type Service = AroundService<Self, S>;

    fn layer(&self, inner: S) -> Self::Service {
        AroundService::new(self.clone(), inner)
    }
}

impl Around for LoginRequired {
    async fn around(self, request: Request<Body>, inner: impl Inner) -> Response {
        if self.lets_pass(&request) { inner.answer(request).await } else { self.guard.around(request, inner).await }
    }
}
