//! A site in process, and a browser that keeps its cookies.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::response::Response;
use axum::routing::post;
use cloakroom_auth::backends::BackendKind;
use cloakroom_auth::lane::LaneConfig;
use cloakroom_auth::{Auth, Created, Credentials, NewAccount};
use cloakroom_cache::Cache;
use cloakroom_core::clock::{FrozenClock, Timestamp};
use cloakroom_core::hashers::{Algorithm, DjangoVersion, Hasher, HasherSet};
use cloakroom_core::hosts::AllowedHosts;
use cloakroom_core::models::User;
use cloakroom_core::random::OsRandom;
use cloakroom_core::secret::{SecretKey, SecretKeys};
use cloakroom_db::{Database, DatabaseUrl, Options, migrations};
use cloakroom_sessions::{AnyEngine, CacheEngine, DbEngine, SessionConfig, Sessions, TextCodec};
use cloakroom_web::{CloakroomLayer, Ctx, FormData, GuardRejection, WebConfig};
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::BodyExt;
use tower::ServiceExt;

/// 2026-01-02T03:04:05.678901Z, the moment of the vectors.
pub(crate) const T0: Timestamp = Timestamp::from_micros(1_767_323_045_678_901);

/// What a site is made of.
pub(crate) struct Site {
    pub(crate) auth: Auth,
    pub(crate) sessions: Sessions,
    pub(crate) db: Database,
    pub(crate) clock: Arc<FrozenClock>,
    pub(crate) _folder: tempfile::TempDir,
}

impl Site {
    pub(crate) async fn new() -> Self {
        Self::with(SessionConfig::default()).await
    }

    /// Sessions in the database.
    pub(crate) async fn with(config: SessionConfig) -> Self {
        Self::make(config, vec![BackendKind::model()], in_database).await
    }

    /// Sessions in the database, and these back ends.
    pub(crate) async fn with_backends(backends: Vec<BackendKind>) -> Self {
        Self::make(SessionConfig::default(), backends, in_database).await
    }

    /// Sessions in memory.
    pub(crate) async fn in_memory() -> Self {
        let cache = Arc::new(Cache::memory());
        let engine = |_, _: &SecretKeys, age| AnyEngine::Cache(CacheEngine::new(cache, age));
        Self::make(SessionConfig::default(), vec![BackendKind::model()], engine).await
    }

    async fn make(
        config: SessionConfig,
        backends: Vec<BackendKind>,
        engine: impl FnOnce(Database, &SecretKeys, i64) -> AnyEngine,
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}/db.sqlite3", folder.path().display());
        let db = Database::open(&DatabaseUrl::parse(&url).unwrap(), Options::default()).await.unwrap();
        migrations::migrate(&db, T0, &mut |_| {}).await.unwrap();
        let keys = SecretKeys::new(SecretKey::new("a secret key for tests").unwrap(), Vec::new());
        let clock = Arc::new(FrozenClock::at(T0));
        let mut lane = LaneConfig::default();
        lane.threads = NonZeroUsize::MIN;
        let md5 = Hasher::new(Algorithm::Md5, DjangoVersion::V6_1);
        let auth = Auth::builder(db.clone(), keys.clone())
            .with_clock(clock.clone())
            .with_hashers(HasherSet::new(vec![md5]).unwrap())
            .with_lane_config(lane)
            .with_backends(backends)
            .build()
            .unwrap();
        let engine = engine(db.clone(), &keys, config.age_secs);
        let sessions = Sessions::new(engine, config, clock.clone(), Arc::new(OsRandom));
        Self { auth, sessions, db, clock, _folder: folder }
    }

    /// Makes an account whose password is `<username>-pass-9Z`.
    pub(crate) async fn user(&self, username: &str) -> User {
        let account = NewAccount::new(username).with_password(format!("{username}-pass-9Z"));
        match self.auth.create_user(account).await.unwrap() {
            Created::Yes(user) => user,
            other => panic!("{username} was not made: {other:?}"),
        }
    }

    pub(crate) fn layer(&self, config: WebConfig) -> CloakroomLayer {
        let random = Arc::new(OsRandom);
        CloakroomLayer::with_sources(config, self.sessions.clone(), self.auth.clone(), self.clock.clone(), random)
    }

    /// `routes` under the layer with Django's settings for the host `site.example`.
    pub(crate) fn browser(&self, routes: Router) -> Browser {
        Browser::new(routes.layer(self.layer(config())))
    }

    /// Whether a session is stored under `key`.
    pub(crate) async fn stores(&self, key: &str) -> bool {
        let session = self.sessions.open(Some(key));
        session.exists_self().await.unwrap()
    }
}

fn in_database(db: Database, keys: &SecretKeys, age: i64) -> AnyEngine {
    AnyEngine::Db(DbEngine::new(db, TextCodec::new(keys), age))
}

/// Django's settings for the host `site.example`.
pub(crate) fn config() -> WebConfig {
    let mut config = WebConfig::default();
    config.security.hosts.allowed = AllowedHosts::new(["site.example", ".wild.example"]);
    config
}

/// Routes that sign in and out whoever the form names: `/login/`, `/logout/`.
pub(crate) fn login_routes() -> Router {
    async fn login(ctx: Ctx, form: FormData) -> Result<StatusCode, GuardRejection> {
        let (name, password) = (form.get("username").unwrap_or_default(), form.get("password").unwrap_or_default());
        match ctx.auth().authenticate(Credentials::password(name, password.to_owned())).await?.user() {
            Some(user) => {
                ctx.auth().login(&user).await?;
                Ok(StatusCode::OK)
            }
            None => Ok(StatusCode::UNAUTHORIZED),
        }
    }
    async fn logout(ctx: Ctx) -> Result<StatusCode, GuardRejection> {
        ctx.auth().logout().await?;
        Ok(StatusCode::OK)
    }
    Router::new().route("/login/", post(login)).route("/logout/", post(logout))
}

/// Sends requests, keeps cookies, and sends the CSRF token that its cookie holds.
#[derive(Clone)]
pub(crate) struct Browser {
    app: Router,
    pub(crate) cookies: BTreeMap<String, String>,
}

impl Browser {
    pub(crate) fn new(app: Router) -> Self {
        Self { app, cookies: BTreeMap::new() }
    }

    pub(crate) async fn get(&mut self, path: &str) -> Answer {
        self.send(self.request(Method::GET, path, Body::empty())).await
    }

    /// Posts a form with the token of the cookie in the header.
    pub(crate) async fn post(&mut self, path: &str, form: &str) -> Answer {
        let mut request = self.request(Method::POST, path, Body::from(form.to_owned()));
        request.headers_mut().insert("content-type", "application/x-www-form-urlencoded".parse().unwrap());
        if let Some(token) = self.cookies.get("csrftoken") {
            request.headers_mut().insert("x-csrftoken", token.parse().unwrap());
        }
        self.send(request).await
    }

    /// Signs in over `/login/` of [`login_routes`].
    pub(crate) async fn sign_in(&mut self, username: &str) -> Answer {
        self.cookies.entry("csrftoken".into()).or_insert_with(|| "a".repeat(32));
        let answer = self.post("/login/", &format!("username={username}&password={username}-pass-9Z")).await;
        assert_eq!(answer.status, 200, "{username} cannot sign in");
        answer
    }

    pub(crate) fn request(&self, method: Method, path: &str, body: Body) -> Request<Body> {
        let mut request = Request::builder().method(method).uri(path).header("host", "site.example");
        if !self.cookies.is_empty() {
            let text: Vec<String> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
            request = request.header("cookie", text.join("; "));
        }
        request.body(body).unwrap()
    }

    pub(crate) async fn send(&mut self, request: Request<Body>) -> Answer {
        let answer = Answer::read(self.app.clone().oneshot(request).await.unwrap()).await;
        for line in &answer.set_cookie {
            let (pair, attributes) = line.split_once(';').unwrap_or((line, ""));
            let (name, value) = pair.split_once('=').unwrap();
            if attributes.contains("Max-Age=0") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        answer
    }
}

/// An answer, read to its end.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) set_cookie: Vec<String>,
    pub(crate) body: String,
    pub(crate) extensions: http::Extensions,
}

impl Answer {
    pub(crate) async fn read(response: Response) -> Self {
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        let set_cookie = parts.headers.get_all("set-cookie").iter();
        Self {
            status: parts.status.as_u16(),
            set_cookie: set_cookie.map(|v| v.as_bytes().iter().map(|&b| char::from(b)).collect()).collect(),
            headers: parts.headers,
            body: String::from_utf8_lossy(&bytes).into_owned(),
            extensions: parts.extensions,
        }
    }

    /// A header's value, empty if there is none.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |v| v.to_str().unwrap())
    }

    /// The names of the cookies that are set or deleted.
    pub(crate) fn cookie_names(&self) -> Vec<&str> {
        self.set_cookie.iter().filter_map(|line| line.split('=').next()).collect()
    }
}
