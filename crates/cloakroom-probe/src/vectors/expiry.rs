//! expiry.json: S20–S28.

use cloakroom::core::expiry::{
    EXPIRY_KEY, ExpiryAge, ExpiryError, ExpirySettings, NewExpiry, get_expire_at_browser_close, get_expiry_age,
    get_expiry_date, set_expiry,
};
use cloakroom::core::pydatetime::DateTime;
use cloakroom::core::value::{Dict, Value};
use serde_json::{Value as Json, json};

use super::Case;
use super::signing::answer;
use super::typed::{from_typed, to_typed};

fn error_name(error: &ExpiryError) -> &'static str {
    match error {
        ExpiryError::NoTime => "ValueError",
        ExpiryError::Overflow => "OverflowError",
        _ => "TypeError",
    }
}

fn age(age: ExpiryAge) -> Json {
    match age {
        ExpiryAge::Int(n) => json!(n),
        ExpiryAge::Float(f) => json!(f),
        ExpiryAge::Bool(b) => json!(b),
        ExpiryAge::Other(v) => to_typed(&v),
        _ => Json::Null,
    }
}

fn new_expiry(value: &Json) -> NewExpiry {
    match value {
        Json::Null => NewExpiry::Default,
        Json::Object(o) if o.contains_key("timedelta") => {
            let secs = o["timedelta"].as_f64().unwrap();
            NewExpiry::In { micros: (secs * 1e6).round() as i64 }
        }
        Json::Object(o) if o.contains_key("datetime") => {
            NewExpiry::At(DateTime::fromisoformat(o["datetime"].as_str().unwrap()).unwrap())
        }
        other => match from_typed(other) {
            Value::Int(0) => NewExpiry::AtBrowserClose,
            Value::Int(n) => NewExpiry::Secs(n),
            other => NewExpiry::Raw(other),
        },
    }
}

pub(super) fn check(case: &Case<'_>) -> Result<(), String> {
    let input = case.input;
    let settings = ExpirySettings {
        cookie_age: input["SESSION_COOKIE_AGE"].as_i64().unwrap_or(1_209_600),
        at_browser_close: input["SESSION_EXPIRE_AT_BROWSER_CLOSE"] == true,
    };
    let t0 = case.file.t0();
    let now = if input["USE_TZ"] == false { DateTime::naive(t0) } else { DateTime::utc(t0) };
    let ages_and_dates = |stored: &Json, modification: DateTime| {
        let stored = (!stored.is_null()).then(|| from_typed(stored));
        let age_is = get_expiry_age(stored.as_ref(), modification, &settings).map(age);
        let date = get_expiry_date(stored.as_ref(), modification, &settings).map(|d| d.isoformat());
        let close = get_expire_at_browser_close(stored.as_ref(), &settings);
        (answer(age_is, error_name), answer(date, error_name), close)
    };
    case.expect(&match case.kind {
        "set" => {
            let mut session = Dict::new();
            let set = set_expiry(&mut session, new_expiry(&input["value"]), now);
            answer(set.map(|_| to_typed(&Value::Dict(session))), error_name)
        }
        "get" => {
            let (age, date, close) = ages_and_dates(&input[EXPIRY_KEY], now);
            json!({ "age": age, "date": date, "browser_close": { "ok": close } })
        }
        "explicit" => {
            let modification = DateTime::fromisoformat(case.text("modification")).unwrap();
            let (age, date, _) = ages_and_dates(&input["expiry"], modification);
            json!({ "age": age, "date": date })
        }
        kind => return Err(format!("unknown kind {kind}")),
    })
}
