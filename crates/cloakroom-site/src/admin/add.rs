//! `add/` for users: a name and a password, or none (A100, A183). The rest follows on the change page.

use cloakroom_auth::NameCase;
use cloakroom_auth::admin::{Added, Deed, Model, NewPassword};
use cloakroom_core::secret::Secret;
use cloakroom_web::forms::Form;
use cloakroom_web::forms::accounts::Taken;
use cloakroom_web::forms::admin::{bind_user_creation, user_creation, wants_password};
use cloakroom_web::{GuardRejection, redirect};

use super::desk::Desk;
use crate::accounts::pages::Pages;
use crate::accounts::view::{Answer, Asked, get_or_post};
use crate::templates::context::admin::AdminAddUser;

pub(super) async fn view(desk: &Desk) -> Answer {
    desk.demand(Deed::Add, Model::User)?;
    match get_or_post(&desk.request.ctx)? {
        Asked::Show => show(desk, &user_creation(&Pages::password_help(&desk.request.ctx))).await,
        Asked::Submit => submit(desk).await,
    }
}

async fn show(desk: &Desk, form: &Form) -> Answer {
    let admin = desk.frame_in(Model::User, None).await?;
    desk.page(&AdminAddUser { admin, form: form.into() })
}

async fn submit(desk: &Desk) -> Answer {
    let auth = desk.request.ctx.auth_service();
    let get = |name: &str| desk.request.field(name);
    let mut form = bind_user_creation(&Pages::password_help(&desk.request.ctx), get);
    let taken = match form.lookup() {
        Some((name, rule)) => auth.is_username_taken(name, NameCase::from(rule)).await?,
        None => false,
    };
    form.finish(if taken { Taken::Yes } else { Taken::No }, |password, facts| {
        auth.validate_password(&Secret::new(password.to_owned()), Some(facts))
    });
    if let Some(new) = form.new_user() {
        let password = match wants_password(&get) {
            true => NewPassword::Usable(Secret::new(new.password.expose().to_owned())),
            false => NewPassword::Unusable,
        };
        match auth.add_user_as(&desk.admin, new.username, password).await? {
            Added::Yes(user) => {
                if desk.is_sent("_addanother") {
                    desk.success(format!("{} was added. You may add another.", user.username));
                    return Ok(redirect(&format!("{}add/", desk.list_of(Model::User))));
                }
                desk.success(format!("{} was added. You may change the rest here.", user.username));
                return Ok(redirect(&desk.user_page(&user.id, "change/")));
            }
            Added::Forbidden => return Err(GuardRejection::Forbidden.into()),
            Added::PasswordTooLong => form.refuse_too_long(),
            _ => form.refuse_taken(),
        }
    }
    show(desk, form.form()).await
}
