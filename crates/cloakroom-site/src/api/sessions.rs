//! `sessions/` and `sessions/<id>/`: one's own sessions, and ending them.

use std::sync::Arc;

use axum::http::Method;
use cloakroom_auth::WhichSession;
use serde_json::{Value, json};

use super::answer::{ApiError, nothing, ok};
use super::door::{Answer, Call};
use crate::accounts::pages::Pages;
use crate::accounts::sessions::{end_one, end_others, own};

/// `sessions/`: lists one's sessions, this one first; or ends all others.
pub(super) async fn all(_: Arc<Pages>, call: Call) -> Answer {
    let rows = own(&call.ctx, call.user()?).await?;
    if *call.ctx.method() == Method::DELETE {
        end_others(&call.ctx, call.user()?, &rows).await?;
        return Ok(nothing());
    }
    let rows = rows.iter().map(|row| {
        json!({
            "id": row.public_id(),
            "current": row.which == WhichSession::Current,
            "expire_date": row.expire_date.to_isoformat(),
        })
    });
    Ok(ok(&rows.collect::<Value>()))
}

/// `sessions/<id>/`: ends one. One's own is logged out; what is not one's own is not found.
pub(super) async fn one(_: Arc<Pages>, call: Call) -> Answer {
    let path = call.ctx.path();
    let id = path.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
    let rows = own(&call.ctx, call.user()?).await?;
    let row = rows.iter().find(|row| row.public_id() == id).ok_or(ApiError::NotFound)?;
    match row.which {
        WhichSession::Current => call.ctx.auth().logout().await?,
        WhichSession::Other => end_one(&call.ctx, call.user()?, row).await?,
    }
    Ok(nothing())
}
