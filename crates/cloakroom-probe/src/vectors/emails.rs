//! emails.json: A14, A15, A105, G04.

use cloakroom::core::emails::{
    MAX_EMAIL_LEN, MAX_FORM_EMAIL_LEN, clean_email_field, normalize_email, sqlite_iexact, validate_email,
};
use cloakroom::core::models::EncodedHash;
use cloakroom::core::names::unicode_ci_compare;
use cloakroom::db::users::{self, NewUser};
use serde_json::{Value, json};

use super::pool::Pool;
use super::site::Site;
use super::{Case, File, Verdict, secret_keys};

pub(super) fn check(file: &File) -> Vec<Verdict> {
    let sites = Pool::new(async || Site::empty(&secret_keys(file.secret_key(), &Value::Null), file.t0()).await);
    file.each(|case| check_case(case, |stored, typed| sites.with(async |site| is_found(site, stored, typed).await)))
}

/// Whether the database finds the user with the address `stored` by `typed` (A15).
async fn is_found(site: &Site, stored: &str, typed: &str) -> bool {
    let mut new = NewUser::new("u", EncodedHash::new("!"), site.auth.now());
    stored.clone_into(&mut new.email);
    let users::Created::Yes(user) = users::create(&site.db, new).await.unwrap() else { panic!("the name is taken") };
    let found = users::by_email_iexact(&site.db, typed).await.unwrap();
    assert!(users::delete(&site.db, &user.id).await.unwrap());
    !found.is_empty()
}

fn check_case(case: &Case<'_>, is_found: impl Fn(&str, &str) -> bool) -> Result<(), String> {
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
        "iexact_sqlite" => {
            let (stored, typed) = (case.text("stored"), case.text("typed"));
            let found = is_found(stored, typed);
            if found != sqlite_iexact(stored, typed) {
                return Err(format!("the database says {found}, the rule the contrary"));
            }
            json!({ "ok": found })
        }
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
