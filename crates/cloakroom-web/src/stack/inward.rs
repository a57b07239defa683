//! The way in: what is answered before any handler, and what must be asked first.

use axum_core::body::Body;
use axum_core::response::Response;
use cloakroom_core::csrf::SecretStore;
use http::{Request, StatusCode};

use crate::config::HostCheck;
use crate::csrf::{self, Gate};
use crate::ctx::{CsrfCheck, Ctx, Head};
use crate::{error, respond};

/// What the CSRF check makes of a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Route {
    /// It is checked.
    Checked,
    /// It is exempt.
    Exempt,
    /// There is none: the 404 is not checked.
    NotFound,
    /// No route is checked.
    Unchecked,
}

/// Where a request stands after the steps that wait for nothing.
pub(super) enum Entry {
    /// Before the handler.
    Open,
    /// At its answer.
    Answered(Answer),
    /// Before [`ask`].
    Ask,
}

/// An answer, and the step that gave it: only the steps outside of that one see it on its way out.
pub(super) struct Answer {
    pub(super) response: Response,
    pub(super) by: Step,
}

/// The steps, outermost first (M32).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Step {
    /// Outside of all: nothing is added.
    Outside,
    /// `SecurityMiddleware`: its own headers are added.
    Security,
    /// `CommonMiddleware`: the session is finished too.
    Host,
    /// `CsrfViewMiddleware`, the handler, and all between: the CSRF cookie and `X-Frame-Options` are added too.
    Handler,
}

pub(super) fn enter(ctx: &Ctx, head: Head<'_>, route: Route) -> Entry {
    if let Some(answer) = redirect_to_https(ctx) {
        return Entry::Answered(answer);
    }
    if let (HostCheck::EveryRequest, Err(e)) = (ctx.config().security.host_check, ctx.host()) {
        return Entry::Answered(Answer { response: error::host(e), by: Step::Host });
    }
    let needs_session = ctx.config().csrf.policy.store() == SecretStore::Session;
    match route {
        Route::Unchecked => Entry::Open,
        Route::Exempt => {
            ctx.state().csrf = CsrfCheck::Exempt;
            if needs_session { Entry::Ask } else { Entry::Open }
        }
        // Django looks for the secret before it looks for a route (C20).
        Route::NotFound => {
            if needs_session {
                Entry::Ask
            } else {
                Entry::Open
            }
        }
        Route::Checked => match csrf::gate(ctx, head) {
            Gate::Open => {
                ctx.state().csrf = CsrfCheck::Passed;
                Entry::Open
            }
            Gate::Shut(rejection) => {
                let response = csrf::refusal(ctx, &rejection);
                Entry::Answered(Answer { response, by: Step::Handler })
            }
            Gate::Ask => Entry::Ask,
        },
    }
}

/// The steps that wait: for the session that holds the CSRF secret, for the form that holds the token.
pub(super) async fn ask(ctx: &Ctx, route: Route, request: Request<Body>) -> Result<Request<Body>, Response> {
    match route {
        Route::Checked => csrf::check(ctx, request).await,
        Route::Exempt | Route::NotFound | Route::Unchecked => match csrf::prepare(ctx).await {
            Ok(_) => Ok(request),
            Err(e) => Err(error::session(&e)),
        },
    }
}

/// M25.
fn redirect_to_https(ctx: &Ctx) -> Option<Answer> {
    let rule = ctx.config().security.ssl_redirect.as_ref()?;
    let path = ctx.path();
    if !rule.applies(ctx.scheme(), &path) {
        return None;
    }
    let host = match ctx.host() {
        Ok(host) => host,
        Err(_) if rule.has_own_host() => "",
        // Django asks for the host inside its outermost middleware, so the 400 gets no header at all.
        Err(e) => return Some(Answer { response: error::host(e), by: Step::Outside }),
    };
    Some(match rule.location(host, &path, &ctx.facts().query()) {
        Ok(location) => {
            Answer { response: respond::located(StatusCode::MOVED_PERMANENTLY, &location), by: Step::Security }
        }
        Err(e) => Answer { response: respond::disallowed(&e), by: Step::Outside },
    })
}
