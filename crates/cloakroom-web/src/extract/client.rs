//! [`Client`]: where a request comes from.

use std::net::IpAddr;

use axum_core::extract::FromRequestParts;
use http::header::USER_AGENT;
use http::request::Parts;

use super::{MissingLayer, ctx};

/// Where a request comes from: for logs and for counting failures, never as proof of anything (Z03).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Client {
    /// The client's address, if the server knows it; see [`Ctx::client_address`](crate::Ctx::client_address).
    pub address: Option<IpAddr>,
    /// The `User-Agent`, at most 512 characters of it.
    pub agent: Option<String>,
}

impl<S: Sync> FromRequestParts<S> for Client {
    type Rejection = MissingLayer;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, MissingLayer> {
        let agent = parts.headers.get(USER_AGENT);
        let agent = agent.map(|v| String::from_utf8_lossy(v.as_bytes()).chars().take(512).collect());
        Ok(Self { address: ctx(parts)?.client_address(), agent })
    }
}
