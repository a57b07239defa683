//! cookies.json: K10–K19, K40–K42.

use cloakroom_core::clock::Timestamp;
use cloakroom_core::cookies::{CookieError, Expires, SameSite, SetCookie, parse};
use serde_json::{Value, json};

use crate::vectors::{Case, run};

const T0: f64 = 1_767_323_045.678_901;

fn check(case: &Case<'_>) -> Result<(), String> {
    case.expect(&match case.kind {
        "parse" => {
            let jar = parse(case.text("header"));
            json!({ "ok": jar.iter().collect::<Vec<_>>() })
        }
        "set" | "delete" => {
            let now = Timestamp::from_secs_f64(case.input["at"].as_f64().unwrap_or(T0));
            let made = if case.kind == "set" { set(case.input) } else { delete(case.input) };
            match made.and_then(|cookie| cookie.to_header_value(now).map_err(exception)) {
                Ok(line) => json!({ "ok": [line] }),
                Err(exception) => json!({ "error": exception }),
            }
        }
        kind => return Err(format!("unknown kind {kind}")),
    })
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

#[test]
fn cookies_are_djangos() {
    run("cookies.json", check);
}
