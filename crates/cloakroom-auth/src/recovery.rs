//! The way back for one who forgot the password (A90–A93, A105, A106, A116, R01–R08).

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use cloakroom_core::keys::UserId;
use cloakroom_core::models::User;
use cloakroom_core::names::unicode_ci_compare;
use cloakroom_core::secret::Secret;
use cloakroom_core::tokens::{self, LocalTime, TokenUser};
use cloakroom_core::validators::{UserFacts, ValidationError};
use cloakroom_db::KeyKind;
use cloakroom_db::users::{self, Swapped};

use crate::auth::Auth;
use crate::error::AuthError;
use crate::events::{AuthEvent, PasswordChange};
use crate::mail::{Mail, Mailer, ResetMail, Site};
use crate::throttle::Throttled;

/// The parts of a reset link.
#[derive(Clone, Debug)]
pub struct ResetLink {
    /// The user's key, `uidb64` (A93).
    pub uid: String,
    /// The token (A90). Whoever has it can choose the password, until it is used.
    pub token: Secret<String>,
}

/// What came of choosing a new password by a link.
#[must_use = "a password that was refused was not set"]
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum ResetOutcome {
    /// It is set, the link is used up, and every session of the user ends at its next use. Nobody is signed in by it (R02).
    Yes(User),
    /// The link names nobody, or is forged, too old, or used: the same to the visitor.
    BadLink,
    /// The new password will not do; the link still works.
    Refused(Vec<ValidationError>),
    /// The new password is longer than what will be hashed; the link still works.
    TooLong,
}

/// The longest address that is looked up, in bytes: longer than any that a form lets through (A20, R43).
const MAX_EMAIL_BYTES: usize = 2_048;

/// How long one mail may take to be sent (F05).
const MAIL_DEADLINE: Duration = Duration::from_secs(60);

impl Auth {
    /// Finds the accounts that get a link when `email` is typed: open ones with a usable password whose stored address is
    /// the same but for case, by Unicode's rule (A105, A19).
    ///
    /// # Errors
    ///
    /// When the database gives no answer.
    pub async fn reset_users(&self, email: &str) -> Result<Vec<User>, AuthError> {
        if email.len() > MAX_EMAIL_BYTES {
            return Ok(Vec::new());
        }
        let mut found = users::by_email_iexact(self.db(), email).await?;
        found.retain(|u| u.is_active && u.password.is_usable() && unicode_ci_compare(&u.email, email));
        Ok(found)
    }

    /// Counts a request for a reset link: by mail address, known or not, and by network (E11).
    ///
    /// # Errors
    ///
    /// Too many lately: no link is to be sent. Those sent before still work (E08).
    pub async fn admit_reset(&self, email: &str, address: Option<IpAddr>) -> Result<(), Throttled> {
        self.throttle().reset(self.secret_keys(), email, address, self.now()).await
    }

    /// Makes a link for a user. `None` while the clock stands before 2001.
    #[must_use]
    pub fn make_reset_link(&self, user: &User) -> Option<ResetLink> {
        let token = tokens::make_token(&TokenUser::from(user), self.secret_keys().current(), self.local_time())?;
        Some(ResetLink { uid: tokens::uid_encode(&user.id.to_string()), token: token.into() })
    }

    /// Whether `token` opens the form for `user`: made for what the account is now, and not too old (A91, R01).
    #[must_use]
    pub fn check_reset_token(&self, user: &User, token: &str) -> bool {
        let timeout = i64::try_from(self.reset_policy().timeout.as_secs()).unwrap_or(i64::MAX);
        tokens::check_token(&TokenUser::from(user), token, self.secret_keys(), self.local_time(), timeout).is_valid()
    }

    /// Finds the user whom a link names; `None` for whatever is wrong with it (A93).
    ///
    /// # Errors
    ///
    /// When the database gives no answer.
    pub async fn user_of_uid(&self, uid: &str) -> Result<Option<User>, AuthError> {
        let id = match users::key_kind(self.db())? {
            KeyKind::Uuid => tokens::uid_decode(uid).ok().and_then(|text| UserId::parse_uuid(&text)),
            KeyKind::Text => tokens::uid_decode(uid).ok().map(|text| UserId::Text(text.into())),
            _ => tokens::uid_decode_int(uid).ok().and_then(|n| n.to_i64()).map(UserId::from),
        };
        match id {
            Some(id) => self.user_by_id(&id).await,
            None => Ok(None),
        }
    }

    /// Sets a new password by a link. Of several uses at once one wins (R07); a closed account's link works, and leaves it
    /// closed (A105).
    ///
    /// # Errors
    ///
    /// When the database gives no answer or the hashing lane is full.
    pub async fn reset_password(
        &self,
        uid: &str,
        token: &str,
        new: &Secret<String>,
    ) -> Result<ResetOutcome, AuthError> {
        let Some(mut user) = self.user_of_uid(uid).await? else { return Ok(ResetOutcome::BadLink) };
        if !self.check_reset_token(&user, token) {
            return Ok(ResetOutcome::BadLink);
        }
        let errors = self.validate_password(new, Some(&UserFacts::from(&user)));
        if !errors.is_empty() {
            return Ok(ResetOutcome::Refused(errors));
        }
        let Some(hash) = self.make_password(&user.username, new).await? else { return Ok(ResetOutcome::TooLong) };
        match self.swap_password(&mut user, hash, new, PasswordChange::ByReset).await? {
            Swapped::Yes => Ok(ResetOutcome::Yes(user)),
            _ => Ok(ResetOutcome::BadLink),
        }
    }

    /// Sends links to the accounts of `email`, off the request's path: neither the answer nor its time tells whether there
    /// are any (E02). Failures are logged and shown to nobody (R27).
    ///
    /// Must be called within a Tokio runtime. The handle is for tests and for shutting down.
    pub fn send_reset_links(&self, email: String, site: Site, mailer: Arc<dyn Mailer>) -> tokio::task::JoinHandle<()> {
        let auth = self.clone();
        tokio::spawn(async move {
            match auth.reset_users(&email).await {
                Ok(found) => auth.mail_links(found, &site, &*mailer).await,
                Err(error) => {
                    tracing::error!(target: "cloakroom::auth", error = &error as &dyn std::error::Error, "no reset link was sent");
                }
            }
        })
    }

    async fn mail_links(&self, found: Vec<User>, site: &Site, mailer: &dyn Mailer) {
        self.emit(&AuthEvent::ResetRequested { accounts: found.len() });
        for user in found {
            let Some(ResetLink { uid, token }) = self.make_reset_link(&user) else { continue };
            let id = user.id.clone();
            let mail = Mail::PasswordReset(ResetMail { user: Arc::new(user), uid, token, site: site.clone() });
            match tokio::time::timeout(MAIL_DEADLINE, mailer.send(&mail)).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => {
                    let error = &error as &dyn std::error::Error;
                    tracing::error!(target: "cloakroom::auth", user = %id, error, "a reset mail was not sent");
                }
                Err(_) => tracing::error!(target: "cloakroom::auth", user = %id, "a reset mail took too long"),
            }
        }
    }

    /// The site's wall clock, on which tokens are timed (G24).
    fn local_time(&self) -> LocalTime {
        let now = self.now();
        let at = jiff::Timestamp::from_microsecond(now.as_micros()).unwrap_or_default();
        LocalTime { now, utc_offset_secs: self.reset_policy().time_zone.to_offset(at).seconds() }
    }
}
