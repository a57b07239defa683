//! A site for tests, and a browser without a screen.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, COOKIE, EXPIRES, HOST, LOCATION, SET_COOKIE};
use axum::http::{HeaderMap, Request, StatusCode};
use cloakroom_auth::lane::LaneConfig;
use cloakroom_auth::{Auth, AuthBuilder, Created, NewAccount, SessionLimit};
use cloakroom_core::clock::{FrozenClock, Timestamp};
use cloakroom_core::hashers::{Algorithm, Cost, DjangoVersion, Hasher, HasherSet};
use cloakroom_core::hosts::AllowedHosts;
use cloakroom_core::models::User;
use cloakroom_core::random::OsRandom;
use cloakroom_core::secret::{SecretKey, SecretKeys};
use cloakroom_db::{Database, DatabaseUrl, Options, migrations};
use cloakroom_sessions::{AnyEngine, DbEngine, SessionConfig, SessionIndex, Sessions, TextCodec};
use cloakroom_site::accounts::Accounts;
use cloakroom_site::admin::Admin;
use cloakroom_site::mail::{Outbox, PostOffice, Transport};
use cloakroom_site::templates::Templates;
use cloakroom_site::{finish, routes};
use cloakroom_web::{CloakroomLayer, LoginUrls, WebConfig};
use http_body_util::BodyExt as _;
use tower::ServiceExt as _;

pub const T0: Timestamp = Timestamp::from_micros(1_767_323_045_678_901);
pub const HOST_NAME: &str = "site.example";

pub struct TestSite {
    pub auth: Auth,
    pub outbox: Outbox,
    pub clock: Arc<FrozenClock>,
    app: Router,
    _folder: tempfile::TempDir,
}

impl TestSite {
    pub async fn new() -> Self {
        Self::with(|accounts| accounts, |_| {}).await
    }

    /// A site where users may have so many sessions.
    pub async fn with_session_limit(limit: SessionLimit) -> Self {
        Self::tuned(|auth| auth.with_session_limit(limit)).await
    }

    pub async fn with(accounts: impl FnOnce(Accounts) -> Accounts, urls: impl FnOnce(&mut LoginUrls)) -> Self {
        Self::build(accounts, urls, |auth| auth).await
    }

    /// A site with another service.
    pub async fn tuned(tune: impl FnOnce(AuthBuilder) -> AuthBuilder) -> Self {
        Self::build(|accounts| accounts, |_| {}, tune).await
    }

    async fn build(
        accounts: impl FnOnce(Accounts) -> Accounts,
        urls: impl FnOnce(&mut LoginUrls),
        tune: impl FnOnce(AuthBuilder) -> AuthBuilder,
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}/db.sqlite3", folder.path().display());
        let db = Database::open(&DatabaseUrl::parse(&url).unwrap(), Options::default()).await.unwrap();
        migrations::migrate(&db, T0, &mut |_| {}).await.unwrap();
        let clock = Arc::new(FrozenClock::at(T0));
        let keys = SecretKeys::new(SecretKey::new("a secret key for tests").unwrap(), Vec::new());
        let hasher =
            Hasher::new(Algorithm::Pbkdf2Sha256, DjangoVersion::V6_1).with_cost(Cost::Pbkdf2 { iterations: 10 });
        let mut lane = LaneConfig::default();
        lane.threads = NonZeroUsize::MIN;
        let auth = Auth::builder(db.clone(), keys.clone())
            .with_clock(clock.clone())
            .with_hashers(HasherSet::new(vec![hasher]).unwrap())
            .with_lane_config(lane);
        let auth = tune(auth).build().unwrap();
        let engine = AnyEngine::Db(DbEngine::new(db.clone(), TextCodec::new(&keys), 1_209_600));
        let sessions = Sessions::new(engine, SessionConfig::default(), clock.clone(), Arc::new(OsRandom))
            .with_index(SessionIndex::new(db, &keys));
        let mut config = WebConfig::default();
        config.security.hosts.allowed = AllowedHosts::new([HOST_NAME]);
        urls(&mut config.urls);
        let layer = CloakroomLayer::with_sources(config, sessions, auth.clone(), clock.clone(), Arc::new(OsRandom));

        let (templates, outbox) = (Templates::built_in().unwrap(), Outbox::default());
        let pages = accounts(Accounts::new(templates.clone(), "/accounts"));
        let from = "webmaster@localhost".parse().unwrap();
        let office = PostOffice::new(templates, pages.urls().clone(), from, Transport::Memory(outbox.clone()));
        let pages = pages.with_mailer(Arc::new(office));
        let admin = Admin::new(&pages, "/admin");
        let layer = layer.insecure_csrf_exempt_all(admin.redirecting_paths());
        let app = finish(routes(&pages, None).merge(admin.router()), &pages, layer);
        Self { auth, outbox, clock, app, _folder: folder }
    }

    /// Makes an account whose password is `<username>-pass-9Z`.
    pub async fn user(&self, username: &str) -> User {
        let account = NewAccount::new(username)
            .with_email(format!("{username}@site.example"))
            .with_password(format!("{username}-pass-9Z"));
        match self.auth.create_user(account).await.unwrap() {
            Created::Yes(user) => user,
            other => panic!("{other:?}"),
        }
    }

    pub fn browser(&self) -> Browser {
        Browser { app: self.app.clone(), cookies: BTreeMap::new() }
    }

    /// The path of the link in the last mail, waited for: mail is sent off the request's path.
    pub async fn mailed_link(&self, mails: usize) -> String {
        for _ in 0..500 {
            if self.outbox.letters().len() >= mails {
                break;
            }
            tokio::time::sleep(std::time::Duration::from_millis(2)).await;
        }
        let letters = self.outbox.letters();
        assert_eq!(letters.len(), mails);
        let body = &letters.last().unwrap().body;
        let link = body.split_whitespace().find(|word| word.starts_with("http")).unwrap();
        link.strip_prefix("http://site.example").unwrap().to_owned()
    }
}

pub struct Browser {
    app: Router,
    cookies: BTreeMap<String, String>,
}

impl Browser {
    /// Signs in by the form.
    pub async fn sign_in(&mut self, username: &str) -> Page {
        let password = format!("{username}-pass-9Z");
        self.submit("/accounts/login/", &[("username", username), ("password", &password)]).await
    }

    pub async fn get(&mut self, path: &str) -> Page {
        self.send("GET", path, None).await
    }

    pub async fn request(&mut self, method: &str, path: &str) -> Page {
        self.send(method, path, None).await
    }

    /// Posts fields with the token of the CSRF cookie, which is fetched first if there is none.
    pub async fn submit(&mut self, path: &str, fields: &[(&str, &str)]) -> Page {
        if !self.cookies.contains_key("csrftoken") {
            self.get("/accounts/login/").await;
        }
        let token = self.cookies["csrftoken"].clone();
        let mut all = vec![("csrfmiddlewaretoken", token.as_str())];
        all.extend_from_slice(fields);
        self.post(path, &all).await
    }

    pub async fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Page {
        let encode = |text: &str| text.bytes().map(|b| format!("%{b:02x}")).collect::<String>();
        let body: Vec<_> = fields.iter().map(|(n, v)| format!("{}={}", encode(n), encode(v))).collect();
        self.send("POST", path, Some(body.join("&"))).await
    }

    /// As a script would, with the token in a header.
    pub async fn with_header(&mut self, method: &str, path: &str) -> Page {
        let token = self.cookies["csrftoken"].clone();
        self.answer(Request::builder().method(method).uri(path).header("x-csrftoken", token), Body::empty()).await
    }

    /// As a program would: a body of JSON, with the token in a header if there is one.
    pub async fn json(&mut self, method: &str, path: &str, body: &str) -> Page {
        let mut request = Request::builder().method(method).uri(path);
        if !body.is_empty() {
            request = request.header(CONTENT_TYPE, "application/json");
        }
        if let Some(token) = self.cookies.get("csrftoken") {
            request = request.header("x-csrftoken", token);
        }
        self.answer(request, Body::from(body.to_owned())).await
    }

    /// A request with one more header.
    pub async fn with(&mut self, method: &str, path: &str, (name, value): (&str, &str), body: &str) -> Page {
        let request = Request::builder().method(method).uri(path).header(name, value);
        self.answer(request, Body::from(body.to_owned())).await
    }

    pub fn cookie(&self, name: &str) -> Option<&str> {
        self.cookies.get(name).map(String::as_str)
    }

    pub fn set_cookie(&mut self, name: &str, value: &str) {
        self.cookies.insert(name.to_owned(), value.to_owned());
    }

    async fn send(&mut self, method: &str, path: &str, form: Option<String>) -> Page {
        let mut request = Request::builder().method(method).uri(path);
        if form.is_some() {
            request = request.header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        }
        self.answer(request, form.map_or_else(Body::empty, Body::from)).await
    }

    async fn answer(&mut self, mut request: axum::http::request::Builder, body: Body) -> Page {
        let cookies: Vec<_> = self.cookies.iter().map(|(n, v)| format!("{n}={v}")).collect();
        if !cookies.is_empty() {
            request = request.header(COOKIE, cookies.join("; "));
        }
        let request = request.header(HOST, HOST_NAME).body(body).unwrap();
        let response = self.app.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        for line in parts.headers.get_all(SET_COOKIE) {
            let (name, value) = line.to_str().unwrap().split(';').next().unwrap().split_once('=').unwrap();
            match value.trim_matches('"') {
                "" => self.cookies.remove(name),
                value => self.cookies.insert(name.to_owned(), value.to_owned()),
            };
        }
        let body = body.collect().await.unwrap().to_bytes();
        Page { status: parts.status, headers: parts.headers, body: String::from_utf8(body.to_vec()).unwrap() }
    }
}

pub struct Page {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: String,
}

impl Page {
    pub fn header(&self, name: impl axum::http::header::AsHeaderName) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub fn location(&self) -> &str {
        self.header(LOCATION)
    }

    pub fn allow(&self) -> &str {
        self.header(ALLOW)
    }

    #[track_caller]
    pub fn assert_redirects(&self, to: &str) {
        assert_eq!((self.status.as_u16(), self.location()), (302, to));
    }

    #[track_caller]
    pub fn assert_ok(&self) {
        assert_eq!(self.status, 200, "{}", self.body);
    }

    /// A117.
    pub fn is_never_cached(&self) -> bool {
        self.header(CACHE_CONTROL) == "max-age=0, no-cache, no-store, must-revalidate, private"
            && self.header(EXPIRES) == "Fri, 02 Jan 2026 03:04:05 GMT"
    }

    /// The body, with the slashes that templates escape.
    pub fn plain(&self) -> String {
        self.body.replace("&#x2f;", "/")
    }

    /// The nonce of the policy.
    pub fn nonce(&self) -> &str {
        let policy = self.header("content-security-policy");
        policy.split_once("'nonce-").map_or("", |(_, rest)| rest.split_once('\'').unwrap().0)
    }

    /// The body, which must be JSON.
    #[track_caller]
    pub fn parsed(&self) -> serde_json::Value {
        assert_eq!(self.header(CONTENT_TYPE), "application/json", "{}", self.body);
        serde_json::from_str(&self.body).unwrap()
    }

    /// The codes of the list with this id; of the form-wide list for an empty one.
    pub fn codes(&self, field: &str) -> Vec<&str> {
        let mark = if field.is_empty() { "errorlist nonfield\"".into() } else { format!("id=\"id_{field}_error\"") };
        let Some((_, list)) = self.body.split_once(&mark) else { return Vec::new() };
        let list = list.split_once("</ul>").unwrap().0;
        list.split("data-code=\"").skip(1).map(|rest| rest.split_once('"').unwrap().0).collect()
    }

    /// The tag of a field.
    pub fn tag(&self, name: &str) -> &str {
        let at = self.body.find(&format!("name=\"{name}\"")).unwrap_or_else(|| panic!("no {name} in {}", self.body));
        let start = self.body[..at].rfind('<').unwrap();
        let end = at + self.body[at..].find('>').unwrap();
        &self.body[start..=end]
    }
}
