//! The settings of the CSRF check, parsed once (C01–C05, C25).

use super::rejection::TokenSource;
use crate::hosts::{header_of_meta_key, is_same_domain};
use crate::urls::{SplitError, urlsplit};

/// The settings that the check depends on, as they stand in the file.
#[derive(Clone, Copy, Debug)]
pub struct PolicySettings<'a> {
    /// `CSRF_TRUSTED_ORIGINS`.
    pub trusted_origins: &'a [String],
    /// `CSRF_COOKIE_DOMAIN`, or `SESSION_COOKIE_DOMAIN` with [`SecretStore::Session`].
    pub cookie_domain: Option<&'a str>,
    /// `CSRF_USE_SESSIONS`.
    pub store: SecretStore,
    /// `CSRF_HEADER_NAME`: a META key.
    pub header_name: &'a str,
    /// Whether `Sec-Fetch-Site` is looked at.
    pub fetch_metadata: FetchMetadata,
}

impl Default for PolicySettings<'_> {
    fn default() -> Self {
        Self {
            trusted_origins: &[],
            cookie_domain: None,
            store: SecretStore::Cookie,
            header_name: "HTTP_X_CSRFTOKEN",
            fetch_metadata: FetchMetadata::Ignore,
        }
    }
}

/// Where the secret lives (C05).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SecretStore {
    /// In a cookie of its own.
    #[default]
    Cookie,
    /// In the session.
    Session,
}

/// What `Sec-Fetch-Site` counts for (X02).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FetchMetadata {
    /// Nothing, as in Django.
    #[default]
    Ignore,
    /// An unsafe request that the browser calls `cross-site` or `same-site` needs an `Origin` that is trusted. A
    /// request without the header goes through the other checks all the same.
    Enforce,
}

/// The settings of the CSRF check, ready to be asked.
///
/// ```
/// use cloakroom_core::csrf::{Policy, PolicySettings};
///
/// let origins = [String::from("https://*.example.com")];
/// let policy = Policy::new(&PolicySettings { trusted_origins: &origins, ..PolicySettings::default() }).unwrap();
/// assert!(policy.trusts_origin("https://api.example.com"));
/// assert!(!policy.trusts_origin("http://api.example.com"));
/// assert_eq!(policy.header_name(), Some("x-csrftoken"));
/// ```
#[derive(Clone, Debug)]
pub struct Policy {
    exact: Vec<String>,
    wildcards: Vec<Wildcard>,
    netlocs: Vec<String>,
    cookie_domain: Option<String>,
    store: SecretStore,
    header: Option<(String, TokenSource)>,
    fetch_metadata: FetchMetadata,
}

impl Policy {
    /// Parses the settings.
    ///
    /// An entry without scheme is taken as Django takes it: it matches nothing that a browser sends. See
    /// [`has_scheme`].
    ///
    /// # Errors
    ///
    /// [`PolicyError`] when a trusted origin is no URL.
    pub fn new(settings: &PolicySettings<'_>) -> Result<Self, PolicyError> {
        let mut policy = Self {
            exact: Vec::new(),
            wildcards: Vec::new(),
            netlocs: Vec::new(),
            cookie_domain: settings.cookie_domain.map(str::to_owned),
            store: settings.store,
            header: header_of_meta_key(settings.header_name).map(|name| {
                let source = TokenSource::Header(capitalised(&name));
                (name, source)
            }),
            fetch_metadata: settings.fetch_metadata,
        };
        for origin in settings.trusted_origins {
            let url =
                urlsplit(origin).map_err(|source| PolicyError::TrustedOrigin { origin: origin.clone(), source })?;
            let netloc = url.netloc.trim_start_matches('*').to_owned();
            if origin.contains('*') {
                policy.wildcards.push(Wildcard { scheme: url.scheme, netloc: netloc.clone() });
            } else {
                policy.exact.push(origin.clone());
            }
            policy.netlocs.push(netloc);
        }
        Ok(policy)
    }

    /// Whether `CSRF_TRUSTED_ORIGINS` covers an `Origin` header (C24, C25).
    #[must_use]
    pub fn trusts_origin(&self, origin: &str) -> bool {
        if self.exact.iter().any(|o| o == origin) {
            return true;
        }
        if self.wildcards.is_empty() {
            return false;
        }
        urlsplit(origin).is_ok_and(|url| {
            self.wildcards.iter().any(|w| w.scheme == url.scheme && is_same_domain(&url.netloc, &w.netloc))
        })
    }

    /// Whether a referer's host and port are those of any trusted origin, whatever its scheme (C26).
    pub(super) fn trusts_netloc(&self, netloc: &str) -> bool {
        self.netlocs.iter().any(|trusted| is_same_domain(netloc, trusted))
    }

    /// The domain within which referers are good, if the cookie has one (C26).
    pub(super) fn cookie_domain(&self) -> Option<&str> {
        self.cookie_domain.as_deref()
    }

    /// Where the secret lives.
    #[must_use]
    pub const fn store(&self) -> SecretStore {
        self.store
    }

    /// The name, in lower case, of the header that may carry the token; `None` if the setting names none (C03).
    #[must_use]
    pub fn header_name(&self) -> Option<&str> {
        self.header.as_ref().map(|(name, _)| name.as_str())
    }

    pub(super) fn header_source(&self) -> Option<&TokenSource> {
        self.header.as_ref().map(|(_, source)| source)
    }

    /// Whether `Sec-Fetch-Site` is looked at.
    #[must_use]
    pub const fn fetch_metadata(&self) -> FetchMetadata {
        self.fetch_metadata
    }
}

/// Whether an entry of `CSRF_TRUSTED_ORIGINS` has the scheme that it needs: Django's check `4_0.E001` (C04).
#[must_use]
pub fn has_scheme(origin: &str) -> bool {
    origin.contains("://")
}

/// A setting cannot be parsed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PolicyError {
    /// An entry of `CSRF_TRUSTED_ORIGINS` is no URL.
    #[error("CSRF_TRUSTED_ORIGINS: {origin:?} is no origin")]
    TrustedOrigin {
        /// The entry.
        origin: String,
        /// Why not.
        source: SplitError,
    },
}

#[derive(Clone, Debug)]
struct Wildcard {
    scheme: String,
    netloc: String,
}

/// Python's `str.title()` of an ASCII header name.
fn capitalised(name: &str) -> String {
    let mut after_letter = false;
    name.chars()
        .map(|c| {
            let c = if after_letter { c.to_ascii_lowercase() } else { c.to_ascii_uppercase() };
            after_letter = c.is_ascii_alphabetic();
            c
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(origins: &[&str]) -> Policy {
        let origins: Vec<String> = origins.iter().map(|&o| o.to_owned()).collect();
        Policy::new(&PolicySettings { trusted_origins: &origins, ..PolicySettings::default() }).unwrap()
    }

    /// C25: what a wildcard covers.
    #[test]
    fn wildcards_cover_the_domain_and_what_is_below() {
        let p = policy(&["https://*.good.com", "https://*bare.com", "https://*"]);
        for good in ["https://good.com", "https://a.b.good.com", "https://bare.com"] {
            assert!(p.trusts_origin(good), "{good}");
        }
        for bad in ["https://evilgood.com", "https://API.GOOD.com", "https://good.com:8443", "https://evil.com", "null"]
        {
            assert!(!p.trusts_origin(bad), "{bad}");
        }
    }

    #[test]
    fn a_broken_origin_stops_the_start() {
        let origins = [String::from("https://[::1")];
        let error = Policy::new(&PolicySettings { trusted_origins: &origins, ..PolicySettings::default() });
        assert!(matches!(error, Err(PolicyError::TrustedOrigin { .. })));
    }

    #[test]
    fn header_names_are_printed_as_django_prints_them() {
        assert_eq!(capitalised("x-csrftoken"), "X-Csrftoken");
        assert_eq!(capitalised("x-2fa-token"), "X-2Fa-Token");
    }
}
