//! A name that a trusted proxy vouches for (A62).

use cloakroom_core::models::EncodedHash;
use cloakroom_core::reason::Refusal;
use cloakroom_db::users::{self, Created, NewUser};

use super::{Inactive, Verdict};
use crate::auth::Auth;
use crate::credentials::{Claim, Credentials};
use crate::error::AuthError;
use crate::events::AuthEvent;

/// Django's `RemoteUserBackend`, or `AllowAllUsersRemoteUserBackend`, which lets closed accounts in.
///
/// The name is taken as it comes: neither normalised nor validated.
#[derive(Clone, Copy, Debug)]
pub struct RemoteUserBackend {
    pub(crate) inactive: Inactive,
    unknown: UnknownUsers,
}

/// What becomes of a name that is in no row (`create_unknown_user`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnknownUsers {
    /// An account is made, with an empty password column: it cannot sign in by password, though Django calls the
    /// column usable (A19).
    Created,
    /// They are refused.
    Refused,
}

impl RemoteUserBackend {
    /// Refuses closed accounts.
    #[must_use]
    pub const fn active_users() -> Self {
        Self { inactive: Inactive::Refused, unknown: UnknownUsers::Created }
    }

    /// Lets closed accounts in, too.
    #[must_use]
    pub const fn all_users() -> Self {
        Self { inactive: Inactive::Admitted, unknown: UnknownUsers::Created }
    }

    /// Sets what becomes of unknown names.
    #[must_use]
    pub const fn with_unknown(mut self, unknown: UnknownUsers) -> Self {
        self.unknown = unknown;
        self
    }

    /// The dotted path of Django's class.
    #[must_use]
    pub const fn path(&self) -> &'static str {
        match self.inactive {
            Inactive::Refused => "django.contrib.auth.backends.RemoteUserBackend",
            Inactive::Admitted => "django.contrib.auth.backends.AllowAllUsersRemoteUserBackend",
        }
    }

    pub(crate) async fn authenticate(&self, auth: &Auth, credentials: &Credentials) -> Result<Verdict, AuthError> {
        let Claim::RemoteUser { username } = &credentials.claim else { return Ok(Verdict::NotMine) };
        if username.is_empty() {
            return Ok(Verdict::Refused(Refusal::UnknownUser));
        }
        let mut found = auth.user_by_username(username).await?;
        if found.is_none() && self.unknown == UnknownUsers::Created {
            let id = auth.new_user_id()?;
            let row = NewUser { id, ..NewUser::new(username, EncodedHash::default(), auth.now()) };
            found = match users::create(auth.db(), row).await? {
                Created::Yes(user) => {
                    auth.emit(&AuthEvent::UserCreated { user: user.clone().into() });
                    Some(user)
                }
                // Another request made it a moment ago.
                _ => auth.user_by_username(username).await?,
            };
        }
        Ok(match found {
            Some(user) if self.inactive.admits(&user) => Verdict::User(user),
            Some(_) => Verdict::Refused(Refusal::Inactive),
            None => Verdict::Refused(Refusal::UnknownUser),
        })
    }
}
