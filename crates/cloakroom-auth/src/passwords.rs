//! Setting, changing and checking passwords (A19, A30–A46, A54).

use std::net::IpAddr;

use cloakroom_core::hashers::{Checked, HashError, MAX_PASSWORD_BYTES, Upgrade, make_unusable};
use cloakroom_core::models::{EncodedHash, User};
use cloakroom_core::reason::Refusal;
use cloakroom_core::secret::Secret;
use cloakroom_core::validators::{self, UserFacts, ValidationError};
use cloakroom_db::Updated;
use cloakroom_db::users::{self, Swapped};

use crate::auth::Auth;
use crate::error::AuthError;
use crate::events::{AuthEvent, PasswordChange};
use crate::lane::LaneKey;
use crate::throttle::Throttled;

/// What came of setting a password.
#[must_use = "a password that was refused was not set"]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PasswordSet {
    /// It is set; every session of the user ends at its next use (A74).
    Yes,
    /// It is longer than what will be hashed (A03), or than what the preferred hasher takes (A34).
    TooLong,
    /// The user is gone.
    Gone,
}

/// What came of changing one's password.
#[must_use = "a password that was refused was not set"]
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum PasswordChanged {
    /// It is changed; every session of the user ends at its next use, unless
    /// [`update_session_auth_hash`](Auth::update_session_auth_hash) keeps it.
    Yes,
    /// The old one is wrong, or was changed by somebody else meanwhile.
    WrongOld,
    /// The new one will not do.
    Refused(Vec<ValidationError>),
    /// The new one is longer than what will be hashed.
    TooLong,
    /// Nobody looked at the old one: too many tries lately (E04).
    Throttled(Throttled),
}

/// Whether somebody who is signed in knows the account's password (S11).
#[must_use = "only `Yes` confirms anything"]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Confirmed {
    /// They do.
    Yes,
    /// They do not, or the account has none.
    No,
    /// Nobody looked: too many tries lately (E04).
    Throttled(Throttled),
}

impl Auth {
    /// Judges a new password by the configured validators; nothing means that it will do (A54).
    ///
    /// One that is too long to be hashed gets the code `password_too_long` and costs no other judgement (A03).
    #[must_use]
    pub fn validate_password(&self, password: &Secret<String>, facts: Option<&UserFacts>) -> Vec<ValidationError> {
        if password.expose().len() > MAX_PASSWORD_BYTES {
            return vec![ValidationError {
                code: "password_too_long".into(),
                params: [("max_bytes".to_owned(), MAX_PASSWORD_BYTES.into())].into_iter().collect(),
                message: format!("This password is too long. It must have at most {MAX_PASSWORD_BYTES} bytes."),
            }];
        }
        validators::validate(password.expose(), facts, self.validators())
    }

    /// Checks a user's password. A match whose hash is due is hashed anew, in the database and in `user` (A42), which
    /// ends the user's other sessions (A76).
    ///
    /// The new hash is stored only if the old one is still there: a password changed meanwhile stays changed.
    ///
    /// # Errors
    ///
    /// When the database gives no answer or the hashing lane is full.
    pub async fn check_password(&self, user: &mut User, password: &Secret<String>) -> Result<Checked, AuthError> {
        self.check_password_in(LaneKey::of_account(&user.username), user, password).await
    }

    pub(crate) async fn check_password_in(
        &self,
        lane: LaneKey,
        user: &mut User,
        password: &Secret<String>,
    ) -> Result<Checked, AuthError> {
        if password.expose().len() > MAX_PASSWORD_BYTES {
            return Ok(Checked::Mismatch(Upgrade::Current));
        }
        let outcome = self.hashing().check(lane, password, &user.password).await?;
        if let Checked::Unreadable(error) = outcome.checked {
            tracing::warn!(target: "cloakroom::auth", user = %user.id, %error, "a stored password hash cannot be read");
        }
        if let Some(new) = outcome.upgraded {
            match users::set_password_if(self.db(), &user.id, &user.password, &new).await? {
                Swapped::Yes => {
                    user.password = new;
                    self.emit(&AuthEvent::PasswordUpgraded { user_id: user.id.clone() });
                }
                // What was checked is not the password any more: the session made with it will not match.
                _ => tracing::info!(target: "cloakroom::auth", user = %user.id, "a hash changed while it was upgraded"),
            }
        }
        Ok(outcome.checked)
    }

    /// Asks somebody who is signed in for the password, before what needs a fresh proof (A09, S11). Wrong answers count with
    /// those at the log-in page: a stolen session must not serve to guess the password (A21, E04).
    ///
    /// # Errors
    ///
    /// When the database gives no answer or the hashing lane is full.
    pub async fn confirm_password(
        &self,
        user: &mut User,
        password: &Secret<String>,
        address: Option<IpAddr>,
    ) -> Result<Confirmed, AuthError> {
        let name = user.username.to_string();
        let charge = match self.throttle().charge(self.secret_keys(), &name, address, self.now()).await {
            Ok(charge) => charge,
            Err(throttled) => {
                let refusal = Refusal::Throttled;
                self.emit(&AuthEvent::PasswordNotConfirmed { user_id: user.id.clone(), refusal, address });
                return Ok(Confirmed::Throttled(throttled));
            }
        };
        match self.check_password(user, password).await {
            Ok(checked) if checked.is_match() => {
                self.throttle().succeeded(charge, self.now()).await;
                Ok(Confirmed::Yes)
            }
            Ok(_) => {
                let refusal = Refusal::WrongPassword;
                self.emit(&AuthEvent::PasswordNotConfirmed { user_id: user.id.clone(), refusal, address });
                Ok(Confirmed::No)
            }
            Err(error) => {
                self.throttle().refund(charge, self.now()).await;
                Err(error)
            }
        }
    }

    /// Hashes a password with the preferred hasher; `None` where it is too long for that.
    ///
    /// # Errors
    ///
    /// When the hashing lane is full.
    pub async fn make_password(
        &self,
        account: &str,
        password: &Secret<String>,
    ) -> Result<Option<EncodedHash>, AuthError> {
        if password.expose().len() > MAX_PASSWORD_BYTES {
            return Ok(None);
        }
        match self.hashing().encode(LaneKey::of_account(account), password).await? {
            Ok(hash) => Ok(Some(hash)),
            Err(HashError::PasswordTooLong) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Sets a user's password without asking for the old one and without judging the new one, as `set_password` and
    /// `save` do (A19).
    ///
    /// # Errors
    ///
    /// When the database gives no answer or the hashing lane is full.
    pub async fn set_password(&self, user: &mut User, new: &Secret<String>) -> Result<PasswordSet, AuthError> {
        let Some(hash) = self.make_password(&user.username, new).await? else { return Ok(PasswordSet::TooLong) };
        self.store_password(user, hash, PasswordChange::Set).await.inspect(|set| {
            if *set == PasswordSet::Yes {
                self.tell_validators(new, user);
            }
        })
    }

    /// Takes a user's password away: no password opens the account, and no reset mail is sent (A35, A105).
    ///
    /// # Errors
    ///
    /// When the database gives no answer.
    pub async fn set_unusable_password(&self, user: &mut User) -> Result<PasswordSet, AuthError> {
        let hash = make_unusable(self.random());
        self.store_password(user, hash, PasswordChange::MadeUnusable).await
    }

    /// Changes a user's password for one who knows the old one (A09, A98). The old one is checked before the new one is
    /// judged, under the throttle (E04).
    ///
    /// # Errors
    ///
    /// When the database gives no answer or the hashing lane is full.
    pub async fn change_password(
        &self,
        user: &mut User,
        old: &Secret<String>,
        new: &Secret<String>,
        address: Option<IpAddr>,
    ) -> Result<PasswordChanged, AuthError> {
        match self.confirm_password(user, old, address).await? {
            Confirmed::Yes => {}
            Confirmed::No => return Ok(PasswordChanged::WrongOld),
            Confirmed::Throttled(throttled) => return Ok(PasswordChanged::Throttled(throttled)),
        }
        let errors = self.validate_password(new, Some(&UserFacts::from(&*user)));
        if !errors.is_empty() {
            return Ok(PasswordChanged::Refused(errors));
        }
        let Some(hash) = self.make_password(&user.username, new).await? else { return Ok(PasswordChanged::TooLong) };
        match self.swap_password(user, hash, new, PasswordChange::ByOwner).await? {
            Swapped::Yes => Ok(PasswordChanged::Yes),
            _ => Ok(PasswordChanged::WrongOld),
        }
    }

    /// Replaces the password that `user` carries, and no other: of several who try at once one wins (R07).
    pub(crate) async fn swap_password(
        &self,
        user: &mut User,
        hash: EncodedHash,
        new: &Secret<String>,
        how: PasswordChange,
    ) -> Result<Swapped, AuthError> {
        let swapped = users::set_password_if(self.db(), &user.id, &user.password, &hash).await?;
        if swapped == Swapped::Yes {
            user.password = hash;
            self.throttle().forgive(self.secret_keys(), &user.username).await;
            self.emit(&AuthEvent::PasswordChanged { user_id: user.id.clone(), how });
            self.tell_validators(new, user);
        }
        Ok(swapped)
    }

    async fn store_password(
        &self,
        user: &mut User,
        hash: EncodedHash,
        how: PasswordChange,
    ) -> Result<PasswordSet, AuthError> {
        if users::set_password(self.db(), &user.id, &hash).await? != Updated::Yes {
            return Ok(PasswordSet::Gone);
        }
        user.password = hash;
        self.throttle().forgive(self.secret_keys(), &user.username).await;
        self.emit(&AuthEvent::PasswordChanged { user_id: user.id.clone(), how });
        Ok(PasswordSet::Yes)
    }

    fn tell_validators(&self, new: &Secret<String>, user: &User) {
        let facts = UserFacts::from(user);
        for validator in self.validators() {
            validator.password_changed(new.expose(), Some(&facts));
        }
    }
}
