//! A flow: requests one after the other, and what others do to accounts and settings in between.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use cloakroom::Cloakroom;
use cloakroom::auth::events::{Activity, AuthEvent};
use cloakroom::core::clock::{FrozenClock, Timestamp};
use cloakroom::core::codec::session::{SESSION_STORE_SALT, SessionCodec};
use cloakroom::core::keys::SessionKey;
use cloakroom::core::models::User;
use cloakroom::core::secret::Secret;
use cloakroom::core::value::Value as Stored;
use cloakroom::db::Database;
use cloakroom::db::sessions;
use cloakroom::db::users::{self, Profile};
use serde_json::{Map, Value, json};
use tempfile::TempDir;

use super::super::Case;
use super::answer;
use super::browser::{Answer, Browser, CsrfStore, Exchange};
use super::site::{Effects, World, build};

/// How long a mail may be under way.
const PATIENCE: Duration = Duration::from_secs(5);

struct Flow {
    settings: Map<String, Value>,
    db: Database,
    clock: Arc<FrozenClock>,
    effects: Effects,
    site: Cloakroom,
    app: Router,
    browsers: BTreeMap<String, Browser>,
    _folder: TempDir,
}

/// Goes through the steps; the first that ends otherwise than Django's is told.
pub(super) async fn check(world: &World, case: &Case<'_>) -> Result<(), String> {
    let mut flow = Flow::start(world, &case.input["settings"]).await;
    let steps = case.input["steps"].as_array().unwrap();
    let expected = case.out["ok"].as_array().unwrap();
    for (n, (step, expected)) in steps.iter().zip(expected).enumerate() {
        let ours = flow.step(step).await;
        let differences = differences(&ours, expected);
        if !differences.is_empty() {
            return Err(format!("step {} {step}: {}", n + 1, differences.join("; ")));
        }
    }
    if steps.len() == expected.len() { Ok(()) } else { Err("steps and answers are not as many".to_owned()) }
}

impl Flow {
    async fn start(world: &World, changed: &Value) -> Self {
        let mut settings = world.settings();
        settings.extend(changed.as_object().unwrap().clone());
        let (db, folder) = world.database().await;
        let clock = Arc::new(FrozenClock::at(world.t0));
        let effects = Effects::default();
        let (site, app) = build(&settings, &db, &clock, &effects).await;
        Self { settings, db, clock, effects, site, app, browsers: BTreeMap::new(), _folder: folder }
    }

    /// Takes a step; what came of a request, nothing for what others do.
    async fn step(&mut self, step: &Value) -> Value {
        self.clock.advance(Duration::from_secs(step["advance"].as_u64().unwrap_or(0)));
        let name = step["client"].as_str().unwrap_or("a").to_owned();
        let mut browser = self.browsers.remove(&name).unwrap_or_default();
        let ours = match step["do"].as_str() {
            Some(what) => {
                self.act(what, step, &mut browser).await;
                Value::Null
            }
            None => self.request(step, &mut browser).await,
        };
        self.browsers.insert(name, browser);
        ours
    }

    async fn request(&mut self, step: &Value, browser: &mut Browser) -> Value {
        let csrf = if self.settings.get("CSRF_USE_SESSIONS") == Some(&json!(true)) {
            CsrfStore::Session
        } else {
            CsrfStore::Cookie
        };
        let url = self.url(step["url"].as_str().unwrap());
        let method = step["method"].as_str().unwrap();
        let mails = self.effects.outbox.all().len();
        self.effects.take_events();
        let Exchange { session, csrf, answer } = browser.send(&self.app, step, &url, csrf).await;
        let events = self.events(step, &answer, mails).await;

        let mut out = answer::describe(&answer, method, &session, &csrf);
        let sent: Vec<_> = self.effects.outbox.all().split_off(mails).into_iter().map(|m| json!([[m.to]])).collect();
        if !sent.is_empty() {
            out.insert("mails".into(), json!(sent));
        }
        let signals: Vec<_> = events.iter().filter_map(|e| signal(e, step)).collect();
        if !signals.is_empty() {
            out.insert("signals".into(), json!(signals));
        }
        let after = browser.cookie("sessionid").to_owned();
        browser.forget_deleted();
        let key = SessionKey::parse(if after.is_empty() { &session } else { &after });
        if let Some(key) = key
            && let Some(row) = sessions::find(&self.db, &key, Timestamp::MIN).await.unwrap()
        {
            let codec = SessionCodec::new(self.site.secret_keys(), SESSION_STORE_SALT);
            let data = codec.decode(&row.session_data).data;
            let mut names: Vec<_> = data.iter().map(|(name, _)| name.to_string_lossy()).collect();
            names.sort_unstable();
            out.insert("session_keys".into(), json!(names));
        }
        Value::Object(out)
    }

    /// The events of a request. A link that was asked for is waited for: it goes out behind the answer (E02).
    async fn events(&self, step: &Value, answer: &Answer, mails: usize) -> Vec<AuthEvent> {
        let mut events = self.effects.take_events();
        let asks_for_link = step["data"].get("email").is_some() && answer.status == 302;
        if !asks_for_link || step["method"] != "POST" {
            return events;
        }
        let waiting = async {
            loop {
                let asked = events.iter().find_map(|e| match e {
                    AuthEvent::ResetRequested { accounts } => Some(*accounts),
                    _ => None,
                });
                if asked.is_some_and(|n| self.effects.outbox.all().len() == mails + n) {
                    return events;
                }
                tokio::time::sleep(Duration::from_millis(1)).await;
                events.extend(self.effects.take_events());
            }
        };
        tokio::time::timeout(PATIENCE, waiting).await.expect("the link is sent")
    }

    /// `@mail` is the last mail's link, `@set` the same with its token hidden, both also under `/reset2/`.
    fn url(&self, url: &str) -> String {
        if !url.starts_with('@') {
            return url.to_owned();
        }
        let mails = self.effects.outbox.all();
        let mail = mails.last().expect("a mail was sent");
        let prefix = if url.ends_with('2') { "/reset2/" } else { "/accounts/reset/" };
        let token = if url.contains("mail") { &*mail.token } else { "set-password" };
        format!("{prefix}{}/{token}/", mail.uid)
    }

    /// What others do between requests.
    async fn act(&mut self, what: &str, step: &Value, browser: &mut Browser) {
        match what {
            "settings" => {
                let changed = step.as_object().unwrap().iter().filter(|(name, _)| *name != "do");
                self.settings.extend(changed.map(|(name, value)| (name.clone(), value.clone())));
                (self.site, self.app) = build(&self.settings, &self.db, &self.clock, &self.effects).await;
            }
            "set_password" => {
                let password = Secret::new(step["password"].as_str().unwrap().to_owned());
                let _ = self.site.auth().set_password(&mut self.user(step).await, &password).await.unwrap();
            }
            "set_email" => {
                let user = self.user(step).await;
                let email = step["email"].as_str().unwrap().to_owned();
                let profile = Profile { email: Some(email), ..Profile::default() };
                let _ = users::update_profile(&self.db, &user.id, profile).await.unwrap();
            }
            "deactivate" | "activate" => {
                let now = if what == "activate" { Activity::Active } else { Activity::Inactive };
                let _ = self.site.auth().set_activity(&mut self.user(step).await, now).await.unwrap();
            }
            "delete" => assert!(users::delete(&self.db, &self.user(step).await.id).await.unwrap()),
            "session_set" | "session_del" | "resave_session" => {
                let session = self.site.sessions().open(Some(browser.cookie("sessionid"))).load().await.unwrap();
                match what {
                    "session_set" => {
                        session.set_value(step["key"].as_str().unwrap(), Stored::from(step["value"].clone()));
                    }
                    "session_del" => drop(session.remove(step["key"].as_str().unwrap())),
                    _ => session.set_value("x", Stored::Int(1)),
                }
                session.save().await.unwrap();
            }
            "raw_session" => {
                let user = self.user(step).await;
                let session = self.site.sessions().open(None).load().await.unwrap();
                session.set_value("_auth_user_id", user.id.to_string());
                session.set_value("_auth_user_backend", "django.contrib.auth.backends.ModelBackend");
                session.set_value("_auth_user_hash", self.site.auth().session_auth_hash(&user));
                session.save().await.unwrap();
                let key = session.key().expect("a saved session has a key").expose().to_owned();
                browser.cookies.insert("sessionid".to_owned(), key);
            }
            other => panic!("unknown deed {other}"),
        }
    }

    async fn user(&self, step: &Value) -> User {
        let found = users::by_username(&self.db, step["user"].as_str().unwrap()).await.unwrap();
        found.expect("the user is there")
    }
}

/// Django's signal of an event, with the credentials as Django shows them.
fn signal(event: &AuthEvent, step: &Value) -> Option<Value> {
    match event {
        AuthEvent::LoggedIn { user, .. } => Some(json!(["user_logged_in", user.username])),
        AuthEvent::LoggedOut { user } => Some(json!(["user_logged_out", user.as_ref().map(|u| &u.username)])),
        AuthEvent::LoginFailed { username, .. } if step["env"].get("REMOTE_USER").is_some() => {
            Some(json!(["user_login_failed", { "remote_user": username }]))
        }
        AuthEvent::LoginFailed { username, .. } => {
            Some(json!(["user_login_failed", { "username": username, "password": "*".repeat(20) }]))
        }
        _ => None,
    }
}

/// What is not as in Django's answer.
fn differences(ours: &Value, theirs: &Value) -> Vec<String> {
    let (Value::Object(ours), Value::Object(theirs)) = (ours, theirs) else {
        return if ours == theirs { Vec::new() } else { vec![format!("ours {ours}, Django's {theirs}")] };
    };
    let mut theirs = theirs.clone();
    if let Some(mails) = theirs.get_mut("mails") {
        *mails = mails.as_array().unwrap().iter().map(|mail| json!([mail[0]])).collect();
    }
    if !ours.contains_key("template") && ours.get("status") == Some(&json!(200)) {
        theirs.remove("template");
    }
    let mut names: Vec<_> = ours.keys().chain(theirs.keys()).collect();
    names.sort_unstable();
    names.dedup();
    let of = |map: &Map<String, Value>, name: &str| map.get(name).cloned().unwrap_or(Value::Null);
    names
        .into_iter()
        .map(|name| (name, of(ours, name), of(&theirs, name)))
        .filter(|(_, ours, theirs)| ours != theirs)
        .map(|(name, ours, theirs)| format!("{name}: ours {ours}, Django's {theirs}"))
        .collect()
}
