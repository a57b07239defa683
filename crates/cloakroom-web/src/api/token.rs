//! [`TokenAuthentication`] (D06).

use std::sync::Arc;

use cloakroom_auth::TokenCheck;
use http::HeaderValue;

use super::BoxFuture;
use super::authentication::{Authentication, Known};
use super::authorization::{self, Malformed, Said};
use super::error::ApiError;
use super::request::ApiRequest;

/// Knows callers by `Authorization: Token <key>`, a row of `authtoken_token` (D06).
///
/// A token that is none costs one query and no hash. [`Caller::auth`](super::Caller::auth) gives the
/// [`Token`](cloakroom_db::tokens::Token).
#[derive(Clone, Debug)]
pub struct TokenAuthentication {
    keyword: HeaderValue,
}

impl TokenAuthentication {
    /// With the keyword `Token`.
    #[must_use]
    pub const fn new() -> Self {
        Self { keyword: HeaderValue::from_static("Token") }
    }

    /// With another keyword, such as `Bearer`; `None` if it is no word of ASCII.
    #[must_use]
    pub fn with_keyword(keyword: &str) -> Option<Self> {
        let is_word = !keyword.is_empty() && keyword.bytes().all(|b| b.is_ascii_graphic());
        let keyword = HeaderValue::from_str(keyword).ok().filter(|_| is_word)?;
        Some(Self { keyword })
    }
}

impl Default for TokenAuthentication {
    fn default() -> Self {
        Self::new()
    }
}

impl Authentication for TokenAuthentication {
    fn authenticate<'a>(&'a self, request: &'a mut ApiRequest) -> BoxFuture<'a, Result<Option<Known>, ApiError>> {
        Box::pin(async move {
            let keyword = self.keyword.to_str().unwrap_or_default();
            let failed = |text: &'static str| ApiError::AuthenticationFailed(text.into());
            let key = match authorization::token(&request.authorization(), keyword) {
                Said::NotMine => return Ok(None),
                Said::Yes(key) => key,
                Said::Malformed(why) => return Err(failed(of_token(why))),
            };
            match request.ctx().auth_service().check_token(key.expose()).await? {
                TokenCheck::Yes(user, token) => {
                    let backend = "rest_framework.authentication.TokenAuthentication";
                    Ok(Some(Known::new(Arc::new(user)).with_auth(token).with_backend(backend)))
                }
                TokenCheck::Unknown => Err(failed("Invalid token.")),
                TokenCheck::Inactive => Err(failed("User inactive or deleted.")),
            }
        })
    }

    fn challenge(&self) -> Option<HeaderValue> {
        Some(self.keyword.clone())
    }
}

const fn of_token(why: Malformed) -> &'static str {
    match why {
        Malformed::NoCredentials => "Invalid token header. No credentials provided.",
        Malformed::Spaces => "Invalid token header. Token string should not contain spaces.",
        _ => "Invalid token header. Token string should not contain invalid characters.",
    }
}
