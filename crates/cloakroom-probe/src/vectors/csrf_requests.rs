//! csrf_requests.json: C10–C45. A request goes through the rules as a layer would send it.

use cloakroom::core::clock::Timestamp;
use cloakroom::core::cookies::{CookieSpec, SameSite};
use cloakroom::core::csrf::{
    Decision, FORM_FIELD, Facts, FormatError, Policy, PolicySettings, Rejection, SecretStore, Stored, TokenState,
    check_token, decide_before_body, reads_form,
};
use cloakroom::core::headers::patch_vary;
use cloakroom::core::hosts::{AllowedHosts, Forwarded, HostFacts, HostRules, ProxySslHeader, Scheme};
use cloakroom::core::random::OsRandom;
use serde_json::{Map, Value, json};

use super::Case;

pub(super) fn check(case: &Case<'_>) -> Result<(), String> {
    if case.kind != "request" {
        return Err(format!("unknown kind {}", case.kind));
    }
    case.expect(&answer(case.input, case.file.t0()))
}

fn answer(input: &Value, t0: Timestamp) -> Value {
    let settings = Settings(&input["settings"]);
    let policy = policy(&settings);
    let stored = match policy.store() {
        SecretStore::Cookie => Stored::from_cookie(input["cookie"].as_str()),
        SecretStore::Session => Stored::from_session(input["session_secret"].as_str()),
    };
    let mut state = TokenState::new(&stored, &OsRandom);
    let view = |option: &str| input["view"][option] == true;
    let rejection =
        if view("exempt") || view("dont_enforce") { None } else { rejection(input, &settings, &policy, &stored) };
    if rejection.is_none() {
        if view("get_token") && state.token(&OsRandom).is_err() {
            return json!({ "error": "ValueError" });
        }
        if view("rotate") {
            state.rotate(&OsRandom);
        }
    }
    let mut out = json!({
        "accepted": rejection.is_none(),
        "status": if rejection.is_none() { 200 } else { 403 },
        "reason_name": rejection.as_ref().map(name),
        "reason": rejection.as_ref().map(Rejection::reason),
        "sets_cookie": false,
        "vary": null,
    });
    match (policy.store(), state.to_send()) {
        (SecretStore::Session, secret) => {
            let changed = secret.is_some_and(|s| input["session_secret"].as_str() != Some(s.expose()));
            out["session"] = json!(if changed { "written" } else { "unchanged" });
        }
        (SecretStore::Cookie, None) => {}
        (SecretStore::Cookie, Some(secret)) => {
            let mut cookie = cookie_spec(&settings).set(secret.expose());
            if let Some(age) = settings.or("CSRF_COOKIE_AGE", &json!(31_449_600)).as_f64() {
                cookie = cookie.max_age(age);
            }
            let line = cookie.to_header_value(t0).unwrap();
            out["sets_cookie"] = json!(true);
            out["vary"] = json!(patch_vary(None, &["Cookie"]));
            out["cookie_attrs"] = line.split("; ").skip(1).collect();
            let sent = input["cookie"].as_str();
            let unmasked = matches!(&stored, Stored::Known(s) if s.expose() == secret.expose());
            let kind = if sent == Some(secret.expose()) {
                "same"
            } else if unmasked {
                "unmasked"
            } else {
                "new"
            };
            out["cookie_value"] = json!(kind);
        }
    }
    out
}

fn rejection(input: &Value, settings: &Settings<'_>, policy: &Policy, stored: &Stored) -> Option<Rejection> {
    let headers = headers(input);
    let header = |name: &str| headers.get(name).and_then(Value::as_str);
    let rules = host_rules(settings);
    let socket = if input["secure"] == true { Scheme::Https } else { Scheme::Http };
    let scheme = rules.scheme(socket, rules.proxy_ssl_header.as_ref().and_then(|h| header(h.name())));
    let port = input["port"].as_str().unwrap_or(if socket.is_secure() { "443" } else { "80" });
    let host_facts = HostFacts {
        host: input["host"].as_str(),
        x_forwarded_host: header("x-forwarded-host"),
        x_forwarded_port: header("x-forwarded-port"),
        server_name: input["server_name"].as_str().unwrap_or("testserver"),
        server_port: port,
    };
    let host = rules.host(&host_facts, scheme).ok();
    let facts = Facts {
        method: input["method"].as_str().unwrap(),
        scheme,
        host: host.as_ref().map(|h| h.as_str()),
        port: rules.port(&host_facts),
        origin: header("origin"),
        referer: header("referer"),
        sec_fetch_site: header("sec-fetch-site"),
    };
    match decide_before_body(policy, &facts, stored) {
        Decision::Pass => None,
        Decision::Reject(rejection) => Some(rejection),
        Decision::NeedsToken => {
            let form = form_field(input).filter(|_| reads_form(facts.method));
            check_token(policy, stored, form.as_deref(), policy.header_name().and_then(header)).err()
        }
    }
}

/// The field as a parser of forms hands it in: the last of its name, if the body is a form.
fn form_field(input: &Value) -> Option<String> {
    match input["content_type"].as_str() {
        None => input["post_token"].as_str().map(str::to_owned),
        Some("application/x-www-form-urlencoded") => {
            let mut fields = input["body"].as_str().unwrap_or_default().split('&').filter_map(|f| f.split_once('='));
            fields.rfind(|(name, _)| *name == FORM_FIELD).map(|(_, value)| value.to_owned())
        }
        Some(_) => None,
    }
}

fn headers(input: &Value) -> Map<String, Value> {
    let sent = input["headers"].as_object().cloned().unwrap_or_default();
    sent.into_iter().map(|(name, value)| (name.to_ascii_lowercase(), value)).collect()
}

fn policy(settings: &Settings<'_>) -> Policy {
    let in_session = settings.0["CSRF_USE_SESSIONS"] == true;
    let domain = if in_session { "SESSION_COOKIE_DOMAIN" } else { "CSRF_COOKIE_DOMAIN" };
    let origins: Vec<String> = settings.list("CSRF_TRUSTED_ORIGINS").collect();
    let parsed = PolicySettings {
        trusted_origins: &origins,
        cookie_domain: settings.0[domain].as_str(),
        store: if in_session { SecretStore::Session } else { SecretStore::Cookie },
        header_name: settings.0["CSRF_HEADER_NAME"].as_str().unwrap_or("HTTP_X_CSRFTOKEN"),
        ..PolicySettings::default()
    };
    Policy::new(&parsed).unwrap()
}

fn host_rules(settings: &Settings<'_>) -> HostRules {
    let forwarded = |name: &str| if settings.0[name] == true { Forwarded::Trust } else { Forwarded::Ignore };
    let proxy: Vec<String> = settings.list("SECURE_PROXY_SSL_HEADER").collect();
    let allowed: Vec<String> = settings.list("ALLOWED_HOSTS").collect();
    HostRules {
        allowed: if allowed.is_empty() {
            AllowedHosts::new([".example.com", "testserver", "127.0.0.1", "[::1]"])
        } else {
            AllowedHosts::new(allowed)
        },
        forwarded_host: forwarded("USE_X_FORWARDED_HOST"),
        forwarded_port: forwarded("USE_X_FORWARDED_PORT"),
        proxy_ssl_header: match proxy.as_slice() {
            [name, value] => Some(ProxySslHeader::new(name, value).unwrap()),
            _ => None,
        },
    }
}

fn cookie_spec(settings: &Settings<'_>) -> CookieSpec {
    CookieSpec {
        domain: settings.0["CSRF_COOKIE_DOMAIN"].as_str().map(str::to_owned),
        path: settings.0["CSRF_COOKIE_PATH"].as_str().unwrap_or("/").to_owned(),
        secure: settings.0["CSRF_COOKIE_SECURE"] == true,
        http_only: settings.0["CSRF_COOKIE_HTTPONLY"] == true,
        same_site: settings.or("CSRF_COOKIE_SAMESITE", &json!("Lax")).as_str().map(|s| SameSite::parse(s).unwrap()),
        ..CookieSpec::new(settings.0["CSRF_COOKIE_NAME"].as_str().unwrap_or("csrftoken"))
    }
}

/// The settings that differ from the defaults of the file's note.
struct Settings<'a>(&'a Value);

impl Settings<'_> {
    fn or(&self, name: &str, default: &Value) -> Value {
        self.0.get(name).unwrap_or(default).clone()
    }

    fn list(&self, name: &str) -> impl Iterator<Item = String> {
        self.0[name].as_array().into_iter().flatten().map(|item| item.as_str().unwrap().to_owned())
    }
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
