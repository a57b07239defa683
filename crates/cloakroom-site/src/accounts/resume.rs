//! `resume/` (M22, X10): a form that was sent before its sender had logged in, and whether to send it now.

use std::sync::Arc;

use axum::http::StatusCode;
use cloakroom_web::{GuardRejection, KeptPost, User, redirect};

use super::pages::{Pages, csrf_token};
use super::view::{Answer, Asked, Request, get_or_post};
use crate::templates::context::{Entered, Resume};

pub(super) async fn view(pages: Arc<Pages>, request: Request, user: User) -> Answer {
    let ctx = &request.ctx;
    if ctx.config().resume_posts.is_none() {
        return Err(GuardRejection::NotFound.into());
    }
    let asked = get_or_post(ctx)?;
    let kept = KeptPost::find(ctx).await?;
    let elsewhere = kept.as_ref().and_then(KeptPost::page).unwrap_or(&ctx.config().urls.login_redirect_url).to_owned();
    let Some(kept) = kept else { return Ok(redirect(&elsewhere)) };
    match asked {
        Asked::Show => {
            let token = csrf_token(ctx).await?;
            let page = Resume {
                target: kept.target().to_owned(),
                fields: Entered::all(kept.fields()),
                csrf_token: token.clone(),
            };
            pages.page_of(ctx, &user, Some(&token), &page)
        }
        Asked::Submit => {
            KeptPost::forget(ctx).await?;
            if ctx.query()?.get("drop").is_some() {
                return Ok(redirect(&elsewhere));
            }
            // The browser sends this very form, to where the kept one was to go: that handler makes all its checks.
            let mut response = redirect(kept.target());
            if response.status() == StatusCode::FOUND {
                *response.status_mut() = StatusCode::TEMPORARY_REDIRECT;
            }
            Ok(response)
        }
    }
}
