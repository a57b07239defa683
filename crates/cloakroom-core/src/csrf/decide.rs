//! The decision, in the order in which Django makes it (C23–C29).

use super::policy::{FetchMetadata, Policy};
use super::rejection::{Rejection, TokenSource};
use super::state::Stored;
use super::token::{check_format, matches};
use crate::hosts::{Scheme, is_same_domain};
use crate::urls::urlsplit;

/// What the check looks at in a request. Header values as text, each byte a character.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// The method, as sent.
    pub method: &'a str,
    /// By what it came (C45).
    pub scheme: Scheme,
    /// The host as sent, `None` if it is not allowed (C44).
    pub host: Option<&'a str>,
    /// The port, as [`HostRules::port`](crate::hosts::HostRules::port) gives it.
    pub port: &'a str,
    /// The `Origin` header.
    pub origin: Option<&'a str>,
    /// The `Referer` header.
    pub referer: Option<&'a str>,
    /// The `Sec-Fetch-Site` header.
    pub sec_fetch_site: Option<&'a str>,
}

/// What is known before the body is read.
#[must_use = "an ignored decision is an open door"]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// The method is safe.
    Pass,
    /// Refused, whatever the body says.
    Reject(Rejection),
    /// [`check_token`] decides.
    NeedsToken,
}

/// Decides what can be decided without the body: method, `Origin` or `Referer`, and that there is a secret (C23–C28).
///
/// Views that are exempt are not asked about here.
///
/// ```
/// use cloakroom_core::csrf::{Decision, Facts, Policy, PolicySettings, Rejection, Stored, decide_before_body};
/// use cloakroom_core::hosts::Scheme;
///
/// let policy = Policy::new(&PolicySettings::default()).unwrap();
/// let facts = Facts {
///     method: "POST",
///     scheme: Scheme::Https,
///     host: Some("a.example"),
///     port: "443",
///     origin: Some("https://a.example"),
///     referer: None,
///     sec_fetch_site: None,
/// };
/// let none = decide_before_body(&policy, &facts, &Stored::Absent);
/// assert_eq!(none, Decision::Reject(Rejection::NoCookie));
/// ```
pub fn decide_before_body(policy: &Policy, facts: &Facts<'_>, stored: &Stored) -> Decision {
    if is_safe_method(facts.method) {
        return Decision::Pass;
    }
    let verdict = check_fetch_metadata(policy, facts)
        .and_then(|()| match (facts.origin, facts.scheme) {
            (Some(origin), _) if is_good_origin(policy, facts, origin) => Ok(()),
            (Some(origin), _) => Err(Rejection::BadOrigin { origin: origin.to_owned() }),
            (None, Scheme::Https) => check_referer(policy, facts),
            (None, Scheme::Http) => Ok(()),
        })
        .and_then(|()| check_stored(stored));
    match verdict {
        Ok(()) => Decision::NeedsToken,
        Err(rejection) => Decision::Reject(rejection),
    }
}

/// Judges the token (C28, C29).
///
/// `form` is the last field `csrfmiddlewaretoken` of a form's body; hand it in only when [`reads_form`] says so and the
/// body is a form. `header` is the header that [`Policy::header_name`] names. An empty field counts as absent; a wrong
/// one is not rescued by a good header.
///
/// # Errors
///
/// The [`Rejection`].
pub fn check_token(
    policy: &Policy,
    stored: &Stored,
    form: Option<&str>,
    header: Option<&str>,
) -> Result<(), Rejection> {
    let secret = match stored {
        Stored::Known(secret) => secret,
        Stored::Absent => return Err(Rejection::NoCookie),
        Stored::Malformed(error) => return Err(Rejection::CookieFormat(*error)),
    };
    let (token, source) = match (form.filter(|t| !t.is_empty()), header, policy.header_source()) {
        (Some(token), _, _) => (token, &TokenSource::Post),
        (None, Some(token), Some(source)) => (token, source),
        _ => return Err(Rejection::TokenMissing),
    };
    check_format(token).map_err(|error| Rejection::TokenFormat { source: source.clone(), error })?;
    if matches(token, secret) { Ok(()) } else { Err(Rejection::TokenIncorrect { source: source.clone() }) }
}

/// Both steps at once, for callers that have the form already.
///
/// # Errors
///
/// The [`Rejection`].
pub fn decide(
    policy: &Policy,
    facts: &Facts<'_>,
    stored: &Stored,
    form: Option<&str>,
    header: Option<&str>,
) -> Result<(), Rejection> {
    match decide_before_body(policy, facts, stored) {
        Decision::Pass => Ok(()),
        Decision::Reject(rejection) => Err(rejection),
        Decision::NeedsToken => check_token(policy, stored, form.filter(|_| reads_form(facts.method)), header),
    }
}

/// Whether a method changes nothing: GET, HEAD, OPTIONS, TRACE (C23).
///
/// In any case of letters: Django's request turns the method to upper case before anybody looks at it.
#[must_use]
pub fn is_safe_method(method: &str) -> bool {
    ["GET", "HEAD", "OPTIONS", "TRACE"].iter().any(|safe| method.eq_ignore_ascii_case(safe))
}

/// Whether the body may carry the token: only that of a POST (C28, C29).
#[must_use]
pub fn reads_form(method: &str) -> bool {
    method.eq_ignore_ascii_case("POST")
}

fn check_fetch_metadata(policy: &Policy, facts: &Facts<'_>) -> Result<(), Rejection> {
    match (policy.fetch_metadata(), facts.sec_fetch_site) {
        (FetchMetadata::Enforce, Some(site @ ("cross-site" | "same-site")))
            if !facts.origin.is_some_and(|origin| policy.trusts_origin(origin)) =>
        {
            Err(Rejection::CrossSite { site: site.to_owned() })
        }
        _ => Ok(()),
    }
}

/// C24. The host is compared as sent (G47).
fn is_good_origin(policy: &Policy, facts: &Facts<'_>, origin: &str) -> bool {
    let is_own = facts.host.is_some_and(|host| {
        origin.strip_prefix(facts.scheme.as_str()).and_then(|rest| rest.strip_prefix("://")) == Some(host)
    });
    is_own || policy.trusts_origin(origin)
}

/// C26.
fn check_referer(policy: &Policy, facts: &Facts<'_>) -> Result<(), Rejection> {
    let referer = urlsplit(facts.referer.ok_or(Rejection::NoReferer)?).map_err(|_| Rejection::MalformedReferer)?;
    if referer.scheme.is_empty() || referer.netloc.is_empty() {
        return Err(Rejection::MalformedReferer);
    }
    if referer.scheme != "https" {
        return Err(Rejection::InsecureReferer);
    }
    let is_good = policy.trusts_netloc(&referer.netloc)
        || match (policy.cookie_domain(), facts.port) {
            (Some(domain), "443" | "80") => is_same_domain(&referer.netloc, domain),
            (Some(domain), port) => is_same_domain(&referer.netloc, &format!("{domain}:{port}")),
            (None, _) => facts.host.is_some_and(|host| is_same_domain(&referer.netloc, host)),
        };
    if is_good { Ok(()) } else { Err(Rejection::BadReferer { referer: referer.unsplit() }) }
}

fn check_stored(stored: &Stored) -> Result<(), Rejection> {
    match stored {
        Stored::Known(_) => Ok(()),
        Stored::Absent => Err(Rejection::NoCookie),
        Stored::Malformed(error) => Err(Rejection::CookieFormat(*error)),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::policy::PolicySettings;
    use super::super::token::{CsrfSecret, mask_with};
    use super::*;

    const SECRET: &str = "abcdefghijklmnopqrstuvwxyz012345";

    fn facts<'a>(method: &'a str, origin: Option<&'a str>) -> Facts<'a> {
        let scheme = Scheme::Https;
        Facts { method, scheme, host: Some("a.example"), port: "443", origin, referer: None, sec_fetch_site: None }
    }

    fn known() -> Stored {
        Stored::Known(CsrfSecret::from_stored(SECRET))
    }

    /// X02: the browser's word is a further lock, never a key.
    #[test]
    fn fetch_metadata_only_ever_refuses() {
        let trusted = [String::from("https://b.example")];
        let settings = PolicySettings {
            trusted_origins: &trusted,
            fetch_metadata: FetchMetadata::Enforce,
            ..PolicySettings::default()
        };
        let policy = Policy::new(&settings).unwrap();
        let ask = |site, origin| {
            decide_before_body(&policy, &Facts { sec_fetch_site: site, ..facts("POST", origin) }, &known())
        };
        for site in ["cross-site", "same-site"] {
            assert!(matches!(ask(Some(site), None), Decision::Reject(Rejection::CrossSite { .. })));
            assert!(matches!(
                ask(Some(site), Some("https://a.example")),
                Decision::Reject(Rejection::CrossSite { .. })
            ));
            assert_eq!(ask(Some(site), Some("https://b.example")), Decision::NeedsToken);
        }
        assert_eq!(ask(Some("same-origin"), Some("https://a.example")), Decision::NeedsToken);
        assert_eq!(ask(Some("same-origin"), None), Decision::Reject(Rejection::NoReferer));
        assert_eq!(ask(None, None), Decision::Reject(Rejection::NoReferer));
        let lax = Policy::new(&PolicySettings { trusted_origins: &trusted, ..PolicySettings::default() }).unwrap();
        let facts = Facts { sec_fetch_site: Some("cross-site"), ..facts("POST", Some("https://a.example")) };
        assert_eq!(decide_before_body(&lax, &facts, &known()), Decision::NeedsToken);
    }

    /// C29, X08: only the body of a POST is asked, and no other method is taken for a safe one.
    #[test]
    fn only_the_body_of_a_post_is_asked() {
        let policy = Policy::new(&PolicySettings::default()).unwrap();
        for method in ["PUT", "DELETE", "GETX", ""] {
            let facts = facts(method, Some("https://a.example"));
            assert_eq!(decide(&policy, &facts, &known(), Some(SECRET), None), Err(Rejection::TokenMissing));
            assert_eq!(decide(&policy, &facts, &known(), None, Some(SECRET)), Ok(()));
        }
    }

    proptest! {
        /// X01: an unsafe request passes only with a token of the stored secret and, over https, from a page of this
        /// host; nothing panics.
        #[test]
        fn only_proof_passes(
            method in "GET|POST|PUT|post|X",
            origin in prop::option::of("(https?://)?(a\\.example|evil|\\[::1)(:443)?/?"),
            referer in prop::option::of("(https?:)?//(a\\.example|evil|\\[::1)(:443)?(/x)?"),
            token in prop::option::of("[a-zA-Z0-9]{32}|[a-zA-Z0-9]{64}|\\PC{0,70}"),
            good in any::<bool>(), secret in any::<bool>(), mask in "[a-zA-Z0-9]{32}",
        ) {
            let policy = Policy::new(&PolicySettings::default()).unwrap();
            let stored = if secret { known() } else { Stored::Absent };
            let proof = mask_with(&CsrfSecret::from_stored(SECRET), &mask).unwrap();
            let form = if good { Some(proof.as_str()) } else { token.as_deref() };
            let facts = Facts { referer: referer.as_deref(), ..facts(&method, origin.as_deref()) };
            if decide(&policy, &facts, &stored, form, None).is_ok() && method != "GET" {
                prop_assert!(good && secret && reads_form(&method));
                match origin.as_deref() {
                    Some(origin) => prop_assert_eq!(origin, "https://a.example"),
                    None => prop_assert!(referer.is_some_and(|r| r == "https://a.example" || r == "https://a.example/x")),
                }
            }
        }
    }
}
