//! Groups: made, changed, deleted by administrators (A185).

use cloakroom_core::models::Group;
use cloakroom_db::admin::{self as rows, Action, Change};
use cloakroom_db::permissions::Holder;
use cloakroom_db::{DbError, groups};

use super::log::{self, Object};
use super::users::only_in;
use super::{Administrator, Deed, Deleted, Model};
use crate::auth::Auth;
use crate::error::AuthError;
use crate::events::AuthEvent;

/// A group as its form says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupEdit {
    /// Its name.
    pub name: String,
    /// The keys of its permissions.
    pub permissions: Vec<i64>,
}

/// What came of making or changing a group.
#[must_use = "a change that was refused was not made"]
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum GroupSaved {
    /// It is as asked.
    Yes(Group),
    /// The name is another's.
    NameTaken,
    /// It is not this administrator's to make or change.
    Forbidden,
    /// There is no such group.
    Gone,
}

impl Auth {
    /// Every group, by name.
    ///
    /// # Errors
    ///
    /// When the database gives no answer.
    pub async fn all_groups(&self) -> Result<Vec<Group>, AuthError> {
        Ok(groups::all(self.db()).await?)
    }

    /// The keys of a group's permissions.
    ///
    /// # Errors
    ///
    /// When the database gives no answer.
    pub async fn permissions_of_group(&self, group: i64) -> Result<Vec<i64>, AuthError> {
        Ok(rows::permissions_of(self.db(), &Holder::Group(group)).await?)
    }

    /// Makes a group.
    ///
    /// # Errors
    ///
    /// When the database gives no answer.
    pub async fn add_group_as(&self, admin: &Administrator, edit: &GroupEdit) -> Result<GroupSaved, AuthError> {
        if !admin.may(Deed::Add, Model::Group) || !(edit.permissions.is_empty() || admin.may_grant()) {
            return Ok(GroupSaved::Forbidden);
        }
        let groups::Created::Yes(group) = groups::create(self.db(), &edit.name).await? else {
            return Ok(GroupSaved::NameTaken);
        };
        let object = Object::Group(group.id, &group.name);
        let mut changes = vec![self.log_entry(admin, object, Action::Addition, log::ADDED).await?];
        let holder = Holder::Group(group.id);
        changes.extend(edit.permissions.iter().map(|id| Change::Grant(holder.clone(), *id)));
        rows::apply(self.db(), &changes).await?;
        self.tell_access(&holder, &edit.permissions, &[]).await?;
        Ok(GroupSaved::Yes(group))
    }

    /// Makes a group what the form says.
    ///
    /// # Errors
    ///
    /// When the database gives no answer.
    pub async fn edit_group_as(
        &self,
        admin: &Administrator,
        id: i64,
        edit: &GroupEdit,
    ) -> Result<GroupSaved, AuthError> {
        if !admin.may(Deed::Change, Model::Group) {
            return Ok(GroupSaved::Forbidden);
        }
        let Some(stored) = self.all_groups().await?.into_iter().find(|group| group.id == id) else {
            return Ok(GroupSaved::Gone);
        };
        let before = self.permissions_of_group(id).await?;
        let (grant, revoke) = (only_in(&edit.permissions, &before), only_in(&before, &edit.permissions));
        let changes_permissions = !(grant.is_empty() && revoke.is_empty());
        if changes_permissions && !admin.may_grant() {
            return Ok(GroupSaved::Forbidden);
        }
        let mut labels = Vec::new();
        let mut changes = Vec::new();
        if stored.name != edit.name {
            labels.push("Name");
            changes.push(Change::RenameGroup(id, edit.name.clone()));
        }
        labels.extend(changes_permissions.then_some("Permissions"));
        let holder = Holder::Group(id);
        changes.extend(grant.iter().map(|permission| Change::Grant(holder.clone(), *permission)));
        changes.extend(revoke.iter().map(|permission| Change::Revoke(holder.clone(), *permission)));
        let object = Object::Group(id, &edit.name);
        changes.push(self.log_entry(admin, object, Action::Change, log::changed(&labels)).await?);
        match rows::apply(self.db(), &changes).await {
            Ok(()) => {}
            Err(DbError::Integrity { source }) => {
                let other = groups::by_name(self.db(), &edit.name).await?;
                return match other {
                    Some(other) if other.id != id => Ok(GroupSaved::NameTaken),
                    _ => Err(DbError::Integrity { source }.into()),
                };
            }
            Err(error) => return Err(error.into()),
        }
        self.tell_access(&holder, &grant, &revoke).await?;
        Ok(GroupSaved::Yes(Group::new(id, edit.name.clone())))
    }

    /// Deletes groups, all or none. Their members lose what the groups gave them.
    ///
    /// # Errors
    ///
    /// When the database gives no answer.
    pub async fn delete_groups_as(&self, admin: &Administrator, groups: &[Group]) -> Result<Deleted, AuthError> {
        if !admin.may(Deed::Delete, Model::Group) {
            return Ok(Deleted::Forbidden);
        }
        let mut changes = Vec::with_capacity(groups.len() * 2);
        for group in groups {
            let object = Object::Group(group.id, &group.name);
            changes.push(self.log_entry(admin, object, Action::Deletion, "").await?);
            changes.push(Change::DeleteGroup(group.id));
        }
        match rows::apply(self.db(), &changes).await {
            Ok(()) => Ok(Deleted::Yes),
            Err(DbError::Integrity { .. }) => Ok(Deleted::InUse),
            Err(error) => Err(error.into()),
        }
    }

    async fn tell_access(&self, holder: &Holder, grant: &[i64], revoke: &[i64]) -> Result<(), AuthError> {
        for change in self.permission_changes(grant, revoke).await? {
            self.emit(&AuthEvent::AccessChanged { holder: holder.clone(), change });
        }
        Ok(())
    }
}
