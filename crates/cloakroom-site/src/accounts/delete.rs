//! `delete/` (M19): ends the session, deletes the account and with it every other session, leads to `LOGIN_URL`.

use std::sync::Arc;

use cloakroom_web::{User, redirect};

use super::pages::{Pages, csrf_token};
use super::view::{Answer, Asked, Request, get_or_post};
use crate::templates::context::Delete;

pub(super) async fn view(pages: Arc<Pages>, request: Request, user: User) -> Answer {
    match get_or_post(&request.ctx)? {
        Asked::Show => {
            let token = csrf_token(&request.ctx).await?;
            pages.page_of(&request.ctx, &user, Some(&token), &Delete { csrf_token: token.clone() })
        }
        Asked::Submit => {
            request.ctx.auth().logout().await?;
            request.ctx.auth_service().delete_account(request.ctx.sessions(), &user).await?;
            Ok(redirect(&request.ctx.config().urls.login_url))
        }
    }
}
