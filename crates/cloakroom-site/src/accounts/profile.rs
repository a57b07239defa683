//! `profile/` (M05): who is signed in, and a way out.

use std::sync::Arc;

use cloakroom_web::User;

use super::pages::{Pages, csrf_token};
use super::view::{Answer, Request, safe};
use crate::templates::context::Profile;

pub(super) async fn view(pages: Arc<Pages>, request: Request, user: User) -> Answer {
    safe(&request.ctx)?;
    let token = csrf_token(&request.ctx).await?;
    let page = Profile { account: user.as_arc().as_ref().into(), csrf_token: token.clone() };
    pages.page_of(&request.ctx, &user, Some(&token), &page)
}
