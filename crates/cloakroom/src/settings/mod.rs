//! Django's settings, by Django's names: read once, parsed once, wrong ones stop the start.
//!
//! In `cloakroom.toml` a name is lower case (`session_cookie_age = 1209600`), in the environment it has the prefix
//! `CLOAKROOM_` (`CLOAKROOM_SESSION_COOKIE_AGE=1209600`). Environment beats file beats default. In the environment
//! `null` is Django's `None`, and lists and tables are JSON.
//!
//! ```
//! use cloakroom::settings::{RawSettings, Settings};
//!
//! let mut raw = RawSettings::new();
//! raw.set("SESSION_COOKIE_AGE", 3600)?;
//! let settings = Settings::parse(&raw)?;
//! assert_eq!(settings.session_cookie_age, 3600);
//! assert_eq!(settings.session_cookie_name, "sessionid");
//!
//! let error = raw.set("SESSION_COOKIE_AGES", 3600).unwrap_err();
//! assert!(error.to_string().contains("did you mean SESSION_COOKIE_AGE?"));
//! # Ok::<(), cloakroom::settings::SettingsError>(())
//! ```

pub mod checks;
mod error;
pub mod hardening;
mod models;
mod names;
mod read;
mod secret_key;
mod source;

use std::net::SocketAddr;
use std::time::Duration;

use cloakroom_auth::ThrottleLimits;
use cloakroom_auth::permissions::ModelMeta;
use cloakroom_core::clock::Timestamp;
use cloakroom_core::secret::Secret;
use cloakroom_core::user_model::UserTable;
use serde_json::{Map, Value};

pub use self::error::SettingsError;
pub use self::secret_key::{DEFAULT_SECRET_KEY_FILE, SecretKeySource};
pub use self::source::{DEFAULT_FILE, Origin, RawSettings};

/// One entry of `AUTH_PASSWORD_VALIDATORS`.
#[derive(Clone, Debug, PartialEq)]
pub struct ValidatorSetting {
    /// Dotted path or short name.
    pub name: String,
    /// `OPTIONS`.
    pub options: Map<String, Value>,
}

/// `SECURITY_PROFILE`: which side is taken where a safer answer than Django's would contradict Django's (D11).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SecurityProfile {
    /// Django's, to the letter.
    #[default]
    Django,
    /// The safer one: a cookie is deleted or replaced only by a request that changed its session (D8), sliding expiry
    /// writes seldom (D15), a log-in over the same user's session gives it a new key (S04), and cookies that browsers
    /// would not keep stop the start (C01). [`hardening`] names what else is left to settings.
    Hardened,
}

/// `SESSION_COOKIE_SAMESITE` and `CSRF_COOKIE_SAMESITE`: the value as written, or `None` to leave the attribute out.
pub type SameSiteSetting = Option<String>;

/// Every setting, parsed. Fields have Django's names and Django's defaults.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "they are Django's settings, one field each")]
#[expect(missing_docs, reason = "each field is Django's setting of the same name, described in Django's reference")]
#[non_exhaustive]
pub struct Settings {
    /// Where account pages are mounted: `/accounts` or, for the root, the empty text.
    pub accounts_prefix: String,
    /// Where the admin is mounted: `/admin`, or the empty text for nowhere.
    pub admin_prefix: String,
    /// `None` where it was not set: then loopback names alone are served, as Django does under DEBUG.
    pub allowed_hosts: Option<Vec<String>>,
    /// Whether the server has the log-in pages of a browsable API, `/api-auth/login/` and `/api-auth/logout/` (D40).
    pub api_login_pages: bool,
    /// Whether the site has tokens as REST framework's app `authtoken` keeps them: their table, and in the server
    /// `/api-token-auth/`, which gives one for a name and a password (D30).
    pub api_tokens: bool,
    pub authentication_backends: Vec<String>,
    /// `AUTH_USER_MODEL` with what belongs to it (A17): `AUTH_USER_TABLE`, `USERNAME_FIELD`, `EMAIL_FIELD`, `REQUIRED_FIELDS`,
    /// `AUTH_USER_VERBOSE_NAMES`, and `AUTH_USER_DEFAULTS` for columns that have no default in the database.
    pub auth_user_model: UserTable,
    pub auth_password_validators: Vec<ValidatorSetting>,
    /// `memory://`, `redis://…`; may hold a password.
    pub cache_url: Secret<String>,
    /// Seconds; `None` ends the cookie with the browser.
    pub csrf_cookie_age: Option<i64>,
    pub csrf_cookie_domain: Option<String>,
    pub csrf_cookie_httponly: bool,
    pub csrf_cookie_name: String,
    pub csrf_cookie_path: String,
    pub csrf_cookie_samesite: SameSiteSetting,
    pub csrf_cookie_secure: bool,
    pub csrf_header_name: String,
    pub csrf_trusted_origins: Vec<String>,
    pub csrf_use_sessions: bool,
    /// `sqlite://PATH`, `postgres://…` or `mysql://…`; may hold a password.
    pub database_url: Secret<String>,
    pub debug: bool,
    pub default_from_email: String,
    pub email_backend: String,
    pub email_file_path: Option<String>,
    pub email_host: String,
    pub email_host_password: Secret<String>,
    pub email_host_user: String,
    pub email_port: u16,
    pub email_ssl_certfile: Option<String>,
    pub email_ssl_keyfile: Option<String>,
    pub email_subject_prefix: String,
    /// Seconds.
    pub email_timeout: Option<i64>,
    pub email_use_localtime: bool,
    pub email_use_ssl: bool,
    pub email_use_tls: bool,
    pub language_code: String,
    pub login_redirect_url: String,
    pub login_url: String,
    pub logout_redirect_url: Option<String>,
    pub message_storage: String,
    /// Where the server answers Prometheus; nowhere by default. Not Django's.
    pub metrics_addr: Option<SocketAddr>,
    /// Within which time a change by another process is seen on PostgreSQL, and of sessions in Valkey or Redis, where copies are
    /// to be used; `None` is at once, and no copies. Not Django's.
    pub near_cache_bound: Option<Duration>,
    /// How many bytes of memory copies of sessions, users and permissions may take; 0 keeps none. They are used only while
    /// the database has nothing newer. Not Django's.
    pub near_cache_bytes: u64,
    /// The application's models, each with its app's label: `migrate` makes their content types and permissions (A80). Not
    /// Django's, whose models say this themselves.
    pub models: Vec<(String, ModelMeta)>,
    pub password_hashers: Vec<String>,
    /// Seconds.
    pub password_reset_timeout: i64,
    /// Whether forms that a guard turned away wait for the log-in (M22). Where it is not set, the hardened profile says so.
    pub resume_posts: bool,
    /// `None` where it was not set: then [`SecretKeySource`] finds or makes the key file.
    pub secret_key: Option<Secret<String>>,
    pub secret_key_fallbacks: Vec<Secret<String>>,
    pub secret_key_file: String,
    pub secure_content_type_nosniff: bool,
    pub secure_cross_origin_opener_policy: Option<String>,
    pub secure_csp: Map<String, Value>,
    pub secure_csp_report_only: Map<String, Value>,
    pub secure_hsts_include_subdomains: bool,
    pub secure_hsts_preload: bool,
    pub secure_hsts_seconds: i64,
    /// The header's META key and the value that means HTTPS.
    pub secure_proxy_ssl_header: Option<(String, String)>,
    pub secure_redirect_exempt: Vec<String>,
    pub secure_referrer_policy: Option<Vec<String>>,
    pub secure_ssl_host: Option<String>,
    pub secure_ssl_redirect: bool,
    /// `django` or `hardened`.
    pub security_profile: SecurityProfile,
    /// Seconds since the log-in after which a session ends, used or not (S05); `None` is no limit. Not Django's.
    pub session_absolute_age: Option<i64>,
    pub session_cache_alias: String,
    /// Seconds.
    pub session_cookie_age: i64,
    pub session_cookie_domain: Option<String>,
    pub session_cookie_httponly: bool,
    pub session_cookie_name: String,
    /// Names under which the cookie may still come, until [`session_fallback_until`](Self::session_fallback_until).
    pub session_cookie_name_fallbacks: Vec<String>,
    pub session_cookie_path: String,
    pub session_cookie_samesite: SameSiteSetting,
    pub session_cookie_secure: bool,
    /// The short name: `db`, `cache`, `cached_db`, `file` or `signed_cookies`.
    pub session_engine: String,
    /// Engines whose sessions move to `session_engine` when they are met, by short names.
    pub session_engine_fallbacks: Vec<String>,
    /// From then on no fallback of sessions is looked at. Must be set where there is one.
    pub session_fallback_until: Option<Timestamp>,
    pub session_expire_at_browser_close: bool,
    pub session_file_path: Option<String>,
    /// How many sessions a user may have at once; `None` is no limit. Not Django's.
    pub session_limit: Option<u32>,
    /// What a log-in beyond the limit does: `end-oldest` ends the session that began first, `refuse` is refused. Not
    /// Django's.
    pub session_limit_action: String,
    /// The limit for staff and superusers, in place of `session_limit`. Not Django's.
    pub session_limit_staff: Option<u32>,
    pub session_save_every_request: bool,
    /// The short name: `json` or `pickle`.
    pub session_serializer: String,
    /// Serializers that are read besides, by short names.
    pub session_serializer_fallbacks: Vec<String>,
    /// Whether the account pages show the messages that wait.
    pub show_messages: bool,
    pub signed_cookie_legacy_salt_fallback: bool,
    /// A folder whose files replace the built-in templates of the same name.
    pub templates_dir: Option<String>,
    /// `THROTTLE` and `THROTTLE_*`: how often passwords may be guessed and costly doors used (E04, E11).
    pub throttle: ThrottleLimits,
    /// The moment at which the probe's clock stands still.
    pub time_freeze: Option<Timestamp>,
    /// Addresses and ranges of the reverse proxies whose `X-Forwarded-For` is believed (E07).
    pub trusted_proxies: Vec<String>,
    pub use_x_forwarded_host: bool,
    pub use_x_forwarded_port: bool,
    pub x_frame_options: String,
}

impl Settings {
    /// Parses what was written; what was not keeps its default.
    ///
    /// # Errors
    ///
    /// [`SettingsError::Invalid`] for the first value of a wrong type or range, [`SettingsError::Conflict`] for
    /// values that contradict each other.
    pub fn parse(raw: &RawSettings) -> Result<Self, SettingsError> {
        read::settings(raw)
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self::parse(&RawSettings::new()).expect("the defaults are valid")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn from_env(pairs: &[(&str, &str)]) -> Result<Settings, SettingsError> {
        let environment = pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
        Settings::parse(&RawSettings::read(Some(std::path::Path::new("/dev/null")), environment)?)
    }

    #[test]
    fn the_environment_speaks_null_false_and_json() {
        let s = from_env(&[
            ("CLOAKROOM_CSRF_COOKIE_AGE", "null"),
            ("CLOAKROOM_SESSION_COOKIE_SAMESITE", "false"),
            ("CLOAKROOM_CSRF_COOKIE_SAMESITE", "None"),
            ("CLOAKROOM_CSRF_TRUSTED_ORIGINS", r#"["https://a.example"]"#),
            ("CLOAKROOM_SECURE_PROXY_SSL_HEADER", r#"["HTTP_X_FORWARDED_PROTO", "https"]"#),
            ("CLOAKROOM_SESSION_ENGINE", "django.contrib.sessions.backends.cached_db"),
        ])
        .unwrap();
        assert_eq!(s.csrf_cookie_age, None);
        assert_eq!(s.session_cookie_samesite, None);
        assert_eq!(s.csrf_cookie_samesite.as_deref(), Some("None"));
        assert_eq!(s.csrf_trusted_origins, ["https://a.example"]);
        assert_eq!(s.secure_proxy_ssl_header, Some(("HTTP_X_FORWARDED_PROTO".into(), "https".into())));
        assert_eq!(s.session_engine, "cached_db");
    }

    #[test]
    fn wrong_values_name_setting_value_and_type() {
        let e = from_env(&[("CLOAKROOM_SESSION_COOKIE_AGE", "soon")]).unwrap_err();
        assert_eq!(
            e.to_string(),
            "cloakroom.E002: environment variable CLOAKROOM_SESSION_COOKIE_AGE: SESSION_COOKIE_AGE = \"soon\" is not a \
             whole number"
        );
        let e = from_env(&[("CLOAKROOM_SESSION_ENGINE", "memcached")]).unwrap_err();
        assert!(e.to_string().contains("db, cache, cached_db, file, signed_cookies"), "{e}");
        let e = from_env(&[("CLOAKROOM_DEBUG", "maybe")]).unwrap_err();
        assert!(e.to_string().contains("DEBUG = \"maybe\" is not true or false"), "{e}");
    }

    #[test]
    fn unknown_names_get_the_nearest_known_one_and_secrets_stay_hidden() {
        let e = from_env(&[("CLOAKROOM_SECRET_KEYS", "canary")]).unwrap_err().to_string();
        assert!(e.contains("did you mean SECRET_KEY") && !e.contains("canary"), "{e}");
        let e = from_env(&[("CLOAKROOM_SESION_ENGINE", "db")]).unwrap_err().to_string();
        assert!(e.contains("CLOAKROOM_SESION_ENGINE = \"db\"; did you mean SESSION_ENGINE?"), "{e}");
    }

    #[test]
    fn a_prefixed_database_url_beats_the_plain_one() {
        let s = from_env(&[("CLOAKROOM_DATABASE_URL", "sqlite://a"), ("DATABASE_URL", "sqlite://b")]).unwrap();
        assert_eq!(s.database_url.expose(), "sqlite://a");
        let s = from_env(&[("DATABASE_URL", "sqlite://b")]).unwrap();
        assert_eq!(s.database_url.expose(), "sqlite://b");
    }

    /// M28, S10.
    #[test]
    fn what_sessions_fall_back_to_must_differ_and_end() {
        let s = from_env(&[
            ("CLOAKROOM_SESSION_ENGINE", "cached_db"),
            ("CLOAKROOM_SESSION_ENGINE_FALLBACKS", r#"["django.contrib.sessions.backends.db", "file"]"#),
            ("CLOAKROOM_SESSION_COOKIE_NAME_FALLBACKS", r#"["sid"]"#),
            ("CLOAKROOM_SESSION_SERIALIZER_FALLBACKS", r#"["django.contrib.sessions.serializers.PickleSerializer"]"#),
            ("CLOAKROOM_SESSION_FALLBACK_UNTIL", "2027-01-31"),
            ("CLOAKROOM_SECURITY_PROFILE", "hardened"),
        ])
        .unwrap();
        assert_eq!(s.session_engine_fallbacks, ["db", "file"]);
        assert_eq!(s.session_serializer_fallbacks, ["pickle"]);
        assert_eq!(s.session_fallback_until, Some(Timestamp::from_secs(1_801_353_600)));
        assert_eq!(s.security_profile, SecurityProfile::Hardened);
        let moment = from_env(&[("CLOAKROOM_SESSION_FALLBACK_UNTIL", "2027-01-31T01:00:00+01:00")]).unwrap();
        assert_eq!(moment.session_fallback_until, s.session_fallback_until);

        let e = from_env(&[("CLOAKROOM_SESSION_ENGINE_FALLBACKS", r#"["file"]"#)]).unwrap_err().to_string();
        assert!(e.contains("SESSION_ENGINE_FALLBACKS needs SESSION_FALLBACK_UNTIL"), "{e}");
        let e = from_env(&[
            ("CLOAKROOM_SESSION_COOKIE_NAME_FALLBACKS", r#"["sessionid"]"#),
            ("CLOAKROOM_SESSION_FALLBACK_UNTIL", "2027-01-31"),
        ])
        .unwrap_err()
        .to_string();
        assert!(e.contains("which SESSION_COOKIE_NAME is already"), "{e}");
        let e = from_env(&[("CLOAKROOM_SESSION_FALLBACK_UNTIL", "soon")]).unwrap_err().to_string();
        assert!(e.contains("a date or a moment"), "{e}");
        let e = from_env(&[("CLOAKROOM_SESSION_ENGINE_FALLBACKS", r#"["memcached"]"#)]).unwrap_err().to_string();
        assert!(e.contains("a list of db, cache"), "{e}");
    }

    /// A17.
    #[test]
    fn a_user_model_has_a_label_and_what_belongs_to_it() {
        let s = from_env(&[
            ("CLOAKROOM_AUTH_USER_MODEL", "accounts.Member"),
            ("CLOAKROOM_USERNAME_FIELD", "email"),
            ("CLOAKROOM_REQUIRED_FIELDS", r#"["full_name"]"#),
            ("CLOAKROOM_AUTH_USER_DEFAULTS", r#"{"newsletter": false, "born": 1970}"#),
        ])
        .unwrap();
        let table = &s.auth_user_model;
        assert_eq!((table.table(), table.username_field()), ("accounts_member", "email"));
        assert_eq!(table.required_fields(), ["full_name"]);
        assert_eq!((table.default_of("newsletter"), table.default_of("born")), (Some("false"), Some("1970")));
        assert!(from_env(&[]).unwrap().auth_user_model.is_stock());

        let e = from_env(&[("CLOAKROOM_AUTH_USER_MODEL", "Member")]).unwrap_err().to_string();
        assert!(e.contains("AUTH_USER_MODEL must be of the form 'app_label.model_name'"), "{e}");
        let e = from_env(&[("CLOAKROOM_USERNAME_FIELD", "email")]).unwrap_err().to_string();
        assert!(e.contains("USERNAME_FIELD belongs to a model of the application's own"), "{e}");
    }

    /// A80, A87.
    #[test]
    fn models_have_permissions() {
        let models = r#"[{"name": "blog.BlogPost", "permissions": [["publish_post", "Can publish"]]},
            {"name": "blog.Tag", "default_permissions": ["view"], "verbose_name": "key word"}]"#;
        let s = from_env(&[("CLOAKROOM_MODELS", models)]).unwrap();
        let rows: Vec<_> = s.models.iter().map(|(app, meta)| (app.as_str(), meta.permission_rows())).collect();
        assert_eq!(rows[0].0, "blog");
        assert_eq!(rows[0].1.len(), 5);
        assert_eq!(rows[0].1[4], ("publish_post".to_owned(), "Can publish".to_owned()));
        assert_eq!(rows[1].1, [("view_tag".to_owned(), "Can view key word".to_owned())]);
        let e = from_env(&[("CLOAKROOM_MODELS", r#"[{"name": "Tag"}]"#)]).unwrap_err().to_string();
        assert!(e.contains("MODELS"), "{e}");
    }

    /// L03, T03.
    #[test]
    fn no_secret_prints() {
        let s = from_env(&[
            ("CLOAKROOM_SECRET_KEY", "canary-canary-canary-canary-canary-canary-canary"),
            ("CLOAKROOM_EMAIL_HOST_PASSWORD", "canary"),
            ("DATABASE_URL", "sqlite://canary"),
        ])
        .unwrap();
        assert!(!format!("{s:?}").contains("canary"));
    }

    #[test]
    fn the_admin_is_where_it_is_wanted() {
        assert_eq!(from_env(&[]).unwrap().admin_prefix, "/admin");
        assert_eq!(from_env(&[("CLOAKROOM_ADMIN_PREFIX", "back/office/")]).unwrap().admin_prefix, "/back/office");
        assert_eq!(from_env(&[("CLOAKROOM_ADMIN_PREFIX", "")]).unwrap().admin_prefix, "");
        assert!(from_env(&[("CLOAKROOM_ADMIN_PREFIX", "/accounts/")]).is_err());
    }

    #[test]
    fn login_urls_follow_the_prefix() {
        let s = from_env(&[("CLOAKROOM_ACCOUNTS_PREFIX", "/")]).unwrap();
        assert_eq!((s.accounts_prefix.as_str(), s.login_url.as_str()), ("", "/login/"));
        let s = from_env(&[]).unwrap();
        assert_eq!((s.accounts_prefix.as_str(), s.login_url.as_str()), ("/accounts", "/accounts/login/"));
        assert_eq!(s.login_redirect_url, "/accounts/profile/");
    }
}
