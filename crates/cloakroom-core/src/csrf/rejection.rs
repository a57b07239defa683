//! Why a request is refused, in Django's words (C30–C39).

use std::fmt;

use super::token::FormatError;

/// Why a request is refused. `Display` is Django's reason; it may quote what the client sent.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Rejection {
    /// The `Origin` is neither this site nor trusted (C30).
    BadOrigin {
        /// The header as sent.
        origin: String,
    },
    /// https without `Origin` and `Referer` (C31).
    NoReferer,
    /// The `Referer` is no URL with scheme and host (C32).
    MalformedReferer,
    /// The `Referer` is not https (C33).
    InsecureReferer,
    /// The `Referer` is neither this site nor trusted (C34).
    BadReferer {
        /// The header, split and put together again.
        referer: String,
    },
    /// There is no secret in cookie or session (C35).
    NoCookie,
    /// Neither form field nor header (C36).
    TokenMissing,
    /// The cookie is no secret (C37).
    CookieFormat(FormatError),
    /// The token is none (C38).
    TokenFormat {
        /// Where it came from.
        source: TokenSource,
        /// What is wrong with it.
        error: FormatError,
    },
    /// The token does not match the secret (C39).
    TokenIncorrect {
        /// Where it came from.
        source: TokenSource,
    },
    /// The browser says that another site sent the request (X02). Only with
    /// [`FetchMetadata::Enforce`](super::FetchMetadata::Enforce).
    CrossSite {
        /// The `Sec-Fetch-Site` header as sent.
        site: String,
    },
}

impl Rejection {
    /// The label in logs and metrics.
    #[must_use]
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::BadOrigin { .. } => "bad_origin",
            Self::NoReferer => "no_referer",
            Self::MalformedReferer => "malformed_referer",
            Self::InsecureReferer => "insecure_referer",
            Self::BadReferer { .. } => "bad_referer",
            Self::NoCookie => "no_cookie",
            Self::TokenMissing => "token_missing",
            Self::CookieFormat(_) => "cookie_format",
            Self::TokenFormat { error: FormatError::Length, .. } => "token_length",
            Self::TokenFormat { error: FormatError::Characters, .. } => "token_characters",
            Self::TokenIncorrect { .. } => "token_incorrect",
            Self::CrossSite { .. } => "cross_site",
        }
    }

    /// Django's reason: for the log, for the page with `DEBUG` on, and for REST framework's `CSRF Failed: …`.
    #[must_use]
    pub fn reason(&self) -> String {
        self.to_string()
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BadOrigin { origin } => {
                write!(f, "Origin checking failed - {origin} does not match any trusted origins.")
            }
            Self::NoReferer => f.write_str("Referer checking failed - no Referer."),
            Self::MalformedReferer => f.write_str("Referer checking failed - Referer is malformed."),
            Self::InsecureReferer => f.write_str("Referer checking failed - Referer is insecure while host is secure."),
            Self::BadReferer { referer } => {
                write!(f, "Referer checking failed - {referer} does not match any trusted origins.")
            }
            Self::NoCookie => f.write_str("CSRF cookie not set."),
            Self::TokenMissing => f.write_str("CSRF token missing."),
            Self::CookieFormat(error) => write!(f, "CSRF cookie {error}."),
            Self::TokenFormat { source, error } => write!(f, "CSRF token from {source} {error}."),
            Self::TokenIncorrect { source } => write!(f, "CSRF token from {source} incorrect."),
            Self::CrossSite { site } => write!(f, "Sec-Fetch-Site checking failed - the request is {site}."),
        }
    }
}

/// Where a token came from.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TokenSource {
    /// The form field.
    Post,
    /// The header of this name, capitalised as Django prints it: `X-Csrftoken`.
    Header(String),
}

impl fmt::Display for TokenSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Post => f.write_str("POST"),
            Self::Header(name) => write!(f, "the '{name}' HTTP header"),
        }
    }
}
