//! The life of an account: made, changed, closed, deleted (A19–A23, M19).

use std::net::IpAddr;
use std::sync::Arc;

use cloakroom_core::emails::normalize_email;
use cloakroom_core::hashers::make_unusable;
use cloakroom_core::keys::UserId;
use cloakroom_core::models::User;
use cloakroom_core::names::normalize_username;
use cloakroom_core::secret::Secret;
use cloakroom_core::user_model::ColumnValue;
use cloakroom_db::permissions::Holder;
use cloakroom_db::users::{self, Flag, NewUser, Profile};
use cloakroom_db::{KeyKind, Updated};

use crate::auth::Auth;
use crate::error::AuthError;
use crate::events::{AccessChange, Activity, AuthEvent, Switch};
use crate::throttle::Throttled;

/// An account to be made.
///
/// Doors for the public fill in the fields one by one and never from a form's or a request's names: the flags are not for
/// them (Z02).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct NewAccount {
    /// The name; it is stored in NFKC (A13).
    pub username: String,
    /// The address; its domain is stored in lower case (A14).
    pub email: String,
    /// The password; none makes an account that no password opens.
    pub password: Option<Secret<String>>,
    /// The first name.
    pub first_name: String,
    /// The last name.
    pub last_name: String,
    /// Whether the account is open.
    pub is_active: bool,
    /// Whether its owner may use the admin; `None` is what the manner of making it says.
    pub is_staff: Option<bool>,
    /// Whether its owner may do everything; `None` is what the manner of making it says.
    pub is_superuser: Option<bool>,
    /// Columns that Django's own user table does not have, by their names (A17).
    pub columns: Vec<(String, ColumnValue)>,
}

impl NewAccount {
    /// An open account with this name; everything else is empty.
    #[must_use]
    pub fn new(username: impl Into<String>) -> Self {
        Self {
            username: username.into(),
            email: String::new(),
            password: None,
            first_name: String::new(),
            last_name: String::new(),
            is_active: true,
            is_staff: None,
            is_superuser: None,
            columns: Vec::new(),
        }
    }

    /// Sets the address.
    #[must_use]
    pub fn with_email(mut self, email: impl Into<String>) -> Self {
        self.email = email.into();
        self
    }

    /// Sets a column that Django's own user table does not have (A17).
    #[must_use]
    pub fn with_column(mut self, name: impl Into<String>, value: ColumnValue) -> Self {
        self.columns.push((name.into(), value));
        self
    }

    /// Sets the password. An empty one is a password, and opens the account (A161).
    #[must_use]
    pub fn with_password(mut self, password: impl Into<Secret<String>>) -> Self {
        self.password = Some(password.into());
        self
    }
}

/// What came of making an account.
#[must_use = "a refused account was not made"]
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Created {
    /// It is made.
    Yes(User),
    /// It is not; nothing was written.
    No(NotCreated),
}

/// Why an account was not made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NotCreated {
    /// The name is empty.
    EmptyUsername,
    /// The name, in NFKC, is another account's.
    UsernameTaken,
    /// The password is longer than what will be hashed.
    PasswordTooLong,
    /// A superuser must be staff and superuser.
    NotSuper,
}

impl NotCreated {
    /// The exception that Django raises in this case.
    #[must_use]
    pub const fn django_name(self) -> &'static str {
        match self {
            Self::UsernameTaken => "IntegrityError",
            Self::EmptyUsername | Self::PasswordTooLong | Self::NotSuper => "ValueError",
        }
    }
}

/// Which names count as the same (A99).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NameCase {
    /// Names that differ only in case, as the database compares (`iexact`, G04).
    Ignored,
    /// Only the very same.
    Kept,
}

/// What of an account its owner may change. `None` leaves a field alone. There are no flags here (Z02).
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct ProfileUpdate {
    /// The first name.
    pub first_name: Option<String>,
    /// The last name.
    pub last_name: Option<String>,
    /// The address; its domain is stored in lower case.
    pub email: Option<String>,
}

impl ProfileUpdate {
    /// Changes nothing.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets the first name.
    #[must_use]
    pub fn with_first_name(mut self, first_name: impl Into<String>) -> Self {
        self.first_name = Some(first_name.into());
        self
    }

    /// Sets the last name.
    #[must_use]
    pub fn with_last_name(mut self, last_name: impl Into<String>) -> Self {
        self.last_name = Some(last_name.into());
        self
    }

    /// Sets the address.
    #[must_use]
    pub fn with_email(mut self, email: impl Into<String>) -> Self {
        self.email = Some(email.into());
        self
    }
}

impl Auth {
    /// Whether a name is somebody's already. Between this and making an account somebody may take it:
    /// [`create_user`](Self::create_user) says so.
    ///
    /// # Errors
    ///
    /// When the database gives no answer.
    pub async fn is_username_taken(&self, username: &str, case: NameCase) -> Result<bool, AuthError> {
        Ok(match case {
            NameCase::Ignored => users::exists_username_iexact(self.db(), username).await?,
            NameCase::Kept => users::exists_username(self.db(), username).await?,
        })
    }

    /// Whether anybody may do everything: a new site has no such user.
    ///
    /// # Errors
    ///
    /// When the database gives no answer.
    pub async fn has_superuser(&self) -> Result<bool, AuthError> {
        Ok(users::has_superuser(self.db()).await?)
    }

    /// Counts an account that is to be made from an address (E11).
    ///
    /// # Errors
    ///
    /// Too many were made from that network lately.
    pub async fn admit_sign_up(&self, address: Option<IpAddr>) -> Result<(), Throttled> {
        self.throttle().sign_up(self.secret_keys(), address, self.now()).await
    }

    /// Makes an account (A20). Neither name nor password is judged here: forms do that, by [`validate_password`] and the
    /// rules of names.
    ///
    /// [`validate_password`]: Self::validate_password
    ///
    /// # Errors
    ///
    /// When the database gives no answer or the hashing lane is full.
    pub async fn create_user(&self, account: NewAccount) -> Result<Created, AuthError> {
        let (staff, superuser) = (account.is_staff.unwrap_or(false), account.is_superuser.unwrap_or(false));
        self.create_account(account, staff, superuser).await
    }

    /// Makes an account that may do everything (A20).
    ///
    /// # Errors
    ///
    /// When the database gives no answer or the hashing lane is full.
    pub async fn create_superuser(&self, account: NewAccount) -> Result<Created, AuthError> {
        if account.is_staff == Some(false) || account.is_superuser == Some(false) {
            return Ok(Created::No(NotCreated::NotSuper));
        }
        self.create_account(account, true, true).await
    }

    async fn create_account(
        &self,
        account: NewAccount,
        is_staff: bool,
        is_superuser: bool,
    ) -> Result<Created, AuthError> {
        if account.username.is_empty() {
            return Ok(Created::No(NotCreated::EmptyUsername));
        }
        let mut username = normalize_username(&account.username);
        if users::signs_in_by_email(self.db()) {
            username = normalize_email(&username);
        }
        let hash = match &account.password {
            None => make_unusable(self.random()),
            Some(password) => match self.make_password(&username, password).await? {
                Some(hash) => hash,
                None => return Ok(Created::No(NotCreated::PasswordTooLong)),
            },
        };
        let row = NewUser {
            email: normalize_email(&account.email),
            first_name: account.first_name,
            last_name: account.last_name,
            is_staff,
            is_active: account.is_active,
            is_superuser,
            id: self.new_user_id()?,
            extra: account.columns,
            ..NewUser::new(username, hash, self.now())
        };
        match users::create(self.db(), row).await? {
            users::Created::Yes(user) => {
                self.emit(&AuthEvent::UserCreated { user: Arc::new(user.clone()) });
                Ok(Created::Yes(user))
            }
            _ => Ok(Created::No(NotCreated::UsernameTaken)),
        }
    }

    /// A key for a new user, where the database does not count them up: a UUID.
    pub(crate) fn new_user_id(&self) -> Result<Option<UserId>, AuthError> {
        let drawn = users::key_kind(self.db())? == KeyKind::Uuid;
        Ok(drawn.then(|| UserId::new_uuid4(self.random())))
    }

    /// Changes a user's names and address, in the database and in `user`. A new address voids reset links (A92). An
    /// address that is the name to sign in with stays: that is no detail of a profile.
    ///
    /// # Errors
    ///
    /// When the database gives no answer.
    pub async fn update_profile(&self, user: &mut User, update: ProfileUpdate) -> Result<Updated, AuthError> {
        let email = update.email.filter(|_| !users::signs_in_by_email(self.db())).map(|e| normalize_email(&e));
        let profile = Profile {
            first_name: update.first_name.clone(),
            last_name: update.last_name.clone(),
            email: email.clone(),
        };
        let updated = users::update_profile(self.db(), &user.id, profile).await?;
        if updated == Updated::Yes {
            user.first_name = update.first_name.unwrap_or_else(|| std::mem::take(&mut user.first_name));
            user.last_name = update.last_name.unwrap_or_else(|| std::mem::take(&mut user.last_name));
            user.email = email.unwrap_or_else(|| std::mem::take(&mut user.email));
            self.emit(&AuthEvent::ProfileChanged { user_id: user.id.clone() });
        }
        Ok(updated)
    }

    /// Opens or closes an account. A closed one's sessions work for nobody from the next request on (S07); reopened, they
    /// work again (A70).
    ///
    /// # Errors
    ///
    /// When the database gives no answer.
    pub async fn set_activity(&self, user: &mut User, now: Activity) -> Result<Updated, AuthError> {
        let value = now == Activity::Active;
        let updated = users::set_flag(self.db(), &user.id, Flag::Active, value).await?;
        if updated == Updated::Yes {
            user.is_active = value;
            self.emit(&AuthEvent::ActivityChanged { user_id: user.id.clone(), now });
        }
        Ok(updated)
    }

    /// Says whether a user may use the admin (A86).
    ///
    /// # Errors
    ///
    /// When the database gives no answer.
    pub async fn set_staff(&self, user: &mut User, switch: Switch) -> Result<Updated, AuthError> {
        let value = switch == Switch::On;
        let updated = users::set_flag(self.db(), &user.id, Flag::Staff, value).await?;
        if updated == Updated::Yes {
            user.is_staff = value;
            self.access_changed(&Holder::User(user.id.clone()), AccessChange::Staff(switch));
        }
        Ok(updated)
    }

    /// Says whether a user may do everything (A82).
    ///
    /// # Errors
    ///
    /// When the database gives no answer.
    pub async fn set_superuser(&self, user: &mut User, switch: Switch) -> Result<Updated, AuthError> {
        let value = switch == Switch::On;
        let updated = users::set_flag(self.db(), &user.id, Flag::Superuser, value).await?;
        if updated == Updated::Yes {
            user.is_superuser = value;
            self.access_changed(&Holder::User(user.id.clone()), AccessChange::Superuser(switch));
        }
        Ok(updated)
    }

    /// Deletes an account with all that hangs on it (A23); whether it was there. Its sessions open nothing from then on
    /// (A75, S07).
    ///
    /// # Errors
    ///
    /// When the database gives no answer, or rows of a table that is not Django's refer to the user: nothing was deleted.
    pub async fn delete_user(&self, user: &User) -> Result<bool, AuthError> {
        let deleted = users::delete(self.db(), &user.id).await?;
        if deleted {
            self.emit(&AuthEvent::UserDeleted { user_id: user.id.clone(), username: user.username.clone() });
        }
        Ok(deleted)
    }
}
