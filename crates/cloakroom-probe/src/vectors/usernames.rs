//! usernames.json: A12, A13, A103, A160, G06–G09.

use cloakroom::core::names::{
    MAX_USERNAME_LEN, UsernameRule, clean_username_field, default_system_username, model_username_errors,
    normalize_username, unicode_ci_compare, validate_username,
};
use cloakroom::core::pytext;
use serde_json::json;

use super::Case;

pub(super) fn check(case: &Case<'_>) -> Result<(), String> {
    case.expect(&match case.kind {
        "normalize" => json!({ "ok": normalize_username(case.text("username")) }),
        "valid" => {
            let valid = |rule| validate_username(case.text("username"), rule);
            json!({ "ok": { "unicode": valid(UsernameRule::Unicode), "ascii": valid(UsernameRule::Ascii) } })
        }
        "field" => match clean_username_field(case.text("value"), Some(MAX_USERNAME_LEN)) {
            Ok(name) => json!({ "ok": name }),
            Err(codes) => json!({ "codes": codes }),
        },
        "model" => {
            json!({ "ok": model_username_errors(case.text("username"), UsernameRule::Unicode, MAX_USERNAME_LEN) })
        }
        "default" => json!({ "ok": default_system_username(case.text("system_user")) }),
        "casefold" => {
            let s = case.text("s");
            json!({ "ok": {
                "nfkc_casefold": pytext::casefold(&pytext::nfkc(s)),
                "lower": pytext::lower(s),
                "upper": pytext::upper(s),
                "isdigit": !s.is_empty() && s.chars().all(pytext::is_digit),
            } })
        }
        "ci_compare" => json!({ "ok": unicode_ci_compare(case.text("a"), case.text("b")) }),
        kind => return Err(format!("unknown kind {kind}")),
    })
}
