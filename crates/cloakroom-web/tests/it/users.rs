//! From cookie to user, in and out (M02–M09, M16, M20, M29, A64–A77).

use axum::Router;
use axum::routing::get;
use cloakroom_auth::events::Activity;
use cloakroom_core::reason::Anonymous;
use cloakroom_web::{Auth, Client, Ctx, CurrentUser, GuardRejection, Session, User};

use crate::browser::{Browser, Site, login_routes};

fn routes() -> Router {
    Router::new()
        .route("/profile/", get(async |user: User| user.username.clone()))
        .route("/home/", get(async |user: Option<User>| user.map_or("nobody".to_owned(), |u| u.username.clone())))
        .route("/lazy/", get(async |_: CurrentUser, _: Auth, _: Client| "lazy"))
        .route(
            "/looks/",
            get(async |user: CurrentUser| {
                Ok::<_, GuardRejection>(user.get().await?.map_or(0, |u| u.username.len()).to_string())
            }),
        )
        .route(
            "/why/",
            get(async |ctx: Ctx| {
                ctx.user().await?;
                Ok::<_, GuardRejection>(ctx.reason().map_or("signed in", Anonymous::as_str))
            }),
        )
        .route("/cart/", get(async |session: Session| session.set_value("cart", 7)))
        .route("/has-cart/", get(async |session: Session| format!("{:?}", session.get::<i64>("cart").unwrap())))
        .merge(login_routes())
}

async fn browser(site: &Site) -> Browser {
    site.user("alice").await;
    site.browser(routes())
}

/// M03, M05, M29: logging in ties the user to the session, and the cookie brings them back.
#[tokio::test]
async fn a_log_in_lasts() {
    let site = Site::new().await;
    let mut browser = browser(&site).await;
    assert_eq!(browser.get("/home/").await.body, "nobody");
    browser.sign_in("alice").await;
    assert_eq!(browser.get("/profile/").await.body, "alice");
    assert_eq!(browser.get("/home/").await.body, "alice");
    assert_eq!(browser.get("/looks/").await.body, "5");
}

/// A66, C42, H05: the answer to a log-in sets both cookies, with a new CSRF secret.
#[tokio::test]
async fn a_log_in_renews_both_cookies() {
    let site = Site::new().await;
    let mut browser = browser(&site).await;
    let answer = browser.sign_in("alice").await;
    assert_eq!(answer.cookie_names(), ["csrftoken", "sessionid"]);
    assert_ne!(browser.cookies["csrftoken"], "a".repeat(32));
    assert_eq!(answer.header("vary"), "Cookie");
}

/// S03, A64: a session of nobody keeps its data and gets a new key.
#[tokio::test]
async fn a_log_in_changes_the_key_and_keeps_the_cart() {
    let site = Site::new().await;
    let mut browser = browser(&site).await;
    browser.get("/cart/").await;
    let before = browser.cookies["sessionid"].clone();
    browser.sign_in("alice").await;
    assert_ne!(browser.cookies["sessionid"], before);
    assert!(!site.stores(&before).await);
    assert_eq!(browser.get("/has-cart/").await.body, "Some(7)");
}

/// M06, S06: logging out ends the session on the server; the stolen cookie opens nothing. M07: again is no error.
#[tokio::test]
async fn a_replayed_cookie_is_nobody_after_logout() {
    let site = Site::new().await;
    let mut browser = browser(&site).await;
    browser.sign_in("alice").await;
    let stolen = browser.cookies["sessionid"].clone();
    let answer = browser.post("/logout/", "").await;
    assert_eq!(
        answer.set_cookie,
        ["sessionid=\"\"; expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=0; Path=/; SameSite=Lax"]
    );
    assert!(!site.stores(&stolen).await);
    let mut thief = browser.clone();
    thief.cookies.insert("sessionid".into(), stolen);
    assert_eq!(thief.get("/home/").await.body, "nobody");
    let again = browser.post("/logout/", "").await;
    assert_eq!((again.status, again.set_cookie.len()), (200, 0));
}

/// M09: a session that the server ends is dead from the next request on.
#[tokio::test]
async fn a_session_ended_on_the_server_is_dead() {
    let site = Site::new().await;
    let mut browser = browser(&site).await;
    browser.sign_in("alice").await;
    let key = cloakroom_core::keys::SessionKey::parse(&browser.cookies["sessionid"]).unwrap();
    site.sessions.end(&key).await.unwrap();
    assert_eq!(browser.get("/home/").await.body, "nobody");
}

/// S07, Z01, G60: a closed account acts at once, and opening it again revives the session.
#[tokio::test]
async fn deactivation_acts_at_the_next_request() {
    let site = Site::new().await;
    let mut browser = browser(&site).await;
    browser.sign_in("alice").await;
    let mut alice = site.auth.user_by_username("alice").await.unwrap().unwrap();
    assert!(matches!(site.auth.set_activity(&mut alice, Activity::Inactive).await, Ok(cloakroom_db::Updated::Yes)));
    assert_eq!(browser.get("/home/").await.body, "nobody");
    assert_eq!(browser.get("/why/").await.body, "user_inactive");
    assert!(matches!(site.auth.set_activity(&mut alice, Activity::Active).await, Ok(cloakroom_db::Updated::Yes)));
    assert_eq!(browser.get("/home/").await.body, "alice");
}

/// A77, R10: whoever never looks reads nothing, and the answer does not vary.
#[tokio::test]
async fn a_user_nobody_looks_at_costs_nothing() {
    let site = Site::new().await;
    let mut browser = browser(&site).await;
    browser.sign_in("alice").await;
    site.db.close().await;
    let answer = browser.get("/lazy/").await;
    assert_eq!((answer.status, answer.header("vary")), (200, ""));
}

/// D12, M14: each anonymous request has its reason inside; L05: the client sees the same answer for all.
#[tokio::test]
async fn every_anonymous_request_has_one_reason_and_one_answer() {
    let site = Site::new().await;
    let mut browser = browser(&site).await;
    assert_eq!(browser.get("/why/").await.body, "no_cookie");
    browser.get("/cart/").await;
    assert_eq!(browser.get("/why/").await.body, "not_signed_in");
    let mut answers = Vec::new();
    for (cookie, reason) in [("short", "key_malformed"), ("deaddeaddeaddeaddeaddeaddeaddead", "no_session")] {
        browser.cookies.insert("sessionid".into(), cookie.into());
        assert_eq!(browser.clone().get("/why/").await.body, reason);
        let answer = browser.clone().get("/profile/").await;
        answers.push((answer.status, answer.headers, answer.body));
    }
    assert_eq!(answers[0], answers[1]);
    assert_eq!(answers[0].0, 302);
}

/// D04: under `/api` nobody is sent to a page.
#[tokio::test]
async fn programs_get_403() {
    let site = Site::new().await;
    let mut browser = site.browser(Router::new().route("/api/user/", get(async |user: User| user.username.clone())));
    let answer = browser.get("/api/user/").await;
    assert_eq!((answer.status, answer.header("content-type")), (403, "application/json"));
    assert_eq!(answer.body, r#"{"detail":"Authentication credentials were not provided."}"#);
}

/// A74, M24: a changed password ends other sessions and keeps this one.
#[tokio::test]
async fn a_password_change_ends_other_sessions() {
    async fn change(auth: Auth, user: User) -> Result<(), GuardRejection> {
        let mut user = cloakroom_core::models::User::clone(&user);
        let _ = auth.set_password(&mut user, &"new-pass-9Z".to_owned().into()).await?;
        auth.update_session_auth_hash(&user).await
    }
    let site = Site::new().await;
    site.user("alice").await;
    let mut here = site.browser(routes().route("/change/", get(change)));
    here.sign_in("alice").await;
    let mut there = here.clone();
    there.cookies.clear();
    there.sign_in("alice").await;
    let before = here.cookies["sessionid"].clone();
    assert_eq!(here.get("/change/").await.status, 200);
    assert_ne!(here.cookies["sessionid"], before);
    assert_eq!(here.get("/home/").await.body, "alice");
    assert_eq!(there.get("/why/").await.body, "hash_mismatch");
    assert_eq!(there.get("/home/").await.body, "nobody");
}
