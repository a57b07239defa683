//! [`Auth`], the service, and how it is built.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use cloakroom_cache::Cache;
use cloakroom_core::auth_hash::AuthHashKeys;
use cloakroom_core::clock::{Clock, SystemClock, Timestamp};
use cloakroom_core::hashers::HasherSet;
use cloakroom_core::keys::UserId;
use cloakroom_core::models::User;
use cloakroom_core::random::{OsRandom, Random};
use cloakroom_core::secret::SecretKeys;
use cloakroom_core::validators::{self, PasswordValidator};
use cloakroom_db::{Database, users};

use crate::admin::StaffReach;
use crate::backends::BackendKind;
use crate::error::AuthError;
use crate::events::{AuthEvent, Listener, Listeners};
use crate::hashing::Hashing;
use crate::lane::{Lane, LaneConfig};
use crate::login::SessionPolicy;
use crate::near::NearUsers;
use crate::own_sessions::SessionLimit;
use crate::throttle::{Throttle, ThrottleLimits};

/// The service: who may come in, who is in, what they may do. Clones share it.
#[derive(Clone)]
pub struct Auth(Arc<Inner>);

struct Inner {
    /// No other service of this process has it.
    id: u64,
    db: Database,
    keys: SecretKeys,
    auth_hash_keys: AuthHashKeys,
    hashing: Hashing,
    validators: Vec<Box<dyn PasswordValidator>>,
    backends: Arc<[BackendKind]>,
    /// Their paths, in the same order: one text for all whom they let in.
    backend_paths: Vec<Arc<str>>,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    reset: ResetPolicy,
    throttle: Throttle,
    session_limit: SessionLimit,
    session_policy: SessionPolicy,
    staff_reach: StaffReach,
    limit_turn: tokio::sync::Mutex<()>,
    listeners: Listeners,
    near_users: NearUsers,
}

/// Numbers services.
static SERVICES: AtomicU64 = AtomicU64::new(0);

/// How long reset links work, and in which zone their time is written (A90, A91).
#[derive(Clone, Debug)]
pub(crate) struct ResetPolicy {
    pub(crate) timeout: Duration,
    pub(crate) time_zone: jiff::tz::TimeZone,
}

impl Auth {
    /// Starts to build a service over `db` whose signatures `keys` make.
    ///
    /// Defaults are Django's: its list of hashers, the four validators of `startproject`, `ModelBackend`, three days for
    /// reset links.
    pub fn builder(db: Database, keys: SecretKeys) -> AuthBuilder {
        AuthBuilder {
            db,
            keys,
            hashers: HasherSet::default(),
            validators: validators::startproject(),
            backends: vec![BackendKind::model()],
            clock: Arc::new(SystemClock),
            random: Arc::new(OsRandom),
            lane: None,
            lane_config: LaneConfig::default(),
            reset: ResetPolicy { timeout: Duration::from_secs(3 * 24 * 60 * 60), time_zone: jiff::tz::TimeZone::UTC },
            throttle_limits: ThrottleLimits::default(),
            counters: None,
            session_limit: SessionLimit::default(),
            session_policy: SessionPolicy::default(),
            staff_reach: StaffReach::default(),
            listeners: Listeners::default(),
            near_bytes: AuthBuilder::DEFAULT_NEAR_BYTES,
        }
    }

    /// The configured back ends, in order.
    #[must_use]
    pub fn backends(&self) -> &[BackendKind] {
        &self.0.backends
    }

    /// The hashing lane, for metrics.
    #[must_use]
    pub fn lane(&self) -> &Lane {
        &self.0.hashing.lane
    }

    /// The hashers, for summaries of hashes (A46).
    #[must_use]
    pub fn hashers(&self) -> &HasherSet {
        &self.0.hashing.hashers
    }

    /// The password validators, for their help texts (A54).
    #[must_use]
    pub fn validators(&self) -> &[Box<dyn PasswordValidator>] {
        &self.0.validators
    }

    /// The database.
    #[must_use]
    pub fn db(&self) -> &Database {
        &self.0.db
    }

    /// The secret keys.
    #[must_use]
    pub fn secret_keys(&self) -> &SecretKeys {
        &self.0.keys
    }

    /// The present moment, by the service's clock.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.0.clock.now()
    }

    /// Finds a user by key.
    ///
    /// # Errors
    ///
    /// When the database gives no answer.
    pub async fn user_by_id(&self, id: &UserId) -> Result<Option<User>, AuthError> {
        Ok(users::by_id(self.db(), id).await?)
    }

    /// Finds a user by exactly this name (`get_by_natural_key`, A20).
    ///
    /// # Errors
    ///
    /// When the database gives no answer.
    pub async fn user_by_username(&self, username: &str) -> Result<Option<User>, AuthError> {
        Ok(users::by_username(self.db(), username).await?)
    }

    /// How many sessions a user may have (S20).
    #[must_use]
    pub fn session_limit(&self) -> SessionLimit {
        self.0.session_limit
    }

    /// What a log-in does with a session beyond Django (S04, S05).
    #[must_use]
    pub fn session_policy(&self) -> SessionPolicy {
        self.0.session_policy
    }

    pub(crate) fn staff_reach(&self) -> StaffReach {
        self.0.staff_reach
    }

    /// Records an event and tells the listeners. For doors that know of events which happen outside of this crate.
    pub fn emit(&self, event: &AuthEvent) {
        self.0.listeners.emit(event);
    }

    pub(crate) fn auth_hash_keys(&self) -> &AuthHashKeys {
        &self.0.auth_hash_keys
    }

    pub(crate) fn backend_paths(&self) -> &[Arc<str>] {
        &self.0.backend_paths
    }

    pub(crate) fn backends_shared(&self) -> Arc<[BackendKind]> {
        Arc::clone(&self.0.backends)
    }

    /// The turn to see to somebody's limit of sessions.
    pub(crate) async fn limit_turn(&self) -> tokio::sync::MutexGuard<'_, ()> {
        self.0.limit_turn.lock().await
    }

    pub(crate) fn id(&self) -> u64 {
        self.0.id
    }

    pub(crate) fn near_users(&self) -> &NearUsers {
        &self.0.near_users
    }

    pub(crate) fn hashing(&self) -> &Hashing {
        &self.0.hashing
    }

    pub(crate) fn random(&self) -> &dyn Random {
        &*self.0.random
    }

    pub(crate) fn throttle(&self) -> &Throttle {
        &self.0.throttle
    }

    pub(crate) fn reset_policy(&self) -> &ResetPolicy {
        &self.0.reset
    }
}

impl fmt::Debug for Auth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Auth").field("backends", &self.0.backends).finish_non_exhaustive()
    }
}

/// Builds an [`Auth`].
#[must_use = "a builder does nothing until `build`"]
pub struct AuthBuilder {
    db: Database,
    keys: SecretKeys,
    hashers: HasherSet,
    validators: Vec<Box<dyn PasswordValidator>>,
    backends: Vec<BackendKind>,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    lane: Option<Lane>,
    lane_config: LaneConfig,
    reset: ResetPolicy,
    throttle_limits: ThrottleLimits,
    counters: Option<Arc<Cache>>,
    session_limit: SessionLimit,
    session_policy: SessionPolicy,
    staff_reach: StaffReach,
    listeners: Listeners,
    near_bytes: u64,
}

impl AuthBuilder {
    /// How many bytes copies of users take at most, by default.
    pub const DEFAULT_NEAR_BYTES: u64 = 16 << 20;

    /// Sets how many bytes of memory copies of users and their permissions may take (D5); without any, each request asks
    /// the database.
    pub const fn with_near_bytes(mut self, bytes: u64) -> Self {
        self.near_bytes = bytes;
        self
    }

    /// Sets `PASSWORD_HASHERS`.
    pub fn with_hashers(mut self, hashers: HasherSet) -> Self {
        self.hashers = hashers;
        self
    }

    /// Sets `AUTH_PASSWORD_VALIDATORS`.
    pub fn with_validators(mut self, validators: Vec<Box<dyn PasswordValidator>>) -> Self {
        self.validators = validators;
        self
    }

    /// Sets `AUTHENTICATION_BACKENDS`, in the order in which they are asked.
    pub fn with_backends(mut self, backends: Vec<BackendKind>) -> Self {
        self.backends = backends;
        self
    }

    /// Sets the clock.
    pub fn with_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Sets the source of chance.
    pub fn with_random(mut self, random: Arc<dyn Random>) -> Self {
        self.random = random;
        self
    }

    /// Sets how wide the hashing lane is.
    pub fn with_lane_config(mut self, config: LaneConfig) -> Self {
        self.lane_config = config;
        self
    }

    /// Shares a lane with another service of this process, so that both together stay within its bounds.
    pub fn with_lane(mut self, lane: Lane) -> Self {
        self.lane = Some(lane);
        self
    }

    /// Sets `PASSWORD_RESET_TIMEOUT`.
    pub const fn with_reset_timeout(mut self, timeout: Duration) -> Self {
        self.reset.timeout = timeout;
        self
    }

    /// Sets the site's `TIME_ZONE`: reset tokens count seconds of local time (G24). Default: UTC.
    pub fn with_time_zone(mut self, time_zone: jiff::tz::TimeZone) -> Self {
        self.reset.time_zone = time_zone;
        self
    }

    /// Sets how often passwords may be guessed and costly doors used (E04, E11).
    pub const fn with_throttle_limits(mut self, limits: ThrottleLimits) -> Self {
        self.throttle_limits = limits;
        self
    }

    /// Counts failures in this cache, which other processes may share. Without, this process counts by itself.
    pub fn with_throttle_store(mut self, cache: Arc<Cache>) -> Self {
        self.counters = Some(cache);
        self
    }

    /// Sets how many sessions a user may have at once. Default: no limit.
    pub const fn with_session_limit(mut self, limit: SessionLimit) -> Self {
        self.session_limit = limit;
        self
    }

    /// Sets what a log-in does with a session beyond Django. Default: nothing.
    pub const fn with_session_policy(mut self, policy: SessionPolicy) -> Self {
        self.session_policy = policy;
        self
    }

    /// Sets how far staff reach in the admin who are no superusers. Default: as in Django.
    pub const fn with_staff_reach(mut self, reach: StaffReach) -> Self {
        self.staff_reach = reach;
        self
    }

    /// Adds a listener for events. Listeners are called in the order in which they were added.
    pub fn with_listener(mut self, listener: impl Fn(&AuthEvent) + Send + Sync + 'static) -> Self {
        let listener: Arc<Listener> = Arc::new(listener);
        self.listeners.add(listener);
        self
    }

    /// Builds the service and starts its hashing lane.
    ///
    /// # Errors
    ///
    /// [`SetupError`].
    pub fn build(self) -> Result<Auth, SetupError> {
        if self.backends.is_empty() {
            return Err(SetupError::NoBackends);
        }
        let lane = match self.lane {
            Some(lane) => lane,
            None => Lane::start(self.lane_config)?,
        };
        Ok(Auth(Arc::new(Inner {
            id: SERVICES.fetch_add(1, Ordering::Relaxed),
            near_users: NearUsers::new(self.near_bytes),
            db: self.db,
            auth_hash_keys: AuthHashKeys::new(&self.keys),
            keys: self.keys,
            hashing: Hashing { hashers: Arc::new(self.hashers), random: Arc::clone(&self.random), lane },
            validators: self.validators,
            backend_paths: self.backends.iter().map(|backend| backend.path().into()).collect(),
            backends: self.backends.into(),
            clock: self.clock,
            random: self.random,
            reset: self.reset,
            throttle: Throttle::new(self.throttle_limits, self.counters),
            session_limit: self.session_limit,
            session_policy: self.session_policy,
            staff_reach: self.staff_reach,
            limit_turn: tokio::sync::Mutex::default(),
            listeners: self.listeners,
        })))
    }
}

impl fmt::Debug for AuthBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthBuilder").field("backends", &self.backends).finish_non_exhaustive()
    }
}

/// Why a service cannot be built.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SetupError {
    /// Nobody could ever sign in.
    #[error("AUTHENTICATION_BACKENDS is empty: name at least one, such as \"model\"")]
    NoBackends,
    /// The system refused a thread for the hashing lane.
    #[error("the password hashing threads could not be started")]
    Threads(#[from] std::io::Error),
}
