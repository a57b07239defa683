//! [`CloakroomLayer`] and its service.

use std::collections::HashSet;
use std::convert::Infallible;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::extract::MatchedPath;
use axum_core::body::Body;
use axum_core::response::Response;
use cloakroom_auth::Auth;
use cloakroom_core::clock::{Clock, SystemClock};
use cloakroom_core::messages::MessageSigner;
use cloakroom_core::random::{OsRandom, Random};
use cloakroom_sessions::Sessions;
use http::Request;
use tower_layer::Layer;
use tower_service::Service;

use super::future::CloakroomFuture;
use super::headers::AnswerHeaders;
use super::inward::{self, Entry, Route};
use crate::config::WebConfig;
use crate::ctx::Ctx;
use crate::site::{GoodHosts, Site};

/// The whole stack: security headers, hosts, sessions, CSRF, users, messages.
///
/// Put it on a router with `Router::layer`, so that it sees which route was matched: as in Django, the CSRF check is made
/// for routes, and what matches none is a 404 without a check. A second layer inside does nothing.
///
/// The parts stand in Django's order (M32): the sessions outside of the CSRF check, which may keep its secret in them, and
/// both outside of the user (A143). There is no other order to choose.
#[derive(Clone, Debug)]
#[must_use = "a layer does nothing until it is put on a router"]
pub struct CloakroomLayer {
    shared: Arc<Shared>,
}

/// What the layer adds to what requests share.
#[derive(Clone, Debug)]
pub(crate) struct Shared {
    site: Arc<Site>,
    exempt: HashSet<Box<str>>,
    exempt_below: Vec<Box<str>>,
    csrf: CsrfDefault,
}

/// Whether routes are checked unless they say otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum CsrfDefault {
    Checked,
    Unchecked,
}

impl CloakroomLayer {
    /// Puts the parts together, with the machine's clock and generator.
    pub fn new(config: WebConfig, sessions: Sessions, auth: Auth) -> Self {
        Self::with_sources(config, sessions, auth, Arc::new(SystemClock), Arc::new(OsRandom))
    }

    /// As [`new`](Self::new), with another clock and generator. Give sessions and auth the same ones.
    pub fn with_sources(
        config: WebConfig,
        sessions: Sessions,
        auth: Auth,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
    ) -> Self {
        let headers = AnswerHeaders::new(&config.security.headers);
        let messages = MessageSigner::new(auth.secret_keys());
        let good_hosts = GoodHosts::default();
        let site = Arc::new(Site { config, sessions, auth, messages, clock, random, good_hosts, headers });
        Self {
            shared: Arc::new(Shared {
                site,
                exempt: HashSet::new(),
                exempt_below: Vec::new(),
                csrf: CsrfDefault::Checked,
            }),
        }
    }

    /// Frees one route from the CSRF check: Django's `csrf_exempt` (M08, C23). `path` is the route as the router knows it,
    /// such as `/hook/{id}`.
    ///
    /// The route must not act on the word of a cookie alone, or prove its requests' origin by other means.
    pub fn insecure_csrf_exempt(mut self, path: impl Into<Box<str>>) -> Self {
        Arc::make_mut(&mut self.shared).exempt.insert(path.into());
        self
    }

    /// Frees several routes; see [`insecure_csrf_exempt`](Self::insecure_csrf_exempt).
    pub fn insecure_csrf_exempt_all<P: Into<Box<str>>>(mut self, paths: impl IntoIterator<Item = P>) -> Self {
        Arc::make_mut(&mut self.shared).exempt.extend(paths.into_iter().map(Into::into));
        self
    }

    /// Frees every route below a prefix such as `/api`, as the router knows them: for routes that each have an
    /// [`Api`](crate::api::Api), which checks those that need it (D03). A route below that has none believes cookies without any
    /// check.
    pub fn insecure_csrf_exempt_below(mut self, prefix: &str) -> Self {
        let prefix = format!("{}/", prefix.trim_end_matches('/'));
        Arc::make_mut(&mut self.shared).exempt_below.push(prefix.into());
        self
    }

    /// Checks no route but those with [`CsrfProtect`](crate::csrf::CsrfProtect): Django without `CsrfViewMiddleware`.
    pub fn insecure_without_csrf(mut self) -> Self {
        Arc::make_mut(&mut self.shared).csrf = CsrfDefault::Unchecked;
        self
    }
}

impl Shared {
    fn is_exempt(&self, path: &str) -> bool {
        self.exempt.contains(path) || self.exempt_below.iter().any(|prefix| path.starts_with(&**prefix))
    }

    /// What the CSRF check makes of a request's route.
    fn route(&self, request: &Request<Body>) -> Route {
        match (self.csrf, request.extensions().get::<MatchedPath>()) {
            (CsrfDefault::Unchecked, _) => Route::Unchecked,
            (CsrfDefault::Checked, None) => Route::NotFound,
            (CsrfDefault::Checked, Some(path)) if self.is_exempt(path.as_str()) => Route::Exempt,
            (CsrfDefault::Checked, Some(_)) => Route::Checked,
        }
    }
}

impl<S> Layer<S> for CloakroomLayer {
    type Service = CloakroomService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        CloakroomService { shared: Arc::clone(&self.shared), inner }
    }
}

/// The service that [`CloakroomLayer`] makes.
#[derive(Clone, Debug)]
pub struct CloakroomService<S> {
    shared: Arc<Shared>,
    inner: S,
}

impl<S> Service<Request<Body>> for CloakroomService<S>
where
    S: Service<Request<Body>, Response = Response, Error = Infallible> + Clone,
{
    type Response = Response;
    type Error = Infallible;
    type Future = CloakroomFuture<S>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        if request.extensions().get::<Ctx>().is_some() {
            return CloakroomFuture::inside(&mut self.inner, request);
        }
        let route = self.shared.route(&request);
        let ctx = Ctx::new(Arc::clone(&self.shared.site), (&request).into());
        let entry = inward::enter(&ctx, (&request).into(), route);
        request.extensions_mut().insert(ctx.clone());
        let way = super::future::Way { ctx, route };
        match entry {
            Entry::Open => CloakroomFuture::open(way, &mut self.inner, request),
            Entry::Answered(answer) => CloakroomFuture::answered(way, answer),
            Entry::Ask => {
                // The clone may not be ready; what was polled is.
                let clone = self.inner.clone();
                let inner = std::mem::replace(&mut self.inner, clone);
                CloakroomFuture::ask(way, inner, request)
            }
        }
    }
}
