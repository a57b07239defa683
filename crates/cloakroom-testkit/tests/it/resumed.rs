//! Forms that were sent in vain: before the log-in (M22, X10), or with a token that was too old (X11).

use std::time::Duration;

use axum::body::Body;
use cloakroom::core::clock::Timestamp;
use cloakroom_testkit::{Answer, Browser, TestSite, TestSiteBuilder, form};
use http::header::{CONTENT_TYPE, ORIGIN, REFERER};
use http::{HeaderName, Method, StatusCode};

const T0: Timestamp = Timestamp::from_secs(1_767_323_045);
const LOGIN: &str = "/accounts/login/";
const UPDATE: &str = "/accounts/update/";
const RESUME: &str = "/accounts/resume/";
const OWN: (HeaderName, &str) = (ORIGIN, "http://testserver");
const NAMES: [(&str, &str); 3] = [("first_name", "Ann"), ("last_name", "<b>Lee"), ("email", "ann@site.example")];

fn hardened() -> TestSiteBuilder {
    TestSite::builder().frozen_at(T0).setting("SECURITY_PROFILE", "hardened")
}

/// Sends a form with a token that is good and these headers.
async fn send(browser: &mut Browser, path: &str, fields: &[(&str, &str)], headers: &[(HeaderName, &str)]) -> Answer {
    let token = browser.get(LOGIN).await.field("csrfmiddlewaretoken").unwrap();
    let mut all = vec![("csrfmiddlewaretoken", token.as_str())];
    all.extend_from_slice(fields);
    post(browser, path, &all, headers).await
}

async fn post(browser: &mut Browser, path: &str, fields: &[(&str, &str)], headers: &[(HeaderName, &str)]) -> Answer {
    let mut headers = headers.to_vec();
    headers.push((CONTENT_TYPE, "application/x-www-form-urlencoded"));
    browser.send(Method::POST, path, &headers, Body::from(form(fields))).await
}

/// The hidden fields of the page's form with this id, as a browser sends them.
fn hidden(answer: &Answer, id: &str) -> Vec<(String, String)> {
    let text = answer.text();
    let start = text.find(&format!("id=\"{id}\"")).unwrap_or_else(|| panic!("no form {id} in {text}"));
    let end = start + text[start..].find("</form>").unwrap();
    let unescape = |text: &str| {
        let signs = [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#x27;", "'"), ("&#x2f;", "/"), ("&amp;", "&")];
        signs.iter().fold(text.to_owned(), |text, (escaped, sign)| text.replace(escaped, sign))
    };
    let inputs = text[start..end].split("<input ").skip(1);
    let value =
        |tag: &str, name: &str| unescape(tag.split(&format!(" {name}=\"")).nth(1).unwrap().split('"').next().unwrap());
    inputs.map(|tag| (value(tag, "name"), value(tag, "value"))).collect()
}

fn as_fields(fields: &[(String, String)]) -> Vec<(&str, &str)> {
    fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
}

async fn first_name(site: &TestSite) -> String {
    site.cloakroom().auth().user_by_username("alice").await.unwrap().unwrap().first_name.to_string()
}

/// M22: kept over the log-in, sent after a question, by the browser itself, to the handler it was for.
#[tokio::test]
async fn a_form_waits_for_the_login() {
    let site = hardened().start().await;
    site.user("alice").await;
    let mut browser = site.browser();
    let sent = send(&mut browser, UPDATE, &NAMES, &[OWN]).await;
    assert_eq!(sent.location(), Some("/accounts/login/?next=/accounts/resume/"));
    let login = browser.submit(LOGIN, &[("username", "alice"), ("password", "alice-pass-9Z"), ("next", RESUME)]).await;
    assert_eq!(login.location(), Some(RESUME));
    assert!(login.set_cookie("sessionid").unwrap().contains("Max-Age=1209600"), "a session as long as any");

    // X10: nothing happens by itself.
    let page = browser.get(RESUME).await;
    assert_eq!(page.status, StatusCode::OK);
    assert_eq!(first_name(&site).await, "");
    assert!(page.text().contains("Ann") && page.text().contains("&lt;b&gt;Lee") && !page.text().contains("<b>Lee"));
    let fields = hidden(&page, "resume");
    assert_eq!(fields.len(), 4, "one token, and what was entered");

    let confirmed = post(&mut browser, RESUME, &as_fields(&fields), &[OWN]).await;
    assert_eq!((confirmed.status, confirmed.location()), (StatusCode::TEMPORARY_REDIRECT, Some(UPDATE)));
    let done = post(&mut browser, UPDATE, &as_fields(&fields), &[OWN]).await;
    assert_eq!((done.status, done.location()), (StatusCode::FOUND, Some("/accounts/profile/")));
    assert_eq!(first_name(&site).await, "Ann");
    // Once.
    assert_eq!(browser.get(RESUME).await.location(), Some("/accounts/profile/"));
}

/// M22: Django's profile answers as Django.
#[tokio::test]
async fn by_default_next_is_the_address_itself() {
    let site = TestSite::start().await;
    let mut browser = site.browser();
    let sent = send(&mut browser, UPDATE, &NAMES, &[OWN]).await;
    assert_eq!(sent.location(), Some("/accounts/login/?next=/accounts/update/"));
    assert!(sent.set_cookie("sessionid").is_none());
    site.user("alice").await;
    browser.sign_in(LOGIN, "alice", "alice-pass-9Z").await;
    assert_eq!(browser.get(RESUME).await.status, StatusCode::NOT_FOUND);
}

/// X10, CVE-2008-3909: what another site sends is not kept.
#[tokio::test]
async fn a_strangers_form_is_not_kept() {
    let site = hardened().start().await;
    site.user("alice").await;
    let mut browser = site.browser();
    browser.get(LOGIN).await;
    for headers in [vec![(ORIGIN, "https://evil.example")], vec![OWN], vec![]] {
        let sent = post(&mut browser, UPDATE, &NAMES, &headers).await;
        assert_eq!(sent.status, StatusCode::FORBIDDEN);
        assert!(sent.set_cookie("sessionid").is_none());
    }
    let mut guessed = NAMES.to_vec();
    guessed.push(("csrfmiddlewaretoken", "a234567890123456789012345678901b"));
    assert_eq!(post(&mut browser, UPDATE, &guessed, &[OWN]).await.status, StatusCode::FORBIDDEN);
    browser.sign_in(LOGIN, "alice", "alice-pass-9Z").await;
    assert_eq!(browser.get(RESUME).await.location(), Some("/accounts/profile/"));
    assert_eq!(site.stored_sessions().await, 1);
}

/// Secrets, scripts' requests and what is too large are not kept: the log-in leads back to the form's page.
#[tokio::test]
async fn what_must_not_wait_leads_back_to_its_page() {
    let site = hardened().start().await;
    let change = "/accounts/password_change/";
    let secret = [("old_password", "canary-1"), ("new_password1", "canary-2"), ("new_password2", "canary-2")];
    let back = "/accounts/login/?next=/notes/new/%3Fa%3D1";
    let page = (REFERER, "http://testserver/notes/new/?a=1");
    let sent = send(&mut site.browser(), change, &secret, &[OWN, page.clone()]).await;
    assert_eq!(sent.location(), Some(back));
    let large = "x".repeat(40_000);
    let sent = send(&mut site.browser(), UPDATE, &[("first_name", &large)], &[OWN, page.clone()]).await;
    assert_eq!(sent.location(), Some(back));
    // A page elsewhere, or one that could be taken for another host, is none.
    for referer in ["http://evil.example/notes/", "http://testserver//evil.example/", "not an address"] {
        let sent = send(&mut site.browser(), change, &secret, &[OWN, (REFERER, referer)]).await;
        assert_eq!(sent.location(), Some("/accounts/login/?next=/accounts/password_change/"), "{referer}");
    }
    let script = (HeaderName::from_static("sec-fetch-mode"), "cors");
    let sent = send(&mut site.browser(), UPDATE, &NAMES, &[OWN, page, script]).await;
    assert_eq!(sent.location(), Some("/accounts/login/?next=/accounts/update/"));
    assert_eq!(site.stored_sessions().await, 0);
}

/// Not for long, and without a log-in no longer than that.
#[tokio::test]
async fn a_form_waits_a_quarter_of_an_hour() {
    let site = hardened().start().await;
    site.user("alice").await;
    let mut browser = site.browser();
    let sent = send(&mut browser, UPDATE, &NAMES, &[OWN]).await;
    assert!(sent.set_cookie("sessionid").unwrap().contains("Max-Age=900"));
    browser.sign_in(LOGIN, "alice", "alice-pass-9Z").await;
    site.clock().advance(Duration::from_secs(901));
    assert_eq!(browser.get(RESUME).await.location(), Some("/accounts/profile/"));
}

/// Whoever thinks better of it goes back to the page.
#[tokio::test]
async fn a_form_that_waits_can_be_dropped() {
    let site = hardened().start().await;
    site.user("alice").await;
    let mut browser = site.browser();
    send(&mut browser, UPDATE, &NAMES, &[OWN, (REFERER, "http://testserver/notes/")]).await;
    browser.sign_in(LOGIN, "alice", "alice-pass-9Z").await;
    let fields = hidden(&browser.get(RESUME).await, "drop");
    let dropped = post(&mut browser, "/accounts/resume/?drop", &as_fields(&fields), &[OWN]).await;
    assert_eq!(dropped.location(), Some("/notes/"));
    assert_eq!(browser.get(RESUME).await.location(), Some("/accounts/profile/"));
    assert_eq!(first_name(&site).await, "");
}

/// X11: after a log-in in another tab the form is there again, with what was entered and a token that is good. In both profiles.
#[tokio::test]
async fn a_form_that_expired_is_shown_again() {
    for site in [hardened(), TestSite::builder().frozen_at(T0)] {
        let site = site.start().await;
        site.user("alice").await;
        let mut browser = site.browser();
        browser.sign_in(LOGIN, "alice", "alice-pass-9Z").await;
        let old = browser.get(UPDATE).await.field("csrfmiddlewaretoken").unwrap();
        browser.submit("/accounts/logout/", &[]).await;
        browser.sign_in(LOGIN, "alice", "alice-pass-9Z").await;

        let mut fields = NAMES.to_vec();
        fields.push(("csrfmiddlewaretoken", &old));
        let expired = post(&mut browser, UPDATE, &fields, &[OWN]).await;
        assert_eq!(expired.status, StatusCode::FORBIDDEN);
        assert!(expired.headers.get("set-cookie").is_none());
        assert!(expired.header("content-security-policy").unwrap().contains("form-action 'self'"));
        assert!(expired.text().contains("action=\"&#x2f;accounts&#x2f;update&#x2f;\""));
        assert_eq!(first_name(&site).await, "");
        let again = hidden(&expired, "again");
        assert_eq!(again.len(), 4);
        assert_eq!(post(&mut browser, UPDATE, &as_fields(&again), &[OWN]).await.status, StatusCode::FOUND);
        assert_eq!(first_name(&site).await, "Ann");

        // X11: other origins, and those that the browser does not name, see the plain page.
        for headers in [vec![(ORIGIN, "http://evil.example")], vec![(ORIGIN, "null")], vec![]] {
            let refused = post(&mut browser, UPDATE, &fields, &headers).await;
            assert_eq!(refused.status, StatusCode::FORBIDDEN);
            assert!(!refused.text().contains("Ann") && !refused.text().contains("<form"));
        }
    }
}

/// Passwords are not shown again: a fresh form is a link away.
#[tokio::test]
async fn an_expired_login_form_is_opened_anew() {
    let site = hardened().start().await;
    let mut browser = site.browser();
    browser.get(LOGIN).await;
    let fields = [("username", "alice"), ("password", "canary"), ("csrfmiddlewaretoken", &"a".repeat(64))];
    let page = (REFERER, "http://testserver/accounts/login/?next=/x/");
    let expired = post(&mut browser, LOGIN, &fields, &[OWN, page]).await;
    assert_eq!(expired.status, StatusCode::FORBIDDEN);
    assert!(!expired.text().contains("canary") && !expired.text().contains("<form"));
    assert!(
        expired.text().contains("href=\"&#x2f;accounts&#x2f;login&#x2f;?next=&#x2f;x&#x2f;\""),
        "{}",
        expired.text()
    );
}

/// A browser whose CSRF cookie went: Django's profile sets none with the refusal, the hardened one does.
#[tokio::test]
async fn a_lost_cookie_is_no_dead_end() {
    for (site, forms) in [(hardened(), 1), (TestSite::builder().frozen_at(T0), 0)] {
        let site = site.start().await;
        site.user("alice").await;
        let mut browser = site.browser();
        browser.sign_in(LOGIN, "alice", "alice-pass-9Z").await;
        browser.forget("csrftoken");
        let refused = post(&mut browser, UPDATE, &NAMES, &[OWN]).await;
        assert_eq!((refused.status, refused.text().matches("<form").count()), (StatusCode::FORBIDDEN, forms));
        assert_eq!(refused.set_cookie("csrftoken").is_some(), forms == 1);
        assert!(refused.text().contains("href=\"&#x2f;accounts&#x2f;update&#x2f;\""));
        if forms == 1 {
            let again = hidden(&refused, "again");
            assert_eq!(post(&mut browser, UPDATE, &as_fields(&again), &[OWN]).await.status, StatusCode::FOUND);
        }
    }
}
