//! Answers in JSON, as REST framework writes them.
//!
//! ```
//! use cloakroom_web::api::answer;
//! use http::StatusCode;
//! use serde_json::json;
//!
//! let made = answer::json(StatusCode::CREATED, &json!({ "pk": 7 }));
//! assert_eq!(made.headers()["content-type"], "application/json");
//! let missing = answer::detail(StatusCode::NOT_FOUND, "Not found.");
//! assert_eq!(missing.status(), StatusCode::NOT_FOUND);
//! ```

use axum_core::body::Body;
use axum_core::response::Response;
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, StatusCode};
use serde_json::{Value, json};

/// An answer with this body.
#[must_use]
pub fn json(status: StatusCode, body: &Value) -> Response {
    // JavaScript of old takes these two for ends of lines.
    let text = body.to_string().replace('\u{2028}', "\\u2028").replace('\u{2029}', "\\u2029");
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// An answer that says in one sentence what is wrong.
#[must_use]
pub fn detail(status: StatusCode, text: &str) -> Response {
    json(status, &json!({ "detail": text }))
}

/// A failure that has a page, said in JSON: its status in words, and when to come back.
#[must_use]
pub fn of_page(page: &Response) -> Response {
    let status = page.status();
    let mut response = detail(status, status.canonical_reason().unwrap_or("Error"));
    if let Some(after) = page.headers().get(RETRY_AFTER) {
        response.headers_mut().insert(RETRY_AFTER, after.clone());
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    /// F01: a store that fails is 503 here too, and says when to come back.
    #[test]
    fn a_failed_store_is_said_in_json() {
        let mut page = Response::new(Body::from("<html>"));
        *page.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
        page.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("5"));
        let response = of_page(&page);
        assert_eq!(
            (response.status(), &response.headers()[RETRY_AFTER]),
            (page.status(), &HeaderValue::from_static("5"))
        );
        assert_eq!(response.headers()[CONTENT_TYPE], "application/json");
    }
}
