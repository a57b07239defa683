//! What the doors answer: JSON.

use axum::body::Body;
use axum::http::header::ALLOW;
use axum::http::{HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use cloakroom_auth::{AuthError, Throttled};
use cloakroom_core::csrf::{Rejection, UnmaskableSecret};
use cloakroom_core::models::User;
use cloakroom_sessions::SessionError;
use cloakroom_web::api::answer;
use cloakroom_web::forms::{Form, FormError, NON_FIELD};
use cloakroom_web::pages::with_retry_after;
use cloakroom_web::{BodyError, GuardRejection};
use serde_json::{Map, Value, json};

use crate::error::PageError;

/// Why a door did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub(super) enum ApiError {
    /// The body is no JSON, or none of texts: 400.
    #[error("the body is not what was expected: {0}")]
    Body(&'static str),
    /// The form in the body has errors: 400.
    #[error("the form has errors")]
    Form(Value),
    /// The CSRF check failed: 403 (D03).
    #[error("CSRF Failed: {0}")]
    Csrf(Rejection),
    /// Nobody is signed in: 403 (D04).
    #[error("Authentication credentials were not provided.")]
    Anonymous,
    /// There is no such thing: 404.
    #[error("Not found.")]
    NotFound,
    /// The door does not take this method: 405.
    #[error("Method \"{method}\" not allowed.")]
    Method {
        /// The method.
        method: Method,
        /// Those that it takes.
        allow: String,
    },
    /// The client takes no JSON: 406.
    #[error("Answers are JSON, which the Accept header rules out.")]
    NotAcceptable,
    /// The body is said to be something else than JSON: 415.
    #[error("Bodies must be JSON, with the type application/json.")]
    MediaType,
    /// Too many tries lately: 429 with `Retry-After` (E04).
    #[error("Request was throttled. Expected available in {} seconds.", .0.retry_after_secs())]
    Throttled(Throttled),
    /// As with the pages.
    #[error(transparent)]
    Page(#[from] PageError),
}

impl ApiError {
    /// The errors of a form.
    pub(super) fn form(form: &Form) -> Self {
        Self::Form(form_errors(form))
    }

    /// A field whose value leads nowhere.
    pub(super) fn invalid(field: &str) -> Self {
        let error = FormError::of("invalid");
        Self::Form(json!({ field: [error.message()], "codes": { field: [error.code()] } }))
    }

    const fn status(&self) -> StatusCode {
        match self {
            Self::Body(_) | Self::Form(_) => StatusCode::BAD_REQUEST,
            Self::Csrf(_) | Self::Anonymous => StatusCode::FORBIDDEN,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::Method { .. } => StatusCode::METHOD_NOT_ALLOWED,
            Self::NotAcceptable => StatusCode::NOT_ACCEPTABLE,
            Self::MediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Throttled(_) => StatusCode::TOO_MANY_REQUESTS,
            Self::Page(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

impl From<AuthError> for ApiError {
    fn from(error: AuthError) -> Self {
        Self::Page(error.into())
    }
}

impl From<Throttled> for ApiError {
    fn from(throttled: Throttled) -> Self {
        Self::Throttled(throttled)
    }
}

impl From<SessionError> for ApiError {
    fn from(error: SessionError) -> Self {
        Self::Page(error.into())
    }
}

impl From<UnmaskableSecret> for ApiError {
    fn from(error: UnmaskableSecret) -> Self {
        Self::Page(error.into())
    }
}

impl From<GuardRejection> for ApiError {
    fn from(error: GuardRejection) -> Self {
        Self::Page(error.into())
    }
}

impl From<BodyError> for ApiError {
    fn from(error: BodyError) -> Self {
        Self::Page(error.into())
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let status = self.status();
        let text = self.to_string();
        match self {
            Self::Form(body) => answer::json(status, &body),
            Self::Throttled(throttled) => with_retry_after(answer::detail(status, &text), throttled),
            // Whatever a page would say of it.
            Self::Page(PageError::Guard(GuardRejection::Throttled(throttled))) => {
                Self::Throttled(throttled).into_response()
            }
            Self::Page(error) => answer::of_page(&error.into_response()),
            Self::Method { allow, .. } => {
                let mut response = answer::detail(status, &text);
                if let Ok(allow) = HeaderValue::from_str(&allow) {
                    response.headers_mut().insert(ALLOW, allow);
                }
                response
            }
            _ => answer::detail(status, &text),
        }
    }
}

/// 200 with a body.
pub(super) fn ok(body: &Value) -> Response {
    answer::json(StatusCode::OK, body)
}

/// 204.
pub(super) fn nothing() -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    response
}

/// What a user is told of themselves.
pub(super) fn user_json(user: &User) -> Value {
    let pk = user.id.as_int().map_or_else(|| Value::from(user.id.to_string()), Value::from);
    json!({
        "pk": pk,
        "username": user.username,
        "email": user.email,
        "first_name": user.first_name,
        "last_name": user.last_name,
    })
}

/// Texts by field, and the same as codes under `codes`.
fn form_errors(form: &Form) -> Value {
    let (mut texts, mut codes) = (Map::new(), Map::new());
    for (name, errors) in form.errors().iter() {
        let name = if name == NON_FIELD { "non_field_errors" } else { name };
        texts.insert(name.to_owned(), errors.iter().map(FormError::message).collect());
        codes.insert(name.to_owned(), errors.iter().map(FormError::code).collect());
    }
    texts.insert("codes".to_owned(), Value::Object(codes));
    Value::Object(texts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use cloakroom_web::forms::Field;

    #[test]
    fn errors_stand_by_field_and_code() {
        let mut form = Form::bind(vec![Field::text("a")], |_| None);
        form.add_error(NON_FIELD, FormError::of("invalid_login"));
        let body = form_errors(&form);
        assert_eq!(body["codes"], json!({ "a": ["required"], "non_field_errors": ["invalid_login"] }));
        assert_eq!(body["a"].as_array().map(Vec::len), Some(1));
        assert!(body["non_field_errors"][0].is_string());
    }

    #[test]
    fn a_method_that_is_not_taken_names_those_that_are() {
        let error = ApiError::Method { method: Method::PUT, allow: "POST, OPTIONS".to_owned() };
        let response = error.into_response();
        assert_eq!(
            (response.status().as_u16(), &response.headers()[ALLOW]),
            (405, &HeaderValue::from_static("POST, OPTIONS"))
        );
    }
}
