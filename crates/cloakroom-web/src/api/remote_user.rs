//! [`RemoteUserAuthentication`] (D07).

use std::net::IpAddr;
use std::sync::Arc;

use cloakroom_auth::{Authenticated, Credentials};
use http::HeaderName;

use super::BoxFuture;
use super::authentication::{Authentication, Known};
use super::error::ApiError;
use super::request::ApiRequest;

/// Knows callers whom a proxy vouches for, request by request, without a session (D07).
///
/// Where Django reads a variable of its own server, this reads a header, and believes it from the listed proxies alone; see
/// [`RemoteUser`](crate::RemoteUser) for what they must see to. A back end of the kind
/// [`RemoteUser`](cloakroom_auth::backends::BackendKind::RemoteUser) must be configured.
#[derive(Clone, Debug)]
pub struct RemoteUserAuthentication {
    header: HeaderName,
    proxies: Vec<IpAddr>,
}

impl RemoteUserAuthentication {
    /// Believes `header` when the connection comes from one of `proxies`.
    #[must_use]
    pub fn from_proxies(header: HeaderName, proxies: impl IntoIterator<Item = IpAddr>) -> Self {
        Self { header, proxies: proxies.into_iter().map(|p| p.to_canonical()).collect() }
    }
}

impl Authentication for RemoteUserAuthentication {
    fn authenticate<'a>(&'a self, request: &'a mut ApiRequest) -> BoxFuture<'a, Result<Option<Known>, ApiError>> {
        Box::pin(async move {
            let is_proxy = request.ctx().peer_address().is_some_and(|peer| self.proxies.contains(&peer));
            if is_proxy && request.headers().get_all(&self.header).iter().nth(1).is_some() {
                tracing::warn!(target: "django.request", header = %self.header, "the remote user's header is repeated");
                return Err(ApiError::Parse("The header of the remote user is repeated.".into()));
            }
            let Some(name) = request.header(self.header.as_str()).filter(|_| is_proxy) else { return Ok(None) };
            match request.ctx().auth().authenticate(Credentials::remote_user(name)).await? {
                Authenticated::Yes(user) if user.is_active => {
                    let backend = Arc::clone(user.backend());
                    Ok(Some(Known::new(Arc::clone(user.user())).with_backend(backend)))
                }
                Authenticated::Yes(_) | Authenticated::No(_) => Ok(None),
                Authenticated::Throttled(throttled) => Err(throttled.into()),
            }
        })
    }
}
