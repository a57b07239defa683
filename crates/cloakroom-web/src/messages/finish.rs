//! The way out: messages that nobody read go where they wait (M06).

use axum_core::response::{IntoResponse, Response};

use super::storage::{self, StoreError};
use crate::config::Debug;
use crate::ctx::Ctx;
use crate::error;

/// Whether the answer must store or delete messages.
pub(crate) fn is_due(ctx: &Ctx) -> bool {
    ctx.state().messages.as_ref().is_some_and(|m| m.is_due())
}

/// Stores what is left; or returns the answer that Django gives where its middleware fails.
pub(crate) async fn finish(ctx: &Ctx) -> Result<(), Response> {
    if ctx.state().messages.as_ref().is_some_and(|m| m.must_load()) {
        storage::load(ctx).await.map_err(IntoResponse::into_response)?;
    }
    let Some(state) = ctx.state().messages.take() else { return Ok(()) };
    let held = state.held;
    let lost = storage::store(ctx, &state.into_rest(), held).await.map_err(|e| match e {
        StoreError::Cookie(e) => error::cookie(e),
        StoreError::Session(e) => error::session(&e),
        StoreError::Encode(e) => error::server(&error::chain(&e)),
    })?;
    if lost > 0 {
        if ctx.config().debug == Debug::On {
            return Err(error::server("not all messages could be stored"));
        }
        tracing::warn!(target: "cloakroom.messages", lost, "messages found no room in the cookie");
    }
    Ok(())
}
