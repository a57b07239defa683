//! Log-in and log-out.

use cloakroom::core::clock::Timestamp;
use cloakroom_testkit::{Answer, TestSite};
use http::StatusCode;
use std::time::Duration;

const LOGIN: &str = "/accounts/login/";

/// An answer without what is random in it, for comparing answers to one another.
fn outline(answer: &Answer) -> String {
    let token = answer.field("csrfmiddlewaretoken").unwrap_or_default();
    let mut headers: Vec<_> = answer
        .headers
        .iter()
        .filter(|(name, _)| !["set-cookie", "date", "expires", "content-length"].contains(&name.as_str()))
        .map(|(name, value)| format!("{name}: {value:?}"))
        .collect();
    headers.sort();
    let names: Vec<_> = answer
        .headers
        .get_all("set-cookie")
        .iter()
        .map(|c| c.to_str().unwrap().split('=').next().unwrap().to_owned())
        .collect();
    let outline = format!("{} {headers:?} {names:?} {}", answer.status, answer.text().replace(&token, "TOKEN"));
    outline.replace(answer.nonce(), "NONCE")
}

/// M02, M03, M04, M05, M27: the form signs in, under a fresh key whose cookie no script reads.
#[tokio::test]
async fn a_login_ties_the_user_to_a_fresh_session() {
    let site = TestSite::start().await;
    site.user("alice").await;
    let mut alice = site.browser();
    let answer = alice.submit(LOGIN, &[("username", "alice"), ("password", "alice-pass-9Z")]).await;
    assert_eq!((answer.status, answer.location()), (StatusCode::FOUND, Some("/accounts/profile/")));
    let cookie = answer.set_cookie("sessionid").unwrap();
    assert!(cookie.contains("; HttpOnly; Max-Age=1209600; Path=/; SameSite=Lax"), "{cookie}");
    assert!(!cookie.contains("Secure"));
    assert_eq!(alice.cookie("sessionid").unwrap().len(), 32);
    assert_eq!(answer.header("vary"), Some("Cookie"));
    assert_eq!(site.stored_sessions().await, 1);

    let profile = alice.get("/accounts/profile/").await;
    assert_eq!(profile.status, StatusCode::OK);
    assert!(profile.text().contains("alice"));
}

/// M04: `Secure` where so configured.
#[tokio::test]
async fn a_secure_cookie_says_so() {
    let site = TestSite::builder().setting("SESSION_COOKIE_SECURE", true).start().await;
    site.user("alice").await;
    let answer = site.browser().submit(LOGIN, &[("username", "alice"), ("password", "alice-pass-9Z")]).await;
    assert!(answer.set_cookie("sessionid").unwrap().ends_with("; Secure"));
}

/// E01, M02, M15: unknown, wrong and inactive get one answer, byte for byte, and no session.
#[tokio::test]
async fn every_refusal_looks_the_same() {
    let site = TestSite::start().await;
    site.user("alice").await;
    site.user("carol").await;
    let auth = site.cloakroom().auth();
    let mut carol = auth.user_by_username("carol").await.unwrap().unwrap();
    let _ = auth.set_activity(&mut carol, cloakroom::auth::events::Activity::Inactive).await.unwrap();

    let mut outlines = Vec::new();
    for name in ["alice", "carol", "nobody"] {
        let password = if name == "carol" { "carol-pass-9Z" } else { "wrong" };
        let answer = site.browser().submit(LOGIN, &[("username", name), ("password", password)]).await;
        assert_eq!(answer.status, StatusCode::OK);
        assert_eq!(answer.error_codes(), ["invalid_login"]);
        outlines.push(outline(&answer).replace(name, "NAME"));
    }
    assert_eq!(outlines[0], outlines[1]);
    assert_eq!(outlines[0], outlines[2]);
    assert_eq!(site.stored_sessions().await, 0);
}

/// M06, S06: the row is gone, the cookie is expired, and a copy of it opens nothing.
#[tokio::test]
async fn a_replayed_cookie_is_nobody_after_logout() {
    let site = TestSite::start().await;
    site.user("alice").await;
    let mut alice = site.browser();
    alice.sign_in(LOGIN, "alice", "alice-pass-9Z").await;
    let mut thief = site.browser().with_cookies_of(&alice);
    assert_eq!(thief.get("/accounts/profile/").await.status, StatusCode::OK);

    let token = alice.get("/accounts/profile/").await.field("csrfmiddlewaretoken").unwrap();
    let answer = alice.post("/accounts/logout/", &[("csrfmiddlewaretoken", &token)]).await;
    assert_eq!(answer.status, StatusCode::OK);
    let cookie = answer.set_cookie("sessionid").unwrap();
    assert!(cookie.contains("expires=Thu, 01 Jan 1970 00:00:00 GMT") && cookie.contains("Path=/"), "{cookie}");
    assert_eq!(site.stored_sessions().await, 0);
    assert_eq!(thief.get("/accounts/profile/").await.status, StatusCode::FOUND);
}

/// M07, S15: visits and log-outs of nobody make no session; logging out while signed out is no error.
#[tokio::test]
async fn nobody_leaves_no_trace() {
    let site = TestSite::start().await;
    let mut nobody = site.browser();
    for path in ["/", LOGIN, "/accounts/signup/", "/accounts/profile/"] {
        nobody.get(path).await;
    }
    let token = nobody.get(LOGIN).await.field("csrfmiddlewaretoken").unwrap();
    let answer = nobody.post("/accounts/logout/", &[("csrfmiddlewaretoken", &token)]).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(nobody.cookie("sessionid"), None);
    assert_eq!(site.stored_sessions().await, 0);
}

/// X06: a log-out is a POST.
#[tokio::test]
async fn a_logout_by_get_is_refused() {
    let site = TestSite::start().await;
    let answer = site.browser().get("/accounts/logout/").await;
    assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(answer.header("allow"), Some("POST, OPTIONS"));
}

/// M08, X01, X03: no token, no log-in.
#[tokio::test]
async fn a_login_without_token_is_refused() {
    let site = TestSite::start().await;
    site.user("alice").await;
    let mut alice = site.browser();
    alice.get(LOGIN).await;
    let answer = alice.post(LOGIN, &[("username", "alice"), ("password", "alice-pass-9Z")]).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    assert!(!answer.text().contains("token missing"), "the reason is for DEBUG alone");
    assert_eq!(alice.cookie("sessionid"), None);
}

/// M21, X09: `next` leads on, and never to another site.
#[tokio::test]
async fn next_stays_on_the_site() {
    let site = TestSite::start().await;
    site.user("alice").await;
    let sent = site.browser().get("/accounts/update/").await;
    assert_eq!(sent.location(), Some("/accounts/login/?next=/accounts/update/"));
    let cases = [
        ("/accounts/update/", "/accounts/update/"),
        ("//evil.example/", "/accounts/profile/"),
        ("https://evil.example/", "/accounts/profile/"),
        ("/\\evil.example/", "/accounts/profile/"),
        ("javascript:alert(1)", "/accounts/profile/"),
    ];
    for (next, wanted) in cases {
        let fields = [("username", "alice"), ("password", "alice-pass-9Z"), ("next", next)];
        let answer = site.browser().submit(LOGIN, &fields).await;
        assert_eq!(answer.location(), Some(wanted), "next={next}");
    }
}

/// S03: a key that was planted before the log-in is dead after it.
#[tokio::test]
async fn a_planted_key_is_not_kept() {
    let site = TestSite::start().await;
    site.user("alice").await;
    let planted = "a".repeat(32);
    let mut alice = site.browser().with_cookie("sessionid", &planted);
    alice.sign_in(LOGIN, "alice", "alice-pass-9Z").await;
    assert_ne!(alice.cookie("sessionid"), Some(planted.as_str()));
    let mut attacker = site.browser().with_cookie("sessionid", &planted);
    assert_eq!(attacker.get("/accounts/profile/").await.status, StatusCode::FOUND);
}

/// S17, S45: the server alone says when a session is over.
#[tokio::test]
async fn an_expired_session_is_nobody() {
    let site = TestSite::builder().frozen_at(Timestamp::from_secs(1_767_323_045)).start().await;
    site.user("alice").await;
    let mut alice = site.browser();
    alice.sign_in(LOGIN, "alice", "alice-pass-9Z").await;
    site.clock().advance(Duration::from_secs(1_209_599));
    assert_eq!(alice.get("/accounts/profile/").await.status, StatusCode::OK);
    site.clock().advance(Duration::from_secs(1));
    assert_eq!(alice.get("/accounts/profile/").await.status, StatusCode::FOUND);
}

/// M11: the account pages stand where the site wants them.
#[tokio::test]
async fn the_pages_stand_at_the_root() {
    let site = TestSite::builder().setting("ACCOUNTS_PREFIX", "/").start().await;
    site.user("alice").await;
    let mut alice = site.browser();
    alice.sign_in("/login/", "alice", "alice-pass-9Z").await;
    assert_eq!(alice.get("/profile/").await.status, StatusCode::OK);
    assert_eq!(alice.get("/accounts/profile/").await.status, StatusCode::NOT_FOUND);
}
