//! URLs as Python and Django read them: splitting, quoting, and which may be redirected to (A119, A130–A134, G30).
//!
//! - [`url_has_allowed_host_and_scheme`] judges a `next`; only it makes a [`SafeNext`].
//! - [`redirect_to_login`] and [`login_required_location`] say where an anonymous visitor is sent.
//! - [`check_redirect`] makes the `Location` header or refuses.
//! - [`decode_path`], [`full_path`], [`absolute_uri`] are the request's own address as Django sees it.

mod category;
mod login;
mod quote;
mod redirect;
mod safe;
mod split;

pub use self::login::{
    LoginRedirect, NoReverseMatch, RequestUrl, absolute_uri, full_path, login_required_location, redirect_to_login,
    resolve,
};
pub use self::quote::{decode_path, escape_uri_path, iri_to_uri, percent_decode, percent_encode};
pub use self::redirect::{DisallowedRedirect, MAX_REDIRECT_LENGTH, check_redirect};
pub use self::safe::{MAX_URL_LENGTH, RequireHttps, SafeNext, next_page, url_has_allowed_host_and_scheme};
pub use self::split::{SplitError, SplitUrl, urlsplit};
