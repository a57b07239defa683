//! From settings to the parts that they describe, one function a part.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use cloakroom_auth::admin::StaffReach;
use cloakroom_auth::backends::BackendKind;
use cloakroom_auth::permissions::ModelMeta;
use cloakroom_auth::{AtLimit, SameUser, SessionLimit, SessionPolicy, SetupError};
use cloakroom_cache::{Cache, CacheUrl};
use cloakroom_core::clock::Clock;
use cloakroom_core::cookies::{CookieSpec, LegacySalt, SameSite};
use cloakroom_core::csrf::{FetchMetadata, Policy, PolicySettings, SecretStore};
use cloakroom_core::hashers::{DjangoVersion, HasherSet};
use cloakroom_core::headers::{CspPolicy, FrameOptions, Hsts, SecurityHeaders, SslRedirect, referrer_policy};
use cloakroom_core::hosts::{AllowedHosts, Forwarded, HostRules, ProxySslHeader};
use cloakroom_core::proxies::TrustedProxies;
use cloakroom_core::secret::SecretKeys;
use cloakroom_core::user_model::UserTable;
use cloakroom_core::validators::{self, PasswordValidator};
use cloakroom_db::{Database, Options};
use cloakroom_sessions::{
    AnyEngine, CookieCodec, CookieEnd, DeadCookie, Format, MovingEngine, OlderNames, SavePolicy, SessionConfig,
    TextCodec,
};
use cloakroom_sessions::{CacheEngine, CachedDbEngine, DbEngine, FileEngine, SignedCookiesEngine};
use cloakroom_web::{
    CsrfConfig, Debug, LoginUrls, MessageStorage, MessagesConfig, ResumePosts, SecurityConfig, WebConfig,
};
use serde_json::{Map, Value};

use crate::error::BuildError;
use crate::settings::{SecurityProfile, Settings, ValidatorSetting};

/// Who is served where `ALLOWED_HOSTS` was not set: the names that Django serves under DEBUG (C44).
const LOOPBACK_NAMES: [&str; 3] = [".localhost", "127.0.0.1", "[::1]"];

pub(crate) fn web_config(s: &Settings) -> Result<WebConfig, BuildError> {
    let config = WebConfig {
        csrf: csrf_config(s)?,
        security: security_config(s)?,
        urls: LoginUrls {
            login_url: s.login_url.clone(),
            login_redirect_url: s.login_redirect_url.clone(),
            logout_redirect_url: s.logout_redirect_url.clone(),
        },
        resume_posts: s.resume_posts.then(|| ResumePosts { page: format!("{}/resume/", s.accounts_prefix) }),
        messages: messages_config(s),
        debug: if s.debug { Debug::On } else { Debug::Off },
        legacy_salt: if s.signed_cookie_legacy_salt_fallback { LegacySalt::Accept } else { LegacySalt::Refuse },
        ..WebConfig::default()
    };
    Ok(config)
}

pub(crate) fn session_config(s: &Settings) -> Result<SessionConfig, BuildError> {
    let cookie = CookieSpec {
        domain: s.session_cookie_domain.clone(),
        path: s.session_cookie_path.clone(),
        secure: s.session_cookie_secure,
        http_only: s.session_cookie_httponly,
        same_site: same_site("SESSION_COOKIE_SAMESITE", s.session_cookie_samesite.as_deref())?,
        ..CookieSpec::new(s.session_cookie_name.clone())
    };
    check_cookie("SESSION_COOKIE_NAME", &cookie, s.security_profile)?;
    Ok(SessionConfig {
        age_secs: s.session_cookie_age,
        cookie_end: if s.session_expire_at_browser_close { CookieEnd::WithBrowser } else { CookieEnd::AfterAge },
        save: match (s.session_save_every_request, s.security_profile) {
            (false, _) => SavePolicy::WhenModified,
            (true, SecurityProfile::Django) => SavePolicy::EveryRequest,
            (true, SecurityProfile::Hardened) => SavePolicy::Sliding,
        },
        dead_cookie: match s.security_profile {
            SecurityProfile::Django => DeadCookie::Delete,
            SecurityProfile::Hardened => DeadCookie::Keep,
        },
        older_names: OlderNames { names: s.session_cookie_name_fallbacks.clone(), until: s.session_fallback_until },
        cookie,
    })
}

pub(crate) fn hashers(s: &Settings) -> Result<HasherSet, BuildError> {
    Ok(HasherSet::from_settings(&s.password_hashers, DjangoVersion::default(), None)?)
}

pub(crate) fn validators(s: &Settings) -> Result<Vec<Box<dyn PasswordValidator>>, BuildError> {
    let make = |v: &ValidatorSetting| validators::from_setting(&v.name, &v.options, &|path| std::fs::read(path));
    Ok(s.auth_password_validators.iter().map(make).collect::<Result<_, _>>()?)
}

pub(crate) fn backends(s: &Settings) -> Result<Vec<BackendKind>, BuildError> {
    let parse =
        |name: &String| BackendKind::parse(name).ok_or_else(|| BuildError::UnknownBackend { name: name.clone() });
    let kinds: Vec<_> = s.authentication_backends.iter().map(parse).collect::<Result<_, _>>()?;
    if kinds.is_empty() {
        return Err(SetupError::NoBackends.into());
    }
    Ok(kinds)
}

pub(crate) fn cache(s: &Settings) -> Result<Arc<Cache>, BuildError> {
    Ok(Arc::new(Cache::new(&CacheUrl::parse(s.cache_url.expose())?)))
}

/// Whether sessions are kept in the cache.
pub(crate) fn sessions_need_cache(s: &Settings) -> bool {
    matches!(s.session_engine.as_str(), "cache" | "cached_db")
}

/// The folder of the file engine must be there before anything is written.
pub(crate) fn check_session_folder(s: &Settings) -> Result<(), BuildError> {
    if s.session_engine != "file" && !s.session_engine_fallbacks.iter().any(|name| name == "file") {
        return Ok(());
    }
    let path = session_folder(s);
    match std::fs::metadata(&path) {
        Ok(m) if m.is_dir() => Ok(()),
        Ok(_) => Err(BuildError::SessionFolder { path, source: std::io::ErrorKind::NotADirectory.into() }),
        Err(source) => Err(BuildError::SessionFolder { path, source }),
    }
}

pub(crate) fn engine(
    s: &Settings,
    keys: &SecretKeys,
    db: &Database,
    cache: &Arc<Cache>,
    clock: &Arc<dyn Clock>,
) -> Result<AnyEngine, BuildError> {
    let parts = EngineParts { s, keys, db, cache, format: session_format(s, clock), near: near_bytes(s).0 };
    let engine = parts.engine(&s.session_engine, &s.session_cookie_name)?;
    // What moves must not be a copy of what ended a moment ago.
    let parts = EngineParts { near: 0, ..parts };
    let mut older = Vec::new();
    for name in std::iter::once(&s.session_engine).chain(&s.session_engine_fallbacks) {
        // A session file's name begins with the cookie's, so those of other names are a store of their own.
        let cookie_names = std::iter::once(&s.session_cookie_name).chain(&s.session_cookie_name_fallbacks);
        for (nth, cookie_name) in cookie_names.enumerate() {
            // `cached_db` reads the rows of `db` as they are.
            let same_rows = s.session_engine == "cached_db" && name == "db";
            if (nth == 0 && *name != s.session_engine && !same_rows) || (nth > 0 && name == "file") {
                older.push(parts.engine(name, cookie_name)?);
            }
        }
    }
    Ok(match s.session_fallback_until {
        Some(until) if !older.is_empty() => {
            AnyEngine::Moving(MovingEngine::new(engine, older, until, Arc::clone(clock)))
        }
        _ => engine,
    })
}

pub(crate) fn staff_reach(s: &Settings) -> StaffReach {
    match s.security_profile {
        SecurityProfile::Django => StaffReach::Everybody,
        SecurityProfile::Hardened => StaffReach::BelowSuperusers,
    }
}

pub(crate) fn session_limit(s: &Settings) -> SessionLimit {
    let at_limit = if s.session_limit_action == "refuse" { AtLimit::Refuse } else { AtLimit::EndOldest };
    let mut limit = SessionLimit::default();
    (limit.most, limit.most_staff, limit.at_limit) = (s.session_limit, s.session_limit_staff, at_limit);
    limit
}

pub(crate) fn session_policy(s: &Settings) -> SessionPolicy {
    SessionPolicy {
        same_user: match s.security_profile {
            SecurityProfile::Django => SameUser::KeepsKey,
            SecurityProfile::Hardened => SameUser::NewKey,
        },
        absolute_age: s.session_absolute_age.map(|secs| Duration::from_secs(secs.unsigned_abs())),
    }
}

/// What engines are made of.
struct EngineParts<'a> {
    s: &'a Settings,
    keys: &'a SecretKeys,
    db: &'a Database,
    cache: &'a Arc<Cache>,
    format: Format,
    /// How much memory copies of sessions may take.
    near: u64,
}

impl EngineParts<'_> {
    fn engine(&self, name: &str, cookie_name: &str) -> Result<AnyEngine, BuildError> {
        let age = self.s.session_cookie_age;
        let text = || TextCodec::with_format(self.keys, self.format.clone());
        let on_db = || DbEngine::new(self.db.clone(), text(), age).with_near_bytes(self.near);
        Ok(match name {
            "cache" => {
                let engine = CacheEngine::new(Arc::clone(self.cache), age);
                AnyEngine::Cache(match self.s.near_cache_bound {
                    Some(bound) => engine.with_near(bound, self.near),
                    None => engine.with_reads(self.near),
                })
            }
            "cached_db" => {
                let engine = CachedDbEngine::new(on_db(), Arc::clone(self.cache), age);
                AnyEngine::CachedDb(match self.s.near_cache_bound {
                    Some(bound) => engine.with_near(bound, self.near),
                    None => engine,
                })
            }
            "file" => {
                let path = session_folder(self.s);
                let made = FileEngine::new(&path, cookie_name, text(), age);
                AnyEngine::File(made.map_err(|source| BuildError::SessionFolder { path, source })?)
            }
            "signed_cookies" => {
                let codec = CookieCodec::with_format(self.keys, self.format.clone());
                AnyEngine::SignedCookies(SignedCookiesEngine::new(codec, age))
            }
            _ => AnyEngine::Db(on_db()),
        })
    }
}

/// A site that writes JSON and never wrote anything else reads nothing else, as Django.
fn session_format(s: &Settings, clock: &Arc<dyn Clock>) -> Format {
    match (s.session_serializer.as_str(), s.session_fallback_until) {
        ("pickle", _) => Format::pickle(),
        (_, Some(until)) if !s.session_serializer_fallbacks.is_empty() => {
            Format::json_reading_older_until(until, Arc::clone(clock))
        }
        _ => Format::default(),
    }
}

pub(crate) fn database_options(s: &Settings) -> Options {
    let options = Options::default();
    match s.near_cache_bound {
        Some(bound) => options.with_bound(bound),
        None => options,
    }
}

/// How much memory copies of sessions, and of users, may take.
pub(crate) const fn near_bytes(s: &Settings) -> (u64, u64) {
    let users = s.near_cache_bytes / 4;
    (s.near_cache_bytes - users, users)
}

pub(crate) fn reset_timeout(s: &Settings) -> Duration {
    Duration::from_secs(u64::try_from(s.password_reset_timeout).unwrap_or(0))
}

fn session_folder(s: &Settings) -> PathBuf {
    s.session_file_path.as_ref().map_or_else(std::env::temp_dir, PathBuf::from)
}

fn csrf_config(s: &Settings) -> Result<CsrfConfig, BuildError> {
    let store = if s.csrf_use_sessions { SecretStore::Session } else { SecretStore::Cookie };
    let domain = if s.csrf_use_sessions { &s.session_cookie_domain } else { &s.csrf_cookie_domain };
    let policy = Policy::new(&PolicySettings {
        trusted_origins: &s.csrf_trusted_origins,
        cookie_domain: domain.as_deref(),
        store,
        header_name: &s.csrf_header_name,
        fetch_metadata: FetchMetadata::Ignore,
    })?;
    let cookie = CookieSpec {
        domain: s.csrf_cookie_domain.clone(),
        path: s.csrf_cookie_path.clone(),
        secure: s.csrf_cookie_secure,
        http_only: s.csrf_cookie_httponly,
        same_site: same_site("CSRF_COOKIE_SAMESITE", s.csrf_cookie_samesite.as_deref())?,
        ..CookieSpec::new(s.csrf_cookie_name.clone())
    };
    check_cookie("CSRF_COOKIE_NAME", &cookie, s.security_profile)?;
    Ok(CsrfConfig { policy, cookie, age_secs: s.csrf_cookie_age })
}

fn messages_config(s: &Settings) -> MessagesConfig {
    let storage = match s.message_storage.as_str() {
        "cookie" => MessageStorage::Cookie,
        "session" => MessageStorage::Session,
        _ => MessageStorage::Fallback,
    };
    MessagesConfig { storage, ..MessagesConfig::default() }
}

fn security_config(s: &Settings) -> Result<SecurityConfig, BuildError> {
    let proxy_ssl_header = match &s.secure_proxy_ssl_header {
        None => None,
        Some((name, value)) => {
            Some(ProxySslHeader::new(name, value).ok_or_else(|| BuildError::ProxyHeader { name: name.clone() })?)
        }
    };
    let allowed = match &s.allowed_hosts {
        None => AllowedHosts::new(LOOPBACK_NAMES),
        Some(names) if s.debug => AllowedHosts::for_debug(names),
        Some(names) => AllowedHosts::new(names),
    };
    let forwarded = |used| if used { Forwarded::Trust } else { Forwarded::Ignore };
    let hsts = Hsts {
        seconds: s.secure_hsts_seconds,
        include_subdomains: s.secure_hsts_include_subdomains,
        preload: s.secure_hsts_preload,
    };
    let ssl_redirect = match s.secure_ssl_redirect {
        true => Some(SslRedirect::new(s.secure_ssl_host.as_deref(), &s.secure_redirect_exempt)?),
        false => None,
    };
    Ok(SecurityConfig {
        hosts: HostRules {
            allowed,
            forwarded_host: forwarded(s.use_x_forwarded_host),
            forwarded_port: forwarded(s.use_x_forwarded_port),
            proxy_ssl_header,
        },
        ssl_redirect,
        csp: csp("SECURE_CSP", &s.secure_csp)?,
        csp_report_only: csp("SECURE_CSP_REPORT_ONLY", &s.secure_csp_report_only)?,
        proxies: TrustedProxies::parse(&s.trusted_proxies)?,
        headers: SecurityHeaders {
            hsts: (s.secure_hsts_seconds != 0).then_some(hsts),
            content_type_nosniff: s.secure_content_type_nosniff,
            referrer_policy: s
                .secure_referrer_policy
                .as_ref()
                .and_then(|policies| referrer_policy(policies.iter().map(String::as_str))),
            cross_origin_opener_policy: s.secure_cross_origin_opener_policy.clone(),
            frame_options: FrameOptions::new(&s.x_frame_options),
        },
        ..SecurityConfig::default()
    })
}

fn csp(setting: &'static str, policy: &Map<String, Value>) -> Result<CspPolicy, BuildError> {
    CspPolicy::from_json(policy).map_err(|source| BuildError::Csp { setting, source })
}

fn same_site(setting: &'static str, value: Option<&str>) -> Result<Option<SameSite>, BuildError> {
    value.map(SameSite::parse).transpose().map_err(|source| BuildError::Cookie { setting, source })
}

/// A name that no cookie can have would fail at each answer. What browsers would not keep is refused where the site is
/// hardened (C01, C02, C04); Django sends it.
fn check_cookie(setting: &'static str, cookie: &CookieSpec, profile: SecurityProfile) -> Result<(), BuildError> {
    if profile == SecurityProfile::Hardened {
        let name = cookie.name.to_ascii_lowercase();
        let is_host = name.starts_with("__host-");
        let problem = if (is_host || name.starts_with("__secure-")) && !cookie.secure {
            Some("browsers keep a cookie of this name only with Secure: set the setting …_COOKIE_SECURE = true")
        } else if is_host && (cookie.domain.as_deref().is_some_and(|d| !d.is_empty()) || cookie.path != "/") {
            Some("browsers keep a cookie whose name begins with __Host- only without a domain and with the path /")
        } else if cookie.same_site.as_ref().is_some_and(SameSite::is_none) && !cookie.secure {
            Some("browsers keep a cookie with SameSite=None only with Secure: set the setting …_COOKIE_SECURE = true")
        } else {
            None
        };
        if let Some(problem) = problem {
            return Err(BuildError::CookieRefused { setting, problem });
        }
    }
    let written = cookie.set("x").to_header_value(cloakroom_core::clock::Timestamp::UNIX_EPOCH);
    written.map(drop).map_err(|source| BuildError::Cookie { setting, source })
}

/// Where failures are counted: in the cache that processes share, or apart from this one's, so that guesses cannot push
/// sessions out of it.
pub(crate) fn counters(cache: &Arc<Cache>) -> Arc<Cache> {
    if cache.is_shared() { Arc::clone(cache) } else { Arc::new(Cache::memory()) }
}

/// The models that have permissions: a user model of the application's own among them, unless it is declared.
pub(crate) fn models(
    s: &Settings,
    of_builder: Vec<(String, ModelMeta)>,
    users: &UserTable,
) -> Vec<(String, ModelMeta)> {
    let mut models = s.models.clone();
    models.extend(of_builder);
    let declared = models.iter().any(|(app, meta)| app == users.app_label() && meta.model_name() == users.model_name());
    if !users.is_stock() && !declared {
        models.insert(0, (users.app_label().to_owned(), ModelMeta::new(users.name())));
    }
    models
}
