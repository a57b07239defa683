//! fixture.sqlite3 and fixture.json: a database as Django 6.1 left it (A40–A44, A63, A70–A76, A81, S33, S45, S59), judged
//! at its own moment.

use std::sync::Arc;

use cloakroom::auth::permissions::Source;
use cloakroom::core::clock::Timestamp;
use cloakroom::core::hashers::{Algorithm, Checked, DjangoVersion, Hasher, HasherSet, Upgrade};
use cloakroom::core::value::Value as Stored;
use cloakroom::db::{sessions, users};
use serde_json::{Value, json};

use super::pool::Pool;
use super::site::Site;
use super::typed::to_typed;
use super::{Case, File, Verdict, secret_keys};

/// What the database holds, where nothing beside it says so.
const SHIPPED: &str = include_str!("../../vectors/fixture.json");

pub(super) fn check(file: &File) -> Vec<Verdict> {
    let facts = match std::fs::read_to_string(file.path.with_extension("json")) {
        Ok(text) => serde_json::from_str(&text),
        Err(_) => serde_json::from_str(SHIPPED),
    };
    let facts: Value = match facts {
        Ok(facts) => facts,
        Err(e) => return vec![Verdict::failed("fixture.json", &format!("is not JSON: {e}"))],
    };
    let questions = file.with_cases(cases(&facts));
    let now = facts["now"].as_f64().map_or_else(|| file.t0(), Timestamp::from_secs_f64);
    let hashers = HasherSet::new(Algorithm::ALL.map(|a| Hasher::new(a, DjangoVersion::V6_1)).to_vec()).unwrap();
    let site = async |fallbacks: &Value| {
        let keys = secret_keys(facts["SECRET_KEY"].as_str().unwrap_or_else(|| file.secret_key()), fallbacks);
        Site::copy_of(&file.path, &keys, now, |b| b.with_hashers(hashers.clone())).await
    };
    let plain = Pool::new(async || site(&Value::Null).await);
    let rolling = Pool::new(async || site(&facts["SECRET_KEY_FALLBACKS"]).await);
    questions.each(|case| match case.kind {
        "user" => differences(case, &plain.with(async |site| user_answer(site, case).await)),
        "users" => case.expect(&plain.with(async |site| json!(users::count(&site.db).await.unwrap()))),
        "session" => {
            differences(case, &plain.with(async |site| session_answer(site, case, "").await))?;
            differences(case, &rolling.with(async |site| session_answer(site, case, "_with_fallbacks").await))
        }
        "clearsessions" => {
            let fresh = Pool::new(async || site(&Value::Null).await);
            case.expect(&fresh.with(async |site| cleared(site, now).await))
        }
        kind => Err(format!("unknown kind {kind}")),
    })
}

/// The facts as questions: each user, each session, and how many there are of them.
fn cases(facts: &Value) -> Vec<Value> {
    let list = |name: &str| facts[name].as_array().cloned().unwrap_or_default();
    let mut cases = vec![
        json!({ "id": "fixture/users", "kind": "users", "out": list("users").len() }),
        json!({ "id": "fixture/clearsessions", "kind": "clearsessions", "out": {
            "removes": facts["clearsessions_removes"], "keeps": facts["clearsessions_keeps"],
        } }),
    ];
    for user in list("users") {
        let id = format!("fixture/user {}", user["username"].as_str().unwrap_or_default());
        cases.push(json!({ "id": id, "kind": "user", "in": user, "out": user }));
    }
    for (n, session) in list("sessions").into_iter().enumerate() {
        let id = format!("fixture/session-{:03} {}", n + 1, session["what"].as_str().unwrap_or_default());
        cases.push(json!({ "id": id, "kind": "session", "in": session, "out": session }));
    }
    cases
}

/// What one user is in the database, and whether the password opens it.
async fn user_answer(site: &Site, case: &Case<'_>) -> Value {
    let found = site.auth.user_by_username(case.text("username")).await.unwrap().expect("the user is there");
    // Whose password nobody knows was asked with another.
    let password = case.input["password"].as_str().unwrap_or("x");
    let verify = match site.auth.hashers().verify_unevenly(password, &found.password) {
        Checked::Match(upgrade) => json!({ "ok": [true, upgrade == Upgrade::Due] }),
        Checked::Mismatch(upgrade) => json!({ "ok": [false, upgrade == Upgrade::Due] }),
        Checked::Unreadable(error) => json!({ "error": error.django_name() }),
        Checked::Unusable | Checked::Unknown => json!({ "ok": [false, false] }),
    };
    let found = Arc::new(found);
    let set = site.auth.permissions(Some(&found)).await.unwrap();
    let labels = site.auth.permission_labels(&set, Source::All).await.unwrap();
    json!({
        "pk": found.id.as_int(), "username": found.username, "encoded": found.password.expose(),
        "is_active": found.is_active, "is_staff": found.is_staff, "is_superuser": found.is_superuser,
        "email": found.email, "session_auth_hash": site.auth.session_auth_hash(&found), "verify": verify,
        "permissions": if found.is_superuser { json!(labels.len()) } else { json!(labels) },
    })
}

/// Whom one session gives, and what became of it.
async fn session_answer(site: &Site, case: &Case<'_>, suffix: &str) -> Value {
    let key = case.text("session_key");
    let session = site.sessions.open(Some(key)).load().await.unwrap();
    let data = to_typed(&Stored::Dict((*session.items()).clone()));
    let identity = site.auth.get_user(&session).await.unwrap();
    let now = session.key().map(|k| k.expose().to_owned());
    assert_eq!(identity.is_authenticated(), identity.reason().is_none(), "one reason for each anonymous (D12)");
    let data_name = if suffix.is_empty() { "data" } else { "data_with_fallbacks" };
    json!({
        format!("get_user{suffix}"): identity.user().map(|u| &u.username),
        format!("get_user{suffix}_flushed"): now.is_none(),
        format!("get_user{suffix}_key_cycled"): now.is_some_and(|k| k != key),
        data_name: data,
    })
}

/// What `clearsessions` takes and leaves.
async fn cleared(site: &Site, now: Timestamp) -> Value {
    let stored = async || sessions::count(&site.db, now).await.unwrap().stored;
    let before = stored().await;
    sessions::clear_expired(&site.db, now, &mut |_| {}).await.unwrap();
    let after = stored().await;
    json!({ "removes": before - after, "keeps": after })
}

/// Every field of `ours` is as Django's.
fn differences(case: &Case<'_>, ours: &Value) -> Result<(), String> {
    let fields = ours.as_object().into_iter().flatten();
    let wrong: Vec<_> = fields
        .filter(|(name, value)| case.out[name.as_str()] != **value)
        .map(|(name, value)| format!("{name}: ours {value}, Django's {}", case.out[name.as_str()]))
        .collect();
    if wrong.is_empty() { Ok(()) } else { Err(wrong.join("; ")) }
}
