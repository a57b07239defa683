//! `/api/auth/…` and `/auth/verify`.

use serde_json::json;

use crate::site::{Browser, TestSite};

const ALICE: &str = r#"{"username":"alice","password":"alice-pass-9Z"}"#;
const NEW: &str = "t0tally-New-pw";

/// A browser that has the CSRF cookie.
async fn client(site: &TestSite) -> Browser {
    let mut browser = site.browser();
    let page = browser.get("/api/auth/csrf/").await;
    assert_eq!(page.parsed()["csrfToken"].as_str().map(str::len), Some(64));
    assert!(page.is_never_cached());
    browser
}

async fn signed_in(site: &TestSite) -> Browser {
    let mut browser = client(site).await;
    browser.json("POST", "/api/auth/login/", ALICE).await.assert_ok();
    browser
}

/// D02, D04: in and out; nobody is 403, not 401.
#[tokio::test]
async fn a_program_signs_in_and_out() {
    let site = TestSite::new().await;
    let alice = site.user("alice").await;
    let mut browser = client(&site).await;
    let nobody = browser.get("/api/auth/user/").await;
    assert_eq!(nobody.status, 403);
    assert_eq!(nobody.parsed(), json!({ "detail": "Authentication credentials were not provided." }));

    let page = browser.json("POST", "/api/auth/login/", ALICE).await;
    let user = json!({
        "pk": alice.id.as_int(), "username": "alice", "email": "alice@site.example", "first_name": "", "last_name": "",
    });
    assert_eq!((page.status.as_u16(), page.parsed()), (200, json!({ "user": user })));
    assert_eq!(browser.get("/api/auth/user/").await.parsed(), user);

    let page = browser.json("POST", "/api/auth/logout/", "").await;
    assert_eq!((page.status.as_u16(), &*page.body, page.header("content-type")), (204, "", ""));
    assert!(page.is_never_cached());
    assert_eq!(browser.cookie("sessionid"), None);
    assert_eq!(site.browser().json("POST", "/api/auth/logout/", "").await.status, 204);
}

/// E01: what is wrong is told by field and code, and not which half of the credentials.
#[tokio::test]
async fn errors_have_codes() {
    let site = TestSite::new().await;
    site.user("alice").await;
    let mut browser = client(&site).await;
    for (body, codes) in [
        (r#"{"username":"alice","password":"no"}"#, json!({ "non_field_errors": ["invalid_login"] })),
        (r#"{"username":"who","password":"no"}"#, json!({ "non_field_errors": ["invalid_login"] })),
        (r#"{"username":"alice","password":null}"#, json!({ "password": ["required"] })),
        ("", json!({ "username": ["required"], "password": ["required"] })),
    ] {
        let page = browser.json("POST", "/api/auth/login/", body).await;
        assert_eq!((page.status.as_u16(), &page.parsed()["codes"]), (400, &codes), "{body}");
    }
}

/// D03: the token is needed for log-in always, and for what a signed-in user changes.
#[tokio::test]
async fn unsafe_methods_need_the_token() {
    let site = TestSite::new().await;
    site.user("alice").await;
    let failed = |reason: &str| json!({ "detail": format!("CSRF Failed: {reason}") });
    let json_type = ("content-type", "application/json");
    for path in ["login", "signup", "password/reset", "password/reset/confirm"] {
        let path = format!("/api/auth/{path}/");
        let page = site.browser().with("POST", &path, json_type, ALICE).await;
        assert_eq!((page.status.as_u16(), page.parsed()), (403, failed("CSRF cookie not set.")), "{path}");
        assert!(page.is_never_cached());
        let page = client(&site).await.with("POST", &path, json_type, ALICE).await;
        assert_eq!((page.status.as_u16(), page.parsed()), (403, failed("CSRF token missing.")), "{path}");
        // The body is read before the token is looked at.
        assert_eq!(client(&site).await.with("POST", &path, json_type, "{").await.status, 400);
        assert_eq!(client(&site).await.with("POST", &path, ("content-type", "text/plain"), "{").await.status, 415);
    }
    let mut browser = signed_in(&site).await;
    for (method, path) in [("PATCH", "user"), ("DELETE", "user"), ("POST", "logout"), ("DELETE", "sessions")] {
        let path = format!("/api/auth/{path}/");
        let page = browser.with(method, &path, ("x-csrftoken", "wrong"), "").await;
        let reason = "CSRF token from the 'X-Csrftoken' HTTP header has incorrect length.";
        assert_eq!((page.status.as_u16(), page.parsed()), (403, failed(reason)), "{method} {path}");
        let page = browser.with(method, &path, ("origin", "http://evil.example"), "").await;
        assert_eq!(page.status, 403);
    }
    browser.get("/api/auth/user/").await.assert_ok();
}

#[tokio::test]
async fn only_objects_of_texts_in_json_are_taken() {
    let site = TestSite::new().await;
    let mut browser = client(&site).await;
    for body in ["{", "[]", "\"x\"", "{\"username\":1}", "{\"a\":[\"b\"]}", "null", "\u{feff}{}"] {
        let page = browser.json("POST", "/api/auth/login/", body).await;
        assert_eq!(page.status, 400, "{body}");
        assert!(page.parsed()["detail"].is_string(), "{body}");
    }
}

/// D02: who may not pass is told so before the method is looked at.
#[tokio::test]
async fn other_methods_are_405() {
    let site = TestSite::new().await;
    site.user("alice").await;
    assert_eq!(site.browser().get("/api/auth/password/change/").await.status, 403);
    let mut browser = signed_in(&site).await;
    for (path, allow) in [
        ("password/change", "POST, OPTIONS"),
        ("logout", "POST, OPTIONS"),
        ("user", "GET, PATCH, DELETE, HEAD, OPTIONS"),
        ("sessions", "GET, DELETE, HEAD, OPTIONS"),
    ] {
        let page = browser.json("PUT", &format!("/api/auth/{path}/"), "{}").await;
        assert_eq!((page.status.as_u16(), page.allow()), (405, allow), "{path}");
        assert_eq!(page.parsed(), json!({ "detail": "Method \"PUT\" not allowed." }));
        let page = browser.request("OPTIONS", &format!("/api/auth/{path}/")).await;
        assert_eq!((page.status.as_u16(), page.allow()), (200, allow), "{path}");
        assert_eq!(page.parsed()["parses"], json!(["application/json"]));
    }
    let page = browser.with("GET", "/api/auth/user/", ("accept", "text/html"), "").await;
    assert_eq!(page.status, 406);
    assert_eq!(browser.get("/api/auth/user/?format=xml").await.status, 404);
}

/// M19, Z02: an account from sign-up to its end. What PATCH leaves out stays, and privileges are no fields.
#[tokio::test]
async fn the_life_of_an_account() {
    let site = TestSite::new().await;
    let mut browser = client(&site).await;
    let body = json!({ "username": "newbie", "email": "n@SITE.example", "password1": NEW, "password2": NEW });
    let page = browser.json("POST", "/api/auth/signup/", &body.to_string()).await;
    assert_eq!((page.status.as_u16(), &page.parsed()["user"]["username"]), (201, &json!("newbie")));

    let body = r#"{"first_name":"Zoë","is_superuser":"true","username":"root"}"#;
    let page = browser.json("PATCH", "/api/auth/user/", body).await;
    let user = page.parsed();
    assert_eq!(
        (&user["first_name"], &user["username"], &user["email"]),
        (&json!("Zoë"), &json!("newbie"), &json!("n@site.example"))
    );
    let page = browser.json("PATCH", "/api/auth/user/", r#"{"email":"nope"}"#).await;
    assert_eq!(page.parsed()["codes"], json!({ "email": ["invalid"] }));

    let page = browser.json("POST", "/api/auth/password/change/", r#"{"old_password":"no"}"#).await;
    assert_eq!(page.parsed()["codes"]["old_password"], json!(["password_incorrect"]));
    let body = json!({ "old_password": NEW, "new_password1": "an0ther-New-pw", "new_password2": "an0ther-New-pw" });
    let page = browser.json("POST", "/api/auth/password/change/", &body.to_string()).await;
    assert_eq!((page.status.as_u16(), page.parsed()), (200, json!({})));
    browser.get("/api/auth/user/").await.assert_ok();

    assert_eq!(browser.json("DELETE", "/api/auth/user/", "").await.status, 204);
    assert_eq!(browser.get("/api/auth/user/").await.status, 403);
    let body = r#"{"username":"newbie","password":"an0ther-New-pw"}"#;
    assert_eq!(client(&site).await.json("POST", "/api/auth/login/", body).await.status, 400);
}

/// A118, E02.
#[tokio::test]
async fn a_lost_password_is_replaced() {
    let site = TestSite::new().await;
    site.user("alice").await;
    let mut browser = client(&site).await;
    let page = browser.json("POST", "/api/auth/password/reset/", r#"{"email":"nope"}"#).await;
    assert_eq!(page.parsed()["codes"], json!({ "email": ["invalid"] }));
    for email in ["who@site.example", "alice@site.example"] {
        let page = browser.json("POST", "/api/auth/password/reset/", &json!({ "email": email }).to_string()).await;
        assert_eq!((page.status.as_u16(), page.parsed()), (200, json!({})), "{email}");
    }
    let link = site.mailed_link(1).await;
    let parts: Vec<_> = link.trim_end_matches('/').rsplit('/').collect();
    let (token, uid) = (parts[0], parts[1]);
    for (uid, token, password, field, code) in [
        ("zz", token, NEW, "uid", "invalid"),
        (uid, "bad-token", NEW, "token", "invalid"),
        (uid, token, "12", "new_password2", "password_too_short"),
        (uid, token, NEW, "", ""),
        (uid, token, NEW, "token", "invalid"),
    ] {
        let body = json!({ "uid": uid, "token": token, "new_password1": password, "new_password2": password });
        let page = browser.json("POST", "/api/auth/password/reset/confirm/", &body.to_string()).await;
        match field {
            "" => assert_eq!((page.status.as_u16(), page.parsed()), (200, json!({}))),
            field => assert_eq!((page.status.as_u16(), &page.parsed()["codes"][field][0]), (400, &json!(code))),
        }
    }
    assert_eq!(browser.get("/api/auth/user/").await.status, 403, "a reset signs nobody in");
}

/// S10.
#[tokio::test]
async fn own_sessions_are_listed_and_ended() {
    let site = TestSite::new().await;
    site.user("alice").await;
    site.user("bob").await;
    let (mut desk, mut phone, mut tablet) = (signed_in(&site).await, signed_in(&site).await, signed_in(&site).await);
    let mut bob = client(&site).await;
    bob.json("POST", "/api/auth/login/", r#"{"username":"bob","password":"bob-pass-9Z"}"#).await.assert_ok();

    let rows = desk.get("/api/auth/sessions/").await.parsed();
    assert_eq!(rows.as_array().map(Vec::len), Some(3));
    assert_eq!(rows[0]["current"], true);
    assert_eq!(rows[1]["current"], false);
    assert_eq!(rows[0]["expire_date"], "2026-01-16T03:04:05.678901+00:00");
    let key = cloakroom_core::keys::SessionKey::parse(phone.cookie("sessionid").unwrap()).unwrap();
    let phones = format!("/api/auth/sessions/{}/", cloakroom_sessions::public_id(&key));

    assert_eq!(bob.json("DELETE", &phones, "").await.status, 404);
    phone.get("/api/auth/user/").await.assert_ok();
    assert_eq!(desk.json("DELETE", &phones, "").await.status, 204);
    assert_eq!(phone.get("/api/auth/user/").await.status, 403);
    assert_eq!(desk.json("DELETE", "/api/auth/sessions/", "").await.status, 204);
    assert_eq!(tablet.get("/api/auth/user/").await.status, 403);
    let own = format!("/api/auth/sessions/{}/", rows[0]["id"].as_str().unwrap());
    assert_eq!(desk.json("DELETE", &own, "").await.status, 204);
    assert_eq!(desk.cookie("sessionid"), None);
    bob.get("/api/auth/user/").await.assert_ok();
}

/// G61: as in Django the redirect to the address with a slash needs no token.
#[tokio::test]
async fn addresses_without_a_slash_lead_to_those_with() {
    let site = TestSite::new().await;
    for path in ["/api/auth/login", "/accounts/login", "/api/auth/sessions/abc"] {
        let page = site.browser().request("POST", path).await;
        assert_eq!((page.status.as_u16(), page.location()), (301, &*format!("{path}/")));
        assert_eq!(page.header("x-frame-options"), "");
    }
}

#[tokio::test]
async fn a_proxy_learns_who_asks() {
    let site = TestSite::new().await;
    site.user("alice").await;
    assert_eq!(site.browser().get("/auth/verify").await.status, 401);
    let page = site.browser().with("GET", "/auth/verify", ("accept", "text/html,*/*"), "").await;
    page.assert_redirects("/accounts/login/?next=http%3A//site.example/");
    let page = signed_in(&site).await.get("/auth/verify").await;
    assert_eq!((page.status.as_u16(), page.header("remote-user")), (200, "alice"));
}
