//! [`ApiRequest`]: what authentication classes see.

use axum_core::body::Body;
use cloakroom_core::csrf::{FORM_FIELD, Rejection, reads_form};
use http::header::AUTHORIZATION;
use http::{HeaderMap, Method, Request};

use super::error::ApiError;
use crate::body::BodyError;
use crate::csrf::CsrfStep;
use crate::ctx::{CsrfCheck, Ctx, header_text};

/// A request on its way to a handler, as classes of authentication see it.
#[derive(Debug)]
pub struct ApiRequest {
    ctx: Ctx,
    request: Request<Body>,
}

impl ApiRequest {
    pub(super) const fn new(ctx: Ctx, request: Request<Body>) -> Self {
        Self { ctx, request }
    }

    pub(super) fn into_inner(self) -> Request<Body> {
        self.request
    }

    /// The request's context. Its user is the session's still.
    #[must_use]
    pub const fn ctx(&self) -> &Ctx {
        &self.ctx
    }

    /// The method.
    #[must_use]
    pub fn method(&self) -> &Method {
        self.request.method()
    }

    /// The headers.
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        self.request.headers()
    }

    /// The bytes of the header `Authorization`, empty where there is none; several are joined by commas, as WSGI does.
    #[must_use]
    pub fn authorization(&self) -> Vec<u8> {
        let mut values = self.headers().get_all(AUTHORIZATION).iter();
        let mut bytes = values.next().map(|v| v.as_bytes().to_vec()).unwrap_or_default();
        for value in values {
            bytes.push(b',');
            bytes.extend_from_slice(value.as_bytes());
        }
        bytes
    }

    /// Makes the CSRF check (C20–C29): a class that goes by a cookie calls it for whom it lets in (D03). Of a `POST` with a
    /// form the body is read.
    ///
    /// # Errors
    ///
    /// [`ApiError::Denied`] with REST framework's words; [`ApiError::Body`] where the form cannot be read; a store failed.
    pub async fn enforce_csrf(&mut self) -> Result<(), ApiError> {
        if self.ctx.state().csrf == CsrfCheck::Passed {
            return Ok(());
        }
        let (parts, body) = std::mem::take(&mut self.request).into_parts();
        let step = self.ctx.csrf_step(&parts).await;
        self.request = Request::from_parts(parts, body);
        let refused = |rejection: Rejection| ApiError::Denied(format!("CSRF Failed: {rejection}").into());
        match step? {
            CsrfStep::Passed => {}
            CsrfStep::Refused(rejection) => return Err(refused(rejection)),
            CsrfStep::NeedsToken(token) => {
                let form = match reads_form(self.method().as_str()) {
                    true => match self.ctx.read_form(&mut self.request).await {
                        Ok(form) => Some(std::sync::Arc::clone(form)),
                        Err(BodyError::Unreadable(_)) => None,
                        Err(e) => return Err(ApiError::Body(e)),
                    },
                    false => None,
                };
                let field = form.as_ref().and_then(|form| form.get(FORM_FIELD));
                token.check_form(field, self.request.headers()).map_err(refused)?;
            }
        }
        self.ctx.state().csrf = CsrfCheck::Passed;
        Ok(())
    }

    /// A header as WSGI gives it.
    pub(super) fn header(&self, name: &str) -> Option<String> {
        header_text(self.headers(), name).map(std::borrow::Cow::into_owned)
    }
}
