//! [`never_cache`]: answers that no cache may keep (A117, H04).

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum_core::body::Body;
use axum_core::response::Response;
use cloakroom_core::clock::Timestamp;
use cloakroom_core::headers;
use http::header::{CACHE_CONTROL, EXPIRES};
use http::{HeaderMap, HeaderValue, Request};
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use super::rejection::Raised;
use crate::ctx::Ctx;

/// Keeps the answers of a route out of caches: `Expires` now, `Cache-Control: max-age=0, no-cache, no-store,
/// must-revalidate, private` (A117).
///
/// As in Django, a 403 or 5xx that a guard inside answers goes without.
///
/// ```
/// use axum::{Router, routing::get};
/// use cloakroom_web::guards::never_cache;
///
/// let app: Router = Router::new().route("/profile/", get(async || "me").layer(never_cache()));
/// # let _ = app;
/// ```
pub const fn never_cache() -> NeverCache {
    NeverCache
}

/// The layer that [`never_cache`] makes.
#[derive(Clone, Copy, Debug, Default)]
#[must_use = "a layer does nothing until it is put on a route"]
pub struct NeverCache;

impl<S> Layer<S> for NeverCache {
    type Service = NeverCacheService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        NeverCacheService { inner }
    }
}

/// The service that [`NeverCache`] makes.
#[derive(Clone, Debug)]
pub struct NeverCacheService<S> {
    inner: S,
}

impl<S> Service<Request<Body>> for NeverCacheService<S>
where
    S: Service<Request<Body>, Response = Response, Error = Infallible>,
{
    type Response = Response;
    type Error = Infallible;
    type Future = NeverCacheFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let ctx = request.extensions().get::<Ctx>().cloned();
        NeverCacheFuture { ctx, inner: self.inner.call(request) }
    }
}

pin_project! {
    /// The future of [`NeverCacheService`].
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct NeverCacheFuture<F> {
        ctx: Option<Ctx>,
        #[pin]
        inner: F,
    }
}

impl<F: Future<Output = Result<Response, Infallible>>> Future for NeverCacheFuture<F> {
    type Output = Result<Response, Infallible>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let mut response = match ready!(this.inner.poll(cx)) {
            Ok(response) => response,
            Err(never) => match never {},
        };
        if response.extensions().get::<Raised>().is_none() {
            // Without the layer there is no clock; a date long past says the same.
            let now = this.ctx.as_ref().map_or(Timestamp::UNIX_EPOCH, Ctx::now);
            add_headers(response.headers_mut(), now);
        }
        Poll::Ready(Ok(response))
    }
}

fn add_headers(map: &mut HeaderMap, now: Timestamp) {
    let text = |name| map.get(name).and_then(|v: &HeaderValue| v.to_str().ok());
    let headers = headers::never_cache(text(CACHE_CONTROL), text(EXPIRES), now);
    if let Ok(value) = HeaderValue::from_str(&headers.cache_control) {
        map.insert(CACHE_CONTROL, value);
    }
    if let Some(Ok(value)) = headers.expires.map(|e| HeaderValue::from_str(&e)) {
        map.insert(EXPIRES, value);
    }
}
