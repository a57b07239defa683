//! What a client shows to be let in, and what came of it.

use std::net::IpAddr;
use std::sync::Arc;

use cloakroom_core::models::User;
use cloakroom_core::reason::Refusal;
use cloakroom_core::secret::Secret;

use crate::lane::LaneKey;
use crate::throttle::Throttled;

/// What a client shows to be let in, and from where.
///
/// ```
/// use cloakroom_auth::Credentials;
///
/// let credentials = Credentials::password("alice", String::from("alice-pass-9Z"));
/// assert!(!format!("{credentials:?}").contains("9Z"));
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Credentials {
    /// Who the client says it is, and its proof.
    pub claim: Claim,
    /// The client's address, if it is known: for the log and for fairness on the hashing lane.
    pub address: Option<IpAddr>,
}

/// Who a client says it is, and its proof. Back ends take the kinds that they know (A60).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Claim {
    /// A name and a password.
    Password {
        /// The name as typed. Forms normalise it before (A103), other doors do not (G62).
        username: String,
        /// The password, byte for byte (A02).
        password: Secret<String>,
    },
    /// A name that a trusted proxy vouches for (A62).
    RemoteUser {
        /// The name as it came.
        username: String,
    },
}

impl Credentials {
    /// A name and a password.
    pub fn password(username: impl Into<String>, password: impl Into<Secret<String>>) -> Self {
        Self { claim: Claim::Password { username: username.into(), password: password.into() }, address: None }
    }

    /// A name that a trusted proxy vouches for. Never make one from what a client can write (Z03, G48).
    pub fn remote_user(username: impl Into<String>) -> Self {
        Self { claim: Claim::RemoteUser { username: username.into() }, address: None }
    }

    /// Says where the client is.
    #[must_use]
    pub fn with_address(mut self, address: Option<IpAddr>) -> Self {
        self.address = address;
        self
    }

    /// The name that was claimed.
    #[must_use]
    pub fn username(&self) -> &str {
        match &self.claim {
            Claim::Password { username, .. } | Claim::RemoteUser { username } => username,
        }
    }

    /// Whose turn on the hashing lane this is.
    pub(crate) fn lane_key(&self) -> LaneKey {
        match self.address {
            Some(address) => LaneKey::of_address(address),
            None => LaneKey::of_account(self.username()),
        }
    }
}

/// What `authenticate` found out. A refusal is an answer, not an error.
#[must_use = "only Authenticated::Yes lets somebody in"]
#[derive(Clone, Debug)]
pub enum Authenticated {
    /// The credentials are good.
    Yes(ActiveUser),
    /// They are not; clients are told nothing but that (E01).
    No(Refusal),
    /// Nobody looked: too many tries lately, whether there is such an account or not. 429 (E04).
    Throttled(Throttled),
}

impl Authenticated {
    /// The user, if the credentials are good.
    #[must_use]
    pub fn user(self) -> Option<ActiveUser> {
        match self {
            Self::Yes(user) => Some(user),
            Self::No(_) | Self::Throttled(_) => None,
        }
    }
}

/// Proof that a back end let a user in just now: what `login` asks for. Only `authenticate` makes one.
#[derive(Clone, Debug)]
pub struct ActiveUser {
    user: Arc<User>,
    backend: Arc<str>,
}

impl ActiveUser {
    pub(crate) const fn new(user: Arc<User>, backend: Arc<str>) -> Self {
        Self { user, backend }
    }

    /// The user, as of the moment of authentication.
    #[must_use]
    pub const fn user(&self) -> &Arc<User> {
        &self.user
    }

    /// The path of the back end that let the user in (A63).
    #[must_use]
    pub const fn backend(&self) -> &Arc<str> {
        &self.backend
    }
}

impl std::ops::Deref for ActiveUser {
    type Target = User;

    fn deref(&self) -> &User {
        &self.user
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// L03: credentials do not print their password.
    #[test]
    fn passwords_do_not_print() {
        let text = format!("{:?}", Credentials::password("alice", String::from("canary")));
        assert!(text.contains("alice") && !text.contains("canary"), "{text}");
    }
}
