//! Which `next` may be followed (A119, A130).

use super::category::is_other;
use super::split::urlsplit;
use crate::pytext;

/// The longest URL, in characters, that is looked at (A20, A130).
pub const MAX_URL_LENGTH: usize = 2048;

/// Whether only https is good enough.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequireHttps {
    /// Only https, for a request that came by https.
    Yes,
    /// http too.
    No,
}

/// A redirect target that [`url_has_allowed_host_and_scheme`] let pass: only [`check`](Self::check) makes one.
///
/// ```
/// use cloakroom_core::urls::{RequireHttps, SafeNext};
///
/// assert!(SafeNext::check("//evil.example/", &["a.example"], RequireHttps::No).is_none());
/// let next = SafeNext::check("/inbox/?page=2", &["a.example"], RequireHttps::No).unwrap();
/// assert_eq!(next.as_str(), "/inbox/?page=2");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SafeNext(String);

impl SafeNext {
    /// Takes `url` if it stays with these hosts.
    #[must_use]
    pub fn check(url: &str, hosts: &[&str], require_https: RequireHttps) -> Option<Self> {
        url_has_allowed_host_and_scheme(url, hosts, require_https).then(|| Self(url.to_owned()))
    }

    /// The URL as it was given, white space around it included (A130).
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The URL as it was given.
    #[must_use]
    pub fn into_string(self) -> String {
        self.0
    }
}

/// Whether `url` leads to one of `hosts`, or to no host at all, by http or https (A130).
///
/// Hosts are compared as text, port included. The URL is judged twice, as it is and with `\` for `/`, since browsers
/// take the one for the other. An empty URL is refused. `true` does not mean that the URL is well encoded.
#[must_use]
pub fn url_has_allowed_host_and_scheme(url: &str, hosts: &[&str], require_https: RequireHttps) -> bool {
    let url = pytext::strip(url);
    if url.is_empty() || url.chars().nth(MAX_URL_LENGTH).is_some() {
        return false;
    }
    is_allowed(url, hosts, require_https)
        && (!url.contains('\\') || is_allowed(&url.replace('\\', "/"), hosts, require_https))
}

/// The page to go to after signing in or out: the form's `next` over the query's, if it is safe (A119).
///
/// `None` means the site's own choice: `LOGIN_REDIRECT_URL` and the like.
#[must_use]
pub fn next_page(
    form: Option<&str>,
    query: Option<&str>,
    hosts: &[&str],
    require_https: RequireHttps,
) -> Option<SafeNext> {
    SafeNext::check(form.or(query)?, hosts, require_https)
}

fn is_allowed(url: &str, hosts: &[&str], require_https: RequireHttps) -> bool {
    // Browsers take any number of slashes for two.
    if url.starts_with("///") || url.chars().next().is_none_or(is_other) {
        return false;
    }
    let Ok(split) = urlsplit(url) else {
        return false;
    };
    match (split.scheme.as_str(), split.netloc.as_str()) {
        ("", "") => true,
        // http:///evil.example has no host here and one in browsers.
        (_, "") => false,
        (scheme, host) => {
            hosts.contains(&host)
                && match scheme {
                    "https" => true,
                    "http" | "" => require_https == RequireHttps::No,
                    _ => false,
                }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use proptest::prelude::*;

    use super::*;

    /// X09: Django's corpus of tests/utils_tests/test_http.py in spirit; the vectors have the rest.
    #[test]
    fn other_hosts_and_schemes_are_refused() {
        for bad in
            ["http:///a.example", "\\\\evil", "\u{8}//a.example", "\u{378}/", "javascript:x", "//u@a.example", "///"]
        {
            assert!(!url_has_allowed_host_and_scheme(bad, &["a.example"], RequireHttps::No), "{bad:?}");
        }
        assert!(!url_has_allowed_host_and_scheme("//a.example/", &["a.example"], RequireHttps::Yes));
    }

    /// A20.
    #[test]
    fn a_megabyte_is_refused_at_once() {
        let url = format!("//{}", "¾".repeat(500_000));
        let start = Instant::now();
        assert!(!url_has_allowed_host_and_scheme(&url, &["a.example"], RequireHttps::No));
        assert!(start.elapsed() < Duration::from_millis(100));
    }

    #[test]
    fn the_forms_next_beats_the_querys() {
        let next = next_page(Some("//evil"), Some("/ok"), &["a"], RequireHttps::No);
        assert_eq!(next, None);
        assert_eq!(next_page(None, Some(" /ok"), &["a"], RequireHttps::No).unwrap().as_str(), " /ok");
    }

    proptest! {
        /// X09: whatever passes has no host or the allowed one, also to a reader that takes `\` for `/` and drops
        /// tabs and line ends.
        #[test]
        fn what_passes_stays_on_the_host(url in "[ \t\n\\\\/:@#?.a-zA-Z\u{0}\u{a0}\u{2100}\u{ff0f}]{0,24}") {
            if url_has_allowed_host_and_scheme(&url, &["a"], RequireHttps::No) {
                let seen: String = url.trim().chars().filter(|c| !matches!(c, '\t' | '\r' | '\n')).collect::<String>().replace('\\', "/");
                let scheme = seen.split_once(':').filter(|(s, _)| ["http", "https"].iter().any(|h| s.eq_ignore_ascii_case(h)));
                let rest = scheme.map_or(seen.as_str(), |(_, rest)| rest);
                // A tab between slashes passes in Django too; `Location` has it as %09, so no browser drops it.
                if let Some(authority) = rest.strip_prefix("//").filter(|a| !a.starts_with('/')) {
                    let host = authority.split(['/', '?', '#']).next().unwrap_or_default();
                    prop_assert!(matches!(host, "" | "a"), "{:?}", url);
                }
            }
        }
    }
}
