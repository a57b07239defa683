//! Users: made, changed, given passwords, deleted by administrators (A181–A184).

use cloakroom_core::clock::Timestamp;
use cloakroom_core::keys::UserId;
use cloakroom_core::models::{Group, User};
use cloakroom_core::secret::Secret;
use cloakroom_core::user_model::{ColumnValue, Slot};
use cloakroom_db::admin::{self as rows, Action, Change, Column, Direction, Found, Slice, SortBy, UserFilter};
use cloakroom_db::permissions::{Holder, Permission};
use cloakroom_db::{DbError, groups, permissions, users};
use cloakroom_sessions::Sessions;

use super::log::{self, Object};
use super::{Administrator, Deed, Deleted};
use crate::accounts::{Created, NewAccount, NotCreated};
use crate::auth::Auth;
use crate::error::AuthError;
use crate::events::{AccessChange, Activity, AuthEvent, EndedBy, Switch};
use crate::passwords::PasswordSet;

/// A user as the change page's form says (A102). The password is not among it.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct UserEdit {
    /// The name to sign in with.
    pub username: String,
    /// The first name.
    pub first_name: String,
    /// The last name.
    pub last_name: String,
    /// The address, as it is to be stored.
    pub email: String,
    /// Whether the account is open.
    pub is_active: bool,
    /// Whether the user may use the admin.
    pub is_staff: bool,
    /// Whether the user may do everything.
    pub is_superuser: bool,
    /// The keys of the user's groups.
    pub groups: Vec<i64>,
    /// The keys of the permissions that the user is given, those of groups aside.
    pub permissions: Vec<i64>,
    /// The last log-in, to the second.
    pub last_login: Option<Timestamp>,
    /// When the account was made, to the second.
    pub date_joined: Timestamp,
}

/// What came of changing a user.
#[must_use = "a change that was refused was not made"]
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Edited {
    /// The user is as asked.
    Yes(User),
    /// The name is another's.
    NameTaken,
    /// It is not this administrator's to change.
    Forbidden,
    /// There is no such user.
    Gone,
}

/// What came of making a user.
#[must_use = "a refused account was not made"]
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Added {
    /// It is made.
    Yes(User),
    /// The name is another's.
    NameTaken,
    /// The password is longer than what will be hashed.
    PasswordTooLong,
    /// This administrator may not make users.
    Forbidden,
}

/// A password that an administrator sets.
#[derive(Clone, Debug)]
pub enum NewPassword {
    /// This one.
    Usable(Secret<String>),
    /// None: no password opens the account.
    Unusable,
}

/// What came of setting a user's password.
#[must_use = "a password that was refused was not set"]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PasswordGiven {
    /// It is set; every session of the user ends at its next use (A74).
    Yes,
    /// It is longer than what will be hashed.
    TooLong,
    /// It is not this administrator's to set.
    Forbidden,
    /// There is no such user.
    Gone,
}

impl UserEdit {
    /// The user as stored: changes nothing.
    #[must_use]
    pub fn of(user: &User, groups: Vec<i64>, permissions: Vec<i64>) -> Self {
        Self {
            username: user.username.clone(),
            first_name: user.first_name.clone(),
            last_name: user.last_name.clone(),
            email: user.email.clone(),
            is_active: user.is_active,
            is_staff: user.is_staff,
            is_superuser: user.is_superuser,
            groups,
            permissions,
            last_login: user.last_login.map(whole_second),
            date_joined: whole_second(user.date_joined),
        }
    }
}

impl Auth {
    /// A part of the list of users (A182). What it may be filtered by is told by the type (Z05).
    ///
    /// # Errors
    ///
    /// When the database gives no answer.
    pub async fn find_users(
        &self,
        filter: &UserFilter,
        order: &[(SortBy, Direction)],
        slice: Slice,
    ) -> Result<Found, AuthError> {
        Ok(rows::find_users(self.db(), filter, order, slice).await?)
    }

    /// A user's groups, and the keys of the permissions that the user was given without them.
    ///
    /// # Errors
    ///
    /// When the database gives no answer.
    pub async fn access_of(&self, user: &UserId) -> Result<(Vec<Group>, Vec<i64>), AuthError> {
        let groups = groups::of_user(self.db(), user).await?;
        Ok((groups, rows::permissions_of(self.db(), &Holder::User(user.clone())).await?))
    }

    /// Every permission there is, in Django's order.
    ///
    /// # Errors
    ///
    /// When the database gives no answer.
    pub async fn all_permissions(&self) -> Result<Vec<Permission>, AuthError> {
        Ok(permissions::all(self.db()).await?)
    }

    /// Makes a user with a name and a password, or none; the rest comes after that (A100, A183).
    ///
    /// # Errors
    ///
    /// When the database gives no answer or the hashing lane is full.
    pub async fn add_user_as(
        &self,
        admin: &Administrator,
        username: &str,
        password: NewPassword,
    ) -> Result<Added, AuthError> {
        if !admin.may(Deed::Add, super::Model::User) {
            return Ok(Added::Forbidden);
        }
        let account = NewAccount::new(username);
        let account = match password {
            NewPassword::Usable(password) => account.with_password(password),
            NewPassword::Unusable => account,
        };
        let user = match self.create_user(account).await? {
            Created::Yes(user) => user,
            Created::No(NotCreated::PasswordTooLong) => return Ok(Added::PasswordTooLong),
            Created::No(_) => return Ok(Added::NameTaken),
        };
        let object = Object::User(&user.id, &user.username);
        let entry = self.log_entry(admin, object, Action::Addition, log::ADDED).await?;
        rows::apply(self.db(), &[entry]).await?;
        Ok(Added::Yes(user))
    }

    /// Makes a user what the form says. Only what differs from the row as it is now is written, and told (Z01, G59).
    ///
    /// # Errors
    ///
    /// When the database gives no answer.
    pub async fn edit_user_as(&self, admin: &Administrator, id: &UserId, edit: &UserEdit) -> Result<Edited, AuthError> {
        let Some(stored) = self.user_by_id(id).await? else { return Ok(Edited::Gone) };
        if !admin.may_with(Deed::Change, &stored) {
            return Ok(Edited::Forbidden);
        }
        let (of_groups, permissions) = self.access_of(id).await?;
        let before = UserEdit::of(&stored, of_groups.iter().map(|group| group.id).collect(), permissions);
        let plan = Plan::between(&before, edit);
        if plan.changes_access && !admin.may_grant() {
            return Ok(Edited::Forbidden);
        }
        let events = self.events_of(id, &before, edit, &plan).await?;
        let mut changes = vec![Change::User(id.clone(), plan.columns)];
        let holder = || Holder::User(id.clone());
        changes.extend(plan.join.iter().map(|group| Change::Join(id.clone(), *group)));
        changes.extend(plan.leave.iter().map(|group| Change::Leave(id.clone(), *group)));
        changes.extend(plan.grant.iter().map(|permission| Change::Grant(holder(), *permission)));
        changes.extend(plan.revoke.iter().map(|permission| Change::Revoke(holder(), *permission)));
        let object = Object::User(id, &edit.username);
        changes.push(self.log_entry(admin, object, Action::Change, log::changed(&plan.labels)).await?);
        match rows::apply(self.db(), &changes).await {
            Ok(()) => {}
            Err(DbError::Integrity { source }) => {
                let other = users::by_username(self.db(), &edit.username).await?;
                return match other {
                    Some(other) if other.id != *id => Ok(Edited::NameTaken),
                    _ => Err(DbError::Integrity { source }.into()),
                };
            }
            Err(error) => return Err(error.into()),
        }
        for event in &events {
            self.emit(event);
        }
        Ok(self.user_by_id(id).await?.map_or(Edited::Gone, Edited::Yes))
    }

    /// Sets a user's password, or takes it away (A184).
    ///
    /// # Errors
    ///
    /// When the database gives no answer or the hashing lane is full.
    pub async fn set_password_as(
        &self,
        admin: &Administrator,
        user: &mut User,
        password: &NewPassword,
    ) -> Result<PasswordGiven, AuthError> {
        if !admin.may_with(Deed::Change, user) {
            return Ok(PasswordGiven::Forbidden);
        }
        let (set, message) = match password {
            NewPassword::Usable(password) => (self.set_password(user, password).await?, log::PASSWORD_CHANGED),
            NewPassword::Unusable => (self.set_unusable_password(user).await?, log::NOTHING_CHANGED),
        };
        match set {
            PasswordSet::Yes => {}
            PasswordSet::TooLong => return Ok(PasswordGiven::TooLong),
            PasswordSet::Gone => return Ok(PasswordGiven::Gone),
        }
        let object = Object::User(&user.id, &user.username);
        let entry = self.log_entry(admin, object, Action::Change, message).await?;
        rows::apply(self.db(), &[entry]).await?;
        Ok(PasswordGiven::Yes)
    }

    /// Deletes users with all that hangs on them, all or none, and ends their sessions (A23, S07).
    ///
    /// # Errors
    ///
    /// When the database gives no answer. When the sessions cannot be ended, the users are deleted all the same.
    pub async fn delete_users_as(
        &self,
        admin: &Administrator,
        sessions: &Sessions,
        users: &[User],
    ) -> Result<Deleted, AuthError> {
        if !users.iter().all(|user| admin.may_with(Deed::Delete, user)) {
            return Ok(Deleted::Forbidden);
        }
        let mut changes = Vec::with_capacity(users.len() * 2);
        for user in users {
            let object = Object::User(&user.id, &user.username);
            changes.push(self.log_entry(admin, object, Action::Deletion, "").await?);
        }
        changes.extend(users.iter().map(|user| Change::DeleteUser(user.id.clone())));
        match rows::apply(self.db(), &changes).await {
            Ok(()) => {}
            Err(DbError::Integrity { .. }) => return Ok(Deleted::InUse),
            Err(error) => return Err(error.into()),
        }
        for user in users {
            self.emit(&AuthEvent::UserDeleted { user_id: user.id.clone(), username: user.username.clone() });
            self.end_sessions_of(sessions, &user.id, EndedBy::AccountDeleted).await?;
        }
        Ok(Deleted::Yes)
    }

    async fn events_of(
        &self,
        id: &UserId,
        before: &UserEdit,
        after: &UserEdit,
        plan: &Plan,
    ) -> Result<Vec<AuthEvent>, AuthError> {
        let mut events = Vec::new();
        if plan.changes_profile {
            events.push(AuthEvent::ProfileChanged { user_id: id.clone() });
        }
        if before.is_active != after.is_active {
            let now = if after.is_active { Activity::Active } else { Activity::Inactive };
            events.push(AuthEvent::ActivityChanged { user_id: id.clone(), now });
        }
        let switch = |on| if on { Switch::On } else { Switch::Off };
        let mut access = Vec::new();
        if before.is_staff != after.is_staff {
            access.push(AccessChange::Staff(switch(after.is_staff)));
        }
        if before.is_superuser != after.is_superuser {
            access.push(AccessChange::Superuser(switch(after.is_superuser)));
        }
        if !(plan.join.is_empty() && plan.leave.is_empty()) {
            let all = groups::all(self.db()).await?;
            let named = |ids: &[i64], make: fn(String) -> AccessChange| {
                let found = all.iter().filter(|group| ids.contains(&group.id));
                found.map(|group| make(group.name.clone())).collect::<Vec<_>>()
            };
            access.extend(named(&plan.join, AccessChange::Joined));
            access.extend(named(&plan.leave, AccessChange::Left));
        }
        access.extend(self.permission_changes(&plan.grant, &plan.revoke).await?);
        let holder = Holder::User(id.clone());
        events.extend(access.into_iter().map(|change| AuthEvent::AccessChanged { holder: holder.clone(), change }));
        Ok(events)
    }

    pub(super) async fn permission_changes(
        &self,
        grant: &[i64],
        revoke: &[i64],
    ) -> Result<Vec<AccessChange>, AuthError> {
        if grant.is_empty() && revoke.is_empty() {
            return Ok(Vec::new());
        }
        let all = permissions::all(self.db()).await?;
        let of = |ids: &[i64], make: fn(String) -> AccessChange| {
            let found = all.iter().filter(|permission| ids.contains(&permission.id));
            found.map(|permission| make(permission.label())).collect::<Vec<_>>()
        };
        Ok([of(grant, AccessChange::Granted), of(revoke, AccessChange::Revoked)].concat())
    }
}

/// What turns one state of a user into another.
struct Plan {
    columns: Vec<Column>,
    join: Vec<i64>,
    leave: Vec<i64>,
    grant: Vec<i64>,
    revoke: Vec<i64>,
    /// Django's labels of the fields that change, in the order of its form.
    labels: Vec<&'static str>,
    changes_profile: bool,
    changes_access: bool,
}

impl Plan {
    fn between(before: &UserEdit, after: &UserEdit) -> Self {
        let text = |slot, label, old: &str, new: &str| {
            (old != new).then(|| (Column { slot, value: ColumnValue::Text(new.to_owned()) }, label))
        };
        let flag = |slot, label, old: bool, new: bool| {
            (old != new).then_some((Column { slot, value: ColumnValue::Bool(new) }, label))
        };
        let (join, leave) = (only_in(&after.groups, &before.groups), only_in(&before.groups, &after.groups));
        let grant = only_in(&after.permissions, &before.permissions);
        let revoke = only_in(&before.permissions, &after.permissions);
        let profile: Vec<_> = [
            text(Slot::Username, "Username", &before.username, &after.username),
            text(Slot::FirstName, "First name", &before.first_name, &after.first_name),
            text(Slot::LastName, "Last name", &before.last_name, &after.last_name),
            text(Slot::Email, "Email address", &before.email, &after.email),
        ]
        .into_iter()
        .flatten()
        .collect();
        let active = flag(Slot::Active, "Active", before.is_active, after.is_active);
        let powers: Vec<_> = [
            flag(Slot::Staff, "Staff status", before.is_staff, after.is_staff),
            flag(Slot::Superuser, "Superuser status", before.is_superuser, after.is_superuser),
        ]
        .into_iter()
        .flatten()
        .collect();
        let (changes_groups, changes_permissions) =
            (!(join.is_empty() && leave.is_empty()), !(grant.is_empty() && revoke.is_empty()));
        let (changes_profile, changes_access) =
            (!profile.is_empty(), !powers.is_empty() || changes_groups || changes_permissions);
        let dates = [
            (before.last_login != after.last_login).then(|| {
                let value = after.last_login.map_or(ColumnValue::Null, ColumnValue::Time);
                (Column { slot: Slot::LastLogin, value }, "Last login")
            }),
            (before.date_joined != after.date_joined).then_some((
                Column { slot: Slot::DateJoined, value: ColumnValue::Time(after.date_joined) },
                "Date joined",
            )),
        ];
        let (mut columns, mut labels): (Vec<_>, Vec<_>) = profile.into_iter().chain(active).chain(powers).unzip();
        labels.extend(changes_groups.then_some("Groups"));
        labels.extend(changes_permissions.then_some("User permissions"));
        for (column, label) in dates.into_iter().flatten() {
            columns.push(column);
            labels.push(label);
        }
        Self { columns, join, leave, grant, revoke, labels, changes_profile, changes_access }
    }
}

pub(super) fn only_in(these: &[i64], others: &[i64]) -> Vec<i64> {
    let mut only: Vec<_> = these.iter().filter(|id| !others.contains(id)).copied().collect();
    only.sort_unstable();
    only.dedup();
    only
}

/// A form shows no fraction of a second: forms/widgets.py, `supports_microseconds`.
fn whole_second(at: Timestamp) -> Timestamp {
    Timestamp::from_secs(at.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// G59: in the order of Django's fieldsets.
    #[test]
    fn a_plan_names_what_changes_and_nothing_else() {
        let at = Timestamp::from_micros(1_767_323_045_678_901);
        let user = User::new(1.into(), "alice", at);
        let before = UserEdit::of(&user, vec![1, 2], vec![7]);
        assert!(Plan::between(&before, &before).labels.is_empty());
        assert_eq!(before.date_joined, Timestamp::from_secs(1_767_323_045), "a fraction is no change");

        let mut after = before.clone();
        (after.email, after.is_staff, after.groups) = ("a@x.org".into(), true, vec![2, 3, 3]);
        after.last_login = Some(at);
        let plan = Plan::between(&before, &after);
        assert_eq!(plan.labels, ["Email address", "Staff status", "Groups", "Last login"]);
        assert_eq!((plan.join, plan.leave), (vec![3], vec![1]));
        assert!(plan.grant.is_empty() && plan.revoke.is_empty());
        assert!(plan.changes_profile && plan.changes_access);
        assert_eq!(plan.columns.len(), 3);
    }
}
