//! Forms over HTTP: kinds, limits, damage (F04, R22).

use axum::Router;
use axum::routing::post;
use cloakroom_web::{FormData, Limits};
use http::Method;

use crate::browser::{Answer, Browser, Site, config};

async fn fields(form: FormData) -> String {
    form.fields().iter().map(|(name, value)| format!("{name}={value};")).collect()
}

fn routes() -> Router {
    Router::new().route("/checked/", post(fields)).route("/exempt/", post(fields).put(fields))
}

async fn send(site: &Site, path: &str, content_type: &str, body: Vec<u8>) -> Answer {
    let mut config = config();
    config.limits = Limits { body_bytes: 1000, upload_bytes: 4000, fields: 5, files: 2 };
    let mut browser = Browser::new(routes().layer(site.layer(config).insecure_csrf_exempt("/exempt/")));
    browser.cookies.insert("csrftoken".into(), "a".repeat(32));
    let mut request = browser.request(Method::POST, path, body.into());
    request.headers_mut().insert("content-type", content_type.parse().unwrap());
    browser.send(request).await
}

const URLENCODED: &str = "application/x-www-form-urlencoded";
const MULTIPART: &str = "multipart/form-data; boundary=b";

/// The form reaches the handler whether or not the CSRF check read it; other types and methods have none.
#[tokio::test]
async fn forms_are_read_by_kind() {
    let site = Site::in_memory().await;
    let token = "csrfmiddlewaretoken=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    assert_eq!(
        send(&site, "/checked/", URLENCODED, format!("{token}&a=%C3%A9").into()).await.body,
        format!("{token};a=é;")
    );
    assert_eq!(send(&site, "/exempt/", URLENCODED, b"a=1&a=2".to_vec()).await.body, "a=1;a=2;");
    let part = "--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n--b--\r\n";
    assert_eq!(send(&site, "/exempt/", MULTIPART, part.into()).await.body, "a=1;");
    assert_eq!(send(&site, "/exempt/", "application/json", b"a=1".to_vec()).await.body, "");
    let mut browser = Browser::new(routes().layer(site.layer(config()).insecure_csrf_exempt("/exempt/")));
    let mut request = browser.request(Method::PUT, "/exempt/", "a=1".into());
    request.headers_mut().insert("content-type", URLENCODED.parse().unwrap());
    assert_eq!(browser.send(request).await.body, "");
}

/// F04, R22, V27: too much, too many, or damaged is a 400, in the check and in the handler alike; no panic.
#[tokio::test]
async fn bad_forms_are_400() {
    let site = Site::in_memory().await;
    let file = "--b\r\nContent-Disposition: form-data; name=f; filename=x\r\n\r\n1\r\n";
    let cases: Vec<(&str, String)> = vec![
        (URLENCODED, "a".repeat(1001)),
        (URLENCODED, "a&b&c&d&e&f".into()),
        ("application/x-www-form-urlencoded; charset=latin-1", "a=1".into()),
        (MULTIPART, "a".repeat(4001)),
        (MULTIPART, format!("--b\r\nContent-Disposition: form-data; name=a\r\n\r\n{}\r\n--b--", "x".repeat(1001))),
        (MULTIPART, file.repeat(3)),
        (MULTIPART, "--b\r\nContent-Disposition: form-data; name=a\r\n\r\n1\r\n".repeat(8)),
        ("multipart/form-data", "x".into()),
        ("multipart/form-data; boundary=\"\"", "x".into()),
    ];
    for (content_type, body) in cases {
        for path in ["/checked/", "/exempt/"] {
            let answer = send(&site, path, content_type, body.clone().into()).await;
            assert_eq!(answer.status, 400, "{path} {content_type} {}", &body[..body.len().min(60)]);
        }
    }
    let long = format!("{URLENCODED};{}", " ".repeat(10_001));
    assert_eq!(send(&site, "/exempt/", &long, b"a=1".to_vec()).await.status, 400);
    assert_eq!(send(&site, "/exempt/", &format!("{URLENCODED}; charset=no-such"), b"a=1".to_vec()).await.body, "a=1;");
}

/// Bytes that are no UTF-8 are read as Django reads them.
#[tokio::test]
async fn odd_bytes_are_kept_or_replaced() {
    let site = Site::in_memory().await;
    assert_eq!(send(&site, "/exempt/", URLENCODED, b"a=\xe9".to_vec()).await.body, "a=é;");
    assert_eq!(send(&site, "/exempt/", URLENCODED, b"a=%e9".to_vec()).await.body, "a=\u{fffd};");
}

/// A limit that a body keeps to by its own word but not in fact still holds.
#[tokio::test]
async fn a_body_that_lies_about_its_length_is_cut() {
    let site = Site::in_memory().await;
    let mut config = config();
    config.limits.body_bytes = 10;
    let mut browser = Browser::new(routes().layer(site.layer(config).insecure_csrf_exempt("/exempt/")));
    let chunks = futures_util::stream::iter((0..100).map(|_| Ok::<_, std::io::Error>("aaaaaaaa")));
    let mut request = browser.request(Method::POST, "/exempt/", axum::body::Body::from_stream(chunks));
    request.headers_mut().insert("content-type", URLENCODED.parse().unwrap());
    assert_eq!(browser.send(request).await.status, 400);
}

/// A connection that breaks while the form comes gives no token: 403 in the check, 400 in the handler.
#[tokio::test]
async fn a_broken_connection_is_no_panic() {
    let site = Site::in_memory().await;
    for (path, status) in [("/checked/", 403), ("/exempt/", 400)] {
        let mut browser = Browser::new(routes().layer(site.layer(config()).insecure_csrf_exempt("/exempt/")));
        browser.cookies.insert("csrftoken".into(), "a".repeat(32));
        let chunks = futures_util::stream::iter([Ok("a=1"), Err(std::io::Error::other("gone"))]);
        let mut request = browser.request(Method::POST, path, axum::body::Body::from_stream(chunks));
        request.headers_mut().insert("content-type", URLENCODED.parse().unwrap());
        assert_eq!(browser.send(request).await.status, status);
    }
}
