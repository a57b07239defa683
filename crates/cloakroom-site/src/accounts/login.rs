//! `login/` (A110, M02, M15): 302 to `next` or `LOGIN_REDIRECT_URL`, or the form again with its errors (A122).

use std::sync::Arc;

use cloakroom_auth::{Authenticated, Credentials, Throttled};
use cloakroom_core::models::User;
use cloakroom_core::pytext::capfirst;
use cloakroom_db::users;
use cloakroom_web::forms::accounts::AuthenticationForm;
use cloakroom_web::{GuardRejection, pages, redirect};

use super::pages::{Face, Pages, WhileSignedIn, csrf_token};
use super::view::{Answer, Asked, Request, form_view};
use crate::error::PageError;
use crate::templates::context::{BrowsableLogin, Login};

pub(super) async fn view(pages: Arc<Pages>, request: Request) -> Answer {
    if pages.while_signed_in == WhileSignedIn::Redirect && request.ctx.user().await?.is_some() {
        let to = success_url(&pages, &request)?;
        if to == request.ctx.path() {
            let what = "redirect loop for a signed-in user: LOGIN_REDIRECT_URL leads to the log-in page";
            return Err(GuardRejection::Server(what).into());
        }
        return Ok(redirect(&to));
    }
    match form_view(&request.ctx)? {
        Asked::Show => show(&pages, &request, &as_the_model_says(&request, AuthenticationForm::plain())).await,
        Asked::Submit => submit(&pages, &request).await,
    }
}

async fn show(pages: &Pages, request: &Request, form: &AuthenticationForm) -> Answer {
    let next = pages.wanted_next(request)?.map(|next| next.as_str().to_owned()).unwrap_or_default();
    let csrf_token = csrf_token(&request.ctx).await?;
    let form = form.form().into();
    match pages.face {
        Face::Site => pages.page(&request.ctx, &Login { form, csrf_token, next }),
        Face::BrowsableApi => {
            let username = request.field("username").unwrap_or_default();
            pages.page(&request.ctx, &BrowsableLogin { form, username, csrf_token, next })
        }
    }
}

async fn submit(pages: &Pages, request: &Request) -> Answer {
    match sign_in(request).await? {
        SignIn::Done(_) => Ok(redirect(&success_url(pages, request)?)),
        SignIn::Refused(form) => show(pages, request, &form).await,
        SignIn::Throttled(form, throttled) => {
            Ok(pages::with_retry_after(show(pages, request, &form).await?, throttled))
        }
    }
}

/// The field is called `username` whatever the model (A103); people read what the model calls it (A17).
fn as_the_model_says(request: &Request, form: AuthenticationForm) -> AuthenticationForm {
    let table = users::table(request.ctx.auth_service().db());
    if table.is_stock() {
        return form;
    }
    form.with_username_label(capfirst(&table.verbose_name_of(table.username_field())))
}

/// What became of a log-in.
pub(crate) enum SignIn {
    /// They are signed in.
    Done(Arc<User>),
    /// The form has errors.
    Refused(AuthenticationForm),
    /// Too many tries lately (E04); the form says so too.
    Throttled(AuthenticationForm, Throttled),
}

/// Signs in whom the form names, or gives the form back with its errors.
pub(crate) async fn sign_in(request: &Request) -> Result<SignIn, PageError> {
    sign_in_if(request, |_| true).await
}

/// As [`sign_in`], for a door that lets only some in: others are told what a wrong password is told.
pub(crate) async fn sign_in_if(request: &Request, may_enter: impl Fn(&User) -> bool) -> Result<SignIn, PageError> {
    let auth = request.ctx.auth();
    let mut form = as_the_model_says(request, AuthenticationForm::bind(|name| request.field(name)));
    if let Some((username, password)) = form.credentials() {
        match auth.authenticate(Credentials::password(username, password.to_owned())).await? {
            Authenticated::Yes(user) if user.is_active && !may_enter(user.user()) => form.refuse_login(),
            Authenticated::Yes(user) if user.is_active => match auth.login(&user).await {
                Err(GuardRejection::TooManySessions) => form.refuse_session_limit(),
                done => {
                    done?;
                    return Ok(SignIn::Done(Arc::clone(user.user())));
                }
            },
            // Only AllowAllUsersModelBackend lets closed accounts get this far (A61).
            Authenticated::Yes(_) => form.refuse_inactive(),
            Authenticated::No(_) => form.refuse_login(),
            Authenticated::Throttled(throttled) => {
                form.refuse_throttled();
                return Ok(SignIn::Throttled(form, throttled));
            }
        }
    }
    Ok(SignIn::Refused(form))
}

fn success_url(pages: &Pages, request: &Request) -> Result<String, PageError> {
    if let Some(next) = pages.wanted_next(request)? {
        return Ok(next.as_str().to_owned());
    }
    let default = pages.login_next_page.as_ref();
    Ok(default.unwrap_or(&request.ctx.config().urls.login_redirect_url).clone())
}
