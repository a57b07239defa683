//! cookies.json: K10–K19, K40–K42.

use cloakroom::core::clock::Timestamp;
use cloakroom::core::cookies::{CookieError, CookieSigner, Expires, LegacySalt, SameSite, SetCookie, parse};
use cloakroom::core::signing::{MaxAge, SigningError};
use serde_json::{Value, json};

use super::{Case, secret_keys};

pub(super) fn check(case: &Case<'_>) -> Result<(), String> {
    case.expect(&match case.kind {
        "parse" => {
            let jar = parse(case.text("header"));
            json!({ "ok": jar.iter().collect::<Vec<_>>() })
        }
        "set" | "delete" => {
            let now = case.at("at");
            let made = if case.kind == "set" { set(case.input) } else { delete(case.input) };
            match made.and_then(|cookie| cookie.to_header_value(now).map_err(exception)) {
                Ok(line) => json!({ "ok": [line] }),
                Err(exception) => json!({ "error": exception }),
            }
        }
        "set_signed" => {
            let now = case.at("at");
            let signed = signer(case).sign(case.text("key"), case.text("salt"), case.text("value"), now);
            if case.all["raw"] != signed {
                return Err(format!("ours {signed}, Django's {}", case.all["raw"]));
            }
            json!({ "ok": [SetCookie::new(case.text("key"), signed).to_header_value(now).unwrap()] })
        }
        "get_signed" => get_signed(case),
        kind => return Err(format!("unknown kind {kind}")),
    })
}

fn signer(case: &Case<'_>) -> CookieSigner {
    CookieSigner::new(
        &secret_keys(case.file.secret_key(), &Value::Null),
        if case.input["legacy"] == true { LegacySalt::Accept } else { LegacySalt::Refuse },
    )
}

fn get_signed(case: &Case<'_>) -> Value {
    let Some(cookie) = case.input["cookie"].as_str() else {
        // A missing cookie is the caller's default, or an error of its own.
        return case
            .input
            .get("default")
            .map_or_else(|| json!({ "error": "KeyError" }), |value| json!({ "ok": value }));
    };
    let now = case.at("at");
    let max_age = case.input["max_age"].as_f64().map(MaxAge::from_secs_f64);
    match signer(case).unsign(case.text("key"), case.text("salt"), cookie, max_age, now) {
        Ok(unsigned) => json!({ "ok": unsigned.value }),
        Err(SigningError::Expired { .. }) => json!({ "error": "SignatureExpired", "why": "expired" }),
        Err(SigningError::Mismatch) => json!({ "error": "BadSignature", "why": "mismatch" }),
        Err(other) => json!({ "error": other.to_string() }),
    }
}

fn set(args: &Value) -> Result<SetCookie, &'static str> {
    // Python's str() of what a caller may hand in as a value.
    let value = match &args["value"] {
        Value::String(text) => text.clone(),
        Value::Bool(true) => String::from("True"),
        Value::Bool(false) => String::from("False"),
        Value::Null => String::from("None"),
        other => other.to_string(),
    };
    let mut cookie = SetCookie::new(text(args, "key").unwrap(), value);
    // Text for an age is a type error here and there.
    if args["max_age"].is_string() {
        return Err("TypeError");
    }
    if let Some(seconds) = args["max_age"].as_f64().or_else(|| args["max_age_timedelta"].as_f64()) {
        cookie = cookie.max_age(seconds);
    }
    if let Some(expires) = text(args, "expires") {
        cookie = cookie.expires(Expires::Text(expires.to_owned()));
    }
    if let Some(moment) = text(args, "expires_datetime") {
        let at = moment.parse::<jiff::Timestamp>().map_or_else(
            |_| Timestamp::from_civil(moment.parse().unwrap()).unwrap(),
            |t| Timestamp::from_micros(t.as_microsecond()),
        );
        cookie = cookie.expires(Expires::At(at));
    }
    if args.get("path").is_some_and(Value::is_null) {
        cookie = cookie.without_path();
    }
    if let Some(path) = text(args, "path") {
        cookie = cookie.path(path);
    }
    if let Some(domain) = text(args, "domain") {
        cookie = cookie.domain(domain);
    }
    if args["secure"] == true {
        cookie = cookie.secure();
    }
    if args["httponly"] == true {
        cookie = cookie.http_only();
    }
    if let Some(same_site) = text(args, "samesite").filter(|s| !s.is_empty()) {
        cookie = cookie.same_site(SameSite::parse(same_site).map_err(exception)?);
    }
    Ok(cookie)
}

fn delete(args: &Value) -> Result<SetCookie, &'static str> {
    let same_site = text(args, "samesite").map(SameSite::parse).transpose().map_err(exception)?;
    let path = text(args, "path").unwrap_or("/");
    Ok(SetCookie::delete(text(args, "key").unwrap(), path, text(args, "domain"), same_site))
}

fn text<'a>(args: &'a Value, name: &str) -> Option<&'a str> {
    args[name].as_str()
}

fn exception(error: CookieError) -> &'static str {
    match error {
        CookieError::Name | CookieError::Attribute => "CookieError",
        _ => "ValueError",
    }
}
