//! The stylesheet and the icon: built in, named by their content, kept by browsers for a year.

use std::sync::OnceLock;

use axum::Router;
use axum::body::Body;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderValue, Response};
use axum::routing::get;
use sha2::{Digest, Sha256};

const STYLESHEET: &str = include_str!("../static/cloakroom.css");
const ICON: &str = include_str!("../static/icon.svg");

/// The stylesheet's address: it changes with the content.
#[must_use]
pub fn stylesheet_path() -> &'static str {
    static PATH: OnceLock<String> = OnceLock::new();
    PATH.get_or_init(|| format!("/static/cloakroom.{}.css", fingerprint(STYLESHEET)))
}

/// The icon's address: it changes with the content.
#[must_use]
pub fn icon_path() -> &'static str {
    static PATH: OnceLock<String> = OnceLock::new();
    PATH.get_or_init(|| format!("/static/cloakroom.{}.svg", fingerprint(ICON)))
}

/// Both, by their address.
#[must_use]
pub fn all() -> [(&'static str, &'static str); 2] {
    [(stylesheet_path(), STYLESHEET), (icon_path(), ICON)]
}

/// Serves both.
pub fn router<S: Clone + Send + Sync + 'static>() -> Router<S> {
    Router::new()
        .route(stylesheet_path(), get(async || asset(STYLESHEET, "text/css; charset=utf-8")))
        .route(icon_path(), get(async || asset(ICON, "image/svg+xml; charset=utf-8")))
}

fn asset(content: &'static str, content_type: &'static str) -> Response<Body> {
    let mut response = Response::new(Body::from(content));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("public, max-age=31536000, immutable"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

fn fingerprint(content: &str) -> String {
    Sha256::digest(content).iter().take(6).map(|byte| format!("{byte:02x}")).collect()
}
