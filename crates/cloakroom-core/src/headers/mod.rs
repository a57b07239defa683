//! Response headers as Django's middlewares write them (M20–M42, A117).
//!
//! Values go in and come out as text; putting them on an answer is the caller's part.

mod cache;
mod csp;
mod security;

use std::borrow::Cow;

pub use self::cache::{CacheValue, NeverCache, never_cache, patch_cache_control, patch_vary};
pub use self::csp::{CspError, CspPolicy, CspValue, NONCE, generate_nonce};
pub use self::security::{
    FrameOptions, Hsts, RedirectError, SecurityFacts, SecurityHeaders, SslRedirect, XFrame, referrer_policy,
};

/// Reads a header's bytes as WSGI does: each byte is a character (Latin-1).
///
/// ```
/// use cloakroom_core::headers::latin1;
///
/// assert_eq!(latin1(b"a\xe9"), "a\u{e9}");
/// ```
#[must_use]
pub fn latin1(bytes: &[u8]) -> Cow<'_, str> {
    match str::from_utf8(bytes) {
        Ok(text) if text.is_ascii() => Cow::Borrowed(text),
        _ => Cow::Owned(bytes.iter().copied().map(char::from).collect()),
    }
}
