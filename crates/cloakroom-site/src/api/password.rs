//! `password/change/`, `password/reset/`, `password/reset/confirm/`.

use std::sync::Arc;

use cloakroom_web::forms::accounts::PasswordResetForm;
use serde_json::json;

use super::answer::{ApiError, ok};
use super::door::{Answer, Call};
use crate::accounts::change::change_password;
use crate::accounts::pages::Pages;
use crate::accounts::reset::{Reset, reset_password, send_links};

/// `password/change/`: this session stays, all others end.
pub(super) async fn change(_: Arc<Pages>, call: Call) -> Answer {
    let user = Arc::clone(call.user()?);
    let request = call.form().await?;
    let help = Pages::password_help(&request.ctx);
    match change_password(&request, &user, &help).await? {
        Ok(()) => Ok(ok(&json!({}))),
        Err(form) => Err(ApiError::form(form.form())),
    }
}

/// `password/reset/`. The answer is the same whether the address is known or not (E02).
pub(super) async fn reset(pages: Arc<Pages>, call: Call) -> Answer {
    let request = call.form().await?;
    let form = PasswordResetForm::bind(|name| request.field(name));
    let Some(email) = form.email() else { return Err(ApiError::form(form.form())) };
    send_links(&pages, &request.ctx, email).await?;
    Ok(ok(&json!({})))
}

/// `password/reset/confirm/`: the parts of a mailed link, and the new password.
pub(super) async fn confirm(_: Arc<Pages>, call: Call) -> Answer {
    let request = call.form().await?;
    let auth = request.ctx.auth_service();
    let [uid, token] = ["uid", "token"].map(|name| request.form.get(name).unwrap_or_default());
    let Some(user) = auth.user_of_uid(uid).await? else { return Err(ApiError::invalid("uid")) };
    if !auth.check_reset_token(&user, token) {
        return Err(ApiError::invalid("token"));
    }
    let help = Pages::password_help(&request.ctx);
    match reset_password(&request, &user, uid, token, &help).await? {
        Reset::Done(_) => Ok(ok(&json!({}))),
        Reset::Refused(form) => Err(ApiError::form(form.form())),
        Reset::Invalid => Err(ApiError::invalid("token")),
    }
}
