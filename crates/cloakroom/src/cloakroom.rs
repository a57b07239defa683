//! [`Cloakroom`]: the parts of a site, put together from settings.

use std::fmt;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use axum::Router;
use cloakroom_auth::permissions::{MadeRows, ModelMeta};
use cloakroom_auth::{Auth, AuthBuilder};
use cloakroom_cache::Cache;
use cloakroom_core::clock::{Clock, FrozenClock, SystemClock};
use cloakroom_core::random::{OsRandom, Random};
use cloakroom_core::secret::SecretKeys;
use cloakroom_core::user_model::{UserModel, UserTable};
use cloakroom_db::migrations::{MigrationStep, Report};
use cloakroom_db::{Database, DatabaseUrl, DbError, migrations, tokens};
use cloakroom_sessions::{SessionIndex, Sessions};
use cloakroom_web::{CloakroomLayer, WebConfig};
use tokio::net::TcpListener;

use crate::build;
use crate::error::{BuildError, ServeError};
use crate::serve::{end_signal, serve};
use crate::settings::{RawSettings, SecretKeySource, Settings};

/// A site's database, sessions, accounts and layer. Clones share them.
///
/// ```no_run
/// use axum::{Router, routing::get};
/// use cloakroom::prelude::*;
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let cloakroom = Cloakroom::from_env().await?;
/// let app = Router::new()
///     .route("/", get(|user: Option<User>| async move { user.map_or("nobody".into(), |u| u.username.clone()) }))
///     .layer(cloakroom.layer());
/// cloakroom.serve(app).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Cloakroom(Arc<Inner>);

struct Inner {
    settings: Settings,
    keys: SecretKeys,
    key_source: SecretKeySource,
    db: Database,
    cache: Arc<Cache>,
    sessions: Sessions,
    auth: Auth,
    web: WebConfig,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    models: Vec<(String, ModelMeta)>,
}

impl Cloakroom {
    /// The address that [`serve`](Self::serve) listens on unless `ADDR` is set in the environment.
    pub const DEFAULT_ADDR: &str = "127.0.0.1:8000";

    /// Reads `cloakroom.toml` and the environment, opens the database and makes Django's tables if they are missing.
    ///
    /// # Errors
    ///
    /// Wrong settings, a database that cannot be opened, or a cache of sessions that does not answer; each says what to do.
    pub async fn from_env() -> Result<Self, BuildError> {
        Self::from_env_with(|builder| builder).await
    }

    /// As [`from_env`](Self::from_env), with what no setting can say, such as a user model of one's own.
    ///
    /// ```no_run
    /// use cloakroom::prelude::*;
    ///
    /// #[derive(UserModel)]
    /// #[user_model(label = "accounts.Member", username_field = "email")]
    /// struct Member {
    ///     email: String,
    ///     nickname: Option<String>,
    /// }
    ///
    /// async fn hello(user: User<Member>) -> String {
    ///     format!("Hello {}", user.nickname.as_ref().unwrap_or(&user.email))
    /// }
    ///
    /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
    /// let cloakroom = Cloakroom::from_env_with(|builder| builder.user_model::<Member>()).await?;
    /// # let _ = (cloakroom, hello);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`from_env`](Self::from_env); also where the user model's table is missing, or is not as the model says.
    pub async fn from_env_with(
        configure: impl FnOnce(CloakroomBuilder) -> CloakroomBuilder,
    ) -> Result<Self, BuildError> {
        let variables =
            std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
        let settings = Settings::parse(&RawSettings::read(None, variables)?)?;
        let site = configure(Self::builder().settings(settings)).build().await?;
        site.migrate(&mut |step| tracing::info!("migrate: {step:?}")).await?;
        cloakroom_db::users::check(site.db()).await?;
        for made in site.create_permissions().await? {
            tracing::info!("migrate: {made:?}");
        }
        Ok(site)
    }

    /// Makes the content types and permissions of the application's models unless they are there, as Django does after
    /// `migrate` (A80): those of the setting `MODELS`, those given to the builder, and a user model of one's own.
    ///
    /// # Errors
    ///
    /// When the database gives no answer.
    pub async fn create_permissions(&self) -> Result<Vec<MadeRows>, BuildError> {
        Ok(self.0.auth.create_permissions(&self.0.models).await?)
    }

    /// Makes what is missing of the tables that the settings ask for: Django's, and with `API_TOKENS` that of REST
    /// framework's tokens. `progress` is told each step.
    ///
    /// # Errors
    ///
    /// As [`migrations::migrate`] and [`tokens::migrate`].
    pub async fn migrate(&self, progress: &mut (dyn FnMut(MigrationStep) + Send)) -> Result<Report, DbError> {
        let mut report = migrations::migrate(self.db(), self.clock().now(), progress).await?;
        if self.settings().api_tokens {
            for step in tokens::migrate(self.db(), self.clock().now()).await? {
                report.count(step);
                progress(step);
            }
        }
        Ok(report)
    }

    /// Puts a site together from parts of one's own.
    pub fn builder() -> CloakroomBuilder {
        CloakroomBuilder::default()
    }

    /// The whole stack in the right order, for [`Router::layer`]: security headers, sessions, CSRF protection, users.
    pub fn layer(&self) -> CloakroomLayer {
        CloakroomLayer::with_sources(
            self.0.web.clone(),
            self.0.sessions.clone(),
            self.0.auth.clone(),
            Arc::clone(&self.0.clock),
            Arc::clone(&self.0.random),
        )
    }

    /// Serves `app` on `ADDR` (default [`DEFAULT_ADDR`](Self::DEFAULT_ADDR)) until SIGTERM or SIGINT, then lets requests
    /// in flight end.
    ///
    /// # Errors
    ///
    /// An address that is none, or that cannot be listened on.
    pub async fn serve(&self, app: Router) -> Result<(), ServeError> {
        let text = std::env::var("ADDR").unwrap_or_else(|_| Self::DEFAULT_ADDR.into());
        let addr: SocketAddr = text.parse().map_err(|_| ServeError::Address { text })?;
        let listener = TcpListener::bind(addr).await.map_err(|source| ServeError::Listen { addr, source })?;
        tracing::info!("serving http://{addr}/");
        serve(listener, app, end_signal()).await;
        self.close().await;
        Ok(())
    }

    /// Waits for writes that are under way and closes the database.
    pub async fn close(&self) {
        self.0.sessions.flush_index().await;
        self.0.db.close().await;
    }

    /// The settings.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.0.settings
    }

    /// The secret keys.
    #[must_use]
    pub fn secret_keys(&self) -> &SecretKeys {
        &self.0.keys
    }

    /// Where the secret key came from.
    #[must_use]
    pub fn secret_key_source(&self) -> SecretKeySource {
        self.0.key_source
    }

    /// The database.
    #[must_use]
    pub fn db(&self) -> &Database {
        &self.0.db
    }

    /// The cache that `CACHE_URL` names.
    #[must_use]
    pub fn cache(&self) -> &Arc<Cache> {
        &self.0.cache
    }

    /// Asks the cache whether it is there, if sessions are kept in it.
    ///
    /// # Errors
    ///
    /// [`BuildError::Cache`] names its host and port.
    pub async fn check_cache(&self) -> Result<(), BuildError> {
        if build::sessions_need_cache(&self.0.settings) {
            self.0.cache.check().await.map_err(BuildError::Cache)?;
        }
        Ok(())
    }

    /// The sessions.
    #[must_use]
    pub fn sessions(&self) -> &Sessions {
        &self.0.sessions
    }

    /// The service for accounts.
    #[must_use]
    pub fn auth(&self) -> &Auth {
        &self.0.auth
    }

    /// The clock.
    #[must_use]
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.0.clock
    }

    /// The source of chance.
    #[must_use]
    pub fn random(&self) -> &Arc<dyn Random> {
        &self.0.random
    }
}

impl fmt::Debug for Cloakroom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cloakroom").field("settings", &self.0.settings).finish_non_exhaustive()
    }
}

/// Puts a [`Cloakroom`] together.
#[derive(Default)]
#[must_use = "call build"]
pub struct CloakroomBuilder {
    auth: Option<Box<ConfigureAuth>>,
    settings: Option<Settings>,
    clock: Option<Arc<dyn Clock>>,
    random: Option<Arc<dyn Random>>,
    db: Option<Database>,
    cache_check: CacheCheck,
    user_table: Option<UserTable>,
    models: Vec<(String, ModelMeta)>,
}

/// When a builder asks whether the cache of sessions is there.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum CacheCheck {
    #[default]
    Now,
    Later,
}

type ConfigureAuth = dyn FnOnce(AuthBuilder) -> AuthBuilder + Send;

impl fmt::Debug for CloakroomBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CloakroomBuilder").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl CloakroomBuilder {
    /// Adds to the service for accounts what no setting names, such as listeners. It comes after the settings and wins
    /// over them.
    pub fn auth(mut self, configure: impl FnOnce(AuthBuilder) -> AuthBuilder + Send + 'static) -> Self {
        self.auth = Some(Box::new(configure));
        self
    }

    /// Takes these settings; Django's defaults if none are given.
    pub fn settings(mut self, settings: Settings) -> Self {
        self.settings = Some(settings);
        self
    }

    /// Tells the time by this clock.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = Some(clock);
        self
    }

    /// Draws chance from this source.
    pub fn random(mut self, random: Arc<dyn Random>) -> Self {
        self.random = Some(random);
        self
    }

    /// Takes the users from the table of this model (A17), whatever the settings say. The table is looked at when the
    /// database is opened, and never made here: that is for Django's, or the application's own, migrations.
    ///
    /// A database that is given [opened](Self::database) was opened with a user table already.
    pub fn user_model<T: UserModel>(mut self) -> Self {
        self.user_table = Some(T::table());
        self
    }

    /// Declares a model of the application, that it may have permissions (A80).
    pub fn model(mut self, app_label: impl Into<String>, meta: ModelMeta) -> Self {
        self.models.push((app_label.into(), meta));
        self
    }

    /// Uses this database in place of the one that `DATABASE_URL` names.
    pub fn database(mut self, db: Database) -> Self {
        self.db = Some(db);
        self
    }

    /// Builds although the cache that sessions are kept in may be down, for what works without it.
    pub fn cache_may_be_down(mut self) -> Self {
        self.cache_check = CacheCheck::Later;
        self
    }

    /// Opens what is not open yet. What can be wrong without the disk being written is checked first.
    ///
    /// # Errors
    ///
    /// Wrong settings, a database that cannot be opened, or a cache of sessions that does not answer; each says what to do.
    pub async fn build(self) -> Result<Cloakroom, BuildError> {
        let settings = self.settings.unwrap_or_default();
        let random = self.random.unwrap_or_else(|| Arc::new(OsRandom));
        let clock = self.clock.unwrap_or_else(|| match settings.time_freeze {
            Some(at) => Arc::new(FrozenClock::at(at)),
            None => Arc::new(SystemClock),
        });
        let web = build::web_config(&settings)?;
        let session_config = build::session_config(&settings)?;
        let hashers = build::hashers(&settings)?;
        let validators = build::validators(&settings)?;
        let backends = build::backends(&settings)?;
        let cache = build::cache(&settings)?;
        build::check_session_folder(&settings)?;
        if self.cache_check == CacheCheck::Now && build::sessions_need_cache(&settings) {
            cache.check().await.map_err(BuildError::Cache)?;
        }
        let known_key = settings.secret_key.is_some() || Path::new(&settings.secret_key_file).exists();
        if known_key {
            settings.secret_keys(&*random)?;
        } else {
            settings.check_key_folder()?;
        }
        let db = match self.db {
            Some(db) => db,
            None => {
                let url = DatabaseUrl::parse(settings.database_url.expose()).map_err(BuildError::DatabaseUrl)?;
                let table = self.user_table.unwrap_or_else(|| settings.auth_user_model.clone());
                Database::open(&url, build::database_options(&settings).with_user_table(table)).await?
            }
        };
        let (keys, key_source) = settings.secret_keys(&*random)?;
        let counters = build::counters(&cache);
        let engine = build::engine(&settings, &keys, &db, &cache, &clock)?;
        let sessions = Sessions::new(engine, session_config, Arc::clone(&clock), Arc::clone(&random));
        let sessions = sessions.with_index(SessionIndex::new(db.clone(), &keys));
        let auth = Auth::builder(db.clone(), keys.clone())
            .with_hashers(hashers)
            .with_validators(validators)
            .with_backends(backends)
            .with_clock(Arc::clone(&clock))
            .with_random(Arc::clone(&random))
            .with_reset_timeout(build::reset_timeout(&settings))
            .with_throttle_limits(settings.throttle)
            .with_throttle_store(counters)
            .with_session_limit(build::session_limit(&settings))
            .with_session_policy(build::session_policy(&settings))
            .with_near_bytes(build::near_bytes(&settings).1)
            .with_staff_reach(build::staff_reach(&settings));
        let auth = match self.auth {
            Some(configure) => configure(auth),
            None => auth,
        };
        let auth = auth.build()?;
        let models = build::models(&settings, self.models, cloakroom_db::users::table(&db));
        Ok(Cloakroom(Arc::new(Inner {
            settings,
            keys,
            key_source,
            db,
            cache,
            sessions,
            auth,
            web,
            clock,
            random,
            models,
        })))
    }
}
