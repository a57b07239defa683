//! The first superuser, made by whoever started the server: a link for the terminal, good once and for an hour (A17).

use std::fmt;
use std::sync::Arc;

use axum::Router;
use axum::extract::Path;
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use cloakroom_auth::{BackendChoice, Created, NewAccount, NotCreated};
use cloakroom_core::clock::Timestamp;
use cloakroom_core::random::{ALPHANUMERIC, Random, random_string};
use cloakroom_core::secret::{Secret, ct_eq};
use cloakroom_web::csrf::CsrfProtect;
use cloakroom_web::forms::accounts::{Taken, UserCreationForm};
use cloakroom_web::guards::never_cache;
use cloakroom_web::{Ctx, FormData, redirect};
use http::Method;
use tokio::sync::Mutex;

use crate::accounts::Accounts;
use crate::accounts::pages::{Pages, csrf_token};
use crate::error::{PageError, not_found};
use crate::templates::context::Setup;

/// Characters of the token: 62^40, 238 bits.
const TOKEN_LEN: usize = 40;

/// How long the link works.
const LIFE_SECS: i64 = 60 * 60;

/// A link by which the first superuser is made. It lives in memory alone, so a restart voids it, and it is void as soon as
/// there is a superuser, however made. Of several who use it at once, one wins.
#[derive(Clone)]
pub struct SetupLink(Arc<Inner>);

struct Inner {
    token: Secret<String>,
    ends: Timestamp,
    /// Held while an account is made: whether one was.
    used: Mutex<bool>,
    pages: Arc<Pages>,
}

impl SetupLink {
    /// Draws a link that works from `now` on, with pages that look like `accounts`.
    #[must_use]
    pub fn new(accounts: &Accounts, random: &dyn Random, now: Timestamp) -> Self {
        Self(Arc::new(Inner {
            token: Secret::new(random_string(random, TOKEN_LEN, ALPHANUMERIC)),
            ends: now.plus_secs(LIFE_SECS),
            used: Mutex::new(false),
            pages: Arc::clone(accounts.pages()),
        }))
    }

    /// Where it leads: for the terminal alone.
    #[must_use]
    pub fn path(&self) -> String {
        format!("/setup/{}/", self.0.token.expose())
    }

    /// The page behind the link.
    pub fn router<S: Clone + Send + Sync + 'static>(&self) -> Router<S> {
        let link = self.clone();
        let page = any(async move |ctx: Ctx, Path(token): Path<String>, form: FormData| {
            link.answer(&ctx, &token, &form).await
        });
        Router::new().route("/setup/{token}/", page.layer(never_cache()).layer(CsrfProtect::new()))
    }

    async fn answer(&self, ctx: &Ctx, token: &str, form: &FormData) -> Result<Response, PageError> {
        let opens = ct_eq(token.as_bytes(), self.0.token.expose().as_bytes()) && ctx.now() < self.0.ends;
        if !opens || ctx.auth_service().has_superuser().await? {
            return Ok(not_found().await);
        }
        let help = Pages::password_help(ctx);
        match *ctx.method() {
            Method::GET | Method::HEAD => self.show(ctx, &UserCreationForm::plain(&help)).await,
            Method::POST => {
                self.submit(ctx, UserCreationForm::bind(&help, |name| form.get(name).map(str::to_owned))).await
            }
            _ => Ok(http::StatusCode::METHOD_NOT_ALLOWED.into_response()),
        }
    }

    async fn show(&self, ctx: &Ctx, form: &UserCreationForm) -> Result<Response, PageError> {
        let page = Setup { form: form.form().into(), csrf_token: csrf_token(ctx).await? };
        self.0.pages.page(ctx, &page)
    }

    async fn submit(&self, ctx: &Ctx, mut form: UserCreationForm) -> Result<Response, PageError> {
        let auth = ctx.auth();
        let taken = match form.lookup() {
            Some((name, rule)) => auth.is_username_taken(name, rule.into()).await?,
            None => false,
        };
        form.finish(if taken { Taken::Yes } else { Taken::No }, |password, facts| {
            auth.validate_password(&Secret::new(password.to_owned()), Some(facts))
        });
        if let Some(new) = form.new_user() {
            let mut used = self.0.used.lock().await;
            if *used {
                return Ok(not_found().await);
            }
            let password = Secret::new(new.password.expose().to_owned());
            let account = NewAccount::new(new.username).with_email(new.email).with_password(password);
            match auth.create_superuser(account).await? {
                Created::Yes(user) => {
                    *used = true;
                    drop(used);
                    auth.login_without_proof(&Arc::new(user), BackendChoice::First).await?;
                    return Ok(redirect(&ctx.config().urls.login_redirect_url));
                }
                Created::No(NotCreated::PasswordTooLong) => form.refuse_too_long(),
                _ => form.refuse_taken(),
            }
        }
        self.show(ctx, &form).await
    }
}

/// The token never prints.
impl fmt::Debug for SetupLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SetupLink").field("ends", &self.0.ends).finish_non_exhaustive()
    }
}
