//! What the layer must know, parsed once. The facade makes it from settings; a wrong value stops the start.

use cloakroom_core::cookies::{CookieSpec, LegacySalt, SameSite};
use cloakroom_core::csrf::{Policy, PolicySettings};
use cloakroom_core::headers::{CspPolicy, SecurityHeaders, SslRedirect};
use cloakroom_core::hosts::HostRules;
use cloakroom_core::messages::Level;
use cloakroom_core::proxies::TrustedProxies;

/// Everything but the engines: the parts of the settings that requests and answers depend on. The default is Django's.
///
/// ```
/// use cloakroom_core::hosts::AllowedHosts;
/// use cloakroom_web::WebConfig;
///
/// let mut config = WebConfig::default();
/// config.security.hosts.allowed = AllowedHosts::new(["www.example.com"]);
/// assert_eq!(config.csrf.cookie.name, "csrftoken");
/// assert_eq!(config.urls.login_url, "/accounts/login/");
/// ```
#[derive(Clone, Debug, Default)]
pub struct WebConfig {
    /// `CSRF_*`.
    pub csrf: CsrfConfig,
    /// `SECURE_*`, hosts, proxies, frames.
    pub security: SecurityConfig,
    /// Where log-in and log-out lead.
    pub urls: LoginUrls,
    /// `DATA_UPLOAD_*`.
    pub limits: Limits,
    /// Whether answers may show what is wrong.
    pub debug: Debug,
    /// `MESSAGE_*`.
    pub messages: MessagesConfig,
    /// Where guards answer 403 instead of sending to the log-in page.
    pub api: ApiPaths,
    /// `RESUME_POSTS`: whether forms that a guard turned away wait for the log-in (M22). `None` is Django's answer, 405.
    pub resume_posts: Option<ResumePosts>,
    /// `SIGNED_COOKIE_LEGACY_SALT_FALLBACK` (V02).
    pub legacy_salt: LegacySalt,
}

/// The CSRF check and its cookie (C01–C05).
#[derive(Clone, Debug)]
pub struct CsrfConfig {
    /// Trusted origins, header, and whether the secret lives in cookie or session.
    pub policy: Policy,
    /// `CSRF_COOKIE_*` but its age.
    pub cookie: CookieSpec,
    /// `CSRF_COOKIE_AGE` in seconds; `None` ends the cookie with the browser.
    pub age_secs: Option<i64>,
}

impl Default for CsrfConfig {
    fn default() -> Self {
        Self {
            policy: Policy::new(&PolicySettings::default()).expect("no trusted origin, no bad one"),
            cookie: CookieSpec { same_site: Some(SameSite::LAX), ..CookieSpec::new("csrftoken") },
            age_secs: Some(31_449_600),
        }
    }
}

/// Hosts, proxies, the redirect to https, and the headers of every answer (C44, C45, M20–M25).
#[derive(Clone, Debug, Default)]
pub struct SecurityConfig {
    /// `ALLOWED_HOSTS`, `USE_X_FORWARDED_*`, `SECURE_PROXY_SSL_HEADER`.
    pub hosts: HostRules,
    /// Whose word about a client's address counts (E07).
    pub proxies: TrustedProxies,
    /// Whether every request must name an allowed host, or only one whose host is used.
    pub host_check: HostCheck,
    /// `SECURE_SSL_REDIRECT` with its companions.
    pub ssl_redirect: Option<SslRedirect>,
    /// `SECURE_*` headers and `X_FRAME_OPTIONS`.
    pub headers: SecurityHeaders,
    /// `SECURE_CSP` (M40).
    pub csp: CspPolicy,
    /// `SECURE_CSP_REPORT_ONLY` (M40).
    pub csp_report_only: CspPolicy,
    /// The name that a request without `Host` is taken to mean.
    pub server_name: String,
    /// The port that a connection without [`Connection`](crate::Connection) is taken to have come to; `None` means 80
    /// or 443 by its scheme.
    pub server_port: Option<u16>,
}

/// When a request's host is checked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HostCheck {
    /// Always, as Django's `CommonMiddleware` does (H08).
    #[default]
    EveryRequest,
    /// When something asks for it, as Django does without that middleware.
    WhenUsed,
}

/// `LOGIN_URL`, `LOGIN_REDIRECT_URL`, `LOGOUT_REDIRECT_URL`, with names of routes resolved (A134).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoginUrls {
    /// The log-in page.
    pub login_url: String,
    /// Where a log-in without `next` leads.
    pub login_redirect_url: String,
    /// Where a log-out leads; `None` shows a page.
    pub logout_redirect_url: Option<String>,
}

impl Default for LoginUrls {
    fn default() -> Self {
        Self {
            login_url: String::from("/accounts/login/"),
            login_redirect_url: String::from("/accounts/profile/"),
            logout_redirect_url: None,
        }
    }
}

/// Where a form that waited for the log-in is sent again (M22).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResumePosts {
    /// The path of the page that asks: `resume/` of the account pages.
    pub page: String,
}

/// How much a request may hold (F04).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// `DATA_UPLOAD_MAX_MEMORY_SIZE`: bytes of a form without its files.
    pub body_bytes: usize,
    /// Bytes of a form with its files. Django has no such limit; here forms stand in memory.
    pub upload_bytes: usize,
    /// `DATA_UPLOAD_MAX_NUMBER_FIELDS`.
    pub fields: usize,
    /// `DATA_UPLOAD_MAX_NUMBER_FILES`.
    pub files: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { body_bytes: 2_621_440, upload_bytes: 16 * 1024 * 1024, fields: 1000, files: 100 }
    }
}

/// `MESSAGE_STORAGE` and `MESSAGE_LEVEL` (M01).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MessagesConfig {
    /// Where messages wait for the next page.
    pub storage: MessageStorage,
    /// The lowest level that is not dropped.
    pub level: Level,
}

/// Where messages wait for the next page.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MessageStorage {
    /// In the cookie `messages`, and what does not fit in the session.
    #[default]
    Fallback,
    /// In the cookie `messages`; the oldest are lost where not all fit (M04).
    Cookie,
    /// In the session.
    Session,
}

/// `DEBUG`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Debug {
    /// Refusals show their reason.
    On,
    /// Answers tell clients nothing.
    #[default]
    Off,
}

/// Paths of programs' doors: there a guard refuses with 403 and JSON, since no person would see a log-in page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiPaths(Vec<String>);

impl ApiPaths {
    /// Takes prefixes such as `/api`: that path and all below it.
    pub fn new<S: Into<String>>(prefixes: impl IntoIterator<Item = S>) -> Self {
        Self(prefixes.into_iter().map(|p| p.into().trim_end_matches('/').to_owned()).collect())
    }

    /// Whether a path is a program's door.
    #[must_use]
    pub fn contains(&self, path: &str) -> bool {
        self.0
            .iter()
            .any(|p| path.strip_prefix(p.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')))
    }
}

impl Default for ApiPaths {
    fn default() -> Self {
        Self::new(["/api"])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn api_paths_are_whole_segments() {
        let api = ApiPaths::default();
        assert!(api.contains("/api") && api.contains("/api/x/"));
        assert!(!api.contains("/apis/") && !api.contains("/x/api/"));
    }
}
