//! expiry.json: S20–S28.

use cloakroom_core::clock::Timestamp;
use cloakroom_core::expiry::{
    EXPIRY_KEY, ExpiryAge, ExpiryError, ExpirySettings, NewExpiry, get_expire_at_browser_close, get_expiry_age,
    get_expiry_date, set_expiry,
};
use cloakroom_core::pydatetime::DateTime;
use cloakroom_core::value::{Dict, Value};
use serde_json::{Value as Json, json};

use crate::signing::answer;
use crate::typed::{from_typed, to_typed};
use crate::vectors::{Case, run};

const T0: Timestamp = Timestamp::from_micros(1_767_323_045_678_901);

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

fn check(case: &Case<'_>) -> Result<(), String> {
    let input = case.input;
    let settings = ExpirySettings {
        cookie_age: input["SESSION_COOKIE_AGE"].as_i64().unwrap_or(1_209_600),
        at_browser_close: input["SESSION_EXPIRE_AT_BROWSER_CLOSE"] == true,
    };
    let now = if input["USE_TZ"] == false { DateTime::naive(T0) } else { DateTime::utc(T0) };
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

#[test]
fn session_expiry_is_djangos() {
    run("expiry.json", check);
}
