//! session.json: S11, S30–S37, S57, S58.

use cloakroom_core::codec::json::dumps;
use cloakroom_core::codec::session::{Decoded, Problem, SESSION_STORE_SALT, SIGNED_COOKIES_SALT, SessionCodec};
use cloakroom_core::keys::SessionKey;
use cloakroom_core::signing::MaxAge;
use cloakroom_core::value::Value;
use serde_json::{Value as Json, json};

use crate::signing::{answer, at, error_name, keys};
use crate::typed::{from_typed, to_typed};
use crate::vectors::{Case, run};

/// What Django's reader yields: the data, or whatever else was signed.
fn yields(decoded: &Decoded) -> Json {
    match &decoded.problem {
        Some(Problem::NotADict(value)) => to_typed(value),
        _ => to_typed(&Value::Dict(decoded.data.clone())),
    }
}

fn reason(decoded: &Decoded) -> &'static str {
    match &decoded.problem {
        None | Some(Problem::NotADict(_)) => "good",
        Some(Problem::BadSignature) => "BadSignature",
        Some(Problem::Unreadable(e)) => error_name(e),
        other => panic!("{other:?} without an age"),
    }
}

fn check(case: &Case<'_>) -> Result<(), String> {
    let input = case.input;
    let codec = |salt| SessionCodec::new(&keys(&input["key"], &input["fallbacks"]), salt);
    let encode =
        |salt| answer(codec(salt).encode_value(&from_typed(&input["payload"]), at(&input["at"])), |_| "TypeError");
    match case.kind {
        "encode" => {
            if let Some(json) = case.all["json"].as_str() {
                let ours = dumps(&from_typed(&input["payload"])).unwrap();
                if ours != json {
                    return Err(format!("our JSON is {ours}, Django's {json}"));
                }
            }
            let encoded = encode(SESSION_STORE_SALT);
            if let (Some(text), Some(packed)) = (encoded["ok"].as_str(), case.all["compressed"].as_bool())
                && text.starts_with('.') != packed
            {
                return Err(format!("compressed should be {packed}"));
            }
            case.expect(&encoded)
        }
        "cookie" => case.expect(&encode(SIGNED_COOKIES_SALT)),
        "decode" => {
            let decoded = codec(SESSION_STORE_SALT).decode(case.text("data"));
            if case.all["reason"] != reason(&decoded) {
                return Err(format!("our reason is {}, Django's {}", reason(&decoded), case.all["reason"]));
            }
            let ours = yields(&decoded);
            // As text, so that the order counts (G12).
            let texts = [&ours, &case.out["ok"]].map(Json::to_string);
            if texts[0] != texts[1] {
                return Err(format!("ours {ours}, Django's {}", case.out));
            }
            Ok(())
        }
        "cookie_load" => {
            let max_age = MaxAge::from_secs(input["SESSION_COOKIE_AGE"].as_i64().unwrap());
            let decoded = codec(SIGNED_COOKIES_SALT).decode_within(case.text("cookie"), at(&input["at"]), max_age);
            case.expect(&json!({ "ok": yields(&decoded) }))
        }
        "key" => {
            let key = SessionKey::parse(input["session_key"].as_str().unwrap_or_default());
            let accepted = &case.out["ok"]["accepted_as_key"];
            // What the file engine makes of the key is tested with that engine.
            if *accepted == key.is_some() { Ok(()) } else { Err(format!("accepted as key: ours {}", key.is_some())) }
        }
        kind => Err(format!("unknown kind {kind}")),
    }
}

#[test]
fn session_texts_are_djangos() {
    run("session.json", check);
}
