//! When the store does not answer, and when the program is wrong (F01, D7).

use axum::Router;
use axum::routing::{get, post};
use cloakroom_web::{Csrf, Ctx, GuardRejection, Session, User};
use tower::ServiceExt;

use crate::browser::{Answer, Browser, Site, login_routes};

fn routes() -> Router {
    Router::new()
        .route("/session/", get(async |session: Session| session.set_value("a", 1)))
        .route("/user/", get(async |user: User| user.username.clone()))
        .route("/optional/", get(async |user: Option<User>| user.is_some().to_string()))
        .route("/plain/", get(async || "plain"))
        .route(
            "/late/",
            get(async |ctx: Ctx, session: Session| {
                session.set_value("a", 1);
                ctx.csrf().await?.rotate();
                ctx.db().close().await;
                Ok::<_, GuardRejection>("saved")
            }),
        )
        .merge(login_routes())
}

async fn signed_in(site: &Site) -> Browser {
    site.user("alice").await;
    let mut browser = site.browser(routes());
    browser.sign_in("alice").await;
    browser
}

/// F01, D7: the store is down: 503 with `Retry-After`, no cookie is touched, nobody becomes anonymous.
#[tokio::test]
async fn a_store_that_is_down_is_503_and_signs_nobody_out() {
    let site = Site::new().await;
    let mut browser = signed_in(&site).await;
    site.db.close().await;
    for path in ["/session/", "/user/", "/optional/"] {
        let answer = browser.get(path).await;
        assert_eq!((answer.status, answer.header("retry-after")), (503, "5"), "{path}");
        assert!(answer.set_cookie.is_empty(), "{path}");
    }
    assert_eq!(browser.post("/login/", "username=alice&password=alice-pass-9Z").await.status, 503);
    assert_eq!(browser.post("/logout/", "").await.status, 503);
    assert!(browser.cookies.contains_key("sessionid"));
    assert_eq!(browser.get("/plain/").await.status, 200);
}

/// F01: a session that cannot be saved takes its answer and all cookies with it.
#[tokio::test]
async fn what_cannot_be_saved_is_not_promised() {
    let site = Site::new().await;
    let mut browser = signed_in(&site).await;
    let answer = browser.get("/late/").await;
    assert_eq!((answer.status, answer.header("retry-after")), (503, "5"));
    assert!(answer.set_cookie.is_empty() && !answer.body.contains("saved"));
}

/// Without the layer every extractor answers 500 and nothing else.
#[tokio::test]
async fn a_missing_layer_is_a_500() {
    let bare =
        routes().route("/csrf/", get(async |_: Csrf| ())).route("/form/", post(async |_: cloakroom_web::FormData| ()));
    for path in ["/session/", "/user/", "/optional/", "/late/", "/csrf/"] {
        let request = http::Request::get(path).body(axum::body::Body::empty()).unwrap();
        assert_eq!(Answer::read(bare.clone().oneshot(request).await.unwrap()).await.status, 500, "{path}");
    }
    let request = http::Request::post("/form/").body(axum::body::Body::empty()).unwrap();
    assert_eq!(bare.oneshot(request).await.unwrap().status(), 500);
}

/// A layer inside of another does nothing: one session, one cookie.
#[tokio::test]
async fn a_second_layer_does_nothing() {
    let site = Site::new().await;
    let inner = routes().layer(site.layer(crate::browser::config()));
    let answer = site.browser(inner).get("/session/").await;
    assert_eq!(answer.cookie_names(), ["sessionid"]);
}

/// F04: damaged and huge cookie headers are read, not feared.
#[tokio::test]
async fn hostile_headers_do_no_harm() {
    let site = Site::new().await;
    let long = format!("sessionid={}", "a".repeat(100_000));
    let many = "x=1; ".repeat(20_000);
    for cookie in [
        "sessionid=\u{fffd}\u{fffd}\u{fffd}\u{fffd}\u{fffd}\u{fffd}\u{fffd}\u{fffd}",
        "sessionid",
        "=",
        "sessionid=\"",
        &long,
        &many,
    ] {
        let mut browser = site.browser(routes());
        let mut request = browser.request(http::Method::GET, "/optional/", "".into());
        request.headers_mut().insert("cookie", http::HeaderValue::from_bytes(cookie.as_bytes()).unwrap());
        assert_eq!(browser.send(request).await.body, "false", "{}", &cookie[..cookie.len().min(40)]);
    }
}
