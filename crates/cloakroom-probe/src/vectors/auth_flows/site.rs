//! The site of a flow, put together from settings.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::middleware::from_fn;
use axum::routing::MethodRouter;
use cloakroom::Cloakroom;
use cloakroom::auth::events::AuthEvent;
use cloakroom::auth::mail::{Mail, MailError, Mailer};
use cloakroom::core::clock::{FrozenClock, Timestamp};
use cloakroom::core::hashers::{Algorithm, Cost, DjangoVersion, Hasher, HasherSet, make_unusable};
use cloakroom::core::random::OsRandom;
use cloakroom::db::users::{self, NewUser};
use cloakroom::db::{Database, DatabaseUrl, Options};
use cloakroom::settings::{RawSettings, Settings};
use cloakroom::web::guards::Guard;
use cloakroom::web::{OnAbsence, RemoteUser};
use cloakroom_site::accounts::{Accounts, AfterReset, WhileSignedIn};
use cloakroom_site::admin::Admin;
use cloakroom_site::templates::Templates;
use http::HeaderName;
use serde_json::{Map, Value, json};
use tempfile::TempDir;

use super::super::site::Site;
use super::super::{File, secret_keys};
use super::views::{EXEMPT, Gate, in_the_admins_frame, views};

/// The proxy that vouches for remote users, and by what.
pub(super) const PROXY: [u8; 4] = [127, 0, 0, 1];
pub(super) const REMOTE_USER: HeaderName = HeaderName::from_static("remote-user");

/// A database with the users of every flow, to be copied.
pub(super) struct World {
    bytes: Vec<u8>,
    secret_key: String,
    pub(super) t0: Timestamp,
}

impl World {
    pub(super) async fn new(file: &File, all: &[Value]) -> Self {
        let keys = secret_keys(file.secret_key(), &Value::Null);
        let site = Site::empty(&keys, file.t0()).await;
        for user in all {
            make(&site, user).await;
        }
        let bytes = site.into_bytes().await;
        Self { bytes, secret_key: file.secret_key().to_owned(), t0: file.t0() }
    }

    /// A database of a flow's own.
    pub(super) async fn database(&self) -> (Database, TempDir) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("db.sqlite3");
        std::fs::write(&path, &self.bytes).unwrap();
        let url = DatabaseUrl::parse(&format!("sqlite://{}", path.display())).unwrap();
        (Database::open(&url, Options::default()).await.unwrap(), folder)
    }

    /// The users are there, with these primary keys.
    pub(super) async fn has(&self, all: &[Value]) -> Result<(), String> {
        let (db, _folder) = self.database().await;
        for (user, key) in all.iter().zip(1_i64..) {
            let found = users::by_username(&db, user["username"].as_str().unwrap()).await.unwrap();
            let found = found.ok_or_else(|| format!("no {}", user["username"]))?;
            let flags = [found.is_active, found.is_staff, found.is_superuser];
            let told = [user["is_active"] != false, user["is_staff"] == true, user["is_superuser"] == true];
            let usable = found.password.is_usable() == user["password"].is_string();
            if found.id.as_int() != Some(key) || found.email != user["email"] || flags != told || !usable {
                return Err(format!("{} is another", user["username"]));
            }
        }
        Ok(())
    }

    /// The settings that flows start from, changed by those of a flow.
    pub(super) fn settings(&self) -> Map<String, Value> {
        let settings = json!({ "SECRET_KEY": self.secret_key, "DEBUG": false, "ALLOWED_HOSTS": ["*"] });
        settings.as_object().unwrap().clone()
    }
}

/// Straight into the table: what `create_user` makes of an address is not for here.
async fn make(site: &Site, user: &Value) {
    let text = |name: &str| user[name].as_str().unwrap_or_default();
    let algorithm = Algorithm::from_name(user["hasher"].as_str().unwrap_or("pbkdf2_sha256")).unwrap();
    let hash = match user["password"].as_str() {
        Some(password) => cheap(algorithm).encode_with(password, "asaltoftwentytwosigns0").unwrap(),
        None => make_unusable(&OsRandom),
    };
    let mut new = NewUser::new(text("username"), hash, site.auth.now());
    new.email = text("email").to_owned();
    new.is_active = user["is_active"] != false;
    new.is_staff = user["is_staff"] == true;
    new.is_superuser = user["is_superuser"] == true;
    assert!(matches!(users::create(&site.db, new).await.unwrap(), users::Created::Yes(_)), "{user} was not made");
}

/// The hashers of the flows' settings, at next to no cost.
fn hashers() -> HasherSet {
    HasherSet::new(vec![cheap(Algorithm::Pbkdf2Sha256), cheap(Algorithm::Pbkdf2Sha1)]).unwrap()
}

fn cheap(algorithm: Algorithm) -> Hasher {
    Hasher::new(algorithm, DjangoVersion::V6_1).with_cost(Cost::Pbkdf2 { iterations: 10 })
}

/// A mail as it went out.
#[derive(Clone, Debug)]
pub(super) struct Sent {
    pub(super) to: String,
    pub(super) uid: String,
    pub(super) token: String,
}

/// Keeps mails instead of sending them.
#[derive(Debug, Default)]
pub(super) struct Outbox(Mutex<Vec<Sent>>);

impl Outbox {
    pub(super) fn all(&self) -> Vec<Sent> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Mailer for Outbox {
    fn send<'a>(&'a self, mail: &'a Mail) -> Pin<Box<dyn Future<Output = Result<(), MailError>> + Send + 'a>> {
        let Mail::PasswordReset(mail) = mail else { panic!("no vector knows {mail:?}") };
        let sent = Sent { to: mail.user.email.clone(), uid: mail.uid.clone(), token: mail.token.expose().clone() };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(sent);
        Box::pin(async { Ok(()) })
    }
}

/// What a site does beside answering, over all changes of its settings.
#[derive(Clone, Default)]
pub(super) struct Effects {
    pub(super) outbox: Arc<Outbox>,
    events: Arc<Mutex<Vec<AuthEvent>>>,
}

impl Effects {
    /// The events since the last call.
    pub(super) fn take_events(&self) -> Vec<AuthEvent> {
        std::mem::take(&mut *self.events.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The site with these settings.
pub(super) async fn build(
    settings: &Map<String, Value>,
    db: &Database,
    clock: &Arc<FrozenClock>,
    effects: &Effects,
) -> (Cloakroom, Router) {
    let mut raw = RawSettings::new();
    for (name, value) in settings.iter().filter(|(name, _)| *name != "MIDDLEWARE") {
        raw.set(name, value.clone()).unwrap();
    }
    let events = Arc::clone(&effects.events);
    let site = Cloakroom::builder()
        .settings(Settings::parse(&raw).unwrap())
        .database(db.clone())
        .clock(Arc::clone(clock) as _)
        .auth(|auth| {
            auth.with_hashers(hashers())
                .with_listener(move |e| events.lock().unwrap_or_else(PoisonError::into_inner).push(e.clone()))
        })
        .build()
        .await
        .unwrap();
    let accounts =
        Accounts::new(Templates::built_in().unwrap(), "/accounts").with_mailer(Arc::clone(&effects.outbox) as _);
    let middleware: Vec<&str> =
        settings.get("MIDDLEWARE").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
    let has = |name: &str| middleware.iter().any(|m| m.rsplit('.').next() == Some(name));

    let mut routes = Router::new();
    for (path, view, gate) in account_views(&accounts).into_iter().chain(own(views())) {
        let asked = has("LoginRequiredMiddleware") && gate == Gate::Asked;
        routes = routes.route(&path, if asked { view.layer(Guard::login_required()) } else { view });
    }
    let admin = Admin::new(&accounts, "/admin");
    let staff = Guard::login_required().with_login_url("/admin/login/");
    let pages: [(&str, MethodRouter); 4] = [
        ("/admin/", admin.pages()),
        ("/admin/{*page}", admin.pages()),
        ("/admin/password_change/", admin.password_change()),
        ("/admin/password_change/done/", admin.password_change_done()),
    ];
    for (path, page) in pages {
        let asked = has("LoginRequiredMiddleware");
        routes = routes.route(path, if asked { page.layer(staff.clone()) } else { page });
    }
    routes = routes.route("/admin/login/", admin.login());
    let remote = RemoteUser::from_proxies(REMOTE_USER, [PROXY.into()]);
    if has("RemoteUserMiddleware") {
        routes = routes.layer(remote.clone());
    } else if has("PersistentRemoteUserMiddleware") {
        routes = routes.layer(remote.with_absence(OnAbsence::Keep));
    }
    let layer = site.layer().insecure_csrf_exempt_all(EXEMPT.map(str::to_owned));
    let app = cloakroom_site::finish(routes, &accounts, layer);
    (site, app)
}

fn own(views: Vec<(&'static str, MethodRouter, Gate)>) -> impl Iterator<Item = (String, MethodRouter, Gate)> {
    views.into_iter().map(|(path, view, gate)| (path.to_owned(), view, gate))
}

/// `django.contrib.auth.urls` under `/accounts/`, and the same views with other options.
fn account_views(accounts: &Accounts) -> Vec<(String, MethodRouter, Gate)> {
    let urls = accounts.urls();
    let redirecting = accounts.clone().with_login_while_signed_in(WhileSignedIn::Redirect);
    let signing_in = accounts.clone().with_after_reset(AfterReset::SignIn);
    let framed = |page: MethodRouter| page.layer(from_fn(in_the_admins_frame));
    let to_login = accounts.clone().with_logout_next_page(urls.login.clone());
    vec![
        (urls.login.clone(), accounts.login(), Gate::Open),
        (urls.logout.clone(), framed(accounts.logout()), Gate::Asked),
        (urls.password_change.clone(), framed(accounts.password_change()), Gate::Asked),
        (urls.password_change_done.clone(), framed(accounts.password_change_done()), Gate::Asked),
        (urls.password_reset.clone(), framed(accounts.password_reset()), Gate::Open),
        (urls.password_reset_done.clone(), framed(accounts.password_reset_done()), Gate::Open),
        (urls.password_reset_confirm("{uidb64}", "{token}"), framed(accounts.password_reset_confirm()), Gate::Open),
        (urls.password_reset_complete.clone(), framed(accounts.password_reset_complete()), Gate::Open),
        ("/login-redir/".into(), redirecting.login(), Gate::Open),
        ("/logout-then-login/".into(), framed(to_login.logout()), Gate::Asked),
        ("/reset-login/".into(), framed(accounts.password_reset()), Gate::Open),
        ("/reset2/{uidb64}/{token}/".into(), framed(signing_in.password_reset_confirm()), Gate::Open),
    ]
}
