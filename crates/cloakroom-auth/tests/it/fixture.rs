//! fixture.sqlite3 and fixture.json: a database as Django 6.1 left it (A63, A70–A76, A81), judged at T0.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use cloakroom_auth::permissions::Source;
use cloakroom_core::hashers::{Algorithm, Checked, DjangoVersion, Hasher, HasherSet, Upgrade};
use cloakroom_core::value::Value as Stored;
use cloakroom_db::{Database, DatabaseUrl, Options};
use serde_json::{Value, json};

use crate::site::{Site, keys};

fn vectors() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../cloakroom-probe/vectors")
}

fn facts() -> Value {
    serde_json::from_slice(&std::fs::read(vectors().join("fixture.json")).unwrap()).unwrap()
}

enum Fallbacks {
    None,
    Configured,
}

/// A copy of the database, served with Django's hashers.
async fn site(facts: &Value, fallbacks: &Fallbacks) -> Site {
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("db.sqlite3");
    // The copy must be writable where the original is not.
    std::fs::write(&copy, std::fs::read(vectors().join("fixture.sqlite3")).unwrap()).unwrap();
    let url = DatabaseUrl::parse(&format!("sqlite://{}", copy.display())).unwrap();
    let db = Database::open(&url, Options::default()).await.unwrap();
    let old: Vec<&str> = match fallbacks {
        Fallbacks::None => Vec::new(),
        Fallbacks::Configured => {
            facts["SECRET_KEY_FALLBACKS"].as_array().unwrap().iter().map(|k| k.as_str().unwrap()).collect()
        }
    };
    let keys = keys(facts["SECRET_KEY"].as_str().unwrap(), &old);
    let hashers = Algorithm::ALL.map(|a| Hasher::new(a, DjangoVersion::V6_1)).to_vec();
    Site::over(db, folder, keys, |b| b.with_hashers(HasherSet::new(hashers).unwrap()))
}

/// What one user is in the database, and whether the password opens it.
async fn user_answer(site: &Site, user: &Value) -> Value {
    let found = site.auth.user_by_username(user["username"].as_str().unwrap()).await.unwrap().unwrap();
    let verify = match user["password"].as_str() {
        None => match site.auth.hashers().verify_unevenly("", &found.password) {
            Checked::Unreadable(error) => json!({ "error": error.django_name() }),
            checked => json!({ "ok": [checked.is_match(), false] }),
        },
        Some(password) => match site.auth.hashers().verify_unevenly(password, &found.password) {
            Checked::Match(upgrade) => json!({ "ok": [true, upgrade == Upgrade::Due] }),
            Checked::Mismatch(upgrade) => json!({ "ok": [false, upgrade == Upgrade::Due] }),
            Checked::Unreadable(error) => json!({ "error": error.django_name() }),
            _ => json!({ "ok": [false, false] }),
        },
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
async fn session_answer(site: &Site, session: &Value, suffix: &str) -> Value {
    let key = session["session_key"].as_str().unwrap();
    let session = site.session(Some(key)).await;
    let data: Value = serde_json::from_str(&dumps(&session.items())).unwrap();
    let identity = site.auth.get_user(&session).await.unwrap();
    let now = session.key().map(|k| k.expose().to_owned());
    let mut out = json!({ format!("get_user{suffix}"): identity.user().map(|u| &u.username) });
    out[format!("get_user{suffix}_flushed")] = json!(now.is_none());
    out[format!("get_user{suffix}_key_cycled")] = json!(now.is_some_and(|k| k != key));
    out[if suffix.is_empty() { "data" } else { "data_with_fallbacks" }] = data;
    assert_eq!(identity.is_authenticated(), identity.reason().is_none(), "one reason for each anonymous (D12)");
    out
}

fn dumps(data: &cloakroom_core::value::Dict) -> String {
    cloakroom_core::codec::json::dumps(&Stored::Dict(data.clone())).unwrap()
}

/// The fields of `ours` that are not as in `theirs`.
fn differences(ours: &Value, theirs: &Value) -> Vec<String> {
    let fields = ours.as_object().unwrap().iter();
    fields
        .filter(|(name, value)| theirs[name.as_str()] != **value)
        .map(|(name, value)| format!("{name}: ours {value}, Django's {}", theirs[name.as_str()]))
        .collect()
}

/// A40–A44, A72, A81.
#[tokio::test]
async fn users_are_as_django_sees_them() {
    let facts = facts();
    let site = site(&facts, &Fallbacks::None).await;
    for user in facts["users"].as_array().unwrap() {
        let differences = differences(&user_answer(&site, user).await, user);
        assert!(differences.is_empty(), "{}: {differences:?}", user["username"]);
    }
}

/// A70–A73, S33, S45.
#[tokio::test]
async fn sessions_give_whom_django_gives() {
    let facts = facts();
    for (fallbacks, suffix) in [(Fallbacks::None, ""), (Fallbacks::Configured, "_with_fallbacks")] {
        let site = site(&facts, &fallbacks).await;
        for session in facts["sessions"].as_array().unwrap() {
            let differences = differences(&session_answer(&site, session, suffix).await, session);
            assert!(differences.is_empty(), "{}: {differences:?}", session["what"]);
        }
    }
}
