//! redirects.json, kind `login_required`: the `Location` of a guarded route (A131–A133, M21).

use axum::Router;
use axum::body::Body;
use axum::routing::any;
use cloakroom_core::hosts::{AllowedHosts, Scheme};
use cloakroom_core::urls::resolve;
use cloakroom_web::guards::Guard;
use cloakroom_web::{Connection, User, WebConfig};
use http::Request;
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::browser::{Answer, Site};

#[tokio::test]
async fn anonymous_visitors_are_sent_where_django_sends_them() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../cloakroom-probe/vectors/redirects.json");
    let vectors: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let site = Site::in_memory().await;
    let (mut count, mut failures) = (0, Vec::new());
    for case in vectors["cases"].as_array().unwrap().iter().filter(|case| case["kind"] == "login_required") {
        count += 1;
        let ours = answer(&site, &case["in"]).await;
        if ours != case["out"] {
            failures.push(format!("{}: {}: ours {ours}, Django's {}", case["id"], case["in"], case["out"]));
        }
    }
    assert!(count > 100);
    assert!(failures.is_empty(), "{} of {count} differ:\n{}", failures.len(), failures.join("\n"));
}

/// Where one case's visitor is sent, by a guard before the route and by the extractor alike.
async fn answer(site: &Site, input: &Value) -> Value {
    let reverse = |name: &str| match name {
        "my-login" => Some(String::from("/named/login/")),
        "login" => Some(String::from("/accounts/login/")),
        _ => None,
    };
    let mut config = WebConfig::default();
    config.security.hosts.allowed = AllowedHosts::new(["*"]);
    config.urls.login_url = resolve(input["LOGIN_URL"].as_str().unwrap(), reverse).unwrap();
    let guarded = any(async || "in").layer(Guard::login_required());
    let by_type = any(async |user: User| user.username.clone());
    let mut locations = Vec::new();
    for route in [guarded, by_type] {
        let app = Router::new().route("/{*rest}", route.clone()).route("/", route).layer(site.layer(config.clone()));
        let scheme = if input["secure"] == true { Scheme::Https } else { Scheme::Http };
        let request = Request::builder()
            .uri(as_sent(input["path"].as_str().unwrap()).as_slice())
            .header("host", input["host"].as_str().unwrap())
            .extension(Connection { peer: None, local: None, scheme })
            .body(Body::empty())
            .unwrap();
        let answer = Answer::read(app.oneshot(request).await.unwrap()).await;
        assert_eq!(answer.status, 302);
        locations.push(answer.header("location").to_owned());
    }
    assert_eq!(locations[0], locations[1]);
    json!({ "ok": locations[0] })
}

/// A URL as Django's `RequestFactory` puts it on the wire: no host, no fragment, the path encoded, the query as it is.
fn as_sent(url: &str) -> Vec<u8> {
    let url = url.split('#').next().unwrap();
    let url = match url.strip_prefix("//") {
        Some(rest) => rest.find('/').map_or("/", |at| &rest[at..]),
        None => url,
    };
    let (path, query) = url.split_once('?').map_or((url, None), |(path, query)| (path, Some(query)));
    let mut out = Vec::new();
    for b in path.bytes() {
        match b {
            b' ' | 0x80.. => out.extend(format!("%{b:02X}").bytes()),
            b => out.push(b),
        }
    }
    if let Some(query) = query {
        out.push(b'?');
        out.extend(query.bytes());
    }
    out
}
