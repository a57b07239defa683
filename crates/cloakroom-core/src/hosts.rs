//! Which host and scheme a request came to (C44, C45, H08).
//!
//! - [`HostRules::host`] reads and validates the `Host` header; a bad one is a 400 before any use.
//! - [`HostRules::scheme`] trusts a proxy's header if the settings name one.
//! - The check compares in lower case, the CSRF rules compare the host as sent (G47).

use std::borrow::Cow;

/// How a request came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// Unencrypted.
    Http,
    /// Encrypted.
    Https,
}

impl Scheme {
    /// `http` or `https`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }

    /// Whether it is https.
    #[must_use]
    pub const fn is_secure(self) -> bool {
        matches!(self, Self::Https)
    }
}

/// The settings about hosts, ports and proxies.
#[derive(Clone, Debug, Default)]
pub struct HostRules {
    /// `ALLOWED_HOSTS`.
    pub allowed: AllowedHosts,
    /// `USE_X_FORWARDED_HOST`.
    pub forwarded_host: Forwarded,
    /// `USE_X_FORWARDED_PORT`.
    pub forwarded_port: Forwarded,
    /// `SECURE_PROXY_SSL_HEADER`.
    pub proxy_ssl_header: Option<ProxySslHeader>,
}

impl HostRules {
    /// `request.scheme`: the proxy's word if its header is configured and there, else the socket's (C45).
    ///
    /// `proxy_header` is the value of the header that [`ProxySslHeader::name`] names.
    #[must_use]
    pub fn scheme(&self, socket: Scheme, proxy_header: Option<&str>) -> Scheme {
        match (&self.proxy_ssl_header, proxy_header) {
            (Some(rule), Some(value)) => rule.scheme(value),
            _ => socket,
        }
    }

    /// `request.get_port()`, as text (C45).
    #[must_use]
    pub fn port<'a>(&self, facts: &HostFacts<'a>) -> &'a str {
        match (self.forwarded_port, facts.x_forwarded_port) {
            (Forwarded::Trust, Some(port)) => port,
            _ => facts.server_port,
        }
    }

    /// `request.get_host()`: the host that the request names, as sent, if it is allowed (C44).
    ///
    /// # Errors
    ///
    /// [`DisallowedHost`]; the answer is 400.
    pub fn host(&self, facts: &HostFacts<'_>, scheme: Scheme) -> Result<Host, DisallowedHost> {
        self.host_text(facts, scheme).map(|text| Host(text.into_owned()))
    }

    /// As [`host`](Self::host), without a copy of what the request says.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn host_text<'a>(&self, facts: &HostFacts<'a>, scheme: Scheme) -> Result<Cow<'a, str>, DisallowedHost> {
        let raw: Cow<'a, str> = match (self.forwarded_host, facts.x_forwarded_host, facts.host) {
            (Forwarded::Trust, Some(host), _) | (_, _, Some(host)) => host.into(),
            _ => {
                let port = self.port(facts);
                let default = if scheme.is_secure() { "443" } else { "80" };
                if port == default { facts.server_name.into() } else { format!("{}:{port}", facts.server_name).into() }
            }
        };
        let lower = lowercase(&raw);
        let Some((domain, _)) = split_lower(&lower) else {
            drop(lower);
            return Err(DisallowedHost::Malformed { host: raw.into_owned() });
        };
        if self.allowed.allows(domain) {
            drop(lower);
            return Ok(raw);
        }
        let domain = domain.to_owned();
        drop(lower);
        Err(DisallowedHost::NotAllowed { host: raw.into_owned(), domain })
    }
}

/// Whether a forwarding header of the proxy counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Forwarded {
    /// It is not looked at.
    #[default]
    Ignore,
    /// It counts: the proxy sets it on every request.
    Trust,
}

/// What a request says of its host. Header values as text, each byte a character.
#[derive(Clone, Copy, Debug, Default)]
pub struct HostFacts<'a> {
    /// The `Host` header, or the authority of an HTTP/2 request.
    pub host: Option<&'a str>,
    /// The `X-Forwarded-Host` header.
    pub x_forwarded_host: Option<&'a str>,
    /// The `X-Forwarded-Port` header.
    pub x_forwarded_port: Option<&'a str>,
    /// The server's own name.
    pub server_name: &'a str,
    /// The port that it listens on.
    pub server_port: &'a str,
}

/// `SECURE_PROXY_SSL_HEADER`: the header by which a proxy says that the visitor came by https (C45).
///
/// ```
/// use cloakroom_core::hosts::{ProxySslHeader, Scheme};
///
/// let rule = ProxySslHeader::new("HTTP_X_FORWARDED_PROTO", "https").unwrap();
/// assert_eq!(rule.name(), "x-forwarded-proto");
/// assert_eq!(rule.scheme(" https , http"), Scheme::Https);
/// assert_eq!(rule.scheme("HTTPS"), Scheme::Http);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProxySslHeader {
    name: String,
    value: String,
}

impl ProxySslHeader {
    /// Takes the setting's two parts; `None` if `meta_key` (such as `HTTP_X_FORWARDED_PROTO`) names no header.
    #[must_use]
    pub fn new(meta_key: &str, value: &str) -> Option<Self> {
        Some(Self { name: header_of_meta_key(meta_key)?, value: value.to_owned() })
    }

    /// The header's name in lower case.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What the header's value says: its first comma part, stripped, equals the setting's value to the letter.
    #[must_use]
    pub fn scheme(&self, header: &str) -> Scheme {
        let first = header.split(',').next().unwrap_or_default();
        if crate::pytext::strip(first) == self.value { Scheme::Https } else { Scheme::Http }
    }
}

/// The name, in lower case, of the header that WSGI keeps under `key`: `HTTP_X_CSRFTOKEN` → `x-csrftoken`.
#[must_use]
pub fn header_of_meta_key(key: &str) -> Option<String> {
    let name = match key {
        "CONTENT_TYPE" | "CONTENT_LENGTH" => key,
        _ => key.strip_prefix("HTTP_").filter(|name| !name.is_empty())?,
    };
    Some(name.to_ascii_lowercase().replace('_', "-"))
}

/// `ALLOWED_HOSTS`, in lower case.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AllowedHosts(Vec<String>);

impl AllowedHosts {
    /// Takes the setting: exact hosts, `.example.com` for a domain and all below it, `*` for any.
    pub fn new<S: AsRef<str>>(patterns: impl IntoIterator<Item = S>) -> Self {
        Self(patterns.into_iter().map(|p| p.as_ref().to_lowercase()).collect())
    }

    /// As [`new`](Self::new) with `DEBUG` on: an empty list means this machine (C44).
    pub fn for_debug<S: AsRef<str>>(patterns: impl IntoIterator<Item = S>) -> Self {
        let hosts = Self::new(patterns);
        if hosts.0.is_empty() { Self::new([".localhost", "127.0.0.1", "[::1]"]) } else { hosts }
    }

    /// Whether `domain`, in lower case and without port, is allowed.
    #[must_use]
    pub fn allows(&self, domain: &str) -> bool {
        self.0.iter().any(|p| p == "*" || matches_lower(domain, p))
    }

    /// Whether nothing is allowed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// A host that passed [`HostRules::host`]: as sent, with its port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host(String);

impl Host {
    /// The host as sent.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The request names a host that this site is not.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DisallowedHost {
    /// No host name at all.
    #[error("invalid Host header: {host:?} is not a valid domain name")]
    Malformed {
        /// As sent.
        host: String,
    },
    /// Not in `ALLOWED_HOSTS`.
    #[error("invalid Host header: {host:?}; you may need to add {domain:?} to ALLOWED_HOSTS")]
    NotAllowed {
        /// As sent.
        host: String,
        /// What would have to be allowed.
        domain: String,
    },
}

/// Splits a host into its domain, in lower case and without a dot at its end, and its port, empty if none is given.
///
/// `None` unless it has the form of a name or of an IPv6 address in brackets (C44).
///
/// ```
/// use cloakroom_core::hosts::split_host_port;
///
/// assert_eq!(split_host_port("WWW.Example.com.:80"), Some(("www.example.com".into(), "80".into())));
/// assert_eq!(split_host_port("a_b"), None);
/// ```
#[must_use]
pub fn split_host_port(host: &str) -> Option<(String, String)> {
    let lower = lowercase(host);
    split_lower(&lower).map(|(domain, port)| (domain.to_owned(), port.to_owned()))
}

/// Python's `lower()`, without a copy of what is lower.
fn lowercase(text: &str) -> Cow<'_, str> {
    let is_lower = text.bytes().all(|b| b.is_ascii() && !b.is_ascii_uppercase());
    if is_lower { text.into() } else { text.to_lowercase().into() }
}

fn split_lower(host: &str) -> Option<(&str, &str)> {
    let end = match host.strip_prefix('[') {
        Some(address) => {
            let close = address.find(']')?;
            let (first, others) = address[..close].split_once(':')?;
            let is_address = first.bytes().all(is_lower_hex)
                && !others.is_empty()
                && others.bytes().all(|b| is_lower_hex(b) || b == b'.' || b == b':');
            if !is_address {
                return None;
            }
            close + 2
        }
        None => host
            .find(|c: char| !(c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '-')))
            .unwrap_or(host.len()),
    };
    let (domain, rest) = host.split_at(end);
    let port = match rest.strip_prefix(':') {
        Some(port) if !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit()) => port,
        None if rest.is_empty() => "",
        _ => return None,
    };
    let domain = domain.strip_suffix('.').unwrap_or(domain);
    (!domain.is_empty()).then_some((domain, port))
}

/// Whether `host` is `pattern`, or below it if the pattern begins with a dot; an empty pattern matches nothing (C25).
///
/// Only the pattern is lowered.
#[must_use]
pub fn is_same_domain(host: &str, pattern: &str) -> bool {
    matches_lower(host, &pattern.to_lowercase())
}

fn matches_lower(host: &str, pattern: &str) -> bool {
    match pattern.strip_prefix('.') {
        Some(domain) => host.ends_with(pattern) || host == domain,
        None => !pattern.is_empty() && host == pattern,
    }
}

const fn is_lower_hex(b: u8) -> bool {
    matches!(b, b'0'..=b'9' | b'a'..=b'f')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// H08, C44: what the pattern of Django takes and leaves.
    #[test]
    fn hosts_have_a_form() {
        for good in ["a", "a-b.c", "1.2.3.4:80", "[::1]", "[::1]:443", "[1:2.3]", "-", "a..", "K\u{212a}"] {
            assert!(split_host_port(good).is_some(), "{good}");
        }
        for bad in [
            "", ".", ":80", "a:", "a:b", "a:1:2", "a b", "a\n", "a/b", "a@b", "é", "[]", "[::1", "::1", "[g::]", "[:]",
            "[::1]x", "a:١",
        ] {
            assert_eq!(split_host_port(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn this_machine_is_allowed_in_debug_only() {
        let none: [&str; 0] = [];
        assert!(!AllowedHosts::new(none).allows("localhost"));
        let debug = AllowedHosts::for_debug(none);
        assert!(debug.allows("a.localhost") && debug.allows("[::1]") && !debug.allows("a.example"));
        assert!(!AllowedHosts::for_debug(["a.example"]).allows("localhost"));
        assert!(AllowedHosts::new(["*"]).allows("anything"));
        assert!(!AllowedHosts::new([""]).allows(""));
    }

    /// C44: the server's own name counts only without a Host header.
    #[test]
    fn the_server_name_stands_in_for_a_missing_host() {
        let rules = HostRules { allowed: AllowedHosts::new(["a.example"]), ..HostRules::default() };
        let facts = HostFacts { server_name: "a.example", server_port: "8080", ..HostFacts::default() };
        assert_eq!(rules.host(&facts, Scheme::Http).unwrap().as_str(), "a.example:8080");
        let facts = HostFacts { host: Some("evil"), ..facts };
        assert!(matches!(rules.host(&facts, Scheme::Http), Err(DisallowedHost::NotAllowed { .. })));
    }

    #[test]
    fn only_headers_have_header_names() {
        assert_eq!(header_of_meta_key("HTTP_X_A").as_deref(), Some("x-a"));
        assert_eq!(header_of_meta_key("CONTENT_TYPE").as_deref(), Some("content-type"));
        assert_eq!(header_of_meta_key("X_RAW"), None);
        assert_eq!(header_of_meta_key("HTTP_"), None);
    }

    proptest! {
        #[test]
        fn an_accepted_host_is_clean(host in "[a-zA-Z0-9.:\\[\\]@/ é-]{0,20}") {
            if let Some((domain, port)) = split_host_port(&host) {
                prop_assert!(!domain.contains(['@', '/', ' ']));
                prop_assert!(port.bytes().all(|b| b.is_ascii_digit()));
            }
        }
    }
}
