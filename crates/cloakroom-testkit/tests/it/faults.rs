//! Bad input and bad days.

use axum::body::Body;
use cloakroom_testkit::TestSite;
use http::header::{CONTENT_TYPE, COOKIE};
use http::{Method, StatusCode};

const FORM: (http::HeaderName, &str) = (CONTENT_TYPE, "application/x-www-form-urlencoded");

/// F01, D7: a database that is gone is a 503 that can be tried again. Nobody is signed out by it.
#[tokio::test]
async fn an_outage_signs_nobody_out() {
    let site = TestSite::start().await;
    site.user("alice").await;
    let mut alice = site.browser();
    alice.sign_in("/accounts/login/", "alice", "alice-pass-9Z").await;
    site.cloakroom().close().await;

    let answer = alice.get("/accounts/profile/").await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(answer.header("retry-after").is_some());
    assert_eq!(answer.set_cookie("sessionid"), None);
    assert!(alice.cookie("sessionid").is_some());

    let login = alice.submit("/accounts/login/", &[("username", "alice"), ("password", "alice-pass-9Z")]).await;
    assert_eq!(login.status, StatusCode::SERVICE_UNAVAILABLE);
}

/// F04: forms that are too much are refused before they cost anything.
#[tokio::test]
async fn a_huge_form_is_400() {
    let site = TestSite::start().await;
    let mut nobody = site.browser();
    let token = nobody.get("/accounts/login/").await.field("csrfmiddlewaretoken").unwrap();
    let huge = format!("csrfmiddlewaretoken={token}&username={}", "a".repeat(3 << 20));
    assert_eq!(nobody.send(Method::POST, "/accounts/login/", &[FORM], Body::from(huge)).await.status, 400);
    let many = format!("csrfmiddlewaretoken={token}{}", "&a=1".repeat(1_001));
    assert_eq!(nobody.send(Method::POST, "/accounts/login/", &[FORM], Body::from(many)).await.status, 400);
}

/// Bytes that are no UTF-8 and fields that come twice are read as Django reads them.
#[tokio::test]
async fn odd_forms_are_read_as_django_reads_them() {
    let site = TestSite::start().await;
    site.user("alice").await;
    let mut alice = site.browser();
    let token = alice.get("/accounts/login/").await.field("csrfmiddlewaretoken").unwrap();
    let bytes = format!("csrfmiddlewaretoken={token}&username=%ff%fe&password=x");
    let answer = alice.send(Method::POST, "/accounts/login/", &[FORM], Body::from(bytes)).await;
    assert_eq!((answer.status, answer.error_codes()), (StatusCode::OK, vec!["invalid_login".to_owned()]));
    let twice = format!(
        "csrfmiddlewaretoken=no&csrfmiddlewaretoken={token}&username=bob&username=alice&password=alice-pass-9Z"
    );
    let answer = alice.send(Method::POST, "/accounts/login/", &[FORM], Body::from(twice)).await;
    assert_eq!(answer.status, StatusCode::FOUND);
}

/// S02, S13, C10: hostile session cookies open nothing and break nothing.
#[tokio::test]
async fn hostile_cookies_open_nothing() {
    let site = TestSite::start().await;
    let long = format!("sessionid={}", "a".repeat(5_000));
    let cookies = [
        "sessionid=",
        "sessionid=short",
        "sessionid=../../etc/passwd",
        "sessionid=' OR 1=1 --",
        "sessionid=\"\\303\\251\"",
        &long,
    ];
    for cookie in cookies {
        let answer = site.browser().send(Method::GET, "/accounts/profile/", &[(COOKIE, cookie)], Body::empty()).await;
        assert_eq!(answer.status, StatusCode::FOUND, "{cookie}");
    }
    assert_eq!(site.stored_sessions().await, 0);
}

/// H08: a host that is not ours is a 400, on every page.
#[tokio::test]
async fn a_strange_host_is_400() {
    let site = TestSite::start().await;
    let mut nobody = site.browser().with_host("evil.example");
    for path in ["/", "/accounts/login/", "/nowhere/"] {
        assert_eq!(nobody.get(path).await.status, StatusCode::BAD_REQUEST, "{path}");
    }
}

/// F10: an unknown address is a 404 that tells nothing of the machine.
#[tokio::test]
async fn an_unknown_address_is_404() {
    let site = TestSite::start().await;
    let answer = site.browser().get("/nowhere/").await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
    assert!(!answer.text().to_lowercase().contains("axum"));
}

/// G61: an address without its slash leads to the one with it.
#[tokio::test]
async fn a_missing_slash_is_added() {
    let site = TestSite::start().await;
    let answer = site.browser().get("/accounts/login?next=/x/").await;
    assert_eq!((answer.status, answer.location()), (StatusCode::MOVED_PERMANENTLY, Some("/accounts/login/?next=/x/")));
}
