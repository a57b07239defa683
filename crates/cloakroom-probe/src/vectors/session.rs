//! session.json: S11, S30–S37, S57, S58.

use cloakroom::core::codec::json::dumps;
use cloakroom::core::codec::session::{Decoded, Problem, SESSION_STORE_SALT, SIGNED_COOKIES_SALT, SessionCodec};
use cloakroom::core::keys::SessionKey;
use cloakroom::core::signing::MaxAge;
use cloakroom::core::value::Value;
use cloakroom::sessions::{Engine as _, FileEngine, TextCodec};
use serde_json::{Value as Json, json};

use super::signing::{answer, error_name};
use super::typed::{from_typed, to_typed};
use super::{Case, secret_keys};

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

pub(super) fn check(case: &Case<'_>) -> Result<(), String> {
    let input = case.input;
    let codec = |salt| SessionCodec::new(&case.keys("fallbacks"), salt);
    let encode =
        |salt| answer(codec(salt).encode_value(&from_typed(&input["payload"]), case.at("at")), |_| "TypeError");
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
            let decoded = codec(SIGNED_COOKIES_SALT).decode_within(case.text("cookie"), case.at("at"), max_age);
            case.expect(&json!({ "ok": yields(&decoded) }))
        }
        "key" => {
            let text = input["session_key"].as_str();
            let key = text.and_then(SessionKey::parse);
            let folder = tempfile::tempdir().unwrap();
            let keys = secret_keys(case.file.secret_key(), &Json::Null);
            let engine = FileEngine::new(folder.path(), "sessionid", TextCodec::new(&keys), 1_209_600).unwrap();
            let told = &case.out["ok"];
            // A key that is none never reaches an engine, so that what the engine thinks of it has no bearing.
            let admitted = key.as_ref().is_none_or(|key| engine.admits(key) == (told["file_engine"]["ok"] == true));
            if told["accepted_as_key"] == key.is_some() && admitted {
                return Ok(());
            }
            Err(format!("accepted as key: {}, by the file engine as Django: {admitted}", key.is_some()))
        }
        kind => Err(format!("unknown kind {kind}")),
    }
}
