//! `<id>/sessions/`: ends a user's sessions, one or all (S10).

use cloakroom_auth::WhichSession;
use cloakroom_auth::admin::{Deed, Model};
use cloakroom_auth::events::EndedBy;
use cloakroom_web::{GuardRejection, redirect};

use super::desk::Desk;
use crate::accounts::view::{Answer, post};

/// One's own session, in which this is asked, is not ended here: that is what logging out is for.
pub(super) async fn end(desk: &Desk, key: &str) -> Answer {
    let ctx = &desk.request.ctx;
    desk.demand(Deed::Change, Model::User)?;
    post(ctx)?;
    let Some(user) = desk.user(key).await? else { return desk.no_such(Model::User, key) };
    desk.demand_with(Deed::Change, &user)?;
    let current = ctx.session().await?.key();
    let auth = ctx.auth_service();
    let own = auth.own_sessions(ctx.sessions(), &user, current.as_ref()).await?;
    let wanted = desk.request.form.get("id").unwrap_or_default();
    let chosen: Vec<_> = own
        .iter()
        .filter(|session| session.which == WhichSession::Other && (wanted == "all" || session.public_id() == wanted))
        .collect();
    if chosen.is_empty() && wanted != "all" {
        return Err(GuardRejection::NotFound.into());
    }
    for session in &chosen {
        auth.end_session(ctx.sessions(), &session.key, Some(&user.id), EndedBy::Administrator).await?;
    }
    desk.success(match chosen.len() {
        1 => format!("1 session of {} was ended.", user.username),
        n => format!("{n} sessions of {} were ended.", user.username),
    });
    Ok(redirect(&desk.user_page(&user.id, "change/")))
}
