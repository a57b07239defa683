//! redirects.json: A119, A130–A134, V14, G30.

use cloakroom::core::hashers::DjangoVersion;
use cloakroom::core::headers::latin1;
use cloakroom::core::hosts::Scheme;
use cloakroom::core::urls::{
    DisallowedRedirect, LoginRedirect, RequestUrl, RequireHttps, check_redirect, decode_path, escape_uri_path,
    iri_to_uri, login_required_location, next_page, redirect_to_login, resolve, url_has_allowed_host_and_scheme,
    urlsplit,
};
use serde_json::{Value, json};

use super::Case;

pub(super) fn check(case: &Case<'_>) -> Result<(), String> {
    // V14: 5.2 measures another text. The rule here is 6.1's.
    if case.version == DjangoVersion::V5_2 {
        return Ok(());
    }
    let https = |yes: &Value| if *yes == true { RequireHttps::Yes } else { RequireHttps::No };
    case.expect(&match case.kind {
        "safe" => {
            let hosts: Vec<&str> =
                case.input["allowed_hosts"].as_array().unwrap().iter().flat_map(Value::as_str).collect();
            let url = case.input["url"].as_str();
            let require = https(&case.input["require_https"]);
            json!({ "ok": url.is_some_and(|url| url_has_allowed_host_and_scheme(url, &hosts, require)) })
        }
        "to_login" => {
            let login_url = login_url(case.input["login_url"].as_str().unwrap_or("/accounts/login/"));
            let url = redirect_to_login(case.text("next"), &login_url, case.input["field"].as_str()).unwrap();
            location(&url)
        }
        "login_required" => {
            let (path, query) = as_sent(case.text("path"));
            let request = RequestUrl {
                scheme: if case.input["secure"] == true { Scheme::Https } else { Scheme::Http },
                host: case.text("host"),
                path: &path,
                query: &query,
            };
            let login_url = login_url(case.text("LOGIN_URL"));
            let login = LoginRedirect { login_url: &login_url, field: Some("next") };
            location(&login_required_location(&request, &login).unwrap())
        }
        "success" => {
            let next = Some(case.text("next"));
            let (form, query) = match (case.text("method"), case.text("where")) {
                (_, "GET") => (None, next),
                (_, "POST") => (next, None),
                (_, "BOTH") => (Some("/from-post/"), next),
                (_, place) => return Err(format!("unknown place {place}")),
            };
            let safe = next_page(form, query, &["testserver"], https(&case.input["secure"]));
            json!({ "ok": safe.map_or_else(|| String::from("/accounts/profile/"), |next| next.into_string()) })
        }
        "redirect" => location(case.text("to")),
        "iri_to_uri" => json!({ "ok": iri_to_uri(case.text("iri")) }),
        "escape_uri_path" => json!({ "ok": escape_uri_path(case.text("path")) }),
        kind => return Err(format!("unknown kind {kind}")),
    })
}

fn location(to: &str) -> Value {
    match check_redirect(to) {
        Ok(location) => json!({ "ok": location }),
        Err(DisallowedRedirect::Malformed(_)) => json!({ "error": "ValueError" }),
        Err(_) => json!({ "error": "DisallowedRedirect" }),
    }
}

fn login_url(setting: &str) -> String {
    let reverse = |name: &str| match name {
        "my-login" => Some(String::from("/named/login/")),
        "login" => Some(String::from("/accounts/login/")),
        _ => None,
    };
    resolve(setting, reverse).unwrap()
}

/// The path and query that Django's request has when its test client asks for `url`.
pub(super) fn as_sent(url: &str) -> (String, String) {
    let url = urlsplit(url).unwrap();
    let path = if url.path.is_empty() { "/" } else { &url.path };
    (decode_path(&iri_to_uri(path)).into_owned(), latin1(url.query.as_bytes()).into_owned())
}
