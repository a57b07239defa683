//! `require_POST` and its kin: a handler takes some methods, all others get 405 with `Allow` (A145).

use std::convert::Infallible;
use std::future::{Ready, ready};
use std::task::{Context, Poll};

use axum_core::body::Body;
use axum_core::response::Response;
use futures_util::future::Either;
use http::header::ALLOW;
use http::{HeaderValue, Method, Request, StatusCode};
use tower_layer::Layer;
use tower_service::Service;

use crate::pages;

/// Takes `POST` alone.
pub fn require_post() -> RequireMethods {
    RequireMethods::new([Method::POST])
}

/// Takes `GET` alone; `HEAD` is refused too, as Django's `require_GET` does.
pub fn require_get() -> RequireMethods {
    RequireMethods::new([Method::GET])
}

/// Takes `GET` and `HEAD`.
pub fn require_safe() -> RequireMethods {
    RequireMethods::new([Method::GET, Method::HEAD])
}

/// Takes the methods named, in the order in which `Allow` shall list them.
pub fn require_methods(methods: impl IntoIterator<Item = Method>) -> RequireMethods {
    RequireMethods::new(methods)
}

/// A layer that answers 405 to other methods.
///
/// Put it on a route made with `axum::routing::any`, so that nothing answers before it:
///
/// ```
/// use axum::{Router, routing::any};
/// use cloakroom_web::guards::require_post;
///
/// let app: Router = Router::new().route("/vote/", any(async || "counted").layer(require_post()));
/// # let _ = app;
/// ```
#[derive(Clone, Debug)]
#[must_use = "a layer does nothing until it is put on a route"]
pub struct RequireMethods {
    methods: Vec<Method>,
    allow: HeaderValue,
}

impl RequireMethods {
    fn new(methods: impl IntoIterator<Item = Method>) -> Self {
        let methods: Vec<Method> = methods.into_iter().collect();
        let allow = methods.iter().map(Method::as_str).collect::<Vec<_>>().join(", ");
        let allow = HeaderValue::from_str(&allow).expect("methods are tokens, and tokens are header text");
        Self { methods, allow }
    }

    fn refusal(&self) -> Response {
        let mut response = pages::error(StatusCode::METHOD_NOT_ALLOWED);
        response.headers_mut().insert(ALLOW, self.allow.clone());
        response
    }
}

impl<S> Layer<S> for RequireMethods {
    type Service = RequireMethodsService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        RequireMethodsService { rule: self.clone(), inner }
    }
}

/// The service that [`RequireMethods`] makes.
#[derive(Clone, Debug)]
pub struct RequireMethodsService<S> {
    rule: RequireMethods,
    inner: S,
}

impl<S> Service<Request<Body>> for RequireMethodsService<S>
where
    S: Service<Request<Body>, Response = Response, Error = Infallible>,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Either<Ready<Result<Response, Infallible>>, S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        if self.rule.methods.contains(request.method()) {
            Either::Right(self.inner.call(request))
        } else {
            tracing::warn!(
                target: "django.request",
                method = %request.method(),
                path = request.uri().path(),
                "method not allowed"
            );
            Either::Left(ready(Ok(self.rule.refusal())))
        }
    }
}
