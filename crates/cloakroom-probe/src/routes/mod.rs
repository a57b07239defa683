//! The probe routes of the contract, on the library as anybody would use it.

mod auth;
mod cookies;
mod messages;
mod ops;
mod session;

use axum::Router;
use axum::extract::Path;
use axum::response::Response;
use axum::routing::any;
use cloakroom::core::urls::{RequireHttps, url_has_allowed_host_and_scheme};
use cloakroom::core::value::Value;
use cloakroom::web::guards::{Guard, OnRefusal, require_get, require_post, require_safe};
use cloakroom::web::{CloakroomLayer, Ctx, GuardRejection};
use http::StatusCode;

use self::ops::{dict, json_answer, ok_answer};

/// Routes that do without a CSRF token.
const EXEMPT: [&str; 6] = [
    "/probe/session/ops/",
    "/probe/auth/ops/",
    "/probe/csrf/exempt/",
    "/probe/csrf/rotate/",
    "/probe/cookies/ops/",
    "/probe/messages/ops/",
];

pub(crate) fn exempt(layer: CloakroomLayer) -> CloakroomLayer {
    EXEMPT.into_iter().fold(layer, CloakroomLayer::insecure_csrf_exempt)
}

pub(crate) fn router() -> Router {
    let ok = || any(|| async { ok_answer() });
    let custom = Guard::login_required().with_login_url("/elsewhere/?a=1").with_redirect_field("dest");
    Router::new()
        .route("/probe/plain/", ok())
        .route("/probe/session/ops/", any(session::run).layer(require_post()))
        .route("/probe/session/status/{code}/", any(session::status))
        .route("/probe/session/stream/", any(session::stream))
        .route("/probe/auth/whoami/", any(auth::whoami))
        .route("/probe/auth/lazy/", any(auth::lazy))
        .route("/probe/auth/ops/", any(auth::run).layer(require_post()))
        .route("/probe/guard/login/", ok().layer(Guard::login_required()))
        .route("/probe/guard/login_custom/", ok().layer(custom))
        .route("/probe/guard/login_post/", ok().layer(require_post()).layer(Guard::login_required()))
        .route("/probe/guard/post/", ok().layer(require_post()))
        .route("/probe/guard/safe/", ok().layer(require_safe()))
        .route("/probe/guard/get/", ok().layer(require_get()))
        .route("/probe/guard/perm/{perm}/", any(perm))
        .route("/probe/guard/perm_raise/{perm}/", any(perm_raise))
        .route("/probe/guard/staff/", ok().layer(Guard::user_passes_test(|user| user.is_some_and(|u| u.is_staff))))
        .route("/probe/csrf/token/", any(token))
        .route("/probe/csrf/echo/", ok())
        .route("/probe/csrf/exempt/", ok())
        .route("/probe/csrf/protect/", ok())
        .route("/probe/csrf/ensure/", any(ensure))
        .route("/probe/csrf/requires_token/", ok())
        .route("/probe/csrf/rotate/", any(rotate).layer(require_post()))
        .route("/probe/cookies/ops/", any(cookies::run).layer(require_post()))
        .route("/probe/messages/ops/", any(messages::run).layer(require_post()))
        .route("/probe/redirect/", any(redirect))
}

async fn perm(ctx: Ctx, Path(perm): Path<String>) -> Result<Response, GuardRejection> {
    Guard::permission_required([perm]).check(&ctx).await?;
    Ok(ok_answer())
}

async fn perm_raise(ctx: Ctx, Path(perm): Path<String>) -> Result<Response, GuardRejection> {
    Guard::permission_required([perm]).with_refusal(OnRefusal::Forbid).check(&ctx).await?;
    Ok(ok_answer())
}

async fn token(ctx: Ctx) -> Result<Response, GuardRejection> {
    let token = ctx.csrf().await?.get_token()?;
    Ok(json_answer(StatusCode::OK, &dict([("token", token.into())])))
}

async fn ensure(ctx: Ctx) -> Result<Response, GuardRejection> {
    ctx.csrf().await?.get_token()?;
    Ok(ok_answer())
}

async fn rotate(ctx: Ctx) -> Result<Response, GuardRejection> {
    ctx.csrf().await?.rotate();
    Ok(ok_answer())
}

async fn redirect(ctx: Ctx) -> Result<Response, GuardRejection> {
    let query = ctx.query().unwrap_or_default();
    let host = ctx.host().map_err(|e| GuardRejection::Host(e.clone()))?;
    let https = if ctx.is_secure() { RequireHttps::Yes } else { RequireHttps::No };
    let safe = query.get("to").is_some_and(|to| url_has_allowed_host_and_scheme(to, &[host], https));
    Ok(json_answer(StatusCode::OK, &dict([("safe", Value::Bool(safe))])))
}
