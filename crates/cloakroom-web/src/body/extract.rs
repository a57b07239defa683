//! [`FormData`] as an extractor.

use std::sync::Arc;

use axum_core::body::Body;
use axum_core::extract::{FromRequest, Request};
use axum_core::response::{IntoResponse, Response};

use super::{BodyError, FormData};
use crate::error;
use crate::extract::{MissingLayer, ctx};

impl<S: Sync> FromRequest<S> for FormData {
    type Rejection = FormRejection;

    async fn from_request(request: Request, _: &S) -> Result<Self, FormRejection> {
        let (parts, body) = request.into_parts();
        let ctx = ctx(&parts)?;
        let mut request = Request::from_parts(parts, Body::new(body));
        let form = ctx.read_form(&mut request).await?;
        Ok(Self::clone(form))
    }
}

/// Why there is no form.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FormRejection {
    /// The body is malformed or too large: 400.
    #[error(transparent)]
    Body(#[from] BodyError),
    /// A mistake in the program: 500.
    #[error(transparent)]
    MissingLayer(#[from] MissingLayer),
}

impl IntoResponse for FormRejection {
    fn into_response(self) -> Response {
        match self {
            Self::Body(e) => error::body(&e),
            Self::MissingLayer(e) => e.into_response(),
        }
    }
}

/// A form that was read already, by the CSRF check for instance.
impl From<Arc<FormData>> for FormData {
    fn from(form: Arc<FormData>) -> Self {
        Arc::unwrap_or_clone(form)
    }
}
