//! Decides whether an unsafe request came from this site's own pages (C10–C39).
//!
//! Same answers as Django 6.1's `CsrfViewMiddleware`, byte for byte in cookie and token. [`Policy`] is made once from
//! the settings; for a request, [`decide_before_body`] says whether a token is needed at all, then [`check_token`]
//! judges it, so that a body is read only for its form field. [`TokenState`] is the secret's life during a request.
//!
//! - Nothing here reads a body: the form's field is handed in.
//! - Behind a proxy that rewrites `Host`, set `CSRF_TRUSTED_ORIGINS`, or every post with an `Origin` is refused.

mod decide;
mod policy;
mod rejection;
mod state;
mod token;

pub use self::decide::{Decision, Facts, check_token, decide, decide_before_body, is_safe_method, reads_form};
pub use self::policy::{FetchMetadata, Policy, PolicyError, PolicySettings, SecretStore, has_scheme};
pub use self::rejection::{Rejection, TokenSource};
pub use self::state::{Stored, TokenState};
pub use self::token::{
    CsrfSecret, FORM_FIELD, FormatError, SECRET_LEN, SESSION_KEY, TOKEN_LEN, UnmaskableSecret, check_format, mask,
    mask_with, matches, new_secret, unmask,
};
