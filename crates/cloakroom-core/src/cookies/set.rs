//! `Set-Cookie`: one value, and the collection of a response (K10–K16).

use std::borrow::Cow;
use std::fmt;

use super::quote::{is_legal_name, quote};
use crate::clock::Timestamp;

/// What the settings say of a cookie: everything but its value and age.
///
/// ```
/// use cloakroom_core::cookies::{CookieSpec, SameSite};
/// use cloakroom_core::clock::Timestamp;
///
/// let spec = CookieSpec { http_only: true, same_site: Some(SameSite::LAX), ..CookieSpec::new("sessionid") };
/// let text = spec.set("k").max_age(1209600.0).to_header_value(Timestamp::from_secs(1_767_323_045)).unwrap();
/// assert_eq!(
///     text,
///     "sessionid=k; expires=Fri, 16 Jan 2026 03:04:05 GMT; HttpOnly; Max-Age=1209600; Path=/; SameSite=Lax",
/// );
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CookieSpec {
    /// The cookie's name.
    pub name: String,
    /// The `Domain` attribute.
    pub domain: Option<String>,
    /// The `Path` attribute; nothing is written for an empty one.
    pub path: String,
    /// Whether `Secure` is written.
    pub secure: bool,
    /// Whether `HttpOnly` is written.
    pub http_only: bool,
    /// The `SameSite` attribute.
    pub same_site: Option<SameSite>,
}

impl CookieSpec {
    /// A cookie of this name for the whole host, without further attributes.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            domain: None,
            path: String::from("/"),
            secure: false,
            http_only: false,
            same_site: None,
        }
    }

    /// Starts a `Set-Cookie` with this value.
    pub fn set(&self, value: impl Into<String>) -> SetCookie {
        SetCookie {
            name: self.name.clone(),
            value: value.into(),
            max_age: None,
            expires: None,
            path: Some(self.path.clone()),
            domain: self.domain.clone(),
            secure: self.secure,
            http_only: self.http_only,
            same_site: self.same_site.clone(),
        }
    }

    /// Starts the `Set-Cookie` that takes the cookie away, as Django's `delete_cookie` (K14, C08).
    pub fn delete(&self) -> SetCookie {
        SetCookie::delete(&self.name, &self.path, self.domain.as_deref(), self.same_site.clone())
    }
}

/// A `SameSite` value, kept as it was written (K15).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SameSite(Cow<'static, str>);

impl SameSite {
    /// `Lax`: sent on navigation to the site, not with requests from other sites' pages.
    pub const LAX: Self = Self(Cow::Borrowed("Lax"));
    /// `Strict`: sent only from the site's own pages.
    pub const STRICT: Self = Self(Cow::Borrowed("Strict"));
    /// `None`: always sent. Browsers want `Secure` with it.
    pub const NONE: Self = Self(Cow::Borrowed("None"));

    /// Takes `lax`, `strict` or `none` in any case.
    ///
    /// # Errors
    ///
    /// [`CookieError::SameSite`] for any other text.
    pub fn parse(text: &str) -> Result<Self, CookieError> {
        if ["lax", "strict", "none"].iter().any(|known| text.eq_ignore_ascii_case(known)) {
            Ok(Self(Cow::Owned(text.to_owned())))
        } else {
            Err(CookieError::SameSite)
        }
    }

    /// The text as written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it is `none`, in any case.
    #[must_use]
    pub fn is_none(&self) -> bool {
        self.0.eq_ignore_ascii_case("none")
    }
}

/// When a cookie ends, if the caller says so beside [`SetCookie::max_age`].
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Expires {
    /// A moment; `Max-Age` follows from it: whole seconds from now, and one more (K13).
    At(Timestamp),
    /// The attribute's text; written as it is.
    Text(String),
}

/// One `Set-Cookie` in the making. The same rules and bytes as Django's `set_cookie`.
#[must_use = "a cookie is sent only when its header value is made"]
#[derive(Clone)]
pub struct SetCookie {
    name: String,
    value: String,
    max_age: Option<f64>,
    expires: Option<Expires>,
    path: Option<String>,
    domain: Option<String>,
    secure: bool,
    http_only: bool,
    same_site: Option<SameSite>,
}

impl SetCookie {
    /// A cookie with `Path=/` that ends with the browser.
    pub fn new(name: impl Into<String>, value: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            value: value.into(),
            max_age: None,
            expires: None,
            path: Some(String::from("/")),
            domain: None,
            secure: false,
            http_only: false,
            same_site: None,
        }
    }

    /// The cookie that takes another away: no value, no age, an `expires` in 1970 (K14).
    ///
    /// `Secure` comes with the prefixes `__Secure-` and `__Host-` and with `SameSite=None`, or browsers would not
    /// listen; `HttpOnly` is not repeated.
    pub fn delete(
        name: impl Into<String>,
        path: impl Into<String>,
        domain: Option<&str>,
        same_site: Option<SameSite>,
    ) -> Self {
        let name = name.into();
        let secure = name.starts_with("__Secure-")
            || name.starts_with("__Host-")
            || same_site.as_ref().is_some_and(SameSite::is_none);
        Self {
            max_age: Some(0.0),
            expires: Some(Expires::Text(String::from(EPOCH))),
            path: Some(path.into()),
            domain: domain.map(str::to_owned),
            secure,
            same_site,
            ..Self::new(name, "")
        }
    }

    /// The cookie's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Ends the cookie after so many seconds; `expires` keeps the fraction, `Max-Age` does not (K13).
    pub fn max_age(mut self, seconds: f64) -> Self {
        self.max_age = Some(seconds);
        self
    }

    /// Sets when the cookie ends.
    pub fn expires(mut self, expires: Expires) -> Self {
        self.expires = Some(expires);
        self
    }

    /// Sets `Path`; nothing is written for an empty one.
    pub fn path(mut self, path: impl Into<String>) -> Self {
        self.path = Some(path.into());
        self
    }

    /// Leaves `Path` out: the browser takes the folder of the page.
    pub fn without_path(mut self) -> Self {
        self.path = None;
        self
    }

    /// Sets `Domain`; nothing is written for an empty one.
    pub fn domain(mut self, domain: impl Into<String>) -> Self {
        self.domain = Some(domain.into());
        self
    }

    /// Adds `Secure`.
    pub fn secure(mut self) -> Self {
        self.secure = true;
        self
    }

    /// Adds `HttpOnly`.
    pub fn http_only(mut self) -> Self {
        self.http_only = true;
        self
    }

    /// Sets `SameSite`.
    pub fn same_site(mut self, same_site: SameSite) -> Self {
        self.same_site = Some(same_site);
        self
    }

    /// Writes the header's value: attributes sorted by lower-case name, empty ones left out (K10).
    ///
    /// Characters from U+0100 on stay as they are; Django's servers fail on them.
    ///
    /// # Errors
    ///
    /// - [`CookieError::Name`]: reserved, or with characters that no name may have (K12).
    /// - [`CookieError::Attribute`]: a control character or `;` in path, domain or expires (C07). Django refuses
    ///   these since Python 3.13.12 (G31), except the `;`, which would smuggle an attribute in.
    /// - [`CookieError::TwoAges`]: a moment to expire at and a `max_age` too.
    /// - [`CookieError::Age`]: not a number, or it ends after the year 9999.
    pub fn to_header_value(&self, now: Timestamp) -> Result<String, CookieError> {
        let mut written = Written::named(&self.name)?;
        written.apply(self, now)?;
        Ok(written.to_line())
    }

    /// Whether browsers keep the cookie: name and value up to 4,096 bytes, each attribute up to 1,024 (C05).
    ///
    /// Django sends larger ones, and browsers drop them without a word.
    ///
    /// # Errors
    ///
    /// [`CookieError::TooLarge`].
    pub fn check_size(&self) -> Result<(), CookieError> {
        let fits = self.name.len() + quote(&self.value).len() <= 4096
            && [&self.path, &self.domain].into_iter().flatten().all(|a| a.len() <= 1024);
        if fits { Ok(()) } else { Err(CookieError::TooLarge) }
    }
}

/// The value does not print: it may be a session key (L03).
impl fmt::Debug for SetCookie {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SetCookie").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Why a cookie cannot be written. Django answers 500 to all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CookieError {
    /// The name is empty, reserved or has characters that no cookie's name may have (K12).
    #[error("the cookie's name is reserved or has illegal characters")]
    Name,
    /// An attribute has a control character or a semicolon (C07).
    #[error("a cookie attribute has a control character or a semicolon")]
    Attribute,
    /// The text is not lax, strict or none (K15).
    #[error("samesite must be \"lax\", \"none\", or \"strict\"")]
    SameSite,
    /// Both a moment to expire at and an age (K13).
    #[error("a cookie has either a moment to expire at or a max_age")]
    TwoAges,
    /// The age is no number, or ends after the year 9999.
    #[error("the cookie's max_age is out of range")]
    Age,
    /// Browsers would drop the cookie (C05).
    #[error("the cookie is larger than browsers keep")]
    TooLarge,
}

/// The cookies of a response: one line per name, in the order in which the names were first set (K16).
///
/// Setting a name again changes what is given and keeps the other attributes, as Python's `SimpleCookie` does.
#[derive(Clone, Default)]
pub struct ResponseCookies {
    cookies: Vec<Written>,
}

impl ResponseCookies {
    /// Adds a cookie, or changes the one of this name.
    ///
    /// # Errors
    ///
    /// As [`SetCookie::to_header_value`]; nothing is changed then.
    pub fn set(&mut self, cookie: &SetCookie, now: Timestamp) -> Result<(), CookieError> {
        if let Some(written) = self.cookies.iter_mut().find(|w| w.name == cookie.name) {
            let mut changed = written.clone();
            changed.apply(cookie, now)?;
            *written = changed;
        } else {
            let mut written = Written::named(&cookie.name)?;
            written.apply(cookie, now)?;
            self.cookies.push(written);
        }
        Ok(())
    }

    /// The values of the `Set-Cookie` lines.
    pub fn header_values(&self) -> impl Iterator<Item = String> {
        self.cookies.iter().map(Written::to_line)
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.cookies.is_empty()
    }
}

impl fmt::Debug for ResponseCookies {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.cookies.iter().map(|w| &w.name)).finish()
    }
}

/// A cookie with its attributes as they will stand in the header. An empty text is an attribute left out.
#[derive(Clone, Default)]
struct Written {
    name: String,
    value: String,
    domain: String,
    expires: String,
    http_only: bool,
    max_age: String,
    path: String,
    same_site: String,
    secure: bool,
}

impl Written {
    fn named(name: &str) -> Result<Self, CookieError> {
        if !is_legal_name(name) || RESERVED.iter().any(|r| name.eq_ignore_ascii_case(r)) {
            return Err(CookieError::Name);
        }
        Ok(Self { name: name.to_owned(), ..Self::default() })
    }

    fn apply(&mut self, cookie: &SetCookie, now: Timestamp) -> Result<(), CookieError> {
        self.value = quote(&cookie.value).into_owned();
        self.expires.clear();
        let mut max_age = cookie.max_age;
        match &cookie.expires {
            Some(Expires::Text(text)) => self.expires.clone_from(text),
            Some(Expires::At(at)) => {
                if max_age.is_some() {
                    return Err(CookieError::TwoAges);
                }
                let left = at.as_micros().saturating_sub(now.as_micros()).saturating_add(1_000_000);
                max_age = Some(left.div_euclid(1_000_000).max(0) as f64);
            }
            None => {}
        }
        if let Some(seconds) = max_age {
            self.max_age = whole_seconds(seconds)?;
            if self.expires.is_empty() {
                self.expires = http_date(now.as_secs_f64() + seconds)?;
            }
        }
        if let Some(path) = &cookie.path {
            self.path.clone_from(path);
        }
        if let Some(domain) = &cookie.domain {
            self.domain.clone_from(domain);
        }
        self.secure |= cookie.secure;
        self.http_only |= cookie.http_only;
        if let Some(same_site) = &cookie.same_site {
            same_site.as_str().clone_into(&mut self.same_site);
        }
        let smuggles = |text: &String| text.chars().any(|c| c == ';' || c.is_ascii_control());
        if [&self.path, &self.domain, &self.expires].into_iter().any(smuggles) {
            return Err(CookieError::Attribute);
        }
        Ok(())
    }

    /// The header's value.
    fn to_line(&self) -> String {
        const NAMES: usize = "=; Domain=; expires=; HttpOnly; Max-Age=; Path=; SameSite=; Secure".len();
        let texts = [&self.name, &self.value, &self.domain, &self.expires, &self.max_age, &self.path, &self.same_site];
        let mut line = String::with_capacity(NAMES + texts.iter().map(|text| text.len()).sum::<usize>());
        let attribute = |line: &mut String, name: &str, value: &str| {
            if !value.is_empty() {
                line.push_str(name);
                line.push_str(value);
            }
        };
        line.push_str(&self.name);
        line.push('=');
        line.push_str(&self.value);
        attribute(&mut line, "; Domain=", &self.domain);
        attribute(&mut line, "; expires=", &self.expires);
        if self.http_only {
            line.push_str("; HttpOnly");
        }
        attribute(&mut line, "; Max-Age=", &self.max_age);
        attribute(&mut line, "; Path=", &self.path);
        attribute(&mut line, "; SameSite=", &self.same_site);
        if self.secure {
            line.push_str("; Secure");
        }
        line
    }
}

fn whole_seconds(seconds: f64) -> Result<String, CookieError> {
    if !seconds.is_finite() {
        return Err(CookieError::Age);
    }
    // The sum turns a negative zero into zero.
    let whole = seconds.trunc() + 0.0;
    // Up to here each whole number is one of either kind.
    let exact = (-9_007_199_254_740_992.0..=9_007_199_254_740_992.0).contains(&whole);
    Ok(if exact { (whole as i64).to_string() } else { format!("{whole:.0}") })
}

/// The date of a moment in floating-point seconds, as Python adds and formats them (G44).
fn http_date(epoch_seconds: f64) -> Result<String, CookieError> {
    // Python adds in floating point, then rounds to microseconds, half to even.
    let (whole, fraction) = (epoch_seconds.trunc(), (epoch_seconds.fract() * 1e6).round_ties_even());
    let (min, max) = (Timestamp::MIN.as_secs() as f64, Timestamp::MAX.as_secs() as f64);
    if !(whole >= min && whole <= max) {
        return Err(CookieError::Age);
    }
    let micros = whole as i64 * 1_000_000 + fraction as i64;
    if micros < Timestamp::MIN.as_micros() || micros > Timestamp::MAX.as_micros() {
        return Err(CookieError::Age);
    }
    Ok(Timestamp::from_micros(micros).to_http_date())
}

const EPOCH: &str = "Thu, 01 Jan 1970 00:00:00 GMT";

const RESERVED: [&str; 9] =
    ["expires", "path", "comment", "domain", "max-age", "secure", "httponly", "version", "samesite"];

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const T0: Timestamp = Timestamp::from_micros(1_767_323_045_678_901);

    /// C07: no text gets an attribute or a header line of its own.
    #[test]
    fn attributes_cannot_be_smuggled() {
        for bad in ["/;Secure", "/\r\nX: y", "/\0"] {
            assert_eq!(SetCookie::new("k", "v").path(bad).to_header_value(T0), Err(CookieError::Attribute), "{bad:?}");
            assert_eq!(SetCookie::new("k", "v").domain(bad).to_header_value(T0), Err(CookieError::Attribute));
        }
        let expires = Expires::Text("x; Domain=evil.example".into());
        assert_eq!(SetCookie::new("k", "v").expires(expires).to_header_value(T0), Err(CookieError::Attribute));
    }

    /// C06: no age panics, and what cannot be written is refused.
    #[test]
    fn extreme_ages_are_refused() {
        for age in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e300, -1e300, 3e11] {
            assert_eq!(SetCookie::new("k", "v").max_age(age).to_header_value(T0), Err(CookieError::Age), "{age}");
        }
        assert_eq!(
            SetCookie::new("k", "v").max_age(-0.4).to_header_value(T0).as_deref(),
            Ok("k=v; expires=Fri, 02 Jan 2026 03:04:05 GMT; Max-Age=0; Path=/")
        );
    }

    /// K16: one line per name; a later setting keeps the attributes that it does not name.
    #[test]
    fn setting_again_keeps_what_is_not_named() {
        let mut cookies = ResponseCookies::default();
        cookies.set(&SetCookie::new("a", "1").http_only().max_age(60.0), T0).unwrap();
        cookies.set(&SetCookie::new("b", "2"), T0).unwrap();
        cookies.set(&SetCookie::new("a", "3"), T0).unwrap();
        assert_eq!(cookies.header_values().collect::<Vec<_>>(), ["a=3; HttpOnly; Max-Age=60; Path=/", "b=2; Path=/"]);
    }

    /// C05: larger cookies would be lost without a word.
    #[test]
    fn oversized_cookies_are_noticed() {
        assert_eq!(SetCookie::new("k", "v".repeat(4095)).check_size(), Ok(()));
        assert_eq!(SetCookie::new("k", "v".repeat(4096)).check_size(), Err(CookieError::TooLarge));
        assert_eq!(SetCookie::new("k", ";".repeat(1024)).check_size(), Err(CookieError::TooLarge));
        assert_eq!(SetCookie::new("k", "v").path("/".repeat(1025)).check_size(), Err(CookieError::TooLarge));
    }

    proptest! {
        #[test]
        fn any_cookie_is_one_line_or_refused(
            name in any::<String>(), value in any::<String>(), path in any::<String>(), age in any::<f64>(),
        ) {
            let written = SetCookie::new(name, value).path(&path).max_age(age).to_header_value(T0);
            if let Ok(line) = written {
                prop_assert!(!line.chars().any(|c| c.is_ascii_control()));
                prop_assert_eq!(line.split("; ").count() - path.matches("; ").count(), 4 - usize::from(path.is_empty()));
            }
        }
    }
}
