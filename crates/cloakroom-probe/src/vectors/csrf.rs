//! csrf.json: C10–C14.

use cloakroom::core::csrf::{CsrfSecret, FormatError, check_format, mask_with, matches, unmask};
use serde_json::json;

use super::Case;

pub(super) fn check(case: &Case<'_>) -> Result<(), String> {
    let secret = || CsrfSecret::from_stored(case.text("secret"));
    case.expect(&match case.kind {
        "mask" => match mask_with(&secret(), case.text("mask")) {
            Ok(token) => json!({ "ok": token }),
            Err(_) => json!({ "error": "ValueError" }),
        },
        "unmask" => match unmask(case.text("token")) {
            Some(secret) => json!({ "ok": secret.expose() }),
            None => json!({ "error": "ValueError" }),
        },
        "match" => json!({ "ok": matches(case.text("token"), &secret()) }),
        "format" => match check_format(case.text("token")) {
            Ok(()) => json!({ "ok": true }),
            Err(FormatError::Length) => json!({ "error": "InvalidTokenFormat", "why": "length" }),
            Err(FormatError::Characters) => json!({ "error": "InvalidTokenFormat", "why": "characters" }),
        },
        kind => return Err(format!("unknown kind {kind}")),
    })
}
