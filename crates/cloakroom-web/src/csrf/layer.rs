//! Layers for single routes: [`CsrfProtect`], [`EnsureCsrfCookie`] (C41).

use std::sync::Arc;

use axum_core::body::Body;
use axum_core::response::Response;
use cloakroom_core::csrf::Rejection;
use http::Request;
use tower_layer::Layer;

use super::check::{CsrfRefusal, check};
use crate::around::{Around, AroundService, Inner};
use crate::ctx::{CsrfCheck, Ctx};
use crate::error;
use crate::extract::missing_layer;

type Answer = Arc<dyn Fn(&Rejection) -> Response + Send + Sync>;

/// Checks one route, where [`CloakroomLayer`](crate::CloakroomLayer) does not: Django's `csrf_protect` (M08, C41).
///
/// Inside a route that is checked already it does nothing. It needs the layer around it all the same.
///
/// ```
/// use axum::{Router, routing::post};
/// use cloakroom_web::csrf::CsrfProtect;
///
/// let app: Router = Router::new().route("/pay/", post(async || "paid").layer(CsrfProtect::new()));
/// # let _ = app;
/// ```
#[derive(Clone, Default)]
#[must_use = "a layer does nothing until it is put on a route"]
pub struct CsrfProtect {
    whom: WhomToProtect,
    answer: Option<Answer>,
}

/// Whose requests are checked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum WhomToProtect {
    /// Everybody's.
    #[default]
    Everybody,
    /// Those of signed-in users, as REST framework's `SessionAuthentication` does (D03).
    SignedIn,
}

impl CsrfProtect {
    /// Checks everybody and answers with the 403 page.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets whose requests are checked.
    pub const fn with_whom(mut self, whom: WhomToProtect) -> Self {
        self.whom = whom;
        self
    }

    /// Sets what refused requests are answered. The reason is for programs' doors that tell it, as REST framework does;
    /// the refusal is logged in any case.
    pub fn with_answer(mut self, answer: impl Fn(&Rejection) -> Response + Send + Sync + 'static) -> Self {
        self.answer = Some(Arc::new(answer));
        self
    }

    async fn pass(&self, request: Request<Body>) -> Result<Request<Body>, Response> {
        let Some(ctx) = request.extensions().get::<Ctx>().cloned() else {
            return Err(crate::extract::missing_layer());
        };
        if ctx.state().csrf == CsrfCheck::Passed {
            return Ok(request);
        }
        if self.whom == WhomToProtect::SignedIn {
            let user = ctx.user().await.map_err(|e| error::auth(&e))?;
            if !user.is_some_and(|user| user.is_active) {
                return Ok(request);
            }
        }
        check(&ctx, request).await.map_err(|response| {
            match (&self.answer, response.extensions().get::<CsrfRefusal>()) {
                (Some(answer), Some(CsrfRefusal(rejection))) => answer(rejection),
                _ => response,
            }
        })
    }
}

impl std::fmt::Debug for CsrfProtect {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CsrfProtect").field("whom", &self.whom).finish_non_exhaustive()
    }
}

impl<S> Layer<S> for CsrfProtect {
    type Service = AroundService<Self, S>;

    fn layer(&self, inner: S) -> Self::Service {
        AroundService::new(self.clone(), inner)
    }
}

impl Around for CsrfProtect {
    async fn around(self, request: Request<Body>, inner: impl Inner) -> Response {
        match self.pass(request).await {
            Ok(request) => inner.answer(request).await,
            Err(response) => response,
        }
    }
}

/// Sends the CSRF cookie with every answer of a route: Django's `ensure_csrf_cookie` (C41).
#[derive(Clone, Copy, Debug, Default)]
#[must_use = "a layer does nothing until it is put on a route"]
pub struct EnsureCsrfCookie;

impl<S> Layer<S> for EnsureCsrfCookie {
    type Service = AroundService<Self, S>;

    fn layer(&self, inner: S) -> Self::Service {
        AroundService::new(*self, inner)
    }
}

impl Around for EnsureCsrfCookie {
    async fn around(self, request: Request<Body>, inner: impl Inner) -> Response {
        let Some(ctx) = request.extensions().get::<Ctx>() else { return missing_layer() };
        match ctx.csrf().await {
            Ok(csrf) => match csrf.get_token() {
                Ok(_) => inner.answer(request).await,
                Err(e) => error::server(&e.to_string()),
            },
            Err(e) => error::session(&e),
        }
    }
}
