//! From what was written to [`Settings`]: one reader per kind, one line per setting.

use std::net::SocketAddr;
use std::time::Duration;

use cloakroom_auth::ThrottleLimits;
use cloakroom_core::clock::Timestamp;
use cloakroom_core::pydatetime::DateTime;
use cloakroom_core::secret::Secret;
use serde_json::{Map, Value};

use super::error::SettingsError;
use super::names;
use super::source::{Origin, RawSettings};
use super::{DEFAULT_SECRET_KEY_FILE, SecurityProfile, Settings, ValidatorSetting};

const ENGINES: [(&str, &str); 5] = [
    ("db", "django.contrib.sessions.backends.db"),
    ("cache", "django.contrib.sessions.backends.cache"),
    ("cached_db", "django.contrib.sessions.backends.cached_db"),
    ("file", "django.contrib.sessions.backends.file"),
    ("signed_cookies", "django.contrib.sessions.backends.signed_cookies"),
];

const SERIALIZERS: [(&str, &str); 2] = [
    ("json", "django.contrib.sessions.serializers.JSONSerializer"),
    ("pickle", "django.contrib.sessions.serializers.PickleSerializer"),
];

const PROFILES: [(&str, &str); 2] = [("django", "django"), ("hardened", "hardened")];

const MESSAGE_STORAGES: [(&str, &str); 3] = [
    ("fallback", "django.contrib.messages.storage.fallback.FallbackStorage"),
    ("cookie", "django.contrib.messages.storage.cookie.CookieStorage"),
    ("session", "django.contrib.messages.storage.session.SessionStorage"),
];

const EMAIL_BACKENDS: [(&str, &str); 5] = [
    ("smtp", "django.core.mail.backends.smtp.EmailBackend"),
    ("console", "django.core.mail.backends.console.EmailBackend"),
    ("file", "django.core.mail.backends.filebased.EmailBackend"),
    ("memory", "django.core.mail.backends.locmem.EmailBackend"),
    ("dummy", "django.core.mail.backends.dummy.EmailBackend"),
];

/// The hashers of Django's default, preferred first.
const PASSWORD_HASHERS: [&str; 5] = [
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2SHA1PasswordHasher",
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.BCryptSHA256PasswordHasher",
    "django.contrib.auth.hashers.ScryptPasswordHasher",
];

/// What `django-admin startproject` writes.
const VALIDATORS: [&str; 4] = [
    "django.contrib.auth.password_validation.UserAttributeSimilarityValidator",
    "django.contrib.auth.password_validation.MinimumLengthValidator",
    "django.contrib.auth.password_validation.CommonPasswordValidator",
    "django.contrib.auth.password_validation.NumericPasswordValidator",
];

pub(super) fn settings(raw: &RawSettings) -> Result<Settings, SettingsError> {
    let r = Reader { raw };
    let accounts_prefix = match r.text("ACCOUNTS_PREFIX", "/accounts")?.trim_matches('/') {
        "" => String::new(),
        inner => format!("/{inner}"),
    };
    let admin_prefix = match r.text("ADMIN_PREFIX", "/admin")?.trim_matches('/') {
        "" => String::new(),
        prefix => format!("/{prefix}"),
    };
    let profile = match r.choice("SECURITY_PROFILE", "django", &PROFILES)?.as_str() {
        "hardened" => SecurityProfile::Hardened,
        _ => SecurityProfile::Django,
    };
    let settings = Settings {
        allowed_hosts: r.optional_list("ALLOWED_HOSTS")?,
        api_login_pages: r.bool("API_LOGIN_PAGES", false)?,
        api_tokens: r.bool("API_TOKENS", false)?,
        authentication_backends: r.list("AUTHENTICATION_BACKENDS", &["django.contrib.auth.backends.ModelBackend"])?,
        auth_password_validators: r.validators()?,
        auth_user_model: r.user_table()?,
        cache_url: Secret::new(r.text("CACHE_URL", "memory://")?),
        csrf_cookie_age: r.optional_int("CSRF_COOKIE_AGE", Some(31_449_600))?,
        csrf_cookie_domain: r.optional_text("CSRF_COOKIE_DOMAIN", None)?,
        csrf_cookie_httponly: r.bool("CSRF_COOKIE_HTTPONLY", false)?,
        csrf_cookie_name: r.text("CSRF_COOKIE_NAME", "csrftoken")?,
        csrf_cookie_path: r.text("CSRF_COOKIE_PATH", "/")?,
        csrf_cookie_samesite: r.same_site("CSRF_COOKIE_SAMESITE")?,
        csrf_cookie_secure: r.bool("CSRF_COOKIE_SECURE", false)?,
        csrf_header_name: r.text("CSRF_HEADER_NAME", "HTTP_X_CSRFTOKEN")?,
        csrf_trusted_origins: r.list("CSRF_TRUSTED_ORIGINS", &[])?,
        csrf_use_sessions: r.bool("CSRF_USE_SESSIONS", false)?,
        database_url: Secret::new(r.text("DATABASE_URL", "sqlite://db.sqlite3")?),
        debug: r.bool("DEBUG", false)?,
        default_from_email: r.text("DEFAULT_FROM_EMAIL", "webmaster@localhost")?,
        email_backend: r.choice("EMAIL_BACKEND", "smtp", &EMAIL_BACKENDS)?,
        email_file_path: r.optional_text("EMAIL_FILE_PATH", None)?,
        email_host: r.text("EMAIL_HOST", "localhost")?,
        email_host_password: Secret::new(r.text("EMAIL_HOST_PASSWORD", "")?),
        email_host_user: r.text("EMAIL_HOST_USER", "")?,
        email_port: r.port("EMAIL_PORT", 25)?,
        email_ssl_certfile: r.optional_text("EMAIL_SSL_CERTFILE", None)?,
        email_ssl_keyfile: r.optional_text("EMAIL_SSL_KEYFILE", None)?,
        email_subject_prefix: r.text("EMAIL_SUBJECT_PREFIX", "[Django] ")?,
        email_timeout: r.optional_int("EMAIL_TIMEOUT", None)?,
        email_use_localtime: r.bool("EMAIL_USE_LOCALTIME", false)?,
        email_use_ssl: r.bool("EMAIL_USE_SSL", false)?,
        email_use_tls: r.bool("EMAIL_USE_TLS", false)?,
        language_code: r.text("LANGUAGE_CODE", "en-us")?,
        login_redirect_url: r.text("LOGIN_REDIRECT_URL", &format!("{accounts_prefix}/profile/"))?,
        login_url: r.text("LOGIN_URL", &format!("{accounts_prefix}/login/"))?,
        logout_redirect_url: r.optional_text("LOGOUT_REDIRECT_URL", None)?,
        message_storage: r.choice("MESSAGE_STORAGE", "fallback", &MESSAGE_STORAGES)?,
        metrics_addr: r.address("METRICS_ADDR")?,
        near_cache_bound: r.bound("NEAR_CACHE_BOUND_MS")?,
        near_cache_bytes: r.bytes("NEAR_CACHE_BYTES", NEAR_CACHE_BYTES)?,
        models: r.models()?,
        password_hashers: r.list("PASSWORD_HASHERS", &PASSWORD_HASHERS)?,
        password_reset_timeout: r.int("PASSWORD_RESET_TIMEOUT", 259_200)?,
        resume_posts: r.bool("RESUME_POSTS", profile == SecurityProfile::Hardened)?,
        secret_key: r.secret_key()?,
        secret_key_fallbacks: r.list("SECRET_KEY_FALLBACKS", &[])?.into_iter().map(Secret::new).collect(),
        secret_key_file: r.text("SECRET_KEY_FILE", DEFAULT_SECRET_KEY_FILE)?,
        secure_content_type_nosniff: r.bool("SECURE_CONTENT_TYPE_NOSNIFF", true)?,
        secure_cross_origin_opener_policy: r.optional_text("SECURE_CROSS_ORIGIN_OPENER_POLICY", Some("same-origin"))?,
        secure_csp: r.table("SECURE_CSP")?,
        secure_csp_report_only: r.table("SECURE_CSP_REPORT_ONLY")?,
        secure_hsts_include_subdomains: r.bool("SECURE_HSTS_INCLUDE_SUBDOMAINS", false)?,
        secure_hsts_preload: r.bool("SECURE_HSTS_PRELOAD", false)?,
        secure_hsts_seconds: r.int("SECURE_HSTS_SECONDS", 0)?,
        secure_proxy_ssl_header: r.pair("SECURE_PROXY_SSL_HEADER")?,
        secure_redirect_exempt: r.list("SECURE_REDIRECT_EXEMPT", &[])?,
        secure_referrer_policy: r.referrer_policy()?,
        secure_ssl_host: r.optional_text("SECURE_SSL_HOST", None)?,
        secure_ssl_redirect: r.bool("SECURE_SSL_REDIRECT", false)?,
        security_profile: profile,
        session_absolute_age: r.age("SESSION_ABSOLUTE_AGE")?,
        session_cache_alias: r.text("SESSION_CACHE_ALIAS", "default")?,
        session_cookie_age: r.int("SESSION_COOKIE_AGE", 1_209_600)?,
        session_cookie_domain: r.optional_text("SESSION_COOKIE_DOMAIN", None)?,
        session_cookie_httponly: r.bool("SESSION_COOKIE_HTTPONLY", true)?,
        session_cookie_name: r.text("SESSION_COOKIE_NAME", "sessionid")?,
        session_cookie_path: r.text("SESSION_COOKIE_PATH", "/")?,
        session_cookie_samesite: r.same_site("SESSION_COOKIE_SAMESITE")?,
        session_cookie_secure: r.bool("SESSION_COOKIE_SECURE", false)?,
        session_cookie_name_fallbacks: r.list("SESSION_COOKIE_NAME_FALLBACKS", &[])?,
        session_engine: r.choice("SESSION_ENGINE", "db", &ENGINES)?,
        session_engine_fallbacks: r.choices("SESSION_ENGINE_FALLBACKS", &ENGINES)?,
        session_fallback_until: r.date("SESSION_FALLBACK_UNTIL")?,
        session_expire_at_browser_close: r.bool("SESSION_EXPIRE_AT_BROWSER_CLOSE", false)?,
        session_file_path: r.optional_text("SESSION_FILE_PATH", None)?,
        session_limit: r.session_limit("SESSION_LIMIT")?,
        session_limit_action: r.limit_action("SESSION_LIMIT_ACTION")?,
        session_limit_staff: r.session_limit("SESSION_LIMIT_STAFF")?,
        session_save_every_request: r.bool("SESSION_SAVE_EVERY_REQUEST", false)?,
        session_serializer: r.choice("SESSION_SERIALIZER", "json", &SERIALIZERS)?,
        session_serializer_fallbacks: r.choices("SESSION_SERIALIZER_FALLBACKS", &SERIALIZERS)?,
        show_messages: r.bool("SHOW_MESSAGES", true)?,
        signed_cookie_legacy_salt_fallback: r.bool("SIGNED_COOKIE_LEGACY_SALT_FALLBACK", false)?,
        templates_dir: r.optional_text("TEMPLATES_DIR", None)?,
        throttle: r.throttle()?,
        time_freeze: r.moment("TIME_FREEZE")?,
        trusted_proxies: r.list("TRUSTED_PROXIES", &[])?,
        use_x_forwarded_host: r.bool("USE_X_FORWARDED_HOST", false)?,
        use_x_forwarded_port: r.bool("USE_X_FORWARDED_PORT", false)?,
        x_frame_options: r.text("X_FRAME_OPTIONS", "DENY")?,
        accounts_prefix,
        admin_prefix,
    };
    r.unsupported("CSRF_FAILURE_VIEW", "django.views.csrf.csrf_failure")?;
    if !settings.admin_prefix.is_empty() && settings.admin_prefix == settings.accounts_prefix {
        return Err(SettingsError::Conflict(
            "ADMIN_PREFIX and ACCOUNTS_PREFIX are the same; give one of them another address".into(),
        ));
    }
    let limited = settings.session_limit.or(settings.session_limit_staff).is_some();
    if limited && settings.session_engine == "signed_cookies" {
        return Err(SettingsError::Conflict(
            "SESSION_LIMIT cannot be kept with SESSION_ENGINE = signed_cookies, whose sessions nobody counts; use another \
             engine, such as db"
                .into(),
        ));
    }
    if settings.email_use_tls && settings.email_use_ssl {
        return Err(SettingsError::Conflict(
            "EMAIL_USE_TLS and EMAIL_USE_SSL are both true; set the one that the mail server speaks".into(),
        ));
    }
    check_fallbacks(&settings)?;
    Ok(settings)
}

/// 64 MiB: room for some 50,000 sessions and their users.
const NEAR_CACHE_BYTES: i64 = 64 << 20;

/// What is read besides must be something else, and must end.
fn check_fallbacks(s: &Settings) -> Result<(), SettingsError> {
    let lists = [
        ("SESSION_ENGINE", &s.session_engine, "SESSION_ENGINE_FALLBACKS", &s.session_engine_fallbacks),
        (
            "SESSION_COOKIE_NAME",
            &s.session_cookie_name,
            "SESSION_COOKIE_NAME_FALLBACKS",
            &s.session_cookie_name_fallbacks,
        ),
        ("SESSION_SERIALIZER", &s.session_serializer, "SESSION_SERIALIZER_FALLBACKS", &s.session_serializer_fallbacks),
    ];
    for (name, now, fallbacks_name, fallbacks) in lists {
        if fallbacks.contains(now) {
            return Err(SettingsError::Conflict(format!("{fallbacks_name} names {now:?}, which {name} is already")));
        }
        if !fallbacks.is_empty() && s.session_fallback_until.is_none() {
            return Err(SettingsError::Conflict(format!(
                "{fallbacks_name} needs SESSION_FALLBACK_UNTIL, the date from which on it is ignored, such as \"2027-01-31\""
            )));
        }
    }
    Ok(())
}

pub(super) struct Reader<'a> {
    raw: &'a RawSettings,
}

impl Reader<'_> {
    pub(super) fn get(&self, name: &str) -> Option<&(Value, Origin)> {
        self.raw.get(name)
    }

    pub(super) fn invalid(&self, name: &str, wanted: impl Into<String>) -> SettingsError {
        let (value, origin) = self.get(name).cloned().unwrap_or((Value::Null, Origin::Code));
        let name = names::find(name).map_or("", |s| s.name);
        let value = (!names::looks_secret(name)).then(|| value.to_string());
        SettingsError::Invalid { name, value, wanted: wanted.into(), origin }
    }

    fn bool(&self, name: &str, default: bool) -> Result<bool, SettingsError> {
        match self.get(name) {
            None => Ok(default),
            Some((Value::Bool(b), _)) => Ok(*b),
            Some(_) => Err(self.invalid(name, "true or false")),
        }
    }

    fn int(&self, name: &str, default: i64) -> Result<i64, SettingsError> {
        match self.get(name) {
            None => Ok(default),
            Some((value, _)) => value.as_i64().ok_or_else(|| self.invalid(name, "a whole number")),
        }
    }

    fn optional_int(&self, name: &str, default: Option<i64>) -> Result<Option<i64>, SettingsError> {
        match self.get(name) {
            None => Ok(default),
            Some((Value::Null, _)) => Ok(None),
            Some((value, _)) => match value.as_i64() {
                Some(n) => Ok(Some(n)),
                None => Err(self.invalid(name, "a whole number or null")),
            },
        }
    }

    fn address(&self, name: &str) -> Result<Option<SocketAddr>, SettingsError> {
        let Some(text) = self.optional_text(name, None)? else { return Ok(None) };
        text.parse().map(Some).map_err(|_| self.invalid(name, "an address with a port, such as 127.0.0.1:9100"))
    }

    /// Zero switches a limit off.
    fn limit(&self, name: &str, default: u32) -> Result<u32, SettingsError> {
        u32::try_from(self.int(name, i64::from(default))?)
            .map_err(|_| self.invalid(name, "a whole number, zero for none"))
    }

    fn throttle(&self) -> Result<ThrottleLimits, SettingsError> {
        let mut limits = ThrottleLimits::default();
        let each = [
            ("THROTTLE_FAILURES", &mut limits.failures),
            ("THROTTLE_ACCOUNT_FAILURES", &mut limits.account_failures),
            ("THROTTLE_NETWORK_FAILURES", &mut limits.network_failures),
            ("THROTTLE_RESETS", &mut limits.resets),
            ("THROTTLE_NETWORK_RESETS", &mut limits.network_resets),
            ("THROTTLE_NETWORK_SIGNUPS", &mut limits.network_signups),
        ];
        for (name, limit) in each {
            *limit = self.limit(name, *limit)?;
        }
        Ok(if self.bool("THROTTLE", true)? { limits } else { ThrottleLimits::none() })
    }

    fn age(&self, name: &str) -> Result<Option<i64>, SettingsError> {
        match self.optional_int(name, None)? {
            Some(secs) if secs <= 0 => Err(self.invalid(name, "a number of seconds above 0, or null")),
            age => Ok(age),
        }
    }

    fn bound(&self, name: &str) -> Result<Option<Duration>, SettingsError> {
        let given = self.optional_int(name, None)?;
        let bound = |ms| u64::try_from(ms).ok().filter(|ms| (100..=60_000).contains(ms)).map(Duration::from_millis);
        given.map(|ms| bound(ms).ok_or_else(|| self.invalid(name, "100 to 60000, or null"))).transpose()
    }

    fn bytes(&self, name: &str, default: i64) -> Result<u64, SettingsError> {
        u64::try_from(self.int(name, default)?).map_err(|_| self.invalid(name, "a number of bytes, 0 or more"))
    }

    /// At least one, as with none nobody could sign in.
    fn session_limit(&self, name: &str) -> Result<Option<u32>, SettingsError> {
        let given = self.optional_int(name, None)?;
        let limit =
            |n| u32::try_from(n).ok().filter(|n| *n > 0).ok_or_else(|| self.invalid(name, "1 or more, or null"));
        given.map(limit).transpose()
    }

    fn limit_action(&self, name: &str) -> Result<String, SettingsError> {
        match self.text(name, "end-oldest")? {
            action if action == "end-oldest" || action == "refuse" => Ok(action),
            _ => Err(self.invalid(name, "end-oldest or refuse")),
        }
    }

    fn port(&self, name: &str, default: u16) -> Result<u16, SettingsError> {
        u16::try_from(self.int(name, i64::from(default))?).map_err(|_| self.invalid(name, "a port from 0 to 65535"))
    }

    pub(super) fn text(&self, name: &str, default: &str) -> Result<String, SettingsError> {
        match self.get(name) {
            None => Ok(default.into()),
            Some((Value::String(s), _)) => Ok(s.clone()),
            Some(_) => Err(self.invalid(name, "a text")),
        }
    }

    pub(super) fn optional_text(&self, name: &str, default: Option<&str>) -> Result<Option<String>, SettingsError> {
        match self.get(name) {
            None => Ok(default.map(Into::into)),
            Some((Value::Null, _)) => Ok(None),
            Some((Value::String(s), _)) => Ok(Some(s.clone())),
            Some(_) => Err(self.invalid(name, "a text or null")),
        }
    }

    pub(super) fn optional_list(&self, name: &str) -> Result<Option<Vec<String>>, SettingsError> {
        let Some((value, _)) = self.get(name) else { return Ok(None) };
        let texts = value
            .as_array()
            .and_then(|items| items.iter().map(|item| item.as_str().map(str::to_owned)).collect::<Option<Vec<_>>>());
        texts.map(Some).ok_or_else(|| self.invalid(name, "a list of texts"))
    }

    fn list(&self, name: &str, default: &[&str]) -> Result<Vec<String>, SettingsError> {
        Ok(self.optional_list(name)?.unwrap_or_else(|| default.iter().map(|s| (*s).into()).collect()))
    }

    pub(super) fn table(&self, name: &str) -> Result<Map<String, Value>, SettingsError> {
        match self.get(name) {
            None => Ok(Map::new()),
            Some((Value::Object(o), _)) => Ok(o.clone()),
            Some(_) => Err(self.invalid(name, "a table")),
        }
    }

    fn pair(&self, name: &str) -> Result<Option<(String, String)>, SettingsError> {
        match self.get(name) {
            None | Some((Value::Null, _)) => Ok(None),
            Some(_) => match self.optional_list(name).ok().flatten().as_deref() {
                Some([a, b]) => Ok(Some((a.clone(), b.clone()))),
                _ => Err(self.invalid(name, "a list of two texts, header and value, or null")),
            },
        }
    }

    fn same_site(&self, name: &str) -> Result<Option<String>, SettingsError> {
        match self.get(name) {
            None => Ok(Some("Lax".into())),
            Some((Value::Null | Value::Bool(false), _)) => Ok(None),
            Some((Value::String(s), _)) if s.is_empty() => Ok(None),
            Some((Value::String(s), _)) if ["lax", "strict", "none"].contains(&s.to_lowercase().as_str()) => {
                Ok(Some(s.clone()))
            }
            Some(_) => Err(self.invalid(name, "Lax, Strict, None or false")),
        }
    }

    /// A dotted path or its short name, as the short name.
    fn choice(&self, name: &str, default: &str, all: &[(&str, &str)]) -> Result<String, SettingsError> {
        let given = self.text(name, default)?;
        all.iter().find(|(short, path)| given == *short || given == *path).map(|(short, _)| (*short).into()).ok_or_else(
            || {
                let names: Vec<_> = all.iter().map(|(short, _)| *short).collect();
                self.invalid(name, format!("one of {} or its dotted path in Django", names.join(", ")))
            },
        )
    }

    /// Dotted paths or short names, as short names.
    fn choices(&self, name: &str, all: &[(&str, &str)]) -> Result<Vec<String>, SettingsError> {
        let find = |given: &String| {
            all.iter().find(|(short, path)| given == short || given == path).map(|(short, _)| (*short).to_owned())
        };
        self.list(name, &[])?.iter().map(find).collect::<Option<_>>().ok_or_else(|| {
            let names: Vec<_> = all.iter().map(|(short, _)| *short).collect();
            self.invalid(name, format!("a list of {} or their dotted paths in Django", names.join(", ")))
        })
    }

    fn validators(&self) -> Result<Vec<ValidatorSetting>, SettingsError> {
        const NAME: &str = "AUTH_PASSWORD_VALIDATORS";
        let wanted = "a list of tables with NAME and, if need be, OPTIONS";
        let Some((value, _)) = self.get(NAME) else {
            return Ok(VALIDATORS
                .iter()
                .map(|name| ValidatorSetting { name: (*name).into(), options: Map::new() })
                .collect());
        };
        let entries = value.as_array().ok_or_else(|| self.invalid(NAME, wanted))?;
        entries
            .iter()
            .map(|entry| {
                let table = entry.as_object()?;
                let key = |name: &str| table.get(name).or_else(|| table.get(&name.to_lowercase()));
                let known = table.keys().all(|k| matches!(k.to_uppercase().as_str(), "NAME" | "OPTIONS"));
                let options = match key("OPTIONS") {
                    None => Map::new(),
                    Some(o) => o.as_object()?.clone(),
                };
                known.then_some(ValidatorSetting { name: key("NAME")?.as_str()?.into(), options })
            })
            .collect::<Option<Vec<_>>>()
            .ok_or_else(|| self.invalid(NAME, wanted))
    }

    fn referrer_policy(&self) -> Result<Option<Vec<String>>, SettingsError> {
        const NAME: &str = "SECURE_REFERRER_POLICY";
        match self.get(NAME) {
            None => Ok(Some(vec!["same-origin".into()])),
            Some((Value::Null, _)) => Ok(None),
            Some((Value::String(s), _)) => Ok(Some(s.split(',').map(|p| p.trim().to_owned()).collect())),
            Some(_) => self.optional_list(NAME),
        }
    }

    fn secret_key(&self) -> Result<Option<Secret<String>>, SettingsError> {
        match self.get("SECRET_KEY") {
            None => Ok(None),
            Some((Value::String(s), _)) if !s.is_empty() => Ok(Some(Secret::new(s.clone()))),
            Some(_) => Err(self.invalid("SECRET_KEY", "a text that is not empty")),
        }
    }

    /// A date or a moment in ISO 8601; without an offset it is UTC.
    fn date(&self, name: &str) -> Result<Option<Timestamp>, SettingsError> {
        let Some(text) = self.optional_text(name, None)? else { return Ok(None) };
        let parse = |text: &str| DateTime::fromisoformat(text)?.to_timestamp();
        parse(&text)
            .or_else(|| parse(&format!("{text}+00:00")))
            .or_else(|| parse(&format!("{text}T00:00:00+00:00")))
            .map(Some)
            .ok_or_else(|| self.invalid(name, "a date or a moment, such as 2027-01-31 or 2027-01-31T12:00:00Z"))
    }

    /// Unix seconds, as a number or as text.
    fn moment(&self, name: &str) -> Result<Option<Timestamp>, SettingsError> {
        let seconds = match self.get(name) {
            None | Some((Value::Null, _)) => return Ok(None),
            Some((Value::String(s), _)) => s.parse::<f64>().ok(),
            Some((value, _)) => value.as_f64(),
        };
        match seconds.filter(|s| s.is_finite()) {
            Some(s) => Ok(Some(Timestamp::from_secs_f64(s))),
            None => Err(self.invalid(name, "a number of seconds since 1970")),
        }
    }

    /// A setting that Django has and that can only keep its default here.
    fn unsupported(&self, name: &str, default: &str) -> Result<(), SettingsError> {
        if self.text(name, default)? == default {
            return Ok(());
        }
        Err(self.invalid(name, format!("{default}, the only one there is: pages are changed through TEMPLATES_DIR")))
    }
}
