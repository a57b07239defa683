//! What the settings say of sessions: [`SessionConfig`].

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
}

/// Django's defaults: 14 days, `sessionid`, `HttpOnly`, `SameSite=Lax`.
impl Default for SessionConfig {
    fn default() -> Self {
        Self {
            age_secs: 1_209_600,
            cookie_end: CookieEnd::AfterAge,
            save: SavePolicy::WhenModified,
            dead_cookie: DeadCookie::Delete,
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
}

/// What the answer to a request does with a cookie that opens no session (S61, D8).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeadCookie {
    /// Delete it, as Django does. A slow request with an old cookie then signs the user out who signed in meanwhile.
    Delete,
    /// Leave it, unless this very request ended the session (the hardened profile).
    Keep,
}
