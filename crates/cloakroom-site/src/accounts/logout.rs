//! `logout/` (A111, M06, M07): ends the session, then 302, or a page where the target would be this address itself.

use std::sync::Arc;

use cloakroom_web::redirect;

use super::pages::Pages;
use super::view::{Answer, Request, post_view};
use crate::templates::context::LoggedOut;

pub(super) async fn view(pages: Arc<Pages>, request: Request) -> Answer {
    post_view(&request.ctx)?;
    request.ctx.auth().logout().await?;
    let to = match pages.wanted_next(&request)? {
        Some(next) => next.as_str().to_owned(),
        None => default_url(&pages, &request),
    };
    if to == request.ctx.full_path() { pages.page(&request.ctx, &LoggedOut {}) } else { Ok(redirect(&to)) }
}

fn default_url(pages: &Pages, request: &Request) -> String {
    let setting = request.ctx.config().urls.logout_redirect_url.as_ref();
    let url = pages.logout_next_page.as_ref().or(setting).filter(|url| !url.is_empty());
    url.map_or_else(|| request.ctx.path().into_owned(), Clone::clone)
}
