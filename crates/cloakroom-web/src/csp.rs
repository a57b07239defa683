//! `Content-Security-Policy`: `SECURE_CSP`, its nonce, and what single routes have instead (M40–M43, H01).

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use axum_core::body::Body;
use axum_core::response::Response;
use cloakroom_core::headers::{CspPolicy, generate_nonce};
use http::header::{CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY_REPORT_ONLY};
use http::{HeaderName, HeaderValue, Request};
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use crate::ctx::Ctx;
use crate::pages::ErrorText;

impl Ctx {
    /// The request's nonce, for `<script nonce="…">` and `<style nonce="…">`: drawn when it is first asked for. The answer's
    /// policy names it where `SECURE_CSP` has a place for it, and only if it was asked for (M42).
    ///
    /// ```
    /// use cloakroom_web::Ctx;
    ///
    /// async fn page(ctx: Ctx) -> String {
    ///     format!(r#"<script nonce="{}">document.title = "hello"</script>"#, ctx.csp_nonce())
    /// }
    /// # let _ = page;
    /// ```
    #[must_use]
    pub fn csp_nonce(&self) -> Arc<str> {
        let site = self.site();
        let mut state = self.state();
        Arc::clone(state.csp_nonce.get_or_insert_with(|| generate_nonce(&*site.random).into()))
    }
}

/// Gives a route a policy of its own in place of `SECURE_CSP`; an empty one none at all: Django's `csp_override` (M40).
///
/// ```
/// use axum::{Router, routing::get};
/// use cloakroom_core::headers::{CspPolicy, CspValue};
/// use cloakroom_web::csp_override;
///
/// let strict = CspPolicy::new([("default-src".into(), CspValue::List(vec!["'none'".into()]))]);
/// let app: Router = Router::new()
///     .route("/strict/", get(async || "nothing").layer(csp_override(strict)))
///     .route("/free/", get(async || "everything").layer(csp_override(CspPolicy::default())));
/// # let _ = app;
/// ```
pub fn csp_override(policy: CspPolicy) -> CspOverride {
    CspOverride { which: Which::Enforce, policy: Arc::new(policy) }
}

/// The same in place of `SECURE_CSP_REPORT_ONLY`: Django's `csp_report_only_override` (M40).
pub fn csp_report_only_override(policy: CspPolicy) -> CspOverride {
    CspOverride { which: Which::ReportOnly, policy: Arc::new(policy) }
}

/// The layer that [`csp_override`] and [`csp_report_only_override`] make.
#[derive(Clone, Debug)]
#[must_use = "a layer does nothing until it is put on a route"]
pub struct CspOverride {
    which: Which,
    policy: Arc<CspPolicy>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Which {
    Enforce,
    ReportOnly,
}

/// The policies that stand in an answer's extensions in place of the settings'.
#[derive(Clone, Debug, Default)]
struct Overrides {
    enforce: Option<Arc<CspPolicy>>,
    report_only: Option<Arc<CspPolicy>>,
}

/// Adds the policies' headers to an answer that has none.
pub(crate) fn add_headers(ctx: &Ctx, response: &mut Response) {
    if let Some(said) = response.extensions_mut().get_mut::<ErrorText>() {
        // Whoever dresses the page needs it.
        said.nonce = Some(ctx.csp_nonce());
    }
    let overrides = response.extensions().get::<Overrides>().cloned().unwrap_or_default();
    let security = &ctx.config().security;
    let nonce = ctx.state().csp_nonce.clone();
    let mut add = |name: HeaderName, policy: &CspPolicy| {
        if !policy.is_empty()
            && !response.headers().contains_key(&name)
            && let Ok(value) = HeaderValue::from_str(&policy.build(nonce.as_deref()))
        {
            response.headers_mut().insert(name, value);
        }
    };
    add(CONTENT_SECURITY_POLICY, overrides.enforce.as_deref().unwrap_or(&security.csp));
    add(CONTENT_SECURITY_POLICY_REPORT_ONLY, overrides.report_only.as_deref().unwrap_or(&security.csp_report_only));
}

impl<S> Layer<S> for CspOverride {
    type Service = CspOverrideService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        CspOverrideService { rule: self.clone(), inner }
    }
}

/// The service that [`CspOverride`] makes.
#[derive(Clone, Debug)]
pub struct CspOverrideService<S> {
    rule: CspOverride,
    inner: S,
}

impl<S> Service<Request<Body>> for CspOverrideService<S>
where
    S: Service<Request<Body>, Response = Response, Error = Infallible>,
{
    type Response = Response;
    type Error = Infallible;
    type Future = CspOverrideFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        CspOverrideFuture { rule: self.rule.clone(), inner: self.inner.call(request) }
    }
}

pin_project! {
    /// The future of [`CspOverrideService`].
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct CspOverrideFuture<F> {
        rule: CspOverride,
        #[pin]
        inner: F,
    }
}

impl<F: Future<Output = Result<Response, Infallible>>> Future for CspOverrideFuture<F> {
    type Output = Result<Response, Infallible>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let mut response = match ready!(this.inner.poll(cx)) {
            Ok(response) => response,
            Err(never) => match never {},
        };
        let mut overrides = response.extensions().get::<Overrides>().cloned().unwrap_or_default();
        let place = match this.rule.which {
            Which::Enforce => &mut overrides.enforce,
            Which::ReportOnly => &mut overrides.report_only,
        };
        // The outermost wins, as with decorators.
        *place = Some(Arc::clone(&this.rule.policy));
        response.extensions_mut().insert(overrides);
        Poll::Ready(Ok(response))
    }
}
