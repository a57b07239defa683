//! Django's test client: it keeps cookies, sends forms in parts, and gets a CSRF token unless it is told otherwise.

use std::collections::BTreeMap;

use axum::Router;
use axum::body::{Body, to_bytes};
use cloakroom::core::hosts::Scheme;
use cloakroom::core::random::{ALPHANUMERIC, OsRandom, random_string};
use cloakroom::core::urls::iri_to_uri;
use cloakroom::web::Connection;
use http::{HeaderMap, HeaderValue, Request, StatusCode, header};
use serde_json::Value;
use tower::ServiceExt as _;

use super::site::{PROXY, REMOTE_USER};

const BOUNDARY: &str = "BoUnDaRyStRiNg";

/// Where requests come from that no proxy vouches for.
const STRANGER: [u8; 4] = [203, 0, 113, 9];

/// The cookies of one client, as they are sent.
#[derive(Debug, Default)]
pub(super) struct Browser {
    pub(super) cookies: BTreeMap<String, String>,
}

/// An answer, read to its end.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: String,
}

/// What the client had when it sent a request, and what it got.
pub(super) struct Exchange {
    pub(super) session: String,
    pub(super) csrf: String,
    pub(super) answer: Answer,
}

/// How a request shows that it comes from the site's own pages.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum CsrfStore {
    Cookie,
    Session,
}

impl Browser {
    /// Sends the request of a step to `url`.
    pub(super) async fn send(&mut self, app: &Router, step: &Value, url: &str, csrf: CsrfStore) -> Exchange {
        let method = step["method"].as_str().unwrap();
        let mut headers = HeaderMap::new();
        for (name, value) in step["headers"].as_object().into_iter().flatten() {
            headers.insert(http::HeaderName::try_from(name.as_str()).unwrap(), text(value));
        }
        let mut data = step["data"].clone();
        let how = step["csrf"].as_str().unwrap_or("auto");
        if !matches!(method, "GET" | "HEAD" | "OPTIONS" | "TRACE") && how != "none" {
            let token = self.csrf_token(app, step, csrf).await;
            match how {
                "auto" if data.is_object() => data["csrfmiddlewaretoken"] = token.into(),
                "wrong" => data["csrfmiddlewaretoken"] = "A".repeat(32).into(),
                "header" => drop(headers.insert("x-csrftoken", HeaderValue::try_from(token).unwrap())),
                _ => {}
            }
        }
        let body = match (method, &data) {
            ("GET" | "HEAD" | "OPTIONS" | "DELETE", _) | (_, Value::Null) => Vec::new(),
            (_, Value::Object(fields)) => {
                let kind = format!("multipart/form-data; boundary={BOUNDARY}");
                headers.insert(header::CONTENT_TYPE, HeaderValue::try_from(kind).unwrap());
                multipart(fields)
            }
            (_, raw) => {
                headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
                raw.as_str().unwrap().as_bytes().to_vec()
            }
        };
        let (session, csrf) = (self.cookie("sessionid").to_owned(), self.cookie("csrftoken").to_owned());
        let answer = self.request(app, step, method, url, headers, body).await;
        Exchange { session, csrf, answer }
    }

    /// What a page's form holds: the cookie, or with secrets in sessions the token of the log-in page.
    async fn csrf_token(&mut self, app: &Router, step: &Value, csrf: CsrfStore) -> String {
        match csrf {
            CsrfStore::Cookie => {
                let fresh = || random_string(&OsRandom, 32, ALPHANUMERIC);
                self.cookies.entry("csrftoken".to_owned()).or_insert_with(fresh).clone()
            }
            CsrfStore::Session => {
                let page = self.request(app, step, "GET", "/accounts/login/", HeaderMap::new(), Vec::new()).await;
                let field = page.body.split("name=\"csrfmiddlewaretoken\" value=\"").nth(1);
                field.and_then(|rest| rest.split('"').next()).expect("the log-in page has a token").to_owned()
            }
        }
    }

    async fn request(
        &mut self,
        app: &Router,
        step: &Value,
        method: &str,
        url: &str,
        mut headers: HeaderMap,
        body: Vec<u8>,
    ) -> Answer {
        let scheme = if step["secure"] == true { Scheme::Https } else { Scheme::Http };
        let mut peer = STRANGER;
        for (name, value) in step["env"].as_object().into_iter().flatten() {
            // A variable of the server's own is what a proxy vouches for; a header is what anybody may send.
            match name.strip_prefix("HTTP_") {
                Some(name) => {
                    let name = http::HeaderName::try_from(name.replace('_', "-")).unwrap();
                    headers.insert(name, text(value));
                }
                None if name == "REMOTE_USER" => {
                    peer = PROXY;
                    headers.insert(REMOTE_USER, text(value));
                }
                None => panic!("unknown variable {name}"),
            }
        }
        if !headers.contains_key(header::HOST) {
            headers.insert(header::HOST, HeaderValue::from_static("testserver"));
        }
        if !self.cookies.is_empty() {
            let cookies: Vec<_> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
            headers.insert(header::COOKIE, HeaderValue::try_from(cookies.join("; ")).unwrap());
        }
        let mut request = Request::builder()
            .method(method)
            .uri(iri_to_uri(url))
            .extension(Connection { peer: Some((peer, 40_000).into()), local: None, scheme })
            .body(Body::from(body))
            .unwrap();
        *request.headers_mut() = headers;
        let (parts, body) = app.clone().oneshot(request).await.unwrap().into_parts();
        let body = to_bytes(body, usize::MAX).await.unwrap();
        let answer =
            Answer { status: parts.status, headers: parts.headers, body: String::from_utf8(body.to_vec()).unwrap() };
        for (name, value) in answer.set_cookies() {
            self.cookies.insert(name.to_owned(), value.to_owned());
        }
        answer
    }

    /// Forgets what the answer deleted, as browsers do.
    pub(super) fn forget_deleted(&mut self) {
        self.cookies.retain(|_, value| !value.trim_matches('"').is_empty());
    }

    /// A cookie's value; empty where there is none.
    pub(super) fn cookie(&self, name: &str) -> &str {
        self.cookies.get(name).map_or("", |value| value.trim_matches('"'))
    }
}

impl Answer {
    /// Names and values, as they stand in the header.
    pub(super) fn set_cookies(&self) -> impl Iterator<Item = (&str, &str)> {
        self.headers.get_all(header::SET_COOKIE).iter().map(|line| {
            let pair = line.to_str().unwrap().split(';').next().unwrap_or_default();
            pair.split_once('=').expect("a cookie has a name")
        })
    }

    /// The value of a cookie that was set; empty where it was deleted.
    pub(super) fn set_cookie(&self, name: &str) -> Option<&str> {
        self.set_cookies().find(|(n, _)| *n == name).map(|(_, value)| value.trim_matches('"'))
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }
}

fn text(value: &Value) -> HeaderValue {
    HeaderValue::try_from(value.as_str().unwrap()).unwrap()
}

fn multipart(fields: &serde_json::Map<String, Value>) -> Vec<u8> {
    let mut body = String::new();
    for (name, value) in fields {
        let value = value.as_str().unwrap();
        body += &format!("--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
    }
    body += &format!("--{BOUNDARY}--\r\n");
    body.into_bytes()
}
