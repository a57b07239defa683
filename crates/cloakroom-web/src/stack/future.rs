//! [`CloakroomFuture`]: one request under way.

use std::convert::Infallible;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum_core::body::Body;
use axum_core::response::Response;
use futures_util::future::BoxFuture;
use http::Request;
use pin_project_lite::pin_project;
use tower_service::Service;

use super::inward::{self, Answer, Route, Step};
use super::outward::{self, Leave};
use crate::ctx::Ctx;

/// What a request needs on all its way.
pub(super) struct Way {
    pub(super) ctx: Ctx,
    pub(super) route: Route,
}

pin_project! {
    /// The future of [`CloakroomService`](super::CloakroomService).
    #[must_use = "futures do nothing unless polled"]
    pub struct CloakroomFuture<S: Service<Request<Body>>> {
        way: Option<Way>,
        #[pin]
        at: At<S>,
    }
}

pin_project! {
    /// Where a request is.
    #[project = AtProj]
    #[project_replace = AtOwned]
    enum At<S: Service<Request<Body>>> {
        /// Something must be read before the handler may see it.
        Asking { asked: BoxFuture<'static, Result<Request<Body>, Response>>, inner: Option<S> },
        /// The handler has it.
        Inside { #[pin] handler: S::Future },
        /// An answer is there.
        Answered { answer: Option<Answer> },
        /// The session is being saved.
        Finishing { finished: BoxFuture<'static, Answer> },
        /// It is done.
        Done,
    }
}

impl<S> CloakroomFuture<S>
where
    S: Service<Request<Body>, Response = Response, Error = Infallible>,
{
    /// Inside of another layer: only passed through.
    pub(super) fn inside(inner: &mut S, request: Request<Body>) -> Self {
        Self { way: None, at: At::Inside { handler: inner.call(request) } }
    }

    pub(super) fn open(way: Way, inner: &mut S, request: Request<Body>) -> Self {
        let at = match catch_unwind(AssertUnwindSafe(|| inner.call(request))) {
            Ok(handler) => At::Inside { handler },
            Err(_) => At::Answered { answer: Some(panic_answer(&way)) },
        };
        Self { way: Some(way), at }
    }

    pub(super) fn answered(way: Way, answer: Answer) -> Self {
        Self { way: Some(way), at: At::Answered { answer: Some(answer) } }
    }

    pub(super) fn ask(way: Way, inner: S, request: Request<Body>) -> Self {
        let (ctx, route) = (way.ctx.clone(), way.route);
        let asked = Box::pin(async move { inward::ask(&ctx, route, request).await });
        Self { way: Some(way), at: At::Asking { asked, inner: Some(inner) } }
    }
}

impl<S> Future for CloakroomFuture<S>
where
    S: Service<Request<Body>, Response = Response, Error = Infallible>,
{
    type Output = Result<Response, Infallible>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        loop {
            let answer = match this.at.as_mut().project() {
                AtProj::Asking { asked, inner } => match ready!(asked.as_mut().poll(cx)) {
                    Err(response) => Answer { response, by: Step::Handler },
                    Ok(request) => {
                        let mut inner = inner.take().expect("a request is asked about once");
                        match catch_unwind(AssertUnwindSafe(|| inner.call(request))) {
                            Ok(handler) => {
                                this.at.set(At::Inside { handler });
                                continue;
                            }
                            Err(_) => panic_answer(way(this.way)),
                        }
                    }
                },
                AtProj::Inside { handler } => {
                    let Some(way) = &*this.way else { return handler.poll(cx) };
                    match catch_unwind(AssertUnwindSafe(|| handler.poll(cx))) {
                        Ok(Poll::Pending) => return Poll::Pending,
                        Ok(Poll::Ready(Ok(response))) => Answer { response, by: Step::Handler },
                        Ok(Poll::Ready(Err(never))) => match never {},
                        Err(_) => panic_answer(way),
                    }
                }
                AtProj::Answered { answer } => answer.take().expect("an answer is taken once"),
                AtProj::Finishing { finished } => {
                    let Answer { mut response, by } = ready!(finished.as_mut().poll(cx));
                    let way = way(this.way);
                    outward::close(&way.ctx, by, &mut response);
                    this.at.set(At::Done);
                    return Poll::Ready(Ok(response));
                }
                AtProj::Done => panic!("polled after completion"),
            };
            // What the handler held is free before the session is finished.
            this.at.set(At::Done);
            let Way { ctx, route } = way(this.way);
            let Answer { mut response, by } = answer;
            match outward::leave(ctx, *route, by, &mut response) {
                Leave::Now => {
                    outward::close(ctx, by, &mut response);
                    return Poll::Ready(Ok(response));
                }
                Leave::Later => {
                    let (ctx, route) = (ctx.clone(), *route);
                    let finished =
                        Box::pin(
                            async move { Answer { response: outward::finish(&ctx, route, by, response).await, by } },
                        );
                    this.at.set(At::Finishing { finished });
                }
            }
        }
    }
}

fn way(way: &Option<Way>) -> &Way {
    way.as_ref().expect("only a request that was let in is answered")
}

fn panic_answer(way: &Way) -> Answer {
    Answer { response: outward::panicked(&way.ctx), by: Step::Handler }
}
