//! `signup/` (M19): makes an account, signs it in by the first back end, and leads to `LOGIN_REDIRECT_URL`.

use std::sync::Arc;

use cloakroom_auth::{BackendChoice, Created, NewAccount, NotCreated};
use cloakroom_core::models::User;
use cloakroom_core::secret::Secret;
use cloakroom_web::forms::accounts::{Taken, UserCreationForm};
use cloakroom_web::redirect;

use super::pages::{Pages, csrf_token};
use super::view::{Answer, Asked, Request, get_or_post};
use crate::error::PageError;
use crate::templates::context::Signup;

pub(super) async fn view(pages: Arc<Pages>, request: Request) -> Answer {
    let help = Pages::password_help(&request.ctx);
    match get_or_post(&request.ctx)? {
        Asked::Show => show(&pages, &request, &UserCreationForm::plain(&help)).await,
        Asked::Submit => submit(&pages, &request, &help).await,
    }
}

async fn show(pages: &Pages, request: &Request, form: &UserCreationForm) -> Answer {
    let page = Signup { form: form.form().into(), csrf_token: csrf_token(&request.ctx).await? };
    pages.page(&request.ctx, &page)
}

async fn submit(pages: &Pages, request: &Request, help: &[String]) -> Answer {
    match sign_up(request, help).await? {
        Ok(_) => Ok(redirect(&request.ctx.config().urls.login_redirect_url)),
        Err(form) => show(pages, request, &form).await,
    }
}

/// Makes the account that the form describes and signs it in, or gives the form back with its errors.
pub(crate) async fn sign_up(
    request: &Request,
    help: &[String],
) -> Result<Result<Arc<User>, UserCreationForm>, PageError> {
    let mut form = UserCreationForm::bind(help, |name| request.field(name));
    check(request, &mut form).await?;
    let auth = request.ctx.auth();
    if let Some(new) = form.new_user() {
        auth.admit_sign_up(request.ctx.client_address()).await?;
        let password = Secret::new(new.password.expose().to_owned());
        let account = NewAccount::new(new.username).with_email(new.email).with_password(password);
        match auth.create_user(account).await? {
            Created::Yes(user) => {
                let user = Arc::new(user);
                auth.login_without_proof(&user, BackendChoice::First).await?;
                return Ok(Ok(user));
            }
            Created::No(NotCreated::PasswordTooLong) => form.refuse_too_long(),
            // Somebody else took the name since it was looked up.
            Created::No(_) => form.refuse_taken(),
            _ => form.refuse_taken(),
        }
    }
    Ok(Err(form))
}

/// Asks the service what the form cannot know.
async fn check(request: &Request, form: &mut UserCreationForm) -> Result<(), PageError> {
    let auth = request.ctx.auth_service();
    let taken = match form.lookup() {
        Some((name, rule)) => auth.is_username_taken(name, rule.into()).await?,
        None => false,
    };
    form.finish(if taken { Taken::Yes } else { Taken::No }, |password, facts| {
        auth.validate_password(&Secret::new(password.to_owned()), Some(facts))
    });
    Ok(())
}
