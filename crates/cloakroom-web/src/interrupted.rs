//! Forms that were sent in vain: by somebody who had to log in first, or with a token that is no longer good (M22, X10, X11).
//!
//! Where `RESUME_POSTS` is on, the fields of a form that a guard turned away are kept in the session for a quarter of an hour,
//! and after the log-in a page asks whether to send them again: nothing is ever done by itself. Django answers 405 there.
//!
//! A form is kept only if its own CSRF check passed (CVE-2008-3909), if it is not large, and if it holds no file and nothing
//! that looks like a secret; otherwise the log-in leads back to the page that the form was on.

use cloakroom_core::csrf::FORM_FIELD;
use cloakroom_core::urls::urlsplit;
use cloakroom_sessions::{Expiry, Session, SessionError};
use serde::{Deserialize, Serialize};

use crate::ctx::{CsrfCheck, Ctx};

/// Where the session keeps the form.
const KEY: &str = "_interrupted_post";

/// How long a form is kept.
const KEPT_SECS: i64 = 15 * 60;

/// Bytes of names and values together.
const MAX_BYTES: usize = 32 * 1024;

const MAX_FIELDS: usize = 200;

/// A form that was sent before its sender had logged in.
#[derive(Clone, Deserialize, Serialize)]
pub struct KeptPost {
    target: String,
    page: Option<String>,
    fields: Vec<(String, String)>,
    kept_at: i64,
    /// Whether the session was made for it, and is to be short unless somebody logs in.
    short: bool,
}

impl KeptPost {
    /// The form that waits in this request's session, if there is one and it is not too old.
    ///
    /// # Errors
    ///
    /// The session cannot be loaded.
    pub async fn find(ctx: &Ctx) -> Result<Option<Self>, SessionError> {
        let kept: Option<Self> = ctx.session().await?.get(KEY).ok().flatten();
        Ok(kept.filter(|kept| (0..=KEPT_SECS).contains(&(ctx.now().as_secs() - kept.kept_at))))
    }

    /// Forgets it.
    ///
    /// # Errors
    ///
    /// The session cannot be loaded.
    pub async fn forget(ctx: &Ctx) -> Result<(), SessionError> {
        ctx.session().await?.remove(KEY);
        Ok(())
    }

    /// Where it was sent: path and query.
    #[must_use]
    pub fn target(&self) -> &str {
        &self.target
    }

    /// The page that it was on, if the browser told: path and query.
    #[must_use]
    pub fn page(&self) -> Option<&str> {
        self.page.as_deref()
    }

    /// Its fields in order, without the CSRF token.
    #[must_use]
    pub fn fields(&self) -> &[(String, String)] {
        &self.fields
    }

    async fn store(mut self, session: &Session) {
        if session.is_empty() {
            self.short = true;
            session.set_expiry(Expiry::After(KEPT_SECS));
        }
        // Texts and numbers always fit.
        let _ = session.set(KEY, &self);
    }
}

/// What people typed is theirs.
impl std::fmt::Debug for KeptPost {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KeptPost").field("target", &self.target).field("fields", &self.fields.len()).finish()
    }
}

/// The way back to a form that cannot be taken as it came, for the page that says so (X11).
#[derive(Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct FormAgain {
    /// Where the form leads: path and query.
    pub action: Box<str>,
    /// Its fields with a token that is good now; none where it must be filled in anew.
    pub fields: Vec<(String, String)>,
    /// The page that it was on, or may be on.
    pub page: Box<str>,
}

/// What people typed is theirs, and the token is a secret.
impl std::fmt::Debug for FormAgain {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FormAgain").field("action", &self.action).finish_non_exhaustive()
    }
}

impl FormAgain {
    /// The way back for a form of this site's own pages; `None` where another site may have sent it, or a script did.
    /// `token` makes a token that is good now.
    pub(crate) fn of(ctx: &Ctx, token: impl FnOnce() -> Option<String>) -> Option<Self> {
        let post = ctx.facts().form_post.as_ref()?;
        if !post.navigates || !post.is_from(ctx) {
            return None;
        }
        let action = own_path(ctx)?;
        let page = page_of(ctx).unwrap_or_else(|| action.clone());
        let fields = sendable_fields(ctx).and_then(|mut fields| {
            fields.push((FORM_FIELD.to_owned(), token()?));
            Some(fields)
        });
        Some(Self { action: action.into(), fields: fields.unwrap_or_default(), page: page.into() })
    }
}

/// What the headers say of a `POST`.
#[derive(Debug)]
pub(crate) struct FormPost {
    pub(crate) origin: Option<Box<str>>,
    pub(crate) referer: Option<Box<str>>,
    /// Whether a person will see the answer, as far as the browser tells.
    pub(crate) navigates: bool,
}

impl FormPost {
    /// Whether the browser says that a page of this very site sent it.
    fn is_from(&self, ctx: &Ctx) -> bool {
        let Ok(host) = ctx.host() else { return false };
        self.origin.as_deref().is_some_and(|origin| *origin == *format!("{}://{host}", ctx.scheme().as_str()))
    }
}

/// Where a log-in shall lead whose request a guard turned away: to the page that sends the form again, or to the one that it
/// was on. `None` is Django's: the address of the request itself.
pub(crate) fn way_back(ctx: &Ctx) -> Option<String> {
    let resume = ctx.config().resume_posts.as_ref()?;
    let post = ctx.facts().form_post.as_ref()?;
    if !post.navigates || ctx.state().csrf != CsrfCheck::Passed {
        return None;
    }
    let page = page_of(ctx);
    let (Some(fields), Some(target)) = (sendable_fields(ctx), own_path(ctx)) else { return page };
    let kept = KeptPost { target, page, fields, kept_at: ctx.now().as_secs(), short: false };
    ctx.state().kept_post = Some(Box::new(kept));
    Some(resume.page.clone())
}

/// Puts a form that was turned away into the session, if the answer leads to the log-in page.
pub(crate) async fn finish(ctx: &Ctx) -> Result<(), SessionError> {
    let kept = ctx.state().kept_post.take();
    if let Some(kept) = kept {
        kept.store(&ctx.session().await?).await;
    }
    Ok(())
}

/// Somebody logged in: their session lasts as long as any.
pub(crate) fn logged_in(session: &Session) {
    if let Ok(Some(mut kept)) = session.get::<KeptPost>(KEY)
        && kept.short
    {
        kept.short = false;
        session.set_expiry(Expiry::Default);
        let _ = session.set(KEY, &kept);
    }
}

/// The request's path and query. Two slashes at its start would name another host: such a form is lost.
fn own_path(ctx: &Ctx) -> Option<String> {
    ctx.safe_next(&ctx.full_path(), &[]).map(|safe| safe.as_str().to_owned()).filter(|path| !path.starts_with("//"))
}

/// The page of this site that the browser says the form was on.
fn page_of(ctx: &Ctx) -> Option<String> {
    let referer = urlsplit(ctx.facts().form_post.as_ref()?.referer.as_deref()?).ok()?;
    if referer.scheme != ctx.scheme().as_str() || referer.netloc != ctx.host().ok()? {
        return None;
    }
    let path = cloakroom_core::urls::full_path(&referer.path, &referer.query);
    // As with any `next`: what a browser could take for another host is none.
    ctx.safe_next(&path, &[]).map(|safe| safe.as_str().to_owned()).filter(|path| !path.starts_with("//"))
}

/// The fields of the request's form without its token, if they may be kept or shown again.
fn sendable_fields(ctx: &Ctx) -> Option<Vec<(String, String)>> {
    let form = ctx.parsed_form()?;
    if !form.files().is_empty() || form.fields().is_empty() || form.fields().len() > MAX_FIELDS {
        return None;
    }
    let mut bytes = 0;
    let mut fields = Vec::with_capacity(form.fields().len());
    for (name, value) in form.fields().iter().filter(|(name, _)| *name != FORM_FIELD) {
        bytes += name.len() + value.len();
        if bytes > MAX_BYTES || is_secret(name) {
            return None;
        }
        fields.push((name.to_owned(), value.to_owned()));
    }
    Some(fields)
}

/// Whether a field of this name may hold what must not be stored or shown.
fn is_secret(name: &str) -> bool {
    const PARTS: [&str; 10] = [
        "password",
        "passwd",
        "passphrase",
        "passcode",
        "secret",
        "token",
        "credential",
        "iban",
        "cardnumber",
        "apikey",
    ];
    const WORDS: [&str; 14] =
        ["pass", "pwd", "pw", "pin", "tan", "otp", "totp", "cvc", "cvv", "ssn", "card", "key", "code", "mfa"];
    let name = name.to_lowercase();
    let letters: String = name.chars().filter(|c| c.is_alphanumeric()).collect();
    PARTS.iter().any(|part| letters.contains(part))
        || name.split(|c: char| !c.is_alphabetic()).any(|word| WORDS.contains(&word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_secrets_are_known() {
        for secret in [
            "password",
            "old_password",
            "new_password1",
            "Passwd",
            "csrf-token",
            "card_number",
            "PIN",
            "otp-code",
            "api_key",
        ] {
            assert!(is_secret(secret), "{secret}");
        }
        for other in ["text", "spinner", "tango", "compass", "postcard", "title", "keywords", "passenger", "encoded"] {
            assert!(!is_secret(other), "{other}");
        }
    }
}
