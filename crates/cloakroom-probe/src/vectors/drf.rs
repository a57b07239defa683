//! drf.json: APIs as REST framework guards them (D01–D40).
//!
//! Each case goes over HTTP to the layer, the account pages and [`Api`] on a site of its own settings. Two of the maker's
//! answers are errors of its own making, and are had in the same way here:
//!
//! - A throttle that looks at the clock raised `TypeError`: the maker's frozen clock stood in the class as a method. So
//!   the error stands for "it looks at the clock", which the throttle here is watched for. What it answers with a clock
//!   that works has tests beside it.
//! - A log-out that shows its page raised `NoReverseMatch`: the maker's site found the admin's template for it, and no
//!   admin. So the error stands for that page.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::body::{Body, to_bytes};
use axum::response::Response;
use axum::routing::any;
use axum::{Json, Router};
use cloakroom::Cloakroom;
use cloakroom::auth::permissions::{Granted, Holder};
use cloakroom::auth::{Created, NewAccount};
use cloakroom::cache::Cache;
use cloakroom::core::clock::{Clock, FrozenClock, Timestamp};
use cloakroom::core::keys::TokenKey;
use cloakroom::core::models::User;
use cloakroom::core::signing::b64_encode;
use cloakroom::db::tokens::{self, Token};
use cloakroom::settings::{RawSettings, Settings};
use cloakroom::web::api::{
    AllowAny, Api, BasicAuthentication, Caller, IsAdminUser, IsAuthenticated, IsAuthenticatedOrReadOnly,
    ModelPermissions, Permission, Rate, RateThrottle, SessionAuthentication, TokenAuthentication, obtain_auth_token,
};
use cloakroom_site::accounts::Accounts;
use cloakroom_site::templates::Templates;
use http::{HeaderName, HeaderValue, Method, Request, header};
use serde_json::{Map, Value, json};
use tokio::runtime::Builder;
use tower::ServiceExt as _;

use super::site::{Site, cheap_hashers};
use super::{Case, File, Verdict, secret_keys};

/// Holds the tokens, where a file takes them for known.
const SHIPPED: &str = include_str!("../../vectors/drf.json");

/// What the maker's browser has in its cookie, and in its form if it is a good one.
const SECRET: [u8; 32] = [b'S'; 32];

pub(super) fn check(file: &File) -> Vec<Verdict> {
    let known = file.cases_of_kind("users", SHIPPED).swap_remove(0);
    let known = known["out"]["ok"].as_object().cloned().unwrap_or_default();
    let runtime = Builder::new_current_thread().enable_all().build().expect("the system gives a runtime");
    let world = runtime.block_on(World::new(file, &known));
    file.in_order(|case| match case.kind {
        "request" => case.expect(&json!({ "ok": runtime.block_on(world.request(case.input)) })),
        "throttle" => case.expect(&runtime.block_on(world.throttle(case.input))),
        "obtain_token" => case.expect(&json!({ "ok": runtime.block_on(world.obtain_token(case.text("body"))) })),
        "browsable" => case.expect(&runtime.block_on(world.browsable(case.input))),
        "users" => runtime.block_on(world.has(case)),
        kind => Err(format!("unknown kind {kind}")),
    })
}

/// The site with the vectors' users, their tokens and sessions.
struct World {
    site: Cloakroom,
    accounts: Accounts,
    clock: Arc<FrozenClock>,
    t0: Timestamp,
    /// The session's key by the user's name.
    sessions: Vec<(String, String)>,
    _parts: Site,
}

impl World {
    async fn new(file: &File, known: &Map<String, Value>) -> Self {
        let parts = Site::empty(&secret_keys(file.secret_key(), &Value::Null), file.t0()).await;
        tokens::migrate(&parts.db, file.t0()).await.unwrap();
        let clock = Arc::new(FrozenClock::at(file.t0()));
        let mut raw = RawSettings::new();
        raw.set("SECRET_KEY", file.secret_key()).unwrap();
        raw.set("ALLOWED_HOSTS", json!(["*"])).unwrap();
        let site = Cloakroom::builder()
            .settings(Settings::parse(&raw).unwrap())
            .database(parts.db.clone())
            .clock(Arc::clone(&clock) as _)
            .auth(|auth| auth.with_hashers(cheap_hashers()))
            .build()
            .await
            .unwrap();
        let accounts = Accounts::new(Templates::built_in().unwrap(), "/accounts");
        let mut world = Self { site, accounts, clock, t0: file.t0(), sessions: Vec::new(), _parts: parts };
        for (name, key) in known {
            world.make(name, key.as_str().unwrap()).await;
        }
        for name in ["plain", "staff", "perms"] {
            let key = world.sign_in(name).await;
            world.sessions.push((name.to_owned(), key));
        }
        world
    }

    async fn make(&self, name: &str, token: &str) {
        let mut account = NewAccount::new(name).with_password(format!("{name}-Secret-1"));
        account.is_staff = Some(name == "staff");
        account.is_active = name != "inactive";
        let Created::Yes(user) = self.site.auth().create_user(account).await.unwrap() else { panic!("{name}") };
        tokens::replace(self.site.db(), &user.id, &TokenKey::new(token), self.t0).await.unwrap();
        if name == "perms" {
            let holder = Holder::User(user.id);
            for perm in ["auth.add_user", "auth.change_user"] {
                assert_eq!(self.site.auth().grant(&holder, perm).await.unwrap(), Granted::Yes);
            }
        }
    }

    /// A session that the user logged in with.
    async fn sign_in(&self, name: &str) -> String {
        let fields = [("username", name), ("password", &format!("{name}-Secret-1"))];
        let answer = self.send(self.pages(), post_form("/api-auth/login/", &fields, true)).await;
        let cookies = answer.headers().get_all(header::SET_COOKIE).iter().filter_map(|v| v.to_str().ok());
        let session = cookies.filter_map(|line| line.strip_prefix("sessionid=")).next().expect("a session");
        session.split(';').next().unwrap().to_owned()
    }

    /// The users have these tokens.
    async fn has(&self, case: &Case<'_>) -> Result<(), String> {
        let mut ours = Map::new();
        for name in case.out["ok"].as_object().unwrap().keys() {
            let user = self.user(name).await;
            let token = tokens::of_user(self.site.db(), &user.id).await.unwrap();
            ours.insert(name.clone(), json!(token.map(|t: Token| t.key.expose().to_owned())));
        }
        case.expect(&json!({ "ok": ours }))
    }

    async fn user(&self, name: &str) -> User {
        self.site.auth().user_by_username(name).await.unwrap().expect("the user is there")
    }

    async fn send(&self, routes: Router, mut request: Request<Body>) -> Response {
        request.headers_mut().insert(header::HOST, HeaderValue::from_static("testserver"));
        let layer = self.site.layer().insecure_csrf_exempt_below("/api");
        routes.layer(layer).oneshot(request).await.unwrap()
    }

    fn pages(&self) -> Router {
        Router::new().merge(self.accounts.browsable_api("/api-auth")).route("/api/token/", obtain_auth_token())
    }

    /// One request to a view with these classes.
    async fn request(&self, asked: &Value) -> Value {
        let mut api = classes(&asked["auth"]).with_permission(permission(asked["perm"].as_str().unwrap()));
        let methods = [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE];
        api = api.with_methods("V", methods);
        let method = Method::from_bytes(asked["method"].as_str().unwrap().as_bytes()).unwrap();
        let safe = [Method::GET, Method::HEAD, Method::OPTIONS].contains(&method);
        let mut request = Request::builder().method(&method).uri("/api/").header(header::ACCEPT, "application/json");
        if !safe {
            request = request.header(header::CONTENT_TYPE, "application/json");
        }
        let mut cookies = Vec::new();
        if let Some(name) = asked["session"].as_str() {
            let (_, key) = self.sessions.iter().find(|(known, _)| known == name).expect("a known user");
            cookies.push(format!("sessionid={key}"));
        }
        let csrf = asked["csrf"].as_str().unwrap_or("none");
        if csrf != "none" {
            cookies.push(format!("csrftoken={}", "S".repeat(32)));
        }
        if !cookies.is_empty() {
            request = request.header(header::COOKIE, cookies.join("; "));
        }
        match csrf {
            "good" => request = request.header("x-csrftoken", "S".repeat(32)),
            "bad" => request = request.header("x-csrftoken", "T".repeat(32)),
            _ => {}
        }
        if let Some(text) = asked["authorization"].as_str() {
            request = request.header(header::AUTHORIZATION, latin1(text));
        }
        for (name, value) in asked["headers"].as_object().into_iter().flatten() {
            let name = HeaderName::try_from(name.as_str()).unwrap();
            request = request.header(name, latin1(value.as_str().unwrap()));
        }
        let request = request.body(if safe { Body::empty() } else { Body::from("{}") }).unwrap();
        let view = async |caller: Caller| {
            let user = caller.user().map_or(String::new(), |user| user.username.clone());
            Json(json!({ "user": user, "auth": caller.auth::<Token>().map(|_| "Token") }))
        };
        let response = self.send(Router::new().route("/api/", any(view).layer(api)), request).await;
        let out = facts(&response, &["www_authenticate", "vary", "allow", "sets_session", "sets_csrf"]);
        // Django's client drops the body of an answer to HEAD, and the maker that to OPTIONS.
        let has_body = ![Method::HEAD, Method::OPTIONS].contains(&method);
        with_body(response, out, has_body).await
    }

    /// Five requests to a throttled view.
    async fn throttle(&self, asked: &Value) -> Value {
        let (class, rate) = asked["throttle"].as_str().unwrap().split_once('@').unwrap();
        let (cache, rate) = (Arc::new(Cache::memory()), Rate::parse(rate).unwrap());
        let watch = Arc::new(Watched { clock: Arc::clone(&self.clock), looked: AtomicBool::new(false) });
        let throttle = match class {
            "AnonRateThrottle" => RateThrottle::anon(cache, rate),
            "UserRateThrottle" => RateThrottle::user(cache, rate),
            class => panic!("unknown class {class}"),
        };
        let throttle = throttle.with_scope("s").with_clock(Arc::clone(&watch) as _);
        let api = Api::new().with_authentication(BasicAuthentication::new()).with_permission(AllowAny);
        let routes = Router::new().route("/api/", any(async || "{}").layer(api.with_throttle(throttle)));
        self.clock.set(self.t0);
        let mut answers = Vec::new();
        for _ in 0..asked["requests"].as_u64().unwrap() {
            let mut request = Request::get("/api/").body(Body::empty()).unwrap();
            if let Some(name) = asked["user"].as_str() {
                let basic =
                    b64_encode(format!("{name}:{name}-Secret-1").as_bytes()).replace('-', "+").replace('_', "/");
                let padding = "=".repeat(basic.len().wrapping_neg() % 4);
                request.headers_mut().insert(header::AUTHORIZATION, latin1(&format!("Basic {basic}{padding}")));
            }
            let response = self.send(routes.clone(), request).await;
            let retry = text(&response, "retry-after");
            let status = response.status().as_u16();
            let body = with_body(response, json!({}), true).await;
            answers.push(json!([status, retry, body["body"]["detail"]]));
            let gap = asked["gap_seconds"].as_f64().unwrap();
            self.clock.set(Timestamp::from_secs_f64(self.clock.now().as_secs_f64() + gap));
        }
        self.clock.set(self.t0);
        match watch.looked.load(Ordering::Relaxed) {
            true => json!({ "error": "TypeError" }),
            false => json!({ "ok": answers }),
        }
    }

    async fn obtain_token(&self, body: &str) -> Value {
        let request = Request::post("/api/token/").header(header::CONTENT_TYPE, "application/json");
        let response = self.send(self.pages(), request.body(Body::from(body.to_owned())).unwrap()).await;
        let out = facts(&response, &["www_authenticate"]);
        with_body(response, out, true).await
    }

    async fn browsable(&self, asked: &Value) -> Value {
        let (url, csrf) = (asked["url"].as_str().unwrap(), asked["csrf"] == true);
        let request = match asked["method"].as_str().unwrap() {
            "GET" => {
                let cookie = csrf.then(|| format!("csrftoken={}", "S".repeat(32)));
                let mut request = Request::get(url).body(Body::empty()).unwrap();
                if let Some(cookie) = cookie {
                    request.headers_mut().insert(header::COOKIE, latin1(&cookie));
                }
                request
            }
            _ => {
                let fields = asked["data"].as_object().unwrap();
                let fields: Vec<_> =
                    fields.iter().map(|(name, value)| (name.as_str(), value.as_str().unwrap())).collect();
                post_form(url, &fields, csrf)
            }
        };
        let response = self.send(self.pages(), request).await;
        let out = facts(&response, &["location", "allow", "sets_session", "sets_csrf", "cache_control"]);
        let page = with_body(response, json!({}), false).await;
        let is_page = out["status"] == 200 && page["text"].as_str().unwrap().contains("<h1>You are logged out</h1>");
        if is_page && url.ends_with("/logout/") { json!({ "error": "NoReverseMatch" }) } else { json!({ "ok": out }) }
    }
}

/// A clock that tells whether somebody looked at it.
#[derive(Debug)]
struct Watched {
    clock: Arc<FrozenClock>,
    looked: AtomicBool,
}

impl Clock for Watched {
    fn now(&self) -> Timestamp {
        self.looked.store(true, Ordering::Relaxed);
        self.clock.now()
    }
}

fn classes(names: &Value) -> Api {
    names.as_array().unwrap().iter().fold(Api::new(), |api, name| match name.as_str().unwrap() {
        "session" => api.with_authentication(SessionAuthentication),
        "basic" => api.with_authentication(BasicAuthentication::new()),
        "token" => api.with_authentication(TokenAuthentication::new()),
        name => panic!("unknown class {name}"),
    })
}

fn permission(name: &str) -> Permission {
    match name {
        "AllowAny" => AllowAny.into(),
        "IsAuthenticated" => IsAuthenticated.into(),
        "IsAdminUser" => IsAdminUser.into(),
        "IsAuthenticatedOrReadOnly" => IsAuthenticatedOrReadOnly.into(),
        "DjangoModelPermissions" => ModelPermissions::of("auth", "user").into(),
        "DjangoModelPermissionsOrAnonReadOnly" => ModelPermissions::of("auth", "user").or_anonymous_reads().into(),
        name => panic!("unknown class {name}"),
    }
}

fn post_form(url: &str, fields: &[(&str, &str)], csrf: bool) -> Request<Body> {
    let secret = std::str::from_utf8(&SECRET).unwrap();
    let mut fields = fields.to_vec();
    let mut request = Request::post(url).header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
    if csrf {
        fields.push(("csrfmiddlewaretoken", secret));
        request = request.header(header::COOKIE, format!("csrftoken={secret}"));
    }
    let body: Vec<_> = fields.iter().map(|(name, value)| format!("{name}={}", value.replace('/', "%2F"))).collect();
    request.body(Body::from(body.join("&"))).unwrap()
}

/// What the maker's test client writes of a text: a byte for each character.
fn latin1(text: &str) -> HeaderValue {
    let bytes: Vec<u8> = text.chars().map(|c| u8::try_from(c).unwrap()).collect();
    HeaderValue::from_bytes(&bytes).unwrap()
}

fn text(response: &Response, name: &str) -> Value {
    response.headers().get(name).map_or(Value::Null, |value| json!(value.to_str().unwrap()))
}

/// The status, and these of an answer's facts.
fn facts(response: &Response, names: &[&str]) -> Value {
    let sets = |name: &str| {
        let mut lines = response.headers().get_all(header::SET_COOKIE).iter().filter_map(|v| v.to_str().ok());
        lines.any(|line| line.split('=').next() == Some(name))
    };
    let mut out = json!({ "status": response.status().as_u16() });
    for name in names {
        out[*name] = match *name {
            "sets_session" => json!(sets("sessionid")),
            "sets_csrf" => json!(sets("csrftoken")),
            name => text(response, &name.replace('_', "-")),
        };
    }
    out
}

/// Adds the body: as JSON where it counts, else as text that is not compared.
async fn with_body(response: Response, mut out: Value, counts: bool) -> Value {
    let bytes = to_bytes(response.into_body(), usize::MAX).await.unwrap();
    if out.get("vary").is_some() || counts {
        let json = counts && !bytes.is_empty();
        out["body"] = if json { serde_json::from_slice(&bytes).unwrap_or(Value::Null) } else { Value::Null };
    } else {
        out["text"] = json!(String::from_utf8_lossy(&bytes));
    }
    out
}
