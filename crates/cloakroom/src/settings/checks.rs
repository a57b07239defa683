//! What a public site should change, by Django's ids (A171).

use std::collections::HashSet;
use std::fmt;

use cloakroom_core::secret::{SecretKey, SecretKeys};

use super::Settings;

/// Something that a check found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Django's id, such as `security.W004`, or one of our own.
    pub id: &'static str,
    level: Level,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub hint: &'static str,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Level {
    Error,
    Warning,
}

impl Finding {
    /// Something that must be mended.
    #[must_use]
    pub fn error(id: &'static str, message: &str, hint: &'static str) -> Self {
        Self { id, level: Level::Error, message: message.into(), hint }
    }

    /// Something that should be changed.
    #[must_use]
    pub fn warning(id: &'static str, message: &str, hint: &'static str) -> Self {
        Self { id, level: Level::Warning, message: message.into(), hint }
    }

    /// Whether it must be mended.
    #[must_use]
    pub fn is_error(&self) -> bool {
        self.level == Level::Error
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let level = if self.is_error() { "error" } else { "warning" };
        write!(f, "{}: {level}: {}; {}", self.id, self.message, self.hint)
    }
}

const REFERRER_POLICIES: [&str; 8] = [
    "no-referrer",
    "no-referrer-when-downgrade",
    "origin",
    "origin-when-cross-origin",
    "same-origin",
    "strict-origin",
    "strict-origin-when-cross-origin",
    "unsafe-url",
];

const OPENER_POLICIES: [&str; 4] = ["same-origin", "same-origin-allow-popups", "noopener-allow-popups", "unsafe-none"];

const MIN_KEY_CHARS: usize = 50;
const MIN_KEY_UNIQUE_CHARS: usize = 5;

/// What `check --deploy` says of these settings, in Django's order.
///
/// ```
/// use cloakroom::core::secret::{SecretKey, SecretKeys};
/// use cloakroom::settings::{Settings, checks};
///
/// let keys = SecretKeys::new(SecretKey::new("short").unwrap(), vec![]);
/// let ids: Vec<_> = checks::deploy(&Settings::default(), &keys).iter().map(|f| f.id).collect();
/// assert!(ids.contains(&"security.W009"));
/// ```
#[must_use]
pub fn deploy(settings: &Settings, keys: &SecretKeys) -> Vec<Finding> {
    let s = settings;
    let mut found = Vec::new();
    let mut warn = |wrong: bool, id, message: &str, hint| {
        if wrong {
            found.push(Finding::warning(id, message, hint));
        }
    };
    warn(
        !s.csrf_use_sessions && !s.csrf_cookie_secure,
        "security.W016",
        "the CSRF cookie travels over plain HTTP",
        "set CSRF_COOKIE_SECURE = true",
    );
    warn(
        s.secure_hsts_seconds == 0,
        "security.W004",
        "browsers are not told to come by HTTPS only",
        "set SECURE_HSTS_SECONDS, low at first",
    );
    warn(
        s.secure_hsts_seconds != 0 && !s.secure_hsts_include_subdomains,
        "security.W005",
        "subdomains may be visited over plain HTTP",
        "set SECURE_HSTS_INCLUDE_SUBDOMAINS = true if all of them speak HTTPS",
    );
    warn(
        !s.secure_content_type_nosniff,
        "security.W006",
        "browsers may guess content types",
        "set SECURE_CONTENT_TYPE_NOSNIFF = true",
    );
    warn(
        !s.secure_ssl_redirect,
        "security.W008",
        "plain HTTP is answered",
        "set SECURE_SSL_REDIRECT = true, unless a proxy redirects",
    );
    warn(
        is_weak(keys.current()),
        "security.W009",
        "SECRET_KEY has fewer than 50 characters, fewer than 5 different ones, or is Django's for development",
        "make one with `openssl rand -base64 48`",
    );
    for key in keys.fallbacks() {
        warn(
            is_weak(key),
            "security.W025",
            "an entry of SECRET_KEY_FALLBACKS is weak",
            "take it out as soon as nobody needs it",
        );
    }
    warn(s.debug, "security.W018", "DEBUG is on", "set DEBUG = false");
    warn(
        s.x_frame_options != "DENY",
        "security.W019",
        "other sites may frame pages of this one",
        "set X_FRAME_OPTIONS = \"DENY\" unless pages frame each other",
    );
    warn(
        s.allowed_hosts.as_ref().is_none_or(Vec::is_empty),
        "security.W020",
        "ALLOWED_HOSTS is empty, so only loopback names are served",
        "set it to the site's names",
    );
    warn(
        s.secure_hsts_seconds != 0 && !s.secure_hsts_preload,
        "security.W021",
        "the site cannot be put on browsers' HSTS list",
        "set SECURE_HSTS_PRELOAD = true if that is wanted",
    );
    match &s.secure_referrer_policy {
        None => warn(
            true,
            "security.W022",
            "links tell other sites the whole address of the page",
            "set SECURE_REFERRER_POLICY = \"same-origin\"",
        ),
        Some(policies) if !policies.iter().all(|p| REFERRER_POLICIES.contains(&p.as_str())) => {
            found.push(Finding::error(
                "security.E023",
                "SECURE_REFERRER_POLICY is no referrer policy",
                "take one of the standard's",
            ))
        }
        Some(_) => {}
    }
    if s.secure_cross_origin_opener_policy.as_ref().is_some_and(|p| !OPENER_POLICIES.contains(&p.as_str())) {
        found.push(Finding::error(
            "security.E024",
            "SECURE_CROSS_ORIGIN_OPENER_POLICY is no opener policy",
            "take one of the standard's",
        ));
    }
    if !s.session_cookie_secure {
        found.push(Finding::warning(
            "security.W012",
            "the session cookie travels over plain HTTP",
            "set SESSION_COOKIE_SECURE = true",
        ));
    }
    if !s.session_cookie_httponly {
        found.push(Finding::warning(
            "security.W015",
            "scripts can read the session cookie",
            "set SESSION_COOKIE_HTTPONLY = true",
        ));
    }
    found
}

fn is_weak(key: &SecretKey) -> bool {
    let text = String::from_utf8_lossy(key.expose());
    text.chars().count() < MIN_KEY_CHARS
        || text.chars().collect::<HashSet<_>>().len() < MIN_KEY_UNIQUE_CHARS
        || text.starts_with("django-insecure-")
}
