//! What a public site should change, by Django's ids (A171).

use std::collections::{BTreeSet, HashSet};
use std::fmt;

use cloakroom_core::clock::Timestamp;
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

/// A part of Django's stack that a check asks about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Part {
    /// The protection of forms: `CsrfViewMiddleware`.
    CsrfProtection,
    /// The header that forbids framing: `XFrameOptionsMiddleware`.
    FrameOptions,
    /// The other security headers and the redirect to HTTPS: `SecurityMiddleware`.
    SecurityHeaders,
    /// Sessions of requests: `SessionMiddleware`.
    SessionLayer,
    /// The tables of sessions: the app `django.contrib.sessions`.
    SessionTables,
}

/// The parts that a site has. [`Cloakroom::layer`](crate::Cloakroom::layer) has them all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Installed(BTreeSet<Part>);

impl Installed {
    /// Every part.
    #[must_use]
    pub fn all() -> Self {
        use Part::{CsrfProtection, FrameOptions, SecurityHeaders, SessionLayer, SessionTables};
        Self([CsrfProtection, FrameOptions, SecurityHeaders, SessionLayer, SessionTables].into())
    }

    /// The same without one part, for a site that layers its stack by itself.
    #[must_use]
    pub fn without(mut self, part: Part) -> Self {
        self.0.remove(&part);
        self
    }

    fn has(&self, part: Part) -> bool {
        self.0.contains(&part)
    }
}

/// What `check` says of settings that a site cannot start with, by Django's ids.
///
/// ```
/// use cloakroom::settings::{Settings, checks};
///
/// let mut settings = Settings::default();
/// settings.csrf_trusted_origins = vec!["example.com".into()];
/// assert_eq!(checks::compatibility(&settings)[0].id, "4_0.E001");
/// ```
#[must_use]
pub fn compatibility(settings: &Settings) -> Vec<Finding> {
    let bare = settings.csrf_trusted_origins.iter().filter(|origin| !origin.contains("://"));
    bare.map(|origin| {
        let message = format!("the entry {origin:?} of CSRF_TRUSTED_ORIGINS has no scheme");
        Finding::error("4_0.E001", &message, "write it as https://name")
    })
    .collect()
}

/// What `check` says of a move of sessions that is under way, or over, at `now`.
///
/// ```
/// use cloakroom::core::clock::Timestamp;
/// use cloakroom::settings::{RawSettings, Settings, checks};
///
/// let mut raw = RawSettings::new();
/// raw.set("SESSION_ENGINE_FALLBACKS", vec!["file"])?;
/// raw.set("SESSION_FALLBACK_UNTIL", "2027-01-31")?;
/// let settings = Settings::parse(&raw)?;
/// assert_eq!(checks::fallbacks(&settings, Timestamp::from_secs(1_800_000_000))[0].id, "cloakroom.W023");
/// assert_eq!(checks::fallbacks(&settings, Timestamp::from_secs(1_900_000_000))[0].id, "cloakroom.W024");
/// # Ok::<(), cloakroom::settings::SettingsError>(())
/// ```
#[must_use]
pub fn fallbacks(settings: &Settings, now: Timestamp) -> Vec<Finding> {
    let Some(until) = settings.session_fallback_until else { return Vec::new() };
    let lists = [
        ("SESSION_ENGINE_FALLBACKS", &settings.session_engine_fallbacks),
        ("SESSION_COOKIE_NAME_FALLBACKS", &settings.session_cookie_name_fallbacks),
        ("SESSION_SERIALIZER_FALLBACKS", &settings.session_serializer_fallbacks),
    ];
    let set: Vec<_> = lists.iter().filter(|(_, list)| !list.is_empty()).collect();
    let named = set.iter().map(|(name, list)| format!("{name} = {list:?}")).collect::<Vec<_>>().join(", ");
    if set.is_empty() {
        Vec::new()
    } else if now < until {
        vec![Finding::warning(
            "cloakroom.W023",
            &format!("sessions are still taken over from before, until {}: {named}", until.to_isoformat()),
            "the log of `cloakroom serve` counts those that still come",
        )]
    } else {
        vec![Finding::warning(
            "cloakroom.W024",
            &format!("no sessions are taken over any more, since {}: {named}", until.to_isoformat()),
            "remove these settings and SESSION_FALLBACK_UNTIL",
        )]
    }
}

/// What `check --deploy` says of these settings where the site has all parts.
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
    deploy_with(settings, keys, &Installed::all())
}

/// What `check --deploy` says of these settings where the site has these parts: what a missing part does not do needs no
/// setting.
#[must_use]
pub fn deploy_with(settings: &Settings, keys: &SecretKeys, installed: &Installed) -> Vec<Finding> {
    let mut found = Vec::new();
    forms(settings, installed, &mut found);
    headers(settings, installed, &mut found);
    keys_and_hosts(settings, keys, &mut found);
    sessions(settings, installed, &mut found);
    found
}

fn warn(found: &mut Vec<Finding>, wrong: bool, id: &'static str, message: &str, hint: &'static str) {
    if wrong {
        found.push(Finding::warning(id, message, hint));
    }
}

fn forms(s: &Settings, installed: &Installed, found: &mut Vec<Finding>) {
    let protected = installed.has(Part::CsrfProtection);
    warn(found, !protected, "security.W003", "forms are not protected against other sites", "add the CSRF layer");
    warn(
        found,
        protected && !s.csrf_use_sessions && !s.csrf_cookie_secure,
        "security.W016",
        "the CSRF cookie travels over plain HTTP",
        "set CSRF_COOKIE_SECURE = true",
    );
}

fn headers(s: &Settings, installed: &Installed, found: &mut Vec<Finding>) {
    let framing = installed.has(Part::FrameOptions);
    warn(found, !framing, "security.W002", "other sites may frame pages of this one", "add the frame options' layer");
    warn(
        found,
        framing && s.x_frame_options != "DENY",
        "security.W019",
        "other sites may frame pages of this one",
        "set X_FRAME_OPTIONS = \"DENY\" unless pages frame each other",
    );
    if !installed.has(Part::SecurityHeaders) {
        warn(found, true, "security.W001", "the SECURE_ settings have no effect", "add the layer of security headers");
        return;
    }
    warn(
        found,
        s.secure_hsts_seconds == 0,
        "security.W004",
        "browsers are not told to come by HTTPS only",
        "set SECURE_HSTS_SECONDS, low at first",
    );
    warn(
        found,
        s.secure_hsts_seconds != 0 && !s.secure_hsts_include_subdomains,
        "security.W005",
        "subdomains may be visited over plain HTTP",
        "set SECURE_HSTS_INCLUDE_SUBDOMAINS = true if all of them speak HTTPS",
    );
    warn(
        found,
        s.secure_hsts_seconds != 0 && !s.secure_hsts_preload,
        "security.W021",
        "the site cannot be put on browsers' HSTS list",
        "set SECURE_HSTS_PRELOAD = true if that is wanted",
    );
    warn(
        found,
        !s.secure_content_type_nosniff,
        "security.W006",
        "browsers may guess content types",
        "set SECURE_CONTENT_TYPE_NOSNIFF = true",
    );
    warn(
        found,
        !s.secure_ssl_redirect,
        "security.W008",
        "plain HTTP is answered",
        "set SECURE_SSL_REDIRECT = true, unless a proxy redirects",
    );
    match &s.secure_referrer_policy {
        None => warn(
            found,
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
            ));
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
}

fn keys_and_hosts(s: &Settings, keys: &SecretKeys, found: &mut Vec<Finding>) {
    warn(
        found,
        is_weak(keys.current()),
        "security.W009",
        "SECRET_KEY has fewer than 50 characters, fewer than 5 different ones, or is Django's for development",
        "make one with `openssl rand -base64 48`",
    );
    for key in keys.fallbacks() {
        warn(
            found,
            is_weak(key),
            "security.W025",
            "an entry of SECRET_KEY_FALLBACKS is weak",
            "take it out as soon as nobody needs it",
        );
    }
    warn(found, s.debug, "security.W018", "DEBUG is on", "set DEBUG = false");
    warn(
        found,
        s.allowed_hosts.as_ref().is_none_or(Vec::is_empty),
        "security.W020",
        "ALLOWED_HOSTS is empty, so only loopback names are served",
        "set it to the site's names",
    );
}

/// Each cookie's flag has three ids: for the tables alone, for the layer alone, for both.
fn sessions(s: &Settings, installed: &Installed, found: &mut Vec<Finding>) {
    let which = |[tables, layer, both]: [&'static str; 3]| match (
        installed.has(Part::SessionTables),
        installed.has(Part::SessionLayer),
    ) {
        (true, true) => Some(both),
        (true, false) => Some(tables),
        (false, true) => Some(layer),
        (false, false) => None,
    };
    if let Some(id) = which(["security.W010", "security.W011", "security.W012"]) {
        let hint = "set SESSION_COOKIE_SECURE = true";
        warn(found, !s.session_cookie_secure, id, "the session cookie travels over plain HTTP", hint);
    }
    if let Some(id) = which(["security.W013", "security.W014", "security.W015"]) {
        let hint = "set SESSION_COOKIE_HTTPONLY = true";
        warn(found, !s.session_cookie_httponly, id, "scripts can read the session cookie", hint);
    }
}

fn is_weak(key: &SecretKey) -> bool {
    let text = String::from_utf8_lossy(key.expose());
    text.chars().count() < MIN_KEY_CHARS
        || text.chars().collect::<HashSet<_>>().len() < MIN_KEY_UNIQUE_CHARS
        || text.starts_with("django-insecure-")
}
