//! `<id>/password/` (A101, A184).

use cloakroom_auth::admin::{Deed, Model, NewPassword, PasswordGiven};
use cloakroom_core::models::User;
use cloakroom_core::secret::Secret;
use cloakroom_core::validators::UserFacts;
use cloakroom_web::forms::Form;
use cloakroom_web::forms::admin::{AdminPasswordChangeForm, AskedPassword, UsablePassword, password_change};
use cloakroom_web::{GuardRejection, redirect};

use super::desk::Desk;
use crate::accounts::pages::Pages;
use crate::accounts::view::{Answer, Asked, get_or_post};
use crate::templates::context::admin::{AdminPassword, Link};

pub(super) async fn view(desk: &Desk, key: &str) -> Answer {
    desk.demand(Deed::Change, Model::User)?;
    let user = desk.user(key).await?.ok_or(GuardRejection::NotFound)?;
    desk.demand_with(Deed::Change, &user)?;
    let usable = if user.password.is_usable() { UsablePassword::Offered } else { UsablePassword::Missing };
    let help = Pages::password_help(&desk.request.ctx);
    match get_or_post(&desk.request.ctx)? {
        Asked::Show => show(desk, &user, usable, &password_change(&help, usable)).await,
        Asked::Submit => submit(desk, user, usable, &help).await,
    }
}

async fn show(desk: &Desk, user: &User, usable: UsablePassword, form: &Form) -> Answer {
    let back = desk.user_page(&user.id, "change/");
    let may_unset = usable == UsablePassword::Offered;
    let page = AdminPassword {
        admin: desk.frame_in(Model::User, Some(Link::new(&*back, &*user.username))).await?,
        heading: if may_unset { "Change a password" } else { "Set a password" }.to_owned(),
        object: user.username.clone(),
        form: form.into(),
        may_unset,
        back,
    };
    desk.page(&page)
}

async fn submit(desk: &Desk, mut user: User, usable: UsablePassword, help: &[String]) -> Answer {
    let auth = desk.request.ctx.auth();
    let get = |name: &str| desk.request.field(name);
    let facts = UserFacts::from(&user);
    let mut form = AdminPasswordChangeForm::bind(help, usable, get, &facts, |password, facts| {
        auth.validate_password(&Secret::new(password.to_owned()), Some(facts))
    });
    let password = match form.asked() {
        None => return show(desk, &user, usable, form.form()).await,
        Some(AskedPassword::Usable(password)) => NewPassword::Usable(Secret::new(password.to_owned())),
        Some(AskedPassword::Unusable) if desk.is_sent("unset-password") => NewPassword::Unusable,
        Some(AskedPassword::Unusable) => {
            // Two buttons, and the wrong one: the choice says off, the button says set.
            desk.request.ctx.messages().error("The choice and the button do not agree. Nothing was changed.");
            return Ok(redirect(&desk.request.ctx.full_path()));
        }
    };
    match auth.set_password_as(&desk.admin, &mut user, &password).await? {
        PasswordGiven::Yes => {}
        PasswordGiven::TooLong => {
            form.refuse_too_long();
            return show(desk, &user, usable, form.form()).await;
        }
        PasswordGiven::Gone => return Err(GuardRejection::NotFound.into()),
        _ => return Err(GuardRejection::Forbidden.into()),
    }
    desk.success(match password {
        NewPassword::Usable(_) => format!("The password of {} was changed.", user.username),
        NewPassword::Unusable => format!("No password opens the account of {} any more.", user.username),
    });
    auth.update_session_auth_hash(&user).await?;
    Ok(redirect(&desk.user_page(&user.id, "change/")))
}
