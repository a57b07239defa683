//! emails.json: A14, A15, A105, G04.

use cloakroom_core::emails::{
    MAX_EMAIL_LEN, MAX_FORM_EMAIL_LEN, clean_email_field, normalize_email, sqlite_iexact, validate_email,
};
use cloakroom_core::names::unicode_ci_compare;
use serde_json::json;

use crate::vectors::{Case, run};

fn check(case: &Case<'_>) -> Result<(), String> {
    let field = |max| match clean_email_field(case.text("value"), max) {
        Ok(email) => json!({ "ok": email }),
        Err(codes) => json!({ "codes": codes }),
    };
    case.expect(&match case.kind {
        // No address at all becomes the empty one.
        "normalize" => json!({ "ok": normalize_email(case.input["email"].as_str().unwrap_or_default()) }),
        "valid" if validate_email(case.text("email")) => json!({ "ok": true }),
        "valid" => json!({ "codes": ["invalid"] }),
        "field" => field(MAX_FORM_EMAIL_LEN),
        "reset_field" => field(MAX_EMAIL_LEN),
        "iexact_sqlite" => json!({ "ok": sqlite_iexact(case.text("stored"), case.text("typed")) }),
        "reset_match" => {
            let (stored, typed) = (case.text("stored"), case.text("typed"));
            let same = unicode_ci_compare(stored, typed);
            if case.all["ci"] != same {
                return Err(format!("unicode_ci_compare gives {same}"));
            }
            let found: Vec<&str> = (sqlite_iexact(stored, typed) && same).then_some(stored).into_iter().collect();
            json!({ "ok": found })
        }
        kind => return Err(format!("unknown kind {kind}")),
    })
}

#[test]
fn emails_are_djangos() {
    run("emails.json", check);
}
