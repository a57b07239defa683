//! What a request says of itself, read once.

use std::borrow::Cow;
use std::net::{IpAddr, SocketAddr};

use axum::extract::{ConnectInfo, OriginalUri};
use cloakroom_core::cookies;
use cloakroom_core::hosts::{DisallowedHost, Forwarded, HostFacts, Scheme};
use cloakroom_core::urls::decode_path;
use http::header::{AsHeaderName, COOKIE, HOST, ORIGIN, REFERER, USER_AGENT};
use http::request::Parts;
use http::uri::Authority;
use http::{Extensions, HeaderMap, HeaderName, HeaderValue, Method, Request, Uri, Version};

use crate::config::SecurityConfig;
use crate::interrupted::FormPost;
use crate::site::GoodHosts;

/// What the server knows of a connection. A server puts it into each request's extensions; without it, the scheme is
/// http, the port is the settings', and the peer is axum's `ConnectInfo<SocketAddr>` if that is there.
#[derive(Clone, Copy, Debug)]
pub struct Connection {
    /// Who connected.
    pub peer: Option<SocketAddr>,
    /// What they connected to.
    pub local: Option<SocketAddr>,
    /// Whether the connection itself is encrypted.
    pub scheme: Scheme,
}

/// What a request says before its body.
#[derive(Clone, Copy)]
pub(crate) struct Head<'r> {
    pub(crate) method: &'r Method,
    pub(crate) uri: &'r Uri,
    pub(crate) version: Version,
    pub(crate) headers: &'r HeaderMap,
    pub(crate) extensions: &'r Extensions,
}

impl<'r> From<&'r Parts> for Head<'r> {
    fn from(parts: &'r Parts) -> Self {
        let Parts { method, uri, version, headers, extensions, .. } = parts;
        Self { method, uri, version: *version, headers, extensions }
    }
}

impl<'r, B> From<&'r Request<B>> for Head<'r> {
    fn from(request: &'r Request<B>) -> Self {
        Self {
            method: request.method(),
            uri: request.uri(),
            version: request.version(),
            headers: request.headers(),
            extensions: request.extensions(),
        }
    }
}

#[derive(Debug)]
pub(crate) struct Facts {
    pub(crate) method: Method,
    pub(crate) uri: Uri,
    pub(crate) scheme: Scheme,
    host: Result<HostText, DisallowedHost>,
    pub(crate) peer: Option<IpAddr>,
    pub(crate) client: Option<IpAddr>,
    pub(crate) agent: Option<HeaderValue>,
    pub(crate) form_post: Option<FormPost>,
    cookies: Cookies,
}

/// The text of the `Cookie` headers, without a copy where there is one header in UTF-8.
enum Cookies {
    None,
    One(HeaderValue),
    Text(Box<str>),
}

/// The host, without a copy where the request has it as it is.
#[derive(Debug)]
enum HostText {
    Header(HeaderValue),
    Authority(Authority),
    Text(Box<str>),
}

impl HostText {
    /// The host, if it is allowed (C44).
    fn read(head: Head<'_>, config: &SecurityConfig, scheme: Scheme, good: &GoodHosts) -> Result<Self, DisallowedHost> {
        let header = match one(head.headers, HOST) {
            Lines::One(header) if config.hosts.forwarded_host == Forwarded::Ignore => Some(header),
            _ => None,
        };
        if let Some(header) = header.filter(|header| good.has(header)) {
            return Ok(Self::Header(header.clone()));
        }
        with_host_facts(head, config, scheme, |facts| {
            let text = config.hosts.host_text(facts, scheme)?;
            header.inspect(|header| good.add(header));
            Ok(Self::of(&text, head.headers, head.uri))
        })
    }

    fn of(text: &str, headers: &HeaderMap, uri: &Uri) -> Self {
        if let Some(value) = headers.get(HOST).filter(|value| value.as_bytes() == text.as_bytes()) {
            return Self::Header(value.clone());
        }
        match uri.authority().filter(|authority| authority.as_str() == text) {
            Some(authority) => Self::Authority(authority.clone()),
            None => Self::Text(text.into()),
        }
    }

    fn as_str(&self) -> &str {
        match self {
            // A host that passed is ASCII.
            Self::Header(value) => value.to_str().unwrap_or_default(),
            Self::Authority(authority) => authority.as_str(),
            Self::Text(text) => text,
        }
    }
}

impl Facts {
    pub(crate) fn read(head: Head<'_>, config: &SecurityConfig, good: &GoodHosts) -> Self {
        let Head { method, uri, headers, extensions, .. } = head;
        let connection = extensions.get::<Connection>().copied();
        let socket = connection.map_or(Scheme::Http, |c| c.scheme);
        let proxy = config.hosts.proxy_ssl_header.as_ref().and_then(|rule| header_text(headers, rule.name()));
        let scheme = config.hosts.scheme(socket, proxy.as_deref());
        let peer = peer(extensions, connection);
        let client = match config.proxies.is_empty() {
            true => peer,
            false => peer.map(|peer| config.proxies.client(peer, header_text(headers, "x-forwarded-for").as_deref())),
        };
        Self {
            method: method.clone(),
            uri: extensions.get::<OriginalUri>().map_or_else(|| uri.clone(), |OriginalUri(uri)| uri.clone()),
            scheme,
            host: HostText::read(head, config, scheme, good),
            peer,
            client,
            form_post: (*method == Method::POST).then(|| form_post(headers)),
            agent: headers.get(USER_AGENT).cloned(),
            cookies: Cookies::read(headers),
        }
    }

    /// The host as sent, if it is allowed.
    pub(crate) fn host(&self) -> Result<&str, &DisallowedHost> {
        self.host.as_ref().map(HostText::as_str)
    }

    pub(crate) fn cookie_header(&self) -> &str {
        match &self.cookies {
            Cookies::None => "",
            Cookies::One(value) => std::str::from_utf8(value.as_bytes()).unwrap_or_default(),
            Cookies::Text(text) => text,
        }
    }

    /// One of the cookies, without a look at the others.
    pub(crate) fn cookie(&self, name: &str) -> Option<Cow<'_, str>> {
        match &self.cookies {
            Cookies::None => None,
            Cookies::One(value) => cookies::find_in_bytes(value.as_bytes(), name),
            Cookies::Text(text) => cookies::find(text, name),
        }
    }

    pub(crate) fn path(&self) -> Cow<'_, str> {
        decode_path(self.uri.path())
    }

    /// The query as WSGI gives it: each byte a character.
    pub(crate) fn query(&self) -> Cow<'_, str> {
        let query = self.uri.query().unwrap_or_default();
        if query.is_ascii() { query.into() } else { query.bytes().map(char::from).collect::<String>().into() }
    }
}

impl Cookies {
    fn read(headers: &HeaderMap) -> Self {
        match one(headers, COOKIE) {
            Lines::None => Self::None,
            Lines::One(one) if is_utf8(one.as_bytes()) => Self::One(one.clone()),
            _ => Self::Text(cookies::header_text(headers.get_all(COOKIE).iter().map(HeaderValue::as_bytes)).into()),
        }
    }
}

/// Names only: values are as good as passwords (L03).
impl std::fmt::Debug for Cookies {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Cookies(***)")
    }
}

/// Calls `with` with what the request says of its host (C44).
pub(crate) fn with_host_facts<R>(
    head: Head<'_>,
    config: &SecurityConfig,
    scheme: Scheme,
    with: impl FnOnce(&HostFacts<'_>) -> R,
) -> R {
    let headers = head.headers;
    let authority = || {
        // HTTP/2 has no Host header but an authority; in HTTP/1 the header alone counts.
        let authority = head.uri.authority().filter(|_| head.version >= Version::HTTP_2)?;
        Some(Cow::Borrowed(authority.as_str()))
    };
    let host = header_text(headers, HOST).or_else(authority);
    let trusted = |rule: Forwarded, name| (rule == Forwarded::Trust).then(|| header_text(headers, name)).flatten();
    let forwarded_host = trusted(config.hosts.forwarded_host, "x-forwarded-host");
    let forwarded_port = trusted(config.hosts.forwarded_port, "x-forwarded-port");
    let local = head.extensions.get::<Connection>().and_then(|c| c.local);
    let port = local.map(|l| l.port()).or(config.server_port);
    let mut digits = [0; 5];
    let port = port.map_or(if scheme.is_secure() { "443" } else { "80" }, |p| decimal(p, &mut digits));
    with(&HostFacts {
        host: host.as_deref(),
        x_forwarded_host: forwarded_host.as_deref(),
        x_forwarded_port: forwarded_port.as_deref(),
        server_name: &config.server_name,
        server_port: port,
    })
}

/// A header as WSGI gives it: several lines joined by commas, each byte a character.
pub(crate) fn header_text(headers: &HeaderMap, name: impl AsHeaderName) -> Option<Cow<'_, str>> {
    let mut values = headers.get_all(name).iter();
    let first = latin1(values.next()?.as_bytes());
    Some(values.fold(first, |mut text, value| {
        text.to_mut().push(',');
        text.to_mut().push_str(&latin1(value.as_bytes()));
        text
    }))
}

/// How often a header stands there.
enum Lines<'h> {
    None,
    One(&'h HeaderValue),
    Several,
}

fn one(headers: &HeaderMap, name: HeaderName) -> Lines<'_> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (None, _) => Lines::None,
        (Some(value), None) => Lines::One(value),
        _ => Lines::Several,
    }
}

/// Nearly all are ASCII, which is sooner seen.
fn is_utf8(bytes: &[u8]) -> bool {
    bytes.is_ascii() || std::str::from_utf8(bytes).is_ok()
}

fn latin1(bytes: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) if text.is_ascii() => text.into(),
        _ => bytes.iter().map(|&b| char::from(b)).collect::<String>().into(),
    }
}

fn form_post(headers: &HeaderMap) -> FormPost {
    let text = |name: HeaderName| header_text(headers, name).map(|text| text.as_ref().into());
    let mode = headers.get("sec-fetch-mode");
    FormPost {
        origin: text(ORIGIN),
        referer: text(REFERER),
        navigates: mode.is_none_or(|mode| mode == "navigate") && !headers.contains_key("x-requested-with"),
    }
}

fn peer(extensions: &Extensions, connection: Option<Connection>) -> Option<IpAddr> {
    let address = match connection {
        Some(connection) => connection.peer,
        None => extensions.get::<ConnectInfo<SocketAddr>>().map(|ConnectInfo(address)| *address),
    };
    address.map(|a| a.ip().to_canonical())
}

fn decimal(mut n: u16, digits: &mut [u8; 5]) -> &str {
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + (n % 10) as u8;
        n /= 10;
        if n == 0 {
            break;
        }
    }
    std::str::from_utf8(&digits[at..]).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(headers: &[(&'static str, &[u8])], config: &SecurityConfig, good: &GoodHosts) -> Facts {
        let mut request = Request::new(());
        for (name, value) in headers {
            request.headers_mut().append(*name, HeaderValue::from_bytes(value).unwrap());
        }
        Facts::read((&request).into(), config, good)
    }

    /// K19: several Cookie lines are one list, and bad bytes are replaced.
    #[test]
    fn cookie_lines_are_one_list() {
        let read =
            facts(&[("cookie", b"a=1"), ("cookie", b"b=\xff")], &SecurityConfig::default(), &GoodHosts::default());
        assert_eq!(read.cookie_header(), "a=1; b=\u{fffd}");
        let read = facts(&[("cookie", "a=é".as_bytes())], &SecurityConfig::default(), &GoodHosts::default());
        assert_eq!(read.cookie_header(), "a=é");
    }

    /// G02: a repeated Host header is no host.
    #[test]
    fn two_hosts_are_none() {
        let mut config = SecurityConfig::default();
        let good = GoodHosts::default();
        config.hosts.allowed = cloakroom_core::hosts::AllowedHosts::new(["*"]);
        assert!(facts(&[("host", b"a.example")], &config, &good).host().is_ok());
        assert!(facts(&[("host", b"a.example"), ("host", b"a.example")], &config, &good).host().is_err());
        assert!(facts(&[("host", b"\xe9.example")], &config, &good).host().is_err());
    }

    /// C44: that a host was allowed says nothing of another.
    #[test]
    fn each_host_is_looked_at() {
        let mut config = SecurityConfig::default();
        config.hosts.allowed = cloakroom_core::hosts::AllowedHosts::new(["a.example"]);
        let good = GoodHosts::default();
        for (host, allowed) in [("b.example", false), ("a.example", true), ("a.example", true), ("b.example", false)] {
            let read = facts(&[("host", host.as_bytes())], &config, &good);
            assert_eq!(read.host().ok(), allowed.then_some(host));
        }
        assert!(facts(&[("host", b"a.example"), ("host", b"a.example")], &config, &good).host().is_err());
        config.hosts.forwarded_host = Forwarded::Trust;
        let forwarded: [(_, &[u8]); 2] = [("host", b"a.example"), ("x-forwarded-host", b"b.example")];
        assert!(facts(&forwarded, &config, &good).host().is_err());
    }

    #[test]
    fn ports_are_written_in_decimal() {
        for (n, text) in [(0, "0"), (80, "80"), (65535, "65535")] {
            assert_eq!(decimal(n, &mut [0; 5]), text);
        }
    }
}
