//! The administration of users and groups (A180–A186): who may do what, what is written, what is recorded.
//!
//! Every change asks an [`Administrator`], looks at the row as it is now (Z04), and writes `django_admin_log` in the same
//! transaction, as Django's admin would (G59).

mod groups;
mod log;
mod users;

use std::fmt;
use std::sync::Arc;

use cloakroom_core::keys::UserId;
use cloakroom_core::models::User;
pub use cloakroom_db::admin::{Action, Direction, Found, LogEntry, Slice, SortBy, UserFilter};
use cloakroom_db::{KeyKind, users as rows};

pub use self::groups::{GroupEdit, GroupSaved};
pub use self::users::{Added, Edited, NewPassword, PasswordGiven, UserEdit};
use crate::auth::Auth;
use crate::error::AuthError;
use crate::permissions::PermissionSet;

/// How far staff reach who are no superusers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StaffReach {
    /// Who may change users may make anybody, themselves included, a superuser: as in Django (A183).
    #[default]
    Everybody,
    /// What anybody may do is for superusers to change: flags, groups, permissions; and so are superusers' own accounts.
    BelowSuperusers,
}

/// What somebody wants to do with objects of a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deed {
    /// Look at them. Who may change them may look, too.
    View,
    /// Make one. Users are made only by those who may change them, too (A183).
    Add,
    /// Change one.
    Change,
    /// Delete one.
    Delete,
}

/// A model that is administered here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Model {
    /// The user model.
    User,
    /// `auth.Group`.
    Group,
}

/// An active member of the staff, and what they may do: only [`Auth::administrator`] makes one.
#[derive(Clone)]
pub struct Administrator {
    user: Arc<User>,
    permissions: Arc<PermissionSet>,
    reach: StaffReach,
    app_label: Box<str>,
    model_name: Box<str>,
}

impl Auth {
    /// The administrator whose permissions these are; `None` for everybody who is not active staff (A180).
    #[must_use]
    pub fn administrator(&self, permissions: Arc<PermissionSet>) -> Option<Administrator> {
        let user = Arc::clone(permissions.user().filter(|user| user.is_active && user.is_staff)?);
        let table = rows::table(self.db());
        Some(Administrator {
            user,
            permissions,
            reach: self.staff_reach(),
            app_label: table.app_label().into(),
            model_name: table.model_name().into(),
        })
    }

    /// Reads a user's key as it stands in an address; `None` where it can be nobody's.
    ///
    /// # Errors
    ///
    /// When the users' table is not there.
    pub fn user_key(&self, text: &str) -> Result<Option<UserId>, AuthError> {
        Ok(match rows::key_kind(self.db())? {
            KeyKind::Int => text.parse().ok().map(UserId::Int),
            KeyKind::Uuid => UserId::parse_uuid(text),
            _ => Some(UserId::Text(text.into())),
        })
    }
}

impl Administrator {
    /// Who it is.
    #[must_use]
    pub const fn user(&self) -> &Arc<User> {
        &self.user
    }

    /// Whether they may do this with some object of the model.
    #[must_use]
    pub fn may(&self, deed: Deed, model: Model) -> bool {
        match (deed, model) {
            (Deed::View, _) => self.has("view", model) || self.has("change", model),
            (Deed::Add, Model::User) => self.has("add", model) && self.has("change", model),
            (Deed::Add, Model::Group) => self.has("add", model),
            (Deed::Change, _) => self.has("change", model),
            (Deed::Delete, _) => self.has("delete", model),
        }
    }

    /// Whether they may do anything at all with objects of the model.
    #[must_use]
    pub fn sees(&self, model: Model) -> bool {
        self.may(Deed::View, model) || self.has("add", model) || self.has("delete", model)
    }

    /// Whether they may do this with this user.
    #[must_use]
    pub fn may_with(&self, deed: Deed, user: &User) -> bool {
        let in_reach = self.reach == StaffReach::Everybody || self.user.is_superuser || !user.is_superuser;
        self.may(deed, Model::User) && (deed == Deed::View || in_reach)
    }

    /// Whether they may change what others may do: flags, groups, permissions.
    #[must_use]
    pub fn may_grant(&self) -> bool {
        self.reach == StaffReach::Everybody || self.user.is_superuser
    }

    fn has(&self, deed: &str, model: Model) -> bool {
        let (app_label, model_name) = match model {
            Model::User => (&*self.app_label, &*self.model_name),
            Model::Group => ("auth", "group"),
        };
        self.permissions.has_perm(&format!("{app_label}.{deed}_{model_name}"))
    }
}

impl fmt::Debug for Administrator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Administrator").field("user", &self.user.id).field("reach", &self.reach).finish_non_exhaustive()
    }
}

/// What came of deleting objects.
#[must_use = "what is refused was not deleted"]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Deleted {
    /// They are gone.
    Yes,
    /// One of them is not this administrator's to delete; none was.
    Forbidden,
    /// Rows of a table that is not Django's refer to one of them; none was.
    InUse,
}
