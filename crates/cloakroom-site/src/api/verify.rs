//! `/auth/verify`: a reverse proxy asks whether a request may pass, and as whom.

use axum::body::Body;
use axum::http::header::{ACCEPT, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::Response;
use cloakroom_core::urls::redirect_to_login;
use cloakroom_web::{Ctx, GuardRejection, redirect};

use crate::error::PageError;

const REMOTE_USER: HeaderName = HeaderName::from_static("remote-user");

/// 200 with the name in `Remote-User`; else 401, or for browsers a redirect to the log-in page, whose `next` is the address
/// that the proxy was asked for. The proxy must set the `X-Forwarded-*` headers itself; the log-in page follows `next` only
/// to hosts that it may lead to.
pub(super) async fn verify(ctx: Ctx, headers: HeaderMap) -> Result<Response, PageError> {
    if let Some(user) = ctx.user().await? {
        let name = HeaderValue::from_bytes(user.username.as_bytes());
        let name = name.map_err(|_| GuardRejection::Server("the username cannot stand in a header"))?;
        let mut response = plain(StatusCode::OK);
        response.headers_mut().insert(REMOTE_USER, name);
        return Ok(response);
    }
    if !text(&headers, ACCEPT.as_str()).unwrap_or_default().contains("text/html") {
        return Ok(plain(StatusCode::UNAUTHORIZED));
    }
    let own_host = ctx.host().map_err(|e| GuardRejection::Host(e.clone()))?;
    let own_scheme = if ctx.is_secure() { "https" } else { "http" };
    let scheme = text(&headers, "x-forwarded-proto").unwrap_or_else(|| own_scheme.to_owned());
    let host = text(&headers, "x-forwarded-host").unwrap_or_else(|| own_host.to_owned());
    let uri = text(&headers, "x-forwarded-uri").unwrap_or_else(|| "/".to_owned());
    let next = format!("{scheme}://{host}{uri}");
    let location = redirect_to_login(&next, &ctx.config().urls.login_url, Some("next"));
    Ok(redirect(&location.map_err(|_| GuardRejection::Server("LOGIN_URL is no address"))?))
}

/// A header as WSGI gives it: each byte a character.
fn text(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name).map(|value| value.as_bytes().iter().copied().map(char::from).collect())
}

fn plain(status: StatusCode) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_of_headers_are_characters() {
        let mut headers = HeaderMap::new();
        headers.insert("x-forwarded-uri", HeaderValue::from_bytes("/é".as_bytes()).unwrap());
        assert_eq!(text(&headers, "x-forwarded-uri").as_deref(), Some("/\u{c3}\u{a9}"));
        assert_eq!(text(&headers, "x-forwarded-host"), None);
    }
}
