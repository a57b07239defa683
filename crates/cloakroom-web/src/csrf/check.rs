//! The check of one request.

use axum_core::body::Body;
use axum_core::response::Response;
use cloakroom_auth::metrics;
use cloakroom_core::csrf::{
    Decision, FORM_FIELD, Facts, Rejection, SecretStore, Stored, TokenState, check_token, decide_before_body,
    is_safe_method, mask, reads_form,
};
use cloakroom_core::reason::Reason;
use http::Request;
use http::header::{ORIGIN, REFERER};

use super::token::{prepare, stored_in_cookie};
use crate::body::BodyError;
use crate::config::Debug;
use crate::ctx::{CsrfCheck, Ctx, Head, header_text, with_host_facts};
use crate::error;
use crate::interrupted::FormAgain;
use crate::pages;

/// Whether a form whose token is missing or stale may be shown again with a good one: not in Django's profile where the answer
/// would have to set a cookie that Django's does not.
fn reads_for_again(ctx: &Ctx, rejection: &Rejection) -> bool {
    matches!(rejection, Rejection::NoCookie)
        && ctx.config().resume_posts.is_some()
        && *ctx.method() == http::Method::POST
}

/// What can be said of a request at once.
pub(crate) enum Gate {
    /// It passes.
    Open,
    /// It is refused.
    Shut(Rejection),
    /// The session or the body must be read: [`check`].
    Ask,
}

/// Decides what can be decided without waiting (C23).
pub(crate) fn gate(ctx: &Ctx, head: Head<'_>) -> Gate {
    if ctx.config().csrf.policy.store() == SecretStore::Session {
        return Gate::Ask;
    }
    if is_safe_method(ctx.method().as_str()) {
        return Gate::Open;
    }
    match decide(ctx, head, &stored_in_cookie(ctx)) {
        Decision::Pass => Gate::Open,
        Decision::Reject(rejection) if reads_for_again(ctx, &rejection) => Gate::Ask,
        Decision::Reject(rejection) => Gate::Shut(rejection),
        Decision::NeedsToken => Gate::Ask,
    }
}

/// Whether a request is refused, and for what; its body is read if that decides (C23–C39).
pub(crate) async fn check(ctx: &Ctx, mut request: Request<Body>) -> Result<Request<Body>, Response> {
    let stored = prepare(ctx).await.map_err(|e| error::session(&e))?;
    let verdict = match decide(ctx, (&request).into(), &stored) {
        Decision::Pass => Ok(()),
        Decision::Reject(rejection) => {
            if reads_for_again(ctx, &rejection) {
                // It is refused anyway; what cannot be read is not shown again.
                let _ = ctx.read_form(&mut request).await;
            }
            Err(rejection)
        }
        Decision::NeedsToken => {
            let form = match reads_form(request.method().as_str()) {
                true => match ctx.read_form(&mut request).await {
                    Ok(form) => Some(std::sync::Arc::clone(form)),
                    // A connection that broke gives no token; the answer will hardly arrive (csrf.py, _check_token).
                    Err(BodyError::Unreadable(_)) => None,
                    Err(e) => return Err(error::body(&e)),
                },
                false => None,
            };
            let policy = &ctx.config().csrf.policy;
            let header = policy.header_name().and_then(|name| header_text(request.headers(), name));
            check_token(policy, &stored, form.as_ref().and_then(|f| f.get(FORM_FIELD)), header.as_deref())
        }
    };
    match verdict {
        Ok(()) => {
            ctx.state().csrf = CsrfCheck::Passed;
            Ok(request)
        }
        Err(rejection) => Err(refusal(ctx, &rejection)),
    }
}

pub(super) fn decide(ctx: &Ctx, head: Head<'_>, stored: &Stored) -> Decision {
    let config = ctx.config();
    let origin = header_text(head.headers, ORIGIN.as_str());
    let referer = header_text(head.headers, REFERER.as_str());
    let sec_fetch_site = header_text(head.headers, "sec-fetch-site");
    with_host_facts(head, &config.security, ctx.scheme(), |host| {
        let facts = Facts {
            method: ctx.method().as_str(),
            scheme: ctx.scheme(),
            host: ctx.host().ok(),
            port: config.security.hosts.port(host),
            origin: origin.as_deref(),
            referer: referer.as_deref(),
            sec_fetch_site: sec_fetch_site.as_deref(),
        };
        decide_before_body(&config.csrf.policy, &facts, stored)
    })
}

/// The 403 of a refused request; the reason goes to the log, and to developers (C40, L02).
pub(crate) fn refusal(ctx: &Ctx, rejection: &Rejection) -> Response {
    log(ctx, rejection);
    let reason = rejection.to_string();
    let again = again(ctx, rejection);
    let mut response = pages::csrf_failure((ctx.config().debug == Debug::On).then_some(reason.as_str()), again);
    response.extensions_mut().insert(CsrfRefusal(rejection.clone()));
    response
}

/// A form of this site's own that expired: another tab logged in or out, or the cookie went (X11).
fn again(ctx: &Ctx, rejection: &Rejection) -> Option<FormAgain> {
    let site = ctx.site();
    match rejection {
        // A token for the secret that the browser has: nothing is sent anew.
        Rejection::TokenIncorrect { .. } => FormAgain::of(ctx, || {
            let state = ctx.state();
            state.token.as_ref().and_then(TokenState::secret).and_then(|secret| mask(secret, &*site.random).ok())
        }),
        Rejection::NoCookie if ctx.config().resume_posts.is_some() => FormAgain::of(ctx, || {
            let mut state = ctx.state();
            state.token.as_mut().and_then(|token| token.token(&*site.random).ok())
        }),
        Rejection::NoCookie | Rejection::CookieFormat(_) => FormAgain::of(ctx, || None),
        _ => None,
    }
}

pub(super) fn log(ctx: &Ctx, rejection: &Rejection) {
    metrics::refused(Reason::Csrf(rejection.as_str()));
    tracing::warn!(
        target: "django.security.csrf",
        reason = rejection.as_str(),
        detail = ?rejection.to_string(),
        path = ?ctx.path(),
        "Forbidden: CSRF verification failed"
    );
}

/// Why a request was refused, in the answer's extensions, for those who answer it in their own way.
#[derive(Clone, Debug)]
pub struct CsrfRefusal(pub Rejection);
