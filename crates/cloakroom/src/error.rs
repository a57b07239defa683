use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use cloakroom_auth::{AuthError, SetupError};
use cloakroom_cache::{CacheError, CacheUrlError};
use cloakroom_core::cookies::CookieError;
use cloakroom_core::csrf::PolicyError;
use cloakroom_core::hashers::HashersError;
use cloakroom_core::headers::{CspError, RedirectError};
use cloakroom_core::proxies::ProxyError;
use cloakroom_core::validators::ValidatorsError;
use cloakroom_db::{DbError, UrlError};

use crate::settings::SettingsError;

/// Why a site could not be put together. Each says what to do; nothing was changed on disk unless it says so.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// The settings are wrong.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// The database cannot be opened.
    #[error(transparent)]
    Db(#[from] DbError),
    /// Accounts cannot be read or changed.
    #[error(transparent)]
    Accounts(#[from] AuthError),
    /// `DATABASE_URL` names no database.
    #[error("cloakroom.E010: DATABASE_URL: {0}")]
    DatabaseUrl(#[source] UrlError),
    /// `CACHE_URL` names no cache.
    #[error("cloakroom.E011: CACHE_URL: {0}")]
    CacheUrl(#[from] CacheUrlError),
    /// The cache that sessions are kept in does not answer, or cannot be used.
    #[error("cloakroom.E022: {0}; start it, or set CACHE_URL to where it is")]
    Cache(#[source] CacheError),
    /// `PASSWORD_HASHERS` names an unknown one, or none.
    #[error(
        "cloakroom.E012: {0}; write pbkdf2_sha256, argon2, bcrypt_sha256 or scrypt, say, or a hasher's dotted path in Django"
    )]
    Hashers(#[from] HashersError),
    /// `AUTH_PASSWORD_VALIDATORS` names an unknown one, or wrong options.
    #[error(
        "cloakroom.E013: {0}; write entries as {{\"NAME\": \"MinimumLengthValidator\", \"OPTIONS\": {{\"min_length\": 12}}}}"
    )]
    Validators(#[from] ValidatorsError),
    /// `AUTHENTICATION_BACKENDS` names an unknown one.
    #[error(
        "cloakroom.E014: AUTHENTICATION_BACKENDS: there is no back end {name}; known are model, allow_all_users_model, \
         remote_user and allow_all_users_remote_user, or their dotted paths"
    )]
    UnknownBackend {
        /// Its name.
        name: String,
    },
    /// The accounts service could not start.
    #[error(transparent)]
    Auth(#[from] SetupError),
    /// `CSRF_TRUSTED_ORIGINS` holds something that is no origin.
    #[error("cloakroom.E015: CSRF_TRUSTED_ORIGINS: {0}; write entries as https://name, https://*.name for subdomains")]
    TrustedOrigins(#[from] PolicyError),
    /// `SECURE_REDIRECT_EXEMPT` holds something that is no pattern.
    #[error("cloakroom.E016: SECURE_REDIRECT_EXEMPT: {0}")]
    RedirectExempt(#[from] RedirectError),
    /// A cookie setting cannot be.
    #[error("cloakroom.E017: {setting}: {source}")]
    Cookie {
        /// The setting.
        setting: &'static str,
        /// What is wrong.
        source: CookieError,
    },
    /// Browsers would not keep the cookie; only the hardened profile minds.
    #[error("cloakroom.E026: {setting}: {problem}")]
    CookieRefused {
        /// The setting.
        setting: &'static str,
        /// What is wrong, and what to do.
        problem: &'static str,
    },
    /// `SECURE_PROXY_SSL_HEADER` names no header.
    #[error("cloakroom.E018: SECURE_PROXY_SSL_HEADER: {name} is no header; write HTTP_X_FORWARDED_PROTO, say")]
    ProxyHeader {
        /// Its name.
        name: String,
    },
    /// `TRUSTED_PROXIES` holds something that is no address.
    #[error("cloakroom.E020: TRUSTED_PROXIES: {0}; write 127.0.0.1 or 10.0.0.0/8, say")]
    TrustedProxies(#[from] ProxyError),
    /// `SECURE_CSP` or `SECURE_CSP_REPORT_ONLY` holds something that is no value.
    #[error("cloakroom.E021: {setting}: {source}")]
    Csp {
        /// The setting.
        setting: &'static str,
        /// What is wrong.
        source: CspError,
    },
    /// The folder of session files is missing.
    #[error("cloakroom.E019: SESSION_FILE_PATH: {} is no folder that can be used; make it, or name another", path.display())]
    SessionFolder {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// Why an application could not be served.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServeError {
    /// `ADDR` is no address.
    #[error("ADDR = {text} is no address with port; write 127.0.0.1:8000, say")]
    Address {
        /// What was given.
        text: String,
    },
    /// The address cannot be listened on.
    #[error("{addr} cannot be listened on: {source}; set ADDR to another, such as 127.0.0.1:0 for any free port")]
    Listen {
        /// The address.
        addr: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
}
