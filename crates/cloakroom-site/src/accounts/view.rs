//! Views as Django has them: one function for every method, `HEAD` as `GET`, `PUT` as `POST` (G28), `Allow` on 405.

use std::future::Future;
use std::sync::Arc;

use axum::body::Body;
use axum::http::header::{ALLOW, CONTENT_TYPE};
use axum::http::{HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, any};
use cloakroom_web::{Ctx, Debug, FormData, GuardRejection, User, XFrameOptionsExempt, permanent_redirect};

use super::pages::Pages;
use crate::error::PageError;

pub(crate) type Answer = Result<Response, PageError>;

/// A request on its way to a view.
pub(crate) struct Request {
    pub(crate) ctx: Ctx,
    pub(crate) form: FormData,
}

impl Request {
    /// What a form's fields are bound to.
    pub(crate) fn field(&self, name: &str) -> Option<String> {
        self.form.get(name).map(str::to_owned)
    }
}

/// What a form's page is asked for.
pub(crate) enum Asked {
    /// To be shown.
    Show,
    /// To take what was sent.
    Submit,
}

/// A view for everybody.
pub(super) fn view<F, Fut, S>(pages: &Arc<Pages>, f: F) -> MethodRouter<S>
where
    F: Fn(Arc<Pages>, Request) -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = Answer> + Send,
    S: Clone + Send + Sync + 'static,
{
    let pages = Arc::clone(pages);
    any(async move |ctx: Ctx, form: FormData| {
        pages.load_messages(&ctx).await;
        f(pages, Request { ctx, form }).await
    })
}

/// A view for those who are signed in; others go to the log-in page (M21).
pub(super) fn signed_in<F, Fut, S>(pages: &Arc<Pages>, f: F) -> MethodRouter<S>
where
    F: Fn(Arc<Pages>, Request, User) -> Fut + Clone + Send + Sync + 'static,
    Fut: Future<Output = Answer> + Send,
    S: Clone + Send + Sync + 'static,
{
    let pages = Arc::clone(pages);
    any(async move |user: User, ctx: Ctx, form: FormData| {
        pages.load_messages(&ctx).await;
        f(pages, Request { ctx, form }, user).await
    })
}

/// A method that a view does not take, or `OPTIONS`, which asks for those that it does.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the page takes {allow}")]
pub struct OtherMethod {
    status: StatusCode,
    allow: &'static str,
}

impl OtherMethod {
    const fn refused(allow: &'static str) -> Self {
        Self { status: StatusCode::METHOD_NOT_ALLOWED, allow }
    }

    /// Django's class-based views answer `OPTIONS`; its functions do not.
    fn of_view(method: &Method, allow: &'static str) -> Self {
        if *method == Method::OPTIONS { Self { status: StatusCode::OK, allow } } else { Self::refused(allow) }
    }
}

impl IntoResponse for OtherMethod {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = self.status;
        response.headers_mut().insert(ALLOW, HeaderValue::from_static(self.allow));
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
        response
    }
}

/// The methods of Django's `FormView`.
pub(crate) fn form_view(ctx: &Ctx) -> Result<Asked, OtherMethod> {
    match *ctx.method() {
        Method::GET | Method::HEAD => Ok(Asked::Show),
        Method::POST | Method::PUT => Ok(Asked::Submit),
        _ => Err(OtherMethod::of_view(ctx.method(), "GET, POST, PUT, HEAD, OPTIONS")),
    }
}

/// The methods of Django's `TemplateView`.
pub(crate) fn template_view(ctx: &Ctx) -> Result<(), OtherMethod> {
    match *ctx.method() {
        Method::GET | Method::HEAD => Ok(()),
        _ => Err(OtherMethod::of_view(ctx.method(), "GET, HEAD, OPTIONS")),
    }
}

/// The methods of Django's `LogoutView`.
pub(crate) fn post_view(ctx: &Ctx) -> Result<(), OtherMethod> {
    match *ctx.method() {
        Method::POST => Ok(()),
        _ => Err(OtherMethod::of_view(ctx.method(), "POST, OPTIONS")),
    }
}

/// `require_http_methods(["GET", "HEAD", "POST"])`.
pub(crate) fn get_or_post(ctx: &Ctx) -> Result<Asked, OtherMethod> {
    match *ctx.method() {
        Method::GET | Method::HEAD => Ok(Asked::Show),
        Method::POST => Ok(Asked::Submit),
        _ => Err(OtherMethod::refused("GET, HEAD, POST")),
    }
}

/// `require_safe`.
pub(crate) fn safe(ctx: &Ctx) -> Result<(), OtherMethod> {
    match *ctx.method() {
        Method::GET | Method::HEAD => Ok(()),
        _ => Err(OtherMethod::refused("GET, HEAD")),
    }
}

/// `require_POST`.
pub(crate) fn post(ctx: &Ctx) -> Result<(), OtherMethod> {
    if *ctx.method() == Method::POST { Ok(()) } else { Err(OtherMethod::refused("POST")) }
}

/// Answers 301 to the same address with a slash at its end (`APPEND_SLASH`, G61). Under `DEBUG` a request whose data would
/// be lost is a 500, so that its author notices.
pub(crate) fn append_slash<S: Clone + Send + Sync + 'static>() -> MethodRouter<S> {
    any(async |ctx: Ctx| {
        let loses_data = matches!(*ctx.method(), Method::DELETE | Method::POST | Method::PUT | Method::PATCH);
        if loses_data && ctx.config().debug == Debug::On {
            return GuardRejection::Server("the address lacks its closing slash, and a redirect would lose the data")
                .into_response();
        }
        let full = ctx.full_path();
        let (path, query) = full.split_once('?').map_or((full.as_str(), ""), |(path, query)| (path, query));
        // Two slashes at the start would name a host.
        let path = path.strip_prefix("//").map_or_else(|| path.to_owned(), |rest| format!("/%2F{rest}"));
        let to = if query.is_empty() { format!("{path}/") } else { format!("{path}/?{query}") };
        let mut response = permanent_redirect(&to);
        // In Django this answer is made outside of the middleware that would add the header (M32).
        response.extensions_mut().insert(XFrameOptionsExempt);
        response
    })
}
