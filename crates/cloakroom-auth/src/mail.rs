//! What the service wants mailed, not how: [`Mailer`] is implemented by those who know SMTP, files and templates.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use cloakroom_core::models::User;
use cloakroom_core::secret::Secret;

/// A mail to be written and sent.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Mail {
    /// A link to choose a new password (A106). It goes to the stored address and no other (R05).
    PasswordReset(ResetMail),
}

/// What a reset mail needs.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ResetMail {
    /// To whom: the mail goes to `user.email`.
    pub user: Arc<User>,
    /// The user's key as it stands in the link (A93).
    pub uid: String,
    /// The token as it stands in the link. A secret until it is used.
    pub token: Secret<String>,
    /// The site that the link leads to.
    pub site: Site,
}

impl ResetMail {
    /// A mail with a link for `user`.
    #[must_use]
    pub fn new(user: Arc<User>, uid: impl Into<String>, token: impl Into<Secret<String>>, site: Site) -> Self {
        Self { user, uid: uid.into(), token: token.into(), site }
    }
}

/// The site on whose behalf a mail goes out, from the configuration rather than from a request's `Host` (R04).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Site {
    /// What people call it.
    pub name: String,
    /// Scheme and host, such as `https://example.com`, without a path.
    pub origin: String,
}

/// Sends mail. Called off the request's path: how long it takes must not tell whether an address is known (E02).
pub trait Mailer: fmt::Debug + Send + Sync + 'static {
    /// Sends one mail. Failure is logged and shown to nobody (R27).
    fn send<'a>(&'a self, mail: &'a Mail) -> Pin<Box<dyn Future<Output = Result<(), MailError>> + Send + 'a>>;
}

/// A mail was not sent.
#[derive(Debug, thiserror::Error)]
#[error("the mail was not sent")]
pub struct MailError(#[source] pub Box<dyn std::error::Error + Send + Sync>);
