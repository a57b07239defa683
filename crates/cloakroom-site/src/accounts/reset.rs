//! `password_reset/`, `reset/<uidb64>/<token>/` and the pages after each (A114–A118): the way back for one who forgot.

use std::sync::Arc;

use axum::response::Response;
use cloakroom_auth::mail::Site;
use cloakroom_auth::{BackendChoice, ResetOutcome};
use cloakroom_core::models::User;
use cloakroom_core::secret::Secret;
use cloakroom_core::validators::UserFacts;
use cloakroom_web::forms::accounts::{PasswordResetForm, SetPasswordForm};
use cloakroom_web::{Ctx, GuardRejection, redirect};

use super::outgoing::Wish;
use super::pages::{AfterReset, Pages, csrf_token};
use super::view::{Answer, Asked, Request, form_view, template_view};
use crate::error::PageError;
use crate::templates::context::{PasswordReset, PasswordResetComplete, PasswordResetConfirm, PasswordResetDone};

/// Where the session keeps the token while the form is shown (A118).
const SESSION_TOKEN: &str = "_password_reset_token";

/// What stands in the address in the token's place, so that no `Referer` leaks it (A118).
const SET_PASSWORD: &str = "set-password";

/// `password_reset/` (A114). The answer is the same whether the address is known or not (E02).
pub(super) async fn request(pages: Arc<Pages>, request: Request) -> Answer {
    let form = match form_view(&request.ctx)? {
        Asked::Show => PasswordResetForm::plain(),
        Asked::Submit => PasswordResetForm::bind(|name| request.field(name)),
    };
    if let Some(email) = form.email() {
        send_links(&pages, &request.ctx, email).await?;
        return Ok(redirect(&pages.urls.password_reset_done));
    }
    let page = PasswordReset { form: form.form().into(), csrf_token: csrf_token(&request.ctx).await? };
    pages.page(&request.ctx, &page)
}

/// Has links sent to the accounts of an address, unless too many were asked for lately (E11).
pub(crate) async fn send_links(pages: &Pages, ctx: &Ctx, email: &str) -> Result<(), PageError> {
    ctx.auth_service().admit_reset(email, ctx.client_address()).await?;
    let host = ctx.host().map_err(|e| GuardRejection::Host(e.clone()))?;
    let scheme = if ctx.is_secure() { "https" } else { "http" };
    let site = Site { name: host.to_owned(), origin: format!("{scheme}://{host}") };
    match &pages.mailer {
        Some(mailer) => {
            let (auth, mailer) = (ctx.auth_service().clone(), Arc::clone(mailer));
            pages.outgoing.send(Wish { auth, email: email.to_owned(), site, mailer });
        }
        None => tracing::error!(target: "cloakroom::site", "a reset link was asked for, and there is no mailer"),
    }
    Ok(())
}

/// `password_reset/done/` (A115).
pub(super) async fn requested(pages: Arc<Pages>, request: Request) -> Answer {
    template_view(&request.ctx)?;
    pages.page(&request.ctx, &PasswordResetDone {})
}

/// `reset/done/` (A115).
pub(super) async fn complete(pages: Arc<Pages>, request: Request) -> Answer {
    template_view(&request.ctx)?;
    pages.page(&request.ctx, &PasswordResetComplete {})
}

/// `reset/<uidb64>/<token>/` (A116, A118). What is wrong with a link is asked before the method, as in Django.
pub(super) async fn confirm(pages: Arc<Pages>, request: Request) -> Answer {
    let ctx = &request.ctx;
    let path = ctx.path();
    let mut parts = path.trim_end_matches('/').rsplit('/');
    let (Some(token), Some(uid)) = (parts.next(), parts.next()) else { return Err(GuardRejection::NotFound.into()) };
    let Some(user) = ctx.auth_service().user_of_uid(uid).await? else { return invalid(&pages, ctx) };
    if token != SET_PASSWORD {
        if !ctx.auth_service().check_reset_token(&user, token) {
            return invalid(&pages, ctx);
        }
        ctx.session().await?.set_value(SESSION_TOKEN, token);
        return Ok(redirect(&path.replace(token, SET_PASSWORD)));
    }
    let token = ctx.session().await?.get_value(SESSION_TOKEN);
    let token = token.as_ref().and_then(|token| token.as_str()).unwrap_or_default();
    if !ctx.auth_service().check_reset_token(&user, token) {
        return invalid(&pages, ctx);
    }
    set_password(&pages, &request, &user, uid, token).await
}

async fn set_password(pages: &Pages, request: &Request, user: &User, uid: &str, token: &str) -> Answer {
    let ctx = &request.ctx;
    let help = Pages::password_help(ctx);
    let form = match form_view(ctx)? {
        Asked::Show => SetPasswordForm::plain(&help),
        Asked::Submit => match reset_password(request, user, uid, token, &help).await? {
            Reset::Done(user) => return finish(pages, ctx, *user).await,
            Reset::Invalid => return invalid(pages, ctx),
            Reset::Refused(form) => form,
        },
    };
    let page = PasswordResetConfirm { form: Some(form.form().into()), csrf_token: csrf_token(ctx).await? };
    pages.page(ctx, &page)
}

/// What became of a reset.
pub(crate) enum Reset {
    /// The password is set.
    Done(Box<User>),
    /// The form has errors.
    Refused(SetPasswordForm),
    /// The link was used meanwhile, or the account is gone.
    Invalid,
}

/// Sets the password that the form chooses, by a link that was checked.
pub(crate) async fn reset_password(
    request: &Request,
    user: &User,
    uid: &str,
    token: &str,
    help: &[String],
) -> Result<Reset, PageError> {
    let auth = request.ctx.auth();
    let mut form = SetPasswordForm::bind(
        help,
        |name| request.field(name),
        &UserFacts::from(user),
        |password, facts| auth.validate_password(&Secret::new(password.to_owned()), Some(facts)),
    );
    if let Some(new) = form.new_password() {
        let new = Secret::new(new.expose().to_owned());
        match auth.reset_password(uid, token, &new).await? {
            ResetOutcome::Yes(user) => return Ok(Reset::Done(Box::new(user))),
            ResetOutcome::Refused(objections) => form.refuse_new_password(objections),
            ResetOutcome::TooLong => form.refuse_too_long(),
            _ => return Ok(Reset::Invalid),
        }
    }
    Ok(Reset::Refused(form))
}

async fn finish(pages: &Pages, ctx: &Ctx, user: User) -> Result<Response, PageError> {
    ctx.session().await?.remove(SESSION_TOKEN);
    if pages.after_reset == AfterReset::SignIn {
        ctx.auth().login_without_proof(&Arc::new(user), BackendChoice::Only).await?;
    }
    Ok(redirect(&pages.urls.password_reset_complete))
}

fn invalid(pages: &Pages, ctx: &Ctx) -> Answer {
    pages.page(ctx, &PasswordResetConfirm { form: None, csrf_token: String::new() })
}
