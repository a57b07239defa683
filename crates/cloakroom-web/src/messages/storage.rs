//! Where messages wait for the next page: Django's three storages (M01, M04, M05).

use std::borrow::Cow;
use std::ops::Range;

use cloakroom_core::codec::json::EncodeError;
use cloakroom_core::cookies::{CookieError, CookieSpec};
use cloakroom_core::messages::{
    Completeness, CookieState, Decoded, Entry, Keep, MessagesError, SESSION_KEY, Stored, decode_session, encode_session,
};
use cloakroom_sessions::SessionError;

use super::MessagesRejection;
use super::state::Held;
use crate::config::MessageStorage;
use crate::ctx::Ctx;

/// The cookie's name, which no setting changes.
const COOKIE: &str = "messages";

/// Why messages could not be stored.
#[derive(Debug, thiserror::Error)]
pub(super) enum StoreError {
    #[error("a message has no JSON form")]
    Encode(#[from] EncodeError),
    #[error(transparent)]
    Cookie(#[from] CookieError),
    #[error(transparent)]
    Session(#[from] SessionError),
}

/// Reads what is stored, once per request.
pub(super) async fn load(ctx: &Ctx) -> Result<(), MessagesRejection> {
    if ctx.state().messages.as_ref().is_some_and(|m| m.loaded.is_some()) {
        return Ok(());
    }
    let mut held = Held::default();
    let entries = match ctx.config().messages.storage {
        MessageStorage::Cookie => {
            let decoded = from_cookie(ctx)?;
            if decoded.cookie == CookieState::Rejected {
                // The answer deletes it (M06).
                ctx.state().messages.get_or_insert_default().mark_used();
            }
            decoded.stored.into_entries_or_empty().map_err(MessagesError::from)?
        }
        MessageStorage::Session => from_session(ctx).await?.into_entries_or_empty().map_err(MessagesError::from)?,
        MessageStorage::Fallback => {
            let decoded = from_cookie(ctx)?;
            let complete = decoded.completeness == Completeness::Whole;
            let mut entries = decoded.stored.into_entries().map_err(MessagesError::from)?.unwrap_or_default();
            held.cookie = !entries.is_empty();
            if !complete {
                let more = from_session(ctx).await?.into_entries().map_err(MessagesError::from)?.unwrap_or_default();
                held.session = !more.is_empty();
                entries.extend(more);
            }
            entries
        }
    };
    let mut state = ctx.state();
    let state = state.messages.get_or_insert_default();
    if state.loaded.is_none() {
        state.loaded = Some(entries);
        state.held = held;
    }
    Ok(())
}

/// Stores `entries` in place of what was stored, and returns how many found no room.
pub(super) async fn store(ctx: &Ctx, entries: &[Entry], held: Held) -> Result<usize, StoreError> {
    match ctx.config().messages.storage {
        MessageStorage::Cookie => {
            let kept = into_cookie(ctx, entries, Keep::Newest)?;
            Ok(entries.len() - kept.len())
        }
        MessageStorage::Session => into_session(ctx, entries).await.map(|()| 0),
        MessageStorage::Fallback => {
            let mut rest = entries;
            if !entries.is_empty() || held.cookie {
                rest = &entries[into_cookie(ctx, entries, Keep::Oldest)?.end..];
            }
            if !rest.is_empty() || held.session {
                into_session(ctx, rest).await?;
            }
            Ok(0)
        }
    }
}

fn from_cookie(ctx: &Ctx) -> Result<Decoded, MessagesError> {
    let cookie = ctx.cookie(COOKIE).unwrap_or(Cow::Borrowed(""));
    let decoded = ctx.site().messages.decode(&cookie, ctx.now());
    if decoded.as_ref().is_ok_and(|d| d.cookie == CookieState::Rejected) {
        tracing::debug!(target: "cloakroom.messages", "the messages cookie is forged or damaged");
    }
    decoded
}

async fn from_session(ctx: &Ctx) -> Result<Stored, MessagesRejection> {
    let session = ctx.session().await?;
    Ok(decode_session(session.get_value(SESSION_KEY).as_ref())?)
}

fn into_cookie(ctx: &Ctx, entries: &[Entry], keep: Keep) -> Result<Range<usize>, StoreError> {
    let packed = ctx.site().messages.pack(entries, keep, ctx.now())?;
    let spec = spec(ctx);
    ctx.add_cookie(&packed.cookie.map_or_else(|| spec.delete(), |value| spec.set(value)))?;
    Ok(packed.kept)
}

async fn into_session(ctx: &Ctx, entries: &[Entry]) -> Result<(), StoreError> {
    let session = ctx.session().await?;
    if entries.is_empty() {
        session.pop(SESSION_KEY);
    } else {
        session.set_value(SESSION_KEY, encode_session(entries)?);
    }
    Ok(())
}

/// The session cookie's attributes, without its path and age (M03).
fn spec(ctx: &Ctx) -> CookieSpec {
    let session = &ctx.sessions().config().cookie;
    CookieSpec { name: String::from(COOKIE), path: String::from("/"), ..session.clone() }
}
