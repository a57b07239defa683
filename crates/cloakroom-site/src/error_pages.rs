//! [`ErrorPages`]: errors said in the site's own layout.

use std::convert::Infallible;
use std::error::Error;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum::body::Body;
use axum::extract::Request;
use axum::http::header::{CONTENT_LENGTH, CONTENT_SECURITY_POLICY};
use axum::http::{HeaderValue, Method};
use axum::response::Response;
use cloakroom_web::pages::ErrorText;
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use crate::accounts::Accounts;
use crate::templates::context::{Again, ErrorPage};

/// Nothing but the stylesheet and the icon; an error page has no form but one that expired (H01, X11).
fn policy(nonce: Option<&str>, form_action: &str) -> Option<HeaderValue> {
    let nonce = nonce.map(|nonce| format!(" 'nonce-{nonce}'")).unwrap_or_default();
    let policy = format!(
        "default-src 'none'; style-src 'self'{nonce}; img-src 'self' data:; object-src 'none'; base-uri 'none'; \
         form-action {form_action}; frame-ancestors 'none'"
    );
    HeaderValue::from_str(&policy).ok()
}

/// A layer that puts the error pages of `cloakroom_web` into the site's layout. Other answers pass as they are, and so
/// do status and headers of these.
#[derive(Clone, Debug)]
#[must_use = "a layer does nothing until it is put on a router"]
pub struct ErrorPages(Accounts);

impl ErrorPages {
    pub(crate) const fn new(accounts: Accounts) -> Self {
        Self(accounts)
    }

    fn dress(&self, mut response: Response) -> Response {
        let Some(said) = response.extensions().get::<ErrorText>() else { return response };
        let nonce = said.nonce.clone();
        let page = ErrorPage {
            status: response.status().as_u16(),
            title: said.title.to_string(),
            text: said.text.to_string(),
            detail: said.detail.as_deref().unwrap_or_default().to_owned(),
            again: said.again.as_ref().map(Again::from),
        };
        let form = if page.again.is_some() { "'self'" } else { "'none'" };
        match self.0.pages().html(None, nonce.as_deref(), &[], &page) {
            Ok(html) => {
                response.headers_mut().remove(CONTENT_LENGTH);
                if let Some(policy) = policy(nonce.as_deref(), form) {
                    response.headers_mut().entry(CONTENT_SECURITY_POLICY).or_insert(policy);
                }
                *response.body_mut() = Body::from(html);
            }
            // The plain page stands.
            Err(error) => {
                tracing::error!(target: "cloakroom::site", error = &error as &dyn Error, "an error page could not be rendered");
            }
        }
        response
    }
}

impl<S> Layer<S> for ErrorPages {
    type Service = ErrorPagesService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        ErrorPagesService { pages: self.clone(), inner }
    }
}

/// The service that [`ErrorPages`] makes.
#[derive(Clone, Debug)]
pub struct ErrorPagesService<S> {
    pages: ErrorPages,
    inner: S,
}

impl<S> Service<Request> for ErrorPagesService<S>
where
    S: Service<Request, Response = Response, Error = Infallible>,
{
    type Response = Response;
    type Error = Infallible;
    type Future = ErrorPagesFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let pages = (*request.method() != Method::HEAD).then(|| self.pages.clone());
        ErrorPagesFuture { pages, inner: self.inner.call(request) }
    }
}

pin_project! {
    /// The future of [`ErrorPagesService`].
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct ErrorPagesFuture<F> {
        pages: Option<ErrorPages>,
        #[pin]
        inner: F,
    }
}

impl<F: Future<Output = Result<Response, Infallible>>> Future for ErrorPagesFuture<F> {
    type Output = Result<Response, Infallible>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let response = match ready!(this.inner.poll(cx)) {
            Ok(response) => response,
            Err(never) => match never {},
        };
        Poll::Ready(Ok(match this.pages {
            Some(pages) => pages.dress(response),
            None => response,
        }))
    }
}
