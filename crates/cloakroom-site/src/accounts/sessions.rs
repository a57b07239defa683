//! `sessions/` and `sessions/revoke/`: one's own sessions, and ending them.

use std::sync::Arc;

use axum::response::Response;
use cloakroom_auth::events::EndedBy;
use cloakroom_auth::{OwnSession, WhichSession};
use cloakroom_core::models;
use cloakroom_web::{Ctx, GuardRejection, User, redirect};

use super::pages::{Pages, csrf_token};
use super::view::{Answer, Request, post, safe};
use crate::error::PageError;
use crate::templates::context::{SessionRow, Sessions};

pub(super) async fn list(pages: Arc<Pages>, request: Request, user: User) -> Answer {
    safe(&request.ctx)?;
    let rows = own(&request.ctx, &user).await?;
    let now = request.ctx.now();
    let rows = rows.into_iter().map(|row| {
        let current = row.which == WhichSession::Current;
        let shown = SessionRow::new(row.public_id(), current, row.expire_date);
        row.visit.iter().fold(shown, |shown, visit| shown.with_visit(visit, now))
    });
    let token = csrf_token(&request.ctx).await?;
    let page = Sessions { rows: rows.collect(), csrf_token: token.clone() };
    pages.page_of(&request.ctx, &user, Some(&token), &page)
}

pub(super) async fn revoke(pages: Arc<Pages>, request: Request, user: User) -> Answer {
    post(&request.ctx)?;
    let wanted = request.form.get("id").unwrap_or_default();
    let rows = own(&request.ctx, &user).await?;
    if wanted == "others" {
        end_others(&request.ctx, &user, &rows).await?;
        return Ok(redirect(&pages.urls.sessions));
    }
    let Some(row) = rows.iter().find(|row| row.public_id() == wanted) else {
        return Err(GuardRejection::NotFound.into());
    };
    end(&pages, &request, &user, row).await
}

async fn end(pages: &Pages, request: &Request, user: &User, row: &OwnSession) -> Result<Response, PageError> {
    match row.which {
        WhichSession::Current => {
            request.ctx.auth().logout().await?;
            Ok(redirect(&request.ctx.config().urls.login_url))
        }
        WhichSession::Other => {
            end_one(&request.ctx, user, row).await?;
            Ok(redirect(&pages.urls.sessions))
        }
    }
}

/// Ends a session of the user's that is not the request's.
pub(crate) async fn end_one(ctx: &Ctx, user: &models::User, row: &OwnSession) -> Result<(), PageError> {
    Ok(ctx.auth_service().end_session(ctx.sessions(), &row.key, Some(&user.id), EndedBy::Owner).await?)
}

/// Ends those of the sessions that are not the request's.
pub(crate) async fn end_others(ctx: &Ctx, user: &models::User, rows: &[OwnSession]) -> Result<(), PageError> {
    for row in rows.iter().filter(|row| row.which == WhichSession::Other) {
        end_one(ctx, user, row).await?;
    }
    Ok(())
}

/// The sessions of a user, their own first.
pub(crate) async fn own(ctx: &Ctx, user: &models::User) -> Result<Vec<OwnSession>, PageError> {
    let session = ctx.session().await?;
    let key = session.key();
    Ok(ctx.auth_service().own_sessions(ctx.sessions(), user, key.as_ref()).await?)
}
