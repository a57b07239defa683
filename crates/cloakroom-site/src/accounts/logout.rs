//! `logout/` (A111, M06, M07): ends the session, then 302, or a page where the target would be this address itself.

use std::sync::Arc;

use cloakroom_web::redirect;

use super::pages::Pages;
use super::view::{Answer, Request, post_view};
use crate::error::PageError;
use crate::templates::context::LoggedOut;

pub(super) async fn view(pages: Arc<Pages>, request: Request) -> Answer {
    match log_out(&pages, &request).await? {
        Some(to) => Ok(redirect(&to)),
        None => pages.page(&request.ctx, &LoggedOut {}),
    }
}

/// Ends the session; where to go then, or `None` where that would be this address itself.
pub(crate) async fn log_out(pages: &Pages, request: &Request) -> Result<Option<String>, PageError> {
    post_view(&request.ctx)?;
    request.ctx.auth().logout().await?;
    let to = match pages.wanted_next(request)? {
        Some(next) => next.as_str().to_owned(),
        None => default_url(pages, request),
    };
    Ok((to != request.ctx.full_path()).then_some(to))
}

fn default_url(pages: &Pages, request: &Request) -> String {
    let setting = request.ctx.config().urls.logout_redirect_url.as_ref();
    let url = pages.logout_next_page.as_ref().or(setting).filter(|url| !url.is_empty());
    url.map_or_else(|| request.ctx.path().into_owned(), Clone::clone)
}
