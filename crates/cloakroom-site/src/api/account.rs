//! `csrf/`, `login/`, `logout/`, `signup/`, `user/`.

use std::sync::Arc;

use axum::http::{Method, StatusCode};
use cloakroom_web::api::answer;
use serde_json::json;

use super::answer::{ApiError, nothing, ok, user_json};
use super::door::{Answer, Call};
use crate::accounts::login::{self, SignIn};
use crate::accounts::pages::Pages;
use crate::accounts::{signup, update};

/// `csrf/`: a token, and the cookie to go with it.
pub(super) async fn csrf(_: Arc<Pages>, call: Call) -> Answer {
    Ok(ok(&json!({ "csrfToken": call.ctx.csrf().await?.get_token()? })))
}

/// `login/`.
pub(super) async fn login(_: Arc<Pages>, call: Call) -> Answer {
    match login::sign_in(&call.form().await?).await? {
        SignIn::Done(user) => Ok(ok(&json!({ "user": user_json(&user) }))),
        SignIn::Refused(form) => Err(ApiError::form(form.form())),
        SignIn::Throttled(_, throttled) => Err(throttled.into()),
    }
}

/// `logout/`: no error when nobody is signed in (M07).
pub(super) async fn logout(_: Arc<Pages>, call: Call) -> Answer {
    call.ctx.auth().logout().await?;
    Ok(nothing())
}

/// `signup/`.
pub(super) async fn signup(_: Arc<Pages>, call: Call) -> Answer {
    let request = call.form().await?;
    let help = Pages::password_help(&request.ctx);
    match signup::sign_up(&request, &help).await? {
        Ok(user) => Ok(answer::json(StatusCode::CREATED, &json!({ "user": user_json(&user) }))),
        Err(form) => Err(ApiError::form(form.form())),
    }
}

/// `user/`: shows, changes, deletes one's own account.
pub(super) async fn user(_: Arc<Pages>, call: Call) -> Answer {
    match *call.ctx.method() {
        Method::PATCH => patch(call).await,
        Method::DELETE => delete(call).await,
        _ => Ok(ok(&user_json(call.user()?))),
    }
}

/// What is left out stays as it is.
async fn patch(call: Call) -> Answer {
    let user = Arc::clone(call.user()?);
    let stored =
        [("first_name", user.first_name.clone()), ("last_name", user.last_name.clone()), ("email", user.email.clone())];
    match update::update(&call.form_over(stored).await?, &user).await? {
        Ok(Some(user)) => Ok(ok(&user_json(&user))),
        Ok(None) => Err(ApiError::Anonymous),
        Err(form) => Err(ApiError::form(form.form())),
    }
}

async fn delete(call: Call) -> Answer {
    let user = call.user()?;
    call.ctx.auth().logout().await?;
    call.ctx.auth_service().delete_account(call.ctx.sessions(), user).await?;
    Ok(nothing())
}
