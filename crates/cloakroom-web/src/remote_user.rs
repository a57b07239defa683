//! [`RemoteUser`]: users whom a proxy in front vouches for (A144, G01, G48).

use std::net::IpAddr;
use std::sync::Arc;

use axum_core::body::Body;
use axum_core::response::{IntoResponse, Response};
use cloakroom_auth::backends::BackendKind;
use cloakroom_auth::{Authenticated, Credentials, Identity};
use http::{HeaderMap, HeaderName, Request, StatusCode};
use tower_layer::Layer;

use crate::around::{Around, AroundService, Inner};
use crate::ctx::{Ctx, header_text};
use crate::extract::missing_layer;
use crate::guards::GuardRejection;
use crate::pages;

/// Signs in whoever a proxy names in a header: Django's `RemoteUserMiddleware` (A144).
///
/// The header is believed from the listed proxies alone, by the address of the connection; from anybody else it is as if it
/// were not there (G01, Z03). The proxy must take the header away from what clients send (G48). Repeated, it is a 400 (G02).
/// A back end of the kind [`BackendKind::RemoteUser`] must be configured.
///
/// It goes inside of [`CloakroomLayer`](crate::CloakroomLayer). Every request under it looks at its user, and so every answer
/// varies by cookie.
///
/// ```
/// use axum::{Router, routing::get};
/// use cloakroom_web::RemoteUser;
/// use http::HeaderName;
///
/// let layer = RemoteUser::from_proxies(HeaderName::from_static("remote-user"), [[127, 0, 0, 1].into()]);
/// let app: Router = Router::new().route("/", get(async || "hello")).layer(layer);
/// # let _ = app;
/// ```
#[derive(Clone, Debug)]
#[must_use = "a layer does nothing until it is put on a router"]
pub struct RemoteUser {
    header: HeaderName,
    proxies: Arc<[IpAddr]>,
    on_absence: OnAbsence,
}

/// What becomes of a remote user's session when a request comes without the header.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnAbsence {
    /// It ends: `RemoteUserMiddleware`.
    #[default]
    LogOut,
    /// It goes on: `PersistentRemoteUserMiddleware`.
    Keep,
}

impl RemoteUser {
    /// Believes `header` when the connection comes from one of `proxies`.
    pub fn from_proxies(header: HeaderName, proxies: impl IntoIterator<Item = IpAddr>) -> Self {
        let proxies = proxies.into_iter().map(|p| p.to_canonical()).collect();
        Self { header, proxies, on_absence: OnAbsence::default() }
    }

    /// Sets what becomes of a session when the header is absent.
    pub const fn with_absence(mut self, on_absence: OnAbsence) -> Self {
        self.on_absence = on_absence;
        self
    }

    async fn identify(&self, ctx: &Ctx, headers: &HeaderMap) -> Result<(), Response> {
        let is_proxy = ctx.peer_address().is_some_and(|address| self.proxies.contains(&address));
        if is_proxy && headers.get_all(&self.header).iter().nth(1).is_some() {
            tracing::warn!(target: "django.request", header = %self.header, "the remote user's header is repeated");
            return Err(pages::error(StatusCode::BAD_REQUEST));
        }
        let name = header_text(headers, self.header.as_str()).filter(|_| is_proxy);
        self.sign_in(ctx, name.as_deref()).await.map_err(IntoResponse::into_response)
    }

    async fn sign_in(&self, ctx: &Ctx, name: Option<&str>) -> Result<(), GuardRejection> {
        let identity = ctx.identity().await?;
        let Some(name) = name else {
            return if self.on_absence == OnAbsence::LogOut { end_remote(ctx, &identity).await } else { Ok(()) };
        };
        if let Identity::User(user, _) = &identity {
            if user.username == name {
                return Ok(());
            }
            end_remote(ctx, &identity).await?;
        }
        match ctx.auth().authenticate(Credentials::remote_user(name)).await? {
            Authenticated::Yes(user) => ctx.auth().login(&user).await,
            Authenticated::No(_) => Ok(()),
            Authenticated::Throttled(throttled) => Err(throttled.into()),
        }
    }
}

/// Ends the session of a user whom a proxy brought; who signed in otherwise stays.
async fn end_remote(ctx: &Ctx, identity: &Identity) -> Result<(), GuardRejection> {
    let Identity::User(_, path) = identity else { return Ok(()) };
    match ctx.auth_service().backend_by_path(path) {
        Some(BackendKind::RemoteUser(_)) => ctx.auth().logout().await,
        _ => Ok(()),
    }
}

impl<S> Layer<S> for RemoteUser {
    type Service = AroundService<Self, S>;

    fn layer(&self, inner: S) -> Self::Service {
        AroundService::new(self.clone(), inner)
    }
}

impl Around for RemoteUser {
    async fn around(self, request: Request<Body>, inner: impl Inner) -> Response {
        let Some(ctx) = request.extensions().get::<Ctx>().cloned() else { return missing_layer() };
        let (parts, body) = request.into_parts();
        match self.identify(&ctx, &parts.headers).await {
            Ok(()) => inner.answer(Request::from_parts(parts, body)).await,
            Err(response) => response,
        }
    }
}
