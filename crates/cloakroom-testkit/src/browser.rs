//! A browser without a screen: keeps cookies, sends forms with their CSRF token, follows nothing by itself.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::ConnectInfo;
use http::header::{CONTENT_TYPE, COOKIE, HOST, LOCATION, SET_COOKIE};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode};
use tower::ServiceExt as _;

/// Bytes of an answer that a test will read.
const MAX_BODY_BYTES: usize = 16 * 1024 * 1024;

/// Somebody in front of a site. Clones are the same person in another tab only through [`with_cookies_of`](Self::with_cookies_of).
#[derive(Clone, Debug)]
pub struct Browser {
    app: Router,
    cookies: BTreeMap<String, String>,
    headers: HeaderMap,
    host: String,
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

impl Browser {
    /// A browser that knows no cookie, in front of `app`.
    #[must_use]
    pub fn new(app: Router) -> Self {
        Self { app, cookies: BTreeMap::new(), headers: HeaderMap::new(), host: "testserver".into() }
    }

    /// Sends this header with every request.
    ///
    /// # Panics
    ///
    /// When it is no header.
    #[must_use]
    pub fn with_header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.insert(HeaderName::from_static(name), HeaderValue::from_str(value).expect("a header value"));
        self
    }

    /// Asks this host.
    #[must_use]
    pub fn with_host(mut self, host: &str) -> Self {
        self.host = host.to_owned();
        self
    }

    /// Keeps this cookie.
    #[must_use]
    pub fn with_cookie(mut self, name: &str, value: &str) -> Self {
        self.cookies.insert(name.into(), value.into());
        self
    }

    /// Keeps the cookies that `other` keeps now: a second tab, or a thief.
    #[must_use]
    pub fn with_cookies_of(mut self, other: &Self) -> Self {
        self.cookies.clone_from(&other.cookies);
        self
    }

    /// The value of a cookie.
    #[must_use]
    pub fn cookie(&self, name: &str) -> Option<&str> {
        self.cookies.get(name).map(String::as_str)
    }

    /// Forgets a cookie.
    pub fn forget(&mut self, name: &str) {
        self.cookies.remove(name);
    }

    /// GET.
    pub async fn get(&mut self, path: &str) -> Answer {
        self.send(Method::GET, path, &[], Body::empty()).await
    }

    /// Loads the page, fills its form and sends it: the CSRF token is that of the page.
    pub async fn submit(&mut self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let page = self.get(path).await;
        let token = page.field("csrfmiddlewaretoken").unwrap_or_default();
        let mut all = vec![("csrfmiddlewaretoken", token.as_str())];
        all.extend_from_slice(fields);
        self.post(path, &all).await
    }

    /// POST of a form with these fields alone.
    pub async fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Answer {
        let body = form(fields);
        self.send(Method::POST, path, &[(CONTENT_TYPE, "application/x-www-form-urlencoded")], Body::from(body)).await
    }

    /// Signs in on the login page and checks that it worked.
    ///
    /// # Panics
    ///
    /// When the login is refused.
    pub async fn sign_in(&mut self, login: &str, username: &str, password: &str) {
        let answer = self.submit(login, &[("username", username), ("password", password)]).await;
        assert_eq!(answer.status, StatusCode::FOUND, "{}", answer.text());
    }

    /// Any request.
    ///
    /// # Panics
    ///
    /// When `path` or a header is none, or the answer's body cannot be read.
    pub async fn send(&mut self, method: Method, path: &str, headers: &[(HeaderName, &str)], body: Body) -> Answer {
        let mut request = Request::new(body);
        *request.method_mut() = method;
        *request.uri_mut() = path.parse().expect("a path");
        request.headers_mut().extend(self.headers.clone());
        request.headers_mut().insert(HOST, HeaderValue::from_str(&self.host).expect("a host"));
        if !self.cookies.is_empty() {
            let line = self.cookies.iter().map(|(k, v)| format!("{k}={v}")).collect::<Vec<_>>().join("; ");
            request.headers_mut().insert(COOKIE, HeaderValue::from_str(&line).expect("a cookie line"));
        }
        for (name, value) in headers {
            request.headers_mut().insert(name, HeaderValue::from_str(value).expect("a header value"));
        }
        request.extensions_mut().insert(ConnectInfo(SocketAddr::from(([127, 0, 0, 1], 40_000))));
        let response = match self.app.clone().oneshot(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        };
        let (parts, body) = response.into_parts();
        for line in parts.headers.get_all(SET_COOKIE) {
            self.take(line.to_str().expect("an ASCII cookie"));
        }
        let body = to_bytes(body, MAX_BODY_BYTES).await.expect("a body");
        Answer { status: parts.status, headers: parts.headers, body }
    }

    fn take(&mut self, line: &str) {
        let (pair, attributes) = line.split_once(';').unwrap_or((line, ""));
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        if attributes.contains("Max-Age=0;") || attributes.ends_with("Max-Age=0") {
            self.cookies.remove(name);
        } else {
            self.cookies.insert(name.into(), value.into());
        }
    }
}

impl Answer {
    /// The body as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    ///
    /// # Panics
    ///
    /// When it is none.
    #[must_use]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).expect("a JSON body")
    }

    /// The first value of a header.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|v| v.to_str().ok())
    }

    /// Where a redirect leads.
    #[must_use]
    pub fn location(&self) -> Option<&str> {
        self.headers.get(LOCATION).and_then(|v| v.to_str().ok())
    }

    /// The `Set-Cookie` line of this cookie.
    #[must_use]
    pub fn set_cookie(&self, name: &str) -> Option<String> {
        let lines = self.headers.get_all(SET_COOKIE).iter().filter_map(|v| v.to_str().ok());
        lines.map(str::to_owned).find(|line| line.starts_with(&format!("{name}=")))
    }

    /// The value of the first form field of this name.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<String> {
        let text = self.text();
        let tag = text.split('<').find(|tag| tag.starts_with("input") && tag.contains(&format!("name=\"{name}\"")))?;
        let value = tag.split("value=\"").nth(1)?.split('"').next()?;
        Some(value.to_owned())
    }

    /// The nonce of the answer's policy; empty if it has none.
    #[must_use]
    pub fn nonce(&self) -> &str {
        let policy = self.header("content-security-policy").unwrap_or_default();
        policy.split("'nonce-").nth(1).and_then(|rest| rest.split('\'').next()).unwrap_or_default()
    }

    /// The codes of the errors on the page, in order (`data-code`).
    #[must_use]
    pub fn error_codes(&self) -> Vec<String> {
        let text = self.text();
        text.split("data-code=\"").skip(1).filter_map(|rest| rest.split('"').next()).map(str::to_owned).collect()
    }
}

/// The body of a form with these fields.
#[must_use]
pub fn form(fields: &[(&str, &str)]) -> String {
    fields.iter().map(|(k, v)| format!("{}={}", quote(k), quote(v))).collect::<Vec<_>>().join("&")
}

fn quote(text: &str) -> String {
    text.bytes().fold(String::new(), |mut out, b| {
        match b {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => out.push(char::from(b)),
            _ => out.push_str(&format!("%{b:02X}")),
        }
        out
    })
}
