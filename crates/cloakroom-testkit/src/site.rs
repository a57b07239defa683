//! A whole site in a temporary folder.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use axum::Router;
use cloakroom::Cloakroom;
use cloakroom::auth::{Created, NewAccount};
use cloakroom::core::clock::{Clock, FrozenClock, SystemClock, Timestamp};
use cloakroom::db::Database;
use cloakroom::settings::{RawSettings, Settings};
use cloakroom_site::prelude::*;
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use crate::browser::Browser;

/// A site on an empty SQLite database, if no other is given, with MD5 as the first hasher so that sign-ins are quick.
#[derive(Debug)]
pub struct TestSite {
    cloakroom: Cloakroom,
    app: Router,
    clock: Option<Arc<FrozenClock>>,
    folder: TempDir,
    served: Option<(SocketAddr, oneshot::Sender<()>)>,
}

/// How a [`TestSite`] shall be.
#[derive(Debug, Default)]
#[must_use = "call start"]
pub struct TestSiteBuilder {
    raw: RawSettings,
    frozen_at: Option<Timestamp>,
    database: Option<Database>,
}

impl TestSite {
    /// Every test site's secret key.
    pub const SECRET_KEY: &str = "testkit-secret-key-0123456789-abcdefghijklmnopqrstuvwxyz";

    /// A site with default settings.
    pub async fn start() -> Self {
        Self::builder().start().await
    }

    /// A site with settings of one's own.
    pub fn builder() -> TestSiteBuilder {
        TestSiteBuilder::default()
    }

    /// What the site is made of.
    #[must_use]
    pub const fn cloakroom(&self) -> &Cloakroom {
        &self.cloakroom
    }

    /// The site as a service.
    pub fn app(&self) -> Router {
        self.app.clone()
    }

    /// A browser that has never been here.
    pub fn browser(&self) -> Browser {
        Browser::new(self.app())
    }

    /// The clock of a site that was started frozen.
    ///
    /// # Panics
    ///
    /// When it was not.
    #[must_use]
    pub fn clock(&self) -> &FrozenClock {
        self.clock.as_deref().expect("the site was started with frozen_at")
    }

    /// The SQLite file, unless the site is on another database.
    #[must_use]
    pub fn database_path(&self) -> PathBuf {
        self.folder.path().join("db.sqlite3")
    }

    /// Makes the account `name` with the password `<name>-pass-9Z`.
    ///
    /// # Panics
    ///
    /// When the name is taken or the database fails.
    pub async fn user(&self, name: &str) {
        let account =
            NewAccount::new(name).with_email(format!("{name}@site.example")).with_password(format!("{name}-pass-9Z"));
        let made = self.cloakroom.auth().create_user(account).await.expect("the database works");
        assert!(matches!(made, Created::Yes(_)), "the account can be made");
    }

    /// How many sessions the table holds.
    ///
    /// # Panics
    ///
    /// When the database fails.
    pub async fn stored_sessions(&self) -> u64 {
        let now = self.cloakroom.clock().now();
        let counts = cloakroom::db::sessions::count(self.cloakroom.db(), now).await.expect("the table can be read");
        counts.stored
    }

    /// Serves the site on a free port of the loopback address too, until it is dropped.
    ///
    /// # Panics
    ///
    /// When no port is free.
    pub async fn served(mut self) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let (stop, stopped) = oneshot::channel();
        let end = async move {
            stopped.await.ok();
        };
        tokio::spawn(cloakroom::serve(listener, self.app(), end));
        self.served = Some((address, stop));
        self
    }

    /// Where the site is served, as `http://127.0.0.1:PORT`.
    ///
    /// # Panics
    ///
    /// When it is not.
    #[must_use]
    pub fn url(&self) -> String {
        let (address, _) = self.served.as_ref().expect("the site is served");
        format!("http://{address}")
    }
}

impl TestSiteBuilder {
    /// Gives a setting, by Django's name.
    ///
    /// # Panics
    ///
    /// When there is no such setting.
    pub fn setting(mut self, name: &str, value: impl Into<serde_json::Value>) -> Self {
        self.raw.set(name, value).expect("a setting");
        self
    }

    /// Freezes the site's clock.
    pub const fn frozen_at(mut self, at: Timestamp) -> Self {
        self.frozen_at = Some(at);
        self
    }

    /// Works on this database instead of a SQLite file of its own.
    pub fn database(mut self, database: Database) -> Self {
        self.database = Some(database);
        self
    }

    /// Makes the tables and puts the site together.
    ///
    /// # Panics
    ///
    /// When the settings are wrong or the folder cannot be written.
    pub async fn start(mut self) -> TestSite {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let database = format!("sqlite://{}", folder.path().join("db.sqlite3").display());
        let hashers = ["MD5PasswordHasher", "PBKDF2PasswordHasher", "ScryptPasswordHasher"];
        let hashers = hashers.map(|name| format!("django.contrib.auth.hashers.{name}"));
        self = self.unless_given("DATABASE_URL", database.into());
        self.raw.set("SECRET_KEY", TestSite::SECRET_KEY).expect("a setting");
        self = self.unless_given("PASSWORD_HASHERS", serde_json::json!(hashers));
        self = self.unless_given("ALLOWED_HOSTS", serde_json::json!(["testserver", "127.0.0.1"]));
        let clock = self.frozen_at.map(|at| Arc::new(FrozenClock::at(at)));
        let shared: Arc<dyn Clock> = match &clock {
            Some(frozen) => frozen.clone(),
            None => Arc::new(SystemClock),
        };
        let settings = Settings::parse(&self.raw).expect("valid settings");
        let mut builder = Cloakroom::builder().settings(settings).clock(shared);
        if let Some(database) = self.database.take() {
            builder = builder.database(database);
        }
        let cloakroom = builder.build().await.expect("a site");
        cloakroom.migrate(&mut |_| {}).await.expect("the tables");
        let accounts = cloakroom.account_pages().expect("the account pages");
        let app = cloakroom_site::server(&cloakroom, &accounts, None);
        TestSite { cloakroom, app, clock, folder, served: None }
    }

    fn unless_given(mut self, name: &str, value: serde_json::Value) -> Self {
        if !self.raw.contains(name) {
            self.raw.set(name, value).expect("a setting");
        }
        self
    }
}
