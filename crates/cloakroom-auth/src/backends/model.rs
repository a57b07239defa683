//! Name and password against the user table (A61).

use cloakroom_core::hashers::Checked;
use cloakroom_core::reason::Refusal;

use super::{Inactive, Verdict};
use crate::auth::Auth;
use crate::credentials::{Claim, Credentials};
use crate::error::AuthError;

/// Django's `ModelBackend`, or `AllowAllUsersModelBackend`, which lets closed accounts in.
#[derive(Clone, Copy, Debug)]
pub struct ModelBackend {
    pub(crate) inactive: Inactive,
}

impl ModelBackend {
    /// Refuses closed accounts.
    #[must_use]
    pub const fn active_users() -> Self {
        Self { inactive: Inactive::Refused }
    }

    /// Lets closed accounts in, too.
    #[must_use]
    pub const fn all_users() -> Self {
        Self { inactive: Inactive::Admitted }
    }

    /// The dotted path of Django's class.
    #[must_use]
    pub const fn path(&self) -> &'static str {
        match self.inactive {
            Inactive::Refused => "django.contrib.auth.backends.ModelBackend",
            Inactive::Admitted => "django.contrib.auth.backends.AllowAllUsersModelBackend",
        }
    }

    /// Every way out of here has spent one password hash (A13): a closed account is told only after its password.
    pub(crate) async fn authenticate(&self, auth: &Auth, credentials: &Credentials) -> Result<Verdict, AuthError> {
        let Claim::Password { username, password } = &credentials.claim else { return Ok(Verdict::NotMine) };
        let lane = credentials.lane_key();
        let Some(mut user) = auth.user_by_username(username).await? else {
            auth.hashing().equal_work(lane, password).await?;
            return Ok(Verdict::Refused(Refusal::UnknownUser));
        };
        Ok(match auth.check_password_in(lane, &mut user, password).await? {
            Checked::Match(_) if self.inactive.admits(&user) => Verdict::User(user),
            Checked::Match(_) => Verdict::Refused(Refusal::Inactive),
            Checked::Mismatch(_) => Verdict::Refused(Refusal::WrongPassword),
            Checked::Unusable | Checked::Unknown | Checked::Unreadable(_) => {
                Verdict::Refused(Refusal::UnusablePassword)
            }
        })
    }
}
