//! The error pages: short, accessible, the same for every reason (L05, F10).

use std::sync::Arc;

use axum_core::body::Body;
use axum_core::response::Response;
use cloakroom_auth::Throttled;
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, StatusCode};

use crate::interrupted::FormAgain;

/// Seconds after which a client may ask again when the store is down (F01).
const RETRY_AFTER_SECONDS: HeaderValue = HeaderValue::from_static("5");

/// The page of a status: 400, 403, 404, 405, 500, 503; any other has its number and nothing more.
///
/// ```
/// let response = cloakroom_web::pages::error(http::StatusCode::NOT_FOUND);
/// assert_eq!(response.status(), 404);
/// assert_eq!(response.headers()["content-type"], "text/html; charset=utf-8");
/// ```
#[must_use]
pub fn error(status: StatusCode) -> Response {
    let (title, text) = match status {
        StatusCode::BAD_REQUEST => ("Bad request", "Your browser sent something that this site cannot understand."),
        StatusCode::FORBIDDEN => ("Forbidden", "You may not see this page."),
        StatusCode::NOT_FOUND => ("Not found", "There is no such page on this site."),
        StatusCode::METHOD_NOT_ALLOWED => ("Method not allowed", "This page does not take this kind of request."),
        StatusCode::SERVICE_UNAVAILABLE => {
            ("Service unavailable", "The site cannot answer right now. Please try again in a moment.")
        }
        StatusCode::INTERNAL_SERVER_ERROR => {
            ("Server error", "Something went wrong on our side. It has been noted. Please try again later.")
        }
        other => (other.canonical_reason().unwrap_or("Error"), "The request could not be answered."),
    };
    page(status, title, text, None)
}

/// The 503 of a store that cannot be reached, with `Retry-After` (F01).
#[must_use]
pub fn unavailable() -> Response {
    let mut response = error(StatusCode::SERVICE_UNAVAILABLE);
    response.headers_mut().insert(RETRY_AFTER, RETRY_AFTER_SECONDS);
    response
}

/// The 429 of too many tries, with `Retry-After` (E04, E08).
#[must_use]
pub fn too_many_requests(throttled: Throttled) -> Response {
    let text = "This was tried too often from here, or for this account. Please wait a little and try again.";
    with_retry_after(page(StatusCode::TOO_MANY_REQUESTS, "Too many tries", text, None), throttled)
}

/// Makes an answer the 429 of too many tries: status and `Retry-After`, whatever its body.
#[must_use]
pub fn with_retry_after(mut response: Response, throttled: Throttled) -> Response {
    *response.status_mut() = StatusCode::TOO_MANY_REQUESTS;
    response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(throttled.retry_after_secs()));
    response
}

/// The 403 of a refused form (C40). `reason` is for developers alone. A form of this site's own is no dead end (X11).
pub(crate) fn csrf_failure(reason: Option<&str>, again: Option<FormAgain>) -> Response {
    if let Some(again) = again {
        return expired(reason, again);
    }
    page(
        StatusCode::FORBIDDEN,
        "Forbidden",
        "The form could not be verified, so nothing was changed. Go back, reload the page, and send it again; cookies \
         must be allowed for this site.",
        reason,
    )
}

fn expired(reason: Option<&str>, again: FormAgain) -> Response {
    let text = match again.fields.is_empty() {
        true => {
            "The page with the form is too old: somebody logged in or out meanwhile, or its cookie is gone. Nothing was \
             changed. Open the form again and fill it in once more."
        }
        false => {
            "The page with the form is too old: somebody logged in or out meanwhile. Nothing was changed. What you entered is \
             still here: send it again, if that is what you want."
        }
    };
    let mut response = page(StatusCode::FORBIDDEN, "This form has expired", text, reason);
    let plain = plain_page("This form has expired", text, reason, &again.to_html());
    *response.body_mut() = Body::from(plain);
    if let Some(said) = response.extensions_mut().get_mut::<ErrorText>() {
        said.again = Some(again);
    }
    response
}

impl FormAgain {
    fn to_html(&self) -> String {
        let link = format!("<p><a href=\"{}\">Back to the form</a></p>\n", escape(&self.page));
        if self.fields.is_empty() {
            return link;
        }
        let inputs: String = self
            .fields
            .iter()
            .map(|(name, value)| {
                format!("<input type=\"hidden\" name=\"{}\" value=\"{}\">\n", escape(name), escape(value))
            })
            .collect();
        let action = escape(&self.action);
        format!("<form method=\"post\" action=\"{action}\">\n{inputs}<button>Send it again</button>\n</form>\n{link}")
    }
}

/// What an error page says, in the answer's extensions: a layer outside may say it in the site's own layout.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ErrorText {
    /// The heading.
    pub title: Box<str>,
    /// A sentence or two; it says nothing of reasons (L05).
    pub text: Box<str>,
    /// The reason, for developers alone: only under `DEBUG`.
    pub detail: Option<Box<str>>,
    /// The way back to a form that expired (X11).
    pub again: Option<FormAgain>,
    /// The nonce of the answer's policy, if the layer knows the answer (M42).
    pub nonce: Option<Arc<str>>,
}

fn page(status: StatusCode, title: &str, text: &str, detail: Option<&str>) -> Response {
    let said =
        ErrorText { title: title.into(), text: text.into(), detail: detail.map(Into::into), again: None, nonce: None };
    let body = plain_page(title, text, detail, "");
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    response.extensions_mut().insert(said);
    response
}

fn plain_page(title: &str, text: &str, detail: Option<&str>, more: &str) -> String {
    let detail = detail.map(|d| format!("<p><code>{}</code></p>\n", escape(d))).unwrap_or_default();
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{title}</title>\n</head>\n\
         <body>\n<main>\n<h1>{title}</h1>\n<p>{text}</p>\n{more}{detail}</main>\n</body>\n</html>\n"
    )
}

/// Makes text safe in HTML, in attributes too (H02).
pub(crate) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#x27;"),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// H02, L05.
    #[tokio::test]
    async fn a_reason_is_escaped_and_only_there_when_given() {
        let text = |response: Response| async {
            let bytes = http_body_util::BodyExt::collect(response.into_body()).await.unwrap().to_bytes();
            String::from_utf8(bytes.to_vec()).unwrap()
        };
        assert!(text(csrf_failure(Some("<b>&\"'"), None)).await.contains("<code>&lt;b&gt;&amp;&quot;&#x27;</code>"));
        assert!(!text(csrf_failure(None, None)).await.contains("<code>"));
    }

    /// F01.
    #[test]
    fn a_503_says_when_to_come_back() {
        assert_eq!(unavailable().headers()[RETRY_AFTER], "5");
    }
}
