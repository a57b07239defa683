//! Redirects.

use axum_core::body::Body;
use axum_core::response::Response;
use cloakroom_core::urls::{DisallowedRedirect, check_redirect};
use http::header::{CONTENT_TYPE, LOCATION};
use http::{HeaderValue, StatusCode};

use crate::pages;

/// Answers 302 to `to`, encoded as Django's `HttpResponseRedirect` does (A133).
///
/// Schemes other than http, https, ftp and none, and more than 16,384 characters, are answered 400. This says nothing of
/// whose host it is: what comes from a client passes [`Ctx::safe_next`](crate::Ctx::safe_next) first.
///
/// ```
/// let response = cloakroom_web::redirect("/profile/é/");
/// assert_eq!(response.status(), 302);
/// assert_eq!(response.headers()["location"], "/profile/%C3%A9/");
/// assert_eq!(cloakroom_web::redirect("javascript:alert(1)").status(), 400);
/// ```
#[must_use]
pub fn redirect(to: &str) -> Response {
    checked(StatusCode::FOUND, to)
}

/// Answers 301 to `to`; otherwise as [`redirect`].
#[must_use]
pub fn permanent_redirect(to: &str) -> Response {
    checked(StatusCode::MOVED_PERMANENTLY, to)
}

fn checked(status: StatusCode, to: &str) -> Response {
    match check_redirect(to) {
        Ok(location) => located(status, &location),
        Err(e) => disallowed(&e),
    }
}

/// A redirect to what was checked and encoded.
pub(crate) fn located(status: StatusCode, location: &str) -> Response {
    let Ok(location) = HeaderValue::from_str(location) else {
        return pages::error(StatusCode::BAD_REQUEST);
    };
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response.headers_mut().insert(LOCATION, location);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    response
}

/// The 400 of a redirect that is not made (R22).
pub(crate) fn disallowed(error: &DisallowedRedirect) -> Response {
    tracing::error!(target: "django.security.DisallowedRedirect", error = ?error.to_string(), "bad request");
    pages::error(StatusCode::BAD_REQUEST)
}
