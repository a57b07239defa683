//! The server's first page: what this is, where the doors are, and how the first superuser is made.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::Router;
use axum::response::Response;
use axum::routing::get;
use cloakroom_web::Ctx;

use crate::accounts::Accounts;
use crate::error::PageError;
use crate::templates::context::Index;

/// `/`. It asks nobody who they are.
pub fn router<S: Clone + Send + Sync + 'static>(accounts: &Accounts) -> Router<S> {
    let pages = Arc::clone(accounts.pages());
    // A site that has a superuser is not asked again.
    let settled = Arc::new(AtomicBool::new(false));
    Router::new().route(
        "/",
        get(async move |ctx: Ctx| -> Result<Response, PageError> {
            let first_steps = !settled.load(Ordering::Relaxed) && !ctx.auth_service().has_superuser().await?;
            settled.store(!first_steps, Ordering::Relaxed);
            pages.page(&ctx, &Index { first_steps })
        }),
    )
}
