//! The secret of a request: its tokens, its renewal, its way into the answer (C20–C22).

use cloakroom_core::cookies::CookieError;
use cloakroom_core::csrf::{SESSION_KEY, SecretStore, Stored, TokenState, UnmaskableSecret};
use cloakroom_core::value::Value;
use cloakroom_sessions::SessionError;

use crate::ctx::{Ctx, State};

/// The CSRF token of a request, for its pages and forms.
///
/// ```
/// use cloakroom_web::Csrf;
///
/// async fn page(csrf: Csrf) -> Result<String, cloakroom_web::GuardRejection> {
///     Ok(format!(r#"<input type="hidden" name="csrfmiddlewaretoken" value="{}">"#, csrf.get_token()?))
/// }
/// # let _ = page;
/// ```
#[derive(Clone, Debug)]
pub struct Csrf(Ctx);

impl Csrf {
    /// Makes a token under a fresh mask, and has the answer send the cookie (C21).
    ///
    /// # Errors
    ///
    /// [`UnmaskableSecret`] when `CSRF_USE_SESSIONS` is on and the session holds garbage (C13); Django answers 500.
    pub fn get_token(&self) -> Result<String, UnmaskableSecret> {
        let site = self.0.site();
        self.with_state(|token| token.token(&*site.random))
    }

    /// Replaces the secret, as after a log-in (C42). Tokens of pages that were sent before are void.
    pub fn rotate(&self) {
        let site = self.0.site();
        self.with_state(|token| token.rotate(&*site.random));
    }

    fn with_state<R>(&self, with: impl FnOnce(&mut TokenState) -> R) -> R {
        let mut state = self.0.state();
        let token = state.token.get_or_insert_with(|| from_cookie(&self.0));
        with(token)
    }
}

impl Ctx {
    /// The request's CSRF token. With `CSRF_USE_SESSIONS` this loads the session.
    ///
    /// # Errors
    ///
    /// The session cannot be loaded.
    pub async fn csrf(&self) -> Result<Csrf, SessionError> {
        prepare(self).await?;
        Ok(Csrf(self.clone()))
    }
}

/// What cookie or session held when the request came (C20).
pub(crate) async fn prepare(ctx: &Ctx) -> Result<Stored, SessionError> {
    let stored = match ctx.config().csrf.policy.store() {
        SecretStore::Cookie => stored_in_cookie(ctx),
        SecretStore::Session => match ctx.session().await?.get_value(SESSION_KEY) {
            None | Some(Value::None) => Stored::Absent,
            // What is no text is garbage like other garbage: it matches nothing (C13).
            Some(value) => Stored::from_session(Some(value.as_str().unwrap_or_default())),
        },
    };
    let site = ctx.site();
    ctx.state().token.get_or_insert_with(|| TokenState::new(&stored, &*site.random));
    Ok(stored)
}

pub(super) fn stored_in_cookie(ctx: &Ctx) -> Stored {
    Stored::from_cookie(ctx.cookie(&ctx.config().csrf.cookie.name).as_deref())
}

fn has_malformed_cookie(ctx: &Ctx) -> bool {
    Stored::is_malformed(ctx.cookie(&ctx.config().csrf.cookie.name).as_deref())
}

fn from_cookie(ctx: &Ctx) -> TokenState {
    TokenState::new(&stored_in_cookie(ctx), &*ctx.site().random)
}

/// Puts the secret into the answer's cookie, if it is due and lives there (C22). A malformed cookie is replaced even if
/// nobody asked (C20).
pub(crate) fn finish_cookie(ctx: &Ctx) -> Result<(), CookieError> {
    let csrf = &ctx.config().csrf;
    if csrf.policy.store() == SecretStore::Session {
        return Ok(());
    }
    let mut state = ctx.state();
    let State { token, cookies, vary_cookie, .. } = &mut *state;
    if token.is_none() {
        if !has_malformed_cookie(ctx) {
            return Ok(());
        }
        *token = Some(from_cookie(ctx));
    }
    let now = ctx.now();
    if let Some(secret) = token.as_ref().and_then(TokenState::to_send) {
        let mut cookie = csrf.cookie.set(secret.expose());
        if let Some(age) = csrf.age_secs {
            cookie = cookie.max_age(age as f64);
        }
        cookies.set(&cookie, now)?;
        *vary_cookie = true;
    }
    Ok(())
}

/// Replaces a malformed cookie, and does nothing else (C20).
pub(crate) fn renew_cookie(ctx: &Ctx) -> Result<(), CookieError> {
    let in_cookie = ctx.config().csrf.policy.store() == SecretStore::Cookie;
    if in_cookie && has_malformed_cookie(ctx) { finish_cookie(ctx) } else { Ok(()) }
}

/// Puts the secret into the session, if it is due, lives there, and differs from what is there (C22).
pub(crate) async fn finish_session(ctx: &Ctx) -> Result<(), SessionError> {
    let secret = ctx.state().token.as_ref().and_then(TokenState::to_send).cloned();
    if let Some(secret) = secret {
        let session = ctx.session().await?;
        if session.get_value(SESSION_KEY).as_ref().and_then(Value::as_str) != Some(secret.expose()) {
            session.set_value(SESSION_KEY, secret.expose());
        }
    }
    Ok(())
}
