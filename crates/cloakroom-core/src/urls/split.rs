//! Python's `urlsplit` and `urlunsplit`, as of Python 3.13.0 (G30).

use std::net::Ipv6Addr;

use crate::pytext;

/// The five parts of a URL. An absent part is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SplitUrl {
    /// The scheme in lower case, without its colon.
    pub scheme: String,
    /// User, host and port as written.
    pub netloc: String,
    /// The path.
    pub path: String,
    /// The query without `?`.
    pub query: String,
    /// The fragment without `#`.
    pub fragment: String,
}

impl SplitUrl {
    /// Puts the parts together again, as Python's `urlunsplit`; empty parts lose their separators.
    ///
    /// ```
    /// use cloakroom_core::urls::urlsplit;
    ///
    /// assert_eq!(urlsplit("HTTPS://a.example?x=1#").unwrap().unsplit(), "https://a.example?x=1");
    /// ```
    #[must_use]
    pub fn unsplit(&self) -> String {
        let Self { scheme, netloc, path, query, fragment } = self;
        let mut url =
            String::with_capacity(scheme.len() + netloc.len() + path.len() + query.len() + fragment.len() + 6);
        if !scheme.is_empty() {
            url.push_str(scheme);
            url.push(':');
        }
        if !netloc.is_empty() {
            url.push_str("//");
            url.push_str(netloc);
            if !path.is_empty() && !path.starts_with('/') {
                url.push('/');
            }
        } else if path.starts_with("//")
            || (USES_NETLOC.contains(&scheme.as_str()) && (path.is_empty() || path.starts_with('/')))
        {
            url.push_str("//");
        }
        url.push_str(path);
        if !query.is_empty() {
            url.push('?');
            url.push_str(query);
        }
        if !fragment.is_empty() {
            url.push('#');
            url.push_str(fragment);
        }
        url
    }
}

/// Splits a URL as Python 3.13.0 does.
///
/// Control characters and spaces in front are dropped, tabs and line ends anywhere. Nothing is decoded.
///
/// ```
/// use cloakroom_core::urls::urlsplit;
///
/// let url = urlsplit("\tHTTP://A.example:80/p?q#f").unwrap();
/// assert_eq!((url.scheme.as_str(), url.netloc.as_str(), url.path.as_str()), ("http", "A.example:80", "/p"));
/// assert!(urlsplit("http://[::1").is_err());
/// ```
///
/// # Errors
///
/// - [`SplitError::Brackets`]: a bracket without its pair, or no IPv6 address within.
/// - [`SplitError::Normalization`]: the host would hold one of `/?#@:` after NFKC.
/// - [`SplitError::TooLong`]: a host with letters beyond ASCII and more than 2,048 bytes. Python has no such limit;
///   without it the check above is the lever of an attack (A20).
pub fn urlsplit(url: &str) -> Result<SplitUrl, SplitError> {
    let url: String =
        url.trim_start_matches(|c| c <= ' ').chars().filter(|c| !matches!(c, '\t' | '\r' | '\n')).collect();
    let mut split = SplitUrl::default();
    let mut rest = url.as_str();
    if let Some((scheme, after)) = rest.split_once(':')
        && scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.'))
    {
        split.scheme = scheme.to_ascii_lowercase();
        rest = after;
    }
    if let Some(after) = rest.strip_prefix("//") {
        let end = after.find(['/', '?', '#']).unwrap_or(after.len());
        let (netloc, path) = after.split_at(end);
        check_brackets(netloc)?;
        netloc.clone_into(&mut split.netloc);
        rest = path;
    }
    if let Some((before, fragment)) = rest.split_once('#') {
        fragment.clone_into(&mut split.fragment);
        rest = before;
    }
    if let Some((before, query)) = rest.split_once('?') {
        query.clone_into(&mut split.query);
        rest = before;
    }
    check_normalization(&split.netloc)?;
    rest.clone_into(&mut split.path);
    Ok(split)
}

/// Why a URL cannot be split. Python raises `ValueError`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SplitError {
    /// A bracket without its pair, or something else than an IPv6 address within.
    #[error("the URL's host has a bad IPv6 address")]
    Brackets,
    /// The host would hold a separator after NFKC.
    #[error("the URL's host holds characters that turn into separators")]
    Normalization,
    /// The host is too long to be looked at.
    #[error("the URL's host is too long")]
    TooLong,
}

fn check_brackets(netloc: &str) -> Result<(), SplitError> {
    let Some((_, after)) = netloc.split_once('[') else {
        return if netloc.contains(']') { Err(SplitError::Brackets) } else { Ok(()) };
    };
    if !netloc.contains(']') {
        return Err(SplitError::Brackets);
    }
    // As Python's partition: without a bracket after the opening one, the rest counts as the host.
    let host = after.split_once(']').map_or(after, |(host, _)| host);
    let valid = match host.strip_prefix('v') {
        Some(future) => future.split_once('.').is_some_and(|(version, address)| {
            !version.is_empty() && version.bytes().all(|b| b.is_ascii_hexdigit()) && !address.is_empty()
        }),
        None => match host.split_once('%') {
            Some((address, scope)) => !scope.is_empty() && !scope.contains('%') && address.parse::<Ipv6Addr>().is_ok(),
            None => host.parse::<Ipv6Addr>().is_ok(),
        },
    };
    if valid { Ok(()) } else { Err(SplitError::Brackets) }
}

fn check_normalization(netloc: &str) -> Result<(), SplitError> {
    if netloc.is_ascii() {
        return Ok(());
    }
    if netloc.len() > MAX_NORMALIZED_BYTES {
        return Err(SplitError::TooLong);
    }
    let bare: String = netloc.chars().filter(|c| !matches!(c, '@' | ':' | '#' | '?')).collect();
    let normal = pytext::nfkc(&bare);
    if normal != bare && normal.contains(['/', '?', '#', '@', ':']) {
        return Err(SplitError::Normalization);
    }
    Ok(())
}

const MAX_NORMALIZED_BYTES: usize = 2048;

const USES_NETLOC: [&str; 26] = [
    "ftp",
    "http",
    "gopher",
    "nntp",
    "telnet",
    "imap",
    "wais",
    "file",
    "mms",
    "https",
    "shttp",
    "snews",
    "prospero",
    "rtsp",
    "rtsps",
    "rtspu",
    "rsync",
    "svn",
    "svn+ssh",
    "sftp",
    "nfs",
    "git",
    "git+ssh",
    "ws",
    "wss",
    "itms-services",
];

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use proptest::prelude::*;

    use super::*;

    /// G30: brackets, as Python 3.13.0 answers.
    #[test]
    fn bracketed_hosts_must_be_addresses() {
        for good in ["//[::1]/", "//[fe80::1%eth0]", "//u@[::ffff:1.2.3.4]:80", "//[v1f.x]", "//[1:2:3:4:5:6:7::]"] {
            assert!(urlsplit(good).is_ok(), "{good}");
        }
        for bad in [
            "//[::1",
            "//::1]",
            "//]::1[",
            "//[evil.com]",
            "//[1.2.3.4]",
            "//[v.x]",
            "//[vg.x]",
            "//[v1.]",
            "//[::1%]",
            "//[::1%a%b]",
            "//[1:2:3:4:5:6:7:8::]",
            "//[]",
            "//[::01.2.3.4]",
        ] {
            assert_eq!(urlsplit(bad), Err(SplitError::Brackets), "{bad}");
        }
    }

    #[test]
    fn a_scheme_needs_its_grammar() {
        assert_eq!(urlsplit("a+b.c-1:x").unwrap().scheme, "a+b.c-1");
        for none in ["1a:x", ":x", "a_b:x", "é:x", "/a:x", "?a:x"] {
            assert_eq!(urlsplit(none).unwrap().scheme, "", "{none}");
        }
    }

    /// A20: a long host is refused before it is normalised.
    #[test]
    fn a_megabyte_of_fractions_costs_nothing() {
        let url = format!("//{}/", "¾".repeat(500_000));
        let start = Instant::now();
        assert_eq!(urlsplit(&url), Err(SplitError::TooLong));
        assert!(start.elapsed() < Duration::from_millis(500));
    }

    proptest! {
        #[test]
        fn any_text_splits_or_is_refused(url in "[a-z:/?#@\\[\\]\\\\%.\t\u{2100}\u{ff0f} ]{0,40}") {
            if let Ok(split) = urlsplit(&url) {
                prop_assert!(!split.netloc.contains(['/', '?', '#']));
                prop_assert!(!split.path.contains(['?', '#']));
            }
        }
    }
}
