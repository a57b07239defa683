//! Guards: users, permissions, methods, caches (A117, A140–A147, M20–M22).

use axum::Router;
use axum::routing::{any, get};
use cloakroom_auth::events::Switch;
use cloakroom_auth::permissions::Holder;
use cloakroom_web::guards::{
    Guard, LoginRequired, OnRefusal, Permission, Permitted, Staff, never_cache, require_get, require_methods,
    require_post, require_safe,
};
use cloakroom_web::{Ctx, GuardRejection, pages};
use http::{Method, StatusCode};

use crate::browser::{Browser, Site, config, login_routes};

struct ChangeUser;

impl Permission for ChangeUser {
    const NAME: &'static str = "auth.change_user";
}

fn routes() -> Router {
    let perm = || Guard::permission_required(["auth.change_user"]);
    Router::new()
        .route("/login-required/", any(ok).layer(Guard::login_required()))
        .route(
            "/custom/",
            any(ok).layer(Guard::login_required().with_login_url("/elsewhere/?a=1").with_redirect_field("dest")),
        )
        .route("/login-post/", any(ok).layer(require_post()).layer(Guard::login_required()))
        .route("/post/", any(ok).layer(require_post()))
        .route("/safe/", any(ok).layer(require_safe()))
        .route("/get/", any(ok).layer(require_get()))
        .route("/get-or-post/", any(ok).layer(require_methods([Method::GET, Method::HEAD, Method::POST])))
        .route("/perm/", any(ok).layer(perm()))
        .route("/perm-raise/", any(ok).layer(perm().with_refusal(OnRefusal::Forbid)).layer(never_cache()))
        .route("/perm-page/", any(ok).layer(perm()).layer(never_cache()))
        .route("/permitted/", get(async |user: Permitted<ChangeUser>| user.username.clone()))
        .route("/staff/", any(ok).layer(Guard::user_passes_test(|user| user.is_some_and(|u| u.is_staff))))
        .route("/staff-type/", get(async |user: Staff| user.username.clone()))
        .route("/asked/", get(asked))
        .route("/cached-404/", get(async || pages::error(StatusCode::NOT_FOUND)).layer(never_cache()))
        .route("/api/perm/", any(ok).layer(perm()))
        .merge(login_routes())
}

async fn ok() -> &'static str {
    "ok"
}

async fn asked(ctx: Ctx) -> Result<&'static str, GuardRejection> {
    Guard::permission_required(["auth.change_user", "auth.add_user"]).check(&ctx).await?;
    Ok("ok")
}

async fn site_with_users() -> (Site, Browser) {
    let site = Site::new().await;
    site.user("alice").await;
    let mut bob = site.user("bob").await;
    let mut root = site.user("root").await;
    let _ = site.auth.set_staff(&mut bob, Switch::On).await.unwrap();
    let _ = site.auth.set_superuser(&mut root, Switch::On).await.unwrap();
    let _ = site.auth.grant(&Holder::User(bob.id.clone()), "auth.change_user").await.unwrap();
    let browser = Browser::new(routes().layer(site.layer(config())));
    (site, browser)
}

/// M21, A131, A140: the anonymous are sent to the log-in page with the path as `next`, whatever the method.
#[tokio::test]
async fn login_required_redirects_the_anonymous() {
    let (_site, mut browser) = site_with_users().await;
    let answer = browser.get("/login-required/?a=1&b=2").await;
    assert_eq!((answer.status, answer.header("vary")), (302, "Cookie"));
    assert_eq!(answer.header("location"), "/accounts/login/?next=/login-required/%3Fa%3D1%26b%3D2");
    let answer = browser.get("/custom/?x=1").await;
    assert_eq!(answer.header("location"), "/elsewhere/?a=1&dest=/custom/%3Fx%3D1");
    browser.sign_in("alice").await;
    assert_eq!(browser.get("/login-required/").await.body, "ok");
}

/// M22: over a POST-only handler, the way back after the log-in is a GET and a 405.
#[tokio::test]
async fn a_guard_over_require_post_ends_in_405() {
    let (_site, mut browser) = site_with_users().await;
    assert_eq!(browser.get("/login-post/").await.header("location"), "/accounts/login/?next=/login-post/");
    browser.sign_in("alice").await;
    let answer = browser.get("/login-post/").await;
    assert_eq!((answer.status, answer.header("allow")), (405, "POST"));
    assert_eq!(browser.post("/login-post/", "").await.status, 200);
}

/// A145: methods, and `Allow` in Django's order.
#[tokio::test]
async fn methods_are_held() {
    let (_site, mut browser) = site_with_users().await;
    browser.sign_in("alice").await;
    let cases = [("/post/", "POST"), ("/safe/", "GET, HEAD"), ("/get/", "GET"), ("/get-or-post/", "GET, HEAD, POST")];
    for (path, allow) in cases {
        for method in ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] {
            let method = Method::from_bytes(method.as_bytes()).unwrap();
            let mut request = browser.request(method.clone(), path, "".into());
            request.headers_mut().insert("x-csrftoken", browser.cookies["csrftoken"].parse().unwrap());
            let answer = browser.send(request).await;
            let allowed = allow.split(", ").any(|m| m == method.as_str());
            let expected = if allowed { (200, "") } else { (405, allow) };
            assert_eq!((answer.status, answer.header("allow")), expected, "{method} {path}");
        }
    }
}

/// A140, A141, M20: being signed in is no permission; decorators redirect, `raise_exception` and types forbid.
#[tokio::test]
async fn permissions_decide() {
    let (_site, anonymous) = site_with_users().await;
    let mut alice = anonymous.clone();
    alice.sign_in("alice").await;
    let mut bob = anonymous.clone();
    bob.sign_in("bob").await;
    let mut root = anonymous.clone();
    root.sign_in("root").await;
    let cases = [
        ("/perm/", [302, 302, 200, 200]),
        ("/perm-raise/", [403, 403, 200, 200]),
        ("/permitted/", [302, 403, 200, 200]),
        ("/staff/", [302, 302, 200, 302]),
        ("/staff-type/", [302, 403, 200, 403]),
        ("/asked/", [302, 302, 302, 200]),
        ("/api/perm/", [403, 403, 200, 200]),
    ];
    for (path, expected) in cases {
        let mut statuses = Vec::new();
        for browser in [&anonymous, &alice, &bob, &root] {
            statuses.push(browser.clone().get(path).await.status);
        }
        assert_eq!(statuses, expected, "{path}");
    }
}

/// Z01: a permission that is taken away is gone with the next request.
#[tokio::test]
async fn a_revoked_permission_acts_at_once() {
    let (site, mut browser) = site_with_users().await;
    browser.sign_in("bob").await;
    assert_eq!(browser.get("/permitted/").await.status, 200);
    let bob = site.auth.user_by_username("bob").await.unwrap().unwrap();
    assert!(site.auth.revoke(&Holder::User(bob.id), "auth.change_user").await.unwrap());
    assert_eq!(browser.get("/permitted/").await.status, 403);
}

/// A117: redirects and pages are kept out of caches; what Django would have raised inside is not marked.
#[tokio::test]
async fn never_cache_marks_answers_but_not_exceptions() {
    const NEVER: &str = "max-age=0, no-cache, no-store, must-revalidate, private";
    let (_site, mut browser) = site_with_users().await;
    for path in ["/perm-page/", "/cached-404/"] {
        let answer = browser.get(path).await;
        assert_eq!(answer.header("cache-control"), NEVER, "{path}");
        assert_eq!(answer.header("expires"), "Fri, 02 Jan 2026 03:04:05 GMT");
    }
    let answer = browser.get("/perm-raise/").await;
    assert_eq!((answer.status, answer.header("cache-control"), answer.header("expires")), (403, "", ""));
}

/// A142, V09: every route but those that are named; an open one does not look at the user, and no route is no log-in.
#[tokio::test]
async fn a_whole_router_can_ask_for_a_login() {
    let (site, _) = site_with_users().await;
    let routes = Router::new()
        .route("/", any(ok))
        .route("/open/{id}/", any(ok))
        .merge(login_routes())
        .layer(LoginRequired::new().open("/open/{id}/").open_all(["/login/"]));
    let mut browser = site.browser(routes);
    let closed = browser.get("/?a=1").await;
    assert_eq!((closed.status, closed.header("location")), (302, "/accounts/login/?next=/%3Fa%3D1"));
    assert_eq!(closed.header("vary"), "Cookie");
    let open = browser.get("/open/7/").await;
    assert_eq!((open.status, open.header("vary")), (200, ""));
    assert_eq!(browser.get("/nothing/").await.status, 404);
    assert_eq!(browser.post("/logout/", "").await.status, 403, "no token yet");
    browser.sign_in("alice").await;
    assert_eq!(browser.get("/").await.status, 200);
}
