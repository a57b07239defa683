//! Hosts, https, and the headers of every answer (C44, C45, H08, M20–M25).

use axum::Router;
use axum::response::IntoResponse;
use axum::routing::{any, get};
use cloakroom_core::headers::{Hsts, SslRedirect};
use cloakroom_core::hosts::ProxySslHeader;
use cloakroom_web::{Ctx, Session, WebConfig, XFrameOptionsExempt};
use http::Method;

use crate::browser::{Browser, Site, config};

fn routes() -> Router {
    Router::new()
        .route(
            "/",
            any(async |ctx: Ctx| format!("{} {} {}", ctx.scheme().as_str(), ctx.host().unwrap(), ctx.full_path())),
        )
        .route("/write/", get(async |session: Session| session.set_value("a", 1)))
        .route("/own/", get(async || [("x-frame-options", "SAMEORIGIN"), ("referrer-policy", "origin")]))
        .route(
            "/framed/",
            get(async || {
                let mut response = "x".into_response();
                response.extensions_mut().insert(XFrameOptionsExempt);
                response
            }),
        )
        .route("/at/{*rest}", get(async |ctx: Ctx| ctx.absolute_uri().unwrap()))
}

async fn answer(site: &Site, config: WebConfig, path: &str, headers: &[(&str, &str)]) -> crate::browser::Answer {
    let mut browser = Browser::new(routes().layer(site.layer(config)));
    let mut request = browser.request(Method::GET, path, "".into());
    for (name, value) in headers {
        request.headers_mut().insert(http::HeaderName::try_from(*name).unwrap(), value.parse().unwrap());
    }
    browser.send(request).await
}

/// H08, C44, R22: a host that is not listed is a 400 before any use; G02: two hosts are none.
#[tokio::test]
async fn unknown_hosts_are_400() {
    let site = Site::in_memory().await;
    for (host, status) in [
        ("site.example", 200),
        ("SITE.example:8000", 200),
        ("site.example.", 200),
        ("a.wild.example", 200),
        ("evil.example", 400),
        ("site.example.evil.example", 400),
        ("site example", 400),
        ("site.example:port", 400),
        ("", 400),
    ] {
        let answer = answer(&site, config(), "/write/", &[("host", host)]).await;
        assert_eq!(answer.status, status, "{host}");
        if status == 400 {
            // Inside of the session and security middleware, outside of the frame's.
            assert_eq!((answer.set_cookie.len(), answer.header("x-frame-options")), (0, ""));
            assert_eq!(answer.header("x-content-type-options"), "nosniff");
        }
    }
    let mut browser = Browser::new(routes().layer(site.layer(config())));
    let mut request = browser.request(Method::GET, "/", "".into());
    request.headers_mut().append("host", "site.example".parse().unwrap());
    assert_eq!(browser.send(request).await.status, 400);
}

/// M20–M24: Django's headers by default; what the handler set stays; a framed page says so.
#[tokio::test]
async fn answers_have_djangos_headers() {
    let site = Site::in_memory().await;
    let plain = answer(&site, config(), "/", &[]).await;
    for (name, value) in [
        ("x-frame-options", "DENY"),
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "same-origin"),
        ("cross-origin-opener-policy", "same-origin"),
        ("strict-transport-security", ""),
    ] {
        assert_eq!(plain.header(name), value);
    }
    let own = answer(&site, config(), "/own/", &[]).await;
    assert_eq!((own.header("x-frame-options"), own.header("referrer-policy")), ("SAMEORIGIN", "origin"));
    assert_eq!(answer(&site, config(), "/framed/", &[]).await.header("x-frame-options"), "");
}

/// C45, M20: the proxy's word makes a request https, and HSTS goes on https alone.
#[tokio::test]
async fn a_trusted_proxy_says_https() {
    let site = Site::in_memory().await;
    let mut config = config();
    config.security.hosts.proxy_ssl_header = ProxySslHeader::new("HTTP_X_FORWARDED_PROTO", "https");
    config.security.headers.hsts = Some(Hsts { seconds: 60, include_subdomains: true, preload: false });
    for (value, scheme, hsts) in
        [("https", "https", "max-age=60; includeSubDomains"), ("http", "http", ""), ("HTTPS", "http", "")]
    {
        let answer = answer(&site, config.clone(), "/", &[("x-forwarded-proto", value)]).await;
        assert!(answer.body.starts_with(&format!("{scheme} ")), "{value}");
        assert_eq!(answer.header("strict-transport-security"), hsts, "{value}");
    }
    let untrusted = answer(&site, crate::browser::config(), "/", &[("x-forwarded-proto", "https")]).await;
    assert!(untrusted.body.starts_with("http "));
}

/// M25: everything but what is exempt comes again by https, with the security headers alone.
#[tokio::test]
async fn http_is_redirected_to_https() {
    let site = Site::in_memory().await;
    let mut config = config();
    config.security.ssl_redirect = Some(SslRedirect::new(None, ["^own/$"]).unwrap());
    let redirected = answer(&site, config.clone(), "/at/a%20b?x=1&y=%C3%A9", &[]).await;
    assert_eq!((redirected.status, redirected.header("location")), (301, "https://site.example/at/a%20b?x=1&y=%C3%A9"));
    assert_eq!((redirected.header("x-frame-options"), redirected.header("x-content-type-options")), ("", "nosniff"));
    assert_eq!(answer(&site, config.clone(), "/own/", &[]).await.status, 200);
    let bad = answer(&site, config.clone(), "/", &[("host", "evil.example")]).await;
    assert_eq!((bad.status, bad.header("x-content-type-options")), (400, ""));
    config.security.ssl_redirect = Some(SslRedirect::new(Some("secure.example"), [""; 0]).unwrap());
    let elsewhere = answer(&site, config, "/", &[("host", "evil.example")]).await;
    assert_eq!(elsewhere.header("location"), "https://secure.example/");
}

/// A133: path and query as Django encodes them again, inside of a nested router too.
#[tokio::test]
async fn paths_are_encoded_as_django_does() {
    let site = Site::in_memory().await;
    let nested = Router::new().nest("/outer", routes());
    let mut browser = Browser::new(nested.layer(site.layer(config())));
    for (sent, seen) in [
        ("/outer/at/a%20b;c=d", "/outer/at/a%20b%3Bc%3Dd"),
        ("/outer/at/%C3%A9%2F?q=%20+&r=[]", "/outer/at/%C3%A9/?q=%20+&r=[]"),
        ("/outer/at/%FF", "/outer/at/%25FF"),
    ] {
        assert_eq!(browser.get(sent).await.body, format!("http://site.example{seen}"), "{sent}");
    }
}
