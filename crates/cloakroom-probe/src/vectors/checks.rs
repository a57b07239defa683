//! checks.json: what `check --deploy` finds, by id (A171).
//!
//! Django keeps its checks in a set, so that the order of the ids is that of addresses in memory; here they are compared
//! sorted.

use cloakroom::settings::checks::{Installed, Part, compatibility, deploy_with};
use cloakroom::settings::{RawSettings, Settings, SettingsError};
use serde_json::{Map, Value, json};

use super::{Case, secret_keys};

/// A Python function: Cloakroom does not start with another than Django's own.
const FAILURE_VIEW: &str = "CSRF_FAILURE_VIEW";

/// What Django says of a failure view that it cannot call.
const OF_FAILURE_VIEW: [&str; 2] = ["security.E101", "security.E102"];

/// Which middleware and which apps make a part.
const PARTS: [(Part, &str, &str); 5] = [
    (Part::CsrfProtection, "MIDDLEWARE", "django.middleware.csrf.CsrfViewMiddleware"),
    (Part::FrameOptions, "MIDDLEWARE", "django.middleware.clickjacking.XFrameOptionsMiddleware"),
    (Part::SecurityHeaders, "MIDDLEWARE", "django.middleware.security.SecurityMiddleware"),
    (Part::SessionLayer, "MIDDLEWARE", "django.contrib.sessions.middleware.SessionMiddleware"),
    (Part::SessionTables, "INSTALLED_APPS", "django.contrib.sessions"),
];

pub(super) fn check(case: &Case<'_>) -> Result<(), String> {
    let changed = case.input["settings"].as_object().unwrap();
    let theirs: Vec<&str> = case.out["ok"].as_array().unwrap().iter().map(|id| id.as_str().unwrap()).collect();
    let Read { settings, refused } = read(changed)?;
    let mut ours: Vec<&str> = match case.kind {
        "security" => {
            let key = settings.secret_key.as_ref().unwrap().expose();
            let fallbacks: Vec<_> = settings.secret_key_fallbacks.iter().map(|k| k.expose().clone()).collect();
            let keys = secret_keys(key, &json!(fallbacks));
            deploy_with(&settings, &keys, &installed(changed)).iter().map(|f| f.id).collect()
        }
        "compatibility" => compatibility(&settings).iter().map(|f| f.id).collect(),
        kind => return Err(format!("unknown kind {kind}")),
    };
    let mut theirs: Vec<&str> = theirs.into_iter().filter(|id| !(refused && OF_FAILURE_VIEW.contains(id))).collect();
    ours.sort_unstable();
    theirs.sort_unstable();
    if ours == theirs { Ok(()) } else { Err(format!("ours {ours:?}, Django's {theirs:?}")) }
}

/// Settings, and whether the failure view was refused.
struct Read {
    settings: Settings,
    refused: bool,
}

/// The settings that the file's note starts from, with the case's changes.
///
/// What Cloakroom does not start with is shown to be refused by name, and then left out: a view in Python, and what is no
/// boolean for one, which Django's checks take for false.
fn read(changed: &Map<String, Value>) -> Result<Read, String> {
    let mut all = start();
    let known = changed.iter().filter(|(name, _)| !PARTS.iter().any(|(_, setting, _)| setting == name));
    all.extend(known.map(|(name, value)| (name.clone(), value.clone())));
    let mut refused = false;
    loop {
        let mut raw = RawSettings::new();
        for (name, value) in &all {
            raw.set(name, value.clone()).map_err(|e| e.to_string())?;
        }
        match Settings::parse(&raw) {
            Ok(settings) => return Ok(Read { settings, refused }),
            Err(SettingsError::Invalid { name: FAILURE_VIEW, .. }) if all.contains_key(FAILURE_VIEW) => {
                all.shift_remove(FAILURE_VIEW);
                refused = true;
            }
            Err(SettingsError::Invalid { name, .. }) if all.get(name).is_some_and(Value::is_number) => {
                all.insert(name.to_owned(), json!(false));
            }
            Err(e) => return Err(e.to_string()),
        }
    }
}

/// A site that nothing is said of.
fn start() -> Map<String, Value> {
    let settings = json!({
        "SECRET_KEY": "abcdefghijklmnopqrstuvwxyz0123456789abcdefghijklmnopqrstuvwxyz",
        "SECURE_HSTS_SECONDS": 3600, "SECURE_HSTS_INCLUDE_SUBDOMAINS": true, "SECURE_HSTS_PRELOAD": true,
        "SECURE_SSL_REDIRECT": true, "SESSION_COOKIE_SECURE": true, "CSRF_COOKIE_SECURE": true,
        "ALLOWED_HOSTS": ["*"], "DEBUG": false,
    });
    settings.as_object().unwrap().clone()
}

fn installed(changed: &Map<String, Value>) -> Installed {
    PARTS.iter().fold(Installed::all(), |parts, (part, setting, name)| match changed.get(*setting) {
        Some(listed) if !listed.as_array().unwrap().contains(&json!(name)) => parts.without(*part),
        _ => parts,
    })
}
