//! The request's form, read once.

use std::sync::Arc;

use axum_core::body::Body;
use http::{Method, Request};

use super::Ctx;
use crate::body::{BodyError, FormData, buffer_form};

impl Ctx {
    /// The form, if somebody has read it.
    #[must_use]
    pub fn parsed_form(&self) -> Option<&Arc<FormData>> {
        self.0.form.get()
    }

    /// Reads the form of a `POST` and puts the bytes back into the request. Other methods and types have an empty form,
    /// and their bodies stay unread (C29).
    pub(crate) async fn read_form(&self, request: &mut Request<Body>) -> Result<&Arc<FormData>, BodyError> {
        if let Some(form) = self.0.form.get() {
            return Ok(form);
        }
        let mut form = FormData::default();
        if *request.method() == Method::POST {
            let body = std::mem::take(request.body_mut());
            match buffer_form(request.headers(), body, &self.config().limits).await? {
                Ok(buffered) => {
                    form = buffered.form;
                    *request.body_mut() = Body::from(buffered.bytes);
                }
                Err(unread) => *request.body_mut() = unread,
            }
        }
        Ok(self.0.form.get_or_init(|| Arc::new(form)))
    }
}
