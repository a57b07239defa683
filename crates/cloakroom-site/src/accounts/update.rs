//! `update/` (M19): names and address, nothing else (Z02). Leads to `profile/`.

use std::sync::Arc;

use cloakroom_auth::ProfileUpdate;
use cloakroom_core::models;
use cloakroom_db::Updated;
use cloakroom_web::forms::accounts::UpdateForm;
use cloakroom_web::{User, redirect};

use super::pages::{Pages, csrf_token};
use super::view::{Answer, Asked, Request, get_or_post};
use crate::error::PageError;
use crate::templates::context::Update;

pub(super) async fn view(pages: Arc<Pages>, request: Request, user: User) -> Answer {
    match get_or_post(&request.ctx)? {
        Asked::Show => show(&pages, &request, &user, &UpdateForm::of(&user)).await,
        Asked::Submit => submit(&pages, &request, &user).await,
    }
}

async fn show(pages: &Pages, request: &Request, user: &User, form: &UpdateForm) -> Answer {
    let token = csrf_token(&request.ctx).await?;
    let page = Update { form: form.form().into(), csrf_token: token.clone() };
    pages.page_of(&request.ctx, user, Some(&token), &page)
}

async fn submit(pages: &Pages, request: &Request, user: &User) -> Answer {
    match update(request, user).await? {
        Ok(Some(_)) => Ok(redirect(&pages.urls.profile)),
        // The account was deleted meanwhile.
        Ok(None) => Ok(redirect(&request.ctx.config().urls.login_url)),
        Err(form) => show(pages, request, user, &form).await,
    }
}

/// Stores what the form says and gives the user as they are now, `None` if they are no more; or gives the form back with
/// its errors.
pub(crate) async fn update(
    request: &Request,
    user: &models::User,
) -> Result<Result<Option<models::User>, UpdateForm>, PageError> {
    let form = UpdateForm::bind(|name| request.field(name));
    let Some(changes) = form.changes() else { return Ok(Err(form)) };
    let update = ProfileUpdate::new()
        .with_first_name(changes.first_name)
        .with_last_name(changes.last_name)
        .with_email(changes.email);
    let mut changed = user.clone();
    let updated = request.ctx.auth_service().update_profile(&mut changed, update).await?;
    Ok(Ok((updated == Updated::Yes).then_some(changed)))
}
