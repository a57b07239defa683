//! `update/` (M19): names and address, nothing else (Z02). Leads to `profile/`.

use std::sync::Arc;

use cloakroom_auth::ProfileUpdate;
use cloakroom_db::Updated;
use cloakroom_web::forms::accounts::UpdateForm;
use cloakroom_web::{User, redirect};

use super::pages::{Pages, csrf_token};
use super::view::{Answer, Asked, Request, get_or_post};
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
    let form = UpdateForm::bind(|name| request.field(name));
    let Some(changes) = form.changes() else { return show(pages, request, user, &form).await };
    let update = ProfileUpdate::new()
        .with_first_name(changes.first_name)
        .with_last_name(changes.last_name)
        .with_email(changes.email);
    let mut changed = user.as_arc().as_ref().clone();
    match request.ctx.auth_service().update_profile(&mut changed, update).await? {
        Updated::Yes => Ok(redirect(&pages.urls.profile)),
        // The account was deleted meanwhile.
        _ => Ok(redirect(&request.ctx.config().urls.login_url)),
    }
}
