//! session_middleware.json: one request through the session's rule of the response, engine by engine (S11–S17, S40–S69).

mod world;

use cloakroom::core::cookies::SameSite;
use cloakroom::core::headers::patch_vary;
use cloakroom::core::keys::SessionKey;
use cloakroom::core::value::{Dict, Value};
use cloakroom::sessions::{CookieEnd, Expiry, LazySession, SavePolicy, SessionConfig, SessionError, Sessions, Vary};
use serde_json::{Map, Value as Json, json};

use self::world::{Kind, World};
use super::pool::Pool;
use super::{File, Verdict};

pub(super) fn check(file: &File) -> Vec<Verdict> {
    let pool = Pool::new(async || World::new(file.secret_key(), file.t0()).await);
    file.each(|case| match case.kind {
        "request" => case.expect(&pool.with(async |world| answer(world, case.input).await)),
        kind => Err(format!("unknown kind {kind}")),
    })
}

/// What happens to one request.
async fn answer(world: &World, question: &Json) -> Json {
    world.reset().await;
    let kind = Kind::from_name(question["engine"].as_str().unwrap());
    let config = config(question.get("settings").and_then(Json::as_object));
    let name = config.cookie.name.clone();
    let sessions = world.sessions(kind, config);
    let cookie = cookie(world, kind, &sessions, question["cookie"].as_str().unwrap()).await;
    let own = cookie.as_deref().and_then(SessionKey::parse);

    let session = sessions.open(cookie.as_deref());
    for op in question["ops"].as_array().unwrap() {
        if op[0] == "row_deleted_elsewhere" {
            if let Some(own) = &own {
                world.delete_stored(kind, &name, own).await;
            }
        } else if let Err(e) = apply(&session, op).await {
            return json!({ "error": error_name(&e, "UpdateError") });
        }
    }
    let status = question.get("status").and_then(Json::as_u64).unwrap_or(200) as u16;
    let finish = match sessions.finish(&session, status).await {
        Ok(finish) => finish,
        Err(e) => return json!({ "error": error_name(&e, "SessionInterrupted") }),
    };

    let before = question.get("vary").and_then(Json::as_str).filter(|v| !v.is_empty());
    let vary = match finish.vary {
        Vary::Cookie => Some(patch_vary(before, &["Cookie"])),
        Vary::Unchanged => before.map(str::to_owned),
    };
    let header = finish.set_cookie.map(|c| c.to_header_value(world.t0).unwrap());
    let (key_word, key) = match &header {
        None => ("none", own.clone()),
        Some(h) if h.contains("Max-Age=0;") => ("deleted", own.clone()),
        Some(_) if session.key() == own => ("same", own.clone()),
        Some(_) => ("new", session.key()),
    };
    let header = match (&header, &key) {
        (Some(h), Some(key)) => Some(h.replace(key.expose(), "<KEY>")),
        _ => header,
    };

    let mut out = Map::new();
    out.insert("vary".into(), json!(vary));
    out.insert("set_cookie".into(), json!(header));
    out.insert("key".into(), json!(key_word));
    let stored = match &key {
        Some(_) if kind == Kind::SignedCookies && matches!(key_word, "none" | "deleted") => None,
        Some(key) => world.stored(kind, &name, key).await,
        None => None,
    };
    out.insert("stored".into(), stored.map_or(Json::Null, |d| Json::from(&Value::Dict(d))));
    out.insert("age".into(), Json::Null);
    out.insert("rows".into(), Json::Null);
    if matches!(kind, Kind::Db | Kind::CachedDb) {
        if let Some(key) = &key {
            let row = world.row(key).await;
            let age = row.map(|r| (r.expire_date.as_micros() - world.t0.as_micros()).div_euclid(1_000_000));
            out.insert("age".into(), json!(age));
        }
        out.insert("rows".into(), json!(world.rows().await));
        if cookie.as_deref().is_some_and(|c| !c.is_empty()) {
            let row = match &own {
                Some(own) => world.row(own).await,
                None => None,
            };
            out.insert("old_row".into(), json!(row.is_some()));
        }
        if let (Kind::CachedDb, Some(key)) = (kind, &key) {
            out.insert("in_cache".into(), json!(world.cached(kind, key).await.is_some()));
        }
    }
    json!({ "ok": out })
}

/// The request's cookie, and the session that it stands for.
async fn cookie(world: &World, kind: Kind, sessions: &Sessions, word: &str) -> Option<String> {
    let name = &sessions.config().cookie.name;
    match word {
        "none" => None,
        "empty" => Some(String::new()),
        "short" => Some(String::from("abc")),
        "unknown" => Some("u".repeat(32)),
        "valid" | "tampered" | "expired" => {
            if word == "expired" {
                world.clock.set(world.t0.plus_secs(-3_000_000));
            }
            let session = sessions.open(None).load().await.unwrap();
            session.set("seed", &1).unwrap();
            session.save().await.unwrap();
            let key = session.key().unwrap();
            world.clock.set(world.t0);
            if word == "expired" && kind == Kind::File {
                // Files were not aged for the vectors: their time of change is the real one, not the frozen clock's.
                world.set_file_time(name, &key);
            }
            if word == "tampered" {
                world.tamper(kind, name, &key).await;
                if kind == Kind::SignedCookies {
                    return Some(format!("{}x", key.expose()));
                }
            }
            Some(key.expose().to_owned())
        }
        other => panic!("unknown cookie {other}"),
    }
}

/// What the view does.
async fn apply(session: &LazySession, op: &Json) -> Result<(), SessionError> {
    let text = |n: usize| op[n].as_str().unwrap();
    match text(0) {
        "accessed" => drop(session.accessed()),
        "bool" | "is_empty" => drop(session.is_empty()),
        "session_key" => drop(session.key()),
        "modified" => session.set_modified(true),
        "clear" => session.clear(),
        "flush" => session.flush().await?,
        "cycle_key" => session.cycle_key().await?,
        "create" => session.create().await?,
        "save" => session.save().await?,
        "delete" => session.delete_self().await?,
        method => {
            let s = session.load().await?;
            match method {
                "get" => drop(s.get_value(text(1))),
                "has" => drop(s.contains_key(text(1))),
                "keys" => drop(s.keys()),
                "set" => s.set(text(1), &op[2]).unwrap(),
                "del" => drop(s.remove(text(1))),
                "pop" => drop(s.pop(text(1))),
                "setdefault" => drop(s.setdefault(text(1), Value::from(op[2].clone()))),
                "update" => match Value::from(op[1].clone()) {
                    Value::Dict(items) => s.update(items),
                    other => panic!("update with {other:?}"),
                },
                "expiry" => s.set_expiry(match op[1].as_i64() {
                    None => Expiry::Default,
                    Some(0) => Expiry::WithBrowser,
                    Some(secs) => Expiry::After(secs),
                }),
                "test_cookie" => s.set_test_cookie(),
                "mutate_nested" => s.alter(|data: &mut Dict| {
                    let mut list = match data.get("nest") {
                        Some(Value::List(list)) => list.clone(),
                        _ => Vec::new(),
                    };
                    list.push(Value::Int(1));
                    data.insert("nest", Value::List(list));
                }),
                other => panic!("unknown operation {other}"),
            }
        }
    }
    Ok(())
}

fn error_name(error: &SessionError, interrupted: &'static str) -> &'static str {
    match error {
        SessionError::Interrupted => interrupted,
        SessionError::InvalidKey => "InvalidSessionKey",
        _ => "Unavailable",
    }
}

fn config(settings: Option<&Map<String, Json>>) -> SessionConfig {
    let mut config = SessionConfig::default();
    let text = |value: &Json| value.as_str().unwrap().to_owned();
    for (name, value) in settings.into_iter().flatten() {
        let cookie = &mut config.cookie;
        match name.as_str() {
            "SESSION_COOKIE_AGE" => config.age_secs = value.as_i64().unwrap(),
            "SESSION_COOKIE_DOMAIN" => cookie.domain = Some(text(value)),
            "SESSION_COOKIE_HTTPONLY" => cookie.http_only = value.as_bool().unwrap(),
            "SESSION_COOKIE_NAME" => cookie.name = text(value),
            "SESSION_COOKIE_PATH" => cookie.path = text(value),
            "SESSION_COOKIE_SAMESITE" => cookie.same_site = value.as_str().map(|s| SameSite::parse(s).unwrap()),
            "SESSION_COOKIE_SECURE" => cookie.secure = value.as_bool().unwrap(),
            "SESSION_EXPIRE_AT_BROWSER_CLOSE" if value == true => config.cookie_end = CookieEnd::WithBrowser,
            "SESSION_SAVE_EVERY_REQUEST" if value == true => config.save = SavePolicy::EveryRequest,
            other => panic!("unknown setting {other}"),
        }
    }
    config
}
