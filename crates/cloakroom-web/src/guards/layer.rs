//! [`Guard`] as a layer.

use axum_core::body::Body;
use axum_core::response::{IntoResponse, Response};
use http::Request;
use tower_layer::Layer;

use super::Guard;
use crate::around::{Around, AroundService, Inner};
use crate::ctx::Ctx;
use crate::extract::missing_layer;

impl<S> Layer<S> for Guard {
    type Service = AroundService<Self, S>;

    fn layer(&self, inner: S) -> Self::Service {
        AroundService::new(self.clone(), inner)
    }
}

impl Around for Guard {
    async fn around(self, request: Request<Body>, inner: impl Inner) -> Response {
        let Some(ctx) = request.extensions().get::<Ctx>() else { return missing_layer() };
        match self.check(ctx).await {
            Ok(_) => inner.answer(request).await,
            Err(rejection) => rejection.into_response(),
        }
    }
}
