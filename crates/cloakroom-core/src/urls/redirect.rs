//! The `Location` header (A133, V14).

use super::quote::iri_to_uri;
use super::split::{SplitError, urlsplit};

/// The longest `Location` that is sent, after encoding (V14).
pub const MAX_REDIRECT_LENGTH: usize = 16_384;

/// Makes the `Location` header of a redirect to `to`.
///
/// This says nothing about whose host it is: a target from outside passes [`SafeNext`](super::SafeNext) first.
///
/// ```
/// use cloakroom_core::urls::check_redirect;
///
/// assert_eq!(check_redirect("/é").as_deref(), Ok("/%C3%A9"));
/// assert!(check_redirect("javascript:alert(1)").is_err());
/// ```
///
/// # Errors
///
/// [`DisallowedRedirect`]; Django answers 400.
pub fn check_redirect(to: &str) -> Result<String, DisallowedRedirect> {
    let location = iri_to_uri(to);
    if location.len() > MAX_REDIRECT_LENGTH {
        return Err(DisallowedRedirect::TooLong);
    }
    let scheme = urlsplit(to)?.scheme;
    if matches!(scheme.as_str(), "" | "http" | "https" | "ftp") {
        Ok(location)
    } else {
        Err(DisallowedRedirect::Scheme(scheme))
    }
}

/// Why nobody is redirected there.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DisallowedRedirect {
    /// Longer than [`MAX_REDIRECT_LENGTH`].
    #[error("unsafe redirect exceeding {MAX_REDIRECT_LENGTH} characters")]
    TooLong,
    /// A scheme other than http, https and ftp.
    #[error("unsafe redirect to URL with protocol '{0}'")]
    Scheme(String),
    /// Not a URL. Django fails with a 500 here.
    #[error("redirect to something that is no URL")]
    Malformed(#[from] SplitError),
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// X09: what is sent is ASCII without space or line end, has an allowed scheme, and is not too long.
        #[test]
        fn a_location_is_always_one_clean_line(to in any::<String>()) {
            if let Ok(location) = check_redirect(&to) {
                prop_assert!(location.bytes().all(|b| b.is_ascii_graphic()));
                prop_assert!(location.len() <= MAX_REDIRECT_LENGTH);
            }
        }
    }
}
