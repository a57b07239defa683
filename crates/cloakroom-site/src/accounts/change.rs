//! `password_change/` (A112, A09) and `password_change/done/` (A113): this session stays, all others end (M24).

use std::sync::Arc;

use cloakroom_auth::{Confirmed, PasswordChanged};
use cloakroom_core::models;
use cloakroom_core::secret::Secret;
use cloakroom_core::validators::UserFacts;
use cloakroom_web::forms::accounts::PasswordChangeForm;
use cloakroom_web::{User, redirect};

use super::pages::{Pages, csrf_token};
use super::view::{Answer, Asked, Request, form_view, template_view};
use crate::error::PageError;
use crate::templates::context::{PasswordChange, PasswordChangeDone};

pub(super) async fn view(pages: Arc<Pages>, request: Request, user: User) -> Answer {
    let help = Pages::password_help(&request.ctx);
    match form_view(&request.ctx)? {
        Asked::Show => show(&pages, &request, &user, &PasswordChangeForm::plain(&help)).await,
        Asked::Submit => submit(&pages, &request, &user, &help).await,
    }
}

pub(super) async fn done(pages: Arc<Pages>, request: Request, user: User) -> Answer {
    template_view(&request.ctx)?;
    // Without a form of its own this page must not renew the CSRF cookie, as Django's does not.
    pages.page_of(&request.ctx, &user, None, &PasswordChangeDone {})
}

async fn show(pages: &Pages, request: &Request, user: &User, form: &PasswordChangeForm) -> Answer {
    let token = csrf_token(&request.ctx).await?;
    let page = PasswordChange { form: form.form().into(), csrf_token: token.clone() };
    pages.page_of(&request.ctx, user, Some(&token), &page)
}

async fn submit(pages: &Pages, request: &Request, user: &User, help: &[String]) -> Answer {
    match change_password(request, user, help).await? {
        Ok(()) => Ok(redirect(&pages.urls.password_change_done)),
        Err(form) => show(pages, request, user, &form).await,
    }
}

/// Changes the password as the form says and keeps this session, or gives the form back with its errors.
pub(crate) async fn change_password(
    request: &Request,
    user: &models::User,
    help: &[String],
) -> Result<Result<(), PasswordChangeForm>, PageError> {
    let auth = request.ctx.auth();
    let mut form = PasswordChangeForm::bind(help, |name| request.field(name));
    form.finish(&UserFacts::from(user), |password, facts| {
        auth.validate_password(&Secret::new(password.to_owned()), Some(facts))
    });
    let mut changed = user.clone();
    if !change(request, &mut changed, &mut form).await? {
        return Ok(Err(form));
    }
    auth.update_session_auth_hash(&changed).await?;
    Ok(Ok(()))
}

/// Changes the password if the form is valid and the old one right. The old one is hashed once, whatever else is wrong.
async fn change(request: &Request, user: &mut models::User, form: &mut PasswordChangeForm) -> Result<bool, PageError> {
    let auth = request.ctx.auth_service();
    let address = request.ctx.client_address();
    let Some(old) = form.old_password().map(|old| Secret::new(old.to_owned())) else { return Ok(false) };
    let Some(new) = form.new_password().map(|new| Secret::new(new.expose().to_owned())) else {
        match auth.confirm_password(user, &old, address).await? {
            Confirmed::Yes => {}
            Confirmed::Throttled(throttled) => return Err(throttled.into()),
            _ => form.refuse_old_password(),
        }
        return Ok(false);
    };
    match auth.change_password(user, &old, &new, address).await? {
        PasswordChanged::Yes => return Ok(true),
        PasswordChanged::Throttled(throttled) => return Err(throttled.into()),
        PasswordChanged::WrongOld => form.refuse_old_password(),
        PasswordChanged::Refused(objections) => form.refuse_new_password(objections),
        _ => form.refuse_too_long(),
    }
    Ok(false)
}
