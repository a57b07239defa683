//! signing.json: K20–K27, K30.

use cloakroom::core::codec::json::DecodeError;
use cloakroom::core::crypto::{Algorithm, hex, salted_hmac};
use cloakroom::core::secret::ct_eq;
use cloakroom::core::signing::{
    Base62Error, Compression, MaxAge, Signer, SigningError, TimestampSigner, b62_decode, b62_encode, b64_decode,
    b64_encode,
};
use serde_json::{Value as Json, json};

use super::Case;
use super::typed::{from_typed, to_typed};

/// The name of Python's exception.
pub(super) fn error_name(error: &SigningError) -> &'static str {
    match error {
        SigningError::NoSignature | SigningError::Mismatch => "BadSignature",
        SigningError::Expired { .. } => "SignatureExpired",
        SigningError::BadTimestamp(Base62Error::Empty) => "IndexError",
        SigningError::NoTimestamp | SigningError::BadTimestamp(_) => "ValueError",
        SigningError::TimestampOverflow => "OverflowError",
        SigningError::Base64(_) => "Error",
        SigningError::Zlib(_) => "error",
        SigningError::Json(DecodeError::Syntax { .. }) => "JSONDecodeError",
        SigningError::Json(DecodeError::IntTooLong) => "ValueError",
        SigningError::Json(_) => "RecursionError",
        other => panic!("no name for {other}"),
    }
}

fn why(error: &SigningError) -> Option<&'static str> {
    match error {
        SigningError::NoSignature => Some("no_separator"),
        SigningError::Mismatch => Some("mismatch"),
        SigningError::Expired { .. } => Some("expired"),
        _ => None,
    }
}

/// The answer in the vectors' form.
pub(super) fn answer<T: Into<Json>, E>(result: Result<T, E>, name: impl FnOnce(&E) -> &'static str) -> Json {
    match result {
        Ok(value) => json!({ "ok": value.into() }),
        Err(e) => json!({ "error": name(&e) }),
    }
}

pub(super) fn check(case: &Case<'_>) -> Result<(), String> {
    let input = case.input;
    let text = |name: &str| input[name].as_str().unwrap_or_default();
    let keys = case.keys("fallbacks");
    let base62_error = |e: &Base62Error| if *e == Base62Error::Empty { "IndexError" } else { "ValueError" };
    case.expect(&match case.kind {
        "sign" => {
            let algorithm = Algorithm::from_name(input["algorithm"].as_str().unwrap_or("sha256")).unwrap();
            let signer = Signer::custom(&keys, text("salt"), text("sep"), algorithm);
            let signed = signer.map(|signer| {
                let signed = signer.sign(text("value"));
                assert_eq!(signer.unsign(&signed).map(|u| u.value), Ok(text("value")));
                signed
            });
            answer(signed, |_| "ValueError")
        }
        "timestamp_sign" => {
            json!({ "ok": TimestampSigner::new(&keys, text("salt")).sign(text("value"), case.at("at")) })
        }
        "dumps" => {
            let compression = if input["compress"] == true { Compression::IfSmaller } else { Compression::Never };
            let signer = TimestampSigner::new(&keys, text("salt"));
            answer(signer.dumps(&from_typed(&input["obj"]), compression, case.at("at")), |_| "TypeError")
        }
        "loads" => {
            let max_age = input["max_age"].as_f64().map(MaxAge::from_secs_f64);
            let loaded = TimestampSigner::new(&keys, text("salt")).loads(text("text"), case.at("at"), max_age);
            let why = loaded.as_ref().err().and_then(why);
            let mut ours = answer(loaded.map(|l| to_typed(&l.value)), error_name);
            if let Some(why) = why {
                ours["why"] = json!(why);
            }
            ours
        }
        "b62_encode" => json!({ "ok": b62_encode(text("n").parse().unwrap()) }),
        "b62_decode" => answer(b62_decode(text("s")).map(|n| n.to_string()), base62_error),
        "b64_encode" => json!({ "ok": b64_encode(&b64_decode(text("b64")).unwrap()) }),
        "b64_decode" => {
            let bytes = b64_decode(text("s"));
            answer(
                bytes.map(|b| to_typed(&cloakroom::core::value::Object::Bytes(b.into()).into())["b64"].take()),
                |_| "Error",
            )
        }
        "salted_hmac" => {
            let secret = input["secret"].as_str().unwrap_or_else(|| case.file.secret_key());
            let mac = Algorithm::from_name(text("algorithm")).map(|a| {
                hex(&salted_hmac(text("key_salt").as_bytes(), text("value").as_bytes(), secret.as_bytes(), a))
            });
            answer(mac.ok_or(()), |()| "InvalidAlgorithm")
        }
        "constant_time_compare" => json!({ "ok": ct_eq(text("a").as_bytes(), text("b").as_bytes()) }),
        kind => return Err(format!("unknown kind {kind}")),
    })
}
