//! Sessions over HTTP: cookie, row, `Vary`, and what is never touched (S60–S69).

use axum::Router;
use axum::response::IntoResponse;
use axum::routing::{get, post};
use cloakroom_sessions::{CookieEnd, SavePolicy, SessionConfig};
use cloakroom_web::{Ctx, LazySession, Session};
use http::StatusCode;

use crate::browser::{Answer, Browser, Site};

fn routes() -> Router {
    Router::new()
        .route("/plain/", get(async |_: LazySession| "plain"))
        .route("/read/", get(async |session: Session| format!("{:?}", session.get::<i64>("n").unwrap())))
        .route("/write/", get(async |session: Session| session.set_value("n", 1)))
        .route("/flush/", get(async |session: Session| session.flush().await.unwrap()))
        .route("/empty/", get(async |session: Session| session.update(Default::default())))
        .route(
            "/status/{code}/",
            get(async |session: Session, axum::extract::Path(code): axum::extract::Path<u16>| {
                session.set_value("touched", 1);
                StatusCode::from_u16(code).unwrap()
            }),
        )
        .route(
            "/gone/",
            get(async |ctx: Ctx, session: Session| {
                session.set_value("n", 2);
                let key = session.key().unwrap();
                ctx.sessions().end(&key).await.unwrap();
            }),
        )
        .route("/panic/", get(panics))
}

async fn panics(session: Session) -> &'static str {
    session.set_value("n", 9);
    panic!("on purpose")
}

async fn with_session(site: &Site) -> (Browser, Answer) {
    let mut browser = site.browser(routes());
    let answer = browser.get("/write/").await;
    (browser, answer)
}

/// M04, S62, S63: the first write makes a row and a cookie with all its attributes.
#[tokio::test]
async fn the_first_write_sets_the_cookie() {
    let site = Site::new().await;
    let (browser, answer) = with_session(&site).await;
    let key = &browser.cookies["sessionid"];
    assert_eq!(key.len(), 32);
    assert_eq!(
        answer.set_cookie,
        [format!(
            "sessionid={key}; expires=Fri, 16 Jan 2026 03:04:05 GMT; HttpOnly; Max-Age=1209600; Path=/; SameSite=Lax"
        )]
    );
    assert_eq!(answer.header("vary"), "Cookie");
    assert!(site.stores(key).await);
}

/// M01: the cookie carries the key and nothing else; M05: the value comes back with it.
#[tokio::test]
async fn a_later_request_finds_its_data() {
    let site = Site::new().await;
    let (mut browser, _) = with_session(&site).await;
    let answer = browser.get("/read/").await;
    assert_eq!((answer.body.as_str(), answer.header("vary")), ("Some(1)", "Cookie"));
    assert!(answer.set_cookie.is_empty());
}

/// G29, R10, H05: a handler that leaves the session alone adds nothing and reads nothing, cookie or not.
#[tokio::test]
async fn what_is_not_touched_costs_nothing() {
    let site = Site::new().await;
    let (mut browser, _) = with_session(&site).await;
    site.db.close().await;
    let answer = browser.get("/plain/").await;
    assert_eq!((answer.status, answer.header("vary")), (200, ""));
    assert!(answer.set_cookie.is_empty());
    assert_eq!(
        Browser::new(Router::new().merge(routes()).layer(site.layer(crate::browser::config())))
            .get("/plain/")
            .await
            .status,
        200
    );
}

/// S15: anonymous reading makes no row and no cookie.
#[tokio::test]
async fn reading_makes_no_session() {
    let site = Site::new().await;
    let answer = site.browser(routes()).get("/read/").await;
    assert_eq!((answer.body.as_str(), answer.header("vary")), ("None", "Cookie"));
    assert!(answer.set_cookie.is_empty());
    let answer = site.browser(routes()).get("/empty/").await;
    assert!(answer.set_cookie.is_empty());
}

/// S61, K14: a dead key is deleted by the first request that loads it, not before; a malformed one at once.
#[tokio::test]
async fn dead_cookies_are_deleted() {
    const DELETED: &str = "sessionid=\"\"; expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=0; Path=/; SameSite=Lax";
    let site = Site::new().await;
    let mut browser = site.browser(routes());
    browser.cookies.insert("sessionid".into(), "deaddeaddeaddeaddeaddeaddeaddead".into());
    assert!(browser.get("/plain/").await.set_cookie.is_empty());
    let answer = browser.get("/read/").await;
    assert_eq!((answer.set_cookie.as_slice(), answer.header("vary")), (&[DELETED.to_owned()][..], "Cookie"));
    browser.cookies.insert("sessionid".into(), "short".into());
    let answer = browser.get("/plain/").await;
    assert_eq!((answer.set_cookie.as_slice(), answer.header("vary")), (&[DELETED.to_owned()][..], "Cookie"));
}

/// S02: a key that nobody made is never adopted.
#[tokio::test]
async fn an_unknown_key_is_replaced_when_something_is_stored() {
    let site = Site::new().await;
    let mut browser = site.browser(routes());
    let chosen = "chosenchosenchosenchosenchosench";
    browser.cookies.insert("sessionid".into(), chosen.into());
    browser.get("/write/").await;
    assert_ne!(browser.cookies["sessionid"], chosen);
    assert!(!site.stores(chosen).await);
}

/// S64: flushing takes row and cookie away at once.
#[tokio::test]
async fn a_flushed_session_is_gone() {
    let site = Site::new().await;
    let (mut browser, _) = with_session(&site).await;
    let key = browser.cookies["sessionid"].clone();
    browser.get("/flush/").await;
    assert!(!browser.cookies.contains_key("sessionid"));
    assert!(!site.stores(&key).await);
}

/// S62: 4xx saves, 5xx saves nothing and sets nothing.
#[tokio::test]
async fn server_errors_save_nothing() {
    let site = Site::new().await;
    for (code, saves) in [(200, true), (204, true), (302, true), (404, true), (499, true), (500, false), (503, false)] {
        let answer = site.browser(routes()).get(&format!("/status/{code}/")).await;
        assert_eq!((answer.status, !answer.set_cookie.is_empty()), (code, saves), "{code}");
        assert_eq!(answer.header("vary"), "Cookie", "{code}");
    }
}

/// S66, R23: a session that another request ended is a 400, and the view's answer is not sent.
#[tokio::test]
async fn a_session_ended_meanwhile_is_interrupted() {
    let site = Site::new().await;
    let (mut browser, _) = with_session(&site).await;
    let answer = browser.get("/gone/").await;
    assert_eq!(answer.status, 400);
    assert!(answer.set_cookie.is_empty());
    // Django's frame header comes from inside of the session middleware, and so do `Vary` and cookies.
    assert_eq!((answer.header("x-frame-options"), answer.header("vary")), ("", ""));
    assert_eq!(answer.header("x-content-type-options"), "nosniff");
}

/// F03: a panic is a 500 that saves nothing, and the next request is served.
#[tokio::test]
async fn a_panic_saves_nothing() {
    let site = Site::new().await;
    let (mut browser, _) = with_session(&site).await;
    let answer = browser.get("/panic/").await;
    assert_eq!(answer.status, 500);
    assert!(answer.set_cookie.is_empty() && answer.body.contains("<h1>Server error</h1>"));
    assert_eq!(answer.header("x-frame-options"), "DENY");
    assert_eq!(browser.get("/read/").await.body, "Some(1)");
}

/// S06: every request with a session saves it and sends the cookie, also one that looks at nothing.
#[tokio::test]
async fn saving_every_request_slides() {
    let site = Site::with(SessionConfig { save: SavePolicy::EveryRequest, ..SessionConfig::default() }).await;
    let (mut browser, _) = with_session(&site).await;
    site.clock.advance(std::time::Duration::from_secs(60));
    let answer = browser.get("/plain/").await;
    assert_eq!(answer.header("vary"), "Cookie");
    assert!(answer.set_cookie[0].contains("expires=Fri, 16 Jan 2026 03:05:05 GMT"), "{:?}", answer.set_cookie);
    assert!(site.browser(routes()).get("/plain/").await.set_cookie.is_empty());
}

/// M12, S07: a cookie that ends with the browser has no age.
#[tokio::test]
async fn a_browser_session_has_no_age() {
    let site = Site::with(SessionConfig { cookie_end: CookieEnd::WithBrowser, ..SessionConfig::default() }).await;
    let (browser, answer) = with_session(&site).await;
    let key = &browser.cookies["sessionid"];
    assert_eq!(answer.set_cookie, [format!("sessionid={key}; HttpOnly; Path=/; SameSite=Lax")]);
}

/// M31, S67: names that the handler wrote stay.
#[tokio::test]
async fn vary_is_added_to_what_is_there() {
    async fn handler(session: Session) -> impl IntoResponse {
        session.set_value("a", 1);
        ([("vary", "Accept, origin"), ("set-cookie", "own=1")], "x")
    }
    let site = Site::new().await;
    let mut browser = site.browser(Router::new().route("/", get(handler)));
    let answer = browser.get("/").await;
    assert_eq!(answer.header("vary"), "Accept, origin, Cookie");
    assert_eq!(answer.cookie_names(), ["own", "sessionid"]);
}

/// K16: one line per name in the order of first setting, the session's last; what no header can carry is a 500.
#[tokio::test]
async fn cookies_of_handlers_are_written_once() {
    use cloakroom_core::cookies::SetCookie;
    async fn handler(ctx: Ctx, session: Session) {
        session.set_value("a", 1);
        ctx.add_cookie(&SetCookie::new("b", "1")).unwrap();
        ctx.add_cookie(&SetCookie::new("a", "é")).unwrap();
        ctx.add_cookie(&SetCookie::new("b", "2").path("/é/")).unwrap();
    }
    async fn bad(ctx: Ctx) {
        ctx.add_cookie(&SetCookie::new("a", "漢")).unwrap();
    }
    let site = Site::new().await;
    let routes = Router::new().route("/", get(handler)).route("/bad/", post(bad).get(bad));
    let answer = site.browser(routes.clone()).get("/").await;
    assert_eq!(answer.cookie_names(), ["b", "a", "sessionid"]);
    assert_eq!(answer.set_cookie[..2], ["b=2; Path=/é/".to_owned(), "a=\"\\351\"; Path=/".to_owned()]);
    let answer = site.browser(routes).get("/bad/").await;
    assert_eq!((answer.status, answer.set_cookie.len()), (500, 0));
}
