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

#[cfg(test)]
mod tests {
    use super::*;

    /// The colours of one scheme by name: the first block `:root { … }` is the light one, the second the dark one.
    fn scheme(block: usize) -> impl Fn(&str) -> f64 {
        let block = STYLESHEET.split(":root {").nth(block).unwrap().split_once('}').unwrap().0;
        move |name| {
            let hex = block.split_once(&format!("--{name}: #")).unwrap().1.get(..6).unwrap();
            let channel = |at: usize| {
                let c = f64::from(u8::from_str_radix(&hex[at..at + 2], 16).unwrap()) / 255.0;
                if c <= 0.04045 { c / 12.92 } else { ((c + 0.055) / 1.055).powf(2.4) }
            };
            0.2126 * channel(0) + 0.7152 * channel(2) + 0.0722 * channel(4)
        }
    }

    /// WCAG 2.2, AA: 4.5 for text (1.4.3), 3 for the edges of fields (1.4.11), in both schemes.
    #[test]
    fn colours_have_contrast() {
        let text = [
            ("ink", "ground"),
            ("ink", "paper"),
            ("ink", "note-wash"),
            ("soft", "paper"),
            ("soft", "ground"),
            ("accent", "paper"),
            ("accent", "ground"),
            ("accent-deep", "ground"),
            ("on-accent", "accent"),
            ("on-accent", "accent-deep"),
            ("brass", "paper"),
            ("wrong", "paper"),
            ("wrong", "wrong-wash"),
            ("paper", "ink"),
        ];
        for block in [1, 2] {
            let luminance = scheme(block);
            let ratio = |a: &str, b: &str| {
                let (a, b) = (luminance(a), luminance(b));
                (a.max(b) + 0.05) / (a.min(b) + 0.05)
            };
            for (front, back) in text {
                assert!(ratio(front, back) >= 4.5, "scheme {block}: {front} on {back}: {:.2}", ratio(front, back));
            }
            assert!(ratio("edge", "paper") >= 3.0);
        }
    }
}
