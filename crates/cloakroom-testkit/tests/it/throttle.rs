//! The throttle over HTTP: every door, the same answer for all accounts (E01, E04–E08, E11, A21).

use std::time::Duration;

use axum::body::Body;
use cloakroom::core::clock::Timestamp;
use cloakroom_testkit::{Answer, Browser, TestSite};
use http::header::CONTENT_TYPE;
use http::{HeaderName, Method, StatusCode};
use serde_json::json;

const LOGIN: &str = "/accounts/login/";
const CHANGE: &str = "/accounts/password_change/";
const T0: Timestamp = Timestamp::from_secs(1_767_323_045);

async fn guess(browser: &mut Browser, name: &str, password: &str) -> Answer {
    browser.submit(LOGIN, &[("username", name), ("password", password)]).await
}

async fn api(browser: &mut Browser, path: &str, body: &serde_json::Value) -> Answer {
    let token = browser.get("/api/auth/csrf/").await.json()["csrfToken"].as_str().unwrap().to_owned();
    let headers = [(CONTENT_TYPE, "application/json"), (HeaderName::from_static("x-csrftoken"), token.as_str())];
    browser.send(Method::POST, path, &headers, Body::from(body.to_string())).await
}

fn assert_throttled(answer: &Answer, after: &str) {
    assert_eq!((answer.status, answer.header("retry-after")), (StatusCode::TOO_MANY_REQUESTS, Some(after)));
}

/// E01, E04, E08: page and API share the count; known, unknown and closed accounts are answered alike; the form stays.
#[tokio::test]
async fn guesses_are_429_with_retry_after() {
    let site = TestSite::builder().frozen_at(T0).start().await;
    site.user("alice").await;
    let mut answers = Vec::new();
    for name in ["alice", "nobody"] {
        let mut browser = site.browser();
        for n in 0..10 {
            let status = match n % 2 {
                0 => guess(&mut browser, name, "wrong").await.status,
                _ => {
                    let body = json!({ "username": name.to_uppercase(), "password": "wrong" });
                    api(&mut browser, "/api/auth/login/", &body).await.status
                }
            };
            assert!(matches!(status, StatusCode::OK | StatusCode::BAD_REQUEST), "{n}: {status}");
        }
        let page = guess(&mut browser, name, &format!("{name}-pass-9Z")).await;
        assert_throttled(&page, "30");
        assert_eq!(page.error_codes(), ["throttled"]);
        assert!(page.set_cookie("sessionid").is_none());
        let token = page.field("csrfmiddlewaretoken").unwrap();
        let headers: Vec<_> = page.headers.keys().map(ToString::to_string).collect();
        let text = page.text().replace(&token, "TOKEN").replace(page.nonce(), "NONCE");
        answers.push((text.replace(name, "NAME"), headers));
        let answer = api(&mut browser, "/api/auth/login/", &json!({ "username": name, "password": "wrong" })).await;
        assert_throttled(&answer, "30");
        assert!(answer.json()["detail"].is_string());
    }
    assert_eq!(answers[0], answers[1]);
    site.clock().advance(Duration::from_secs(30));
    assert_eq!(guess(&mut site.browser(), "alice", "alice-pass-9Z").await.status, StatusCode::FOUND);
}

/// A21, A09: whoever found an open session cannot guess the password at another door.
#[tokio::test]
async fn the_old_password_stands_under_the_same_count() {
    let site = TestSite::builder().frozen_at(T0).start().await;
    site.user("alice").await;
    let mut browser = site.browser();
    browser.sign_in(LOGIN, "alice", "alice-pass-9Z").await;
    let new = "correct horse battery";
    let fields = |old| [("old_password", old), ("new_password1", new), ("new_password2", new)];
    for n in 0..10 {
        // Also where the new one would not do.
        let again = if n % 2 == 0 { new } else { "another" };
        let mut wrong = fields("wrong");
        wrong[2].1 = again;
        assert_eq!(browser.submit(CHANGE, &wrong).await.status, StatusCode::OK);
    }
    assert_throttled(&browser.submit(CHANGE, &fields("alice-pass-9Z")).await, "30");
    let body = json!({ "old_password": "alice-pass-9Z", "new_password1": new, "new_password2": new });
    assert_throttled(&api(&mut browser, "/api/auth/password/change/", &body).await, "30");
    assert_throttled(&guess(&mut site.browser(), "alice", "alice-pass-9Z").await, "30");
    // Who is signed in stays so.
    assert_eq!(browser.get("/accounts/profile/").await.status, StatusCode::OK);
}

/// E11, E02: links are limited by address, known or not, on the page and in the API.
#[tokio::test]
async fn reset_links_are_limited() {
    let site = TestSite::builder().frozen_at(T0).setting("EMAIL_BACKEND", "dummy").start().await;
    site.user("alice").await;
    for mail in ["alice@site.example", "nobody@site.example"] {
        let mut browser = site.browser();
        for n in 0..5 {
            let answer = match n % 2 {
                0 => browser.submit("/accounts/password_reset/", &[("email", mail)]).await,
                _ => api(&mut browser, "/api/auth/password/reset/", &json!({ "email": mail })).await,
            };
            assert!(matches!(answer.status, StatusCode::FOUND | StatusCode::OK));
        }
        assert_throttled(&browser.submit("/accounts/password_reset/", &[("email", mail)]).await, "720");
        assert_throttled(&api(&mut browser, "/api/auth/password/reset/", &json!({ "email": mail })).await, "720");
    }
}

/// E11: accounts are limited by network; a form with errors costs nothing.
#[tokio::test]
async fn sign_ups_are_limited() {
    let site = TestSite::builder().frozen_at(T0).setting("THROTTLE_NETWORK_SIGNUPS", 2).start().await;
    let fields =
        |name| [("username", name), ("email", ""), ("password1", "correct horse 9"), ("password2", "correct horse 9")];
    let sign_up = async |name| site.browser().submit("/accounts/signup/", &fields(name)).await;
    assert_eq!(sign_up("one").await.status, StatusCode::FOUND);
    for _ in 0..5 {
        assert_eq!(sign_up("one").await.status, StatusCode::OK);
    }
    assert_eq!(sign_up("two").await.status, StatusCode::FOUND);
    let refused = sign_up("three").await;
    assert_throttled(&refused, "1800");
    let mut browser = site.browser();
    let body = json!({ "username": "three", "password1": "correct horse 9", "password2": "correct horse 9" });
    assert_throttled(&api(&mut browser, "/api/auth/signup/", &body).await, "1800");
}

/// E07: what a client writes into `X-Forwarded-For` changes nothing; what the site's own proxy adds counts.
#[tokio::test]
async fn only_listed_proxies_say_who_the_client_is() {
    let spoofing = async |proxies: serde_json::Value, header: &dyn Fn(u32) -> String| {
        let site = TestSite::builder()
            .frozen_at(T0)
            .setting("TRUSTED_PROXIES", proxies)
            .setting("THROTTLE_NETWORK_FAILURES", 20)
            .start()
            .await;
        let mut passed = 0;
        for n in 0..25 {
            let mut browser = site.browser().with_header("x-forwarded-for", &header(n));
            let answer = guess(&mut browser, &format!("user{n}"), "wrong").await;
            passed += u32::from(answer.status == StatusCode::OK);
        }
        passed
    };
    assert_eq!(spoofing(json!([]), &|n| format!("192.0.2.{n}")).await, 20);
    assert_eq!(spoofing(json!(["10.0.0.0/8"]), &|n| format!("192.0.2.{n}")).await, 20);
    assert_eq!(spoofing(json!(["127.0.0.1"]), &|n| format!("192.0.2.{n}, 198.51.100.7")).await, 20);
    assert_eq!(spoofing(json!(["127.0.0.1"]), &|n| format!("192.0.2.{n}")).await, 25);
}

/// Limits are settings, and the throttle can be left to something in front.
#[tokio::test]
async fn the_throttle_can_be_switched_off() {
    let site = TestSite::builder().setting("THROTTLE", false).start().await;
    let mut browser = site.browser();
    for _ in 0..30 {
        assert_eq!(guess(&mut browser, "nobody", "wrong").await.status, StatusCode::OK);
    }
}
