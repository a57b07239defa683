//! What the settings say of sessions: [`SessionConfig`].

use cloakroom_core::clock::Timestamp;
use cloakroom_core::cookies::{CookieSpec, SameSite};

/// The rules that hold whatever the engine is (S02–S07).
///
/// ```
/// use cloakroom_sessions::{SavePolicy, SessionConfig};
///
/// let config = SessionConfig { save: SavePolicy::EveryRequest, ..SessionConfig::default() };
/// assert_eq!(config.age_secs, 1_209_600);
/// assert_eq!(config.cookie.name, "sessionid");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionConfig {
    /// Age of cookie and stored session, in seconds (`SESSION_COOKIE_AGE`). Engines are given the same.
    pub age_secs: i64,
    /// When the cookie ends of a session that does not say so itself (`SESSION_EXPIRE_AT_BROWSER_CLOSE`).
    pub cookie_end: CookieEnd,
    /// When a session is written (`SESSION_SAVE_EVERY_REQUEST`).
    pub save: SavePolicy,
    /// What becomes of a cookie that opens nothing.
    pub dead_cookie: DeadCookie,
    /// The cookie itself: name, domain, path, flags.
    pub cookie: CookieSpec,
    /// Names that the cookie had before (`SESSION_COOKIE_NAME_FALLBACKS`).
    pub older_names: OlderNames,
}

/// Names under which the session cookie may still come, and until when. A session that comes under one of them is sent
/// back under the name of today, and the old cookie is deleted; its domain and path are taken to be those of today.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OlderNames {
    /// The names, in the order in which they are looked for.
    pub names: Vec<String>,
    /// The moment from which on they are ignored (`SESSION_FALLBACK_UNTIL`); `None` ignores them always.
    pub until: Option<Timestamp>,
}

impl OlderNames {
    pub(crate) fn at(&self, now: Timestamp) -> &[String] {
        if self.until.is_some_and(|until| now < until) { &self.names } else { &[] }
    }
}

/// Django's defaults: 14 days, `sessionid`, `HttpOnly`, `SameSite=Lax`.
impl Default for SessionConfig {
    fn default() -> Self {
        Self {
            age_secs: 1_209_600,
            cookie_end: CookieEnd::AfterAge,
            save: SavePolicy::WhenModified,
            dead_cookie: DeadCookie::Delete,
            older_names: OlderNames::default(),
            cookie: CookieSpec { http_only: true, same_site: Some(SameSite::LAX), ..CookieSpec::new("sessionid") },
        }
    }
}

/// When a session's cookie ends unless the session says otherwise (S07, S24).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CookieEnd {
    /// After the session's age.
    AfterAge,
    /// With the browser. The stored session still ends after its age.
    WithBrowser,
}

/// When a session is written at the end of a request (S06).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SavePolicy {
    /// When the request changed it.
    WhenModified,
    /// After every request with a session, which slides its expiry.
    EveryRequest,
    /// The same with few writes: an unchanged session is saved, and its cookie sent, when a twentieth of its age has
    /// passed since this process last did so (D15). The expiry of store and cookie may lag by that much.
    Sliding,
}

/// What the answer to a request does with a cookie that opens no session (S61, D8).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeadCookie {
    /// Delete it, as Django does. A slow request with an old cookie then signs the user out who signed in meanwhile.
    Delete,
    /// Leave it, unless this very request ended the session (the hardened profile).
    Keep,
}
