//! What a request costs in allocations and in questions to the database (D4, D5). A binary of its own, for its allocator.

#![expect(unsafe_code, reason = "an allocator that counts")]
#![expect(clippy::unwrap_used, reason = "helpers of tests, outside of test functions")]

#[path = "../it/browser.rs"]
#[expect(dead_code, reason = "some helpers are for the other tests")]
mod browser;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::convert::Infallible;

use axum::Router;
use axum::body::Body;
use axum::response::Response;
use axum::routing::get;
use cloakroom_auth::BackendChoice;
use cloakroom_core::keys::SessionKey;
use cloakroom_core::value::Value;
use cloakroom_db::{Database, DatabaseUrl, Options};
use cloakroom_web::{Ctx, GuardRejection, Session, User};
use http::header::{COOKIE, HOST, SET_COOKIE, VARY};
use http::{HeaderValue, Request, StatusCode};
use tower::{Service, ServiceExt};

use crate::browser::{Site, config};

/// The system's allocator, counting for each thread.
struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

fn count() {
    // A thread that is ending has no counter any more.
    let _ = ALLOCATIONS.try_with(|n| n.set(n.get() + 1));
}

// SAFETY: everything is the system allocator's.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: as the caller's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: as the caller's.
        unsafe { System.dealloc(block, layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
        // SAFETY: as the caller's.
        unsafe { System.realloc(block, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn request(path: &'static str, cookie: Option<&HeaderValue>) -> Request<Body> {
    let mut request = Request::new(Body::empty());
    *request.uri_mut() = http::Uri::from_static(path);
    request.headers_mut().insert(HOST, HeaderValue::from_static("site.example"));
    if let Some(cookie) = cookie {
        request.headers_mut().insert(COOKIE, cookie.clone());
    }
    request
}

/// The answer, and how many allocations it took.
async fn measure(app: &mut Router, request: Request<Body>) -> (Response, u64) {
    let service: &mut Router = <Router as ServiceExt<Request<Body>>>::ready(app).await.unwrap();
    let before = ALLOCATIONS.get();
    let answer: Result<Response, Infallible> = service.call(request).await;
    (answer.unwrap(), ALLOCATIONS.get() - before)
}

/// The least of several times: what a request takes once everything is warm.
async fn least(app: &mut Router, path: &'static str, cookie: Option<&HeaderValue>) -> u64 {
    let mut least = u64::MAX;
    for _ in 0..20 {
        let (answer, allocations) = measure(app, request(path, cookie)).await;
        assert_eq!(answer.status(), StatusCode::OK);
        least = least.min(allocations);
    }
    least
}

fn routes() -> Router {
    Router::new()
        .route("/untouched/", get(|| async { "untouched" }))
        .route("/extracts/", get(|_: http::Method| async { "extracts" }))
        .route("/user/", get(|_: User| async { "user" }))
        .route("/maybe/", get(|_: Option<User>| async { "maybe" }))
        .route("/session/", get(|_: Session| async { "session" }))
        .route("/may/", get(may))
        .route("/login/", get(login))
}

/// axum with a layer that does nothing. It holds something, as every layer does that does anything: axum copies it.
fn bare() -> Router {
    let held = std::sync::Arc::new(());
    routes().layer(tower::layer::layer_fn(move |inner| {
        let _ = &held;
        inner
    }))
}

async fn login(ctx: Ctx) -> Result<(), GuardRejection> {
    let user = ctx.auth_service().user_by_username("alice").await?.map(std::sync::Arc::new);
    ctx.auth().login_without_proof(&user.expect("she has an account"), BackendChoice::Only).await
}

async fn may(ctx: Ctx) -> Result<&'static str, GuardRejection> {
    Ok(if ctx.permissions().await?.has_perm("auth.view_user") { "yes" } else { "no" })
}

/// Logs in and gives the cookie's text.
async fn cookie(app: &mut Router) -> HeaderValue {
    let (answer, _) = measure(app, request("/login/", None)).await;
    let cookies = answer.headers().get_all(SET_COOKIE).iter().map(|value| value.to_str().unwrap());
    let pairs: Vec<_> = cookies.map(|cookie| cookie.split(';').next().unwrap()).collect();
    assert!(pairs.iter().any(|pair| pair.starts_with("sessionid=")));
    HeaderValue::from_str(&pairs.join("; ")).unwrap()
}

/// Another process's connection.
async fn another(site: &Site) -> Database {
    let url = DatabaseUrl::sqlite_file(site._folder.path().join("db.sqlite3"));
    Database::open(&url, Options::default()).await.unwrap()
}

async fn settled(db: &Database) {
    while db.stamp().is_none() {
        tokio::time::sleep(std::time::Duration::from_micros(100)).await;
    }
}

/// D4: beyond axum's own, the context, its place in the request, and the answer's longer list of headers.
#[tokio::test]
async fn an_untouched_request_allocates_its_context_alone() {
    let site = Site::new().await;
    site.user("alice").await;
    let bare = least(&mut bare(), "/untouched/", None).await;
    let mut app = routes().layer(site.layer(config()));
    let before = site.db.round_trips();
    let ours = least(&mut app, "/untouched/", None).await;
    assert!(ours <= bare + CONTEXT + HEADERS, "{ours} allocations, {bare} without the layer");

    let signed_in = cookie(&mut app).await;
    let asked = site.db.round_trips();
    let ours = least(&mut app, "/untouched/", Some(&signed_in)).await;
    assert!(ours <= bare + CONTEXT + HEADERS, "{ours} allocations with a cookie, {bare} without the layer");
    assert_eq!(site.db.round_trips(), asked, "nobody looked");
    assert!(asked > before);
    let (answer, _) = measure(&mut app, request("/untouched/", Some(&signed_in))).await;
    assert!(!answer.headers().contains_key(VARY), "the answer does not depend on the cookie");
}

/// The context, its box in the request's extensions, and the growth of their table where axum has filled it.
const CONTEXT: u64 = 3;

/// Room for what `SecurityMiddleware` and its like add.
const HEADERS: u64 = 2;

/// D5: a signed-in page asks nobody while the copies hold, and once when somebody else has committed.
#[tokio::test]
async fn a_signed_in_page_asks_once_at_most() {
    let site = Site::new().await;
    site.user("alice").await;
    let mut app = routes().layer(site.layer(config()));
    let cookie = cookie(&mut app).await;
    let ask = async |app: &mut Router, path| {
        let before = site.db.round_trips();
        let (answer, _) = measure(app, request(path, Some(&cookie))).await;
        assert_eq!(answer.status(), StatusCode::OK);
        (site.db.round_trips() - before, answer)
    };
    settled(&site.db).await;
    ask(&mut app, "/user/").await;
    for path in ["/user/", "/maybe/", "/session/"] {
        let (asked, answer) = ask(&mut app, path).await;
        assert_eq!(asked, 0, "{path}");
        assert_eq!(answer.headers()[VARY], "Cookie", "{path}");
    }
    assert_eq!(ask(&mut app, "/may/").await.0, 1, "the permissions are read");
    assert_eq!(ask(&mut app, "/may/").await.0, 0, "and kept");

    let foreign = another(&site).await;
    for n in 0..10 {
        let key = SessionKey::parse(&format!("another{n}")).unwrap();
        let row = cloakroom_db::sessions::SessionRow { session_data: "x".into(), expire_date: browser::T0 };
        let _ = cloakroom_db::sessions::create(&foreign, &key, row, cloakroom_db::Durability::Normal).await.unwrap();
        assert_eq!(ask(&mut app, "/user/").await.0, 1, "session and user in one statement");
        settled(&site.db).await;
        ask(&mut app, "/user/").await;
        assert_eq!(ask(&mut app, "/user/").await.0, 0);
    }
}

/// The same without a single box for futures: what is allocated is the session's handle and its key.
#[tokio::test]
async fn a_signed_in_page_allocates_little() {
    let site = Site::new().await;
    site.user("alice").await;
    let bare = least(&mut bare(), "/extracts/", None).await;
    let mut app = routes().layer(site.layer(config()));
    let cookie = cookie(&mut app).await;
    settled(&site.db).await;
    let ours = least(&mut app, "/user/", Some(&cookie)).await;
    assert!(ours <= bare + CONTEXT + HEADERS + SIGNED_IN, "{ours} allocations, {bare} of a bare page");
}

/// The handle of the session, and its key.
const SIGNED_IN: u64 = 2;

/// A session that is changed is written, once, and the next request sees it without a question.
#[tokio::test]
async fn what_is_written_need_not_be_read_again() {
    let site = Site::new().await;
    site.user("alice").await;
    let count = |session: Session| async move {
        let n = match session.get_value("n") {
            Some(Value::Int(n)) => n + 1,
            _ => 1,
        };
        session.set_value("n", n);
        n.to_string()
    };
    let mut app = routes().route("/count/", get(count)).layer(site.layer(config()));
    let cookie = cookie(&mut app).await;
    for n in 1..20 {
        let before = site.db.round_trips();
        let (answer, _) = measure(&mut app, request("/count/", Some(&cookie))).await;
        assert!(n == 1 || site.db.round_trips() - before == 1, "it is written and not read");
        let body = http_body_util::BodyExt::collect(answer.into_body()).await.unwrap().to_bytes();
        assert_eq!(body, n.to_string().as_bytes());
    }
}
