//! What the request says: method, address, client, cookies; and the cookies of the answer.

use std::borrow::Cow;
use std::net::IpAddr;

use cloakroom_auth::Auth;
use cloakroom_core::clock::{Clock, Timestamp};
use cloakroom_core::cookies::{self, CookieError, CookieJar, CookieSigner, SetCookie};
use cloakroom_core::hosts::{DisallowedHost, Scheme};
use cloakroom_core::random::Random;
use cloakroom_core::urls::{self, RequestUrl, RequireHttps, SafeNext};
use cloakroom_db::Database;
use cloakroom_sessions::Sessions;
use http::Method;

use super::Ctx;
use crate::body::{BodyError, QueryDict};
use crate::config::WebConfig;

/// The request's address.
impl Ctx {
    /// The method, in the case in which it was sent.
    #[must_use]
    pub fn method(&self) -> &Method {
        &self.facts().method
    }

    /// http or https, by the proxy's word where it is trusted (C45).
    #[must_use]
    pub fn scheme(&self) -> Scheme {
        self.facts().scheme
    }

    /// Whether the request came by https.
    #[must_use]
    pub fn is_secure(&self) -> bool {
        self.scheme().is_secure()
    }

    /// The host as sent, port included, if it is allowed (C44, H08).
    ///
    /// # Errors
    ///
    /// [`DisallowedHost`]. The layer answers such requests with 400, unless it checks hosts only when they are used.
    pub fn host(&self) -> Result<&str, &DisallowedHost> {
        self.facts().host()
    }

    /// The decoded path: Django's `request.path`.
    #[must_use]
    pub fn path(&self) -> Cow<'_, str> {
        self.facts().path()
    }

    /// Path and query, encoded: Django's `get_full_path()` (A133).
    #[must_use]
    pub fn full_path(&self) -> String {
        urls::full_path(&self.path(), &self.facts().query())
    }

    /// Django's `build_absolute_uri()`.
    ///
    /// # Errors
    ///
    /// [`DisallowedHost`].
    pub fn absolute_uri(&self) -> Result<String, &DisallowedHost> {
        self.with_url(urls::absolute_uri)
    }

    /// Calls `with` with the parts of the address.
    pub(crate) fn with_url<R>(&self, with: impl FnOnce(&RequestUrl<'_>) -> R) -> Result<R, &DisallowedHost> {
        let (path, query) = (self.path(), self.facts().query());
        Ok(with(&RequestUrl { scheme: self.scheme(), host: self.host()?, path: &path, query: &query }))
    }

    /// The fields of the query: Django's `request.GET`.
    ///
    /// # Errors
    ///
    /// [`BodyError::TooManyFields`].
    pub fn query(&self) -> Result<QueryDict, BodyError> {
        QueryDict::parse(self.facts().uri.query().unwrap_or_default().as_bytes(), self.config().limits.fields)
    }

    /// Takes a redirect target if it stays on this host, or on one of `more_hosts` (A119, A130, X09).
    #[must_use]
    pub fn safe_next(&self, url: &str, more_hosts: &[&str]) -> Option<SafeNext> {
        let mut hosts: Vec<&str> = self.host().into_iter().collect();
        hosts.extend(more_hosts);
        let require_https = if self.is_secure() { RequireHttps::Yes } else { RequireHttps::No };
        SafeNext::check(url, &hosts, require_https)
    }

    /// The client's address, if the server knows it: of whoever connected, or behind the site's own proxies the one that they
    /// name (E07). For logs and for counting, never as proof of anything (Z03).
    #[must_use]
    pub fn client_address(&self) -> Option<IpAddr> {
        self.facts().client
    }

    /// The address of whoever connected, if the server knows it. Headers are not looked at.
    #[must_use]
    pub fn peer_address(&self) -> Option<IpAddr> {
        self.facts().peer
    }
}

/// Cookies.
impl Ctx {
    /// The request's cookies, as Django reads them (K17–K19).
    #[must_use]
    pub fn cookies(&self) -> CookieJar<'_> {
        cookies::parse(self.facts().cookie_header())
    }

    /// One of the request's cookies; of several with this name the last.
    #[must_use]
    pub fn cookie(&self, name: &str) -> Option<Cow<'_, str>> {
        self.facts().cookie(name)
    }

    /// Sets a cookie with the answer. One line per name: setting it again changes it (K16).
    ///
    /// # Errors
    ///
    /// [`CookieError`]; Django answers 500.
    pub fn add_cookie(&self, cookie: &SetCookie) -> Result<(), CookieError> {
        let now = self.now();
        self.state().cookies.set(cookie, now)
    }

    /// Signs and unsigns values of cookies: Django's `set_signed_cookie` and `get_signed_cookie` (K40–K42).
    #[must_use]
    pub fn cookie_signer(&self) -> CookieSigner {
        CookieSigner::new(self.auth_service().secret_keys(), self.config().legacy_salt)
    }

    /// Adds `Vary: Cookie` to the answer. Reading the session or sending its or the CSRF cookie does so by itself.
    pub fn vary_on_cookie(&self) {
        self.state().vary_cookie = true;
    }
}

/// What the site has.
impl Ctx {
    /// The configuration.
    #[must_use]
    pub fn config(&self) -> &WebConfig {
        &self.site().config
    }

    /// The service that knows who may come in.
    #[must_use]
    pub fn auth_service(&self) -> &Auth {
        &self.site().auth
    }

    /// The sessions.
    #[must_use]
    pub fn sessions(&self) -> &Sessions {
        &self.site().sessions
    }

    /// The database.
    #[must_use]
    pub fn db(&self) -> &Database {
        self.site().auth.db()
    }

    /// The present moment.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.site().clock.now()
    }

    /// The source of chance.
    #[must_use]
    pub fn random(&self) -> &dyn Random {
        &*self.site().random
    }

    /// The clock.
    #[must_use]
    pub fn clock(&self) -> &dyn Clock {
        &*self.site().clock
    }
}
