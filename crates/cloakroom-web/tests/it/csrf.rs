//! CSRF around routes, exemptions and the form (M08, C20–C43, X01, X06–X08).

use axum::Router;
use axum::routing::{any, get, post};
use cloakroom_web::csrf::{CsrfProtect, EnsureCsrfCookie, WhomToProtect};
use cloakroom_web::{Csrf, Debug, FormData, GuardRejection};
use http::{Method, StatusCode};

use crate::browser::{Browser, Site, config, login_routes};

fn routes() -> Router {
    Router::new()
        .route("/token/", get(async |csrf: Csrf| Ok::<_, GuardRejection>(csrf.get_token()?)))
        .route("/echo/", any(async || "ok"))
        .route("/exempt/", any(async || "ok"))
        .route("/protect/", any(async || "ok").layer(CsrfProtect::new()))
        .route("/exempt-protect/", any(async || "ok").layer(CsrfProtect::new()))
        .route("/signed-in/", post(async || "ok").layer(CsrfProtect::new().with_whom(WhomToProtect::SignedIn)))
        .route("/ensure/", get(async || "ok").layer(EnsureCsrfCookie))
        .route("/get-only/", get(async || "ok"))
        .route("/form/", post(async |form: FormData| form.get("a").unwrap_or("none").to_owned()))
        .route("/body/", post(async |body: String| body))
        .merge(login_routes())
}

fn browser(site: &Site) -> Browser {
    let layer = site
        .layer(config())
        .insecure_csrf_exempt("/exempt/")
        .insecure_csrf_exempt("/exempt-protect/")
        .insecure_csrf_exempt("/signed-in/");
    Browser::new(routes().layer(layer))
}

/// X01, C35, C40: a POST without a token is a 403 page; with it, it passes. C29: so for other unsafe methods.
#[tokio::test]
async fn unsafe_methods_need_a_token() {
    let site = Site::in_memory().await;
    let mut browser = browser(&site);
    for method in ["POST", "PUT", "PATCH", "DELETE", "post", "PROPFIND"] {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let answer = browser.send(browser.request(method, "/echo/", "".into())).await;
        assert_eq!((answer.status, answer.header("x-frame-options")), (403, "DENY"));
        assert!(answer.body.contains("could not be verified") && !answer.body.contains("cookie not set"));
    }
    browser.get("/token/").await;
    assert_eq!(browser.post("/echo/", "").await.status, 200);
}

/// X06, C23: safe methods pass, without a cookie or `Vary`.
#[tokio::test]
async fn safe_methods_pass() {
    let site = Site::in_memory().await;
    let mut browser = browser(&site);
    for method in [Method::GET, Method::HEAD, Method::OPTIONS, Method::TRACE] {
        let answer = browser.send(browser.request(method, "/echo/", "".into())).await;
        assert_eq!((answer.status, answer.header("vary"), answer.set_cookie.len()), (200, "", 0));
    }
}

/// C40, F10: the reason is for developers alone.
#[tokio::test]
async fn the_reason_shows_with_debug_only() {
    let site = Site::in_memory().await;
    let mut config = config();
    config.debug = Debug::On;
    let mut browser = Browser::new(routes().layer(site.layer(config)));
    assert!(browser.post("/echo/", "").await.body.contains("<code>CSRF cookie not set.</code>"));
}

/// C23: what matches no route is a 404 without a check; a matched route is checked before its method is.
#[tokio::test]
async fn only_matched_routes_are_checked() {
    let site = Site::in_memory().await;
    let mut browser = browser(&site);
    assert_eq!(browser.post("/nowhere/", "").await.status, 404);
    assert_eq!(browser.post("/get-only/", "").await.status, 403);
    browser.get("/token/").await;
    assert_eq!(browser.post("/get-only/", "").await.status, 405);
}

/// M08, C41: exempt routes pass; `CsrfProtect` checks one all the same; stacking is harmless.
#[tokio::test]
async fn routes_can_be_freed_and_protected() {
    let site = Site::in_memory().await;
    let mut browser = browser(&site);
    assert_eq!(browser.post("/exempt/", "").await.status, 200);
    assert_eq!(browser.post("/exempt-protect/", "").await.status, 403);
    assert_eq!(browser.post("/protect/", "").await.status, 403);
    browser.get("/token/").await;
    assert_eq!(browser.post("/exempt-protect/", "").await.status, 200);
    assert_eq!(browser.post("/protect/", "").await.status, 200);

    let mut without = Browser::new(routes().layer(site.layer(config()).insecure_without_csrf()));
    assert_eq!(without.post("/echo/", "").await.status, 200);
    assert_eq!(without.post("/protect/", "").await.status, 403);
}

/// D03, X07: a program's door checks those who are signed in.
#[tokio::test]
async fn session_authentication_checks_signed_in_users() {
    let site = Site::new().await;
    site.user("alice").await;
    let mut browser = browser(&site);
    assert_eq!(browser.post("/signed-in/", "").await.status, 200);
    browser.sign_in("alice").await;
    assert_eq!(browser.post("/signed-in/", "").await.status, 200);
    let token = browser.cookies.remove("csrftoken").unwrap();
    let request =
        browser.request(Method::POST, "/signed-in/", format!(r#"{{"csrfmiddlewaretoken":"{token}"}}"#).into());
    assert_eq!(browser.send(request).await.status, 403);
}

/// X08: no header of old tricks proves anything.
#[tokio::test]
async fn other_headers_prove_nothing() {
    let site = Site::in_memory().await;
    let mut browser = browser(&site);
    browser.get("/token/").await;
    for (name, value) in [("x-requested-with", "XMLHttpRequest"), ("x-http-method-override", "GET")] {
        let mut request = browser.request(Method::POST, "/echo/?_method=GET", "_method=GET".into());
        request.headers_mut().insert(name, value.parse().unwrap());
        assert_eq!(browser.send(request).await.status, 403, "{name}");
    }
}

/// C21, C22, X04: asking for a token sends the cookie again, and each token has its own mask.
#[tokio::test]
async fn tokens_are_masked_and_the_cookie_stays() {
    let site = Site::in_memory().await;
    let mut browser = browser(&site);
    let first = browser.get("/token/").await;
    let secret = browser.cookies["csrftoken"].clone();
    let second = browser.get("/token/").await;
    assert_eq!((first.body.len(), secret.len()), (64, 32));
    assert_ne!(first.body, second.body);
    assert_eq!(browser.cookies["csrftoken"], secret);
    assert_eq!((second.cookie_names(), second.header("vary")), (vec!["csrftoken"], "Cookie"));
    assert_eq!(browser.get("/ensure/").await.cookie_names(), ["csrftoken"]);
    assert!(browser.get("/echo/").await.set_cookie.is_empty());
}

/// C20: a malformed cookie is replaced even by a plain GET, matched or not.
#[tokio::test]
async fn a_malformed_cookie_is_replaced() {
    let site = Site::in_memory().await;
    for path in ["/echo/", "/exempt/", "/nowhere/"] {
        let mut browser = browser(&site);
        browser.cookies.insert("csrftoken".into(), "malformed".into());
        let answer = browser.get(path).await;
        assert_eq!((answer.cookie_names(), answer.header("vary")), (vec!["csrftoken"], "Cookie"), "{path}");
        assert_eq!(browser.cookies["csrftoken"].len(), 32);
    }
}

/// C28: the form's field counts, of repeated ones the last; the handler gets the same form, or the body itself.
#[tokio::test]
async fn the_form_is_read_once_and_handed_on() {
    let site = Site::in_memory().await;
    let mut browser = browser(&site);
    let token = browser.get("/token/").await.body;
    let form = |path: &str, body: String| {
        let mut request = browser.request(Method::POST, path, body.into());
        request.headers_mut().insert("content-type", "application/x-www-form-urlencoded".parse().unwrap());
        request
    };
    let body = format!("a=1&csrfmiddlewaretoken=wrong&a=2&csrfmiddlewaretoken={token}");
    let (as_form, as_text) = (form("/form/", body.clone()), form("/body/", body.clone()));
    assert_eq!(browser.clone().send(as_form).await.body, "2");
    assert_eq!(browser.clone().send(as_text).await.body, body);
    let wrong = form("/form/", format!("csrfmiddlewaretoken={token}&csrfmiddlewaretoken=wrong"));
    assert_eq!(browser.clone().send(wrong).await.status, 403);
}

/// C29: the body of other methods is never read for the check.
#[tokio::test]
async fn the_body_of_a_put_is_left_alone() {
    let site = Site::in_memory().await;
    let mut browser = browser(&site);
    let token = browser.get("/token/").await.body;
    let mut request = browser.request(Method::PUT, "/echo/", format!("csrfmiddlewaretoken={token}").into());
    request.headers_mut().insert("content-type", "application/x-www-form-urlencoded".parse().unwrap());
    assert_eq!(browser.send(request).await.status, 403);
}

/// C42, C05: with the secret in the session every answer varies, and a log-in renews the secret.
#[tokio::test]
async fn the_secret_can_live_in_the_session() {
    use cloakroom_core::csrf::{Policy, PolicySettings, SecretStore};
    let site = Site::new().await;
    site.user("alice").await;
    let mut config = config();
    let policy = PolicySettings { store: SecretStore::Session, ..PolicySettings::default() };
    config.csrf.policy = Policy::new(&policy).unwrap();
    let mut browser = Browser::new(routes().layer(site.layer(config)));
    let answer = browser.get("/echo/").await;
    assert_eq!((answer.header("vary"), answer.set_cookie.len()), ("Cookie", 0));
    assert_eq!(browser.get("/nowhere/").await.header("vary"), "Cookie");
    let token = browser.get("/token/").await.body;
    assert_eq!(browser.cookies.keys().collect::<Vec<_>>(), ["sessionid"]);
    let login = format!("username=alice&password=alice-pass-9Z&csrfmiddlewaretoken={token}");
    assert_eq!(browser.post("/login/", &login).await.status, StatusCode::OK);
    assert_eq!(browser.post("/echo/", &format!("csrfmiddlewaretoken={token}")).await.status, 403);
    let token = browser.get("/token/").await.body;
    assert_eq!(browser.post("/echo/", &format!("csrfmiddlewaretoken={token}")).await.status, 200);
}
