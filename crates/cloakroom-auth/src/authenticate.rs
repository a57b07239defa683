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
    /// for known and unknown names alike (A03). A refusal is logged and told to the listeners (R32). Every try with a
    /// password stands under the throttle, whichever door it comes by (E04, A21).
    ///
    /// # Errors
    ///
    /// When the database gives no answer or the hashing lane is full: nothing is known about the credentials.
    pub async fn authenticate(&self, credentials: &Credentials) -> Result<Authenticated, AuthError> {
        let Claim::Password { username, .. } = &credentials.claim else { return self.judge(credentials).await };
        let charge = match self.throttle().charge(self.secret_keys(), username, credentials.address, self.now()).await {
            Ok(charge) => charge,
            Err(throttled) => {
                self.refused(credentials, Refusal::Throttled);
                return Ok(Authenticated::Throttled(throttled));
            }
        };
        let outcome = self.judge(credentials).await;
        match &outcome {
            Ok(Authenticated::Yes(_)) => self.throttle().succeeded(charge, self.now()).await,
            Ok(_) => {}
            Err(_) => self.throttle().refund(charge, self.now()).await,
        }
        outcome
    }

    async fn judge(&self, credentials: &Credentials) -> Result<Authenticated, AuthError> {
        let refusal = match &credentials.claim {
            Claim::Password { password, .. } if password.expose().len() > MAX_PASSWORD_BYTES => {
                Refusal::PasswordTooLong
            }
            _ => match self.ask_backends(credentials).await? {
                Authenticated::No(refusal) => refusal,
                other => return Ok(other),
            },
        };
        self.refused(credentials, refusal);
        Ok(Authenticated::No(refusal))
    }

    fn refused(&self, credentials: &Credentials, refusal: Refusal) {
        self.emit(&AuthEvent::LoginFailed {
            username: credentials.username().to_owned(),
            refusal,
            address: credentials.address,
        });
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
