//! Whether credentials are good: the back ends in their order (A60).

use std::sync::Arc;

use cloakroom_core::hashers::MAX_PASSWORD_BYTES;
use cloakroom_core::reason::Refusal;

use crate::auth::Auth;
use crate::backends::Verdict;
use crate::credentials::{ActiveUser, Authenticated, Claim, Credentials};
use crate::error::AuthError;
use crate::events::AuthEvent;

impl Auth {
    /// Asks the back ends, in order, whose these credentials are. The first that knows the user decides (A60).
    ///
    /// Each refusal costs the same work (A13, E01), but for a password that is too long to be hashed: that costs none,
    /// for known and unknown names alike (A03). A refusal is logged and told to the listeners (R32).
    ///
    /// # Errors
    ///
    /// When the database gives no answer or the hashing lane is full: nothing is known about the credentials.
    pub async fn authenticate(&self, credentials: &Credentials) -> Result<Authenticated, AuthError> {
        let refusal = match &credentials.claim {
            Claim::Password { password, .. } if password.expose().len() > MAX_PASSWORD_BYTES => {
                Refusal::PasswordTooLong
            }
            _ => match self.ask_backends(credentials).await? {
                Authenticated::Yes(user) => return Ok(Authenticated::Yes(user)),
                Authenticated::No(refusal) => refusal,
            },
        };
        self.emit(&AuthEvent::LoginFailed {
            username: credentials.username().to_owned(),
            refusal,
            address: credentials.address,
        });
        Ok(Authenticated::No(refusal))
    }

    /// The first back end that had something to say gives the reason.
    async fn ask_backends(&self, credentials: &Credentials) -> Result<Authenticated, AuthError> {
        let mut first_refusal = None;
        for backend in self.backends() {
            match backend.authenticate(self, credentials).await? {
                Verdict::User(user) => {
                    return Ok(Authenticated::Yes(ActiveUser::new(Arc::new(user), backend.path().into())));
                }
                Verdict::Refused(refusal) => first_refusal = first_refusal.or(Some(refusal)),
                Verdict::Denied => return Ok(Authenticated::No(Refusal::Denied)),
                Verdict::NotMine => {}
            }
        }
        Ok(Authenticated::No(first_refusal.unwrap_or(Refusal::UnknownUser)))
    }
}
