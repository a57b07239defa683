//! Who comes in: `login/`, `logout/`, `password_change/` (A180).

use std::sync::Arc;

use cloakroom_core::models::User;
use cloakroom_web::forms::accounts::{AuthenticationForm, PasswordChangeForm};
use cloakroom_web::redirect;
use http::Method;

use super::Site;
use super::desk::Desk;
use crate::accounts::change::change_password;
use crate::accounts::login::{SignIn, sign_in_if};
use crate::accounts::logout::log_out;
use crate::accounts::pages::{Pages, csrf_token};
use crate::accounts::view::{Answer, Asked, Request, form_view, template_view};
use crate::error::PageError;
use crate::templates::context::admin::{AdminLoggedOut, AdminLogin, AdminPasswordChange, AdminPasswordChangeDone};

/// Whether somebody who may use the admin is signed in.
pub(super) async fn is_staff(request: &Request) -> Result<bool, PageError> {
    Ok(request.ctx.user().await?.is_some_and(|user| may_enter(&user)))
}

fn may_enter(user: &User) -> bool {
    user.is_active && user.is_staff
}

pub(super) async fn login(site: Arc<Site>, request: Request) -> Answer {
    let next = site.pages.wanted_next(&request)?.map(|next| next.as_str().to_owned());
    if *request.ctx.method() == Method::GET && is_staff(&request).await? {
        return Ok(redirect(&next.unwrap_or_else(|| site.at(""))));
    }
    match form_view(&request.ctx)? {
        Asked::Show => show(&site, &request, next, &AuthenticationForm::plain()).await,
        Asked::Submit => match sign_in_if(&request, may_enter).await? {
            SignIn::Done(_) => {
                let default = site.pages.login_next_page.as_ref();
                let default = default.unwrap_or(&request.ctx.config().urls.login_redirect_url);
                Ok(redirect(next.as_ref().unwrap_or(default)))
            }
            SignIn::Refused(form) => show(&site, &request, next, &form).await,
            SignIn::Throttled(form, throttled) => {
                let page = show(&site, &request, next, &form).await?;
                Ok(cloakroom_web::pages::with_retry_after(page, throttled))
            }
        },
    }
}

async fn show(site: &Site, request: &Request, next: Option<String>, form: &AuthenticationForm) -> Answer {
    let next = next.unwrap_or_else(|| site.at(""));
    let page = AdminLogin { form: form.form().into(), csrf_token: csrf_token(&request.ctx).await?, next };
    site.pages.page(&request.ctx, &page)
}

pub(super) async fn logout(desk: &Desk) -> Answer {
    match log_out(&desk.site.pages, &desk.request).await? {
        Some(to) => Ok(redirect(&to)),
        None => desk.page(&AdminLoggedOut { index: desk.site.at("") }),
    }
}

pub(super) async fn password_change(site: Arc<Site>, request: Request) -> Answer {
    let desk = Desk::open(site, request).await?;
    let help = Pages::password_help(&desk.request.ctx);
    let form = match form_view(&desk.request.ctx)? {
        Asked::Show => PasswordChangeForm::plain(&help),
        Asked::Submit => match change_password(&desk.request, desk.admin.user(), &help).await? {
            Ok(()) => return Ok(redirect(&desk.site.at("password_change/done/"))),
            Err(form) => form,
        },
    };
    let admin = desk.frame(Vec::new()).await?;
    desk.page(&AdminPasswordChange { admin, form: form.form().into() })
}

pub(super) async fn password_change_done(site: Arc<Site>, request: Request) -> Answer {
    let desk = Desk::open(site, request).await?;
    template_view(&desk.request.ctx)?;
    desk.page(&AdminPasswordChangeDone { index: desk.site.at("") })
}
