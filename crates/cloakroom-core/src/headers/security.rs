//! The headers of `SecurityMiddleware` and `XFrameOptionsMiddleware`, and the redirect to https (M20–M25).

use regex::Regex;

use crate::hosts::Scheme;
use crate::pytext;
use crate::urls::{DisallowedRedirect, check_redirect, full_path};

/// The settings of both middlewares. The default is Django's.
///
/// ```
/// use cloakroom_core::headers::{SecurityFacts, SecurityHeaders};
/// use cloakroom_core::hosts::Scheme;
///
/// let headers = SecurityHeaders::default();
/// let facts = SecurityFacts { scheme: Scheme::Http, is_set: &|name| name == "Referrer-Policy" };
/// let added: Vec<_> = headers.to_add(&facts).map(|(name, _)| name).collect();
/// assert_eq!(added, ["X-Content-Type-Options", "Cross-Origin-Opener-Policy"]);
/// ```
#[derive(Clone, Debug)]
pub struct SecurityHeaders {
    /// `SECURE_HSTS_SECONDS` and its companions; sent over https only (M20).
    pub hsts: Option<Hsts>,
    /// `SECURE_CONTENT_TYPE_NOSNIFF` (M21).
    pub content_type_nosniff: bool,
    /// The value made by [`referrer_policy`] (M22).
    pub referrer_policy: Option<String>,
    /// `SECURE_CROSS_ORIGIN_OPENER_POLICY` (M23).
    pub cross_origin_opener_policy: Option<String>,
    /// `X_FRAME_OPTIONS` (M24).
    pub frame_options: FrameOptions,
}

impl Default for SecurityHeaders {
    fn default() -> Self {
        Self {
            hsts: None,
            content_type_nosniff: true,
            referrer_policy: Some(String::from("same-origin")),
            cross_origin_opener_policy: Some(String::from("same-origin")),
            frame_options: FrameOptions::new("DENY"),
        }
    }
}

impl SecurityHeaders {
    /// The headers of `SecurityMiddleware` that an answer lacks (M20–M23). They go on redirects to https too.
    pub fn to_add<'a>(&'a self, facts: &'a SecurityFacts<'_>) -> impl Iterator<Item = (&'static str, String)> {
        let hsts = self.hsts.as_ref().filter(|h| facts.scheme.is_secure() && h.seconds != 0).map(Hsts::value);
        let text = |value: &Option<String>| value.clone().filter(|v| !v.is_empty());
        let all = [
            ("Strict-Transport-Security", hsts),
            ("X-Content-Type-Options", self.content_type_nosniff.then(|| String::from("nosniff"))),
            ("Referrer-Policy", text(&self.referrer_policy)),
            ("Cross-Origin-Opener-Policy", text(&self.cross_origin_opener_policy)),
        ];
        all.into_iter().filter_map(|(name, value)| value.filter(|_| !(facts.is_set)(name)).map(|value| (name, value)))
    }
}

/// What the headers depend on.
pub struct SecurityFacts<'a> {
    /// By what the request came.
    pub scheme: Scheme,
    /// Whether the answer has a header of this name already.
    pub is_set: &'a dyn Fn(&str) -> bool,
}

impl std::fmt::Debug for SecurityFacts<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SecurityFacts").field("scheme", &self.scheme).finish_non_exhaustive()
    }
}

/// `Strict-Transport-Security` (M20).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hsts {
    /// `SECURE_HSTS_SECONDS`; zero sends nothing.
    pub seconds: i64,
    /// `SECURE_HSTS_INCLUDE_SUBDOMAINS`.
    pub include_subdomains: bool,
    /// `SECURE_HSTS_PRELOAD`.
    pub preload: bool,
}

impl Hsts {
    /// The header's value.
    #[must_use]
    pub fn value(&self) -> String {
        let mut value = format!("max-age={}", self.seconds);
        if self.include_subdomains {
            value.push_str("; includeSubDomains");
        }
        if self.preload {
            value.push_str("; preload");
        }
        value
    }
}

/// `X-Frame-Options` (M24).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FrameOptions(String);

impl FrameOptions {
    /// The header's name.
    pub const HEADER: &'static str = "X-Frame-Options";

    /// Takes the setting, in any case.
    #[must_use]
    pub fn new(setting: &str) -> Self {
        Self(setting.to_uppercase())
    }

    /// The header's value, unless the answer has one already or its view is exempt.
    #[must_use]
    pub fn to_add(&self, existing: Option<&str>, view: XFrame) -> Option<&str> {
        (existing.is_none() && view == XFrame::Apply).then_some(self.0.as_str())
    }
}

/// Whether a view wants `X-Frame-Options` (M24).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum XFrame {
    /// As any.
    #[default]
    Apply,
    /// `xframe_options_exempt`.
    Exempt,
}

/// `SECURE_REFERRER_POLICY` as the header's value: a text is split on commas, the parts are joined without spaces (M22).
///
/// ```
/// use cloakroom_core::headers::referrer_policy;
///
/// assert_eq!(referrer_policy(["no-referrer, strict-origin"]).as_deref(), Some("no-referrer,strict-origin"));
/// ```
pub fn referrer_policy<'a>(setting: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let parts: Vec<&str> = setting.into_iter().flat_map(|text| text.split(',').map(pytext::strip)).collect();
    let value = parts.join(",");
    (!value.is_empty()).then_some(value)
}

/// `SECURE_SSL_REDIRECT` with its companions (M25).
#[derive(Clone, Debug, Default)]
pub struct SslRedirect {
    host: Option<String>,
    exempt: Vec<Regex>,
}

impl SslRedirect {
    /// Takes `SECURE_SSL_HOST` and `SECURE_REDIRECT_EXEMPT`.
    ///
    /// # Errors
    ///
    /// [`RedirectError`] for a pattern that is none. Look-around and back-references, which Python has, are not
    /// supported: matching takes linear time.
    pub fn new<S: AsRef<str>>(host: Option<&str>, exempt: impl IntoIterator<Item = S>) -> Result<Self, RedirectError> {
        let exempt = exempt.into_iter().map(|pattern| {
            let pattern = pattern.as_ref();
            Regex::new(&pattern.replace(r"\Z", r"\z"))
                .map_err(|source| RedirectError { pattern: pattern.to_owned(), source: Box::new(source) })
        });
        Ok(Self { host: host.filter(|h| !h.is_empty()).map(str::to_owned), exempt: exempt.collect::<Result<_, _>>()? })
    }

    /// Whether a request must come again by https: it came by http and no pattern matches its path, whose slashes in
    /// front are cut.
    #[must_use]
    pub fn applies(&self, scheme: Scheme, path: &str) -> bool {
        let path = path.trim_start_matches('/');
        !scheme.is_secure() && !self.exempt.iter().any(|pattern| pattern.is_match(path))
    }

    /// The `Location` of the 301: `SECURE_SSL_HOST`, else the request's validated host, and the full path.
    ///
    /// `query` as in [`RequestUrl`](crate::urls::RequestUrl).
    ///
    /// # Errors
    ///
    /// [`DisallowedRedirect`] when it becomes too long.
    pub fn location(&self, host: &str, path: &str, query: &str) -> Result<String, DisallowedRedirect> {
        let host = self.host.as_deref().unwrap_or(host);
        check_redirect(&format!("https://{host}{}", full_path(path, query)))
    }

    /// Whether the target's host comes from the settings, so that the request's need not be valid.
    #[must_use]
    pub const fn has_own_host(&self) -> bool {
        self.host.is_some()
    }
}

/// An entry of `SECURE_REDIRECT_EXEMPT` is no pattern.
#[derive(Debug, thiserror::Error)]
#[error("SECURE_REDIRECT_EXEMPT: {pattern:?} is no pattern")]
pub struct RedirectError {
    /// The entry.
    pub pattern: String,
    /// What is wrong with it.
    pub source: Box<regex::Error>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hsts_needs_https_and_seconds() {
        let hsts = |seconds| SecurityHeaders {
            hsts: Some(Hsts { seconds, include_subdomains: true, preload: true }),
            ..SecurityHeaders::default()
        };
        let sent = |headers: SecurityHeaders, scheme| {
            headers.to_add(&SecurityFacts { scheme, is_set: &|_| false }).find(|(n, _)| n.starts_with("Strict"))
        };
        let (_, value) = sent(hsts(10), Scheme::Https).unwrap();
        assert_eq!(value, "max-age=10; includeSubDomains; preload");
        assert_eq!(sent(hsts(10), Scheme::Http), None);
        assert_eq!(sent(hsts(0), Scheme::Https), None);
    }

    #[test]
    fn exempt_patterns_search_the_path_without_its_slash() {
        let redirect = SslRedirect::new(None, ["^health$", r"x/\Z"]).unwrap();
        assert!(!redirect.applies(Scheme::Http, "/health"));
        assert!(!redirect.applies(Scheme::Http, "/a/x/"));
        assert!(redirect.applies(Scheme::Http, "/healthy"));
        assert!(!redirect.applies(Scheme::Https, "/healthy"));
        let error = SslRedirect::new(None, ["("]).unwrap_err();
        assert_eq!(error.pattern, "(");
    }
}
