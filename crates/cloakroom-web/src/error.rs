//! Where failures become answers, and are logged, once.

use axum_core::response::Response;
use cloakroom_auth::{AuthError, metrics};
use cloakroom_core::cookies::CookieError;
use cloakroom_core::hosts::DisallowedHost;
use cloakroom_sessions::SessionError;
use http::StatusCode;

use crate::body::BodyError;
use crate::pages;

/// A session that could not be read or kept: 400 for one that ended meanwhile (S66), 503 for a store that does not answer
/// (F01), 500 for data that cannot be understood (S25).
pub(crate) fn session(error: &SessionError) -> Response {
    match error {
        SessionError::Interrupted => {
            tracing::warn!(target: "django.request", "the session was deleted before the request completed");
            pages::error(StatusCode::BAD_REQUEST)
        }
        SessionError::InvalidKey => {
            tracing::error!(target: "django.security.InvalidSessionKey", "the session key has characters that it may not have");
            pages::error(StatusCode::BAD_REQUEST)
        }
        SessionError::Engine(e) if e.is_unavailable() => {
            tracing::error!(target: "cloakroom.sessions", error = chain(error), "the store of sessions does not answer");
            metrics::failed(503);
            pages::unavailable()
        }
        _ => {
            tracing::error!(target: "django.request", error = chain(error), "the session cannot be used");
            metrics::failed(500);
            pages::error(StatusCode::INTERNAL_SERVER_ERROR)
        }
    }
}

/// A user who could not be found out: 503, or 500 where trying again cannot help (F01, A70).
pub(crate) fn auth(error: &AuthError) -> Response {
    if let AuthError::Session(error) = error {
        return session(error);
    }
    tracing::error!(target: "cloakroom.auth", error = chain(error), "the user could not be found out");
    metrics::failed(if error.is_servers_fault() { 500 } else { 503 });
    if error.is_servers_fault() { pages::error(StatusCode::INTERNAL_SERVER_ERROR) } else { pages::unavailable() }
}

/// A body that is no form, or too much of one: 400 (R22).
pub(crate) fn body(error: &BodyError) -> Response {
    // A target must be known when the code is compiled, so Django's logger is a field.
    tracing::warn!(target: "django.request", logger = error.logger(), error = chain(error), "bad request");
    pages::error(StatusCode::BAD_REQUEST)
}

/// A host that this site is not: 400 (C44, H08).
pub(crate) fn host(error: &DisallowedHost) -> Response {
    tracing::error!(target: "django.security.DisallowedHost", error = ?error.to_string(), "bad request");
    pages::error(StatusCode::BAD_REQUEST)
}

/// A cookie that cannot be written: 500 (K12).
pub(crate) fn cookie(error: CookieError) -> Response {
    tracing::error!(target: "django.request", %error, "a cookie could not be written");
    pages::error(StatusCode::INTERNAL_SERVER_ERROR)
}

/// A defect of the program: 500.
pub(crate) fn server(what: &str) -> Response {
    tracing::error!(target: "django.request", "{what}");
    metrics::failed(500);
    pages::error(StatusCode::INTERNAL_SERVER_ERROR)
}

/// An error with its causes, on one line, control characters escaped (L04).
pub(crate) fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text.chars().flat_map(|c| if c.is_control() { c.escape_default().collect::<Vec<_>>() } else { vec![c] }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// L04.
    #[test]
    fn control_characters_are_escaped() {
        let error = DisallowedHost::Malformed { host: String::new() };
        assert!(!chain(&error).is_empty());
        let error = std::io::Error::other("a\r\nb\u{1b}[0m");
        assert_eq!(chain(&error), "a\\r\\nb\\u{1b}[0m");
    }
}
