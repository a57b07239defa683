//! reset_tokens.json: A90–A94.

use cloakroom::core::models::EncodedHash;
use cloakroom::core::pydatetime::DateTime;
use cloakroom::core::tokens::{
    LocalTime, TokenUser, UidError, base36_decode, base36_encode, check_token, make_token, uid_decode_int, uid_encode,
};
use serde_json::json;

use super::Case;
use super::signing::answer;

pub(super) fn check(case: &Case<'_>) -> Result<(), String> {
    let input = case.input;
    let text = |name: &str| input[name].as_str().unwrap_or_default();
    let keys = case.keys("fallbacks");
    let user = &input["user"];
    let password = EncodedHash::new(user["password"].as_str().unwrap_or_default());
    let user = TokenUser {
        pk: user["pk"].to_string(),
        password: &password,
        // A value that the database did not make may carry another offset, which Django drops.
        last_login: user["last_login"].as_str().map(|t| DateTime::fromisoformat(t).unwrap().wall_clock()),
        email: user["email"].as_str().unwrap_or_default(),
    };
    let now = || LocalTime::utc(case.at("now"));
    let uid_error = |e: &UidError| match e {
        UidError::Base64 => "ValueError",
        UidError::Utf8 => "UnicodeDecodeError",
        _ => "ValidationError",
    };
    case.expect(&match case.kind {
        "make" => answer(make_token(&user, keys.current(), now()).ok_or(()), |()| "ValueError"),
        "check" => {
            let timeout = input["timeout"].as_i64().unwrap();
            json!({ "ok": check_token(&user, text("token"), &keys, now(), timeout).is_valid() })
        }
        "uid_encode" => json!({ "ok": uid_encode(text("pk")) }),
        "uid_decode" => answer(uid_decode_int(text("uidb64")).map(|n| n.digits()), uid_error),
        "base36_to_int" => answer(base36_decode(text("s")).map(|n| n.to_string()).ok_or(()), |()| "ValueError"),
        "int_to_base36" => answer(base36_encode(text("n").parse().unwrap()).ok_or(()), |()| "ValueError"),
        kind => return Err(format!("unknown kind {kind}")),
    })
}
