//! The developer panel: under DEBUG, on the machine itself, and nowhere else (D12).

use std::net::SocketAddr;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::ConnectInfo;
use cloakroom_testkit::{Browser, TestSite};
use http::header::{COOKIE, HOST};
use http::{Method, Request, StatusCode, Version};
use tower::ServiceExt as _;

const PANEL: &str = "/__cloakroom__/";
const LOGIN: &str = "/accounts/login/";

async fn debug_site() -> TestSite {
    let site = TestSite::builder().setting("DEBUG", true).setting("ALLOWED_HOSTS", vec!["*"]).start().await;
    site.user("alice").await;
    site
}

fn local(site: &TestSite) -> Browser {
    site.browser().with_host("127.0.0.1:8000")
}

/// A request as it reaches the server: who connected, the host, other headers.
struct Asked<'a> {
    peer: &'a str,
    host: &'a str,
    version: Version,
    headers: &'a [(&'static str, &'a str)],
}

impl Default for Asked<'_> {
    fn default() -> Self {
        Self { peer: "127.0.0.1:40000", host: "localhost:8000", version: Version::HTTP_11, headers: &[] }
    }
}

/// Status and bytes of the answer, but for what differs at each.
async fn ask(app: &Router, path: &str, asked: &Asked<'_>) -> (StatusCode, String) {
    let mut request = Request::new(Body::empty());
    *request.uri_mut() = path.parse().unwrap();
    *request.version_mut() = asked.version;
    request.headers_mut().insert(HOST, asked.host.parse().unwrap());
    for (name, value) in asked.headers {
        request.headers_mut().append(*name, value.parse().unwrap());
    }
    let peer: SocketAddr = asked.peer.parse().unwrap();
    request.extensions_mut().insert(ConnectInfo(peer));
    let response = app.clone().oneshot(request).await.unwrap();
    let status = response.status();
    let mut lines: Vec<String> = response.headers().iter().map(|(n, v)| format!("{n}: {v:?}")).collect();
    lines.sort();
    let body = to_bytes(response.into_body(), 1 << 20).await.unwrap();
    let text = format!("{}\n{}", lines.join("\n"), String::from_utf8_lossy(&body));
    (status, without_nonces(&text))
}

fn without_nonces(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("nonce-") {
        out.push_str(before);
        rest = after.split_once('\'').map_or("", |(_, rest)| rest);
    }
    let mut parts = rest.split("nonce=\"");
    out.push_str(parts.next().unwrap_or_default());
    for part in parts {
        out.push_str(part.split_once('"').map_or("", |(_, rest)| rest));
    }
    out
}

/// M14: the same story as `cloakroom explain` tells.
#[tokio::test]
async fn it_tells_who_is_signed_in_and_why_not() {
    let site = debug_site().await;
    let mut alice = local(&site);
    let page = alice.get(PANEL).await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(page.text().contains("no_cookie") && page.text().contains("Not signed in"), "{}", page.text());
    assert_eq!(page.header("cache-control"), Some("max-age=0, no-cache, no-store, must-revalidate, private"));

    alice.sign_in(LOGIN, "alice", "alice-pass-9Z").await;
    let key = alice.cookie("sessionid").unwrap().to_owned();
    let page = alice.get(PANEL).await.text();
    assert!(page.contains("Signed in as alice") && page.contains("signed_in"), "{page}");
    assert!(page.contains("_auth_user_hash") && page.contains("•••"), "{page}");
    assert!(!page.contains(&key), "L03: the key");
    let hash = {
        let user = site.cloakroom().auth().user_by_username("alice").await.unwrap().unwrap();
        site.cloakroom().auth().session_auth_hash(&user)
    };
    assert!(!page.contains(&hash), "L03: the hash");
    assert_eq!(alice.get("/__cloakroom__").await.status, StatusCode::OK);
    assert_eq!(alice.send(Method::POST, PANEL, &[], Body::empty()).await.status, StatusCode::METHOD_NOT_ALLOWED);

    let mut other = local(&site).with_cookie("sessionid", "abcdefgh12345678abcdefgh12345678");
    let page = other.get(PANEL).await;
    assert!(page.text().contains("no_session"), "{}", page.text());
    assert_eq!(page.set_cookie("sessionid"), None);
}

/// Looking changes nothing: what the next request would end is there at the next look too.
#[tokio::test]
async fn looking_changes_nothing() {
    let site = debug_site().await;
    let mut alice = local(&site);
    alice.sign_in(LOGIN, "alice", "alice-pass-9Z").await;
    let auth = site.cloakroom().auth();
    let mut user = auth.user_by_username("alice").await.unwrap().unwrap();
    let _ =
        auth.set_password(&mut user, &cloakroom::core::secret::Secret::new("new-pass-9Z".to_owned())).await.unwrap();
    for _ in 0..2 {
        let page = alice.get(PANEL).await;
        assert!(page.text().contains("hash_mismatch"), "{}", page.text());
        assert_eq!(page.set_cookie("sessionid"), None);
    }
    assert_eq!(site.stored_sessions().await, 1);
    assert_eq!(alice.get("/accounts/profile/").await.status, StatusCode::FOUND);
    assert_eq!(site.stored_sessions().await, 0);
}

/// G01: to all but a browser on this machine it is a page that does not exist, to the byte.
#[tokio::test]
async fn nobody_else_sees_it() {
    let site = debug_site().await;
    let app = site.app();
    assert_eq!(ask(&app, PANEL, &Asked::default()).await.0, StatusCode::OK);
    assert_eq!(ask(&app, PANEL, &Asked { peer: "[::1]:40000", host: "[::1]:8000", ..Asked::default() }).await.0, 200);
    assert_eq!(ask(&app, PANEL, &Asked { peer: "[::ffff:127.0.0.1]:1", ..Asked::default() }).await.0, 200);
    let remote = [
        Asked { peer: "203.0.113.9:40000", ..Asked::default() },
        Asked { peer: "203.0.113.9:40000", headers: &[("x-forwarded-for", "127.0.0.1")], ..Asked::default() },
        Asked { peer: "[2001:db8::1]:1", ..Asked::default() },
        Asked { host: "site.example", ..Asked::default() },
        Asked { host: "127.0.0.1.evil.example", ..Asked::default() },
        Asked { version: Version::HTTP_10, ..Asked::default() },
        Asked { headers: &[("x-forwarded-for", "203.0.113.9")], ..Asked::default() },
        Asked { headers: &[("x-forwarded-for", "127.0.0.1")], ..Asked::default() },
        Asked { headers: &[("forwarded", "for=203.0.113.9")], ..Asked::default() },
        Asked { headers: &[("x-real-ip", "127.0.0.1")], ..Asked::default() },
        Asked { headers: &[("via", "1.1 proxy")], ..Asked::default() },
        Asked { headers: &[("x-forwarded-proto", "https")], ..Asked::default() },
    ];
    for asked in &remote {
        for path in [PANEL, "/__cloakroom__"] {
            let there = ask(&app, path, asked).await;
            let nowhere = ask(&app, "/__nowhere__/", asked).await;
            assert_eq!(there, nowhere, "{} {} {:?}", asked.peer, asked.host, asked.headers);
            assert_eq!(there.0, StatusCode::NOT_FOUND);
        }
    }
    let mut stranger = site.browser().with_header("x-forwarded-for", "127.0.0.1").with_host("localhost");
    assert_eq!(stranger.post(PANEL, &[]).await.status, StatusCode::NOT_FOUND);
}

/// E07: neither does a trusted proxy make a remote client a local one, nor its own address.
#[tokio::test]
async fn nobody_behind_a_trusted_proxy_sees_it() {
    let site = TestSite::builder()
        .setting("DEBUG", true)
        .setting("ALLOWED_HOSTS", vec!["*"])
        .setting("TRUSTED_PROXIES", vec!["127.0.0.1", "10.0.0.0/8"])
        .start()
        .await;
    let app = site.app();
    assert_eq!(ask(&app, PANEL, &Asked::default()).await.0, StatusCode::OK);
    for chain in ["203.0.113.9", "127.0.0.1", "127.0.0.1, 203.0.113.9", "203.0.113.9, 127.0.0.1", "junk", ""] {
        let headers = [("x-forwarded-for", chain)];
        let answer = ask(&app, PANEL, &Asked { headers: &headers, ..Asked::default() }).await;
        assert_eq!(answer.0, StatusCode::NOT_FOUND, "{chain:?}");
        let answer = ask(&app, PANEL, &Asked { peer: "10.1.1.1:1", headers: &headers, ..Asked::default() }).await;
        assert_eq!(answer.0, StatusCode::NOT_FOUND, "{chain:?}");
    }
}

/// Without DEBUG it is nowhere, for nobody.
#[tokio::test]
async fn without_debug_it_is_not_there() {
    let site = TestSite::builder().setting("ALLOWED_HOSTS", vec!["*"]).start().await;
    let app = site.app();
    let asked = Asked::default();
    let there = ask(&app, PANEL, &asked).await;
    assert_eq!(there.0, StatusCode::NOT_FOUND);
    assert_eq!(there, ask(&app, "/__nowhere__/", &asked).await);
}

/// A cookie that the browser keeps to itself is the most frequent reason of all.
#[tokio::test]
async fn it_says_why_a_browser_may_send_no_cookie() {
    let site = TestSite::builder()
        .setting("DEBUG", true)
        .setting("SESSION_COOKIE_SECURE", true)
        .setting("SESSION_COOKIE_PATH", "/shop/")
        .start()
        .await;
    let page = local(&site).get(PANEL).await.text();
    assert!(page.contains("SESSION_COOKIE_SECURE is true and this page came by plain HTTP"), "{page}");
    assert!(page.contains("SESSION_COOKIE_PATH is"), "{page}");
    let asked = Asked { host: "127.0.0.1:8000", headers: &[(COOKIE.as_str(), "a=b")], ..Asked::default() };
    let (_, page) = ask(&site.app(), PANEL, &asked).await;
    assert!(page.contains("a (1 characters)") || page.contains("a (1 character)"), "{page}");
}
