//! [`Api`]: the layer.

use std::sync::Arc;

use axum_core::body::Body;
use axum_core::response::{IntoResponse, Response};
use cloakroom_auth::Identity;
use cloakroom_core::headers::patch_vary;
use cloakroom_core::reason::Anonymous;
use http::header::{ALLOW, CONTENT_TYPE, VARY, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode};
use serde_json::json;
use tower_layer::Layer;

use super::answer;
use super::authentication::{Authentication, BasicAuthentication, Known, SessionAuthentication};
use super::caller::{Asked, Caller};
use super::error::{ApiError, NeedsChallenge};
use super::permissions::Permission;
use super::request::ApiRequest;
use super::throttle::{Throttle, Wait};
use crate::around::{Around, AroundService, Inner};
use crate::ctx::Ctx;
use crate::extract::missing_layer;

/// A guard for routes, as REST framework's `APIView` is one for its handlers.
///
/// Classes of authentication are asked in the order in which they were added, every permission must be given, and every
/// throttle counts. Put it on routes with `Router::route_layer`, or on one with `MethodRouter::layer`, inside of
/// [`CloakroomLayer`](crate::CloakroomLayer); see the
/// [module](super) for an example and for what to say to that layer about CSRF.
#[derive(Clone, Debug)]
#[must_use = "a guard keeps nobody out until it is put on a route"]
pub struct Api {
    authentication: Vec<Arc<dyn Authentication>>,
    permissions: Vec<Permission>,
    throttles: Vec<Arc<dyn Throttle>>,
    methods: Option<Methods>,
    varies: Varies,
}

/// Whether answers differ by what the client accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Varies {
    ByAccept,
    Never,
}

/// What a route takes, told.
#[derive(Clone, Debug)]
struct Methods {
    all: Vec<Method>,
    allow: HeaderValue,
    name: String,
}

impl Api {
    /// Nobody is asked who they are, and everybody may.
    pub const fn new() -> Self {
        Self {
            authentication: Vec::new(),
            permissions: Vec::new(),
            throttles: Vec::new(),
            methods: None,
            varies: Varies::ByAccept,
        }
    }

    /// REST framework's default: sessions, and names with passwords (D01). Everybody may.
    pub fn session_and_basic() -> Self {
        Self::new().with_authentication(SessionAuthentication).with_authentication(BasicAuthentication::new())
    }

    /// Adds a class, to be asked after those before.
    pub fn with_authentication(mut self, class: impl Authentication) -> Self {
        self.authentication.push(Arc::new(class));
        self
    }

    /// Adds a permission: all must be given.
    pub fn with_permission(mut self, permission: impl Into<Permission>) -> Self {
        self.permissions.push(permission.into());
        self
    }

    /// Adds a throttle: all count.
    pub fn with_throttle(mut self, throttle: impl Throttle) -> Self {
        self.throttles.push(Arc::new(throttle));
        self
    }

    /// Says which methods the route takes, in Django's order, and what it is called. Then every answer has `Allow`, `OPTIONS`
    /// is answered as REST framework answers it, and other methods get its 405 once their sender is known and may pass (D02).
    pub fn with_methods(mut self, name: impl Into<String>, methods: impl IntoIterator<Item = Method>) -> Self {
        let mut all: Vec<Method> = methods.into_iter().collect();
        if all.contains(&Method::GET) && !all.contains(&Method::HEAD) {
            all.push(Method::HEAD);
        }
        if !all.contains(&Method::OPTIONS) {
            all.push(Method::OPTIONS);
        }
        let rank = |m: &Method| ORDER.iter().position(|known| known == m).unwrap_or(ORDER.len());
        all.sort_by_key(rank);
        let allow = all.iter().map(Method::as_str).collect::<Vec<_>>().join(", ");
        let allow = HeaderValue::from_str(&allow).expect("methods are tokens, and tokens are header text");
        self.methods = Some(Methods { all, allow, name: name.into() });
        self
    }

    /// For routes whose answers are of one form, whatever clients accept: no `Vary: Accept`.
    pub fn without_vary(mut self) -> Self {
        self.varies = Varies::Never;
        self
    }

    /// Lets a request in, or says why not.
    async fn admit(&self, request: &mut ApiRequest) -> Result<Caller, ApiError> {
        let known = self.authenticate(request).await;
        // Whoever answers an error sees nobody: request.py, _not_authenticated.
        become_caller(request.ctx(), known.as_ref().ok().and_then(Option::as_ref)).await;
        let known = known?;
        let (user, auth) = known.map_or((None, None), |known| (Some(known.user), known.auth));
        let caller = Caller {
            ctx: request.ctx().clone(),
            method: request.method().clone(),
            user,
            auth,
            asked: if self.authentication.is_empty() { Asked::Nobody } else { Asked::Classes },
            permissions: self.permissions.as_slice().into(),
        };
        caller.check_permissions().await?;
        self.check_throttles(&caller, request.headers()).await?;
        Ok(caller)
    }

    async fn authenticate(&self, request: &mut ApiRequest) -> Result<Option<Known>, ApiError> {
        for class in &self.authentication {
            if let Some(known) = class.authenticate(request).await? {
                return Ok(Some(known));
            }
        }
        Ok(None)
    }

    /// Every throttle counts the request, even if one refuses it.
    async fn check_throttles(&self, caller: &Caller, headers: &HeaderMap) -> Result<(), ApiError> {
        let mut longest: Option<Wait> = None;
        for throttle in &self.throttles {
            if let Some(wait) = throttle.charge(caller, headers).await? {
                longest = Some(match longest {
                    Some(Wait::Secs(so_far)) => match wait {
                        Wait::Secs(secs) => Wait::Secs(secs.max(so_far)),
                        Wait::Unknown => Wait::Secs(so_far),
                    },
                    _ => wait,
                });
            }
        }
        match longest {
            None => Ok(()),
            Some(wait) => Err(ApiError::Throttled { wait_secs: wait.whole_secs() }),
        }
    }

    /// What is answered without the handler.
    fn instead_of_handler(&self, method: &Method) -> Option<Response> {
        let methods = self.methods.as_ref()?;
        if *method == Method::OPTIONS {
            let json = ["application/json"];
            let body = json!({ "name": methods.name, "description": "", "renders": json, "parses": json });
            return Some(answer::json(StatusCode::OK, &body));
        }
        (!methods.all.contains(method)).then(|| ApiError::MethodNotAllowed(method.clone()).into_response())
    }

    /// The way out: the challenge, `Vary`, `Allow`.
    fn finish(&self, method: &Method, mut response: Response) -> Response {
        let is_bare = response.headers().get(CONTENT_TYPE).is_none();
        if response.status() == StatusCode::METHOD_NOT_ALLOWED && is_bare {
            // axum's own answer.
            let allow = response.headers().get(ALLOW).cloned();
            response = ApiError::MethodNotAllowed(method.clone()).into_response();
            if let Some(allow) = allow {
                response.headers_mut().insert(ALLOW, allow);
            }
        }
        if response.extensions_mut().remove::<NeedsChallenge>().is_some()
            && let Some(challenge) = self.authentication.first().and_then(|class| class.challenge())
        {
            *response.status_mut() = StatusCode::UNAUTHORIZED;
            response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
        }
        if self.varies == Varies::ByAccept {
            vary_on_accept(response.headers_mut());
        }
        if let Some(methods) = &self.methods {
            response.headers_mut().insert(ALLOW, methods.allow.clone());
        }
        response
    }
}

impl Default for Api {
    fn default() -> Self {
        Self::new()
    }
}

/// The order of `View.http_method_names`.
const ORDER: [Method; 8] = [
    Method::GET,
    Method::POST,
    Method::PUT,
    Method::PATCH,
    Method::DELETE,
    Method::HEAD,
    Method::OPTIONS,
    Method::TRACE,
];

fn vary_on_accept(headers: &mut HeaderMap) {
    let there: Vec<&str> = headers.get_all(VARY).iter().filter_map(|v| v.to_str().ok()).collect();
    let there = (!there.is_empty()).then(|| there.join(", "));
    if let Ok(vary) = HeaderValue::from_str(&patch_vary(there.as_deref(), &["Accept"])) {
        headers.insert(VARY, vary);
    }
}

/// Makes the request's user the one whom the classes know, and nobody else: REST framework sets Django's own `request.user`
/// too. A session that no class asked for opens nothing.
async fn become_caller(ctx: &Ctx, known: Option<&Known>) {
    match known {
        Some(known) if known.by_session => {}
        Some(known) => {
            let backend = known.backend.clone().unwrap_or_else(|| "".into());
            ctx.set_caller(Identity::User(Arc::clone(&known.user), backend)).await;
        }
        None => ctx.set_caller(Identity::Anonymous(ctx.reason().unwrap_or(Anonymous::NotSignedIn))).await,
    }
}

impl<S> Layer<S> for Api {
    type Service = AroundService<Arc<Self>, S>;

    fn layer(&self, inner: S) -> Self::Service {
        AroundService::new(Arc::new(self.clone()), inner)
    }
}

impl Around for Arc<Api> {
    async fn around(self, request: Request<Body>, inner: impl Inner) -> Response {
        let Some(ctx) = request.extensions().get::<Ctx>().cloned() else { return missing_layer() };
        let method = request.method().clone();
        let mut request = ApiRequest::new(ctx, request);
        let response = match self.admit(&mut request).await {
            Ok(caller) => match self.instead_of_handler(&method) {
                Some(answer) => answer,
                None => {
                    let mut request = request.into_inner();
                    request.extensions_mut().insert(caller);
                    inner.answer(request).await
                }
            },
            Err(error) => error.into_response(),
        };
        self.finish(&method, response)
    }
}
