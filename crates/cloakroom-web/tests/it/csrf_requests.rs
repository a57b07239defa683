//! csrf_requests.json through the whole layer (C20–C45).

use axum::Router;
use axum::body::Body;
use axum::routing::any;
use cloakroom_core::cookies::{CookieSpec, SameSite, quote};
use cloakroom_core::csrf::{FormatError, Policy, PolicySettings, Rejection, SecretStore, unmask};
use cloakroom_core::hosts::{AllowedHosts, Forwarded, HostRules, ProxySslHeader, Scheme};
use cloakroom_web::csrf::CsrfRefusal;
use cloakroom_web::{Connection, Ctx, GuardRejection, HostCheck, WebConfig};
use http::{HeaderValue, Method, Request};
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::browser::{Answer, Site};

/// Every case of the file.
#[tokio::test]
async fn the_layer_answers_as_djangos_middleware() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../cloakroom-probe/vectors/csrf_requests.json");
    let vectors: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let cases = vectors["cases"].as_array().unwrap();
    assert!(!cases.is_empty());
    let site = Site::in_memory().await;
    let mut failures = Vec::new();
    for case in cases {
        assert_eq!(case["kind"], "request");
        let (ours, django) = (answer(&site, &case["in"]).await, &case["out"]);
        if ours != *django {
            failures.push(format!("{}: ours {ours}, Django's {django}", case["id"]));
        }
    }
    assert!(failures.is_empty(), "{} of {} differ:\n{}", failures.len(), cases.len(), failures.join("\n"));
}

/// What the layer answers to one case's request, in the words of the file.
async fn answer(site: &Site, input: &Value) -> Value {
    let config = config(&input["settings"], input);
    let store = config.csrf.policy.store();
    let cookie_name = config.csrf.cookie.name.clone();
    let view = |option: &str| input["view"][option] == true;
    let mut layer = site.layer(config);
    // `_dont_enforce_csrf_checks` is a hook for Django's tests; whom it frees is treated like an exempt view.
    if view("exempt") || view("dont_enforce") {
        layer = layer.insecure_csrf_exempt("/form/");
    }
    let (get_token, rotate) = (view("get_token"), view("rotate"));
    let handler = async move |ctx: Ctx| {
        let csrf = ctx.csrf().await?;
        if get_token {
            csrf.get_token()?;
        }
        if rotate {
            csrf.rotate();
        }
        Ok::<_, GuardRejection>("ok")
    };
    let app = Router::new().route("/form/", any(handler)).layer(layer);
    let session = session_with(site, input["session_secret"].as_str()).await;
    let sent_session = session.as_deref().map(|key| format!("sessionid={key}"));
    let response = app.oneshot(request(input, &cookie_name, sent_session)).await.unwrap();
    let answer = Answer::read(response).await;
    if answer.status == 500 {
        return json!({ "error": "ValueError" });
    }
    let rejection = answer.extensions.get::<CsrfRefusal>().map(|CsrfRefusal(rejection)| rejection);
    assert_eq!(rejection.is_some(), answer.status == 403);
    let mut out = json!({
        "accepted": rejection.is_none(),
        "status": answer.status,
        "reason_name": rejection.map(name),
        "reason": rejection.map(ToString::to_string),
        "sets_cookie": false,
        "vary": answer.headers.get("vary").map(|v| v.to_str().unwrap()),
    });
    let line = answer.set_cookie.iter().find(|line| line.starts_with(&format!("{cookie_name}=")));
    if let Some(line) = line {
        let mut parts = line.split("; ");
        let value = parts.next().unwrap().split_once('=').unwrap().1;
        let sent = input["cookie"].as_str();
        let unmasked = sent.and_then(unmask).is_some_and(|secret| secret.expose() == value);
        out["sets_cookie"] = json!(true);
        out["cookie_attrs"] = parts.collect();
        out["cookie_value"] = json!(match (sent == Some(value), unmasked) {
            (true, _) => "same",
            (false, true) => "unmasked",
            (false, false) => "new",
        });
    }
    if store == SecretStore::Session {
        // The vectors have no session middleware; ours adds its header, since the secret was read (H05).
        assert_eq!(out["vary"], "Cookie");
        out["vary"] = Value::Null;
        let now = secret_in_session(site, session.as_deref(), &answer).await;
        let same = now.as_deref() == input["session_secret"].as_str();
        out["session"] = json!(if same { "unchanged" } else { "written" });
    }
    out
}

fn request(input: &Value, cookie_name: &str, session: Option<String>) -> Request<Body> {
    let secure = input["secure"] == true;
    let port = input["port"].as_str().map(|p| p.parse().unwrap());
    let method = Method::from_bytes(input["method"].as_str().unwrap().as_bytes()).unwrap();
    let mut request = Request::builder().method(method.clone()).uri("/form/").extension(Connection {
        peer: None,
        local: port.map(|port: u16| ([127, 0, 0, 1], port).into()),
        scheme: if secure { Scheme::Https } else { Scheme::Http },
    });
    if let Some(host) = input["host"].as_str() {
        request = request.header("host", host);
    }
    for (name, value) in input["headers"].as_object().into_iter().flatten() {
        request = request.header(name.as_str(), HeaderValue::from_bytes(value.as_str().unwrap().as_bytes()).unwrap());
    }
    let csrf = input["cookie"].as_str().map(|value| format!("{cookie_name}={}", as_sent(value)));
    for cookie in [csrf, session].into_iter().flatten() {
        request = request.header("cookie", HeaderValue::from_bytes(cookie.as_bytes()).unwrap());
    }
    let token = input["post_token"].as_str();
    let (content_type, body) = match (input["content_type"].as_str(), method == Method::POST) {
        (Some(content_type), _) => (content_type, input["body"].as_str().unwrap_or_default().to_owned()),
        (None, true) => ("multipart/form-data; boundary=BoUnDaRyStRiNg", multipart(token)),
        (None, false) => ("application/octet-stream", String::new()),
    };
    request.header("content-type", content_type).body(Body::from(body)).unwrap()
}

/// What is ASCII is quoted where it must be; a browser sends other characters as they are.
fn as_sent(value: &str) -> String {
    if value.is_ascii() { quote(value).into_owned() } else { value.to_owned() }
}

fn multipart(token: Option<&str>) -> String {
    let field = token.map(|token| {
        format!("--BoUnDaRyStRiNg\r\nContent-Disposition: form-data; name=\"csrfmiddlewaretoken\"\r\n\r\n{token}\r\n")
    });
    field.unwrap_or_default() + "--BoUnDaRyStRiNg--\r\n"
}

async fn session_with(site: &Site, secret: Option<&str>) -> Option<String> {
    let session = site.sessions.open(None).load().await.unwrap();
    session.set_value("_csrftoken", secret?);
    session.save().await.unwrap();
    Some(session.key().unwrap().expose().to_owned())
}

async fn secret_in_session(site: &Site, before: Option<&str>, answer: &Answer) -> Option<String> {
    let new = answer.set_cookie.iter().find_map(|line| line.strip_prefix("sessionid=")?.split(';').next());
    let session = site.sessions.open(new.or(before)).load().await.unwrap();
    session.get_value("_csrftoken").and_then(|v| v.as_str().map(str::to_owned))
}

fn config(settings: &Value, input: &Value) -> WebConfig {
    let text = |name: &str| settings[name].as_str().map(str::to_owned);
    let list = |name: &str| -> Vec<String> {
        settings[name].as_array().into_iter().flatten().map(|v| v.as_str().unwrap().to_owned()).collect()
    };
    let on = |name: &str| settings[name] == true;
    let forwarded = |name: &str| if on(name) { Forwarded::Trust } else { Forwarded::Ignore };
    let in_session = on("CSRF_USE_SESSIONS");
    let domain = text(if in_session { "SESSION_COOKIE_DOMAIN" } else { "CSRF_COOKIE_DOMAIN" });
    let policy = Policy::new(&PolicySettings {
        trusted_origins: &list("CSRF_TRUSTED_ORIGINS"),
        cookie_domain: domain.as_deref(),
        store: if in_session { SecretStore::Session } else { SecretStore::Cookie },
        header_name: settings["CSRF_HEADER_NAME"].as_str().unwrap_or("HTTP_X_CSRFTOKEN"),
        ..PolicySettings::default()
    });
    let mut config = WebConfig::default();
    config.csrf.policy = policy.unwrap();
    config.csrf.cookie = CookieSpec {
        domain: text("CSRF_COOKIE_DOMAIN"),
        path: text("CSRF_COOKIE_PATH").unwrap_or_else(|| "/".into()),
        secure: on("CSRF_COOKIE_SECURE"),
        http_only: on("CSRF_COOKIE_HTTPONLY"),
        same_site: match settings.get("CSRF_COOKIE_SAMESITE") {
            None => Some(SameSite::LAX),
            Some(value) => value.as_str().map(|v| SameSite::parse(v).unwrap()),
        },
        ..CookieSpec::new(settings["CSRF_COOKIE_NAME"].as_str().unwrap_or("csrftoken"))
    };
    config.csrf.age_secs = settings.get("CSRF_COOKIE_AGE").map_or(Some(31_449_600), Value::as_i64);
    config.security.hosts = HostRules {
        allowed: match list("ALLOWED_HOSTS") {
            hosts if hosts.is_empty() => AllowedHosts::new([".example.com", "testserver", "127.0.0.1", "[::1]"]),
            hosts => AllowedHosts::new(hosts),
        },
        forwarded_host: forwarded("USE_X_FORWARDED_HOST"),
        forwarded_port: forwarded("USE_X_FORWARDED_PORT"),
        proxy_ssl_header: match list("SECURE_PROXY_SSL_HEADER").as_slice() {
            [name, value] => Some(ProxySslHeader::new(name, value).unwrap()),
            _ => None,
        },
    };
    // The vectors were made with the CSRF middleware alone.
    config.security.host_check = HostCheck::WhenUsed;
    config.security.server_name = input["server_name"].as_str().unwrap_or("testserver").to_owned();
    config
}

/// The name that the vectors give a reason.
fn name(rejection: &Rejection) -> &'static str {
    match rejection {
        Rejection::BadOrigin { .. } => "REASON_BAD_ORIGIN",
        Rejection::NoReferer => "REASON_NO_REFERER",
        Rejection::MalformedReferer => "REASON_MALFORMED_REFERER",
        Rejection::InsecureReferer => "REASON_INSECURE_REFERER",
        Rejection::BadReferer { .. } => "REASON_BAD_REFERER",
        Rejection::NoCookie => "REASON_NO_CSRF_COOKIE",
        Rejection::TokenMissing => "REASON_CSRF_TOKEN_MISSING",
        Rejection::CookieFormat(_) => "COOKIE_FORMAT",
        Rejection::TokenFormat { error: FormatError::Length, .. } => "TOKEN_LENGTH",
        Rejection::TokenFormat { error: FormatError::Characters, .. } => "TOKEN_CHARACTERS",
        Rejection::TokenIncorrect { .. } => "TOKEN_INCORRECT",
        _ => "OTHER",
    }
}
