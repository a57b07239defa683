//! What a user may do: Django's permissions, by user and by group (A80–A88).

mod create;
mod defaults;

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use cloakroom_core::keys::UserId;
use cloakroom_core::models::User;
use cloakroom_db::groups::Joined;
use cloakroom_db::permissions::{self as rows, Effective};
pub use cloakroom_db::permissions::{Granted, Holder, Superusers, WithPerm};

pub use self::create::MadeRows;
pub use self::defaults::{Abstractness, ModelMeta, permission_codename};
use crate::auth::Auth;
use crate::backends::{BackendKind, Judgement};
use crate::error::AuthError;
use crate::events::{AccessChange, AuthEvent};

/// What one user may do, loaded once: keep it for the request and no longer, so that a change acts at once (Z01).
///
/// An anonymous caller and a closed account may do nothing, an active superuser everything, even what is not in the
/// table (A81, A82). Permissions on an object are for back ends of one's own: the table's say no (A83).
#[derive(Clone)]
pub struct PermissionSet {
    user: Option<Arc<User>>,
    stored: Stored,
    backends: Arc<[BackendKind]>,
}

/// What the table gives a user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Stored {
    /// Nothing, whatever its rows say.
    Nothing,
    /// Everything, whatever its rows say.
    Everything,
    /// These, each list sorted.
    Rows(Arc<Effective>),
}

impl Stored {
    pub(crate) fn has(&self, perm: &str) -> bool {
        let among = |list: &[String]| list.binary_search_by(|p| p.as_str().cmp(perm)).is_ok();
        match self {
            Self::Nothing => false,
            Self::Everything => true,
            Self::Rows(rows) => among(&rows.of_user) || among(&rows.of_groups),
        }
    }

    pub(crate) fn has_module(&self, app_label: &str) -> bool {
        match self {
            Self::Nothing => false,
            Self::Everything => true,
            Self::Rows(rows) => rows
                .of_user
                .iter()
                .chain(&rows.of_groups)
                .any(|p| p.split_once('.').is_some_and(|(app, _)| app == app_label)),
        }
    }
}

impl PermissionSet {
    /// Whether the user has `perm`, an `app_label.codename`; case counts (A82).
    #[must_use]
    pub fn has_perm(&self, perm: &str) -> bool {
        self.judge(|b| b.has_perm(self.user.as_deref(), perm, None, &self.stored))
    }

    /// Whether the user has `perm` on `object` (A83).
    #[must_use]
    pub fn has_perm_on(&self, perm: &str, object: &(dyn Any + Send + Sync)) -> bool {
        self.judge(|b| b.has_perm(self.user.as_deref(), perm, Some(object), &self.stored))
    }

    /// Whether the user has every one of `perms`; true for none at all (A82).
    pub fn has_perms<S: AsRef<str>>(&self, perms: impl IntoIterator<Item = S>) -> bool {
        perms.into_iter().all(|p| self.has_perm(p.as_ref()))
    }

    /// Whether the user has any permission of the app (A82).
    #[must_use]
    pub fn has_module_perms(&self, app_label: &str) -> bool {
        self.judge(|b| b.has_module_perms(self.user.as_deref(), app_label, &self.stored))
    }

    /// What templates ask by `"app.codename" in perms` and `"app" in perms` (A150).
    #[must_use]
    pub fn contains(&self, name: &str) -> bool {
        if name.contains('.') { self.has_perm(name) } else { self.has_module_perms(name) }
    }

    /// Whose permissions these are; `None` for nobody's.
    #[must_use]
    pub const fn user(&self) -> Option<&Arc<User>> {
        self.user.as_ref()
    }

    /// Asks the back ends in their order: one grant is enough, a veto ends the matter (A82).
    fn judge(&self, ask: impl Fn(&BackendKind) -> Judgement) -> bool {
        if self.user.as_ref().is_some_and(|u| u.is_active && u.is_superuser) {
            return true;
        }
        for backend in &*self.backends {
            match ask(backend) {
                Judgement::Granted => return true,
                Judgement::Denied => return false,
                Judgement::NotMine => {}
            }
        }
        false
    }
}

impl fmt::Debug for PermissionSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let user = self.user.as_ref().map(|u| &u.id);
        f.debug_struct("PermissionSet").field("user", &user).field("stored", &self.stored).finish_non_exhaustive()
    }
}

/// The name of a permission in two parts, for look-ups: exactly one dot (A88).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PermissionName<'a> {
    app_label: &'a str,
    codename: &'a str,
}

impl<'a> PermissionName<'a> {
    /// Takes `app_label.codename` apart; `None` where it has no dot or several.
    ///
    /// ```
    /// use cloakroom_auth::permissions::PermissionName;
    ///
    /// assert_eq!(PermissionName::parse("auth.add_user").map(|p| p.codename()), Some("add_user"));
    /// assert!(PermissionName::parse("add_user").is_none());
    /// assert!(PermissionName::parse("auth.add.user").is_none());
    /// ```
    #[must_use]
    pub fn parse(name: &'a str) -> Option<Self> {
        let (app_label, codename) = name.split_once('.')?;
        (!codename.contains('.')).then_some(Self { app_label, codename })
    }

    /// The part before the dot.
    #[must_use]
    pub const fn app_label(&self) -> &'a str {
        self.app_label
    }

    /// The part after the dot.
    #[must_use]
    pub const fn codename(&self) -> &'a str {
        self.codename
    }
}

/// Which of a user's permissions to list (A84).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Source {
    /// Given to the user.
    User,
    /// Given to the user's groups.
    Groups,
    /// Both.
    All,
}

impl Auth {
    /// Loads what `user` may do: one statement, none for nobody, a closed account or a superuser (R13).
    ///
    /// # Errors
    ///
    /// When the database gives no answer.
    pub async fn permissions(&self, user: Option<&Arc<User>>) -> Result<PermissionSet, AuthError> {
        let stored = match user {
            Some(user) if !user.is_active => Stored::Nothing,
            Some(user) if user.is_superuser => Stored::Everything,
            Some(user) => Stored::Rows(self.granted(&user.id).await?),
            None => Stored::Nothing,
        };
        Ok(PermissionSet { user: user.cloned(), stored, backends: self.backends_shared() })
    }

    /// The rows of permissions of a user: a copy that holds, or read now.
    async fn granted(&self, id: &UserId) -> Result<Arc<Effective>, AuthError> {
        let near = self.near_users().get(self.db(), id);
        if let Some(granted) = near.as_ref().and_then(|near| near.granted()) {
            return Ok(Arc::clone(granted));
        }
        let mut found = rows::effective(self.db(), id).await?;
        // A database may order text by a language's rules; the look-up needs the order of bytes.
        found.of_user.sort_unstable();
        found.of_groups.sort_unstable();
        let found = Arc::new(found);
        if let Some(near) = near {
            self.near_users().grant(&near, &found);
        }
        Ok(found)
    }

    /// The set of somebody who may do nothing of what the table knows: nobody is signed in (A18).
    #[must_use]
    pub fn permissions_of_nobody(&self) -> PermissionSet {
        PermissionSet { user: None, stored: Stored::Nothing, backends: self.backends_shared() }
    }

    /// Lists the permissions in `set` as sorted `app_label.codename`s; for a superuser every one of the table (A81).
    ///
    /// # Errors
    ///
    /// When the database gives no answer.
    pub async fn permission_labels(&self, set: &PermissionSet, source: Source) -> Result<Vec<String>, AuthError> {
        if !set.backends.iter().any(BackendKind::uses_stored_permissions) {
            return Ok(Vec::new());
        }
        let mut labels = match &set.stored {
            Stored::Nothing => Vec::new(),
            Stored::Everything => rows::all_labels(self.db()).await?,
            Stored::Rows(found) => match source {
                Source::User => found.of_user.clone(),
                Source::Groups => found.of_groups.clone(),
                Source::All => [&found.of_user[..], &found.of_groups[..]].concat(),
            },
        };
        labels.sort_unstable();
        labels.dedup();
        Ok(labels)
    }

    /// Lists the users who have a permission (A88). With several back ends configured Django wants to be told which one
    /// to ask; the table's answer is the same for each of its own.
    ///
    /// # Errors
    ///
    /// When the database gives no answer.
    pub async fn with_perm(&self, perm: PermissionName<'_>, which: WithPerm) -> Result<Vec<User>, AuthError> {
        Ok(rows::users_with_perm(self.db(), perm.app_label, perm.codename, which).await?)
    }

    /// Gives a user or group the permission `app_label.codename`. [`Granted::Unknown`] where there is none of that name.
    ///
    /// # Errors
    ///
    /// When the database gives no answer.
    pub async fn grant(&self, holder: &Holder, perm: &str) -> Result<Granted, AuthError> {
        let Some((app_label, codename)) = perm.split_once('.') else { return Ok(Granted::Unknown) };
        let granted = rows::grant(self.db(), holder, app_label, codename).await?;
        if granted == Granted::Yes {
            self.access_changed(holder, AccessChange::Granted(perm.to_owned()));
        }
        Ok(granted)
    }

    /// Takes the permission `app_label.codename` from a user or group; whether it was held.
    ///
    /// # Errors
    ///
    /// When the database gives no answer.
    pub async fn revoke(&self, holder: &Holder, perm: &str) -> Result<bool, AuthError> {
        let Some((app_label, codename)) = perm.split_once('.') else { return Ok(false) };
        let revoked = rows::revoke(self.db(), holder, app_label, codename).await?;
        if revoked {
            self.access_changed(holder, AccessChange::Revoked(perm.to_owned()));
        }
        Ok(revoked)
    }

    /// Puts a user into the group of this name.
    ///
    /// # Errors
    ///
    /// When the database gives no answer.
    pub async fn join_group(&self, user: &UserId, group: &str) -> Result<Joined, AuthError> {
        let Some(row) = cloakroom_db::groups::by_name(self.db(), group).await? else { return Ok(Joined::Unknown) };
        let joined = cloakroom_db::groups::add_user(self.db(), row.id, user).await?;
        if joined == Joined::Yes {
            self.access_changed(&Holder::User(user.clone()), AccessChange::Joined(row.name));
        }
        Ok(joined)
    }

    /// Takes a user out of the group of this name; whether the user was in it.
    ///
    /// # Errors
    ///
    /// When the database gives no answer.
    pub async fn leave_group(&self, user: &UserId, group: &str) -> Result<bool, AuthError> {
        let Some(row) = cloakroom_db::groups::by_name(self.db(), group).await? else { return Ok(false) };
        let left = cloakroom_db::groups::remove_user(self.db(), row.id, user).await?;
        if left {
            self.access_changed(&Holder::User(user.clone()), AccessChange::Left(row.name));
        }
        Ok(left)
    }

    pub(crate) fn access_changed(&self, holder: &Holder, change: AccessChange) {
        self.emit(&AuthEvent::AccessChanged { holder: holder.clone(), change });
    }
}
