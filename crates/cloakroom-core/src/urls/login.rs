//! Where an anonymous visitor is sent, and the request's own address (A131, A132, A134).

use super::quote::{escape_uri_path, iri_to_uri, percent_encode, query_part};
use super::split::{SplitError, SplitUrl, urlsplit};
use crate::hosts::Scheme;

/// The address of a request as Django sees it.
#[derive(Clone, Copy, Debug)]
pub struct RequestUrl<'a> {
    /// By what it came (C45).
    pub scheme: Scheme,
    /// The validated host, port included as sent (C44).
    pub host: &'a str,
    /// The decoded path; see [`decode_path`](super::decode_path).
    pub path: &'a str,
    /// The query as sent, without `?`; each byte a character (WSGI reads it as Latin-1).
    pub query: &'a str,
}

/// What [`login_required_location`] needs from the settings.
#[derive(Clone, Copy, Debug)]
pub struct LoginRedirect<'a> {
    /// `LOGIN_URL` after [`resolve`].
    pub login_url: &'a str,
    /// The name of the query field, `next` by default; `None` or empty to send none.
    pub field: Option<&'a str>,
}

/// Returns the login page's address with `next` in its query (A131).
///
/// The query of `login_url` is read and written anew: an older `next` is replaced in its place, repeated fields move
/// together, blank values stay. Without a field name the query is left alone.
///
/// ```
/// use cloakroom_core::urls::redirect_to_login;
///
/// let url = redirect_to_login("/a?b=c d", "/login/?next=/old/&x=", Some("next")).unwrap();
/// assert_eq!(url, "/login/?next=/a%3Fb%3Dc%20d&x=");
/// ```
///
/// # Errors
///
/// [`SplitError`] when `login_url` is no URL.
pub fn redirect_to_login(next: &str, login_url: &str, field: Option<&str>) -> Result<String, SplitError> {
    let mut url = urlsplit(login_url)?;
    if let Some(field) = field.filter(|f| !f.is_empty()) {
        url.query = with_field(&url.query, field, next);
    }
    Ok(url.unsplit())
}

/// Returns where a guarded page sends an anonymous visitor: to the login page, with the page's path as `next`, or its
/// whole address if the login page is elsewhere (A132).
///
/// # Errors
///
/// [`SplitError`] when `login_url` is no URL.
pub fn login_required_location(request: &RequestUrl<'_>, login: &LoginRedirect<'_>) -> Result<String, SplitError> {
    let url = urlsplit(login.login_url)?;
    let same_scheme = url.scheme.is_empty() || url.scheme == request.scheme.as_str();
    let same_host = url.netloc.is_empty() || url.netloc == request.host;
    let next = if same_scheme && same_host { full_path(request.path, request.query) } else { absolute_uri(request) };
    redirect_to_login(&next, login.login_url, login.field)
}

/// `request.get_full_path()`: the encoded path and the query (A133).
#[must_use]
pub fn full_path(path: &str, query: &str) -> String {
    let mut out = escape_uri_path(path);
    if !query.is_empty() {
        out.push('?');
        out.push_str(&iri_to_uri(query));
    }
    out
}

/// `request.build_absolute_uri()`: scheme, host, path and query; `.` and `..` segments are resolved.
#[must_use]
pub fn absolute_uri(request: &RequestUrl<'_>) -> String {
    let path = full_path(request.path, request.query);
    let address = &path[..path.find('?').unwrap_or(path.len())];
    let uri = if address.contains("/./") || address.contains("/../") {
        let (rest, fragment) = path.split_once('#').unwrap_or((&path, ""));
        let (_, query) = rest.split_once('?').unwrap_or((rest, ""));
        let url = SplitUrl {
            scheme: request.scheme.as_str().to_owned(),
            netloc: request.host.to_owned(),
            path: resolve_dots(address),
            query: query.to_owned(),
            fragment: fragment.to_owned(),
        };
        url.unsplit()
    } else {
        format!("{}://{}{path}", request.scheme.as_str(), request.host)
    };
    iri_to_uri(&uri)
}

/// Turns a setting into a URL: relative paths and names of routes first, then any text that looks like a URL (A134).
///
/// ```
/// use cloakroom_core::urls::resolve;
///
/// let reverse = |name: &str| (name == "login").then(|| String::from("/accounts/login/"));
/// assert_eq!(resolve("login", reverse).as_deref(), Ok("/accounts/login/"));
/// assert_eq!(resolve("/in/", reverse).as_deref(), Ok("/in/"));
/// assert!(resolve("nowhere", reverse).is_err());
/// ```
///
/// # Errors
///
/// [`NoReverseMatch`] for a text that is neither a route's name nor has a `/` or `.`.
pub fn resolve(to: &str, reverse: impl FnOnce(&str) -> Option<String>) -> Result<String, NoReverseMatch> {
    if to.starts_with("./") || to.starts_with("../") {
        return Ok(to.to_owned());
    }
    match reverse(to) {
        Some(url) => Ok(url),
        None if to.contains(['/', '.']) => Ok(to.to_owned()),
        None => Err(NoReverseMatch { name: to.to_owned() }),
    }
}

/// No route has this name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no route is named '{name}'")]
pub struct NoReverseMatch {
    /// The name looked for.
    pub name: String,
}

fn with_field(query: &str, field: &str, value: &str) -> String {
    // Grouped by name in order of first appearance, as Django's QueryDict keeps them.
    let mut fields: indexmap::IndexMap<String, Vec<String>> = indexmap::IndexMap::new();
    for part in query.split('&').filter(|p| !p.is_empty()) {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        fields.entry(query_part(name)).or_default().push(query_part(value));
    }
    fields.insert(field.to_owned(), vec![value.to_owned()]);
    let pairs: Vec<String> = fields
        .iter()
        .flat_map(|(name, values)| values.iter().map(move |value| (name, value)))
        .map(|(name, value)| format!("{}={}", percent_encode(name, "/"), percent_encode(value, "/")))
        .collect();
    pairs.join("&")
}

/// Python's `urljoin` for an absolute path.
fn resolve_dots(path: &str) -> String {
    let mut resolved = Vec::new();
    let mut ends_open = false;
    for segment in path.split('/') {
        ends_open = matches!(segment, "." | "..");
        match segment {
            ".." => {
                resolved.pop();
            }
            "." => {}
            _ => resolved.push(segment),
        }
    }
    if ends_open {
        resolved.push("");
    }
    let joined = resolved.join("/");
    if joined.is_empty() { String::from("/") } else { joined }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(path: &str) -> RequestUrl<'_> {
        RequestUrl { scheme: Scheme::Http, host: "a.example", path, query: "" }
    }

    /// As `urljoin("http://a.example/…", "///b/../c/./d/..")` in Python.
    #[test]
    fn dots_in_an_absolute_uri_are_resolved() {
        assert_eq!(absolute_uri(&request("/b/../c/./d/..")), "http://a.example/c/");
        assert_eq!(absolute_uri(&request("/../b")), "http://a.example/b");
        assert_eq!(absolute_uri(&request("/a/..")), "http://a.example/a/..");
        assert_eq!(absolute_uri(&request("//b")), "http://a.example//b");
    }

    #[test]
    fn repeated_fields_move_together() {
        assert_eq!(redirect_to_login("/", "/l?a=1&b=&a=2&&c", Some("next")).as_deref(), Ok("/l?a=1&a=2&b=&c=&next=/"));
        assert_eq!(redirect_to_login("/", "/l?a=%zz", None).as_deref(), Ok("/l?a=%zz"));
    }
}
