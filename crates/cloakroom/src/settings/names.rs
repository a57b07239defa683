//! The table of all settings: name and kind. Whatever is not here is an error at start.

/// What a setting takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Bool,
    Int,
    OptionalInt,
    Text,
    OptionalText,
    /// `Lax`, `Strict`, `None`, or false and null to leave the attribute out.
    SameSite,
    /// A list of texts.
    List,
    /// A text or a list of texts, or null.
    TextOrList,
    /// A list of tables.
    Tables,
    /// A table.
    Table,
    /// Two texts, or null.
    Pair,
}

impl Kind {
    pub(super) const fn takes_null(self) -> bool {
        matches!(self, Self::OptionalInt | Self::OptionalText | Self::SameSite | Self::TextOrList | Self::Pair)
    }
}

pub(super) struct Setting {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
}

/// Read from the environment without the prefix too.
pub(super) const WITHOUT_PREFIX: [&str; 2] = ["CACHE_URL", "DATABASE_URL"];

macro_rules! settings {
    ($($name:literal $kind:ident),* $(,)?) => {
        pub(super) const ALL: &[Setting] = &[$(Setting { name: $name, kind: Kind::$kind }),*];
    };
}

settings! {
    "ACCOUNTS_PREFIX" Text,
    "ADMIN_PREFIX" Text,
    "ALLOWED_HOSTS" List,
    "API_LOGIN_PAGES" Bool,
    "API_TOKENS" Bool,
    "AUTHENTICATION_BACKENDS" List,
    "AUTH_PASSWORD_VALIDATORS" Tables,
    "AUTH_USER_DEFAULTS" Table,
    "AUTH_USER_MODEL" Text,
    "AUTH_USER_TABLE" OptionalText,
    "AUTH_USER_VERBOSE_NAMES" Table,
    "CACHE_URL" Text,
    "CSRF_COOKIE_AGE" OptionalInt,
    "CSRF_COOKIE_DOMAIN" OptionalText,
    "CSRF_COOKIE_HTTPONLY" Bool,
    "CSRF_COOKIE_NAME" Text,
    "CSRF_COOKIE_PATH" Text,
    "CSRF_COOKIE_SAMESITE" SameSite,
    "CSRF_COOKIE_SECURE" Bool,
    "CSRF_FAILURE_VIEW" Text,
    "CSRF_HEADER_NAME" Text,
    "CSRF_TRUSTED_ORIGINS" List,
    "CSRF_USE_SESSIONS" Bool,
    "DATABASE_URL" Text,
    "DEBUG" Bool,
    "DEFAULT_FROM_EMAIL" Text,
    "EMAIL_BACKEND" Text,
    "EMAIL_FIELD" OptionalText,
    "EMAIL_FILE_PATH" OptionalText,
    "EMAIL_HOST" Text,
    "EMAIL_HOST_PASSWORD" Text,
    "EMAIL_HOST_USER" Text,
    "EMAIL_PORT" Int,
    "EMAIL_SSL_CERTFILE" OptionalText,
    "EMAIL_SSL_KEYFILE" OptionalText,
    "EMAIL_SUBJECT_PREFIX" Text,
    "EMAIL_TIMEOUT" OptionalInt,
    "EMAIL_USE_LOCALTIME" Bool,
    "EMAIL_USE_SSL" Bool,
    "EMAIL_USE_TLS" Bool,
    "LANGUAGE_CODE" Text,
    "LOGIN_REDIRECT_URL" Text,
    "LOGIN_URL" Text,
    "LOGOUT_REDIRECT_URL" OptionalText,
    "MESSAGE_STORAGE" Text,
    "METRICS_ADDR" OptionalText,
    "MODELS" Tables,
    "NEAR_CACHE_BOUND_MS" OptionalInt,
    "NEAR_CACHE_BYTES" Int,
    "PASSWORD_HASHERS" List,
    "PASSWORD_RESET_TIMEOUT" Int,
    "REQUIRED_FIELDS" List,
    "RESUME_POSTS" Bool,
    "SECRET_KEY" Text,
    "SECRET_KEY_FALLBACKS" List,
    "SECRET_KEY_FILE" Text,
    "SECURE_CONTENT_TYPE_NOSNIFF" Bool,
    "SECURE_CROSS_ORIGIN_OPENER_POLICY" OptionalText,
    "SECURE_CSP" Table,
    "SECURE_CSP_REPORT_ONLY" Table,
    "SECURE_HSTS_INCLUDE_SUBDOMAINS" Bool,
    "SECURE_HSTS_PRELOAD" Bool,
    "SECURE_HSTS_SECONDS" Int,
    "SECURE_PROXY_SSL_HEADER" Pair,
    "SECURE_REDIRECT_EXEMPT" List,
    "SECURE_REFERRER_POLICY" TextOrList,
    "SECURE_SSL_HOST" OptionalText,
    "SECURE_SSL_REDIRECT" Bool,
    "SECURITY_PROFILE" Text,
    "SESSION_ABSOLUTE_AGE" OptionalInt,
    "SESSION_CACHE_ALIAS" Text,
    "SESSION_COOKIE_AGE" Int,
    "SESSION_COOKIE_DOMAIN" OptionalText,
    "SESSION_COOKIE_HTTPONLY" Bool,
    "SESSION_COOKIE_NAME" Text,
    "SESSION_COOKIE_NAME_FALLBACKS" List,
    "SESSION_COOKIE_PATH" Text,
    "SESSION_COOKIE_SAMESITE" SameSite,
    "SESSION_COOKIE_SECURE" Bool,
    "SESSION_ENGINE" Text,
    "SESSION_ENGINE_FALLBACKS" List,
    "SESSION_EXPIRE_AT_BROWSER_CLOSE" Bool,
    "SESSION_FALLBACK_UNTIL" OptionalText,
    "SESSION_FILE_PATH" OptionalText,
    "SESSION_LIMIT" OptionalInt,
    "SESSION_LIMIT_ACTION" Text,
    "SESSION_LIMIT_STAFF" OptionalInt,
    "SESSION_SAVE_EVERY_REQUEST" Bool,
    "SESSION_SERIALIZER" Text,
    "SESSION_SERIALIZER_FALLBACKS" List,
    "SHOW_MESSAGES" Bool,
    "SIGNED_COOKIE_LEGACY_SALT_FALLBACK" Bool,
    "TEMPLATES_DIR" OptionalText,
    "THROTTLE" Bool,
    "THROTTLE_ACCOUNT_FAILURES" Int,
    "THROTTLE_FAILURES" Int,
    "THROTTLE_NETWORK_FAILURES" Int,
    "THROTTLE_NETWORK_RESETS" Int,
    "THROTTLE_NETWORK_SIGNUPS" Int,
    "THROTTLE_RESETS" Int,
    "TIME_FREEZE" OptionalText,
    "TRUSTED_PROXIES" List,
    "USERNAME_FIELD" OptionalText,
    "USE_X_FORWARDED_HOST" Bool,
    "USE_X_FORWARDED_PORT" Bool,
    "X_FRAME_OPTIONS" Text,
}

/// The setting of this upper-case name.
pub(super) fn find(name: &str) -> Option<&'static Setting> {
    ALL.iter().find(|s| s.name == name)
}

/// The known name most like `name`, if any is at all like it.
pub(super) fn nearest(name: &str) -> Option<&'static str> {
    let name = name.to_uppercase();
    ALL.iter()
        .map(|s| (strsim::jaro_winkler(&name, s.name), s.name))
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .filter(|(score, _)| *score > 0.75)
        .map(|(_, name)| name)
}

/// Whether the value of a setting of this name must not be shown (L03).
pub(super) fn looks_secret(name: &str) -> bool {
    let name = name.to_uppercase();
    ["KEY", "PASSWORD", "SECRET", "TOKEN", "URL"].iter().any(|part| name.contains(part))
        && !matches!(
            name.as_str(),
            "LOGIN_URL" | "LOGIN_REDIRECT_URL" | "LOGOUT_REDIRECT_URL" | "PASSWORD_HASHERS" | "API_TOKENS"
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_pen_is_recognised() {
        assert_eq!(nearest("SESSION_COOKIE_AGES"), Some("SESSION_COOKIE_AGE"));
        assert_eq!(nearest("ALOWED_HOSTS"), Some("ALLOWED_HOSTS"));
        assert_eq!(nearest("QQQQ"), None);
    }

    #[test]
    fn names_are_sorted_and_unique() {
        assert!(ALL.windows(2).all(|w| w[0].name < w[1].name));
    }
}
