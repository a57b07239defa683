//! [`Around`]: what the layers do that may wait, for a store say, before or after their routes; and the one service that
//! does it.

use std::convert::Infallible;
use std::future::Future;
use std::task::{Context, Poll};

use axum_core::body::Body;
use axum_core::response::Response;
use futures_util::future::BoxFuture;
use http::Request;
use tower_service::Service;

/// What stands around routes.
pub(crate) trait Around: Clone + Send + 'static {
    /// Answers a request by what is inside, or in its place.
    fn around(self, request: Request<Body>, inner: impl Inner) -> impl Future<Output = Response> + Send;
}

/// What is inside.
pub(crate) trait Inner: Send {
    /// Its answer.
    fn answer(self, request: Request<Body>) -> impl Future<Output = Response> + Send;
}

impl<S> Inner for S
where
    S: Service<Request<Body>, Response = Response, Error = Infallible, Future: Send> + Send,
{
    async fn answer(mut self, request: Request<Body>) -> Response {
        match self.call(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        }
    }
}

/// The service that a layer makes which waits before or after its routes.
#[derive(Clone, Debug)]
pub struct AroundService<R, S> {
    rule: R,
    inner: S,
}

impl<R, S> AroundService<R, S> {
    pub(crate) const fn new(rule: R, inner: S) -> Self {
        Self { rule, inner }
    }
}

impl<R: Around, S> Service<Request<Body>> for AroundService<R, S>
where
    S: Service<Request<Body>, Response = Response, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send,
{
    type Response = Response;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response, Infallible>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        // The clone may not be ready; what was polled is.
        let clone = self.inner.clone();
        let inner = std::mem::replace(&mut self.inner, clone);
        let rule = self.rule.clone();
        Box::pin(async move { Ok(rule.around(request, inner).await) })
    }
}
